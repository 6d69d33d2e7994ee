"""The queue (排队): approved claims wait for a pool's money in order of approval, and each is paid whole or waits whole.

A pool pays no more than it has. The first in line that the cash does not cover holds back those behind it, small ones too:
who was approved first is paid first (docs/decisions/0044).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from guarantees.claims.claim import Claim
from guarantees.claims.queries import waiting_for_payment
from guarantees.entries import CASH, INTEREST_DUE
from guarantees.errors import ClaimRefused
from guarantees.pool import Pool
from ledger.limits import held
from ledger.money import yuan


@dataclass(frozen=True, slots=True)
class Place:
    """A claim's place in line, from 1; what the pool lacks to pay it and all before it, in fen, nought if it can."""

    number: int
    claim: Claim
    lacking_fen: int


def line(session: Session, one: Pool) -> list[Place]:
    """Return the approved claims of a pool that wait for money, in order of approval."""
    cash = held(session, one.book.id, CASH, one.bank) - held(session, one.book.id, INTEREST_DUE, one.bank)
    return _places(_waiting(session, one), cash)


def next_in_line(session: Session, one: Pool) -> Claim | None:
    """Return the claim that is to be paid first, None if none waits."""
    waiting = _waiting(session, one)
    return waiting[0] if waiting else None


def require_turn(session: Session, one: Claim) -> None:
    """Refuse to pay a claim before its turn, or of money that the pool has not got; the pool is held by the caller.

    Raises:
        ClaimRefused: another was approved before it and waits, or the pool's cash does not cover it.
    """
    found = line(session, one.pool)
    place = next((place for place in found if place.claim.number == one.number), None)
    if place is None:
        raise ClaimRefused(one.number, "不在排队之列")
    if place.number > 1:
        first = found[0].claim.number
        raise ClaimRefused(one.number, f"排队第 {place.number} 位，须先拨付 {first}（按批准先后）")
    if place.lacking_fen:
        raise ClaimRefused(one.number, f"风险补偿金余额不足，尚缺 {yuan(place.lacking_fen)} 元，须排队等候，整笔拨付")


def _waiting(session: Session, one: Pool) -> list[Claim]:
    return sorted(waiting_for_payment(session, one), key=_approved_at)


def _approved_at(one: Claim) -> int:
    return max(step.seq for step in one.steps if step.kind == "approved")


def _places(waiting: Sequence[Claim], cash_fen: int) -> list[Place]:
    made, wanted = [], 0
    for number, one in enumerate(waiting, 1):
        wanted += one.gov_fen
        made.append(Place(number, one, max(0, wanted - cash_fen)))
    return made
