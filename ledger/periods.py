"""Accounting periods (会计期间): calendar months per book, open until they are closed (`ledger.closing`)."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.calendar import next_month
from ledger.tables import period


def is_closed(session: Session, book_id: int, month: date) -> bool:
    """Tell whether a month is closed in a book."""
    return session.scalar(select(period.c.month).where(period.c.book_id == book_id, period.c.month == month)) is not None


def closed_months(session: Session) -> set[tuple[int, date]]:
    """Return (book id, first day of the month) of all closed months."""
    return {(row.book_id, row.month) for row in session.execute(select(period.c.book_id, period.c.month))}


def posting_date(session: Session, book_id: int, value_date: date, first_open: date) -> date:
    """Return the value date if its month is open in the book, else the first open day given by the caller."""
    return first_open if is_closed(session, book_id, value_date.replace(day=1)) else value_date


def first_open_month(session: Session, book_id: int, after: date) -> date:
    """Return the first month, from the month of a day on, that is not closed in a book."""
    month = after.replace(day=1)
    while is_closed(session, book_id, month):
        month = next_month(month)
    return month
