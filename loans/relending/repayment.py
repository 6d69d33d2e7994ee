"""Repayment (归还) of a draw before it is due, in whole or in part; what is left the night repays at maturity.

Interest runs on the balance left and is settled on the 20th as ever; a draw that is repaid whole pays its interest with the
principal, that same day.
"""

from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from ledger.business_day import business_date, business_date_from
from ledger.calendar import DAY
from ledger.journal import JournalEntry
from ledger.money import yuan
from ledger.periods import posting_date
from ledger.posting import post
from ledger.queries import free_reference
from ledger.reversal import take_back
from loans import entries
from loans.errors import RelendingRefused
from loans.relending.accrual import accrue
from loans.relending.draw import Draw, Repayment, interest_periods, paid_on
from loans.relending.events import in_effect, record, record_undone
from loans.relending.pledging import require_covered
from loans.relending.queries import draws, held, latest_step, pledges


def repay(session: Session, one: Draw, paid: Repayment, actor: str) -> Draw:
    """Book a repayment (提前归还、部分归还); return the draw with it; one booked already stays as it is.

    Raises:
        RelendingRefused: it is more than the balance left, dated before the draw or before interest already paid, or after the
            draw is due, or its serial number is another repayment's.
        FutureDate: it is dated after the business date.
    """
    today = business_date_from(session, [paid.day])
    one = held(session, one)
    known = next((other for other in one.repayments if other.serial == paid.serial), None)
    if known is not None:
        if (known.day, known.fen) != (paid.day, paid.fen):
            raise RelendingRefused(one.number, f"流水号 {paid.serial} 已用于另一笔归还")
        return one
    _require_allowed(one, paid, today)
    step, dims = f"repaid/{paid.serial}", one.dimensions
    facts = {"fen": paid.fen, "serial": paid.serial, "reported_on": today.isoformat(), "actor": actor}
    record(session, one.book, one.number, step, paid.day, facts)
    post(
        session,
        JournalEntry(
            book=one.book.code, reference=free_reference(session, one.book.id, f"relending/{one.number}/{step}"),
            kind="relending.repaid", value_date=posting_date(session, one.book.id, paid.day, today),
            narration=f"提前归还扶贫再贷款 {one.number}", postings=entries.relending_repaid(paid.fen, dims), maker=actor,
            event=f"relending/{one.number}",
        ),
    )  # fmt: skip
    _mend_interest(session, one, paid, today, in_effect(session, one.book, one.number, step))
    return replace(one, repayments=(*one.repayments, replace(paid, reported_on=today)))


def undo_repayment(session: Session, one: Draw, serial: str, actor: str) -> Draw:
    """Take the newest repayment of a draw back, its entry in red; return the draw without it.

    Raises:
        RelendingRefused: something came after it, interest that it changed was paid, or what is pledged covers the draw no more.
    """
    today = business_date(session)
    one = held(session, one)
    step = f"repaid/{serial}"
    if latest_step(session, one) != in_effect(session, one.book, one.number, step):
        raise RelendingRefused(one.number, f"流水号 {serial} 的归还之后已有业务，不能撤销")
    *before, paid = one.repayments
    without = replace(one, repayments=tuple(before))
    changed = [p for p in interest_periods(one) if p.end > paid.day or p.end == one.repaid_on]
    if any(paid_on(one, period) < today for period in changed):
        raise RelendingRefused(one.number, "已支付利息，不能撤销")
    require_covered(without, pledges(session, [one.book.id]))
    reference = record_undone(session, one.book, one.number, step, today, actor)
    take_back(session, one.book, f"relending/{one.number}/{step}", today, actor)
    _mend_interest(session, one, paid, today, reference)
    return without


def _require_allowed(one: Draw, paid: Repayment, today: date) -> None:
    settled = max((p.end for p in interest_periods(one) if paid_on(one, p) < today), default=one.drawn_on)
    if paid.fen <= 0:
        raise RelendingRefused(one.number, "金额必须大于零")
    if paid.fen > one.left_fen:
        raise RelendingRefused(one.number, f"归还 {yuan(paid.fen)} 元，超过借款余额 {yuan(one.left_fen)} 元")
    if paid.day < one.drawn_on:
        raise RelendingRefused(one.number, f"归还不能早于借款日 {one.drawn_on}")
    if paid.day < settled:
        raise RelendingRefused(one.number, f"{settled} 前的利息已付，归还不能早于该日")
    if paid.day > one.ends_on:
        raise RelendingRefused(one.number, f"已于 {one.ends_on} 到期")


def _mend_interest(session: Session, one: Draw, paid: Repayment, today: date, reference: str) -> None:
    """Bring 2231 at once to what a repayment of an earlier day, or its undoing, changes: no fact explains it later."""
    if paid.day < today:
        mine = draws(session, [one.book.id])
        accrue(session, {one.book.id: one.book}, mine, today - DAY, today, f"relending/{reference}/interest")
