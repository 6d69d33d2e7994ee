"""Schedules: each worked out by hand in `tests/hand.py`, laws of all of them, and terms that no loan can have."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hand import EXAMPLES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.calendar import DAY, add_months
from ledger.money import PPB
from loans.contract import terms_from_json, terms_to_json
from loans.errors import BadTerms
from loans.events import Disbursed
from loans.life import Horizon
from loans.replay import replay
from loans.schedule import Line, Position, accrued, schedule
from loans.terms import (
    AT_MATURITY,
    NEVER,
    OPEN_END,
    QUARTERS,
    Convention,
    Cycle,
    DayCount,
    Grace,
    GraceKind,
    LoanTerms,
    Method,
    Mode,
    Place,
    RateStep,
    Residue,
    Rolling,
    Rounding,
    Step,
    Stub,
)

DRAWN = date(2017, 3, 15)
MONTHLY = Cycle(anchor=DRAWN)
RATE = 47_500_000


def months(count: int, method: Method = Method.EQUAL_INSTALMENT, **changes: Any) -> LoanTerms:
    """A loan of 50,000 yuan by the month, a twelfth of the year each."""
    plain: dict[str, Any] = {
        "product": "XEXD", "principal_fen": 5_000_000, "drawn_on": DRAWN, "maturity": add_months(DRAWN, count), "method": method,
        "rates": (RateStep(DRAWN, RATE),), "day_count": DayCount.MONTHS, "interest": MONTHLY, "rolling": NEVER,
    }  # fmt: skip
    return LoanTerms(**(plain | changes))


def days(method: Method = Method.BULLET, **changes: Any) -> LoanTerms:
    """A loan of a year by real days."""
    return months(12, method, **({"rates": (RateStep(DRAWN, 43_500_000),), "day_count": DayCount.ACT_360} | changes))


def grace(kind: GraceKind, count: int, start: date = DRAWN) -> tuple[Grace, ...]:
    return (Grace(kind, start, add_months(start, count)),)


LEAP, HOLIDAY = date(2015, 12, 15), date(2017, 9, 30)
TERMS: Mapping[str, LoanTerms] = {
    "annuity 36 months": months(36),
    "annuity 12 months": months(12),
    "annuity 120 months": months(120),
    "annuity without interest": months(12, rates=(RateStep(DRAWN, 0),)),
    "annuity half even": months(12, rounding=Rounding(mode=Mode.HALF_EVEN)),
    "annuity in whole yuan": months(12, rounding=Rounding(instalment_unit_fen=100)),
    "annuity whose last interest is the rest": months(12, rounding=Rounding(residue=Residue.LAST_INTEREST)),
    "annuity by the quarter": months(36, interest=replace(MONTHLY, every=3)),
    "annuity after six months of interest only": months(12, graces=grace(GraceKind.PRINCIPAL_DEFERRED, 6)),
    "annuity with three months deferred": months(
        12, graces=grace(GraceKind.PRINCIPAL_DEFERRED, 4) + grace(GraceKind.INTEREST_DEFERRED, 3)
    ),
    "annuity after two months capitalised": months(
        12, graces=grace(GraceKind.PRINCIPAL_DEFERRED, 2) + grace(GraceKind.INTEREST_CAPITALISED, 2)
    ),
    "annuity with two months free": months(12, graces=grace(GraceKind.INTEREST_FREE, 2)),
    "balloon: as of 36 months, due after 12": months(12, amortised_until=add_months(DRAWN, 36)),
    "annuity that rises by half after six months": months(12, steps=(Step(7, 150),)),
    "annuity made anew at a lower rate": months(12, rates=(RateStep(DRAWN, RATE), RateStep(add_months(DRAWN, 6), 36_000_000))),
    "equal principal 12 months": months(12, Method.EQUAL_PRINCIPAL),
    "equal principal, the first takes the residue": months(12, Method.EQUAL_PRINCIPAL, rounding=Rounding(residue=Residue.FIRST)),
    "equal principal in whole yuan": months(12, Method.EQUAL_PRINCIPAL, rounding=Rounding(instalment_unit_fen=100)),
    "equal principal after six months of grace": months(
        12, Method.EQUAL_PRINCIPAL, graces=grace(GraceKind.PRINCIPAL_DEFERRED, 6)
    ),
    "equal principal of an agreed part": months(12, Method.EQUAL_PRINCIPAL, payment_fen=400_000),
    "等本等息: flat": months(12, Method.EQUAL_PRINCIPAL, flat=True),
    "seasonal equal principal": months(
        12, Method.EQUAL_PRINCIPAL, principal=replace(MONTHLY, months=(3, 4, 5, 6, 7, 8, 9, 10, 11))
    ),
    "fixed payment below its interest": months(12, Method.FIXED_PAYMENT, payment_fen=10_000),
    "fixed payment, balance capped": months(12, Method.FIXED_PAYMENT, payment_fen=10_000, balance_cap_fen=5_020_000),
    "bullet, months of real days over 360": days(),
    "bullet, months of real days over 365": days(day_count=DayCount.ACT_365),
    "bullet, thirty days a month": days(day_count=DayCount.THIRTY_360),
    "bullet, rounded once over its life": days(rounding=Rounding(place=Place.LIFE)),
    "bullet over a leap year by ISDA": days(
        drawn_on=LEAP, maturity=date(2016, 6, 15), rates=(RateStep(LEAP, 43_500_000),), day_count=DayCount.ACT_ACT,
        interest=Cycle(anchor=LEAP, every=3),
    ),
    "at maturity, months and odd days": days(Method.AT_MATURITY, maturity=date(2018, 4, 25), day_count=DayCount.MONTHS),
    "at maturity, real days": days(Method.AT_MATURITY, maturity=date(2018, 4, 25), interest=None),
    "one day": days(maturity=DRAWN + DAY),
    "a table of dates": days(
        Method.CUSTOM, interest=Cycle(anchor=date(2017, 6, 15), every=6), table=((date(2017, 6, 15), 2_000_000), (date(2017, 12, 15), 1_000_000))
    ),
    "a short last period": days(maturity=date(2017, 6, 1)),
    "a long last period": days(maturity=date(2017, 6, 1), interest=replace(MONTHLY, stub=Stub.LONG)),
    "a maturity on a holiday": days(
        Method.AT_MATURITY, drawn_on=HOLIDAY, maturity=date(2018, 1, 1), rates=(RateStep(HOLIDAY, 43_500_000),), rolling=AT_MATURITY
    ),
    "a maturity on a holiday, counted to its date": days(
        Method.AT_MATURITY, drawn_on=HOLIDAY, maturity=date(2018, 1, 1), rates=(RateStep(HOLIDAY, 43_500_000),),
        rolling=Rolling(convention=Convention.FOLLOWING, calculates_nominal=True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_schedule_is_what_was_worked_out_by_hand(name: str) -> None:
    assert len(EXAMPLES) >= 30
    lines = schedule(TERMS[name])
    found = [tuple(Decimal(int(fen)).scaleb(-2) for fen in (line.principal, line.interest, line.balance)) for line in lines]
    assert found == EXAMPLES[name]


def test_a_due_date_rolls_as_the_terms_say() -> None:
    terms = TERMS["a maturity on a holiday"]
    assert [(line.nominal, line.due, line.counted) for line in schedule(terms)] == [
        (date(2018, 1, 1), date(2018, 1, 2), date(2018, 1, 2))
    ]
    kept = TERMS["a maturity on a holiday, counted to its date"]
    assert [(line.due, line.counted) for line in schedule(kept)] == [(date(2018, 1, 2), date(2018, 1, 1))]


# --- laws ------------------------------------------------------------------------------------------------------------

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def any_terms(draw: st.DrawFn) -> LoanTerms:
    drawn = draw(st.dates(date(2015, 1, 1), date(2020, 12, 31)))
    method = draw(st.sampled_from(Method))
    length = draw(st.integers(1, 3_000))
    fen = draw(st.integers(1, 10**8))
    cycles = st.builds(
        Cycle, anchor=st.dates(drawn, drawn + 60 * DAY), every=st.integers(1, 12), stub=st.sampled_from(Stub)
    ) | st.just(QUARTERS)
    own: dict[str, Any] = {}
    if method is Method.FIXED_PAYMENT:
        own["payment_fen"] = draw(st.integers(1, 2 * fen))
    if method is Method.CUSTOM:
        own["table"] = ((drawn + DAY * max(1, length // 2), max(1, fen // 3)),)
    kinds = draw(
        st.lists(st.sampled_from([k for k in GraceKind if k is not GraceKind.PRINCIPAL_DEFERRED]), max_size=2, unique=True)
    )
    return LoanTerms(
        product="XEXD", principal_fen=fen, drawn_on=drawn, maturity=drawn + length * DAY, method=method,
        rates=(RateStep(drawn, draw(st.integers(0, 2 * 10**8)), 0),), day_count=draw(st.sampled_from(DayCount)),
        interest=draw(cycles), rolling=draw(st.sampled_from([NEVER, AT_MATURITY, Rolling(convention=Convention.FOLLOWING)])),
        graces=tuple(Grace(kind, drawn, drawn + draw(st.integers(1, 200)) * DAY) for kind in kinds),
        rounding=draw(st.none() | st.builds(Rounding, mode=st.sampled_from(Mode), place=st.sampled_from(Place))), **own,
    )  # fmt: skip


@QUICK
@given(any_terms())
def test_principal_comes_back_whole_and_dates_climb(terms: LoanTerms) -> None:
    lines = schedule(terms)
    assert sum(line.principal for line in lines) == terms.principal_fen
    assert lines[-1].balance == 0 == lines[-1].units
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    assert all(a.nominal < b.nominal and a.due <= b.due for a, b in pairwise(lines))
    assert all(line.interest >= 0 == line.gov for line in lines)


@QUICK
@given(any_terms())
def test_without_rounding_interest_is_balance_times_rate_times_years(terms: LoanTerms) -> None:
    exact = replace(terms, rounding=None, graces=())
    lines, since, balance = schedule(exact), exact.drawn_on, Fraction(exact.principal_fen)
    units = Fraction(0)
    for line in lines:
        units += balance * exact.day_count.ticks(since, line.counted, exact.drawn_on)
        if line.interest or not line.units:
            assert line.interest == units * Fraction(exact.rates[0].rate_ppb, PPB * exact.day_count.year)
            units = Fraction(0)
        since, balance = line.counted, line.balance


def simple_instalment(principal_fen: int, rate_ppb: int, periods: int, periods_a_year: int) -> Fraction:
    """The textbook's instalment of equal periods: P·i·(1+i)ⁿ ÷ ((1+i)ⁿ − 1)."""
    rate = Fraction(rate_ppb, PPB * periods_a_year)
    growth = (1 + rate) ** periods
    return principal_fen * rate * growth / (growth - 1)


@QUICK
@given(st.integers(1, 10**8), st.integers(1, 3 * 10**8), st.integers(1, 240))
def test_an_equal_instalment_of_equal_periods_is_the_textbooks(fen: int, rate: int, count: int) -> None:
    terms = months(count, principal_fen=fen, rates=(RateStep(DRAWN, rate),), rounding=None)
    lines = schedule(terms)
    assert {line.payment for line in lines} == {simple_instalment(fen, rate, count, 12)}


@QUICK
@given(any_terms(), st.integers(0, 3_000))
def test_a_schedule_begun_anew_from_a_line_goes_on_as_it_was(terms: LoanTerms, pick: int) -> None:
    exact = replace(terms, rounding=None)
    lines = schedule(exact)
    line = lines[pick % len(lines)]
    if line is lines[-1] or exact.method is Method.EQUAL_PRINCIPAL:
        return
    at = Position(day=line.counted, after=line.nominal, balance=line.balance, units=line.units, lines=line.number)
    anew, instalment = schedule(exact, at), Line._fields.index("instalment")
    # Begun anew, no instalment is in force until the first date of principal makes it.
    assert [n[:instalment] + n[instalment + 1 :] for n in anew] == [
        o[:instalment] + o[instalment + 1 :] for o in lines[line.number :]
    ]
    assert anew[-1].instalment == lines[-1].instalment


@QUICK
@given(any_terms(), st.integers(0, 3_000))
def test_what_has_run_up_by_the_day_of_a_line_is_its_interest(terms: LoanTerms, pick: int) -> None:
    exact = replace(terms, rounding=None, graces=())
    lines = schedule(exact)
    number = pick % len(lines)
    line = lines[number]
    if number and line.counted > lines[number - 1].counted and not line.units:
        before = accrued(exact, lines[:number], line.counted)
        assert before == line.interest
        assert accrued(exact, lines, exact.drawn_on) == 0


@QUICK
@given(any_terms())
def test_the_preview_is_what_replay_makes_of_the_drawdown(terms: LoanTerms) -> None:
    """Preview = booking: every line of the schedule, its principal and its interest, if all is paid as it falls due."""
    booked = replace(terms, rounding=Rounding())
    lines = schedule(booked)
    drawn = Disbursed(reference="d", value_date=booked.drawn_on, fen=int(booked.principal_fen))
    life = replay(booked, [drawn], Horizon(booked.drawn_on, booked.drawn_on))
    assert not life.refusals
    planned = [(line.nominal, line.due, line.principal) for line in lines if line.principal]
    assert [(i.instalment.nominal, i.instalment.due, i.instalment.fen) for i in life.instalments if i.instalment.fen] == planned


@QUICK
@given(any_terms())
def test_terms_survive_being_stored(terms: LoanTerms) -> None:
    assert terms_from_json(terms_to_json(terms)) == terms


# --- terms at the edge, and beyond -----------------------------------------------------------------------------------


def test_forty_years_a_leap_day_one_fen_and_no_rate_give_a_schedule() -> None:
    assert len(schedule(months(480))) == 480
    leap = date(2016, 2, 29)
    born = months(12, drawn_on=leap, maturity=date(2017, 2, 28), rates=(RateStep(leap, RATE),), interest=Cycle(anchor=leap))
    assert [line.nominal.day for line in schedule(born)] == [29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 28]
    assert sum(line.principal for line in schedule(months(12, principal_fen=1))) == 1
    assert [line.interest for line in schedule(months(2, rates=(RateStep(DRAWN, 0),)))] == [0, 0]
    assert schedule(months(12, maturity=OPEN_END, payment_fen=1_000_000))[-1].number == 6


def test_a_payment_that_never_pays_the_loan_off_is_refused() -> None:
    with pytest.raises(BadTerms, match="永远还不清"):
        schedule(months(12, Method.FIXED_PAYMENT, maturity=OPEN_END, payment_fen=1))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"principal_fen": 0}, "金额必须大于零"),
        ({"maturity": DRAWN}, "必须晚于起息日"),
        ({"maturity": DRAWN - DAY}, "必须晚于起息日"),
        ({"maturity": OPEN_END}, "必须约定每期还款额"),
        ({"rates": ()}, "利率必须自起息日起"),
        ({"rates": (RateStep(DRAWN + DAY, RATE),)}, "利率必须自起息日起"),
        ({"rates": (RateStep(DRAWN, -1),)}, "利率不得为负"),
        ({"rates": (RateStep(DRAWN, 1, 2),)}, "贴息率不得高于"),
        ({"rates": (RateStep(DRAWN, 1), RateStep(DRAWN, 2))}, "必须递增"),
        ({"payment_fen": 0}, "每期还款额必须大于零"),
        ({"payment_fen": Fraction(1, 3)}, "必须是整分"),
        ({"balance_cap_fen": 1}, "余额上限不得低于"),
        ({"interest": None}, "必须约定还款周期"),
        ({"method": Method.BULLET, "interest": None}, "必须约定付息周期"),
        ({"method": Method.FIXED_PAYMENT}, "必须约定每期还款额"),
        ({"method": Method.CUSTOM}, "必须列出还款计划"),
        ({"table": ((DRAWN + DAY, 1),)}, "只有自定义还款"),
        ({"method": Method.CUSTOM, "table": ((DRAWN, 1),)}, "日期必须在起息日之后"),
        ({"method": Method.CUSTOM, "table": ((DRAWN + DAY, 6_000_000),)}, "合计不得超过"),
        ({"amortised_until": DRAWN + DAY}, "摊还截止日不得早于到期日"),
        ({"method": Method.BULLET, "amortised_until": date(2030, 1, 1)}, "只有分期还款才约定摊还截止日"),
        (
            {"method": Method.CUSTOM, "table": ((DRAWN + DAY, 1),), "amortised_until": date(2030, 1, 1)},
            "只有分期还款才约定摊还截止日",
        ),
        ({"steps": (Step(2, 100), Step(1, 100))}, "期次必须递增"),
        ({"graces": grace(GraceKind.PRINCIPAL_DEFERRED, 12)}, "没有任何还本日"),
        ({"graces": grace(GraceKind.INTEREST_FREE, 2) + grace(GraceKind.INTEREST_FREE, 3)}, "不得重叠"),
        ({"rounding": Rounding(residue=Residue.FIRST)}, "尾差只能由末期承担"),
        ({"penalty_percent": 99}, "罚息"),
        ({"misuse_percent": 140}, "挪用罚息"),
        ({"early_order": ()}, "还款顺序"),
    ],
)
def test_terms_that_no_loan_can_have_are_refused_with_their_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadTerms, match=reason):
        months(12, **changes)


def test_a_grace_that_ends_before_it_begins_is_none() -> None:
    with pytest.raises(BadTerms, match="必须晚于起始日"):
        Grace(GraceKind.INTEREST_FREE, DRAWN, DRAWN)
