"""Terms as data: day counts as clocks, cycles, rolling, rounding and rates, each against a second way of saying it."""

from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction
from itertools import count, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.calendar import DAY, add_months, following_working_day, is_leap, is_weekday, is_working_day
from loans.errors import BadTerms, NoReferenceRate
from loans.terms import (
    QUARTERS,
    Calendar,
    Convention,
    Cycle,
    DayCount,
    MonthEnd,
    RateStep,
    Reset,
    Rolling,
    Rounding,
    Stub,
    Unit,
    settlement_days,
)
from loans.terms import floating_steps as floating
from loans.terms.daycount import COMMON_YEAR
from loans.terms.rates import months_of, references
from loans.terms.rolling import due_on, falling_due_on, rolled
from loans.terms.rounding import Mode

days = st.dates(date(1999, 1, 1), date(2060, 12, 31))
a_day, a_month = date(2017, 3, 15), date(2017, 1, 31)


# --- day counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "start", "end", "year_part"),
    [
        (DayCount.ACT_360, date(2017, 3, 15), date(2018, 3, 15), Fraction(365, 360)),
        (DayCount.ACT_365, date(2016, 1, 1), date(2017, 1, 1), Fraction(366, 365)),
        (DayCount.ACT_ACT, date(2016, 1, 1), date(2017, 1, 1), Fraction(1)),
        (DayCount.ACT_ACT, date(2015, 12, 1), date(2016, 2, 1), Fraction(31, 365) + Fraction(31, 366)),
        (DayCount.THIRTY_360, date(2017, 1, 30), date(2017, 1, 31), Fraction(0)),
        (DayCount.THIRTY_360, date(2017, 2, 28), date(2017, 3, 1), Fraction(3, 360)),
        (DayCount.THIRTY_360, date(2017, 1, 31), date(2017, 3, 31), Fraction(60, 360)),
        (DayCount.MONTHS, date(2017, 3, 15), date(2018, 3, 15), Fraction(1)),
        (DayCount.MONTHS, date(2017, 3, 15), date(2017, 5, 20), Fraction(65, 360)),
        (DayCount.MONTHS, date(2017, 1, 31), date(2017, 2, 28), Fraction(30, 360)),
        (DayCount.MONTHS, date(2016, 2, 29), date(2017, 2, 28), Fraction(1)),
    ],
)
def test_a_stretch_of_days_is_so_much_of_a_year(count: DayCount, start: date, end: date, year_part: Fraction) -> None:
    assert Fraction(count.ticks(start, end, start), count.year) == year_part
    assert COMMON_YEAR % count.year == 0


@given(st.sampled_from(DayCount), days, days, days, days)
def test_adjacent_stretches_add_up_and_no_day_counts_backwards(count: DayCount, anchor: date, a: date, b: date, c: date) -> None:
    start, middle, end = sorted((a, b, c))
    whole = count.ticks(start, end, anchor)
    assert count.ticks(start, middle, anchor) + count.ticks(middle, end, anchor) == whole >= 0


@given(days, days)
def test_a_year_of_real_days_is_the_sum_of_each_days_own_part(a: date, b: date) -> None:
    start, end = min(a, b), min(max(a, b), min(a, b) + 800 * DAY)
    parts = sum((Fraction(1, 366 if is_leap((start + n * DAY).year) else 365) for n in range((end - start).days)), Fraction(0))
    assert Fraction(DayCount.ACT_ACT.ticks(start, end, start), DayCount.ACT_ACT.year) == parts


def test_postgresql_reads_the_same_clocks(session: Session) -> None:
    for convention in DayCount:
        rows = session.execute(
            text(
                "SELECT d::date AS day, a AS anchor, loans.reading(:count, a, d::date) AS reading "
                "FROM generate_series(DATE '2015-12-01', DATE '2020-03-05', INTERVAL '1 day') AS d, "
                "unnest(ARRAY[DATE '2012-02-29', '2015-01-31', '2015-11-30', '2014-06-15']) AS a"
            ),
            {"count": convention.value},
        ).all()
        assert session.scalar(text("SELECT loans.year_ticks(:count)"), {"count": convention.value}) == convention.year
        assert len(rows) > 6_000
        first = {row.anchor: row for row in reversed(rows)}
        for row in rows:
            start = first[row.anchor]
            assert row.reading - start.reading == convention.ticks(start.day, row.day, row.anchor), row


# --- cycles ----------------------------------------------------------------------------------------------------------


def test_quarters_are_the_settlement_days() -> None:
    found = QUARTERS.between(date(2017, 3, 20), date(2019, 1, 1))
    assert found == [*(day + DAY for day in settlement_days(date(2017, 3, 20), date(2019, 1, 1))), date(2019, 1, 1)]
    assert QUARTERS.end_of(date(2026, 9, 20)) == date(2026, 9, 21)
    assert QUARTERS.end_of(date(2026, 9, 19)) == date(2026, 9, 19)


@pytest.mark.parametrize(
    ("cycle", "start", "end", "dates"),
    [
        (Cycle(anchor=a_month), a_month, date(2017, 4, 30), ["2017-02-28", "2017-03-31", "2017-04-30"]),
        (
            Cycle(anchor=date(2017, 2, 28), month_end=MonthEnd.LAST_DAY), date(2017, 2, 28), date(2017, 5, 31),
            ["2017-03-31", "2017-04-30", "2017-05-31"],
        ),
        (Cycle(anchor=date(2017, 2, 28)), date(2017, 2, 28), date(2017, 4, 28), ["2017-03-28", "2017-04-28"]),
        (
            Cycle(anchor=date(2025, 1, 31), month_end=MonthEnd.NEXT_MONTH), date(2025, 1, 31), date(2025, 5, 1),
            ["2025-03-01", "2025-03-31", "2025-05-01"],
        ),
        (Cycle(anchor=a_day), a_day, date(2017, 6, 1), ["2017-04-15", "2017-05-15", "2017-06-01"]),
        (Cycle(anchor=a_day, stub=Stub.LONG), a_day, date(2017, 6, 1), ["2017-04-15", "2017-06-01"]),
        (Cycle(anchor=a_day, stub=Stub.LONG), a_day, date(2017, 6, 15), ["2017-04-15", "2017-05-15", "2017-06-15"]),
        (Cycle(anchor=a_day, stub=Stub.LONG), a_day, date(2017, 4, 1), ["2017-04-01"]),
        (Cycle(anchor=date(2017, 5, 1)), a_day, date(2017, 6, 15), ["2017-05-01", "2017-06-01", "2017-06-15"]),
        (Cycle(anchor=a_day, every=10, unit=Unit.DAYS), a_day, date(2017, 4, 8), ["2017-03-25", "2017-04-04", "2017-04-08"]),
        (
            Cycle(anchor=date(2016, 2, 29), unit=Unit.YEARS), date(2016, 2, 29), date(2020, 2, 29),
            ["2017-02-28", "2018-02-28", "2019-02-28", "2020-02-29"],
        ),
        (
            Cycle(anchor=a_day, months=(6, 9)), a_day, date(2018, 7, 1),
            ["2017-06-15", "2017-09-15", "2018-06-15", "2018-07-01"],
        ),
    ],
)  # fmt: skip
def test_a_cycle_gives_these_dates(cycle: Cycle, start: date, end: date, dates: list[str]) -> None:
    assert [day.isoformat() for day in cycle.between(start, end)] == dates


@given(
    st.builds(
        Cycle, anchor=days, every=st.integers(1, 40), unit=st.sampled_from(Unit), stub=st.sampled_from(Stub),
        month_end=st.sampled_from(MonthEnd), closes_day=st.booleans(),
    ),
    days,
    st.integers(1, 4_000),
)  # fmt: skip
def test_dates_of_a_cycle_climb_and_none_is_left_out(cycle: Cycle, start: date, length: int) -> None:
    end = start + length * DAY
    found = cycle.between(start, end)
    assert found == sorted(set(found))
    assert found[0] > start
    assert found[-1] == end
    one_by_one = [day for day in takewhile(lambda day: day < end, map(cycle.at, count())) if day > start]
    kept = one_by_one[:-1] if cycle.stub is Stub.LONG and one_by_one and next(cycle.after(one_by_one[-1])) != end else one_by_one
    assert found[:-1] == kept


@pytest.mark.parametrize(("every", "months"), [(0, ()), (-1, ()), (1, (13,)), (1, (0,))])
def test_a_cycle_that_is_none_is_refused(every: int, months: tuple[int, ...]) -> None:
    with pytest.raises(BadTerms):
        Cycle(anchor=a_day, every=every, months=months)


# --- rolling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nominal", "convention", "calendar", "day"),
    [
        ("2017-10-01", Convention.FOLLOWING, Calendar.CHINESE, "2017-10-09"),
        ("2017-10-01", Convention.PRECEDING, Calendar.CHINESE, "2017-09-30"),  # 调休: a Saturday at work
        ("2017-10-01", Convention.MODIFIED_PRECEDING, Calendar.CHINESE, "2017-10-09"),
        ("2017-10-01", Convention.SAME, Calendar.CHINESE, "2017-10-01"),
        ("2017-10-01", Convention.FOLLOWING, Calendar.WEEKDAYS, "2017-10-02"),
        ("2017-09-30", Convention.MODIFIED_FOLLOWING, Calendar.WEEKDAYS, "2017-09-29"),
        ("2017-09-30", Convention.FOLLOWING, Calendar.WEEKDAYS, "2017-10-02"),
        ("2040-01-01", Convention.FOLLOWING, Calendar.CHINESE, "2040-01-02"),  # not announced: plain weekdays
    ],
)
def test_a_date_moves_there(nominal: str, convention: Convention, calendar: Calendar, day: str) -> None:
    assert rolled(date.fromisoformat(nominal), convention, calendar).isoformat() == day


@given(st.dates(date(2005, 1, 1), date(2025, 12, 1)), st.sampled_from(Convention), st.sampled_from(Calendar))
def test_nominal_dates_and_rolled_dates_agree(nominal: date, convention: Convention, calendar: Calendar) -> None:
    rolling = Rolling(convention=convention, calendar=calendar)
    due = rolling.due(nominal)
    works = is_working_day if calendar is Calendar.CHINESE else is_weekday
    assert convention is Convention.SAME or works(due)
    assert (rolling.code, nominal) in falling_due_on(due)
    assert due_on(rolling.code, nominal) == due
    if convention is Convention.FOLLOWING and calendar is Calendar.CHINESE:
        assert due == following_working_day(nominal)
    assert all(due_on(code, day) == due for code, day in falling_due_on(due))


# --- rounding --------------------------------------------------------------------------------------------------------

DECIMAL_MODES = {
    Mode.HALF_UP: ROUND_HALF_UP, Mode.HALF_EVEN: ROUND_HALF_EVEN, Mode.DOWN: ROUND_DOWN, Mode.UP: ROUND_UP
}  # fmt: skip


@given(st.sampled_from(Mode), st.integers(-(10**12), 10**12), st.sampled_from([1, 10, 100]))
def test_rounding_is_decimals_rounding(mode: Mode, eighths: int, unit: int) -> None:
    exact = Decimal(eighths) / 8
    expected = (exact / unit).quantize(Decimal(1), DECIMAL_MODES[mode]) * unit
    assert Rounding(mode=mode).to(unit, eighths, 8) == expected


@pytest.mark.parametrize("units", [(0, 1), (1, 0), (-1, 1)])
def test_a_unit_that_is_none_is_refused(units: tuple[int, int]) -> None:
    with pytest.raises(BadTerms):
        Rounding(unit_fen=units[0], instalment_unit_fen=units[1])


# --- rates -----------------------------------------------------------------------------------------------------------


def test_reference_rates_are_those_of_the_table() -> None:
    benchmark, lpr = references()["BENCHMARK"], references()["LPR"]
    assert [benchmark.on(date(2017, 3, 15), months) for months in (12, 13, 60, 61)] == [43500000, 47500000, 47500000, 49000000]
    assert benchmark.on(date(2015, 10, 23), 12) == 46_000_000
    assert [lpr.on(date(2021, 12, 20), months) for months in (12, 36)] == [38_000_000, 46_500_000]
    assert lpr.on(date(2021, 12, 19), 12) == 38_500_000
    with pytest.raises(NoReferenceRate, match="2019-08-19 没有 LPR"):
        lpr.on(date(2019, 8, 19), 12)


@pytest.mark.parametrize(("months", "expected"), [(12, 12), (36, 36), (1, 1)])
def test_a_term_belongs_to_the_tier_of_its_months(months: int, expected: int) -> None:
    end = add_months(a_day, months)
    assert [months_of(a_day, end), months_of(a_day, end + DAY), months_of(a_day, end - DAY)] == [expected, expected + 1, expected]


def test_a_floating_rate_follows_with_spread_multiplier_and_bounds() -> None:
    first = RateStep(a_day, 43_500_000)
    observed = [(date(2017, 1, 1), 40_000_000), (date(2018, 1, 1), 60_000_000), (date(2019, 1, 1), 10_000_000)]
    yearly = Cycle(anchor=a_day, unit=Unit.YEARS)
    free = floating(first, Reset(cycle=yearly, multiplier_ppb=1_100_000_000, spread_ppb=2_000_000), observed, date(2021, 1, 1))
    assert [(s.start.year, s.rate_ppb) for s in free] == [(2017, 43_500_000), (2018, 68_000_000), (2019, 13_000_000)]
    bounds = Reset(cycle=yearly, cap_ppb=55_000_000, floor_ppb=30_000_000, most_up_ppb=5_000_000, most_down_ppb=10_000_000)
    bounded = [step.rate_ppb for step in floating(first, bounds, observed, date(2022, 1, 1))]
    assert bounded == [43_500_000, 48_500_000, 38_500_000, 30_000_000]
    agreed = floating(first, Reset(cycle=yearly, next_ppb=50_000_000), observed, date(2019, 1, 1), gov_percent=50)
    assert agreed[1] == RateStep(date(2018, 3, 15), 50_000_000, 25_000_000)
    late = floating(first, Reset(cycle=yearly, observed_days_before=100), observed, date(2019, 1, 1))
    assert late[1].rate_ppb == 40_000_000
    with pytest.raises(BadTerms, match="没有可用的参考利率"):
        floating(first, Reset(cycle=yearly), observed[2:], date(2019, 1, 1))
    with pytest.raises(BadTerms, match="下限不得高于上限"):
        Reset(cycle=yearly, floor_ppb=2, cap_ppb=1)
