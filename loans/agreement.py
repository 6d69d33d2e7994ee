"""Agreements in mid-life (展期、债务重组): what is agreed anew, and whether the policy of that day allows it.

A contract keeps its terms whatever policy says later; who changes them by a new agreement is bound by the policy of its day.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from loans.contract import Contract
from loans.errors import NotEligible
from loans.events import Extended, LoanEvent, Restructured, in_effect, prolongations
from loans.policy.changes import Change, check
from loans.policy.eligibility import Finding
from loans.policy.parameters import policy_on
from loans.policy.queries import policy_rows
from loans.queries import horizon_now
from loans.replay import replay
from loans.subsidy.queries import gov_ppb_when_extended
from loans.terms import Floating, LoanTerms
from loans.terms.rates import months_of, rate_when_extended, reference_for, references, same_tier
from registry import households


def extension(
    session: Session,
    contract: Contract,
    happened: Sequence[LoanEvent],
    reference: str,
    agreed_on: date,
    maturity: date,
    rate_ppb: int | None,
) -> Extended:
    """Return an extension of a loan to which some events happened; without a rate (ppb) it is the tier's.

    Raises:
        NoReferenceRate: it takes the tier's rate, and nothing was quoted by one of the days.
    """
    now = _terms_on(session, contract, happened, agreed_on)
    follows = _followed(now, maturity)
    if rate_ppb is None:
        rate_ppb = _rate_when_extended(contract.terms, now, agreed_on, maturity, follows)
    return Extended(
        reference=reference, value_date=agreed_on, maturity=maturity, rate_ppb=rate_ppb,
        gov_ppb=gov_ppb_when_extended(session, contract, rate_ppb) if now.subsidised_from(agreed_on) else 0,
        follows_months=follows.months if follows else None,
    )  # fmt: skip


def explain(session: Session, contract: Contract, happened: Sequence[LoanEvent], event: Extended | Restructured) -> list[Finding]:
    """Return every rule of the day's policy that binds an extension or a restructuring, with what was found.

    A debt that passed to an heir outside the register is no loan of the programme any more: the register is not asked.
    """
    day, terms = event.value_date, contract.terms
    home = (contract.county, contract.household) if contract.household else None
    change = Change(
        day=day, drawn_on=terms.drawn_on, due=terms.maturity, maturity=event.maturity, rate_ppb=event.rate_ppb,
        enrolment=households.enrolments(session, [home], day).get(home) if home else None,
        programme=home is not None or event.gov_ppb > 0,
        before=prolongations(happened) if isinstance(event, Extended) else None,
    )  # fmt: skip
    rows = policy_rows(session, {contract.county})
    return check(change, policy_on(rows, contract.product, contract.county, contract.bank, day))


def require_allowed(session: Session, contract: Contract, happened: Sequence[LoanEvent], event: Extended | Restructured) -> None:
    """Refuse what the policy of the day does not allow.

    Raises:
        NotEligible: every rule that fails is named.
    """
    if failed := [one.sentence for one in explain(session, contract, happened, event) if not one.ok]:
        raise NotEligible(contract.contract, contract.household, failed)


def restructuring(session: Session, contract: Contract, happened: Sequence[LoanEvent], event: Restructured) -> Restructured:
    """Return a restructuring with the tier that the loan's floating rate follows from then on."""
    follows = _followed(_terms_on(session, contract, happened, event.value_date), event.maturity)
    return replace(event, follows_months=follows.months if follows else None)


def _followed(now: LoanTerms, maturity: date) -> Floating | None:
    """Return what a floating rate follows once the whole term comes into another tier; None if it does not."""
    floating = now.floating
    if floating is None or same_tier(references()[floating.reference], now.drawn_on, now.maturity, maturity):
        return None
    return replace(floating, months=months_of(now.drawn_on, maturity))


def _rate_when_extended(agreed: LoanTerms, now: LoanTerms, day: date, maturity: date, follows: Floating | None) -> int:
    """Return the rate in force, or that of the tier into which the whole term comes, in ppb."""
    now_ppb = int(now.rate_on(day).rate_ppb)
    if follows:
        return follows.rate(day, now_ppb, now.drawn_on)
    if now.floating or same_tier(reference_for(now.drawn_on), now.drawn_on, now.maturity, maturity):
        return now_ppb
    return rate_when_extended(int(agreed.rates[0].rate_ppb), agreed.drawn_on, agreed.maturity, day, maturity)


def _terms_on(session: Session, contract: Contract, happened: Sequence[LoanEvent], day: date) -> LoanTerms:
    """Return the terms in force at the end of a day."""
    return replay(contract.terms, [event for event in in_effect(happened) if event.value_date <= day], horizon_now(session)).terms
