"""Questions about chains: rows as they are sealed, the seals themselves, and where chains end. All are read in pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text
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
    """A book with rows after its last seal, which is `last` (position 0 before the first one)."""

    book_id: int
    last: Seal
    upto_seq: int  # the book's sequence as committed: what is at or below it is committed too, or never will be


def pending(session: Session, chain: Chain) -> list[Pending]:
    """Return the books that have rows of a chain to seal, in order of their ids."""
    found = session.execute(
        text(
            "SELECT b.id, b.code, b.last_seq, s.position, coalesce(s.seq, 0) AS seq, s.hash FROM ledger.book b "
            "LEFT JOIN LATERAL (SELECT position, seq, hash FROM ledger.seal WHERE book_id = b.id AND chain = :chain "
            "ORDER BY position DESC LIMIT 1) AS s ON true "
            f"WHERE EXISTS (SELECT FROM {chain.table.fullname} r WHERE r.book_id = b.id AND r.seq > coalesce(s.seq, 0) "
            "AND r.seq <= b.last_seq) ORDER BY b.id"
        ),
        {"chain": chain.name},
    )
    return [
        Pending(row.id, Seal(row.position or 0, row.seq, row.hash or start(chain.name, BookCode(row.code))), row.last_seq)
        for row in found
    ]


def rows(session: Session, chain: Chain, book_id: int, after: int = -END, upto: int = END) -> Iterator[Row]:
    """Yield what stands in a chain's tables at the sequences (after, upto], in their order."""
    while True:
        heads = session.execute(
            text(
                f"SELECT r.seq, r.reference, {canonical_sql(chain.table, 'r')} FROM {chain.table.fullname} r "
                f"WHERE r.book_id = :book AND r.seq > :after AND r.seq <= :upto ORDER BY r.seq LIMIT {PIECE}"
            ),
            {"book": book_id, "after": after, "upto": upto},
        ).all()
        through = heads[-1].seq if len(heads) == PIECE else upto
        lines = _lines(session, chain, book_id, after, through)
        found = [Row(seq, reference, written + lines.pop(seq, "")) for seq, reference, written in heads]
        if lines:  # without what they are lines of
            found = sorted([*found, *(Row(seq, None, written) for seq, written in lines.items())], key=lambda row: row.seq)
        yield from found
        if through == upto:
            return
        after = through


def _lines(session: Session, chain: Chain, book_id: int, after: int, through: int) -> dict[int, str]:
    """Return the canonical text of lines by sequence, each sequence's in order of the lines."""
    if chain.lines is None:
        return {}
    found = session.execute(
        text(
            f"SELECT r.seq, string_agg({canonical_sql(chain.lines, 'r')}, '' ORDER BY r.line) FROM {chain.lines.fullname} r "
            "WHERE r.book_id = :book AND r.seq > :after AND r.seq <= :through GROUP BY r.seq"
        ),
        {"book": book_id, "after": after, "through": through},
    )
    return dict(found.tuples().all())


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
