"""What must tie in the compensation pools (accounting.md, tie 3)."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.advance import open_advances
from guarantees.claims.queries import claims
from guarantees.fuse import Happened, history
from guarantees.guarantors import dues
from guarantees.queries import NO_LOAD, loads, pools
from ledger.queries import NOTHING, turnovers
from ledger.ties import Check


def checks(session: Session) -> Iterator[Check]:
    """Yield the pools' checks: claims against accounts, the bank's side against the pool's, liability against principal."""
    accounts = (entries.ADVANCED, entries.APPROVED, entries.LIABILITY)
    held = turnovers(session, accounts=accounts, by=("bank",))
    all_claims = claims(session).values()
    closed = session.scalar(text("SELECT max(business_date) FROM loans.accrual_run"))
    load = loads(session, closed) if closed else {}
    for one in pools(session, closed).values():
        mine = [c for c in all_claims if c.pool.book.id == one.book.id and c.pool.bank == one.bank and not c.cancelled]
        approved = sum(c.gov_fen for c in mine if c.approved_by)
        back = sum(min(c.passed_fen, c.gov_fen - c.lost_fen) for c in mine)
        expected = {
            entries.ADVANCED: approved - back - sum(c.lost_fen for c in mine),
            entries.APPROVED: -sum(c.gov_fen for c in mine if c.approved_by and not c.paid_on),
            entries.LIABILITY: load.get((one.book.id, one.bank), NO_LOAD).liability_fen,
        }
        for account, fen in expected.items():
            found = held.get((one.book.id, account, one.bank), NOTHING).balance_fen
            yield Check(check=f"guarantees: {account} of {one.book.code}/{one.bank}", expected=str(fen), actual=str(found))
    yield from _advances(session)
    yield _both_sides(session)
    yield from _treasury(session)
    yield from _guarantors(session)
    yield _fuses(session)
    yield _due_to_pools(session)


_INTEREST = ("fund.interest", "fund.remitted")


def _treasury(session: Session) -> Iterator[Check]:
    """What is due to the treasury is the interest that was booked so less what was remitted, bank by bank, never below nought."""
    held = turnovers(session, accounts=[entries.INTEREST_DUE], by=("bank",))
    moved = turnovers(session, accounts=[entries.INTEREST_DUE], entry_kinds=_INTEREST, by=("bank",))
    for key in sorted(held, key=str):
        expected = -moved.get(key, NOTHING).balance_fen
        name = f"guarantees: {entries.INTEREST_DUE} of book {key[0]}/{key[2]}"
        yield Check(check=name, expected=str(max(0, expected)), actual=str(-held[key].balance_fen))


def _guarantors(session: Session) -> Iterator[Check]:
    """What other guarantors paid stands in the banks' books, and none paid more than its part."""
    found = dues(session)
    kinds = turnovers(session, accounts=[entries.PROVISION], entry_kinds=["guarantees.guarantor"])
    yield Check(
        check="guarantees: received from other guarantors = booked at the banks",
        expected=str(sum(due.received_fen for due in found)), actual=str(-sum(one.balance_fen for one in kinds.values())),
    )  # fmt: skip
    over = sum(due.open_fen < 0 for due in found)
    yield Check(check="guarantees: guarantors who paid more than their part", expected="0", actual=str(over))


def _fuses(session: Session) -> Check:
    """A suspension ends only by a lifting that one person asked for and another granted."""
    wrong = 0
    for one in pools(session).values():
        events = history(session, one)
        for before, now in zip([None, *events], events, strict=False):
            asked = before is not None and before.kind is Happened.ASKED
            lifted = now.kind is Happened.LIFTED
            unlifted = before is not None and before.suspends and not now.suspends and not lifted
            wrong += unlifted or (lifted and (before is None or not asked or before.actor == now.actor))
    return Check(check="guarantees: suspensions that ended without a decision of two people", expected="0", actual=str(wrong))


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


def _advances(session: Session) -> Iterator[Check]:
    """1036.02 of every pool is its open advances, and no loan has got back more than it was advanced."""
    opened = open_advances(session)
    held = turnovers(session, accounts=[entries.INSTALMENTS_ADVANCED], by=("bank",))
    for key, one in pools(session).items():
        expected = sum(loans.get(key, 0) for loans in opened.values())
        found = held.get((one.book.id, entries.INSTALMENTS_ADVANCED, one.bank), NOTHING).balance_fen
        check = f"guarantees: {entries.INSTALMENTS_ADVANCED} of {one.book.code}/{one.bank} = open advances"
        yield Check(check=check, expected=str(expected), actual=str(found))
    below = sum(fen < 0 for loans in opened.values() for fen in loans.values())
    yield Check(check="guarantees: loans that refilled more than they were advanced", expected="0", actual=str(below))
