"""Drawing (借入): a draw comes into the books, or is taken back as if it had never been."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import hold_books
from ledger.business_day import business_date, business_date_from
from ledger.calendar import DAY, add_months
from ledger.journal import JournalEntry
from ledger.posting import post_many
from ledger.queries import free_reference
from ledger.reversal import take_back
from loans import entries
from loans.errors import RelendingRefused
from loans.relending.accrual import accrue
from loans.relending.draw import Draw, interest_periods, paid_on
from loans.relending.events import record, record_undone
from loans.relending.pledging import require_covered
from loans.relending.queries import draws, held, pledges
from registry.reference import rural_banks

TERMS_MONTHS = (3, 6, 12)


def draw(session: Session, wanted: Sequence[Draw], actor: str) -> list[Draw]:
    """Book draws (借入); one already booked with the same facts stays as it is. Return those that are new.

    Raises:
        RelendingRefused: the bank is not a rural one, the term is not 3, 6 or 12 months, the number is taken, it is due,
            or what is pledged for it does not cover it.
        FutureDate: one is drawn after the business date.
    """
    today = business_date_from(session, (one.drawn_on for one in wanted))
    hold_books(session, {one.book.id for one in wanted})
    rural = rural_banks(session)
    known = {d.key: d for d in draws(session)}
    assets = pledges(session, {one.book.id for one in wanted})
    fresh: list[Draw] = []
    for one in wanted:
        if one.key in known:
            if known[one.key].agreed != one.agreed:
                raise RelendingRefused(one.number, "编号已用于另一笔借款")
            continue
        _require_allowed(one, rural, today)
        require_covered(one, assets)
        known[one.key] = one
        fresh.append(one)
    for one in fresh:
        facts = {
            "fen": one.fen, "rate_ppb": one.rate_ppb, "due_on": one.due_on.isoformat(), "form": one.form.value,
            "reported_on": today.isoformat(),
        }  # fmt: skip
        record(session, one.book, one.number, "drawn", one.drawn_on, facts)
    post_many(
        session,
        [
            JournalEntry(
                book=one.book.code, reference=free_reference(session, one.book.id, f"relending/{one.number}/drawn"),
                kind="relending.drawn", value_date=one.drawn_on, narration=f"借入扶贫再贷款 {one.number}",
                postings=entries.relending_drawn(one.fen, one.dimensions), maker=actor,
                event=f"relending/{one.number}",
            )
            for one in fresh
        ],
    )  # fmt: skip
    return fresh


def undo_draw(session: Session, one: Draw, actor: str) -> None:
    """Take a draw back as if it had never been: its entry and its accrued interest in red; the number is free again.

    Raises:
        RelendingRefused: it was extended or repaid, or interest on it was paid.
    """
    today = business_date(session)
    one = held(session, one)
    if one.extensions or one.repayments:
        raise RelendingRefused(one.number, "已展期或已归还，不能撤销")
    if any(paid_on(one, period) < today for period in interest_periods(one)):
        raise RelendingRefused(one.number, "已支付利息，不能撤销")
    reference = record_undone(session, one.book, one.number, "drawn", today, actor)
    take_back(session, one.book, f"relending/{one.number}/drawn", today, actor)
    accrue(session, {one.book.id: one.book}, draws(session, [one.book.id]), today - DAY, today, f"relending/{reference}")


def _require_allowed(one: Draw, rural: set[str], today: date) -> None:
    if one.fen <= 0:
        raise RelendingRefused(one.number, "金额必须大于零")
    if one.book.bank not in rural:
        raise RelendingRefused(one.number, "只有农村法人金融机构可以申请扶贫再贷款")
    if all(add_months(one.drawn_on, months) != one.due_on for months in TERMS_MONTHS):
        raise RelendingRefused(one.number, "期限只能是 3、6 或 12 个月")
    if one.due_on < today:
        raise RelendingRefused(one.number, f"已于 {one.due_on} 到期")
