"""What must tie in relending (accounting.md, tie 2): 2004 and 2231 against the draws, allocations within draws and loans."""

from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.queries import NOTHING, turnovers
from ledger.ties import Check
from loans import entries
from loans.accrual import closed_seqs
from loans.relending.draw import Form, payable
from loans.relending.funding import Close, allocated, overused
from loans.relending.pledge import shortfall
from loans.relending.queries import draws, pledges


def checks(session: Session, mine: Sequence[Book], closed: date) -> Iterator[Check]:
    """Yield the checks of relending in loan books; interest is as of the last night."""
    yield from _accounts(session, mine, closed)
    yield from _allocations(session, mine, closed)
    yield from _pledged(session, mine)


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


def _allocations(session: Session, mine: Sequence[Book], closed: date) -> Iterator[Check]:
    """Hold what was allocated at the last close against draws and loans as the books knew them then (domain.md 2)."""
    at = Close(day=closed, seqs=closed_seqs(session, closed))
    then = {one.key: one.balance_on(closed) for one in draws(session, known=at.seqs)}
    sums: dict[tuple[int, str], int] = {}
    for row in allocated(session, list(at.seqs), closed):
        sums[(row.book_id, row.number)] = sums.get((row.book_id, row.number), 0) + row.fen
    if not sums:
        return
    wrong: dict[int, list[str]] = {}
    for (book_id, number), fen in sums.items():
        if fen > then.get((book_id, number), 0):
            wrong.setdefault(book_id, []).append(f"draw {number}: {fen} of {then.get((book_id, number), 0)}")
    for book_id, loan_id, fen, most in overused(session, at):
        wrong.setdefault(book_id, []).append(f"loan {loan_id}: {fen} of {most}")
    for book in mine:
        if any(book_id == book.id for book_id, _ in then.keys() | sums.keys()):
            name = f"loans: allocations of {book.code} within draws and loans, none above the rate cap"
            yield Check(check=name, expected="all", actual="; ".join(wrong.get(book.id, ["all"])[:3]))


def _pledged(session: Session, mine: Sequence[Book]) -> Iterator[Check]:
    """Hold every pledged draw against what is pledged for it, on every day of its term."""
    assets = pledges(session, [book.id for book in mine])
    secured = [one for one in draws(session) if one.form is Form.PLEDGED]
    for book in mine:
        own = [one for one in secured if one.book.id == book.id]
        short = [
            f"draw {one.number} on {found.day}: {found.pledged_fen} of {found.balance_fen}"
            for one in own
            if (found := shortfall(one, [pledge for pledge in assets if (pledge.book_id, pledge.draw) == one.key]))
        ]
        if own:
            yield Check(
                check=f"loans: pledged draws of {book.code} are covered", expected="all", actual="; ".join(short) or "all"
            )
