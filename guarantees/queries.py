"""Questions to the pools: their terms, cash and load, and where claims stand."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.errors import NoPool
from guarantees.pool import COVERED_PRODUCTS, Pool
from guarantees.tables import claim, claim_event, pool
from ledger.books import BookKind, books
from ledger.limits import available
from loans.accrual import closed_seqs

NEVER = 2**63 - 1
"""A sequence that no book reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim with what has become of it; amounts in fen."""

    pool: Pool
    number: str
    loan_book_id: int
    loan_id: int
    basis_fen: int
    gov_fen: int
    filed_by: str
    approved_by: str | None
    paid_on: date | None
    cancelled: bool
    shared_fen: int  # of the borrower's payments, due to the pool
    passed_fen: int  # of that, passed to the pool
    lost_fen: int

    @property
    def state(self) -> str:
        """申请, 批准, 已代偿, 已核销 or 已撤销, as staff call it."""
        if self.cancelled:
            return "已撤销"
        if self.lost_fen:
            return "已核销"
        if self.paid_on:
            return "已代偿"
        return "批准" if self.approved_by else "申请"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a claim that was taken and not undone; `reference` names it in the pool's book."""

    reference: str
    kind: str
    value_date: date
    fen: int
    actor: str


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


def claim_numbered(session: Session, one: Pool, number: str) -> Claim | None:
    """Return the claim that bears a number in a pool's book."""
    return claims(session).get((one.book.id, number))


def claimed(session: Session, loan_book_id: int, loan_id: int) -> bool:
    """Tell whether a claim that was not cancelled names a loan."""
    found = claims(session).values()
    return any((c.loan_book_id, c.loan_id) == (loan_book_id, loan_id) and not c.cancelled for c in found)


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


def steps_of_claims(session: Session, known: Mapping[int, int] | None = None) -> dict[tuple[int, str], list[Step]]:
    """Return the steps of every claim in the order in which they were taken, by (book id, number); `known` as in `claims`."""
    found_rows = session.execute(select(claim_event).order_by(claim_event.c.book_id, claim_event.c.seq))
    rows = [row for row in found_rows if known is None or row.seq <= known[row.book_id]]
    undone = {(row.book_id, row.reference) for row in rows if row.kind == "undone"}
    found: dict[tuple[int, str], list[Step]] = {}
    for row in rows:
        if row.kind != "undone" and (row.book_id, f"{row.reference}/undone") not in undone:
            taken = Step(row.reference, row.kind, row.value_date, row.fen, row.actor)
            found.setdefault((row.book_id, row.number), []).append(taken)
    return found


def claims(session: Session, known: Mapping[int, int] | None = None) -> dict[tuple[int, str], Claim]:
    """Return all claims by (book id, number), those whose filing was undone left out; `known` is each book's last sequence."""
    all_pools = pools(session)
    taken = steps_of_claims(session, known)
    rows = session.execute(select(claim).order_by(claim.c.book_id, claim.c.number))
    return {
        (row.book_id, row.number): _claim(all_pools[(row.book_id, row.bank)], row, taken[(row.book_id, row.number)])
        for row in rows
        if any(step.kind == "filed" for step in taken.get((row.book_id, row.number), ()))
    }


def _claim(one: Pool, row: Row[Any], steps: Sequence[Step]) -> Claim:
    """Fold a claim's steps, one of which filed it."""
    first: dict[str, Step] = {}
    sums: Counter[str] = Counter()
    for step in steps:
        first.setdefault(step.kind, step)
        sums[step.kind] += step.fen
    return Claim(
        pool=one, number=row.number, loan_book_id=row.loan_book_id, loan_id=row.loan_id, basis_fen=first["filed"].fen,
        gov_fen=one.payout_fen(first["filed"].fen), filed_by=first["filed"].actor,
        approved_by=first["approved"].actor if "approved" in first else None,
        paid_on=first["paid"].value_date if "paid" in first else None, cancelled="cancelled" in first,
        shared_fen=sums["shared"], passed_fen=sums["passed"], lost_fen=sums["lost"],
    )  # fmt: skip
