"""The night (日终) of relending: settled interest is paid, draws that are due are repaid, and interest accrues."""

from datetime import date

from sqlalchemy.orm import Session

from ledger.books import BookKind, books
from ledger.journal import JournalEntry, merged
from ledger.posting import post_many
from loans import entries
from loans.relending.accrual import accrue
from loans.relending.draw import Draw, interest_periods, paid_on
from loans.relending.events import record
from loans.relending.queries import draws, hold


def night(session: Session, closing: date) -> int:
    """Accrue all draws' interest by difference, pay what was settled yesterday, repay draws that are due; return fen accrued."""
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    hold(session, mine)
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
                )
            )  # fmt: skip
    post_many(session, made)
    return accrue(session, mine, all_draws, closing, closing, f"night/relending/{closing}")


def _payments(one: Draw, closing: date) -> list[JournalEntry]:
    """Return the payments of interest that fall on this day; of what came late into the books, also what went before."""
    return [
        JournalEntry(
            book=one.book.code, reference=f"relending/{one.number}/interest/{period.end}", kind="relending.interest_paid",
            value_date=closing, narration=f"支付再贷款利息 {one.number}",
            postings=merged(entries.relending_interest_paid(period.fen, one.dimensions)),
        )
        for period in interest_periods(one)
        if paid_on(one, period) == closing and period.fen
    ]  # fmt: skip
