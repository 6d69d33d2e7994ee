"""Preview = booking: whoever pays by the schedule owes what it says."""

import tomllib
from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger.calendar import DAY, add_months
from loans.errors import BadTerms
from loans.events import Disbursed, Extended, LoanEvent, Prepayment, Repaid, Restructured, SubsidyRefused, TakenOver
from loans.life import Horizon, Life
from loans.products import product_from
from loans.replay import replay
from loans.schedule import Line, schedule
from loans.terms import (
    AT_MATURITY,
    NEVER,
    QUARTERS,
    Component,
    Convention,
    Cycle,
    DayCount,
    Grace,
    GraceKind,
    LoanTerms,
    Method,
    RateStep,
    Rolling,
    StreamKind,
)
from loans.terms.cycles import MonthEnd, Stub
from loans.terms.loan import Step

DRAWN = date(2017, 3, 15)


@st.composite
def bookable_terms(draw: st.DrawFn) -> LoanTerms:
    """Terms under which a loan may be made, of every kind."""
    drawn = draw(st.dates(date(2015, 1, 1), date(2019, 12, 31)))
    method = draw(st.sampled_from(Method))
    length = draw(st.integers(2, 1_500))
    if draw(st.booleans()):  # near a settlement day, where a rolled maturity and the settlement meet
        year, month, day = drawn.year + draw(st.integers(0, 3)), draw(st.sampled_from([3, 6, 9, 12])), draw(st.integers(15, 25))
        length = max(2, (date(year, month, day) - drawn).days)
    fen = draw(st.integers(100_000, 10**8))
    cycles = st.builds(
        Cycle, anchor=st.dates(drawn, drawn + 60 * DAY), every=st.integers(1, 12), stub=st.sampled_from(Stub),
        month_end=st.sampled_from(MonthEnd),
    )  # fmt: skip
    rate = draw(st.integers(0, 2 * 10**8))
    share = draw(st.sampled_from([0, 0, 30, 50, 100]))
    rates = [RateStep(drawn, rate, rate * share // 100)]
    if draw(st.booleans()):
        later = draw(st.integers(0, 2 * 10**8))
        rates.append(RateStep(drawn + draw(st.integers(1, 900)) * DAY, later, later * draw(st.sampled_from([0, 50])) // 100))
    own: dict[str, Any] = {}
    if method is Method.FIXED_PAYMENT:
        own["payment_fen"] = draw(st.integers(1, fen))
    if method is Method.CUSTOM:
        at = draw(st.lists(st.integers(1, length - 1), min_size=1, max_size=3, unique=True))
        own["table"] = tuple((drawn + day * DAY, max(1, fen // 5)) for day in sorted(at))
    if method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT) and draw(st.booleans()):
        own["steps"] = (Step(draw(st.integers(2, 5)), draw(st.integers(1, 300))),)
    if method is Method.FIXED_PAYMENT and draw(st.booleans()):
        own["balance_cap_fen"] = fen + draw(st.integers(0, fen))
    if method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT) and draw(st.booleans()):
        own["amortised_until"] = drawn + (length + draw(st.integers(0, 900))) * DAY
    own["flat"] = method is Method.EQUAL_PRINCIPAL and draw(st.booleans())
    kinds = draw(st.lists(st.sampled_from(GraceKind), max_size=2, unique=True))
    interest = draw(cycles | st.just(QUARTERS))
    principal = None
    if method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT):
        coarser = st.builds(lambda times: replace(interest, every=times * interest.every), st.integers(1, 4))
        principal = draw(st.none() | cycles | coarser)
    ends = st.dates(drawn + DAY, drawn + 300 * DAY) | st.sampled_from(list(islice(interest.after(drawn), 5)))
    rolling = st.sampled_from([NEVER, AT_MATURITY, *(Rolling(convention=one) for one in Convention)])
    try:
        return LoanTerms(
            product="XEXD", principal_fen=fen, drawn_on=drawn, maturity=drawn + length * DAY, method=method,
            rates=tuple(rates), day_count=draw(st.sampled_from(DayCount)), interest=interest,
            principal=principal, rolling=draw(rolling),
            graces=tuple(Grace(kind, drawn, draw(ends)) for kind in kinds), **own,
        )  # fmt: skip
    except BadTerms:
        assume(False)
        raise


def lived(terms: LoanTerms, lines: tuple[Line, ...]) -> Life:
    """Return the life of a loan whose borrower pays each line on its due day."""
    events: list[Any] = [Disbursed(reference="d", value_date=terms.drawn_on, fen=int(terms.principal_fen))]
    for line in lines:
        fen = int(line.principal + line.interest - line.gov)
        if fen > 0:
            events.append(Repaid(reference=f"r{line.number:05}", value_date=line.due, fen=fen))
    end = lines[-1].due + 400 * DAY
    return replay(terms, events, Horizon(end, end))


def require_as_foreseen(terms: LoanTerms) -> None:
    """Compare a schedule with what becomes of a loan that is paid by it."""
    try:
        lines = schedule(terms)
    except BadTerms:
        return
    life = lived(terms, lines)
    assert not life.refusals
    foreseen: Counter[tuple[date, str]] = Counter()
    for line in lines:
        foreseen[line.due, "whole"] += int(line.interest)
        foreseen[line.due, "gov"] += int(line.gov)
    booked: Counter[tuple[date, str]] = Counter()
    for charge in life.charges:
        assert charge.kind is StreamKind.CONTRACT, "nothing is ever overdue"
        booked[charge.due, "whole"] += charge.whole_fen
        booked[charge.due, "gov"] += charge.gov_fen
    assert +booked == +foreseen
    assert not life.arrears
    standing = life.standing
    assert (standing.principal_fen, standing.excess_fen, standing.overdue_fen) == (0, 0, 0)
    assert all(charge.unpaid_fen == 0 for charge in life.charges)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(bookable_terms())
def test_who_pays_by_the_schedule_owes_what_it_says(terms: LoanTerms) -> None:
    assume(terms.unbookable is None)
    require_as_foreseen(terms)


def plain(method: Method = Method.BULLET, months: int = 8, **changes: Any) -> LoanTerms:
    """A loan of 50,000 yuan with monthly dates of its own."""
    values: dict[str, Any] = {
        "product": "XEXD", "principal_fen": 5_000_000, "drawn_on": DRAWN, "maturity": add_months(DRAWN, months), "method": method,
        "rates": (RateStep(DRAWN, 48_000_000),), "day_count": DayCount.ACT_360, "interest": Cycle(anchor=DRAWN), "rolling": NEVER,
    }  # fmt: skip
    if method is Method.FIXED_PAYMENT:
        values["payment_fen"] = 10_000
    return LoanTerms(**values | changes)


def test_interest_capitalised_from_the_start_becomes_principal_and_changes_no_class() -> None:
    terms = plain(graces=(Grace(GraceKind.INTEREST_CAPITALISED, DRAWN, date(2017, 7, 15)),))
    lines = schedule(terms)
    assert [line.principal for line in lines[:2]] == [-20_667, -20_083]
    unpaid = replay(
        terms, [Disbursed(reference="d", value_date=DRAWN, fen=5_000_000)], Horizon(date(2017, 7, 31), date(2017, 7, 31))
    )
    assert unpaid.standing.principal_fen == 5_000_000 - sum(int(line.principal) for line in lines if line.principal < 0)
    assert unpaid.standing.oldest_due is None
    assert unpaid.classified(date(2017, 7, 31)).risk_class.label == "正常"
    require_as_foreseen(terms)


def test_a_fixed_payment_below_its_interest_raises_the_balance() -> None:
    terms = plain(Method.FIXED_PAYMENT)
    require_as_foreseen(terms)
    life = lived(terms, schedule(terms)[:-1])
    assert life.standing.principal_fen > 5_000_000


# --- what an audit found ---------------------------------------------------------------------------------------------


def drawn(terms: LoanTerms) -> Disbursed:
    return Disbursed(reference="d", value_date=terms.drawn_on, fen=int(terms.principal_fen))


def quarterly(**changes: Any) -> LoanTerms:
    """A bullet whose interest is everybody's, by the quarter."""
    return plain(**{"interest": QUARTERS, "rates": (RateStep(DRAWN, 43_500_000),), "rolling": AT_MATURITY} | changes)


def test_who_pays_a_little_ahead_is_not_late_for_the_rest_of_the_interest() -> None:
    march = Repaid(reference="m", value_date=date(2017, 3, 21), fen=3_625)
    little = Repaid(reference="r", value_date=date(2017, 6, 1), fen=100, prepays=Prepayment.AHEAD)
    events = [drawn(quarterly()), march, little]
    life = replay(quarterly(), events, Horizon(date(2017, 6, 19), date(2017, 6, 19)))
    _, charge = life.charges
    assert (charge.end, charge.due, charge.unpaid_fen) == (date(2017, 6, 1), date(2017, 6, 21), charge.whole_fen - 100)
    assert (life.standing.oldest_due, life.classified(date(2017, 6, 19)).risk_class.label) == (None, "正常")
    later = replay(quarterly(), events, Horizon(date(2017, 6, 21), date(2017, 6, 21)))
    assert later.standing.oldest_due == date(2017, 6, 21), "by then all of the quarter's interest is due"
    assert [one.due for one in later.charges] == [date(2017, 3, 21), date(2017, 6, 21), date(2017, 6, 21)]


def test_an_annuity_taken_over_in_mid_period_is_planned_with_the_interest_run_up() -> None:
    terms = plain(Method.EQUAL_INSTALMENT, 6)
    facts = {"reference": "t", "principal_fen": 4_175_386, "charged_until": date(2017, 4, 15)}

    def planned(day: date) -> list[int]:
        life = replay(terms, [TakenOver(value_date=day, **facts)], Horizon(date(2017, 5, 1), date(2017, 5, 1)))
        return [line.left for line in life.instalments if line.left]

    assert planned(date(2017, 5, 1)) == planned(date(2017, 4, 15)) == planned(date(2017, 5, 14))
    assert planned(date(2017, 5, 1)) == [int(line.principal) for line in schedule(terms)[1:]]


def test_steps_are_counted_by_the_contracts_dates_whatever_is_prepaid() -> None:
    terms = plain(Method.EQUAL_PRINCIPAL, 12, steps=(Step(7, 150),))
    early = Repaid(reference="r", value_date=date(2017, 4, 1), fen=1_000_000, prepays=Prepayment.SMALLER)
    life = replay(terms, [drawn(terms), early], Horizon(date(2017, 4, 1), date(2017, 4, 1)))
    parts = {line.instalment.nominal: line.instalment.fen for line in life.instalments if line.left}
    assert parts[date(2017, 9, 15)] == parts[date(2017, 4, 15)]
    assert parts[date(2017, 10, 15)] == round(parts[date(2017, 9, 15)] * 3 / 2)


@pytest.mark.parametrize("method", [Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL])
def test_instalments_that_weigh_nothing_are_refused(method: Method) -> None:
    with pytest.raises(BadTerms, match="比例之和为零"):
        schedule(plain(method, steps=(Step(1, 0),)))


def test_a_balloon_falls_due_at_maturity_wherever_it_lies() -> None:
    terms = plain(Method.EQUAL_INSTALMENT, 12, maturity=date(2017, 10, 10), amortised_until=date(2018, 3, 15))
    lines = schedule(terms)
    assert (lines[-1].nominal, lines[-2].nominal) == (date(2017, 10, 10), date(2017, 9, 15))
    assert lines[-1].principal > 2 * lines[-2].principal
    require_as_foreseen(terms)


def test_a_subsidy_is_not_refused_beyond_what_government_ever_bore() -> None:
    """Nothing was charged, so there is nothing to refuse: a reason, no crash."""
    stop = SubsidyRefused(reference="s", value_date=date(2017, 3, 18), fen=5, stops=True, reason="退出")
    whole = Repaid(reference="r", value_date=date(2017, 3, 18), fen=6_000_000)
    life = replay(quarterly(), [drawn(quarterly()), whole, stop], Horizon(date(2017, 3, 18), date(2017, 3, 18)))
    assert life.refusals == ("不予贴息 0.05 元，超过财政已承担的利息 0.00 元",)


def test_a_table_is_made_smaller_line_by_line() -> None:
    table = ((date(2017, 5, 15), 1_000_000), (date(2017, 8, 15), 2_000_000))
    terms = plain(Method.CUSTOM, table=table)
    early = Repaid(reference="r", value_date=date(2017, 4, 1), fen=500_003, prepays=Prepayment.SMALLER)
    life = replay(terms, [drawn(terms), early], Horizon(date(2017, 4, 1), date(2017, 4, 1)))
    assert [line.left for line in life.instalments if line.instalment.fen] == [900_000, 1_799_999, 1_799_998]


def test_a_table_is_restructured_into_instalments() -> None:
    terms = plain(Method.CUSTOM, table=((date(2017, 5, 15), 1_000_000),))
    anew = Restructured(
        reference="x", value_date=date(2017, 6, 1), maturity=date(2018, 6, 1), rate_ppb=40_000_000, gov_ppb=0,
        method=Method.EQUAL_PRINCIPAL, every_months=3,
    )  # fmt: skip
    life = replay(terms, [drawn(terms), anew], Horizon(date(2017, 6, 1), date(2017, 6, 1)))
    assert life.refusals == ()
    assert [line.left for line in life.instalments if line.left] == [1_250_000] * 4


def test_a_loan_older_than_the_settlement_days_has_its_own_dates() -> None:
    with pytest.raises(BadTerms, match="2000-03-20 以前起息的贷款不能按季结息"):
        LoanTerms(
            product="XEXD", principal_fen=1, drawn_on=date(1998, 1, 1), maturity=date(2003, 1, 1), method=Method.BULLET,
            rates=(RateStep(date(1998, 1, 1), 1),),
        )  # fmt: skip


def test_a_balance_that_reaches_its_cap_during_an_extension_goes_no_higher() -> None:
    cap = 5_060_000
    terms = plain(Method.FIXED_PAYMENT, balance_cap_fen=cap)
    events: list[LoanEvent] = [drawn(terms)]
    events += [Repaid(reference=f"r{line.number}", value_date=line.due, fen=10_000) for line in schedule(terms)[:4]]
    extended = Extended(reference="x", value_date=date(2017, 8, 1), maturity=date(2019, 3, 15), rate_ppb=48_000_000, gov_ppb=0)
    life = replay(terms, [*events, extended], Horizon(date(2017, 8, 1), date(2017, 8, 1)))
    assert not life.refusals
    balance, path = life.standing.principal_fen, []
    for line in life.instalments:
        if line.instalment.nominal > extended.value_date:
            balance -= line.left
            path.append(balance)
    assert max(path) == cap, "it is reached"
    assert path[-1] == 0
    assert len(path) == 20


def test_a_row_of_products_may_say_everything_that_a_contract_fixes() -> None:
    row = tomllib.loads("""
        code = "GFTY"
        name = "光伏体验贷"
        valid_from = 2017-01-01
        borrower = "household"
        small_loan = false
        method = "equal_principal"
        penalty_percent = 130
        misuse_percent = 150
        compound_base = "B"
        day_count = "act/365"
        every_months = 1
        season = [3, 4, 5, 6, 7, 8, 9, 10, 11]
        rolling = { convention = "following" }
        graces = { principal_deferred = 12, interest_deferred = 3 }
        early_order = ["cost", "interest", "penalty", "compound", "principal"]
    """)
    terms = product_from(row).terms(4_000_000, 49_000_000, DRAWN, date(2020, 3, 15), None)
    assert terms.unbookable is None
    assert (terms.day_count, terms.penalty_percent, terms.early_order[1]) == (DayCount.ACT_365, 130, Component.INTEREST)
    lines = schedule(terms)
    assert [line.interest for line in lines[:3]] == [0, 0, 0], "deferred"
    paying = [line.nominal for line in lines if line.principal]
    assert paying[0] == date(2018, 4, 15)
    assert {day.month for day in paying} == set(range(3, 12)), "nothing in winter"
    assert any(line.due > line.nominal for line in lines)
    require_as_foreseen(terms)
    with pytest.raises(TypeError, match="colour"):
        product_from({**row, "colour": "red"})


def test_what_is_left_of_the_interest_falls_due_on_the_next_date_though_no_principal_does() -> None:
    terms = plain(Method.EQUAL_PRINCIPAL, 12, graces=(Grace(GraceKind.PRINCIPAL_DEFERRED, DRAWN, date(2017, 9, 15)),))
    little = Repaid(reference="r", value_date=date(2017, 3, 20), fen=100, prepays=Prepayment.AHEAD)
    life = replay(terms, [drawn(terms), little], Horizon(date(2017, 3, 20), date(2017, 3, 20)))
    assert [(charge.due, charge.paid_fen) for charge in life.charges] == [(date(2017, 4, 15), 100)]


@pytest.mark.parametrize(
    ("convention", "maturity", "last"),
    [
        (Convention.FOLLOWING, date(2020, 6, 20), [date(2020, 6, 21), date(2020, 6, 22)]),  # a Saturday
        (Convention.FOLLOWING, date(2021, 9, 19), [date(2021, 9, 21), date(2021, 9, 22)]),  # 中秋
        (Convention.PRECEDING, date(2015, 6, 22), [date(2015, 3, 21), date(2015, 6, 19)]),  # 端午
    ],
)
def test_a_maturity_that_rolls_past_a_settlement_day_foresees_it(
    convention: Convention, maturity: date, last: list[date]
) -> None:
    since = add_months(maturity, -12)
    terms = quarterly(
        drawn_on=since, maturity=maturity, rates=(RateStep(since, 43_500_000),), rolling=Rolling(convention=convention)
    )
    assert [line.due for line in schedule(terms)][-2:] == last
    require_as_foreseen(terms)
    require_as_foreseen(replace(terms, method=Method.EQUAL_PRINCIPAL))


def test_dates_that_could_roll_onto_one_another_do_not_roll() -> None:
    every, why = Rolling(convention=Convention.FOLLOWING), "还本日、利息转本日不在结息日的贷款，只有到期日可以顺延"
    own = quarterly(method=Method.EQUAL_PRINCIPAL, principal=Cycle(anchor=date(2017, 4, 20)))
    assert own.unbookable is None
    assert replace(own, rolling=every).unbookable == why
    assert replace(own, rolling=every, principal=None).unbookable is None
    monthly = plain(Method.EQUAL_PRINCIPAL, 12, principal=Cycle(anchor=DRAWN, every=3), rolling=every)
    assert monthly.unbookable is None
    require_as_foreseen(monthly)
    assert replace(monthly, principal=Cycle(anchor=DRAWN + 3 * DAY, every=3)).unbookable == why
    assert plain(Method.CUSTOM, table=((date(2017, 5, 12), 1),), rolling=every).unbookable == why
    grace = Grace(GraceKind.INTEREST_CAPITALISED, DRAWN, date(2017, 7, 15))
    assert replace(monthly, graces=(grace,)).unbookable is None
    require_as_foreseen(replace(monthly, graces=(grace,)))
    assert replace(monthly, graces=(replace(grace, end=date(2017, 7, 13)),)).unbookable == why
