"""What must tie in the compensation pools (accounting.md, tie 3)."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.claims.queries import claims
from guarantees.queries import covered, pools
from ledger.queries import NOTHING, turnovers
from ledger.ties import Check


def checks(session: Session) -> Iterator[Check]:
    """Yield the pools' checks: claims against accounts, the bank's side against the pool's, liability against principal."""
    accounts = (entries.ADVANCED, entries.APPROVED, entries.LIABILITY)
    held = turnovers(session, accounts=accounts, by=("bank",))
    all_claims = claims(session).values()
    closed = session.scalar(text("SELECT max(business_date) FROM loans.accrual_run"))
    load = covered(session, closed) if closed else {}
    for one in pools(session).values():
        mine = [c for c in all_claims if c.pool.book.id == one.book.id and c.pool.bank == one.bank and not c.cancelled]
        approved = sum(c.gov_fen for c in mine if c.approved_by)
        back = sum(min(c.passed_fen, c.gov_fen - c.lost_fen) for c in mine)
        expected = {
            entries.ADVANCED: approved - back - sum(c.lost_fen for c in mine),
            entries.APPROVED: -sum(c.gov_fen for c in mine if c.approved_by and not c.paid_on),
            entries.LIABILITY: load.get((one.book.county, one.bank), (0, 0))[1],
        }
        for account, fen in expected.items():
            found = held.get((one.book.id, account, one.bank), NOTHING).balance_fen
            yield Check(check=f"guarantees: {account} of {one.book.code}/{one.bank}", expected=str(fen), actual=str(found))
    yield _both_sides(session)
    yield _due_to_pools(session)


def _due_to_pools(session: Session) -> Check:
    """What the banks owe the pools of recoveries is what was shared and not passed on: 2241.01."""
    found = turnovers(session, accounts=[entries.DUE_TO_POOL])
    return Check(
        check="guarantees: recoveries shared and not passed on = 2241.01 of the banks",
        expected=str(sum(one.shared_fen - one.passed_fen for one in claims(session).values())),
        actual=str(-sum(turnover.balance_fen for turnover in found.values())),
    )


def _both_sides(session: Session) -> Check:
    """The pool's outstanding payouts are what the banks hold for it: 1036.01 − 2015.01 = 2241.02 + 2241.01."""
    found = turnovers(session, accounts=[entries.ADVANCED, entries.APPROVED, entries.RECEIVED, entries.DUE_TO_POOL])
    sums: dict[object, int] = {}
    for (_, account), turnover in found.items():
        sums[account] = sums.get(account, 0) + turnover.balance_fen
    pool_side = sums.get(entries.ADVANCED, 0) + sums.get(entries.APPROVED, 0)
    bank_side = -sums.get(entries.RECEIVED, 0) - sums.get(entries.DUE_TO_POOL, 0)
    after_loss = sum(
        max(0, c.shared_fen + c.lost_fen - c.gov_fen) - max(0, c.passed_fen + c.lost_fen - c.gov_fen)
        for c in claims(session).values()
        if c.lost_fen
    )
    return Check(
        check="guarantees: payouts outstanding at the pools = held for them at the banks",
        expected=str(pool_side + after_loss),
        actual=str(bank_side),
    )
