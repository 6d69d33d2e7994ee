"""Relending (扶贫再贷款): draws from the central bank, their extensions, interest on the 20th, and repayment.

A draw's interest is a pure function of its facts; the night posts target less posted on 2231 and pays what was settled
on the day after (domain.md 2, E7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from ledger.business_day import business_date, business_date_from
from ledger.calendar import DAY, add_months
from ledger.journal import Dimensions, JournalEntry, first_free, merged
from ledger.money import round_half_up
from ledger.posting import post_many, take_sequence
from ledger.queries import NOTHING, free_reference, turnovers
from ledger.reversal import take_back
from loans import entries
from loans.errors import RelendingRefused
from loans.tables import draw_event
from loans.terms import DayCount, interest_fen, settlement_days
from registry.reference import rural_banks

BASIS = DayCount.ACT_360.year
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
    def agreed(self) -> tuple[int, int, date, date]:
        """What it was drawn under."""
        return self.fen, self.rate_ppb, self.drawn_on, self.due_on

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
    """Return all draws with what became of them, those that were undone left out."""
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    rows = session.execute(select(draw_event).order_by(draw_event.c.book_id, draw_event.c.seq)).all()
    undone = {(row.book_id, row.body["of"]) for row in rows if row.kind == "undone"}
    found: dict[tuple[int, str], Draw] = {}
    for row in rows:
        key = (row.book_id, row.number)
        if (row.book_id, row.reference) in undone:
            continue
        match row.kind:
            case "drawn":
                found[key] = Draw(
                    book=mine[row.book_id], number=row.number, fen=row.body["fen"], rate_ppb=row.body["rate_ppb"],
                    drawn_on=row.value_date, due_on=date.fromisoformat(row.body["due_on"]),
                    reported_on=date.fromisoformat(row.body["reported_on"]),
                )  # fmt: skip
            case "extended":
                found[key] = replace(found[key], extensions=(*found[key].extensions, date.fromisoformat(row.body["due_on"])))
            case "repaid":
                found[key] = replace(found[key], repaid_on=row.value_date)
            case _:
                pass
    return sorted(found.values(), key=lambda one: (one.book.id, one.drawn_on, one.number))


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
            if known[(one.book.id, one.number)].agreed != one.agreed:
                raise RelendingRefused(one.number, "编号已用于另一笔借款")
            continue
        _require_allowed(one, rural, today)
        known[(one.book.id, one.number)] = one
        fresh.append(one)
    for one in fresh:
        facts = {"fen": one.fen, "rate_ppb": one.rate_ppb, "due_on": one.due_on.isoformat(), "reported_on": today.isoformat()}
        _record(session, one, "drawn", one.drawn_on, facts)
    post_many(
        session,
        [
            JournalEntry(
                book=one.book.code, reference=free_reference(session, one.book.id, f"relending/{one.number}/drawn"),
                kind="relending.drawn", value_date=one.drawn_on, narration=f"借入扶贫再贷款 {one.number}",
                postings=entries.relending_drawn(one.fen, _dims(one)), maker=actor,
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
    if agreed_on < one.drawn_on:
        raise RelendingRefused(one.number, f"展期不能早于借款日 {one.drawn_on}")
    if len(one.extensions) >= MOST_EXTENSIONS:
        raise RelendingRefused(one.number, f"展期不得超过 {MOST_EXTENSIONS} 次")
    longest = add_months(one.ends_on, _months(one.drawn_on, one.due_on))
    if not one.ends_on < due_on <= min(longest, add_months(one.drawn_on, 12 * MOST_YEARS)):
        raise RelendingRefused(one.number, "每次展期不得超过原期限，累计不得超过五年")
    _record(session, one, "extended", agreed_on, {"due_on": due_on.isoformat(), "actor": actor})
    return replace(one, extensions=(*one.extensions, due_on))


def undo_draw(session: Session, one: Draw, actor: str) -> None:
    """Take a draw back as if it had never been: its entry and its accrued interest in red; the number is free again.

    Raises:
        RelendingRefused: it was extended or repaid, or interest on it was paid.
    """
    today = business_date(session)
    if one.extensions or one.repaid_on:
        raise RelendingRefused(one.number, "已展期或已归还，不能撤销")
    if any(_paid_on(one, period) < today for period in interest_periods(one)):
        raise RelendingRefused(one.number, "已支付利息，不能撤销")
    reference = _record_undone(session, one, "drawn", today, actor)
    take_back(session, one.book, f"relending/{one.number}/drawn", today, actor)
    left = [other for other in draws(session) if other.book.id == one.book.id]
    _accrue(session, {one.book.id: one.book}, left, today - DAY, today, f"relending/{reference}")


def undo_extension(session: Session, one: Draw, due_on: date, actor: str) -> Draw:
    """Take the last extension of a draw back; return the draw without it.

    Raises:
        RelendingRefused: another one came later, or the draw would have been due already.
    """
    today = business_date(session)
    without = replace(one, extensions=one.extensions[:-1])
    if one.extensions[-1:] != (due_on,) or one.repaid_on:
        raise RelendingRefused(one.number, f"至 {due_on} 的展期之后已有业务，不能撤销")
    if without.ends_on < today:
        raise RelendingRefused(one.number, f"原到期日 {without.ends_on} 已过，展期不能撤销")
    _record_undone(session, one, f"extended/{due_on}", today, actor)
    return without


def night(session: Session, closing: date) -> int:
    """Accrue all draws' interest by difference, pay what was settled yesterday, repay draws that are due; return fen accrued."""
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
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    return _accrue(session, mine, all_draws, closing, closing, f"night/relending/{closing}")


def _accrue(
    session: Session, mine: Mapping[int, Book], of: Sequence[Draw], closing: date, value_date: date, reference: str
) -> int:
    """Bring each book's 2231 to the interest of its draws at a close, by difference; return the fen accrued."""
    held = turnovers(session, books=list(mine), accounts=[entries.INTEREST_PAYABLE])
    owed = dict.fromkeys(mine, 0)
    for one in of:
        owed[one.book.id] += payable(one, closing)
    accrued = {
        book_id: fen + held.get((book_id, entries.INTEREST_PAYABLE), NOTHING).balance_fen for book_id, fen in sorted(owed.items())
    }
    post_many(
        session,
        [
            JournalEntry(
                book=mine[book_id].code, reference=reference, kind="relending.accrued", value_date=value_date,
                narration=f"{closing:%Y-%m-%d} 计提再贷款利息",
                postings=entries.relending_interest_accrued(fen, Dimensions(bank=mine[book_id].bank)),
            )
            for book_id, fen in accrued.items()
            if fen
        ],
    )  # fmt: skip
    return sum(accrued.values())


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
        if _paid_on(one, period) == closing and period.fen
    ]  # fmt: skip


def _paid_on(one: Draw, period: DrawInterest) -> date:
    return max(period.end, one.reported_on or period.end)


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
    step = kind if kind != "extended" else f"extended/{body['due_on']}"
    _insert(session, one, kind, day, _in_effect(session, one, step), body)


def _record_undone(session: Session, one: Draw, step: str, day: date, actor: str) -> str:
    """Record that a step never was; return the record's reference."""
    of = _in_effect(session, one, step)
    _insert(session, one, "undone", day, f"{of}/undone", {"of": of, "actor": actor})
    return f"{of}/undone"


def _in_effect(session: Session, one: Draw, step: str) -> str:
    """Return the first reference of a step that was not undone: what it is booked under, or is to be."""
    mine = select(draw_event.c.reference).where(draw_event.c.book_id == one.book.id, draw_event.c.number == one.number)
    undone = set(session.scalars(mine.where(draw_event.c.kind == "undone")))
    return first_free(f"{one.number}/{step}", lambda reference: f"{reference}/undone" in undone)


def _insert(session: Session, one: Draw, kind: str, day: date, reference: str, body: dict[str, object]) -> None:
    seq = take_sequence(session, {one.book.id: 1})[one.book.id]
    session.execute(
        insert(draw_event).values(
            book_id=one.book.id, seq=seq, number=one.number, kind=kind, value_date=day, reference=reference, body=body
        )
    )
