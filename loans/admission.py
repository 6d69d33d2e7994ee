"""Admission (准入): whether loans may be drawn, by the policy of the day rule by rule and by what was approved."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from loans.applications.application import Application
from loans.applications.matching import approved
from loans.applications.queries import states_of
from loans.errors import NotEligible
from loans.policy.eligibility import Facts, Finding, check
from loans.policy.parameters import Policy, PolicyRow, policy_on
from loans.policy.queries import policy_rows
from loans.products import product_on
from loans.queries import contracts_of_households, principals
from registry import households
from registry.households import Enrolment, Home


def explain(session: Session, applications: Sequence[Application], judged_on: date | None = None) -> list[list[Finding]]:
    """Return, for each application in turn, every rule of its day's policy with what was found (准入检查).

    A household's balance in a product counts all its borrowers and banks, and the batch's loans before this one; a loan to
    be renewed is not counted. An extended loan is one loan: it counts once.

    Args:
        session: the database.
        applications: what is asked about.
        judged_on: the day whose policy and register count; none: each one's day of drawing. Term, rate and age are always
            those of the day of drawing.
    """
    rows = _rows(session, applications)
    enrolled: dict[date, dict[Home, Enrolment]] = {}
    held: dict[str, dict[Home, _Balance]] = {}
    renewed = {(a.book.id, a.renews) for a in applications if a.renews}
    found = []
    for a in applications:
        day = judged_on or a.drawn_on
        if day not in enrolled:
            homes = {one.home for one in applications if one.home and (judged_on or one.drawn_on) == day}
            enrolled[day] = households.enrolments(session, sorted(homes), day)
        if a.product not in held:
            homes = {one.home for one in applications if one.home and one.product == a.product}
            held[a.product] = _held(session, homes, a.product, renewed)
        before = held[a.product].get(a.home, _Balance()) if a.home else _Balance()
        product = product_on(a.product, a.drawn_on)
        facts = Facts(
            day=a.drawn_on, maturity=a.maturity, fen=a.fen, held_fen=before.fen, rate_ppb=a.rate_ppb, purpose=a.purpose,
            enrolment=enrolled[day].get(a.home) if a.home else None, born_on=a.born_on, subsidised=a.subsidised,
            penalty_percent=product.penalty_percent, misuse_percent=product.misuse_percent, covered=a.covered,
            held_subsidised_fen=before.subsidised_fen, held_covered_fen=before.covered_fen,
        )  # fmt: skip
        found.append(check(facts, _policy(rows, a, day)))
        if a.home:
            held[a.product][a.home] = before.with_loan(a.fen, subsidised=a.subsidised, covered=a.covered)
    return found


def approvals(session: Session, applications: Sequence[Application]) -> list[list[Finding]]:
    """Return, for each application in turn, how it keeps to what was approved (审批)."""
    rows = _rows(session, applications)
    states = states_of(session, [a.number for a in applications])
    return [list(approved(a, states.get(a.number), _policy(rows, a, a.drawn_on).approval_required)) for a in applications]


def refuse_failed(applications: Sequence[Application], findings: Sequence[Sequence[Finding]]) -> None:
    """Refuse the first application of which a rule fails.

    Raises:
        NotEligible: every rule that it fails is named.
    """
    for a, found in zip(applications, findings, strict=True):
        if failed := [one.sentence for one in found if not one.ok]:
            raise NotEligible(a.contract, a.household, failed)


@dataclass(frozen=True, slots=True)
class _Balance:
    """What a household owes of principal in one product, and how much of it is subsidised and covered."""

    fen: int = 0
    subsidised_fen: int = 0
    covered_fen: int = 0

    def with_loan(self, fen: int, *, subsidised: bool, covered: bool) -> "_Balance":
        return _Balance(self.fen + fen, self.subsidised_fen + fen * subsidised, self.covered_fen + fen * covered)


def _held(session: Session, homes: Collection[Home], product: str, renewed: Collection[tuple[int, str]]) -> dict[Home, _Balance]:
    """Return the outstanding principal of households in one product, over all books, without the loans to be renewed."""
    mine = {c.key: c for c in contracts_of_households(session, homes, product) if (c.book_id, c.contract) not in renewed}
    held: dict[Home, _Balance] = {}
    for key, fen in principals(session, mine).items():
        c = mine[key]
        home = (c.county, c.household or "")
        held[home] = held.get(home, _Balance()).with_loan(fen, subsidised=c.terms.subsidised, covered=c.covered)
    return held


def _rows(session: Session, applications: Sequence[Application]) -> tuple[PolicyRow, ...]:
    return policy_rows(session, {a.book.county for a in applications})


def _policy(rows: Sequence[PolicyRow], a: Application, day: date) -> Policy:
    return policy_on(rows, a.product, a.book.county, a.book.bank, day)
