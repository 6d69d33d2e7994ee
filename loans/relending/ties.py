"""What must tie in relending (accounting.md, tie 2): 2004 and 2231 re-derived from the draws."""

from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.queries import NOTHING, turnovers
from ledger.ties import Check
from loans import entries
from loans.relending.draw import payable
from loans.relending.queries import draws


def checks(session: Session, mine: Sequence[Book], closed: date) -> Iterator[Check]:
    """Yield the checks of relending in loan books; interest is as of the last night."""
    yield from _accounts(session, mine, closed)


def _accounts(session: Session, mine: Sequence[Book], closed: date) -> Iterator[Check]:
    accounts = (entries.RELENDING, entries.INTEREST_PAYABLE)
    sums: dict[tuple[int, str], int] = {}
    for one in draws(session):
        came_later = one.reported_on is not None and one.reported_on > closed
        owed = 0 if came_later else payable(one, closed)  # what came late the next night accrues
        for account, fen in zip(accounts, (one.left_fen, owed), strict=True):
            sums[(one.book.id, account)] = sums.get((one.book.id, account), 0) - fen
    held = turnovers(session, books=[book.id for book in mine], accounts=accounts)
    for book in mine:
        for account in accounts:
            key = (book.id, account)
            if key in held or sums.get(key):
                found = held.get(key, NOTHING).balance_fen
                yield Check(check=f"loans: {account} of {book.code}", expected=str(sums.get(key, 0)), actual=str(found))
