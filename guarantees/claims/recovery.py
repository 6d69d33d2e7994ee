"""Recovery (追偿): what is collected after a payout is shared in its ratio, net of cost, and passed to the pool in time.

Cost is recovered first; once the pool has its payout back, the rest is the bank's, and what the borrower did not owe his own.
"""

from collections import Counter
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.claims.claim import SYSTEM, Claim, Key
from guarantees.claims.queries import claims
from guarantees.claims.receivable import shared_by_day
from guarantees.claims.recording import dims, held, post, record
from guarantees.errors import ClaimRefused
from ledger.journal import merged
from ledger.money import yuan
from loans.contract import Contract
from loans.life import Life
from loans.movements import PaidIn, RecoveredAfterWriteOff
from loans.quarantine.queries import set_aside_now
from loans.queries import contracts, horizon_now, lives

_TOUCHED = """
WITH known AS (
    SELECT b.id AS book_id, coalesce(max(r.closed_seq), -1) AS seq FROM ledger.book b
      LEFT JOIN loans.accrual_run r ON r.book_id = b.id AND r.business_date < :closing
     WHERE b.id IN (SELECT DISTINCT loan_book_id FROM guarantees.claim) GROUP BY b.id
), touched AS (
    SELECT e.book_id, e.loan_id FROM known k JOIN loans.event e ON e.book_id = k.book_id AND e.seq > k.seq
     UNION
    SELECT book_id, loan_id FROM loans.quarantine
)
SELECT c.book_id, c.number FROM touched t
  JOIN guarantees.claim c ON c.loan_book_id = t.book_id AND c.loan_id = t.loan_id
 WHERE EXISTS (SELECT FROM guarantees.claim_event p WHERE p.book_id = c.book_id AND p.number = c.number AND p.kind = 'paid')
 ORDER BY c.book_id, c.number
"""
"""Claims of loans to which something happened that the last night did not know, or that ever were set aside: no other's share
can have changed.
"""


def share_recoveries(session: Session, closing: date) -> int:
    """In the night: of what borrowers paid after a payout, make the pool's share due to it (E6); return the fen shared."""
    touched: list[Key] = [(row.book_id, row.number) for row in session.execute(text(_TOUCHED), {"closing": closing})]
    paid = [one for one in claims(session, touched).values() if one.paid_on]
    aside = {one.key for one in set_aside_now(session, {one.loan for one in paid})} if paid else set()
    mine = [one for one in paid if one.loan not in aside]
    keys = {one.loan for one in mine}
    found = lives(session, keys, horizon_now(session))
    loans = contracts(session, keys)
    return sum(share(session, one, loans[one.loan], found[one.loan], closing, f"shared/{closing}") for one in mine)


def share(session: Session, one: Claim, loan: Contract, life: Life, day: date, step: str) -> int:
    """Bring what is due to the pool to its share of what was collected, by the day of collection; return the fen added."""
    recorded = shared_by_day(one)
    wanted = _shares(one, life)
    changed = [(when, wanted[when] - recorded[when]) for when in sorted({*wanted, *recorded}) if wanted[when] != recorded[when]]
    for number, (collected, fen) in enumerate(changed, start=1):
        name = step if number == 1 else f"{step}#{number}"
        record(session, one.pool, one.number, name, day, fen, SYSTEM, collected_on=collected)
        if not one.lost_fen:
            lines = entries.recovery_shared(fen, loan.dimensions)
            post(session, loan.book, one.number, name, day, "追偿款分成", lines, SYSTEM)
    return sum(fen for _, fen in changed)


def pass_on(session: Session, one: Claim, reference: str, day: date, fen: int, actor: str) -> bool:
    """Pass a recovery to the pool (追偿划回), due within the working days that were agreed; tell whether it is new.

    Raises:
        ClaimRefused: no serial number, one used for something else, or more than is due to the pool.
        FutureDate: the day has not come.
    """
    one = held(session, one, day, actor)
    if not reference:
        raise ClaimRefused(one.number, "划回须有流水号")
    step = f"passed/{reference}"
    name = f"{one.number}/{step}"
    known = next((taken for taken in one.steps if taken.reference.partition("~")[0] == name), None)
    if known is not None:
        if (known.value_date, known.fen) != (day, fen):
            raise ClaimRefused(one.number, f"流水号 {reference} 已用于另一笔划回")
        return False
    loan = contracts(session, [one.loan])[one.loan]
    due = one.shared_fen - one.passed_fen
    if not 0 < fen <= due:
        raise ClaimRefused(one.number, f"应划回 {yuan(due)} 元，申报 {yuan(fen)} 元")
    record(session, one.pool, one.number, step, day, fen, actor)
    lines = entries.recovery_passed(fen, loan.dimensions)
    post(session, loan.book, one.number, step, day, "划回追偿款", lines, actor)
    after_loss = fen - min(fen, max(0, one.gov_fen - one.lost_fen - one.passed_fen))
    bears = dims(one.pool)
    got = [*entries.recovery_received(fen - after_loss, bears), *entries.recovered_after_loss(after_loss, bears)]
    post(session, one.pool.book.code, one.number, step, day, "收回代偿款", merged(got), actor)
    return True


def _shares(one: Claim, life: Life) -> Counter[date]:
    """Return the pool's share by day of collection: of all that was collected after the payout, net of cost, in its ratio, and
    no more than its payout together.
    """
    found: Counter[date] = Counter()
    net = after_loss = before = 0
    for movement in life.movements:
        if one.paid_on is None or movement.value_date < one.paid_on:
            continue
        if isinstance(movement, PaidIn):
            net += movement.paid.total_fen + movement.overdue_fen + movement.normal_fen
        elif isinstance(movement, RecoveredAfterWriteOff):
            after_loss += movement.pool_fen
        now = min(one.gov_fen, one.pool.recovered_fen(net, one.basis_fen) + after_loss)
        found[movement.value_date] += now - before
        before = now
    return found
