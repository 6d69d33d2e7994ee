"""The vouchers' desk's questions: which books and accounts people may write on, and what waits for whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from ledger.queries import account_titles, entry_referenced
from ledger.tables import account
from ledger.vouchers.queries import vouchers
from ledger.vouchers.voucher import Content, Voucher
from registry.reference import bank_names
from solar.tables import station


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualAccount:
    """An account that people may write on, and the dimension that it asks for."""

    code: str
    title: str
    needs: str | None


def books_with_manual_accounts(session: Session) -> list[Book]:
    """Return the books in which people may write vouchers."""
    some = set(session.scalars(select(account.c.book_id).where(account.c.manual).distinct()))
    return [book for book in books(session) if book.id in some and book.kind is not BookKind.ARCHIVE]


def manual_accounts(session: Session, book: Book) -> list[ManualAccount]:
    """Return the accounts of a book that people may write on, in order of code; what the book itself gives is not asked for."""
    query = select(account.c.code, account.c.title, account.c.needs).where(account.c.book_id == book.id, account.c.manual)
    return [
        ManualAccount(code=row.code, title=row.title, needs=None if row.needs and getattr(book, row.needs, None) else row.needs)
        for row in session.execute(query.order_by(account.c.code))
    ]


def unknown_dimensions(session: Session, book: Book, content: Content) -> list[str]:
    """Return what of a voucher's lines names a bank or a project that there is not."""
    known_banks, known_projects = bank_names(session), set(projects(session, book))
    found = []
    for number, line in enumerate(content.postings, 1):
        if line.dimensions.bank is not None and line.dimensions.bank not in known_banks:
            found.append(f"第 {number} 行：没有银行 {line.dimensions.bank}")
        if line.dimensions.project is not None and line.dimensions.project not in known_projects:
            found.append(f"第 {number} 行：本账套没有项目 {line.dimensions.project}")
    return found


def titles(session: Session, book: Book) -> dict[str, str]:
    """Return the titles of all accounts of a book, by code."""
    return account_titles(session, book.id)


def projects(session: Session, book: Book) -> list[str]:
    """Return the projects that a line of a book may name: the stations of a solar book."""
    if book.kind is not BookKind.SOLAR:
        return []
    return list(session.scalars(select(station.c.meter).where(station.c.book_id == book.id).order_by(station.c.meter)))


def open_vouchers(session: Session, of: Sequence[Book]) -> list[Voucher]:
    """Return the vouchers that wait for somebody, book by book, in the order in which they were begun."""
    return [one for book in of for one in vouchers(session, book, only_open=True)]


def posted_numbers(session: Session, voucher: Voucher) -> list[tuple[date, str, int]]:
    """Return month, word and number of each entry that a voucher posted."""
    stored = [entry_referenced(session, voucher.book.id, reference) for reference in voucher.entries]
    return [(one.entry.value_date, one.entry.word, one.number) for one in stored]
