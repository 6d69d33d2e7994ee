"""Changes (变更协议): an extension or a restructuring against the policy of its day, every rule with what it asks and found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ledger.calendar import DAY, add_months
from loans.policy.eligibility import Finding, enrolled, prolonged, rate, term
from loans.policy.parameters import Policy
from loans.terms.rates import months_of
from registry.households import Enrolment


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What the rules look at: terms agreed anew on a day in a loan's life, the rate in ppb.

    `due` is the maturity agreed at first; `programme` says whether the loan is still one to a household of the register; an
    extension counts how often the loan was extended or renewed `before`, a restructuring does not (none).
    """

    day: date
    drawn_on: date
    due: date
    maturity: date
    rate_ppb: int
    enrolment: Enrolment | None
    programme: bool
    before: int | None


def check(change: Change, policy: Policy) -> list[Finding]:
    """Return every rule of the policy that binds a change, with its outcome.

    The term runs from the day of the agreement; the rate is measured over the whole term, from the day of drawing.
    """
    found: list[Finding] = []
    if change.programme:
        found += enrolled(change.day, change.enrolment, policy)
    found += term(change.day, change.maturity, policy)
    found += rate(change.rate_ppb, change.day, months_of(change.drawn_on, change.maturity), policy)
    if change.before is not None:
        found += [*_lengthened(change, policy), *prolonged(change.before, policy)]
    return found


def _lengthened(change: Change, policy: Policy) -> Iterator[Finding]:
    limits = policy.extension_limits
    if limits is None:
        return
    first = months_of(change.drawn_on, change.due)
    _, percent, months = next(limit for limit in limits.value if first <= limit[0] or not limit[0])
    days = (change.due - change.drawn_on).days * percent // 100
    latest, how = (
        (change.due + days * DAY, f"原期限的 {percent}%") if percent else (add_months(change.due, months), f"{months} 个月")
    )
    yield Finding(
        rule="展期期限", source=limits.source, found=f"{change.due} 至 {change.maturity}", limit=f"不晚于 {latest}（{how}）",
        ok=change.maturity <= latest,
    )  # fmt: skip
