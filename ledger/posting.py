"""Posting (记账): entries become rows of the journal, in one round trip, all of a batch or none of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import books
from ledger.errors import LedgerError, PeriodClosed, ReferenceReused, UnbalancedEntry, UnknownAccount, UnknownBook
from ledger.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class Posted:
    """Where an entry stands in its book: its sequence, its voucher number, and whether this posting made it."""

    seq: int
    number: int
    fresh: bool


_ENTRY_TYPES = ("bigint", "text", "text", "date", "text", "text", "text", "bigint", "text", "text", "bytea")
_POSTING_TYPES = ("integer", "text", "text", "bigint", "text", "text", "text", "text", "text", "bigint", "text")
_POST_MANY = text(
    "SELECT entry_seq, entry_number, fresh FROM ledger.post_many("
    + ", ".join(f"CAST(:a{i} AS {kind}[])" for i, kind in enumerate(_ENTRY_TYPES + _POSTING_TYPES))
    + ") ORDER BY entry_ord"
).bindparams(*(bindparam(f"a{i}") for i in range(len(_ENTRY_TYPES + _POSTING_TYPES))))

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
        UnbalancedEntry: the database found an entry out of balance (the Python law stands before it).
    """
    if not entries:
        return []
    ids: dict[str, int] = {book.code: book.id for book in books(session)}
    missing = {entry.book for entry in entries} - ids.keys()
    if missing:
        raise UnknownBook(min(missing))
    columns = _columns(entries, ids)
    try:
        rows = session.execute(_POST_MANY, {f"a{i}": column for i, column in enumerate(columns)}).all()
    except DBAPIError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error
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


def _columns(entries: Sequence[JournalEntry], ids: dict[str, int]) -> list[list[object]]:
    """Turn entries and their postings into the arrays of ledger.post_many, in the order of its parameters."""
    heads = [
        (
            ids[e.book],
            e.reference,
            e.kind,
            e.value_date,
            e.word,
            e.narration,
            e.event,
            e.reverses,
            e.maker,
            e.checker,
            e.body_sha256,
        )
        for e in entries
    ]
    lines = [
        (i, p.account, p.side.value, p.fen, d.county, d.bank, d.product, d.payer, d.kind, d.loan_id, d.project)
        for i, e in enumerate(entries, start=1)
        for p in e.postings
        for d in (p.dimensions,)
    ]
    return [list(column) for column in zip(*heads, strict=True)] + [list(column) for column in zip(*lines, strict=True)]


def _refusal(error: DBAPIError) -> LedgerError | None:
    """Return the refusal that a database error stands for, if it is one of the journal's laws."""
    cause = error.orig
    if not isinstance(cause, psycopg.Error):
        return None
    message = cause.diag.message_primary or ""
    match cause.sqlstate:
        case "FP003":
            book, _, month = message.partition("|")
            return PeriodClosed(book, date.fromisoformat(month))
        case "FP004":
            return ReferenceReused(message)
        case "FP002":
            return UnbalancedEntry(message, 0)
        case "23503" if cause.diag.constraint_name == "fk_posting_book_id_account":
            return UnknownAccount(cause.diag.message_detail or message)
        case _:
            return None
