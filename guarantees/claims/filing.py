"""Filing (申请代偿) and withdrawal (撤销): a bank asks for its loss once the debtor was dunned and the papers are there."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.claims.claim import Claim, State
from guarantees.claims.papers import missing, papers_of
from guarantees.claims.queries import claim_numbered, claimed, claims
from guarantees.claims.recording import basis_fen, dims, held, post, record, require_person
from guarantees.claims.rules import rule_on
from guarantees.errors import ClaimRefused, NoPool
from guarantees.pool import COVERED_PRODUCTS, Pool
from guarantees.queries import lock, pool_at
from guarantees.tables import claim
from ledger.business_day import business_date_from
from loans.contract import Contract
from loans.life import Life
from loans.queries import horizon_now, lives
from loans.suspicions.dunnings import Demand, demands, limitation_of
from loans.suspicions.limitation import Limitation


def file(session: Session, contract: Contract, number: str, day: date, actor: str) -> Claim:
    """File a claim (代偿申请) for a loan more than the agreed days past due; one filed already stays as it is.

    One that was returned is filed again under its number, for the debt as it is by then.

    Raises:
        NoPool: county and bank have none, or the product is not covered.
        ClaimRefused: not overdue long enough, not covered, claimed before, the number is another loan's, dunned too few times,
            lapsed, or papers are missing.
        FutureDate: the day has not come.
    """
    business_date_from(session, [day])
    require_person(number, actor)
    if contract.product not in COVERED_PRODUCTS:
        raise NoPool(contract.county, contract.bank)
    if not contract.covered:
        raise ClaimRefused(number, f"借据 {contract.contract} 不在风险补偿范围内")
    one = pool_at(session, contract.county, contract.bank, day)
    lock(session, [one])
    known = claim_numbered(session, one, number)
    if known is not None:
        _require_its_own(contract, known)
        if not known.returned:
            return known
        held(session, known, day, actor)
    elif claimed(session, *contract.key):
        raise ClaimRefused(number, f"借据 {contract.contract} 已申请过代偿")
    life = lives(session, [contract.key], horizon_now(session))[contract.key]
    past_due = life.standing.days_past_due(day)
    if past_due <= one.claim_after_days:
        raise ClaimRefused(number, f"借据 {contract.contract} 逾期 {past_due} 天，须超过 {one.claim_after_days} 天")
    _require_proof(session, one, contract, life, number, day)
    names = {"bank": one.bank, "loan_book_id": contract.book_id, "loan_id": contract.id}
    named = upsert(claim).values(book_id=one.book.id, number=number, **names)
    session.execute(named.on_conflict_do_update(index_elements=["book_id", "number"], set_=names))
    record(session, one, number, _next_step(known), day, basis_fen(life, one.terms.loss_basis, day), actor)
    return claims(session, [(one.book.id, number)])[(one.book.id, number)]


def cancel(session: Session, one: Claim, day: date, actor: str, reason: str = "") -> None:
    """Cancel a claim before payment, because the borrower paid or the bank withdrew it.

    Raises:
        ClaimRefused: it is already paid or ended.
    """
    one = held(session, one, day, actor)
    if one.state not in (State.FILED, State.RETURNED, State.CHECKED, State.APPROVED):
        raise ClaimRefused(one.number, f"状态为{one.state}，不能撤销")
    record(session, one.pool, one.number, "cancelled", day, one.gov_fen, actor, note=reason)
    if one.state is State.APPROVED:
        red = entries.claim_approved(-one.gov_fen, dims(one.pool))
        post(session, one.pool.book.code, one.number, "cancelled", day, "撤销代偿", red, actor)


def valid_dunnings(found: Sequence[Demand], since: date, until: date, standing: Limitation) -> list[Demand]:
    """Return the dunnings that count for a claim: after the debt fell due, in time, on paper; of one day, one."""
    counting = {one.day: one for one in found if since < one.day <= until and one.papered and one.day not in standing.late}
    return [counting[day] for day in sorted(counting)]


def _require_its_own(contract: Contract, known: Claim) -> None:
    """Refuse a number that is another loan's, or spent.

    Raises:
        ClaimRefused: it is.
    """
    if known.loan != contract.key:
        raise ClaimRefused(known.number, "编号已用于另一笔借据")
    if known.cancelled:
        raise ClaimRefused(known.number, "已撤销，请用新编号申请")


def _require_proof(session: Session, one: Pool, contract: Contract, life: Life, number: str, day: date) -> None:
    """Refuse a claim whose debt has lapsed, was dunned too few times, or has papers missing.

    Raises:
        ClaimRefused: one of them.
    """
    rule = rule_on(session, one, day)
    found = [demand for demand in demands(session, contract.key) if demand.day <= day]
    standing = limitation_of(session, contract.key, life, found)
    if standing.ends_on < day:
        raise ClaimRefused(number, f"借据 {contract.contract} 的诉讼时效已于 {standing.ends_on} 届满，不能申请代偿")
    counting = valid_dunnings(found, life.standing.oldest_due or day, day, standing)
    if len(counting) < rule.dunnings:
        asked = f"须不少于 {rule.dunnings} 次：逾期之后、时效之内、有文书，同日只算一次"
        raise ClaimRefused(number, f"借据 {contract.contract} 有效催收 {len(counting)} 次，{asked}")
    lacking = missing(rule.papers, papers_of(session, one, contract.key), day)
    if lacking:
        raise ClaimRefused(number, f"借据 {contract.contract} 缺少材料：{'、'.join(lacking)}")


def _next_step(known: Claim | None) -> str:
    """Return the name of a filing: the first, or the next after a return."""
    before = sum(step.kind == "filed" for step in known.steps) if known else 0
    return f"filed/{before + 1}" if before else "filed"
