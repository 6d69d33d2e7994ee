"""Questions about chains: rows as they are sealed, the seals themselves, and where chains end. All are read in pieces."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import Session

from ledger.journal import BookCode
from ledger.sealing.canonical import canonical_sql
from ledger.sealing.chain import Chain, Head, start
from ledger.sealing.tables import seal
from ledger.tables import book

PIECE = 5_000
"""Rows read at a time, so that memory stays flat however long a chain is."""

END = 2**63 - 1
"""No sequence lies beyond it."""


@dataclass(frozen=True, slots=True)
class Row:
    """What stands at a sequence of a chain: its canonical text; its reference is None where only lines stand."""

    seq: int
    reference: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as stored."""

    position: int
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Pending:
    """The next rows of a book to be sealed: those after its last seal (position 0 before the first one), through a sequence."""

    book_id: int
    last: Seal
    through: int


def pending(session: Session, chain: Chain) -> list[Pending]:
    """Return the next rows of a chain to seal, book by book, a piece of them at most; none if all are sealed.

    What is at or below a book's sequence as committed is committed too, or never will be.
    """
    found = session.execute(
        text(
            "SELECT b.id, b.code, s.position, coalesce(s.seq, 0) AS seq, s.hash, n.through, n.held FROM ledger.book b "
            "LEFT JOIN LATERAL (SELECT position, seq, hash FROM ledger.seal WHERE book_id = b.id AND chain = :chain "
            "ORDER BY position DESC LIMIT 1) AS s ON true "
            "CROSS JOIN LATERAL (SELECT max(seq) AS through, count(*) AS held FROM "
            f"(SELECT r.seq FROM {chain.table.fullname} r WHERE r.book_id = b.id AND r.seq > coalesce(s.seq, 0) "
            "AND r.seq <= b.last_seq ORDER BY r.seq LIMIT :piece) AS next) AS n WHERE n.held > 0 ORDER BY b.id"
        ),
        {"chain": chain.name, "piece": PIECE},
    ).all()
    room = PIECE
    chosen: list[Pending] = []
    for row in found:
        room -= row.held
        if chosen and room < 0:
            break
        last = Seal(row.position or 0, row.seq, row.hash or start(chain.name, BookCode(row.code)))
        chosen.append(Pending(row.id, last, row.through))
    return chosen


def rows(session: Session, chain: Chain, book_id: int, after: int = -END, upto: int = END) -> Iterator[Row]:
    """Yield what stands in a chain's tables at the sequences (after, upto] of a book, in their order."""
    piece = text(
        f"SELECT max(seq), count(*) FROM (SELECT r.seq FROM {chain.table.fullname} r WHERE r.book_id = :book "
        "AND r.seq > :after AND r.seq <= :upto ORDER BY r.seq LIMIT :piece) AS next"
    )
    while after < upto:
        last, count = session.execute(piece, {"book": book_id, "after": after, "upto": upto, "piece": PIECE}).one()
        through = last if count == PIECE else upto
        if count or chain.lines is not None:
            yield from rows_between(session, chain, [(book_id, after, through)]).get(book_id, [])
        after = through


def rows_between(session: Session, chain: Chain, spans: Sequence[tuple[int, int, int]]) -> dict[int, list[Row]]:
    """Return what stands in a chain's tables at spans (book id, after, through), by book, in order of sequence."""
    left: dict[tuple[int, int], str] = {}
    if chain.lines is not None:
        together = "string_agg({}, '' ORDER BY r.line), NULL"
        for book_id, seq, written, _ in _between(session, chain.lines, together, "GROUP BY r.seq", spans):
            left[(book_id, seq)] = written
    found: dict[int, list[Row]] = defaultdict(list)
    for book_id, seq, written, reference in _between(session, chain.table, f"{{}}, r.{chain.named_by}", "", spans):
        found[book_id].append(Row(seq, reference, written + left.pop((book_id, seq), "")))
    for (book_id, seq), written in left.items():  # lines without what they are lines of
        found[book_id].append(Row(seq, None, written))
    for book_id, _ in left:
        found[book_id].sort(key=lambda row: row.seq)
    return found


def _between(session: Session, table: Table, columns: str, grouped: str, spans: Sequence[tuple[int, int, int]]) -> Sequence[Any]:
    """Return (book id, sequence, canonical text, reference) of a table's rows at spans; the index is read span by span."""
    asked = text(
        "SELECT k.book_id, r.* FROM unnest(CAST(:books AS bigint[]), CAST(:afters AS bigint[]), CAST(:throughs AS bigint[])) "
        "AS k (book_id, after, through) CROSS JOIN LATERAL "
        f"(SELECT r.seq, {columns.format(canonical_sql(table, 'r'))} FROM {table.fullname} r WHERE r.book_id = k.book_id "
        f"AND r.seq > k.after AND r.seq <= k.through {grouped} ORDER BY r.seq) AS r ORDER BY k.book_id, r.seq"
    )
    books, afters, throughs = (list(column) for column in zip(*spans, strict=True))
    return session.execute(asked, {"books": books, "afters": afters, "throughs": throughs}).all()


def seals(session: Session, chain: Chain, book_id: int, upto: int) -> Iterator[Seal]:
    """Yield a chain's seals in the order of the rows that they seal, up to a sequence."""
    after = -END
    while True:
        mine = (seal.c.book_id == book_id) & (seal.c.chain == chain.name) & (seal.c.seq > after) & (seal.c.seq <= upto)
        asked = select(seal.c.position, seal.c.seq, seal.c.hash).where(mine).order_by(seal.c.seq).limit(PIECE)
        found = [Seal(*row) for row in session.execute(asked)]
        yield from found
        if len(found) < PIECE:
            return
        after = found[-1].seq


def last_sealed(session: Session, chain: Chain, book_id: int) -> int | None:
    """Return the highest sequence that a chain of a book has sealed, or None."""
    mine = (seal.c.book_id == book_id) & (seal.c.chain == chain.name)
    last: int | None = session.scalar(select(func.max(seal.c.seq)).where(mine))
    return last


def heads(session: Session, chains: Sequence[Chain], up_to_seq: dict[int, int] | None = None) -> list[Head]:
    """Return where each chain of each book ends, or ended at a sequence given per book id, by book and chain.

    A book that `up_to_seq` does not name is left out.
    """
    found = session.execute(
        text(
            "SELECT b.code, c.chain, s.position, s.hash FROM ledger.book b "
            "JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS k (book_id, seq) ON k.book_id = b.id "
            "CROSS JOIN unnest(CAST(:chains AS text[])) WITH ORDINALITY AS c (chain, rank) "
            "CROSS JOIN LATERAL (SELECT position, hash FROM ledger.seal WHERE book_id = b.id AND chain = c.chain "
            "AND seq <= k.seq ORDER BY seq DESC LIMIT 1) AS s ORDER BY b.id, c.rank"
        ),
        _known(session, up_to_seq) | {"chains": [chain.name for chain in chains]},
    )
    return [Head(book=BookCode(row.code), chain=row.chain, position=row.position, hash=row.hash) for row in found]


def _known(session: Session, up_to_seq: dict[int, int] | None) -> dict[str, list[int]]:
    known = dict.fromkeys(session.scalars(select(book.c.id)), END) if up_to_seq is None else up_to_seq
    return {"books": list(known), "seqs": list(known.values())}
