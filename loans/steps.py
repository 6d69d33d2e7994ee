"""Rate steps (利率分段) as streams take them: stretches of one rate, for each kind of interest from the contract's own."""

from collections.abc import Sequence
from datetime import date

from loans.terms import GraceKind, LoanTerms, RateStep

Segment = tuple[date, date | None, int, int]
"""(from, until: none, without end; rate in ppb, government's rate in ppb)."""

_Step = tuple[date, int, int]


def penalty_steps(terms: LoanTerms, percent: int) -> list[Segment]:
    """Return the steps at a percentage of the contract's rates, none of it government's."""
    return _segments([(step.start, int(step.rate_ppb) * percent // 100, 0) for step in terms.rates])


def contract_steps(terms: LoanTerms, nominal: date | None) -> list[Segment]:
    """Return the steps of a contract: nothing in interest-free days, and government's part up to a nominal maturity that rolls.

    The days by which a holiday moves the maturity are the borrower's (domain.md 1.3, cut-off); so are all, if government
    pays back what the household has paid first.
    """
    steps = [(step.start, int(step.rate_ppb), 0 if terms.household_first else int(step.gov_ppb)) for step in terms.rates]
    if nominal is not None and any(gov for _, _, gov in steps):
        rate = int(terms.rate_on(nominal).rate_ppb)
        before = [step for step in steps if step[0] < nominal]
        steps = [*before, (nominal, rate, 0), *((start, rate, 0) for start, rate, _ in steps if start > nominal)]
    for grace in terms.graces:
        if grace.kind is GraceKind.INTEREST_FREE:
            steps = _without(steps, grace.start, grace.end)
    return _segments(steps)


def set_rate(terms: LoanTerms, step: RateStep, later: Sequence[tuple[date, int]] = ()) -> tuple[RateStep, ...]:
    """Return the contract's steps with a new rate from a date on, and of later ones what government pays of it: (from, ppb).

    Subsidy that has ended does not begin again.
    """
    if not terms.subsidised_from(step.start):
        step, later = RateStep(step.start, step.rate_ppb), ()
    known = (known for known in terms.rates if known.start < step.start)
    return (*known, step, *(RateStep(start, step.rate_ppb, gov_ppb) for start, gov_ppb in later))


def _without(steps: list[_Step], start: date, end: date) -> list[_Step]:
    """Return the steps with nothing charged over `[start, end)`."""
    resumed = next((step for step in reversed(steps) if step[0] <= end), steps[0])
    before = [step for step in steps if step[0] < start]
    after = [step for step in steps if step[0] > end]
    return [*before, (start, 0, 0), (end, resumed[1], resumed[2]), *after]


def _segments(steps: list[_Step]) -> list[Segment]:
    """Return steps with the date on which each ends: where the next one begins."""
    ends = [*(start for start, _, _ in steps[1:]), None]
    return [(start, end, rate, gov) for (start, rate, gov), end in zip(steps, ends, strict=True)]
