"""A hash chain (哈希链): what of a book is sealed together, and how a seal follows from the one before it.

The rows of a chain stand in the order of their sequence, which is given under the book's lock, so that none is ever
committed before another with a lower one. The first seal follows the chain's start, which names the chain and the book.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Table

from ledger.journal import BookCode
from ledger.tables import journal_entry, posting


@dataclass(frozen=True, slots=True)
class Chain:
    """A table of facts keyed by (book_id, seq), insert-only, and of its lines; `named_by` is what people call a row by."""

    name: str
    table: Table
    lines: Table | None = None
    named_by: str = "reference"

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables whose rows the chain seals."""
        return (self.table,) if self.lines is None else (self.table, self.lines)


JOURNAL = Chain("journal", journal_entry, lines=posting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a chain of a book ends, or ended when it was written down: the last seal's position and hash."""

    book: BookCode
    chain: str
    position: int
    hash: bytes


def start(chain: str, book: BookCode) -> bytes:
    """Return what stands in the place of a hash before the first seal of a chain."""
    return hashlib.sha256(f"fupin seal 1\n{chain}\n{book}\n".encode()).digest()


def follow(previous: bytes, text: str) -> bytes:
    """Return the seal of a row: the SHA-256 of the seal before it and the row's canonical text in UTF-8."""
    return hashlib.sha256(previous + text.encode()).digest()
