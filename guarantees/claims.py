"""Claims (代偿): filed by the bank, approved by a second person, paid from the pool, recovered, in the end written off.

A payout never extinguishes the borrower's debt: the bank keeps collecting, and the pool holds a share in it.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import exists, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.errors import ClaimRefused, NoPool
from guarantees.guarantors import require_nothing_received
from guarantees.pool import COVERED_PRODUCTS, Pool
from guarantees.queries import (
    Claim,
    Step,
    claim_numbered,
    claimed,
    claims,
    lock,
    pool_at,
    steps_of_claims,
)
from guarantees.queue import require_turn
from guarantees.tables import claim, claim_event
from guarantees.terms import LossBasis
from ledger.books import book_named
from ledger.business_day import business_date, business_date_from
from ledger.journal import BookCode, Dimensions, JournalEntry, Posting, first_free, merged
from ledger.money import yuan
from ledger.posting import post_many, take_sequence
from ledger.queries import free_reference
from ledger.reversal import take_back
from loans import servicing
from loans.contract import Contract
from loans.events import Repaid, in_effect
from loans.life import Life
from loans.movements import PaidIn, RecoveredAfterWriteOff
from loans.quarantine.queries import set_aside_now
from loans.queries import contracts, events_of, free_references, horizon_now, lives
from loans.terms import StreamKind

SYSTEM = "system"
"""Who shares recoveries in the night."""


def basis_fen(life: Life, covers: LossBasis = LossBasis.WITH_INTEREST) -> int:
    """Return what a claim covers: principal and, if so agreed, the borrower's own unpaid contract interest (domain.md 8)."""
    if covers is LossBasis.PRINCIPAL:
        return life.standing.principal_fen
    return life.standing.principal_fen + sum(c.unpaid_fen for c in life.charges if c.kind is StreamKind.CONTRACT)


def file(session: Session, contract: Contract, number: str, day: date, actor: str) -> Claim:
    """File a claim (代偿申请) for a loan more than the agreed days past due; one filed already stays as it is.

    Raises:
        NoPool: county and bank have none, or the product is not covered.
        ClaimRefused: not overdue long enough, not covered, claimed before, or the number is another loan's.
        FutureDate: the day has not come.
    """
    business_date_from(session, [day])
    _require_person(number, actor)
    if contract.product not in COVERED_PRODUCTS:
        raise NoPool(contract.county, contract.bank)
    if not contract.covered:
        raise ClaimRefused(number, f"借据 {contract.contract} 不在风险补偿范围内")
    one = pool_at(session, contract.county, contract.bank, day)
    lock(session, [one])
    known = claim_numbered(session, one, number)
    if known is not None:
        if (known.loan_book_id, known.loan_id) != contract.key:
            raise ClaimRefused(number, "编号已用于另一笔借据")
        if known.cancelled:
            raise ClaimRefused(number, "已撤销，请用新编号申请")
        return known
    if claimed(session, *contract.key):
        raise ClaimRefused(number, f"借据 {contract.contract} 已申请过代偿")
    life = lives(session, [contract.key], horizon_now(session))[contract.key]
    past_due = life.standing.days_past_due(day)
    if past_due <= one.claim_after_days:
        raise ClaimRefused(number, f"借据 {contract.contract} 逾期 {past_due} 天，须超过 {one.claim_after_days} 天")
    basis = basis_fen(life, one.terms.loss_basis)
    names = {"bank": one.bank, "loan_book_id": contract.book_id, "loan_id": contract.id}
    named = upsert(claim).values(book_id=one.book.id, number=number, **names)
    session.execute(named.on_conflict_do_update(index_elements=["book_id", "number"], set_=names))
    _record(session, one, number, "filed", day, basis, actor)
    return claims(session)[(one.book.id, number)]


def approve(session: Session, one: Claim, day: date, actor: str) -> None:
    """Approve a claim; never by who filed it. The amount is recomputed: the borrower may have paid meanwhile.

    Raises:
        ClaimRefused: same person, wrong state, or the debt is no longer what was claimed.
        FutureDate: the day has not come (so for every step of a claim).
    """
    one = _held(session, one, day, actor)
    if one.state != "申请":
        raise ClaimRefused(one.number, f"状态为{one.state}，不能批准")
    if actor == one.filed_by:
        raise ClaimRefused(one.number, "申请人不能批准自己的申请")
    _require_same_debt(session, one)
    _record(session, one.pool, one.number, "approved", day, one.gov_fen, actor)
    lines = entries.claim_approved(one.gov_fen, _dims(one.pool))
    _post(session, one.pool.book.code, one.number, "approved", day, "批准代偿", lines, actor)


def pay(session: Session, one: Claim, day: date, actor: str) -> None:
    """Pay an approved claim from the pool, by another person than approved it; the bank receives it the same day.

    Raises:
        ClaimRefused: it is not approved, the debt is no longer what was claimed, or the pool has not got the money.
    """
    one = _held(session, one, day, actor)
    if one.state != "批准":
        raise ClaimRefused(one.number, f"状态为{one.state}，不能拨付")
    if actor == one.approved_by:
        raise ClaimRefused(one.number, "批准人不能办理拨付")
    _require_same_debt(session, one)
    key = (one.loan_book_id, one.loan_id)
    paid = [event.value_date for event in in_effect(events_of(session, [key])[key]) if isinstance(event, Repaid)]
    if max(paid, default=date.min) >= day:
        raise ClaimRefused(one.number, f"借款人于 {max(paid)} 有还款，请在其后的日期办理拨付")
    require_turn(session, one)
    loan = contracts(session, [key])[key]
    _record(session, one.pool, one.number, "paid", day, one.gov_fen, actor)
    lines = entries.claim_paid(one.gov_fen, _dims(one.pool))
    _post(session, one.pool.book.code, one.number, "paid", day, "拨付代偿款", lines, actor)
    received = entries.payout_received(one.gov_fen, loan.dimensions)
    _post(session, loan.book, one.number, "paid", day, "收到风险补偿款", received, actor, kind="received")


def cancel(session: Session, one: Claim, day: date, actor: str) -> None:
    """Cancel a claim before payment, because the borrower paid or the bank withdrew it.

    Raises:
        ClaimRefused: it is already paid or ended.
    """
    one = _held(session, one, day, actor)
    if one.state not in ("申请", "批准"):
        raise ClaimRefused(one.number, f"状态为{one.state}，不能撤销")
    _record(session, one.pool, one.number, "cancelled", day, one.gov_fen, actor)
    if one.state == "批准":
        red = entries.claim_approved(-one.gov_fen, _dims(one.pool))
        _post(session, one.pool.book.code, one.number, "cancelled", day, "撤销代偿", red, actor)


def share_recoveries(session: Session, closing: date) -> int:
    """In the night: of what borrowers paid after a payout, make the pool's share due to it (E6); return the fen shared."""
    if not session.scalar(select(exists().where(claim_event.c.kind == "paid"))):
        return 0
    paid = [c for c in claims(session).values() if c.paid_on]
    aside = {one.key for one in set_aside_now(session, {(c.loan_book_id, c.loan_id) for c in paid})}
    open_claims = [c for c in paid if (c.loan_book_id, c.loan_id) not in aside]
    keys = {(c.loan_book_id, c.loan_id) for c in open_claims}
    found = lives(session, keys, horizon_now(session))
    loans = contracts(session, keys)
    by_loan = [(one, (one.loan_book_id, one.loan_id)) for one in open_claims]
    return sum(_share(session, one, loans[key], found[key], closing, f"shared/{closing}") for one, key in by_loan)


def _share(session: Session, one: Claim, loan: Contract, life: Life, day: date, step: str) -> int:
    """Bring what is due to the pool to its share of what was collected; return the difference in fen."""
    fen = _pool_share(one, life) - one.shared_fen
    if fen:
        _record(session, one.pool, one.number, step, day, fen, SYSTEM)
        if not one.lost_fen:
            lines = entries.recovery_shared(fen, loan.dimensions)
            _post(session, loan.book, one.number, step, day, "追偿款分成", lines, SYSTEM)
    return fen


def pass_on(session: Session, one: Claim, reference: str, day: date, fen: int, actor: str) -> bool:
    """Pass a recovery to the pool (追偿划回), due within five working days; tell whether it is new.

    Raises:
        ClaimRefused: no serial number, one used for something else, or more than is due to the pool.
        FutureDate: the day has not come.
    """
    one = _held(session, one, day, actor)
    if not reference:
        raise ClaimRefused(one.number, "划回须有流水号")
    step = f"passed/{reference}"
    known = next((taken for taken in _steps(session, one) if _is(taken, one, step)), None)
    if known is not None:
        if (known.value_date, known.fen) != (day, fen):
            raise ClaimRefused(one.number, f"流水号 {reference} 已用于另一笔划回")
        return False
    loan = contracts(session, [(one.loan_book_id, one.loan_id)])[(one.loan_book_id, one.loan_id)]
    due = one.shared_fen - one.passed_fen
    if not 0 < fen <= due:
        raise ClaimRefused(one.number, f"应划回 {yuan(due)} 元，申报 {yuan(fen)} 元")
    _record(session, one.pool, one.number, step, day, fen, actor)
    lines = entries.recovery_passed(fen, loan.dimensions)
    _post(session, loan.book, one.number, step, day, "划回追偿款", lines, actor)
    dims = _dims(one.pool)
    after_loss = fen - min(fen, max(0, one.gov_fen - one.lost_fen - one.passed_fen))
    got = [*entries.recovery_received(fen - after_loss, dims), *entries.recovered_after_loss(after_loss, dims)]
    _post(session, one.pool.book.code, one.number, step, day, "收回代偿款", merged(got), actor)
    return True


def write_off(session: Session, one: Claim, day: date, actor: str) -> None:
    """Confirm the loss (核销): the pool loses what is not recovered, the bank the rest.

    Raises:
        ClaimRefused: it is not paid, already lost, or the bank has passed on more than was collected.
        EventRefused: the loan is not non-accrual.
    """
    one = _held(session, one, day, actor)
    if one.state != "已代偿":
        raise ClaimRefused(one.number, f"状态为{one.state}，不能核销")
    loan = contracts(session, [(one.loan_book_id, one.loan_id)])[(one.loan_book_id, one.loan_id)]
    life = lives(session, [loan.key], horizon_now(session))[loan.key]
    shared = one.shared_fen + _share(session, one, loan, life, day, f"shared/{day}/{_count(session, one)}")
    if one.passed_fen > shared:
        raise ClaimRefused(one.number, f"已划回 {yuan(one.passed_fen)} 元，应划回 {yuan(shared)} 元，请先撤销多划部分的导入")
    lost = one.gov_fen - shared
    if not lost:
        raise ClaimRefused(one.number, "代偿款已全部收回，没有可核销的损失")
    key = (loan.book_id, f"{loan.contract}/written-off")
    reference = free_references(session, [key])[key]
    servicing.write_off(session, loan, reference, day, actor, pool_fen=lost, pool_share_ppb=one.pool.share_ppb)
    _record(session, one.pool, one.number, "lost", day, lost, actor)
    lines = entries.loss_confirmed(lost, _dims(one.pool))
    _post(session, one.pool.book.code, one.number, "lost", day, "核销代偿损失", lines, actor)


def undo(session: Session, one: Claim, step: str, actor: str) -> None:
    """Take the latest step of a claim back as if it had never been: its entries in red, and a write-off of the loan with it.

    Raises:
        ClaimRefused: the step was not taken, or another one after it.
    """
    today = business_date(session)
    one = _held(session, one, today, actor)
    last, later = _split(_steps(session, one), one, step)
    shared = sum(taken.fen for taken in later if taken.kind == "shared")
    # What the night shares does not stand on what was passed on; and nothing stands on shares that came to nothing.
    if any(taken.kind != "shared" for taken in later) or (shared and last.kind != "passed"):
        raise ClaimRefused(one.number, "其后已有其他环节，不能撤销")
    if last.kind == "cancelled" and claimed(session, one.loan_book_id, one.loan_id):
        raise ClaimRefused(one.number, "该借据已另行申请代偿，不能恢复")
    if last.kind == "paid":
        require_nothing_received(session, one)
    _record(session, one.pool, one.number, "undone", today, last.fen, actor, of=last.reference)
    loan = contracts(session, [(one.loan_book_id, one.loan_id)])[(one.loan_book_id, one.loan_id)]
    if last.kind == "lost":
        key = (loan.book_id, f"{loan.contract}/written-off")
        servicing.undo(session, loan, free_references(session, [key])[key], last.value_date, actor)
    for book in (one.pool.book, book_named(session, loan.book)):
        take_back(session, book, f"claim/{one.number}/{step}", today, actor)


def _pool_share(one: Claim, life: Life) -> int:
    """Return the pool's share of all that was collected after the payout, net of cost, at most its payout (E6)."""
    net = after_loss = 0
    for movement in life.movements:
        if one.paid_on is None or movement.value_date < one.paid_on:
            continue
        if isinstance(movement, PaidIn):
            net += movement.paid.total_fen + movement.overdue_fen + movement.normal_fen
        elif isinstance(movement, RecoveredAfterWriteOff):
            after_loss += movement.pool_fen
    return min(one.gov_fen, one.pool.recovered_fen(net, one.basis_fen) + after_loss)


def _dims(one: Pool) -> Dimensions:
    return Dimensions(county=one.book.county, bank=one.bank)


def _steps(session: Session, one: Claim) -> list[Step]:
    return steps_of_claims(session)[(one.pool.book.id, one.number)]


def _held(session: Session, one: Claim, day: date, actor: str) -> Claim:
    """Return a claim as it is once its pool is held, for a person's step on a day that does not lie before the last one.

    Raises:
        ClaimRefused: it does, the claim was undone, or the actor is the machine.
        FutureDate: the day has not come.
    """
    business_date_from(session, [day])
    _require_person(one.number, actor)
    lock(session, [one.pool])
    now = claims(session).get((one.pool.book.id, one.number))
    if now is None:
        raise ClaimRefused(one.number, "申请已撤销")
    before = max((taken.value_date for taken in _steps(session, one) if taken.actor != SYSTEM), default=day)
    if day < before:
        raise ClaimRefused(one.number, f"日期 {day} 早于上一环节 {before}")
    return now


def _require_person(number: str, actor: str) -> None:
    if actor == SYSTEM:
        raise ClaimRefused(number, f"经办人不能是 {SYSTEM}")


def _split(steps: Sequence[Step], one: Claim, step: str) -> tuple[Step, Sequence[Step]]:
    """Return a step as taken last, and the steps after it.

    Raises:
        ClaimRefused: it was not taken.
    """
    for position in range(len(steps) - 1, -1, -1):
        if _is(steps[position], one, step):
            return steps[position], steps[position + 1 :]
    raise ClaimRefused(one.number, f"没有环节 {step}")


def _count(session: Session, one: Claim) -> int:
    """Return how many records a claim has, those undone too: a number that no record of it had before."""
    mine = select(func.count()).select_from(claim_event)
    return session.scalar(mine.where(claim_event.c.book_id == one.pool.book.id, claim_event.c.number == one.number)) or 0


def _require_same_debt(session: Session, one: Claim) -> None:
    """Refuse a claim whose loan owes something else by now.

    Raises:
        ClaimRefused: it does.
    """
    key = (one.loan_book_id, one.loan_id)
    if basis_fen(lives(session, [key], horizon_now(session))[key], one.pool.terms.loss_basis) != one.basis_fen:
        raise ClaimRefused(one.number, "借款人已还款，申请金额与现欠不符，请撤销后重新申请")


def _is(taken: Step, one: Claim, step: str) -> bool:
    """Tell whether a step taken is the one so named, at whichever attempt."""
    name = f"{one.number}/{step}"
    return taken.reference == name or taken.reference.startswith(f"{name}~")


def _record(session: Session, one: Pool, number: str, step: str, day: date, fen: int, actor: str, of: str = "") -> None:
    """Record a step under its kind's name and what tells it from others of that kind; or that one (`of`) never was."""
    mine = select(claim_event.c.reference).where(claim_event.c.book_id == one.book.id, claim_event.c.number == number)
    undone = set(session.scalars(mine.where(claim_event.c.kind == "undone")))
    reference = f"{of}/undone" if of else first_free(f"{number}/{step}", lambda taken: f"{taken}/undone" in undone)
    seq = take_sequence(session, {one.book.id: 1})[one.book.id]
    session.execute(
        insert(claim_event).values(
            book_id=one.book.id, seq=seq, number=number, kind=step.partition("/")[0], value_date=day, fen=fen,
            reference=reference, actor=actor,
        )
    )  # fmt: skip


def _post(
    session: Session,
    book: BookCode,
    number: str,
    step: str,
    day: date,
    narration: str,
    lines: tuple[Posting, ...],
    actor: str,
    kind: str = "",
) -> None:
    """Post one entry of a claim in one of its books; all entries of a step are linked by its event."""
    event = f"claim/{number}/{step}"
    entry = JournalEntry(
        book=book, reference=free_reference(session, book_named(session, book).id, event),
        kind=f"guarantees.{kind or step.partition('/')[0]}", value_date=day,
        narration=f"{narration} {number}", postings=lines, event=event, maker=actor,
    )  # fmt: skip
    post_many(session, [entry])
