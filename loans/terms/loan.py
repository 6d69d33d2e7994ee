"""Loan terms (贷款条款): what a contract fixes, as one immutable value with the field's names.

Money is fen, rates are parts per billion a year, periods are half-open. Old contracts keep their terms: the value is
stored with the loan, and a product that changes later changes nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fractions import Fraction

from ledger.calendar import DAY
from loans.errors import BadTerms
from loans.terms.cycles import QUARTERS, Cycle
from loans.terms.daycount import DayCount
from loans.terms.rates import Floating, RateStep
from loans.terms.rolling import AT_MATURITY, Convention, Rolling
from loans.terms.rounding import TO_FEN, Fen, Mode, Place, Residue, Rounding


class Method(StrEnum):
    """How principal comes back (domain.md 4, repayment methods)."""

    AT_MATURITY = "at_maturity"  # 利随本清: principal and all interest at maturity
    BULLET = "bullet"  # 按期付息到期还本
    EQUAL_PRINCIPAL = "equal_principal"  # 等额本金
    EQUAL_INSTALMENT = "equal_instalment"  # 等额本息
    FIXED_PAYMENT = "fixed_payment"  # 固定还款额: whatever interest leaves of it is principal, less than nothing included
    CUSTOM = "custom"  # 自定义: a table of dates and principal


AMORTISING = frozenset((Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT, Method.FIXED_PAYMENT))
"""The methods by which principal comes back on a cycle."""


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


class GraceKind(StrEnum):
    """The four graces, kept apart: what is spared while one lasts. None of them is an arrear, none changes the class."""

    PRINCIPAL_DEFERRED = "principal_deferred"  # 延期还本: principal falls due after it, over the dates that are left
    INTEREST_DEFERRED = "interest_deferred"  # 延期付息: interest runs on and falls due with the first payment after it
    INTEREST_CAPITALISED = "interest_capitalised"  # 利息转本: interest is added to principal instead of falling due
    INTEREST_FREE = "interest_free"  # 免息: no interest runs


UP_TO_90_DAYS = (Component.COST, Component.PENALTY, Component.COMPOUND, Component.INTEREST, Component.PRINCIPAL)
OVER_90_DAYS = (Component.COST, Component.PRINCIPAL, Component.INTEREST, Component.COMPOUND, Component.PENALTY)
"""Orders of settlement (domain.md 8): interest first up to 90 days past due, principal first after."""

NON_ACCRUAL_AFTER_DAYS = 90
"""From day 91 past due a loan is non-accrual (domain.md 4)."""

OPEN_END = date.max
"""The maturity of a schedule that ends when it is paid off; a loan that is booked has a date."""


@dataclass(frozen=True, slots=True)
class Grace:
    """A grace (宽限) over the days `[start, end)`: it covers the payments of those days, nominally after start, up to end.

    Raises:
        BadTerms: an end not after the start.
    """

    kind: GraceKind
    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise BadTerms(f"宽限截止日 {self.end} 必须晚于起始日 {self.start}")

    def covers(self, nominal: date) -> bool:
        """Tell whether a payment of this nominal date is spared."""
        return self.start < nominal <= self.end


@dataclass(frozen=True, slots=True)
class Step:
    """From an instalment's number on, instalments weigh a percentage of the plain one (递增、递减还款)."""

    from_number: int
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTerms:
    """What a contract fixes.

    Attributes:
        product: the product's code.
        principal_fen: the amount lent, fen.
        drawn_on: the first day that bears interest.
        maturity: the nominal day of the last payment; `OPEN_END`: the one that pays the rest.
        method: how principal comes back.
        rates: dated steps, the first from `drawn_on`; an equal instalment is made anew at each.
        household_first: government pays its part of the rates back to the household that paid it (先收后贴): to the bank all is
            the borrower's.
        floating: what later steps come from, night by night; none: the rate is fixed.
        day_count: how days become parts of a year.
        interest: when interest falls due before maturity; none: only with the last payment.
        principal: when principal falls due; none: as interest does.
        rolling: where due dates move that are not working days.
        graces: what is spared, and when.
        payment_fen: an instalment (equal principal: a part of principal) that is agreed instead of computed.
        amortised_until: the equal instalment or part is computed as if it ran to this day; maturity pays the rest (气球贷).
        balance_cap_fen: unpaid interest may raise the balance up to here; beyond, the payment is raised.
        steps: instalments that weigh more or less than others.
        table: of a custom schedule, (nominal date, principal in fen); maturity pays the rest.
        flat: interest runs on the amount lent, not on the balance (等本等息).
        rounding: to what and how figures are rounded; none: exact.
        penalty_percent, misuse_percent: of the contract rate, overdue and misused (domain.md 8).
        compound_base: what compound interest runs on.
        early_order, late_order: what a repayment settles first, up to 90 days past due and after.

    Raises:
        BadTerms: terms that no loan can have, with the reason.
    """

    product: str
    principal_fen: Fen
    drawn_on: date
    maturity: date
    method: Method
    rates: tuple[RateStep, ...]
    household_first: bool = False
    floating: Floating | None = None
    day_count: DayCount = DayCount.ACT_360
    interest: Cycle | None = QUARTERS
    principal: Cycle | None = None
    rolling: Rolling = AT_MATURITY
    graces: tuple[Grace, ...] = ()
    payment_fen: Fen | None = None
    amortised_until: date | None = None
    balance_cap_fen: Fen | None = None
    steps: tuple[Step, ...] = ()
    table: tuple[tuple[date, Fen], ...] = ()
    flat: bool = False
    rounding: Rounding | None = TO_FEN
    penalty_percent: int = 150
    misuse_percent: int = 200
    compound_base: CompoundBase = CompoundBase.INTEREST
    early_order: tuple[Component, ...] = UP_TO_90_DAYS
    late_order: tuple[Component, ...] = OVER_90_DAYS

    def __post_init__(self) -> None:
        for broken, detail in (*_amounts(self), *_dates(self), *_rates(self), *_repayment(self)):
            if broken:
                raise BadTerms(detail)

    @property
    def subsidised(self) -> bool:
        """Whether government pays a part of the contract interest at any time."""
        return any(step.gov_ppb for step in self.rates)

    def subsidised_from(self, day: date) -> bool:
        """Tell whether government pays a part of the contract interest on a day or any later one."""
        return any(step.gov_ppb for step in (self.rate_on(day), *(step for step in self.rates if step.start > day)))

    @property
    def principal_cycle(self) -> Cycle | None:
        """The cycle of principal: its own, or that of interest."""
        return self.principal or self.interest

    @property
    def settles_quarterly(self) -> bool:
        """Whether contract interest is charged with everybody's on the 20th, and not on dates of the contract's own."""
        spared = {GraceKind.INTEREST_DEFERRED, GraceKind.INTEREST_CAPITALISED}
        return (
            self.interest == QUARTERS
            and self.method is not Method.AT_MATURITY
            and not any(grace.kind in spared for grace in self.graces)
        )

    @property
    def overdue_count(self) -> DayCount:
        """How penalty and compound interest count days: real ones, of a 360th each, unless the contract's year differs."""
        return self.day_count if self.day_count in (DayCount.ACT_365, DayCount.ACT_ACT) else DayCount.ACT_360

    @property
    def unbookable(self) -> str | None:
        """Why a loan of these terms can't be booked, though it has a schedule; none: it can."""
        rounding, rolling = self.rounding, self.rolling
        plain = rounding is not None and (rounding.mode, rounding.unit_fen, rounding.place) == (Mode.HALF_UP, 1, Place.CHARGE)
        rates = [rate for step in self.rates for rate in (step.rate_ppb, step.gov_ppb)]
        early = rolling.convention in (Convention.PRECEDING, Convention.MODIFIED_PRECEDING)
        rolls = rolling.convention is not Convention.SAME and not rolling.last_only
        reasons = (
            (not plain, "入账贷款的利息按期四舍五入到分"),
            (rounding is not None and rounding.residue is Residue.LAST_INTEREST, "入账贷款末期利息按实际计息"),
            (self.maturity == OPEN_END, "入账贷款必须有到期日"),
            (any(isinstance(rate, Fraction) for rate in rates), "入账贷款的利率必须是十亿分之一的整数倍"),
            (rolling.calculates_nominal and early, "提前到前一工作日还款的，利息只能计到还款日"),
            (rolls and not self._one_set_of_dates, "还本日、利息转本日不在结息日的贷款，只有到期日可以顺延"),
        )
        return next((reason for broken, reason in reasons if broken), None)

    @property
    def _one_set_of_dates(self) -> bool:
        """Whether all that falls due before maturity does so on dates of interest: over a long holiday others could roll onto
        one another, or past one another.
        """
        if self.method is Method.CUSTOM:
            return False
        cycle = self.interest
        if cycle is None:
            return not any(grace.kind is GraceKind.INTEREST_CAPITALISED for grace in self.graces)
        ends = [grace.end for grace in self.graces if grace.kind is GraceKind.INTEREST_CAPITALISED]
        return self._principal_with(cycle) and all(next(cycle.after(end - DAY), None) == end for end in ends)

    def _principal_with(self, interest: Cycle) -> bool:
        """Whether principal falls due on dates of interest only."""
        if self.principal is None or self.method not in AMORTISING:
            return True
        same = replace(interest, every=self.principal.every, months=interest.months or self.principal.months)
        return self.principal == same and self.principal.every % interest.every == 0

    def count_of(self, kind: StreamKind) -> DayCount:
        """Return how a kind of interest counts days."""
        return self.day_count if kind is StreamKind.CONTRACT else self.overdue_count

    def rate_on(self, day: date) -> RateStep:
        """Return the step in force on a day (the first, before it begins)."""
        return next((step for step in reversed(self.rates) if step.start <= day), self.rates[0])


def _amounts(terms: LoanTerms) -> Sequence[tuple[bool, str]]:
    amounts = [terms.principal_fen, terms.payment_fen, terms.balance_cap_fen, *(fen for _, fen in terms.table)]
    given = [fen for fen in amounts if fen is not None]
    return (
        (terms.principal_fen <= 0, "金额必须大于零"),
        (terms.payment_fen is not None and terms.payment_fen <= 0, "每期还款额必须大于零"),
        (
            terms.balance_cap_fen is not None and terms.balance_cap_fen < terms.principal_fen,
            "余额上限不得低于贷款金额",
        ),
        (terms.rounding is not None and any(isinstance(fen, Fraction) for fen in given), "按分舍入的贷款，金额必须是整分"),
    )


def _dates(terms: LoanTerms) -> Sequence[tuple[bool, str]]:
    open_end = terms.maturity == OPEN_END
    return (
        (terms.maturity <= terms.drawn_on, f"到期日 {terms.maturity} 必须晚于起息日 {terms.drawn_on}"),
        (
            open_end and (terms.payment_fen is None or terms.method not in AMORTISING),
            "没有到期日的贷款必须约定每期还款额",
        ),
        (
            terms.amortised_until is not None and terms.amortised_until < terms.maturity,
            "摊还截止日不得早于到期日",
        ),
        (
            terms.settles_quarterly and terms.drawn_on < QUARTERS.anchor,
            f"{QUARTERS.anchor} 以前起息的贷款不能按季结息，请约定自己的结息周期",
        ),
        (terms.amortised_until is not None and terms.method not in AMORTISING, "只有分期还款才约定摊还截止日"),
        (
            any(grace.kind is GraceKind.PRINCIPAL_DEFERRED and grace.covers(terms.maturity) for grace in terms.graces),
            "宽限期内没有任何还本日",
        ),
        (
            any(a.kind is b.kind and a.start < b.end and b.start < a.end for a, b in _pairs(terms.graces)),
            "同一种宽限的期间不得重叠",
        ),
    )


def _rates(terms: LoanTerms) -> Sequence[tuple[bool, str]]:
    return (
        (not terms.rates or terms.rates[0].start != terms.drawn_on, "利率必须自起息日起"),
        (any(a.start >= b.start for a, b in zip(terms.rates, terms.rates[1:], strict=False)), "利率分段日期必须递增"),
        (
            any(step.rate_ppb < 0 or not 0 <= step.gov_ppb <= step.rate_ppb for step in terms.rates),
            "利率不得为负，贴息率不得高于合同利率",
        ),
        (not terms.misuse_percent >= terms.penalty_percent >= 100, "挪用罚息不得低于逾期罚息，逾期罚息不得低于合同利率"),
    )


def _repayment(terms: LoanTerms) -> Sequence[tuple[bool, str]]:
    dates = [day for day, _ in terms.table]
    numbers = [step.from_number for step in terms.steps]
    first = terms.rounding is not None and terms.rounding.residue is Residue.FIRST
    return (
        (terms.method in AMORTISING and terms.principal_cycle is None, "分期还款必须约定还款周期"),
        (terms.method is Method.BULLET and terms.interest is None, "按期付息必须约定付息周期"),
        (terms.method is Method.FIXED_PAYMENT and terms.payment_fen is None, "固定还款额必须约定每期还款额"),
        (terms.method is Method.CUSTOM and not terms.table, "自定义还款必须列出还款计划"),
        (terms.method is not Method.CUSTOM and bool(terms.table), "只有自定义还款才列出还款计划"),
        (
            any(fen <= 0 for _, fen in terms.table) or sum(fen for _, fen in terms.table) > terms.principal_fen,
            "还款计划的各期本金必须大于零，合计不得超过贷款金额",
        ),
        (
            dates != sorted(set(dates)) or any(not terms.drawn_on < day <= terms.maturity for day in dates),
            "还款计划的日期必须在起息日之后、到期日之内，并递增",
        ),
        (
            any(step.percent < 0 for step in terms.steps) or numbers != sorted(set(numbers)),
            "递增还款的期次必须递增，比例不得为负",
        ),
        (first and terms.method is Method.EQUAL_INSTALMENT, "等额本息的尾差只能由末期承担或摊入各期"),
        (set(terms.early_order) != set(Component) or set(terms.late_order) != set(Component), "还款顺序必须包含全部五项"),
    )


def _pairs(graces: Sequence[Grace]) -> list[tuple[Grace, Grace]]:
    return [(a, b) for index, a in enumerate(graces) for b in graces[index + 1 :]]
