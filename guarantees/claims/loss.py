"""Loss (核销): what neither came back nor will is given up, the pool's part and the bank's; both keep it on record."""

from datetime import date

from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.claims.claim import Claim
from guarantees.claims.queries import records_of
from guarantees.claims.recording import dims, held, life_of, post, record
from guarantees.claims.recovery import share
from guarantees.errors import ClaimRefused
from ledger.money import yuan
from loans import servicing
from loans.queries import contracts, free_references


def write_off(session: Session, one: Claim, day: date, actor: str) -> None:
    """Confirm the loss (核销): the pool loses what is not recovered, the bank the rest.

    Raises:
        ClaimRefused: it is not paid, already lost, filed by the same person, or the bank has passed on more than was collected.
        EventRefused: the loan is not non-accrual.
    """
    one = held(session, one, day, actor)
    if one.paid_on is None or one.lost_fen:
        raise ClaimRefused(one.number, f"状态为{one.state}，不能核销")
    if actor == one.filed_by:
        raise ClaimRefused(one.number, "申请人不能核销自己的申请")
    loan = contracts(session, [one.loan])[one.loan]
    shared = one.shared_fen + share(
        session, one, loan, life_of(session, one), day, f"shared/{day}/{records_of(session, one.key)}"
    )
    if one.passed_fen > shared:
        raise ClaimRefused(one.number, f"已划回 {yuan(one.passed_fen)} 元，应划回 {yuan(shared)} 元，请先撤销多划部分的导入")
    lost = one.gov_fen - shared
    if not lost:
        raise ClaimRefused(one.number, "代偿款已全部收回，没有可核销的损失")
    key = (loan.book_id, f"{loan.contract}/written-off")
    reference = free_references(session, [key])[key]
    servicing.write_off(session, loan, reference, day, actor, pool_fen=lost, pool_share_ppb=one.pool.share_ppb)
    record(session, one.pool, one.number, "lost", day, lost, actor)
    lines = entries.loss_confirmed(lost, dims(one.pool))
    post(session, one.pool.book.code, one.number, "lost", day, "核销代偿损失", lines, actor)
