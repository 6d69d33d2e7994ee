"""Questions to the journal: balances and turnovers as of a value date or a sequence, entries, and trial balances."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from ledger.errors import UnknownEntry
from ledger.journal import BookCode, Dimensions, JournalEntry, Posting, Side
from ledger.tables import account, book, journal_entry, posting
from ledger.turnover_sources import SNAPPED, from_journal, from_snapshots

_NUMBERED = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))-([^-\d]{1,4})-(\d{1,9})")
PAGE = 2_000
"""Entries read at a time."""
DIMENSIONS = ("county", "bank", "product", "payer", "kind", "loan_id", "project")

_KNOWN_BY = text("""
SELECT b.id AS book_id, later.seq - 1 AS seq
  FROM ledger.book b
  LEFT JOIN LATERAL (SELECT max(through_seq) AS seq FROM ledger.snapshot
                     WHERE book_id = b.id AND booked_at <= :moment) AS before ON true
  CROSS JOIN LATERAL (SELECT e.seq FROM ledger.journal_entry e
                      WHERE e.book_id = b.id AND e.seq > coalesce(before.seq, 0) AND e.booked_at > :moment
                      ORDER BY e.seq LIMIT 1) AS later
 WHERE CAST(:books AS bigint[]) IS NULL OR b.id = ANY(CAST(:books AS bigint[]))
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """What passed over an account: debits and credits in fen."""

    debit_fen: int
    credit_fen: int

    @property
    def balance_fen(self) -> int:
        """Debits less credits."""
        return self.debit_fen - self.credit_fen


NOTHING = Turnover(debit_fen=0, credit_fen=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLine:
    """A line of the trial balance (科目余额表)."""

    book: BookCode
    account: str
    title: str
    side: str
    turnover: Turnover


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it stands in the journal."""

    entry: JournalEntry
    seq: int
    number: int


def turnovers(
    session: Session,
    *,
    books: Collection[int] | None = None,
    accounts: Collection[str] | None = None,
    until: date | None = None,
    since: date | None = None,
    entry_kinds: Collection[str] | None = None,
    up_to_seq: Mapping[int, int] | None = None,
    by: Sequence[str] = (),
) -> dict[tuple[object, ...], Turnover]:
    """Return turnovers by (book id, account, *dimensions named in `by`), all of one moment, from snapshots where they help.

    Args:
        session: the session.
        books: ids of the books asked for; all if None.
        accounts: account codes; all if None.
        until: last value date that counts; no limit if None.
        since: first value date that counts; no limit if None.
        entry_kinds: only entries of these economic events.
        up_to_seq: per book id, the last sequence that counts ("as known at"); a book that it does not name is left out.
        by: dimension names out of DIMENSIONS.
    """
    for name in by:
        if name not in DIMENSIONS:
            raise ValueError(name)
    given: dict[str, object] = {
        "books": None if books is None else list(books),
        "accounts": None if accounts is None else list(accounts),
        "until": until,
        "since": since,
        "entry_kinds": None if entry_kinds is None else list(entry_kinds),
        "known_books": None if up_to_seq is None else list(up_to_seq),
        "known_seqs": None if up_to_seq is None else list(up_to_seq.values()),
    }
    asked = {name: value for name, value in given.items() if value is not None}
    if entry_kinds is None and set(by) <= set(SNAPPED):
        lines, bound = from_snapshots(asked, by, since, until)
        asked |= bound
    else:
        lines = from_journal(asked, by)
    columns = ", ".join(["book_id", "account", *by])
    sums = "sum(debit_fen)::bigint, sum(credit_fen)::bigint"
    query = text(f"SELECT {columns}, {sums} FROM ({lines}) AS lines GROUP BY {columns} ORDER BY {columns}")
    return {tuple(row[:-2]): Turnover(debit_fen=row[-2], credit_fen=row[-1]) for row in session.execute(query, asked)}


def last_sequences(session: Session, books: Collection[int] | None = None) -> dict[int, int]:
    """Return the last committed sequence by book id: what is known now, and an answer "as known at" it never changes."""
    query = select(book.c.id, book.c.last_seq)
    found = session.execute(query if books is None else query.where(book.c.id.in_(books)))
    return {row.id: row.last_seq for row in found}


def sequences_at(session: Session, moment: datetime, books: Collection[int] | None = None) -> dict[int, int]:
    """Return by book id what was known at a moment of booking time: all before the first entry booked after it.

    An entry's booking time is read under its book's lock, so it rises with the sequence as long as the server's clock does;
    where the clock was set back, what was booked after a later time is not counted.
    """
    return last_sequences(session, books) | {
        row.book_id: row.seq
        for row in session.execute(_KNOWN_BY, {"moment": moment, "books": None if books is None else list(books)})
    }


def account_titles(session: Session, book_id: int) -> dict[str, str]:
    """Return a book's accounts: titles by code."""
    rows = session.execute(select(account.c.code, account.c.title).where(account.c.book_id == book_id).order_by(account.c.code))
    return {row.code: row.title for row in rows}


def balance(session: Session, book_id: int, account_code: str, until: date | None = None) -> int:
    """Return debits less credits of one account, in fen, as of a value date."""
    found = turnovers(session, books=[book_id], accounts=[account_code], until=until)
    return found.get((book_id, account_code), NOTHING).balance_fen


def trial_balance(session: Session, books: Collection[int] | None = None, until: date | None = None) -> list[TrialLine]:
    """Return every account that was ever posted to, by book and code."""
    found = turnovers(session, books=books, until=until)
    rows = session.execute(
        select(book.c.id, book.c.code, account.c.code.label("account"), account.c.title, account.c.side)
        .join(account, account.c.book_id == book.c.id)
        .order_by(book.c.id, account.c.code)
    )
    return [
        TrialLine(
            book=BookCode(row.code),
            account=row.account,
            title=row.title,
            side=row.side,
            turnover=found[(row.id, row.account)],
        )
        for row in rows
        if (row.id, row.account) in found
    ]


def entries(
    session: Session,
    book_id: int,
    since_seq: int = 0,
    limit: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Iterator[StoredEntry]:
    """Yield a book's entries in order of sequence, after one, between two value dates; read a page at a time."""
    code = BookCode(session.execute(select(book.c.code).where(book.c.id == book_id)).scalar_one())
    wanted = select(journal_entry).where(journal_entry.c.book_id == book_id).order_by(journal_entry.c.seq)
    if since is not None:
        wanted = wanted.where(journal_entry.c.value_date >= since)
    if until is not None:
        wanted = wanted.where(journal_entry.c.value_date <= until)
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        heads = session.execute(wanted.where(journal_entry.c.seq > since_seq).limit(size)).all()
        yield from _with_postings(session, code, book_id, heads)
        if len(heads) < size:
            return
        since_seq = heads[-1].seq
        left = None if left is None else left - size


def _with_postings(session: Session, code: BookCode, book_id: int, heads: Sequence[Row[Any]]) -> Iterator[StoredEntry]:
    """Yield entries from their rows and those of their postings."""
    lines: dict[int, list[Posting]] = {}
    for row in session.execute(
        select(posting)
        .where(
            posting.c.book_id == book_id,
            posting.c.seq.in_([head.seq for head in heads]),
        )
        .order_by(posting.c.seq, posting.c.line)
    ):
        dims = Dimensions(
            county=row.county, bank=row.bank, product=row.product, payer=row.payer, kind=row.kind,
            loan_id=row.loan_id, project=row.project,
        )  # fmt: skip
        lines.setdefault(row.seq, []).append(Posting(row.account, Side(row.side), row.fen, dims))
    for head in heads:
        yield StoredEntry(
            entry=JournalEntry(
                book=code, reference=head.reference, kind=head.kind, value_date=head.value_date,
                narration=head.narration, postings=tuple(lines[head.seq]), event=head.event, word=head.word,
                maker=head.maker, checker=head.checker, reverses=head.reverses_seq,
            ),
            seq=head.seq,
            number=head.number,
        )  # fmt: skip


def free_reference(session: Session, book_id: int, reference: str) -> str:
    """Return the reference, or, where its entry was reversed in red, the next one to post the like under."""
    return free_references(session, [(book_id, reference)])[(book_id, reference)]


def free_references(session: Session, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """Return what to post under, by (book id, reference): the reference, or, where it was reversed in red, the next one."""
    free = {key: key[1] for key in keys}
    asked, number = list(free), 1
    while asked:
        found = session.execute(
            text(
                "SELECT k.book_id, k.reference FROM unnest(CAST(:books AS bigint[]), CAST(:references AS text[])) "
                "AS k (book_id, reference) JOIN ledger.journal_entry e "
                "ON e.book_id = k.book_id AND e.reference = 'reversal/' || k.reference"
            ),
            {"books": [book_id for book_id, _ in asked], "references": [free[key] for key in asked]},
        )
        reversed_ = {(row.book_id, row.reference) for row in found}
        asked = [key for key in asked if (key[0], free[key]) in reversed_]
        number += 1
        free.update({key: f"{key[1]}~{number}" for key in asked})
    return free


def is_posted(session: Session, book_id: int, reference: str) -> bool:
    """Tell whether a reference names an entry of the book."""
    named = select(journal_entry.c.seq).where(journal_entry.c.book_id == book_id, journal_entry.c.reference == reference)
    return session.scalar(named) is not None


def entry_numbered(session: Session, book_id: int, named: str) -> str | None:
    """Return the reference of the entry with a voucher number such as 2017-03-记-12: month, word, number; None: there is none."""
    found = _NUMBERED.fullmatch(named)
    if found is None:
        return None
    mine = (journal_entry.c.book_id == book_id) & (journal_entry.c.month == date.fromisoformat(f"{found[1]}-01"))
    mine &= (journal_entry.c.word == found[2]) & (journal_entry.c.number == int(found[3]))
    return session.scalar(select(journal_entry.c.reference).where(mine))


def entry_referenced(session: Session, book_id: int, reference: str) -> StoredEntry:
    """Return the entry that a reference names.

    Raises:
        UnknownEntry: none does.
    """
    row = session.execute(
        select(journal_entry.c.seq).where(journal_entry.c.book_id == book_id, journal_entry.c.reference == reference)
    ).one_or_none()
    if row is None:
        code = session.execute(select(book.c.code).where(book.c.id == book_id)).scalar_one()
        raise UnknownEntry(code, reference)
    return next(entries(session, book_id, since_seq=row.seq - 1, limit=1))


def linked(session: Session, entry: JournalEntry) -> list[StoredEntry]:
    """Return the entries of the same event in other books: they bear the entry's reference or the event's name."""
    rows = session.execute(
        select(journal_entry.c.book_id, journal_entry.c.seq)
        .join(book, book.c.id == journal_entry.c.book_id)
        .where(journal_entry.c.reference.in_({entry.reference, entry.event}), journal_entry.c.event == entry.event)
        .where(book.c.code != entry.book)
        .order_by(journal_entry.c.book_id, journal_entry.c.seq)
    )
    return [stored for row in rows for stored in entries(session, row.book_id, since_seq=row.seq - 1, limit=1)]


def reversals(session: Session, book_id: int, stored: StoredEntry) -> list[tuple[str, StoredEntry]]:
    """Return the entry that one reverses in red, and the one that reverses it, each with what it is to it."""
    mine = journal_entry.c.book_id == book_id
    later = session.scalar(select(journal_entry.c.seq).where(mine, journal_entry.c.reverses_seq == stored.seq))
    found = (("reverses (冲销)", stored.entry.reverses), ("reversed by (被冲销于)", later))
    return [
        (what, other) for what, seq in found if seq is not None for other in entries(session, book_id, since_seq=seq - 1, limit=1)
    ]
