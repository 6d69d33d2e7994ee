"""Renewal without repaying (无还本续贷): a new loan settles an old one in the same moment, no principal changes hands."""

from dataclasses import replace

from sqlalchemy.orm import Session

from ledger.money import yuan
from loans import servicing
from loans.applications.application import Application
from loans.booking import Booked
from loans.contract import Contract
from loans.disbursement import disburse
from loans.errors import EventRefused, EventReused, NotEligible
from loans.events import Repaid, prolongations
from loans.movements import State
from loans.policy.eligibility import prolonged
from loans.policy.parameters import policy_on
from loans.policy.queries import policy_rows
from loans.queries import events_of, events_referenced, horizon_now, lives
from registry import households

_MORE_THAN_OWED = 3
"""What a loan that is not overdue owes is less than so many times its principal."""


def renew(
    session: Session, old: Contract, application: Application, reference: str, actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Renew a loan: settle what it owes and lend at most its principal anew; the borrower pays the rest, its interest, in cash.

    Both events stand in one transaction; the old one is booked under the reference with `/settled`. No pool is asked: what
    it covers does not grow. The household's cap holds, the old loan counted no more; what was not
    subsidised or not covered stays so. A renewal counts as an extension where the policy of its day bounds these
    (续贷或展期, domain.md 1.1).

    Raises:
        EventRefused: another product or household, more than the old principal, or arrears (a renewal must not hide them).
        NotEligible: no renewal is left.
        EventReused: the reference names another event.
        and what `disburse` and `repay` raise.
    """
    settled = f"{reference}/settled"
    known = events_referenced(session, [(old.book_id, settled)]).get((old.book_id, settled))
    application = replace(application, renews=old.contract, subsidised=old.terms.subsidised, covered=old.covered)
    if known is not None:
        if known[0] != old.id or known[1].value_date != application.drawn_on:
            raise EventReused(reference)
        return disburse(session, [application], actor, dry_run=dry_run)
    if application.home:
        households.lock(session, [application.home])
    payment = _settlement(session, old, application, settled, actor)  # from here on the loan's book is held
    _require_renewable(session, old, application)
    with session.begin_nested() as step:
        booked = servicing.repay(session, [(old, payment)], actor)
        booked += disburse(session, [application], actor)
        if dry_run:
            step.rollback()
    return booked


def _require_renewable(session: Session, old: Contract, application: Application) -> None:
    if (application.product, application.household, application.borrower) != (old.product, old.household, old.borrower):
        raise EventRefused(application.contract, f"续贷的产品、户和借款人必须与原借据 {old.contract} 一致")
    policy = policy_on(policy_rows(session, {old.county}), old.product, old.county, old.bank, application.drawn_on)
    before = prolongations(events_of(session, [old.key])[old.key])
    if failed := [one.sentence for one in prolonged(before, policy) if not one.ok]:
        raise NotEligible(old.contract, old.household, failed)
    standing = lives(session, [old.key], horizon_now(session))[old.key].standing
    if standing.oldest_due is not None or standing.state is not State.ACCRUING:
        raise EventRefused(old.contract, "已逾期或非应计，不能以续贷归还")
    if application.fen > standing.principal_fen:
        raise EventRefused(old.contract, f"续贷金额不得超过原贷款余额 {yuan(standing.principal_fen)} 元")


def _settlement(session: Session, old: Contract, application: Application, reference: str, actor: str) -> Repaid:
    """Return the payment that settles a loan on a day to the fen: what a larger one would not leave over."""
    more = Repaid(reference=reference, value_date=application.drawn_on, fen=_MORE_THAN_OWED * int(old.terms.principal_fen))
    (tried,) = servicing.repay(session, [(old, more)], actor, dry_run=True)
    before = lives(session, [old.key], horizon_now(session))[old.key].standing
    return replace(more, fen=more.fen - (tried.life.standing.excess_fen - before.excess_fen))
