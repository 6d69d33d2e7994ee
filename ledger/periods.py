"""Accounting periods: calendar months per book, open until closed (结账); the year end carries income and expense over."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import Book
from ledger.calendar import next_month
from ledger.entries import year_closed
from ledger.errors import MonthNotReady
from ledger.posting import post
from ledger.queries import turnovers
from ledger.tables import account, journal_entry, period


class PeriodCheck(Protocol):
    """What a package above the ledger wants to be asked before a month closes."""

    def reasons_against_closing(self, session: Session, book: Book, month: date) -> list[str]:
        """Return why the month of a book can't close yet; empty if it can."""


def is_closed(session: Session, book_id: int, month: date) -> bool:
    """Tell whether a month is closed in a book."""
    return session.scalar(select(period.c.month).where(period.c.book_id == book_id, period.c.month == month)) is not None


def closed_months(session: Session) -> set[tuple[int, date]]:
    """Return (book id, first day of the month) of all closed months."""
    return {(row.book_id, row.month) for row in session.execute(select(period.c.book_id, period.c.month))}


def posting_date(session: Session, book_id: int, value_date: date, first_open: date) -> date:
    """Return the value date if its month is open in the book, else the first open day given by the caller."""
    return first_open if is_closed(session, book_id, value_date.replace(day=1)) else value_date


def close_month(session: Session, book: Book, month: date, actor: str, checks: Sequence[PeriodCheck] = ()) -> None:
    """Close a month of a book; closing it again changes nothing. December closes the year first.

    Raises:
        MonthNotReady: an earlier month with entries is open, or a check names reasons.
    """
    seq = session.scalar(text("SELECT last_seq FROM ledger.book WHERE id = :id FOR NO KEY UPDATE"), {"id": book.id})
    if is_closed(session, book.id, month):
        return
    reasons = [reason for check in checks for reason in check.reasons_against_closing(session, book, month)]
    earlier = session.scalars(
        select(func.distinct(journal_entry.c.month))
        .where(journal_entry.c.book_id == book.id, journal_entry.c.month < month)
        .except_(select(period.c.month).where(period.c.book_id == book.id))
    ).all()
    reasons += [f"{open_month:%Y-%m} is still open" for open_month in sorted(earlier)]
    if reasons:
        raise MonthNotReady(book.code, month, reasons)
    if month.month == 12:
        close_year(session, book, month.year)
        seq = session.scalar(text("SELECT last_seq FROM ledger.book WHERE id = :id"), {"id": book.id})
    session.execute(insert(period).values(book_id=book.id, month=month, closed_by=actor, closed_seq=seq))
    audit.record(session, actor, "month closed", book.code, {"month": month.isoformat()})


def close_year(session: Session, book: Book, year: int) -> None:
    """Post 结转 of a year: every account that its chart closes, then the accounts those closed to, until none is left."""
    closes_to: dict[str, str] = {
        row.code: row.closes_to
        for row in session.execute(
            select(account.c.code, account.c.closes_to).where(account.c.book_id == book.id, account.c.closes_to.is_not(None))
        )
    }
    carried = {source for source in closes_to if source not in closes_to.values()}
    step = 1
    while carried:
        found = turnovers(session, books=[book.id], accounts=carried, until=date(year, 12, 31))
        balances = {str(key[1]): turnover for key, turnover in found.items() if turnover.balance_fen}
        if balances:
            post(session, year_closed(book.code, year, step, balances, closes_to))
        carried = {closes_to[source] for source in carried} & closes_to.keys()
        step += 1


def first_open_month(session: Session, book_id: int, after: date) -> date:
    """Return the first month, from the month of a day on, that is not closed in a book."""
    month = after.replace(day=1)
    while is_closed(session, book_id, month):
        month = next_month(month)
    return month
