"""Repricing: the night sets floating rates, an extension into a higher tier takes that tier's rate."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_replay_laws import begin_on, close, failing

from ledger.books import Book
from ledger.calendar import DAY, add_months
from loans import repricing, servicing
from loans.applications.application import Application
from loans.contract import Contract
from loans.disbursement import disburse, take_over
from loans.errors import BadTerms, NoReferenceRate, NotEligible
from loans.events import RateSet, Repaid, Restructured, TakenOver
from loans.queries import events_of, horizon_now, lives
from loans.subsidy import loading
from loans.subsidy.schemes import Cadence, Scheme, Share
from loans.subsidy.schemes import Mode as Way
from loans.terms import Cycle, Floating, RateStep, Reset, StreamKind
from loans.terms.rates import rate_when_extended

DRAWN = date(2019, 10, 10)
LPR = Floating(reference="LPR", months=12, reset=Reset(cycle=Cycle(anchor=date(2020, 1, 10), every=3), spread_ppb=5_000_000))


def application(book: Book, **over: object) -> Application:
    made = Application(
        book=book, contract="F1", product="FMSC", household=None, borrower="B000001", fen=100_000_000, rate_ppb=47_000_000,
        drawn_on=DRAWN, maturity=add_months(DRAWN, 12), floating=LPR,
    )  # fmt: skip
    return replace(made, **over)  # type: ignore[arg-type]


def rates(session: Session, contract: Contract) -> list[tuple[date, int]]:
    found = events_of(session, [contract.key])[contract.key]
    return [(event.value_date, event.rate_ppb) for event in found if isinstance(event, RateSet)]


RESET = [(date(2020, 1, 10), 46_500_000), (date(2020, 4, 10), 45_500_000), (date(2020, 7, 10), 43_500_000)]
"""LPR of one year 4.15, 4.05 and 3.85 % plus 0.5; of October 2020 nothing is left."""


def test_the_night_sets_a_floating_rate_on_the_eve_of_its_reset(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, DRAWN)
    (booked,) = disburse(session, [application(city["LB"])], "t")
    close(session, DRAWN, date(2020, 1, 8))
    assert rates(session, booked.contract) == []
    close(session, date(2020, 1, 9), date(2020, 1, 9))
    assert rates(session, booked.contract) == RESET[:1]
    close(session, date(2020, 1, 10), date(2020, 10, 12))
    assert rates(session, booked.contract) == RESET
    life = lives(session, [booked.contract.key], horizon_now(session))[booked.contract.key]
    last = [charge for charge in life.charges if (charge.kind, charge.end) == (StreamKind.CONTRACT, date(2020, 9, 21))]
    # 1,000,000 元 for 19 days at 4.55 % and 73 days at 4.35 %.
    assert [charge.whole_fen for charge in last] == [round(100_000_000 * (19 * 0.0455 + 73 * 0.0435) / 360)]
    assert not failing(session)


def test_a_loan_that_is_over_is_reset_no_more(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, DRAWN)
    (booked,) = disburse(session, [application(city["LB"])], "t")
    close(session, DRAWN, date(2020, 9, 30))
    payment = Repaid(reference="p", value_date=date(2020, 10, 1), fen=110_000_000)
    servicing.repay(session, [(booked.contract, payment)], "t")
    close(session, date(2020, 10, 1), date(2020, 10, 12))
    assert session.scalar(text("SELECT next_reset FROM loans.loan")) is None
    assert not failing(session)


def test_a_loan_that_comes_late_has_its_resets_made_up_for(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, DRAWN)
    close(session, DRAWN, date(2020, 8, 1))
    (booked,) = disburse(session, [application(city["LB"])], "t")
    close(session, date(2020, 8, 2), date(2020, 8, 2))
    assert rates(session, booked.contract) == RESET
    assert not failing(session)


def test_a_loan_taken_over_is_reset_from_then_on(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, date(2020, 6, 1))
    event = TakenOver(reference="t", value_date=date(2020, 6, 1), principal_fen=100_000_000, charged_until=date(2020, 3, 21))
    (booked,) = take_over(session, application(city["LB"], rate_ppb=45_500_000), event, "t")
    close(session, date(2020, 6, 1), date(2020, 7, 20))
    assert rates(session, booked.contract) == RESET[2:]


def test_without_a_quote_the_night_stops_with_its_reason(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, date(2018, 1, 1))
    early = Floating(reference="LPR", months=12, reset=Reset(cycle=Cycle(anchor=date(2018, 2, 1))))
    late = application(city["LB"], drawn_on=date(2018, 1, 1), maturity=date(2018, 12, 1), floating=early)
    disburse(session, [late], "t")
    with pytest.raises(NoReferenceRate, match="2018-02-01 没有 LPR"):
        repricing.reprice(session, date(2018, 1, 31))


def test_household_loans_are_fixed_and_references_known(city: dict[str, Book]) -> None:
    with pytest.raises(BadTerms, match="利率固定"):
        application(city["LB"], product="XEXD", fen=5_000_000, household="H1", rate_ppb=40_000_000).terms(None)
    with pytest.raises(BadTerms, match="没有参考利率 SHIBOR"):
        Floating(reference="SHIBOR", months=12, reset=LPR.reset)


@pytest.mark.parametrize(
    ("drawn", "months", "more", "rate", "expected"),
    [
        (date(2017, 3, 15), 12, 0, 43_500_000, 43_500_000),  # the tier stays
        (date(2017, 3, 15), 12, 6, 43_500_000, 47_500_000),  # 18 months: 1-5 years
        (date(2017, 3, 15), 12, 6, 40_000_000, 44_000_000),  # 0.35 below its tier, and so it stays
        (date(2017, 3, 15), 60, 12, 47_500_000, 49_000_000),  # above five years
        (date(2020, 5, 1), 12, 6, 38_500_000, 46_500_000),  # LPR
    ],
)
def test_an_extension_into_a_higher_tier_takes_its_rate(drawn: date, months: int, more: int, rate: int, expected: int) -> None:
    maturity = add_months(drawn, months)
    assert rate_when_extended(rate, drawn, maturity, maturity - DAY, add_months(maturity, more)) == expected


def test_an_extension_without_a_rate_takes_the_tiers(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, DRAWN)
    fixed = application(city["LB"], floating=None, rate_ppb=42_000_000)
    (booked,) = disburse(session, [fixed], "t")
    close(session, DRAWN, date(2020, 9, 30))
    extension = (booked.contract, "x", date(2020, 10, 1), add_months(DRAWN, 18), None)
    (done,) = servicing.extend(session, [extension], "t")
    assert done.life.terms.rates[-1].rate_ppb == 46_500_000
    assert servicing.extend(session, [extension], "t") == []
    with pytest.raises(NotEligible, match="贷款通则"):
        servicing.extend(session, [(booked.contract, "y", date(2020, 10, 1), add_months(DRAWN, 30), None)], "t")


@pytest.mark.parametrize(
    ("maturity", "months", "until", "before", "after"),
    [
        # Two years and three are of one tier: what the last reset set stays, 4.65 + 0.5.
        (add_months(DRAWN, 24), 24, add_months(DRAWN, 36), 51_500_000, 51_500_000),
        # So are ten months and twelve: 3.85 + 0.5.
        (add_months(DRAWN, 10), 10, add_months(DRAWN, 12), 43_500_000, 43_500_000),
        # Eighteen months come into the tier of longer terms, and so does every reset after.
        (add_months(DRAWN, 12), 12, add_months(DRAWN, 18), 43_500_000, 51_500_000),
    ],
)
def test_a_floating_loan_that_is_extended_keeps_its_rate_or_follows_its_new_tier(
    session: Session, city: dict[str, Book], maturity: date, months: int, until: date, before: int, after: int
) -> None:
    begin_on(session, date(2020, 6, 9))
    monthly = Floating(reference="LPR", months=months, reset=replace(LPR.reset, cycle=Cycle(anchor=date(2020, 6, 10))))
    event = TakenOver(reference="t", value_date=date(2020, 6, 9), principal_fen=100_000_000, charged_until=date(2020, 3, 21))
    (booked,) = take_over(session, application(city["LB"], rate_ppb=45_500_000, maturity=maturity, floating=monthly), event, "t")
    close(session, date(2020, 6, 9), date(2020, 6, 9))
    assert rates(session, booked.contract) == [(date(2020, 6, 10), before)]
    extension = (booked.contract, "x", date(2020, 6, 10), until, None)
    (done,) = servicing.extend(session, [extension], "t")
    assert done.life.terms.rates[-1].rate_ppb == after
    close(session, date(2020, 6, 10), date(2020, 7, 10))
    assert len(rates(session, booked.contract)) == 1, "the reset of July finds what is in force"
    assert servicing.extend(session, [extension], "t") == []
    assert not failing(session)


def test_a_restructured_floating_loan_follows_its_new_tier(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, date(2020, 6, 9))
    event = TakenOver(reference="t", value_date=date(2020, 6, 9), principal_fen=100_000_000, charged_until=date(2020, 3, 21))
    (booked,) = take_over(session, application(city["LB"], rate_ppb=43_500_000), event, "t")
    new = Restructured(reference="x", value_date=date(2020, 6, 9), maturity=add_months(DRAWN, 24), rate_ppb=40_000_000, gov_ppb=0)
    (done,) = servicing.restructure(session, booked.contract, new, "t")
    assert done.life.terms.floating == replace(LPR, months=24)
    assert servicing.restructure(session, booked.contract, new, "t") == []


def test_the_first_reset_may_be_agreed_already() -> None:
    agreed = replace(LPR, reset=replace(LPR.reset, next_ppb=44_000_000))
    assert agreed.rate(date(2020, 1, 10), 47_000_000, DRAWN) == 44_000_000
    assert agreed.rate(date(2020, 4, 10), 44_000_000, DRAWN) == 45_500_000


def test_a_rate_set_anew_keeps_the_later_steps_of_its_scheme(session: Session, city: dict[str, Book]) -> None:
    half = Scheme(
        county="371621", product="FMSC", valid_from=DRAWN, source="惠政发〔2019〕9号（演示）", mode=Way.TO_BANK,
        cadence=Cadence.QUARTER, shares=(Share(percent=100), Share(from_month=10, points_ppb=20_000_000)), when_extended=False,
    )  # fmt: skip
    begin_on(session, date(2020, 6, 9))
    loading.load(session, [half], "t")
    monthly = replace(LPR, reset=replace(LPR.reset, cycle=Cycle(anchor=date(2020, 6, 10))))
    event = TakenOver(reference="t", value_date=date(2020, 6, 9), principal_fen=100_000_000, charged_until=date(2020, 3, 21))
    (booked,) = take_over(session, application(city["LB"], rate_ppb=45_500_000, floating=monthly), event, "t")
    tenth = add_months(DRAWN, 10)
    assert booked.life.terms.rates == (RateStep(DRAWN, 45_500_000, 45_500_000), RateStep(tenth, 45_500_000, 20_000_000))
    close(session, date(2020, 6, 9), date(2020, 6, 9))
    life = lives(session, [booked.contract.key], horizon_now(session))[booked.contract.key]
    assert life.terms.rates[1:] == (RateStep(date(2020, 6, 10), 43_500_000, 43_500_000), RateStep(tenth, 43_500_000, 20_000_000))
    later = [(booked.contract, "r", date(2020, 6, 10), 40_000_000)]
    (set_anew,) = servicing.set_rates(session, later, "t")
    assert set_anew.life.terms.rates[-1] == RateStep(tenth, 40_000_000, 20_000_000)
    assert servicing.set_rates(session, later, "t") == []
    assert not failing(session)
