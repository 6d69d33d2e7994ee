"""Posting (记账): entries become rows of the journal, in one round trip, all of a batch or none of it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import books
from ledger.errors import LedgerError, Overdrawn, PeriodClosed, ReferenceReused, UnbalancedEntry, UnknownAccount, UnknownBook
from ledger.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class Posted:
    """Where an entry stands in its book: its sequence, its voucher number, and whether this posting made it."""

    seq: int
    number: int
    fresh: bool


_ENTRY_TYPES = ("text", "text", "text", "date", "text", "text", "text", "bigint", "text", "text", "text", "smallint")
_POSTING_TYPES = ("integer", "smallint", "text", "text", "bigint", "text", "text", "text", "text", "text", "bigint", "text")
_ARRAYS = ", ".join(f"%s::{kind}[]" for kind in (*_ENTRY_TYPES, *_POSTING_TYPES))
_POST_FEW = f"SELECT entry_seq, entry_number, fresh FROM ledger.post_many({_ARRAYS}, false)"
_POST_NEW = f"SELECT entry_seq, entry_number, fresh FROM ledger.post_new({_ARRAYS})"
_FEW = 20
"""Up to so many entries are looked up and numbered one by one."""

_TAKE_SEQUENCE = text("SELECT book_id, first_seq FROM ledger.take_sequence(CAST(:books AS bigint[]), CAST(:counts AS bigint[]))")


def post(session: Session, entry: JournalEntry) -> Posted:
    """Post one entry; posting the same entry again changes nothing and returns the first."""
    return post_many(session, [entry])[0]


def post_many(session: Session, entries: Sequence[JournalEntry]) -> list[Posted]:
    """Post a batch, and return for each entry where it stands.

    Books are locked in ascending order; sequence and voucher numbers are given under the lock, without a gap.

    Raises:
        UnknownBook, UnknownAccount: an entry names a book, or a posting an account, that does not exist.
        ReferenceReused: a reference already names an entry with another body, or stands twice in the batch.
        PeriodClosed: an entry's month is closed in its book.
        Overdrawn: an account that may not would fall below zero, on an entry's day or on any later one.
        UnbalancedEntry: the database found an entry out of balance (the Python law stands before it).
    """
    if not entries:
        return []
    if twice := [name for name, times in Counter((e.book, e.reference) for e in entries).items() if times > 1]:
        raise ReferenceReused(min(twice)[1])
    # The driver itself: one round trip, a prepared statement, and arrays as text cost a third of what the layers above do.
    connection = session.connection()
    cursor = cast("psycopg.Connection[tuple[int, int, bool]]", connection.connection.dbapi_connection).cursor()
    statement = _POST_FEW if len(entries) <= _FEW else _POST_NEW
    try:
        rows = cursor.execute(statement, _columns(entries)).fetchall()
    except psycopg.Error as error:
        refusal = _refusal(error)
        if refusal is None:
            raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error
        raise refusal from error
    if not rows:
        raise UnknownBook(min({e.book for e in entries} - {book.code for book in books(session)}))
    posted = [Posted(seq, number, fresh) for seq, number, fresh in rows]
    people = sorted({e.maker for e, p in zip(entries, posted, strict=True) if p.fresh and e.maker != "system"})
    for maker in people:
        mine = [e for e, p in zip(entries, posted, strict=True) if p.fresh and e.maker == maker]
        audit.record(session, maker, "posted", mine[0].book, {"references": [e.reference for e in mine]})
    return posted


def take_sequence(session: Session, counts: Mapping[int, int]) -> dict[int, int]:
    """Lock books in ascending order and take sequence numbers of each, by book id; return the first of each."""
    if not counts:
        return {}
    rows = session.execute(_TAKE_SEQUENCE, {"books": list(counts), "counts": list(counts.values())})
    return {row.book_id: row.first_seq for row in rows}


def _columns(entries: Sequence[JournalEntry]) -> list[str | None]:
    """Return entries and their postings as arrays in PostgreSQL's notation, in the order of ledger.post_many's parameters."""
    lines = [posting for entry in entries for posting in entry.postings]
    dims = [line.dimensions for line in lines]
    return [
        _texts([e.book for e in entries]),
        _texts([e.reference for e in entries]),
        _texts([e.kind for e in entries]),
        _numbers([e.value_date for e in entries]),
        _texts([e.word for e in entries]),
        _texts([e.narration for e in entries]),
        _texts([e.event for e in entries]),
        _numbers([e.reverses for e in entries]),
        _texts([e.maker for e in entries]),
        _texts([e.checker for e in entries]),
        _numbers([e.body_sha256.hex() for e in entries]),
        _numbers([len(e.postings) for e in entries]),
        _numbers([place for place, e in enumerate(entries, start=1) for _ in e.postings]),
        _numbers([line for e in entries for line in range(1, len(e.postings) + 1)]),
        _texts([line.account for line in lines]),
        _texts([line.side for line in lines]),
        _numbers([line.fen for line in lines]),
        _texts([d.county for d in dims]),
        _texts([d.bank for d in dims]),
        _texts([d.product for d in dims]),
        _texts([d.payer for d in dims]),
        _texts([d.kind for d in dims]),
        _numbers([d.loan_id for d in dims]),
        _texts([d.project for d in dims]),
    ]


def _numbers(values: Sequence[object]) -> str | None:
    """Return an array of what needs no quotes; none at all, if nothing is there."""
    if None not in values:
        return f"{{{','.join(map(str, values))}}}"
    return f"{{{','.join('NULL' if v is None else str(v) for v in values)}}}" if any(v is not None for v in values) else None


def _texts(values: Sequence[str | None]) -> str | None:
    """Return an array of texts; none at all, if nothing is there."""
    written = {value: "NULL" if value is None else _quoted(value) for value in set(values)}
    return f"{{{','.join([written[value] for value in values])}}}" if written.keys() != {None} else None


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _refusal(cause: psycopg.Error) -> LedgerError | None:
    """Return the refusal that a database error stands for, if it is one of the journal's laws."""
    message = cause.diag.message_primary or ""
    if cause.sqlstate == "23503" and cause.diag.constraint_name == "fk_posting_book_id_account":
        return UnknownAccount(cause.diag.message_detail or message)
    refused = _REFUSALS.get(cause.sqlstate or "")
    return refused(message) if refused else None


def _closed(message: str) -> LedgerError:
    book, month = message.split("|")
    return PeriodClosed(book, date.fromisoformat(month))


def _overdrawn(message: str) -> LedgerError:
    book, account, whose, day, available, asked = message.split("|")
    return Overdrawn(book, account, whose, date.fromisoformat(day), int(available), int(asked))


_REFUSALS: Mapping[str, Callable[[str], LedgerError]] = {
    "FP002": lambda message: UnbalancedEntry(message, 0),
    "FP003": _closed,
    "FP004": ReferenceReused,
    "FP008": _overdrawn,
}
"""What a law says when it refuses, by its code."""
