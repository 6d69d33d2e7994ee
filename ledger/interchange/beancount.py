"""The journal for beancount: names that begin with a root, metadata where hledger has notes, and no tolerance.

Account `1303.01` of book `LB-371621-X` is `Assets:LB-371621-X:1303-01`.
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.journal import Posting, Side
from ledger.money import decimal_yuan
from ledger.queries import DIMENSIONS, StoredEntry, entries
from ledger.tables import account

_ROOTS = {"D": "Assets", "C": "Liabilities", "B": "Equity"}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
OPENED = "1900-01-01"
"""The day on which accounts are opened: before every entry."""


def journal(session: Session, books: Sequence[Book]) -> Iterator[str]:
    """Yield the journal of books, one transaction at a time."""
    yield 'option "operating_currency" "CNY"\noption "tolerance_multiplier" "0"\n\n'
    for book in books:
        names = _names(session, book)
        for name in names.values():
            yield f"{OPENED} open {name} CNY\n"
        yield "\n"
        for stored in entries(session, book.id):
            yield transaction(names, stored)


def transaction(names: Mapping[str, str], stored: StoredEntry) -> str:
    """Return an entry as a transaction, its accounts by their names."""
    entry = stored.entry
    lines = [
        f"{entry.value_date} * {_quoted(entry.narration)}\n  seq: {stored.seq}\n",
        f"  voucher: {_quoted(f'{entry.word}-{stored.number}')}\n  reference: {_quoted(entry.reference)}\n",
    ]
    if entry.reverses is not None:
        lines.append(f"  reverses: {entry.reverses}\n")
    lines += [_line(names[posting.account], posting) for posting in entry.postings]
    return "".join(lines) + "\n"


def _line(name: str, posting: Posting) -> str:
    fen = posting.fen if posting.side is Side.DEBIT else -posting.fen
    kept = [
        f"    {dimension}: {_quoted(str(value))}\n"
        for dimension in DIMENSIONS
        if (value := getattr(posting.dimensions, dimension)) is not None
    ]
    red = ["    red: TRUE\n"] if posting.fen < 0 else []
    return "".join((f"  {name}  {decimal_yuan(fen)} CNY\n", *kept, *red))


def _names(session: Session, book: Book) -> dict[str, str]:
    found = session.execute(select(account.c.code, account.c.side).where(account.c.book_id == book.id).order_by(account.c.code))
    return {row.code: f"{_ROOTS[row.side]}:{book.code}:{row.code.replace('.', '-')}" for row in found}


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'
