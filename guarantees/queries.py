"""Questions to the pools: their terms, cash and load."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import exists, select, text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.errors import NoPool
from guarantees.pool import COVERED_PRODUCTS, Pool
from guarantees.tables import pool_terms
from guarantees.terms import Advances, InterestTo, LossBasis, PoolTerms, RecoveryOrder, Share, in_force
from ledger.books import BookKind, books
from ledger.business_day import peek
from ledger.calendar import DAY
from ledger.limits import available
from loans.accrual import closed_seqs

Place = tuple[str, str]
"""(county, bank)."""
NEVER = 2**63 - 1
"""A sequence that no book reaches."""


def pools(session: Session, day: date | None = None) -> dict[tuple[int, str], Pool]:
    """Return all pools by (book id, bank), with the terms in force on a day, by default the business date."""
    mine = {book.id: book for book in books(session, BookKind.COMPENSATION)}
    on = day or peek(session) or date.max
    return {
        key: Pool(book=mine[key[0]], bank=key[1], terms=in_force(found, on)) for key, found in terms_of_pools(session).items()
    }


def terms_of_pools(session: Session) -> dict[tuple[int, str], list[PoolTerms]]:
    """Return all terms ever agreed and not withdrawn, by (book id, bank), in the order in which they were booked."""
    rows = session.execute(select(pool_terms).order_by(pool_terms.c.book_id, pool_terms.c.bank, pool_terms.c.seq)).all()
    withdrawn = {(row.book_id, row.withdraws_seq) for row in rows}
    found: dict[tuple[int, str], list[PoolTerms]] = {}
    for row in rows:
        if row.withdraws_seq is None and (row.book_id, row.seq) not in withdrawn:
            found.setdefault((row.book_id, row.bank), []).append(_terms(row))
    return found


def any_terms_begin(session: Session, day: date) -> bool:
    """Tell whether terms of any pool begin on a day."""
    return bool(session.scalar(select(exists().where(pool_terms.c.from_date == day))))


def _terms(row: Row[Any]) -> PoolTerms:
    return PoolTerms(
        from_date=row.from_date, shares=tuple(Share(*one) for one in row.shares), leverage=row.leverage,
        claim_after_days=row.claim_after_days, approval=row.approval, warn_ppb=row.warn_ppb, fuse_ppb=row.fuse_ppb,
        worse_ppb=row.worse_ppb, loss_basis=LossBasis(row.loss_basis), recovery_order=RecoveryOrder(row.recovery_order),
        pass_on_days=row.pass_on_days, advances=Advances(row.advances), interest=InterestTo(row.interest), document=row.document,
        reason=row.reason, seq=row.seq, actor=row.actor,
    )  # fmt: skip


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


def behind_loans(session: Session, day: date | None = None) -> dict[Place, Pool]:
    """Return, by (county, bank), the pool that stands behind the loans there: the one that was begun first.

    Another fund's pool beside it, such as a 光伏保障金, covers no loans.
    """
    found: dict[Place, Pool] = {}
    for one in pools(session, day).values():
        found.setdefault((one.book.county, one.bank), one)
    return found


def pool_at(session: Session, county: str, bank: str, day: date | None = None) -> Pool:
    """Return the pool between a county and a bank, with the terms in force on a day, by default the business date.

    Raises:
        NoPool: there is none.
    """
    one = behind_loans(session, day).get((county, bank))
    if one is None:
        raise NoPool(county, bank)
    return one


def available_fen(session: Session, one: Pool) -> int:
    """Return a pool's cash less what is approved and not yet paid."""
    return available(session, one.book.id, one.bank)


_STILL = """
SELECT s.book_id, s.loan_id, s.principal_fen, s.oldest_due FROM loans.standing s
  JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS k (book_id, seq) USING (book_id)
 WHERE s.known_to_seq IS NULL AND s.known_from_seq + 0 <= k.seq AND s.principal_fen > 0 AND s.product = ANY(:products)
"""
"""Principal that the books knew at their sequences and know now. Nearly all was known by then: adding nothing keeps the planner
from looking for it along the sequence, past all closed loans."""

_THEN = """
SELECT s.book_id, s.loan_id, s.principal_fen, s.oldest_due
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
    SELECT book_id, principal_fen, coalesce(oldest_due < CAST(:bad AS date), false) AS bad, true AS whole, count(*) AS loans
      FROM ({_STILL}) AS known GROUP BY book_id, principal_fen, bad
     UNION ALL
    SELECT book_id, principal_fen, coalesce(oldest_due < CAST(:bad AS date), false) AS bad, true, count(*)
      FROM ({_THEN}) AS known GROUP BY book_id, principal_fen, bad
     UNION ALL
    SELECT book_id, principal_fen, false, false, -count(*) FROM ({_STILL} UNION ALL {_THEN}) AS known
      JOIN uncovered USING (book_id, loan_id) GROUP BY book_id, principal_fen
)
SELECT c.book_id, sum(c.principal_fen * c.loans)::bigint AS principal,
       sum(round(c.principal_fen * h.share_ppb::numeric / 1000000000) * c.loans)::bigint AS liability,
       coalesce(sum(c.principal_fen * c.loans) FILTER (WHERE c.whole), 0)::bigint AS outstanding,
       coalesce(sum(c.principal_fen * c.loans) FILTER (WHERE c.whole AND c.bad), 0)::bigint AS npl
  FROM counted c JOIN unnest(CAST(:books AS bigint[]), CAST(:shares AS bigint[])) AS h (book_id, share_ppb) USING (book_id)
 GROUP BY c.book_id
"""
"""Of all loans, less those that no pool covers or has paid for; each loan's liability is rounded, equal ones at once. What is
outstanding and what of it is bad leaves nobody out: a payout mends no loan."""

NPL_DAYS = 90
"""A loan overdue for longer is bad (不良), with all of its principal."""


class Load(NamedTuple):
    """What stands behind a pool, in fen: covered principal, the pool's liability; all principal, and what of it is bad."""

    principal_fen: int
    liability_fen: int
    outstanding_fen: int
    npl_fen: int


NO_LOAD = Load(0, 0, 0, 0)
Loads = Mapping[tuple[int, str], Load]
"""What stands behind pools, by their book's id and their bank; behind all others is nothing."""


def loads(session: Session, closing: date | None = None) -> Loads:
    """Return what stands behind the pools, as known now, or as the loan books knew it when the night of `closing` accrued."""
    behind = behind_loans(session, closing)
    known = None if closing is None else closed_seqs(session, closing)
    homes = {
        book.id: behind[book.county, book.bank]
        for book in books(session, BookKind.LOANS)
        if book.bank and (book.county, book.bank) in behind and (known is None or book.id in known)
    }
    day = closing or peek(session) or date.max
    values = {
        "books": list(homes), "seqs": [NEVER if known is None else known[book_id] for book_id in homes],
        "shares": [one.share_ppb for one in homes.values()], "products": list(COVERED_PRODUCTS), "received": entries.RECEIVED,
        "bad": day - NPL_DAYS * DAY,
    }  # fmt: skip
    rows = session.execute(text(_COVERED), values)
    return {
        (homes[row.book_id].book.id, homes[row.book_id].bank): Load(row.principal, row.liability, row.outstanding, row.npl)
        for row in rows
        if row.outstanding
    }
