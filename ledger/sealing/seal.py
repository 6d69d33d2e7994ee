"""Sealing (封签): chains what was committed since the last time. It takes no lock that a poster waits for."""

from collections.abc import Iterator, Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.sealing.chain import Chain, follow
from ledger.sealing.queries import Pending, pending, rows_between

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
    count = 0
    while spans := pending(session, chain):
        links = list(_links(session, chain, spans))
        books, positions, seqs, hashes = (list(column) for column in zip(*links, strict=True))
        session.execute(_INSERT, {"chain": chain.name, "books": books, "positions": positions, "seqs": seqs, "hashes": hashes})
        count += len(links)
    return count


def _links(session: Session, chain: Chain, spans: Sequence[Pending]) -> Iterator[_Link]:
    """Yield the seals of rows that have none. Lines that belong to nothing are none of them; `verify` names them."""
    found = rows_between(session, chain, [(one.book_id, one.last.seq, one.through) for one in spans])
    for one in spans:
        position, previous = one.last.position, one.last.hash
        for row in found[one.book_id]:
            if row.reference is not None:
                position, previous = position + 1, follow(previous, row.text)
                yield one.book_id, position, row.seq, previous
