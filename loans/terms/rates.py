"""Rates (利率): the dated steps of a contract, and where they come from: benchmark, LPR, spread, cap and floor.

Rates are parts per billion a year. A contract's rate is fixed for its life (银保监发〔2021〕6号) or reset on a cycle; either
way its schedule and its life see only dated steps.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TypeAlias

from ledger.calendar import DAY, add_months
from ledger.money import PPB, round_half_up
from loans.errors import BadTerms, NoReferenceRate
from loans.terms.cycles import Cycle

Ppb: TypeAlias = int | Fraction
"""A yearly rate in parts per billion; a fraction only for comparison with standards."""


@dataclass(frozen=True, slots=True)
class RateStep:
    """From a date on: the contract's annual rate, and the part of it that government pays."""

    start: date
    rate_ppb: Ppb
    gov_ppb: Ppb = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """From a date on, what a reference rate is for terms of up to some months (none: any longer term)."""

    start: date
    up_to_months: int | None
    rate_ppb: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference rate (基准利率、LPR) with all its quotes."""

    code: str
    name: str
    quotes: tuple[Quote, ...]

    def on(self, day: date, months: int) -> int:
        """Return the rate quoted on a day for a term in months, in ppb: the last quote of the narrowest tier that holds it.

        Raises:
            NoReferenceRate: nothing was quoted yet.
        """
        tier = self.tier(day, months)
        return max((q for q in self.quotes if q.start <= day and q.up_to_months == tier), key=lambda q: q.start).rate_ppb

    def tier(self, day: date, months: int) -> int | None:
        """Return the narrowest tier quoted by a day that holds a term in months: up to how many; none: any longer term.

        Raises:
            NoReferenceRate: nothing was quoted yet.
        """
        fitting = [q for q in self.quotes if q.start <= day and (q.up_to_months is None or months <= q.up_to_months)]
        if not fitting:
            raise NoReferenceRate(self.code, day, months)
        return min((q.up_to_months for q in fitting if q.up_to_months is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """How a floating rate follows what it is tied to.

    Attributes:
        cycle: on which dates the rate is set anew.
        multiplier_ppb: what the observed rate is multiplied by, in ppb of one.
        spread_ppb: what is added after (加点; negative: 减点).
        floor_ppb, cap_ppb: between which the rate stays for life.
        most_down_ppb, most_up_ppb: by how much one reset may move it.
        observed_days_before: how long before the reset its rate is observed.
        next_ppb: the rate of the first reset, where it is already agreed.

    Raises:
        BadTerms: a floor above the cap.
    """

    cycle: Cycle
    multiplier_ppb: Ppb = PPB
    spread_ppb: Ppb = 0
    floor_ppb: Ppb | None = None
    cap_ppb: Ppb | None = None
    most_down_ppb: Ppb | None = None
    most_up_ppb: Ppb | None = None
    observed_days_before: int = 0
    next_ppb: Ppb | None = None

    def __post_init__(self) -> None:
        if self.floor_ppb is not None and self.cap_ppb is not None and self.floor_ppb > self.cap_ppb:
            raise BadTerms("利率下限不得高于上限")

    def rate(self, observed_ppb: Ppb, before_ppb: Ppb) -> Ppb:
        """Return the rate that a reset gives: observed × multiplier + spread, moved and kept within bounds, in ppb."""
        wanted: Ppb = Fraction(observed_ppb * self.multiplier_ppb, PPB) + self.spread_ppb
        if self.most_up_ppb is not None:
            wanted = min(wanted, before_ppb + self.most_up_ppb)
        if self.most_down_ppb is not None:
            wanted = max(wanted, before_ppb - self.most_down_ppb)
        if self.cap_ppb is not None:
            wanted = min(wanted, self.cap_ppb)
        if self.floor_ppb is not None:
            wanted = max(wanted, self.floor_ppb)
        return wanted.numerator if wanted.denominator == 1 else wanted


def observed_on(observations: Sequence[tuple[date, Ppb]], day: date) -> Ppb:
    """Return the last observation up to a day, in ppb.

    Raises:
        BadTerms: nothing was observed by then.
    """
    found = [(on, rate) for on, rate in observations if on <= day]
    if not found:
        raise BadTerms(f"{day} 前没有可用的参考利率")
    return max(found, key=lambda pair: pair[0])[1]


def floating_steps(
    first: RateStep, reset: Reset, observations: Sequence[tuple[date, Ppb]], end: date, gov_percent: int = 0
) -> tuple[RateStep, ...]:
    """Return a floating contract's steps from its first one to its end.

    Args:
        first: the rate agreed for the beginning.
        reset: how it moves.
        observations: (date, ppb) of what it is tied to, in any order.
        end: no reset happens on or after this day.
        gov_percent: how much of every later rate government pays.

    Raises:
        BadTerms: a reset before the first observation.
    """
    steps = [first]
    for number, day in enumerate(reset.cycle.after(first.start)):
        if day >= end:
            break
        before = steps[-1].rate_ppb
        if number == 0 and reset.next_ppb is not None:
            rate = reset.next_ppb
        else:
            rate = reset.rate(observed_on(observations, day - reset.observed_days_before * DAY), before)
        if rate != before:
            steps.append(RateStep(day, rate, Fraction(rate * gov_percent, 100).__floor__()))
    return tuple(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floating:
    """What a contract's rate follows (浮动利率): a reference, the tier of so many months, and how it is reset.

    Raises:
        BadTerms: a reference that is not in `rates.toml`.
    """

    reference: str
    months: int
    reset: Reset

    def __post_init__(self) -> None:
        if self.reference not in references():
            raise BadTerms(f"没有参考利率 {self.reference}")

    def rate(self, day: date, before_ppb: Ppb, drawn_on: date) -> int:
        """Return the rate that a reset on a day gives, in ppb, rounded half up to one; the first one's may be agreed already.

        Raises:
            NoReferenceRate: nothing was quoted by the day of observation.
        """
        if self.reset.next_ppb is not None and day == self.first_reset(drawn_on):
            return round_half_up(Fraction(self.reset.next_ppb))
        observed = references()[self.reference].on(day - self.reset.observed_days_before * DAY, self.months)
        return round_half_up(Fraction(self.reset.rate(observed, before_ppb)))

    def first_reset(self, day: date) -> date:
        """Return the first reset after a day."""
        return next(iter(self.reset.cycle.after(day)))


def reference_for(drawn_on: date) -> Reference:
    """Return what the rate of a contract of a day is measured against: LPR from its first quote on, the benchmark before."""
    lpr = references()["LPR"]
    return lpr if lpr.quotes[0].start <= drawn_on else references()["BENCHMARK"]


def rate_when_extended(rate_ppb: int, drawn_on: date, maturity: date, agreed_on: date, until: date) -> int:
    """Return a contract's rate after an extension, in ppb: its own, or where the whole term comes into a higher tier, that
    tier's of the day with the distance to its tier that was agreed at first (贷款通则, domain.md 4).

    Args:
        rate_ppb: the rate agreed at first.
        drawn_on: the first day of the first term.
        maturity: its end.
        agreed_on: the day of the extension.
        until: the new maturity.

    Raises:
        NoReferenceRate: nothing was quoted by one of the days.
    """
    reference, first, whole = reference_for(drawn_on), months_of(drawn_on, maturity), months_of(drawn_on, until)
    if same_tier(reference, drawn_on, maturity, until):
        return rate_ppb
    return rate_ppb + reference.on(agreed_on, whole) - reference.on(drawn_on, first)


def same_tier(reference: Reference, drawn_on: date, maturity: date, until: date) -> bool:
    """Tell whether a term from a day of drawing and a longer one belong to one tier of a reference rate.

    Raises:
        NoReferenceRate: nothing was quoted by the day of drawing.
    """
    return reference.tier(drawn_on, months_of(drawn_on, maturity)) == reference.tier(drawn_on, months_of(drawn_on, until))


def months_of(start: date, end: date) -> int:
    """Return the months of a term, a begun one counted whole: it says to which tier of a reference rate a term belongs."""
    months = 12 * (end.year - start.year) + end.month - start.month
    return months + (add_months(start, months) < end)


@cache
def references() -> dict[str, Reference]:
    """Return the reference rates of `rates.toml` by code: BENCHMARK 贷款基准利率 and LPR 贷款市场报价利率 (domain.md 1.2)."""
    with (Path(__file__).parent / "rates.toml").open("rb") as file:
        rows = tomllib.load(file)["reference"]
    return {
        row["code"]: Reference(
            row["code"],
            row["name"],
            tuple(
                Quote(quote["from"], tier or None, rate)
                for quote in row["quotes"]
                for tier, rate in zip(row["up_to_months"], quote["ppb"], strict=True)
            ),
        )
        for row in rows
    }
