"""Questions to the pools: their terms, cash and load, and where claims stand."""

from collections import Counter
from collections.abc import Iterable, Sequence
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


def covered(session: Session, closing: date | None = None) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (principal, liability) in fen by (county, bank) of loans that the pools cover and have not paid for.

    As known now, or as the loan books knew it when the night of `closing` accrued.
    """
    known = "s.known_to_seq IS NULL"
    if closing is not None:
        known = "s.known_from_seq <= a.closed_seq AND (s.known_to_seq IS NULL OR s.known_to_seq > a.closed_seq)"
    rows = session.execute(
        text(
            "WITH paid AS MATERIALIZED (SELECT p.book_id, p.loan_id, e.seq, coalesce(r.seq, :never) AS undone_seq "
            "  FROM ledger.posting p JOIN ledger.journal_entry e USING (book_id, seq) LEFT JOIN ledger.journal_entry r "
            "  ON r.book_id = e.book_id AND r.reverses_seq = e.seq WHERE p.account = :received "
            "  AND p.book_id IN (SELECT id FROM ledger.book WHERE kind = 'LB') AND e.kind = 'guarantees.received' "
            "  AND e.reverses_seq IS NULL) "
            "SELECT b.county, b.bank, sum(s.principal_fen)::bigint AS principal, "
            "sum(round(s.principal_fen * p.share_ppb::numeric / 1000000000))::bigint AS liability "
            "FROM loans.standing s JOIN ledger.book b ON b.id = s.book_id "
            "LEFT JOIN loans.accrual_run a ON a.book_id = s.book_id AND a.business_date = CAST(:closing AS date) "
            "JOIN ledger.book r ON r.kind = 'RCF' AND r.county = b.county "
            "JOIN guarantees.pool p ON p.book_id = r.id AND p.bank = b.bank "
            f"WHERE {known} AND s.product = ANY(:products) AND s.principal_fen > 0 "
            "AND NOT EXISTS (SELECT FROM loans.loan l WHERE l.book_id = s.book_id AND l.id = s.loan_id AND NOT l.covered) "
            "AND NOT EXISTS (SELECT FROM paid "
            "  WHERE paid.book_id = s.book_id AND paid.loan_id = s.loan_id AND paid.seq <= coalesce(a.closed_seq, :never - 1) "
            "  AND paid.undone_seq > coalesce(a.closed_seq, :never - 1)) "
            "GROUP BY b.county, b.bank"
        ),
        {"products": list(COVERED_PRODUCTS), "closing": closing, "received": entries.RECEIVED, "never": NEVER},
    )
    return {(row.county, row.bank): (row.principal, row.liability) for row in rows}


def steps_of_claims(session: Session) -> dict[tuple[int, str], list[Step]]:
    """Return the steps of every claim in the order in which they were taken, by (book id, number)."""
    rows = session.execute(select(claim_event).order_by(claim_event.c.book_id, claim_event.c.seq)).all()
    undone = {(row.book_id, row.reference) for row in rows if row.kind == "undone"}
    found: dict[tuple[int, str], list[Step]] = {}
    for row in rows:
        if row.kind != "undone" and (row.book_id, f"{row.reference}/undone") not in undone:
            taken = Step(row.reference, row.kind, row.value_date, row.fen, row.actor)
            found.setdefault((row.book_id, row.number), []).append(taken)
    return found


def claims(session: Session) -> dict[tuple[int, str], Claim]:
    """Return all claims by (book id, number), those whose filing was undone left out."""
    all_pools = pools(session)
    taken = steps_of_claims(session)
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
