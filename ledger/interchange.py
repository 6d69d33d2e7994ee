"""Interchange: the journal as hledger, ledger and beancount read it, and as CSV. Booking times are left out.

The same journal always gives the same bytes, so two exports can be compared. Account `1303.01` of book
`LB-371621-X` is `LB-371621-X:1303.01`; in beancount, whose names begin with a root, `Assets:LB-371621-X:1303-01`.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.journal import Side
from ledger.money import decimal_yuan
from ledger.queries import StoredEntry, account_titles, entries
from ledger.tables import account

_ROOTS = {"D": "Assets", "C": "Liabilities", "B": "Equity"}
_CSV_COLUMNS = (
    "book", "seq", "voucher", "value_date", "reference", "kind", "narration", "account", "title", "side", "amount",
    "county", "bank", "product", "payer", "interest", "loan_id", "project", "maker", "checker", "reverses",
)  # fmt: skip


def hledger(session: Session, books: Sequence[Book]) -> Iterator[str]:
    """Yield the journal in the format that hledger and ledger share: debits positive, credits negative."""
    yield "; fupin journal, amounts in CNY\n\n"
    for book in books:
        for stored in entries(session, book.id):
            entry = stored.entry
            lines = [
                f"{entry.value_date} ({entry.word}-{stored.number}) {_plain(entry.narration)}  ; {_plain(entry.reference)}\n"
            ]
            for p in entry.postings:
                fen = p.fen if p.side is Side.DEBIT else -p.fen
                lines.append(f"    {book.code}:{p.account}  {decimal_yuan(fen)} CNY\n")
            yield "".join(lines) + "\n"


def beancount(session: Session, books: Sequence[Book]) -> Iterator[str]:
    """Yield the journal for beancount, whose tolerance is switched off so that a fen counts."""
    yield 'option "operating_currency" "CNY"\noption "tolerance_multiplier" "0"\n\n'
    for book in books:
        roots = _roots(session, book)
        for code, root in roots.items():
            yield f"1990-01-01 open {root}:{book.code}:{code.replace('.', '-')} CNY\n"
        yield "\n"
        for stored in entries(session, book.id):
            entry = stored.entry
            lines = [f'{entry.value_date} * "{_plain(entry.narration)}" "{_plain(entry.reference)}"\n']
            for p in entry.postings:
                fen = p.fen if p.side is Side.DEBIT else -p.fen
                name = f"{roots[p.account]}:{book.code}:{p.account.replace('.', '-')}"
                lines.append(f"  {name}  {decimal_yuan(fen)} CNY\n")
            yield "".join(lines) + "\n"


def rows(session: Session, books: Sequence[Book]) -> Iterator[str]:
    """Yield the journal as CSV, one line per posting, with its dimensions."""
    yield _csv_line(_CSV_COLUMNS)
    for book in books:
        titles = account_titles(session, book.id)
        for stored in entries(session, book.id):
            yield from (_csv_line(row) for row in _postings(stored, titles))


def _postings(stored: StoredEntry, titles: dict[str, str]) -> Iterator[tuple[object, ...]]:
    e = stored.entry
    for p in e.postings:
        d = p.dimensions
        yield (
            e.book, stored.seq, f"{e.word}-{stored.number}", e.value_date, e.reference, e.kind, e.narration, p.account,
            titles[p.account], "借" if p.side is Side.DEBIT else "贷", decimal_yuan(p.fen), d.county or "", d.bank or "",
            d.product or "", d.payer or "", d.kind or "", d.loan_id or "", d.project or "", e.maker, e.checker, e.reverses or "",
        )  # fmt: skip


def _roots(session: Session, book: Book) -> dict[str, str]:
    found = session.execute(select(account.c.code, account.c.side).where(account.c.book_id == book.id).order_by(account.c.code))
    return {row.code: _ROOTS[row.side] for row in found}


def _csv_line(values: Sequence[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _plain(text: str) -> str:
    """Return text without the characters that would end it in a journal file."""
    return text.replace('"', "'").replace("\n", " ").replace(";", "；").replace("|", "｜")
