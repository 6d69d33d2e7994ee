"""Closing (结账、反结账): a month of a book is closed after its checks, and opened again by its chief accountant alone; December
carries income and expense over (结转).
"""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import Book, hold_books
from ledger.business_day import business_date, peek
from ledger.calendar import next_month
from ledger.entries import year_closed
from ledger.errors import MonthNotReady, ReopeningRefused
from ledger.officers import require_supervisor
from ledger.periods import is_closed
from ledger.posting import post
from ledger.queries import free_reference, is_posted, turnovers
from ledger.reversal import reverse
from ledger.tables import account, journal_entry, period, reopening


class PeriodCheck(Protocol):
    """What a package above the ledger wants to be asked before a month closes."""

    def reasons_against_closing(self, session: Session, book: Book, month: date) -> list[str]:
        """Return why the month of a book can't close yet; empty if it can."""


class NightsClosed:
    """A month closes only when its last night has (日终)."""

    def reasons_against_closing(self, session: Session, book: Book, month: date) -> list[str]:  # noqa: ARG002 - a PeriodCheck
        """Return that the month's last day is still open, if it is."""
        today = peek(session)
        return [] if today is None or today >= next_month(month) else [f"{today} 尚未日终"]


def close_month(session: Session, book: Book, month: date, actor: str, checks: Sequence[PeriodCheck] = ()) -> None:
    """Close a month of a book; closing it again changes nothing. December closes the year first.

    Raises:
        MonthNotReady: an earlier month with entries is open, or a check names reasons.
    """
    hold_books(session, [book.id])
    if is_closed(session, book.id, month):
        return
    reasons = [reason for check in checks for reason in check.reasons_against_closing(session, book, month)]
    earlier = session.scalars(
        select(func.distinct(journal_entry.c.month))
        .where(journal_entry.c.book_id == book.id, journal_entry.c.month < month)
        .except_(select(period.c.month).where(period.c.book_id == book.id))
    ).all()
    reasons += [f"{open_month:%Y-%m} 尚未结账" for open_month in sorted(earlier)]
    if reasons:
        raise MonthNotReady(book.code, month, reasons)
    if month.month == 12:
        close_year(session, book, month.year)
    seq = session.scalar(text("SELECT last_seq FROM ledger.book WHERE id = :id"), {"id": book.id})
    session.execute(insert(period).values(book_id=book.id, month=month, closed_by=actor, closed_seq=seq))
    audit.record(session, actor, "month closed", book.code, {"month": month.isoformat()})


def reopen_month(session: Session, book: Book, month: date, reason: str, actor: str) -> None:
    """Open a closed month again (反结账): its book's chief accountant, with a reason; of December, the year end goes in red.

    Raises:
        NotSupervisor: somebody else asks.
        ReopeningRefused: the month is not closed, a later one is, or there is no reason.
    """
    hold_books(session, [book.id])
    require_supervisor(session, book, business_date(session), actor, "反结账")
    closed = {row.month: row.closed_at for row in session.execute(select(period).where(period.c.book_id == book.id))}
    if month not in closed:
        raise ReopeningRefused(book.code, month, "尚未结账")
    if later := [one for one in closed if one > month]:
        raise ReopeningRefused(book.code, month, f"须先反结账 {max(later):%Y-%m}")
    if not reason.strip():
        raise ReopeningRefused(book.code, month, "须说明理由")
    opened = {"closed_at": closed[month], "reason": reason.strip(), "reopened_by": actor}
    session.execute(insert(reopening).values(book_id=book.id, month=month, **opened))
    session.execute(delete(period).where(period.c.book_id == book.id, period.c.month == month))
    audit.record(session, actor, "month reopened", book.code, {"month": month.isoformat(), "reason": reason.strip()})
    if month.month == 12:
        _take_year_end_back(session, book, month.year, actor)


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
            reference = free_reference(session, book.id, f"year/{year}/{step}")
            post(session, year_closed(book.code, year, reference, balances, closes_to))
        carried = {closes_to[source] for source in carried} & closes_to.keys()
        step += 1


def _take_year_end_back(session: Session, book: Book, year: int, actor: str) -> None:
    """Reverse the entries of a year end that stand, the last step first."""
    steps = 1
    while is_posted(session, book.id, f"year/{year}/{steps}"):
        steps += 1
    for step in reversed(range(1, steps)):
        standing = free_reference(session, book.id, f"year/{year}/{step}")
        if is_posted(session, book.id, standing):
            reverse(session, book.code, standing, date(year, 12, 31), actor, "反结账")
