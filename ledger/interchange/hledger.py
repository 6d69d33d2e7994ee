"""The journal for hledger and ledger (hledger、ledger 日记账): debits positive, credits negative.

Account `1303.01` of book `LB-371621-X` is `LB-371621-X:1303.01`. Notes carry the entry's sequence, its reference and the
sequence of what it reverses; on a line its dimensions, and `red` where its sign does not tell its side (红字).
"""

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.interchange import notes
from ledger.journal import BookCode, Posting, Side
from ledger.money import decimal_yuan
from ledger.queries import DIMENSIONS, StoredEntry, entries


def journal(session: Session, books: Sequence[Book]) -> Iterator[str]:
    """Yield the journal of books, one transaction at a time."""
    yield "; fupin journal, amounts in CNY\n\n"
    for book in books:
        for stored in entries(session, book.id):
            yield transaction(book.code, stored)


def transaction(book: BookCode, stored: StoredEntry) -> str:
    """Return an entry as a transaction."""
    entry = stored.entry
    shown, code = notes.one_line(entry.narration), notes.one_line(entry.word).replace("(", "（").replace(")", "）")
    kept: list[tuple[str, object]] = [("seq", stored.seq), ("reference", entry.reference)]
    if entry.reverses is not None:
        kept.append(("reverses", entry.reverses))
    kept += [(name, text) for name, text, seen in _texts(entry.narration, shown, entry.word, code) if text != seen]
    head = f"{entry.value_date} ({code}-{stored.number}) {shown}  ; {notes.written(kept)}\n"
    return head + "".join(_line(book, posting) for posting in entry.postings) + "\n"


def _texts(narration: str, shown: str, word: str, code: str) -> tuple[tuple[str, str, str], ...]:
    return ("narration", narration, shown), ("word", word, code)


def _line(book: BookCode, posting: Posting) -> str:
    fen = posting.fen if posting.side is Side.DEBIT else -posting.fen
    kept: list[tuple[str, object]] = [
        (name, value) for name in DIMENSIONS if (value := getattr(posting.dimensions, name)) is not None
    ]
    if posting.fen < 0:
        kept.append(("red", "yes"))
    comment = f"  ; {notes.written(kept)}" if kept else ""
    return f"    {book}:{posting.account}  {decimal_yuan(fen)} CNY{comment}\n"
