"""The night (日终) of relending: interest is paid and accrues, draws that are due are repaid, and loans are allocated."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import BookKind, books, hold_books
from ledger.journal import JournalEntry, merged
from ledger.posting import post_many
from loans import entries
from loans.relending.accrual import accrue
from loans.relending.draw import Draw, interest_periods, paid_on
from loans.relending.events import record
from loans.relending.queries import any_drawn, draws
from loans.relending.reallocation import reallocate


@dataclass(frozen=True, slots=True)
class Night:
    """What the night did: fen of interest accrued, red included, and allocations begun or ended."""

    fen: int
    reallocated: int


def night(session: Session, closing: date) -> Night:
    """Pay what was settled yesterday, repay draws that are due, accrue all draws' interest by difference, allocate loans."""
    if not any_drawn(session):
        return Night(0, 0)
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    hold_books(session, mine)
    made: list[JournalEntry] = []
    all_draws = draws(session)
    for one in all_draws:
        made += _payments(one, closing)
        if one.repaid_on is None and one.ends_on == closing:
            record(session, one.book, one.number, "repaid", closing, {"fen": one.left_fen})
            made.append(
                JournalEntry(
                    book=one.book.code, reference=f"relending/{one.number}/repaid", kind="relending.repaid", value_date=closing,
                    narration=f"归还扶贫再贷款 {one.number}", postings=entries.relending_repaid(one.left_fen, one.dimensions),
                    event=f"relending/{one.number}",
                )
            )  # fmt: skip
    post_many(session, made)
    fen = accrue(session, mine, all_draws, closing, closing, f"night/relending/{closing}")
    return Night(fen, reallocate(session, closing))


def _payments(one: Draw, closing: date) -> list[JournalEntry]:
    """Return the payments of interest that fall on this day; of what came late into the books, also what went before."""
    return [
        JournalEntry(
            book=one.book.code, reference=f"relending/{one.number}/interest/{period.end}", kind="relending.interest_paid",
            value_date=closing, narration=f"支付再贷款利息 {one.number}", event=f"relending/{one.number}",
            postings=merged(entries.relending_interest_paid(period.fen, one.dimensions)),
        )
        for period in interest_periods(one)
        if paid_on(one, period) == closing and period.fen
    ]  # fmt: skip
