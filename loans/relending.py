"""Relending (扶贫再贷款): draws from the central bank, their extensions, interest on the 20th, and repayment.

A draw's interest is a pure function of its facts; the night posts target less posted on 2231 and pays what was settled
on the day after (domain.md 2, E7).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from ledger.business_day import business_date_from
from ledger.calendar import DAY, add_months
from ledger.journal import Dimensions, JournalEntry, merged
from ledger.money import round_half_up
from ledger.posting import post_many, take_sequence
from ledger.queries import turnovers
from loans import entries
from loans.errors import RelendingRefused
from loans.tables import draw as draw_table
from loans.tables import draw_event
from loans.terms import interest_fen, settlement_days
from registry.reference import rural_banks

BASIS = 360
TERMS_MONTHS = (3, 6, 12)
MOST_EXTENSIONS = 4
MOST_YEARS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A draw: fen at a yearly rate (ppb) from its first day up to the day it is due or repaid."""

    book: Book
    number: str
    fen: int
    rate_ppb: int
    drawn_on: date
    due_on: date
    extensions: tuple[date, ...] = ()
    repaid_on: date | None = None
    reported_on: date | None = None  # the business date on which it came into the books

    @property
    def ends_on(self) -> date:
        """The first day without interest: repayment, or else the due date last agreed."""
        return self.repaid_on or max((self.due_on, *self.extensions))


@dataclass(frozen=True, slots=True)
class DrawInterest:
    """Interest of the days `[start, end)` of a draw, in whole fen, paid on `end`."""

    start: date
    end: date
    fen: int


@lru_cache(maxsize=4096)
def interest_periods(draw: Draw) -> tuple[DrawInterest, ...]:
    """Return a draw's interest period by period: settled on the 20th (included), the last with the principal."""
    ends = [day + DAY for day in settlement_days(draw.drawn_on, draw.ends_on) if day + DAY < draw.ends_on]
    starts = [draw.drawn_on, *ends]
    return tuple(
        DrawInterest(start, end, round_half_up(interest_fen(draw.fen * draw.rate_ppb * (end - start).days, BASIS)))
        for start, end in zip(starts, [*ends, draw.ends_on], strict=True)
    )


def payable(draw: Draw, closing: date) -> int:
    """Return the interest accrued and not paid at the close of a day, in fen; what is settled is paid the day after."""
    if closing >= draw.ends_on:
        return 0
    for period in interest_periods(draw):
        if period.start <= closing < period.end:
            days = (closing + DAY - period.start).days
            return (
                period.fen if closing + DAY == period.end else round_half_up(interest_fen(draw.fen * draw.rate_ppb * days, BASIS))
            )
    return 0


def draws(session: Session) -> list[Draw]:
    """Return all draws with what became of them."""
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    found = {
        (row.book_id, row.number): Draw(
            book=mine[row.book_id],
            number=row.number,
            fen=row.fen,
            rate_ppb=row.rate_ppb,
            drawn_on=row.drawn_on,
            due_on=row.due_on,
        )
        for row in session.execute(select(draw_table).order_by(draw_table.c.book_id, draw_table.c.drawn_on, draw_table.c.number))
    }
    for row in session.execute(select(draw_event).order_by(draw_event.c.book_id, draw_event.c.seq)):
        key = (row.book_id, row.number)
        if row.kind == "extended":
            found[key] = replace(found[key], extensions=(*found[key].extensions, date.fromisoformat(row.body["due_on"])))
        elif row.kind == "repaid":
            found[key] = replace(found[key], repaid_on=row.value_date)
        else:
            found[key] = replace(found[key], reported_on=date.fromisoformat(row.body.get("reported_on", f"{row.value_date}")))
    return list(found.values())


def draw(session: Session, wanted: Sequence[Draw], actor: str) -> list[Draw]:
    """Book draws (借入); one already booked with the same facts stays as it is. Return those that are new.

    Raises:
        RelendingRefused: the bank is not a rural one, the term is not 3, 6 or 12 months, the number is taken, or it is due.
        FutureDate: one is drawn after the business date.
    """
    today = business_date_from(session, (one.drawn_on for one in wanted))
    rural = rural_banks(session)
    known = {(d.book.id, d.number): d for d in draws(session)}
    fresh: list[Draw] = []
    for one in wanted:
        if (one.book.id, one.number) in known:
            stored = known[(one.book.id, one.number)]
            if (stored.fen, stored.rate_ppb, stored.drawn_on, stored.due_on) != (
                one.fen,
                one.rate_ppb,
                one.drawn_on,
                one.due_on,
            ):
                raise RelendingRefused(one.number, "编号已用于另一笔借款")
            continue
        _require_allowed(one, rural, today)
        known[(one.book.id, one.number)] = one
        fresh.append(one)
    for one in fresh:
        session.execute(
            insert(draw_table).values(
                book_id=one.book.id,
                number=one.number,
                fen=one.fen,
                rate_ppb=one.rate_ppb,
                drawn_on=one.drawn_on,
                due_on=one.due_on,
            )
        )
        _record(session, one, "drawn", one.drawn_on, {"fen": one.fen, "reported_on": today.isoformat()})
    post_many(
        session,
        [
            JournalEntry(
                book=one.book.code, reference=f"relending/{one.number}/drawn", kind="relending.drawn", value_date=one.drawn_on,
                narration=f"借入扶贫再贷款 {one.number}", postings=entries.relending_drawn(one.fen, _dims(one)), maker=actor,
            )
            for one in fresh
        ],
    )  # fmt: skip
    return fresh


def extend(session: Session, one: Draw, agreed_on: date, due_on: date, actor: str) -> Draw:
    """Extend a draw (展期): at most four times, each by at most its term, five years in all (domain.md 2).

    Returns it with the extension; one that is agreed already stays as it is.

    Raises:
        RelendingRefused: it is repaid or past due, or the new due date is outside these bounds.
        FutureDate: it is agreed after the business date.
    """
    business_date_from(session, [agreed_on])
    if due_on in one.extensions:
        return one
    if one.repaid_on is not None or agreed_on > one.ends_on:
        raise RelendingRefused(one.number, "已还清或已逾期，不能展期")
    if len(one.extensions) >= MOST_EXTENSIONS:
        raise RelendingRefused(one.number, f"展期不得超过 {MOST_EXTENSIONS} 次")
    longest = add_months(one.ends_on, _months(one.drawn_on, one.due_on))
    if not one.ends_on < due_on <= min(longest, add_months(one.drawn_on, 12 * MOST_YEARS)):
        raise RelendingRefused(one.number, "每次展期不得超过原期限，累计不得超过五年")
    _record(session, one, "extended", agreed_on, {"due_on": due_on.isoformat(), "actor": actor})
    return replace(one, extensions=(*one.extensions, due_on))


def night(session: Session, closing: date) -> int:
    """Accrue all draws' interest by difference, pay what was settled yesterday, repay draws that are due; return fen accrued."""
    accrued = 0
    made: list[JournalEntry] = []
    all_draws = draws(session)
    for one in all_draws:
        made += _payments(one, closing)
        if one.repaid_on is None and one.ends_on == closing:
            _record(session, one, "repaid", closing, {"fen": one.fen})
            made.append(
                JournalEntry(
                    book=one.book.code, reference=f"relending/{one.number}/repaid", kind="relending.repaid", value_date=closing,
                    narration=f"归还扶贫再贷款 {one.number}", postings=entries.relending_repaid(one.fen, _dims(one)),
                )
            )  # fmt: skip
    post_many(session, made)
    mine = {one.book.id: one.book for one in all_draws}
    by_book: dict[int, int] = {}
    for one in all_draws:
        by_book[one.book.id] = by_book.get(one.book.id, 0) + payable(one, closing)
    held = turnovers(session, books=list(mine), accounts=[entries.INTEREST_PAYABLE])
    made = []
    for book_id, target in sorted(by_book.items()):
        found = held.get((book_id, entries.INTEREST_PAYABLE))
        fen = target + (found.balance_fen if found else 0)
        if fen:
            accrued += fen
            made.append(
                JournalEntry(
                    book=mine[book_id].code, reference=f"night/relending/{closing}", kind="relending.accrued", value_date=closing,
                    narration=f"{closing:%Y-%m-%d} 计提再贷款利息",
                    postings=entries.relending_interest_accrued(fen, Dimensions(bank=mine[book_id].bank)),
                )
            )  # fmt: skip
    post_many(session, made)
    return accrued


def _payments(one: Draw, closing: date) -> list[JournalEntry]:
    """Return the payments of interest that fall on this day; of a draw that came late into the books, also what went before."""
    if closing > one.ends_on:
        return []
    return [
        JournalEntry(
            book=one.book.code, reference=f"relending/{one.number}/interest/{period.end}", kind="relending.interest_paid",
            value_date=closing, narration=f"支付再贷款利息 {one.number}",
            postings=merged(entries.relending_interest_paid(period.fen, _dims(one))),
        )
        for period in interest_periods(one)
        if max(period.end, one.reported_on or period.end) == closing and period.fen
    ]  # fmt: skip


def _require_allowed(one: Draw, rural: set[str], today: date) -> None:
    if one.fen <= 0:
        raise RelendingRefused(one.number, "金额必须大于零")
    if one.book.bank not in rural:
        raise RelendingRefused(one.number, "只有农村法人金融机构可以申请扶贫再贷款")
    if all(add_months(one.drawn_on, months) != one.due_on for months in TERMS_MONTHS):
        raise RelendingRefused(one.number, "期限只能是 3、6 或 12 个月")
    if one.due_on < today:
        raise RelendingRefused(one.number, f"已于 {one.due_on} 到期")


def _months(start: date, end: date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month


def _dims(one: Draw) -> Dimensions:
    return Dimensions(county=one.book.county, bank=one.book.bank, project=one.number)


def _record(session: Session, one: Draw, kind: str, day: date, body: dict[str, object]) -> None:
    seq = take_sequence(session, {one.book.id: 1})[one.book.id]
    reference = f"{one.number}/{kind}" if kind != "extended" else f"{one.number}/extended/{body['due_on']}"
    session.execute(
        insert(draw_event).values(
            book_id=one.book.id, seq=seq, number=one.number, kind=kind, value_date=day, reference=reference, body=body
        )
    )
