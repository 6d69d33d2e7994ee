"""Lookup (查找): the books and contracts that a file's rows name, found once per file."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from app.imports.cells import Record
from ledger.books import Book, BookKind, book_named, fund_book_code, loan_book_code
from loans.contract import Contract
from loans.errors import UnknownLoan
from loans.queries import contracts_numbered
from registry.reference import county_code

COUNTY, BANK, CONTRACT, SERIAL, DAY, AMOUNT = "县区", "银行代码", "借据号", "流水号", "日期", "金额(元)"
CONTRACTS = "归还借据"
"""Several contracts in one cell."""


class Lookup:
    """Finds books by county, bank and day, and contracts by book and number."""

    def __init__(self, session: Session, records: Sequence[Record]) -> None:
        self.session = session
        self._books: dict[tuple[object, ...], Book] = {}
        named = {str(r[CONTRACT]) for r in records if r.values.get(CONTRACT)}
        self._numbers = sorted(named.union(*(r.values.get(CONTRACTS) or () for r in records)))
        self._contracts: dict[tuple[int, str], Contract] | None = None

    def book(self, record: Record, kind: BookKind, day: date) -> Book:
        """Return the book that a row names.

        Raises:
            UnknownRegion: no such county on that day.
            UnknownBook: county and bank have no such book.
        """
        key = (kind, record[COUNTY], record.values.get(BANK), day)
        if key not in self._books:
            county = county_code(self.session, record[COUNTY], day)
            code = loan_book_code(county, record[BANK]) if kind is BookKind.LOANS else fund_book_code(kind, county)
            self._books[key] = book_named(self.session, code)
        return self._books[key]

    def contract(self, record: Record, day: date, number: str | None = None) -> Contract:
        """Return the contract that a row names; of several, the one of a number.

        Raises:
            UnknownLoan: the book has none of that number.
        """
        book = self.book(record, BookKind.LOANS, day)
        if self._contracts is None:
            self._contracts = {(c.book_id, c.contract): c for c in contracts_numbered(self.session, self._numbers)}
        wanted = record[CONTRACT] if number is None else number
        found = self._contracts.get((book.id, wanted))
        if found is None:
            raise UnknownLoan(wanted)
        return found
