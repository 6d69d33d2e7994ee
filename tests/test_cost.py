"""What a loan costs its borrower, against numpy-financial and by hand; and interest explained fen by fen."""

from dataclasses import replace
from datetime import date

import numpy_financial
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_replay_laws import LAWS, Case, cases
from test_schedule import DRAWN, days, months

from ledger.calendar import DAY
from loans.cost import borrower_cost, yearly_ppb
from loans.explanation import charged, run_up
from loans.schedule import schedule
from loans.terms import DayCount, RateStep, charge_fen


def test_a_year_at_ten_per_cent_costs_ten_per_cent() -> None:
    assert yearly_ppb(100_000, date(2017, 1, 1), [(date(2018, 1, 1), 110_000)]) == 100_000_000
    assert yearly_ppb(100_000, date(2017, 1, 1), [(date(2018, 1, 1), 100_000)]) == 0


def test_what_government_pays_costs_the_borrower_nothing() -> None:
    subsidised = months(12, rates=(RateStep(DRAWN, 43_500_000, 43_500_000),))
    found = borrower_cost(subsidised, schedule(subsidised))
    assert (found.interest_fen, found.yearly_ppb) == (0, 0)
    assert found.gov_fen == sum(line.interest for line in schedule(subsidised)) > 0
    half = replace(subsidised, rates=(RateStep(DRAWN, 43_500_000, 21_750_000),))
    assert 20_000_000 < borrower_cost(half, schedule(half)).yearly_ppb < 24_000_000


def test_what_government_pays_back_to_the_household_costs_it_nothing_either() -> None:
    to_bank = months(12, rates=(RateStep(DRAWN, 43_500_000, 21_750_000),))
    first = replace(to_bank, household_first=True)
    assert borrower_cost(first, schedule(first)) == borrower_cost(to_bank, schedule(to_bank))
    whole = replace(first, rates=(RateStep(DRAWN, 43_500_000, 43_500_000),))
    found = borrower_cost(whole, schedule(whole))
    assert (found.interest_fen, found.yearly_ppb) == (0, 0)
    assert found.gov_fen > 0


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1_000_000, 300_000_000))
def test_the_rate_is_numpy_financials_where_periods_are_equal(count: int, rate: int) -> None:
    terms = replace(days(maturity=DRAWN + 73 * count * DAY, rates=(RateStep(DRAWN, rate),)), day_count=DayCount.ACT_365)
    paid = [
        (DRAWN + 73 * n * DAY, 5_000_000 * 73 * rate // 365 // 10**9 + (5_000_000 if n == count else 0))
        for n in range(1, count + 1)
    ]
    irr = numpy_financial.irr([-int(terms.principal_fen), *(fen for _, fen in paid)])
    assert yearly_ppb(5_000_000, DRAWN, paid) == pytest.approx(((1 + irr) ** 5 - 1) * 1e9, abs=50)


@LAWS
@given(cases())
def test_every_charge_is_explained_to_its_last_unit_and_so_is_what_has_run_up(case: Case) -> None:
    life = case.life()
    stories = list(charged(life))
    assert [story.charge for story in stories] == list(life.charges)
    for story in stories:
        assert story.charge is not None
        assert sum(part.units for part in story.parts) == story.charge.whole_units
        assert sum(part.gov_units for part in story.parts) == story.charge.gov_units
        assert charge_fen(story.charge.whole_units, story.day_count.year) == story.charge.whole_fen
    told = case.oracle()
    for story in run_up(life, case.closed + DAY):
        entries = told.unbilled[story.kind.value]
        assert story.exact_fen == sum(whole for day, whole, _ in entries if day <= case.closed)
