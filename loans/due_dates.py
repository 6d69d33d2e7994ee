"""Due dates (还款日): every date on which a contract lets something fall due, with the interest factor of the days before it.

A factor is rate × ticks, summed over the days since the date before; interest is balance × factor ÷ (PPB × ticks of a year).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice, pairwise
from typing import NamedTuple

from ledger.calendar import DAY
from loans.terms.cycles import Cycle
from loans.terms.loan import AMORTISING, OPEN_END, GraceKind, LoanTerms, Method
from loans.terms.quarters import is_settlement_day, settlement_days
from loans.terms.rates import Ppb
from loans.terms.rolling import Convention

MOST_DATES = 15_000
"""A schedule that is longer never ends: its payment does not pay its interest (40 years of days have as many)."""


class DueDate(NamedTuple):
    """A date on which something falls due.

    Attributes:
        nominal, counted, due: the date in the contract; up to where interest counts (excluded); the day of payment.
        principal, interest: whether principal, whether interest falls due.
        capitalises: whether interest becomes principal instead.
        ticks: of the days since the date before that bear interest.
        factor, gov_factor: rate × ticks of those days, and government's rate × ticks.
    """

    nominal: date
    counted: date
    due: date
    principal: bool
    interest: bool
    capitalises: bool
    ticks: int
    factor: Ppb
    gov_factor: Ppb


class Clock:
    """What stretches of days are to interest: ticks that bear it, and rate × ticks."""

    def __init__(self, terms: LoanTerms) -> None:
        """Read the terms' day count, rates and interest-free graces."""
        self.read = terms.day_count.clock(terms.drawn_on)
        self.rates = [step.rate_ppb for step in terms.rates]
        self.gov_rates = [0 if terms.household_first else step.gov_ppb for step in terms.rates]
        self.subsidised = any(self.gov_rates)
        self.changes = [step.start for step in terms.rates[1:]]
        self.free = [grace for grace in terms.graces if grace.kind is GraceKind.INTEREST_FREE]

    def ticks(self, start: date, end: date) -> int:
        """Return the ticks of `[start, end)` that bear interest."""
        found = self.read(end) - self.read(start)
        for grace in self.free:
            first, last = max(start, grace.start), min(end, grace.end)
            if first < last:
                found -= self.read(last) - self.read(first)
        return found

    def rate_before(self, day: date) -> Ppb:
        """Return the rate of the day before."""
        return self.rates[bisect_left(self.changes, day)]

    def factor(self, start: date, end: date) -> Ppb:
        """Return rate × ticks of `[start, end)`, rate by rate."""
        return self._sum(self.rates, start, end)

    def gov_factor(self, start: date, end: date) -> Ppb:
        """Return government's rate × ticks of `[start, end)`."""
        return self._sum(self.gov_rates, start, end) if self.subsidised else 0

    def _sum(self, rates: Sequence[Ppb], start: date, end: date) -> Ppb:
        cuts = [start, *(day for day in self.changes if start < day < end), end]
        return sum(rates[bisect_left(self.changes, b)] * self.ticks(a, b) for a, b in pairwise(cuts))


def last_date(terms: LoanTerms) -> date:
    """Return the nominal date of the last payment: the maturity, or the day after, where that day closes its period (20th)."""
    cycle = terms.principal_cycle
    if cycle is None or terms.method not in AMORTISING or terms.maturity == OPEN_END:
        return terms.maturity
    return cycle.end_of(terms.maturity)


def due_dates(terms: LoanTerms, start: date, after: date | None = None) -> list[DueDate]:
    """Return the dates that are left, up to the last payment or, if later, to the day until which the loan amortises.

    Args:
        terms: the contract.
        start: interest runs from here on.
        after: dates after this day are left; none: after the start.
    """
    after = after or start
    last = last_date(terms)
    end = max(last, terms.amortised_until or last)
    interest = _interest(terms, after, last, end)
    principal = interest if terms.principal is None and terms.method in AMORTISING else _principal(terms, after, last, end)
    clock, before, found = Clock(terms), start, []
    reading = clock.read(start)
    for day, counted, due, pays_principal, pays_interest, capitalises in _stops(
        terms, last, _marked(terms, after, last, principal, interest)
    ):
        read, reading = reading, clock.read(counted)
        ticks = clock.ticks(before, counted) if clock.free else reading - read
        factor = clock.rates[0] * ticks if not clock.changes else clock.factor(before, counted)
        gov = clock.gov_factor(before, max(before, min(counted, last))) if clock.subsidised else 0
        found.append(DueDate(day, counted, due, pays_principal, pays_interest, capitalises, ticks, factor, gov))
        before = counted
    return found


def _marked(
    terms: LoanTerms, start: date, last: date, principal: list[date], interest: list[date]
) -> list[tuple[date, bool, bool, bool]]:
    """Return the dates in order: whether principal, whether interest falls due, and whether that becomes principal."""
    if principal is interest and not terms.graces:
        return [(day, True, True, False) for day in interest]
    ends = (grace.end for grace in terms.graces if grace.kind is GraceKind.INTEREST_CAPITALISED and start < grace.end < last)
    of_interest = {*interest, *ends}
    dates = of_interest.union(principal)
    spared: dict[GraceKind, set[date]] = {kind: set() for kind in GraceKind}
    for grace in terms.graces:
        spared[grace.kind].update(day for day in dates if grace.covers(day) and day != last)
    pays_principal = set(principal) - spared[GraceKind.PRINCIPAL_DEFERRED]
    if terms.settles_quarterly:
        of_interest |= pays_principal  # principal that falls due between settlement days brings its interest along
    pays_interest = of_interest - spared[GraceKind.INTEREST_DEFERRED]
    capitalises = spared[GraceKind.INTEREST_CAPITALISED]
    return [
        (day, day in pays_principal, day in pays_interest, day in pays_interest and day in capitalises) for day in sorted(dates)
    ]


def _stops(
    terms: LoanTerms, last: date, marked: Iterable[tuple[date, bool, bool, bool]]
) -> Iterator[tuple[date, date, date, bool, bool, bool]]:
    """Yield the dates as they are reached: nominal, counted, due, and what falls due.

    What everybody's settlement charges before a maturity that rolls on falls due on its own nominal day; what lies behind a
    maturity that rolls back never comes.
    """
    rolls = terms.rolling.convention is not Convention.SAME
    end = rolled(terms, last)[0] if rolls and last != OPEN_END else last
    for day, pays_principal, pays_interest, capitalises in marked:
        counted, due = rolled(terms, day) if rolls else (day, day)
        if day < last and counted > end:
            continue
        if counted > day == last and terms.settles_quarterly:
            yield from ((on, on, on, False, True, False) for on in _settled_between(day, counted))
        yield day, counted, due, pays_principal, pays_interest, capitalises


def _settled_between(start: date, end: date) -> Iterator[date]:
    """Yield the days of `[start, end)` that follow a settlement day."""
    return (settlement + DAY for settlement in settlement_days(start - DAY, end - DAY))


def rolled(terms: LoanTerms, nominal: date) -> tuple[date, date]:
    """Return up to where interest of a nominal date counts, and the day on which it is paid."""
    if not moves(terms, nominal):
        return nominal, nominal
    due = terms.rolling.due(nominal)
    return nominal if terms.rolling.calculates_nominal else due, due


def moves(terms: LoanTerms, nominal: date) -> bool:
    """Tell whether a nominal date rolls to a working day, if it is none; everybody's settlement day never does, and
    none moves back before the loan was drawn.
    """
    settles = terms.settles_quarterly and is_settlement_day(nominal - DAY)
    stays = nominal != terms.maturity and (terms.rolling.last_only or settles)
    return not stays and terms.rolling.due(nominal) > terms.drawn_on


def _interest(terms: LoanTerms, start: date, last: date, end: date) -> list[date]:
    if terms.interest is None or terms.method is Method.AT_MATURITY:
        return [end]
    return _dates(terms.interest, start, last, end)


def _principal(terms: LoanTerms, start: date, last: date, end: date) -> list[date]:
    if terms.method is Method.CUSTOM:
        return [*(day for day, _ in terms.table if start < day < end), end]
    if terms.principal_cycle is None or terms.method not in AMORTISING:
        return [end]
    return _dates(terms.principal_cycle, start, last, end)


def _dates(cycle: Cycle, start: date, last: date, end: date) -> list[date]:
    """Return a cycle's dates up to an end, the last payment among them wherever it lies."""
    if end == OPEN_END:
        return list(islice(cycle.after(start), MOST_DATES))
    found = cycle.between(start, end)
    return found if end == last or last in found else sorted([*found, last])
