"""Accrual (计提) of interest on draws: 2231 is brought to what all draws of a book owe at a close, by difference."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.journal import Dimensions, JournalEntry
from ledger.posting import post_many
from ledger.queries import NOTHING, turnovers
from loans import entries
from loans.relending.draw import Draw, payable


def accrue(
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
                narration=f"{closing:%Y-%m-%d} 计提再贷款利息", event=f"night/{closing}",
                postings=entries.relending_interest_accrued(fen, Dimensions(bank=mine[book_id].bank)),
            )
            for book_id, fen in accrued.items()
            if fen
        ],
    )  # fmt: skip
    return sum(accrued.values())
