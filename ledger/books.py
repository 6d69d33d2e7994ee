"""Books (账套): one per special fund and county, and one per bank and county; the unit of distribution.

RCF 风险补偿金专账, ISF 贴息资金专账, PVA 光伏收益代管专账, LB 贷款备查账; ARC 存档账套 holds what an earlier program kept.
Compensation pools are county money: the city is a consolidation of books, never a commingled one.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from ledger import chart as charts
from ledger.chart import Account
from ledger.db import forget, remembered
from ledger.errors import UnknownBook
from ledger.journal import BookCode
from ledger.tables import account, book

_CONFINED = "confined to bank"


class BookKind(StrEnum):
    """What a book holds."""

    COMPENSATION = "RCF"
    SUBSIDY = "ISF"
    SOLAR = "PVA"
    LOANS = "LB"
    ARCHIVE = "ARC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book as opened."""

    id: int
    code: BookCode
    kind: BookKind
    name: str
    county: str
    bank: str | None


def fund_book_code(kind: BookKind, county: str) -> BookCode:
    """Return the code of a county's fund book, such as RCF-371621."""
    return BookCode(f"{kind}-{county}")


def loan_book_code(county: str, bank: str) -> BookCode:
    """Return the code of a bank's loan book in a county, such as LB-371621-HMRCB."""
    return BookCode(f"LB-{county}-{bank}")


def open_book(
    session: Session, code: BookCode, kind: BookKind, name: str, county: str, bank: str | None, chart: str,
    accounts: Sequence[Account] | None = None,
) -> Book:  # fmt: skip
    """Open a book with a chart's accounts, of the file that comes with the program if none are given; again changes nothing."""
    found = find_book(session, code)
    if found is not None:
        return found
    accounts = charts.chart(chart, kind) if accounts is None else accounts
    book_id = (session.scalar(select(func.max(book.c.id))) or 0) + 1
    session.execute(insert(book).values(id=book_id, code=code, kind=kind, name=name, county=county, bank=bank, chart=chart))
    add_accounts(session, book_id, kind, accounts)
    forget(session, "books")
    return Book(id=book_id, code=code, kind=kind, name=name, county=county, bank=bank)


def add_accounts(session: Session, book_id: int, kind: BookKind, accounts: Sequence[Account]) -> None:
    """Add accounts to a book that it has not yet; in an archive, which is history, none is limited."""
    working = kind is not BookKind.ARCHIVE
    rows = [{"book_id": book_id, **asdict(one), "limited": one.limited and working} for one in accounts]
    session.execute(insert(account), rows)


def find_book(session: Session, code: BookCode) -> Book | None:
    """Return a book, or None."""
    return next((found for found in books(session) if found.code == code), None)


def book_named(session: Session, code: BookCode) -> Book:
    """Return a book.

    Raises:
        UnknownBook: no book bears the code.
    """
    found = find_book(session, code)
    if found is None:
        raise UnknownBook(code)
    return found


def books(session: Session, kind: BookKind | None = None) -> list[Book]:
    """Return all books, or those of a kind, in order of their ids."""
    everything = remembered(session, "books", lambda: _books(session))
    of_bank = session.info.get(_CONFINED)
    return [one for one in everything if (kind is None or one.kind is kind) and (of_bank is None or one.bank == of_bank)]


def confine(session: Session, bank: str) -> None:
    """Let a session know the books of one bank only, from now on: to it there are no others (银行只见本行账套)."""
    session.info[_CONFINED] = bank


def hold_books(session: Session, book_ids: Collection[int]) -> None:
    """Hold books, in ascending order, so that nothing else is written to them before this transaction ends."""
    query = text("SELECT FROM ledger.book WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
    session.execute(query, {"ids": sorted(set(book_ids))})


def _books(session: Session) -> list[Book]:
    query = select(book.c.id, book.c.code, book.c.kind, book.c.name, book.c.county, book.c.bank).order_by(book.c.id)
    return [
        Book(id=row.id, code=BookCode(row.code), kind=BookKind(row.kind), name=row.name, county=row.county, bank=row.bank)
        for row in session.execute(query)
    ]
