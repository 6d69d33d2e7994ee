"""Sealing (封签): chains what was committed since the last time. It takes no lock that a poster waits for."""

from collections.abc import Iterator, Sequence
from itertools import islice

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.sealing.chain import Chain, follow
from ledger.sealing.queries import PIECE, pending, rows

LOCK = 0x73_65_61_6C

_Link = tuple[int, int, int, bytes]
"""A new seal: book id, position, sequence, hash."""

_INSERT = text(
    "INSERT INTO ledger.seal (book_id, chain, position, seq, hash) SELECT book_id, :chain, position, seq, hash "
    "FROM unnest(CAST(:books AS bigint[]), CAST(:positions AS bigint[]), CAST(:seqs AS bigint[]), CAST(:hashes AS bytea[])) "
    "AS made (book_id, position, seq, hash)"
)


def seal(session: Session, chains: Sequence[Chain]) -> dict[str, int]:
    """Seal every committed row that is not sealed yet, in all books, and return how many by chain.

    A second sealer waits for the first to end, and goes on where that one left off.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    return {chain.name: count for chain in chains if (count := _seal_chain(session, chain))}


def _seal_chain(session: Session, chain: Chain) -> int:
    links, count = _links(session, chain), 0
    while piece := list(islice(links, PIECE)):
        books, positions, seqs, hashes = (list(column) for column in zip(*piece, strict=True))
        session.execute(_INSERT, {"chain": chain.name, "books": books, "positions": positions, "seqs": seqs, "hashes": hashes})
        count += len(piece)
    return count


def _links(session: Session, chain: Chain) -> Iterator[_Link]:
    """Yield the seals of a chain that are to be made. Lines that belong to nothing are none of it; `verify` names them."""
    for one in pending(session, chain):
        position, previous = one.last.position, one.last.hash
        for row in rows(session, chain, one.book_id, one.last.seq, one.upto_seq):
            if row.reference is not None:
                position, previous = position + 1, follow(previous, row.text)
                yield one.book_id, position, row.seq, previous
