"""Sizing: E8's line of years, by share and subsidy; what share or term a loan needs; and roofs that yield too little."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import yuan
from solar.errors import NoSun, SizingRefused
from solar.sizing import (
    LIFE_YEARS,
    Case,
    carries,
    government_fen,
    least_share,
    least_term,
    repayment,
    years_to_repay,
)
from solar.sun import sun_on

SUN = sun_on("371621", date(2017, 1, 1))
E8 = Case(sun=SUN, watts=5_000, tariff=8_500, loan_fen=4_000_000, rate_ppb=49_000_000)


@pytest.mark.parametrize(
    ("share", "years"),
    [pytest.param(85, [13, 11, 10], id="85"), pytest.param(70, [18, 15, 12], id="70"), pytest.param(100, [11, 9, 8], id="100")],
)
def test_e8_years_to_repay_without_subsidy_with_three_years_of_it_and_with_all(share: int, years: list[int]) -> None:
    assert [years_to_repay(replace(E8, share=share, subsidised_years=n)) for n in (0, 3, LIFE_YEARS)] == years


def test_e8_what_government_pays_at_85_per_cent() -> None:
    assert yuan(government_fen(replace(E8, subsidised_years=3))) == "5,234.31"
    assert yuan(government_fen(replace(E8, subsidised_years=LIFE_YEARS))) == "10,070.99"
    assert government_fen(E8) == 0


def test_e8_the_coal_price_alone_takes_18_years_of_all_income_and_full_subsidy() -> None:
    assert years_to_repay(replace(E8, tariff=3_949, share=100, subsidised_years=LIFE_YEARS)) == 18
    assert years_to_repay(replace(E8, tariff=3_949, share=85)) is None


def test_e8_an_eight_year_loan_of_the_whole_cost_is_not_carried() -> None:
    """At 85 % the roof brings less than 5,000.04 of principal and about 1,960 of interest a year."""
    assert not carries(E8, 8)
    assert least_share(E8, 8) is None
    assert least_term(E8) == 17
    assert [least_share(replace(E8, grace_years=2), years) for years in (10, 12, 14, 16)] == [None, 92, 84, 77]
    assert least_term(replace(E8, grace_years=3, subsidised_years=3)) == 12


def test_a_months_share_of_the_sun_adds_up_to_the_year() -> None:
    assert sum(SUN.shape) == 1000
    since = date(2016, 12, 31)
    months = [SUN.monthly_kwh(5_000, since, date(2017, month, 1)) for month in range(1, 13)]
    assert sum(months) == SUN.yearly_kwh(5_000, 1) == Fraction("6093.75")
    assert SUN.monthly_kwh(5_000, since, date(2018, 1, 1)) == months[0] * Fraction(993, 1000)
    with pytest.raises(NoSun, match="43 在"):
        sun_on("43", date(2017, 1, 1))


@pytest.mark.parametrize(
    "wrong", [{"watts": 0}, {"tariff": 0}, {"loan_fen": 0}, {"share": 101}, {"grace_years": -1}, {"rate_ppb": -1}]
)
def test_what_is_no_case_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SizingRefused):
        replace(E8, **wrong)
    with pytest.raises(SizingRefused, match="宽限"):
        carries(replace(E8, grace_years=5), 5)


@given(st.integers(1, 100), st.integers(100_000, 6_000_000), st.integers(0, 100_000_000), st.integers(0, LIFE_YEARS))
def test_every_fen_of_the_share_goes_somewhere_and_more_share_never_takes_longer(
    share: int, fen: int, rate: int, years: int
) -> None:
    case = replace(E8, share=share, loan_fen=fen, rate_ppb=rate, subsidised_years=years)
    path = repayment(case)
    for year in path[:-1]:
        assert year.share_fen + year.government_fen == year.interest_fen + year.principal_fen
    assert fen - sum(year.principal_fen for year in path) == path[-1].balance_fen
    more = years_to_repay(replace(case, share=min(100, share + 5)))
    mine = years_to_repay(case)
    assert mine is None or (more is not None and more <= mine)
