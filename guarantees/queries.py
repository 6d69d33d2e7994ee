"""Questions to the pools: their terms, cash and load."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.errors import NoPool
from guarantees.pool import COVERED_PRODUCTS, Pool
from guarantees.tables import pool
from ledger.books import BookKind, books
from ledger.limits import available
from loans.accrual import closed_seqs

NEVER = 2**63 - 1
"""A sequence that no book reaches."""


def pools(session: Session) -> dict[tuple[int, str], Pool]:
    """Return all pools by (book id, bank)."""
    mine = {book.id: book for book in books(session, BookKind.COMPENSATION)}
    return {
        (row.book_id, row.bank): Pool(
            book=mine[row.book_id], bank=row.bank, share_ppb=row.share_ppb, leverage=row.leverage,
            claim_after_days=row.claim_after_days,
        )
        for row in session.execute(select(pool).order_by(pool.c.book_id, pool.c.bank))
    }  # fmt: skip


def lock(session: Session, held: Iterable[Pool]) -> None:
    """Hold pools until the transaction ends, in one order for everybody."""
    keys = sorted((one.book.id, one.bank) for one in held)
    session.execute(
        text(
            "SELECT FROM guarantees.pool p JOIN unnest(CAST(:ids AS bigint[]), CAST(:banks AS text[])) AS k (book_id, bank) "
            "USING (book_id, bank) ORDER BY p.book_id, p.bank FOR NO KEY UPDATE OF p"
        ),
        {"ids": [book_id for book_id, _ in keys], "banks": [bank for _, bank in keys]},
    )


def pool_at(session: Session, county: str, bank: str) -> Pool:
    """Return the pool between a county and a bank.

    Raises:
        NoPool: there is none.
    """
    for one in pools(session).values():
        if (one.book.county, one.bank) == (county, bank):
            return one
    raise NoPool(county, bank)


def available_fen(session: Session, one: Pool) -> int:
    """Return a pool's cash less what is approved and not yet paid."""
    return available(session, one.book.id, one.bank)


_STILL = """
SELECT s.book_id, s.loan_id, s.principal_fen FROM loans.standing s
  JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS k (book_id, seq) USING (book_id)
 WHERE s.known_to_seq IS NULL AND s.known_from_seq + 0 <= k.seq AND s.principal_fen > 0 AND s.product = ANY(:products)
"""
"""Principal that the books knew at their sequences and know now. Nearly all was known by then: adding nothing keeps the planner
from looking for it along the sequence, past all closed loans."""

_THEN = """
SELECT s.book_id, s.loan_id, s.principal_fen
  FROM unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS k (book_id, seq)
 CROSS JOIN LATERAL (
    SELECT * FROM loans.standing t WHERE t.book_id = k.book_id AND t.known_to_seq > k.seq ORDER BY t.known_to_seq OFFSET 0
 ) AS s
 WHERE s.known_from_seq <= k.seq AND s.principal_fen > 0 AND s.product = ANY(:products)
"""
"""Principal that ceased to be known since."""

_COVERED = f"""
WITH paid AS (
    SELECT p.book_id, p.loan_id FROM unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS k (book_id, seq)
      JOIN ledger.posting p ON p.book_id = k.book_id AND p.account = :received AND p.seq <= k.seq
      JOIN ledger.journal_entry e ON e.book_id = p.book_id AND e.seq = p.seq
      LEFT JOIN ledger.journal_entry r ON r.book_id = e.book_id AND r.reverses_seq = e.seq AND r.seq <= k.seq
     WHERE e.kind = 'guarantees.received' AND e.reverses_seq IS NULL AND r.seq IS NULL
), uncovered AS (
    SELECT book_id, loan_id FROM paid UNION SELECT book_id, id FROM loans.loan WHERE NOT covered
), counted AS (
    SELECT book_id, principal_fen, count(*) AS loans FROM ({_STILL}) AS known GROUP BY book_id, principal_fen
     UNION ALL
    SELECT book_id, principal_fen, count(*) FROM ({_THEN}) AS known GROUP BY book_id, principal_fen
     UNION ALL
    SELECT book_id, principal_fen, -count(*) FROM ({_STILL} UNION ALL {_THEN}) AS known JOIN uncovered USING (book_id, loan_id)
     GROUP BY book_id, principal_fen
)
SELECT c.book_id, sum(c.principal_fen * c.loans)::bigint AS principal,
       sum(round(c.principal_fen * h.share_ppb::numeric / 1000000000) * c.loans)::bigint AS liability
  FROM counted c JOIN unnest(CAST(:books AS bigint[]), CAST(:shares AS bigint[])) AS h (book_id, share_ppb) USING (book_id)
 GROUP BY c.book_id
"""
"""Of all loans, less those that no pool covers or has paid for; each loan's liability is rounded, equal ones at once."""


def covered(session: Session, closing: date | None = None) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (principal, liability) in fen by (county, bank) of loans that the pools cover and have not paid for.

    As known now, or as the loan books knew it when the night of `closing` accrued.
    """
    shares = {(one.book.county, one.bank): one.share_ppb for one in pools(session).values()}
    known = None if closing is None else closed_seqs(session, closing)
    homes = {
        book.id: (book.county, book.bank)
        for book in books(session, BookKind.LOANS)
        if book.bank and (book.county, book.bank) in shares and (known is None or book.id in known)
    }
    values = {
        "books": list(homes), "seqs": [NEVER if known is None else known[book_id] for book_id in homes],
        "shares": [shares[home] for home in homes.values()], "products": list(COVERED_PRODUCTS), "received": entries.RECEIVED,
    }  # fmt: skip
    rows = session.execute(text(_COVERED), values)
    return {homes[row.book_id]: (row.principal, row.liability) for row in rows if row.principal}
