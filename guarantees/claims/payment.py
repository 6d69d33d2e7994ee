"""Approval (财政审批) and payment (拨付) of a claim: one who neither filed nor checked approves, another one pays."""

from datetime import date

from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.claims.claim import Claim, State
from guarantees.claims.recording import dims, held, post, record, require_same_debt
from guarantees.errors import ClaimRefused
from guarantees.queue import require_turn
from loans.events import Repaid, in_effect
from loans.queries import contracts, events_of


def approve(session: Session, one: Claim, day: date, actor: str) -> None:
    """Approve a claim; never by who filed or checked it. The amount is recomputed: the borrower may have paid meanwhile.

    Raises:
        ClaimRefused: same person, wrong state, or the debt is no longer what was claimed.
        FutureDate: the day has not come (so for every step of a claim).
    """
    one = held(session, one, day, actor)
    if actor == one.filed_by:
        raise ClaimRefused(one.number, "申请人不能批准自己的申请")
    if actor == one.checked_by:
        raise ClaimRefused(one.number, "审核人不能批准自己审核的申请")
    if one.state is not State.CHECKED:
        raise ClaimRefused(one.number, f"状态为{one.state}，不能批准")
    require_same_debt(session, one)
    record(session, one.pool, one.number, "approved", day, one.gov_fen, actor)
    lines = entries.claim_approved(one.gov_fen, dims(one.pool))
    post(session, one.pool.book.code, one.number, "approved", day, "批准代偿", lines, actor)


def pay(session: Session, one: Claim, day: date, actor: str) -> None:
    """Pay an approved claim from the pool, by another person than approved it; the bank receives it the same day.

    Raises:
        ClaimRefused: it is not approved, the debt is no longer what was claimed, another waits before it, or the pool has not got
            the money.
    """
    one = held(session, one, day, actor)
    if one.state is not State.APPROVED:
        raise ClaimRefused(one.number, f"状态为{one.state}，不能拨付")
    if actor == one.approved_by:
        raise ClaimRefused(one.number, "批准人不能办理拨付")
    require_same_debt(session, one)
    paid = [event.value_date for event in in_effect(events_of(session, [one.loan])[one.loan]) if isinstance(event, Repaid)]
    if max(paid, default=date.min) >= day:
        raise ClaimRefused(one.number, f"借款人于 {max(paid)} 有还款，请在其后的日期办理拨付")
    require_turn(session, one)
    loan = contracts(session, [one.loan])[one.loan]
    record(session, one.pool, one.number, "paid", day, one.gov_fen, actor)
    lines = entries.claim_paid(one.gov_fen, dims(one.pool))
    post(session, one.pool.book.code, one.number, "paid", day, "拨付代偿款", lines, actor)
    received = entries.payout_received(one.gov_fen, loan.dimensions)
    post(session, loan.book, one.number, "paid", day, "收到风险补偿款", received, actor, kind="received")
