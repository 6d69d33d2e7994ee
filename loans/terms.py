"""Loan terms (贷款条款): what a contract fixes, as one immutable value with the field's names.

Money is fen, rates are parts per billion a year, periods are half-open. Old contracts keep their terms: the value is
stored with the loan, and a product that changes later changes nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from ledger.calendar import DAY, add_months
from ledger.money import PPB
from loans.errors import BadTerms


class Method(StrEnum):
    """How principal comes back."""

    BULLET = "bullet"  # 按期付息到期还本
    EQUAL_PRINCIPAL = "equal_principal"  # 等额本金, by quarter after the grace


class StreamKind(StrEnum):
    """What bears interest: the contract, overdue principal (罚息), unpaid interest (复利)."""

    CONTRACT = "contract"
    PENALTY = "penalty"
    COMPOUND = "compound"


class Component(StrEnum):
    """What a repayment can settle."""

    COST = "cost"
    PENALTY = "penalty"
    COMPOUND = "compound"
    INTEREST = "interest"
    PRINCIPAL = "principal"


class CompoundBase(StrEnum):
    """What compound interest runs on (domain.md E3)."""

    INTEREST = "A"  # unpaid contract interest and its own compound
    INTEREST_AND_PENALTY = "B"  # unpaid penalty too


UP_TO_90_DAYS = (Component.COST, Component.PENALTY, Component.COMPOUND, Component.INTEREST, Component.PRINCIPAL)
OVER_90_DAYS = (Component.COST, Component.PRINCIPAL, Component.INTEREST, Component.COMPOUND, Component.PENALTY)
"""Orders of settlement (domain.md 8): interest first up to 90 days past due, principal first after."""

NON_ACCRUAL_AFTER_DAYS = 90
"""From day 91 past due a loan is non-accrual (domain.md 4)."""

SETTLEMENT_MONTHS = (3, 6, 9, 12)
SETTLEMENT_DAY = 20
"""Interest is settled on the 20th of the quarter's last month; the 20th itself belongs to the closing period."""


@dataclass(frozen=True, slots=True)
class RateStep:
    """From a date on: the contract's annual rate, and the part of it that government pays."""

    start: date
    rate_ppb: int
    gov_ppb: int


@dataclass(frozen=True, slots=True)
class Instalment:
    """A line of the schedule: its nominal due date, whether it rolls to a working day, and its principal."""

    number: int
    nominal: date
    rolls: bool
    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTerms:
    """What a contract fixes.

    Raises:
        BadTerms: an amount that is not positive, a maturity not after the start, a rate below zero, rate steps out
            of order, or a grace that leaves no instalment.
    """

    product: str
    principal_fen: int
    drawn_on: date
    maturity: date
    method: Method
    rates: tuple[RateStep, ...]
    penalty_percent: int = 150
    compound_base: CompoundBase = CompoundBase.INTEREST
    grace_until: date | None = None  # no principal falls due up to this date, included
    basis: int = 360
    early_order: tuple[Component, ...] = UP_TO_90_DAYS
    late_order: tuple[Component, ...] = OVER_90_DAYS

    def __post_init__(self) -> None:
        if self.principal_fen <= 0:
            raise BadTerms("金额必须大于零")
        if self.maturity <= self.drawn_on:
            raise BadTerms(f"到期日 {self.maturity} 必须晚于起息日 {self.drawn_on}")
        if not self.rates or self.rates[0].start != self.drawn_on:
            raise BadTerms("利率必须自起息日起")
        if any(a.start >= b.start for a, b in zip(self.rates, self.rates[1:], strict=False)):
            raise BadTerms("利率分段日期必须递增")
        if any(step.rate_ppb < 0 or not 0 <= step.gov_ppb <= step.rate_ppb for step in self.rates):
            raise BadTerms("利率不得为负，贴息率不得高于合同利率")
        if self.basis not in (360, 365):
            raise BadTerms("计息基础只能是 360 或 365")
        if set(self.early_order) != set(Component) or set(self.late_order) != set(Component):
            raise BadTerms("还款顺序必须包含全部五项")
        if not schedule(self):
            raise BadTerms("宽限期内没有任何还本日")


def schedule(terms: LoanTerms) -> tuple[Instalment, ...]:
    """Return the instalments of principal, exact: the last takes the residue.

    A bullet's maturity rolls to a working day (domain.md 4). An equal-principal instalment closes with its interest
    period on the 20th and is debited the day after, which never rolls: its due date is the 21st (E2).
    """
    if terms.method is Method.BULLET:
        return (Instalment(1, terms.maturity, True, terms.principal_fen),)
    first_allowed = terms.grace_until or terms.drawn_on
    ends = [day for day in settlement_days(terms.drawn_on, terms.maturity + DAY) if day > first_allowed]
    if not ends:
        return ()
    each = terms.principal_fen // len(ends)
    last = terms.principal_fen - each * (len(ends) - 1)
    return tuple(
        Instalment(number, end + DAY, False, last if number == len(ends) else each) for number, end in enumerate(ends, start=1)
    )


def rate_steps(rates: Sequence[RateStep], percent: int) -> list[tuple[date, int, int]]:
    """Return (from, rate, government's rate) at a percentage of the contract's dated rates, none of it government's."""
    return [(step.start, step.rate_ppb * percent // 100, 0) for step in rates]


def contract_steps(rates: Sequence[RateStep], nominal: date | None) -> list[tuple[date, int, int]]:
    """Return (from, rate, government's rate) of a contract; of a bullet, government's part stops at its nominal maturity.

    The days by which a holiday moves the maturity are the borrower's (domain.md 1.3, cut-off).
    """
    steps = [(step.start, step.rate_ppb, step.gov_ppb) for step in rates]
    if nominal is None or not any(gov for _, _, gov in steps):
        return steps
    rate = next(rate for start, rate, _ in reversed(steps) if start <= nominal)
    before = [step for step in steps if step[0] < nominal]
    return [*before, (nominal, rate, 0), *((start, rate, 0) for start, rate, _ in steps if start > nominal)]


def settlement_days(start: date, end: date) -> list[date]:
    """Return the settlement days (结息日) of `[start, end)`."""
    years = range(start.year, end.year + 1)
    days = (date(year, month, SETTLEMENT_DAY) for year in years for month in SETTLEMENT_MONTHS)
    return [day for day in days if start <= day < end]


def is_settlement_day(day: date) -> bool:
    """Tell whether interest is settled at the close of a day."""
    return day.day == SETTLEMENT_DAY and day.month in SETTLEMENT_MONTHS


def last_settlement_before(day: date) -> date:
    """Return the last settlement day strictly before a day."""
    return settlement_days(add_months(day, -4), day)[-1]


def interest_fen(units: int, basis: int) -> Fraction:
    """Return exact fen for a sum of base × rate × days (积数 × rate), in fen · ppb · days."""
    return Fraction(units, PPB * basis)
