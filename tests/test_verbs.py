"""Verbs of servicing: each once by its reference, and its dry run is what it then books: the entry and the schedule ahead."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_replay_laws import begin_on, close, drawn, enter, failing

from app import papers
from app.web.queries.loan import loan_sheet
from ledger.books import Book
from ledger.calendar import DAY, add_months
from ledger.money import PPB, round_half_up
from loans import servicing
from loans.apportionment import Owed, apportion
from loans.booking import Booked
from loans.classification import RiskClass
from loans.contract import Contract
from loans.errors import EventRefused, EventReused, NotEligible, NothingToRepay, NotLentYet
from loans.events import Prepayment, Repaid, Restructured
from loans.joint_repayment import repay_together
from loans.policy.loading import load
from loans.policy.parameters import PolicyRow
from loans.queries import horizon_now, life_as_of, lives
from loans.subsidy import refusal
from loans.terms import (
    NEVER,
    QUARTERS,
    Calendar,
    Convention,
    Cycle,
    DayCount,
    GraceKind,
    LoanTerms,
    Method,
    Mode,
    RateStep,
    Residue,
    Rolling,
    Rounding,
    StreamKind,
)
from registry import households
from registry.cipher import Cipher
from registry.households import Household
from registry.identity import id_check_digit

DRAWN = date(2017, 3, 15)
TERMS = LoanTerms(
    product="XEXD", principal_fen=5_000_000, drawn_on=DRAWN, maturity=add_months(DRAWN, 12), method=Method.EQUAL_INSTALMENT,
    rates=(RateStep(DRAWN, 43_500_000, 43_500_000),), day_count=DayCount.MONTHS, interest=Cycle(anchor=DRAWN), rolling=NEVER,
)  # fmt: skip
TODAY = date(2017, 4, 20)


@pytest.fixture
def loan(session: Session, city: dict[str, Book], cipher: Cipher) -> Contract:
    """A loan by the month to a household of the register, whose first instalment was paid, on 2017-04-20."""
    begin_on(session, DRAWN)
    stem = "37990119700101001"
    home = Household(
        county="371621", number="H1", village="演示村", persons=3, standard="national", registered_on=date(2015, 12, 1),
        head_name="王演示", head_id=stem + id_check_digit(stem), account=None,
    )  # fmt: skip
    households.enrol(session, cipher, [home], "t")
    contract = replace(enter(session, city["LB"], TERMS, drawn(TERMS)), household="H1")
    close(session, DRAWN, add_months(DRAWN, 1) - DAY)
    servicing.repay(session, [(contract, Repaid(reference="1", value_date=add_months(DRAWN, 1), fen=408_000))], "t")
    close(session, add_months(DRAWN, 1), TODAY - DAY)
    return contract


Verb = Callable[[Session, Contract, bool], list[Booked]]


def prepaid(how: Prepayment) -> Verb:
    payment = Repaid(reference="v", value_date=TODAY, fen=1_000_000, prepays=how)
    return lambda session, loan, dry: servicing.repay(session, [(loan, payment)], "t", dry_run=dry)


VERBS: dict[str, Verb] = {
    "prepay, shorter": prepaid(Prepayment.SHORTER),
    "prepay, smaller": prepaid(Prepayment.SMALLER),
    "prepay, ahead": prepaid(Prepayment.AHEAD),
    "set the rate": lambda session, loan, dry: servicing.set_rates(session, [(loan, "v", TODAY, 38_000_000)], "t", dry_run=dry),
    "defer principal": lambda session, loan, dry: servicing.grant_graces(
        session, [(loan, "v", TODAY, GraceKind.PRINCIPAL_DEFERRED, add_months(TODAY, 3))], "t", dry_run=dry
    ),
    "capitalise interest": lambda session, loan, dry: servicing.grant_graces(
        session, [(loan, "v", TODAY, GraceKind.INTEREST_CAPITALISED, add_months(TODAY, 3))], "t", dry_run=dry
    ),
    "find misuse": lambda session, loan, dry: servicing.find_misuse(session, loan, "v", TODAY, "t", dry_run=dry),
    "restructure": lambda session, loan, dry: servicing.restructure(
        session,
        loan,
        Restructured(
            reference="v",
            value_date=TODAY,
            maturity=add_months(TODAY, 24),
            rate_ppb=40_000_000,
            gov_ppb=40_000_000,
            method=Method.EQUAL_PRINCIPAL,
            every_months=3,
            principal_from=add_months(TODAY, 6),
        ),
        "t",
        dry_run=dry,
    ),
    "reclassify": lambda session, loan, dry: servicing.reclassify(
        session, [(loan, "v", TODAY, RiskClass.DOUBTFUL, "经营困难")], "t", dry_run=dry
    ),
    "extend": lambda session, loan, dry: servicing.extend(
        session, [(loan, "v", TODAY, add_months(DRAWN, 18), 47_500_000)], "t", dry_run=dry
    ),
}


@pytest.mark.parametrize("name", VERBS)
def test_a_dry_run_is_what_is_then_booked_and_booked_once(session: Session, loan: Contract, name: str) -> None:
    count = text("SELECT (SELECT count(*) FROM loans.event), (SELECT count(*) FROM ledger.journal_entry)")
    before = session.execute(count).one()
    (tried,) = VERBS[name](session, loan, True)
    assert session.execute(count).one() == before, "a dry run writes nothing"
    (done,) = VERBS[name](session, loan, False)
    assert (tried.entry, tried.life) == (done.entry, done.life)
    assert session.execute(count).one()[0] == before[0] + 1
    assert VERBS[name](session, loan, False) == []
    with pytest.raises(EventReused):
        servicing.repay(session, [(loan, Repaid(reference="v", value_date=TODAY, fen=1))], "t")
    assert sum(line.left for line in done.life.instalments) == done.life.standing.principal_fen
    close(session, TODAY, date(2017, 6, 21))
    assert not failing(session)


def due(booked: list[Booked], day: date) -> int:
    return sum(line.instalment.fen for line in booked[0].life.instalments if line.instalment.due == day)


def test_what_a_prepayment_does_is_chosen_at_repayment(session: Session, loan: Contract) -> None:
    lives = {how: prepaid(how)(session, loan, True) for how in Prepayment}
    last = {how: booked[0].life.instalments[-1].instalment.due for how, booked in lives.items()}
    assert last[Prepayment.SMALLER] == last[Prepayment.AHEAD] == TERMS.maturity > last[Prepayment.SHORTER]
    may = add_months(DRAWN, 2)
    assert due(lives[Prepayment.SMALLER], may) < due(lives[Prepayment.SHORTER], may)
    (ahead,) = lives[Prepayment.AHEAD]
    assert [line.left for line in ahead.life.instalments[:3]] == [0, 0, 0], "the next two are settled"


def test_a_rate_set_anew_keeps_governments_share(session: Session, loan: Contract) -> None:
    (booked,) = VERBS["set the rate"](session, loan, False)
    assert booked.life.terms.rates[-1] == RateStep(TODAY, 38_000_000, 38_000_000)
    assert booked.entry is None, "nothing moves on the day"


def test_subsidy_that_was_stopped_does_not_begin_again_at_a_new_rate(session: Session, loan: Contract) -> None:
    refusal.stop(session, loan, "s", TODAY - DAY, TODAY - DAY, "任公职", "t")
    for name in ("set the rate", "extend"):
        (booked,) = VERBS[name](session, loan, True)
        assert not booked.life.terms.subsidised_from(TODAY - DAY), name
    (before,) = VERBS["set the rate"](session, loan, False)
    late = [(loan, "l", TODAY, 38_100_000)]
    assert before.life.terms.rates[-1] == RateStep(TODAY, 38_000_000)
    assert servicing.set_rates(session, late, "t")[0].life.terms.rates[-1].gov_ppb == 0


def test_misuse_puts_all_principal_on_the_heavier_rate_and_ends_subsidy(session: Session, loan: Contract) -> None:
    (booked,) = VERBS["find misuse"](session, loan, False)
    running = [(s.kind.value, s.base_fen, s.rate_ppb, s.gov_ppb) for s in booked.life.streams if s.end is None]
    assert running == [("penalty", booked.life.standing.principal_fen, 87_000_000, 0)]
    last = [charge for charge in booked.life.charges if charge.kind is StreamKind.CONTRACT][-1]
    assert (last.end, last.gov_fen) == (TODAY, last.whole_fen), "subsidised up to the finding"
    assert last.gov_fen > 0


def test_a_grace_defers_and_capitalises_what_it_says(session: Session, loan: Contract) -> None:
    (deferred,) = VERBS["defer principal"](session, loan, True)
    assert {due([deferred], add_months(DRAWN, month)) for month in (2, 3, 4)} == {0}
    (turned,) = VERBS["capitalise interest"](session, loan, True)
    assert sum(line.instalment.fen for line in turned.life.instalments) == TERMS.principal_fen
    with pytest.raises(EventRefused, match="没有任何还本日"):
        servicing.grant_graces(session, [(loan, "w", TODAY, GraceKind.PRINCIPAL_DEFERRED, TERMS.maturity)], "t")


def test_a_loan_is_extended_as_often_as_policy_allows(session: Session, loan: Contract) -> None:
    load(session, PolicyRow(product="XEXD", valid_from=TODAY, source="惠扶组〔2017〕1号", county="371621", max_extensions=1), "t")
    VERBS["extend"](session, loan, False)
    assert VERBS["extend"](session, loan, False) == []
    with pytest.raises(NotEligible, match="展期续贷次数：已 1 次，要求合计不超过 1 次"):
        servicing.extend(session, [(loan, "again", TODAY, add_months(DRAWN, 20), 47_500_000)], "t")


def test_page_and_paper_count_days_as_the_contract_does(session: Session, loan: Contract) -> None:
    close(session, TODAY, date(2017, 5, 15))
    sheet = loan_sheet(session, loan.book_id, loan.contract, date(2017, 5, 15))
    assert sheet is not None
    assert [(line.days, line.product_fen) for line in sheet.charges[:2]] == [
        (30, 30 * 5_000_000),
        (30, 30 * (5_000_000 - 408_425)),
    ]
    life = lives(session, [loan.key], horizon_now(session))[loan.key]
    printed = [(days, product) for _, kind, _, _, days, product in papers.interest_lines(life) if kind == "结息"]
    assert printed == [(line.days, line.product_fen) for line in sheet.charges]
    for line in sheet.charges:
        assert round_half_up(Fraction(line.product_fen * 43_500_000, 360 * PPB)) == line.whole_fen


def test_a_restructured_debt_is_laid_out_anew(session: Session, loan: Contract) -> None:
    (booked,) = VERBS["restructure"](session, loan, False)
    ahead = [line.instalment for line in booked.life.instalments if line.left]
    assert [line.nominal for line in ahead if line.fen] == [add_months(TODAY, month) for month in (9, 12, 15, 18, 21, 24)]
    assert sum(line.fen for line in ahead) == booked.life.standing.principal_fen
    assert booked.life.terms.rates[-1] == RateStep(TODAY, 40_000_000, 40_000_000)
    assert booked.life.classified(TODAY).risk_class is RiskClass.SUBSTANDARD
    with pytest.raises(EventRefused, match="贴息率超过"):
        servicing.restructure(session, loan, replace(booked.event, reference="w", gov_ppb=40_000_001), "t")  # type: ignore[arg-type, call-arg]


@pytest.mark.parametrize("months", [0, 601, 1_000_000])
def test_a_restructured_debt_is_paid_within_a_lifetime(session: Session, loan: Contract, months: int) -> None:
    event = Restructured(
        reference="v", value_date=TODAY, maturity=add_months(TODAY, 24), rate_ppb=40_000_000, gov_ppb=0, every_months=months
    )  # fmt: skip
    with pytest.raises(EventRefused, match=f"还款间隔 {months} 个月，应为 1 到 600 个月"):
        servicing.restructure(session, loan, event, "t")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rounding": None}, "四舍五入到分"),
        ({"rounding": Rounding(mode=Mode.HALF_EVEN)}, "四舍五入到分"),
        ({"rounding": Rounding(residue=Residue.LAST_INTEREST)}, "末期利息按实际计息"),
        ({"maturity": date.max, "payment_fen": 500_000}, "必须有到期日"),
        (
            {"rolling": Rolling(convention=Convention.PRECEDING, calendar=Calendar.CHINESE, calculates_nominal=True)},
            "只能计到还款日",
        ),
    ],
)
def test_what_only_compares_with_a_standard_is_not_booked(
    session: Session, city: dict[str, Book], changes: dict[str, object], reason: str
) -> None:
    begin_on(session, DRAWN)
    terms = replace(TERMS, **changes)  # type: ignore[arg-type]
    with pytest.raises(EventRefused, match=reason):
        enter(session, city["LB"], terms, drawn(terms))


# --- several loans of one household (民法典 560) ---------------------------------------------------------------------


def debt(
    contract: str, due_fen: int, *, undue: int = 1_000, rate: int = 43_500_000, first: date | None = None, secured: bool = False
) -> Owed:
    return Owed(
        contract=contract,
        due_fen=due_fen,
        whole_fen=due_fen + undue,
        first_due=first,
        secured=secured,
        rate_ppb=rate,
        drawn_on=DRAWN,
    )


@pytest.mark.parametrize(
    ("debts", "named", "first"),
    [
        ([debt("A", 0, rate=90_000_000), debt("B", 100)], (), "B"),  # due before what is not
        ([debt("A", 100, secured=True, rate=90_000_000), debt("B", 100)], (), "B"),  # the least secured
        ([debt("A", 100), debt("B", 100, rate=49_000_000)], (), "B"),  # the heaviest
        ([debt("A", 100, first=date(2017, 6, 1)), debt("B", 100, first=date(2017, 5, 1))], (), "B"),  # the oldest due
        ([debt("A", 100, rate=90_000_000), debt("B", 0)], ("B",), "B"),  # the debtor names it
    ],
)
def test_one_payment_goes_to_loans_in_the_order_of_the_law(debts: list[Owed], named: tuple[str, ...], first: str) -> None:
    assert apportion(50, debts, named) == [(first, 50)]


@pytest.mark.parametrize("named", [(), ("A",)])
def test_what_one_loan_does_not_owe_goes_to_the_next_before_any_is_held(named: tuple[str, ...]) -> None:
    debts = [debt("A", 0, undue=100), debt("B", 0, undue=1_000)]
    assert apportion(500, debts, named) == [("A", 100), ("B", 400)]
    assert apportion(1_101, debts, named) == [("A", 101), ("B", 1_000)], "at last the first holds what nobody is owed"


def test_what_is_not_due_is_prepaid_where_it_weighs_most() -> None:
    debts = [debt("A", 10, undue=100), debt("B", 0, undue=100, rate=49_000_000)]
    assert apportion(60, debts) == [("A", 10), ("B", 50)]


@given(
    st.integers(1, 1_000),
    st.lists(
        st.builds(
            debt,
            st.uuids().map(str),
            st.integers(0, 300),
            undue=st.integers(0, 300),
            rate=st.integers(1, 9),
            secured=st.booleans(),
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 5),
)
def test_nothing_of_a_payment_is_lost_or_held_while_a_loan_owes(fen: int, debts: list[Owed], named: int) -> None:
    parts = dict(apportion(fen, debts, [d.contract for d in debts[:named]]))
    assert sum(parts.values()) == fen
    assert all(part > 0 for part in parts.values())
    held = [d for d in debts if parts.get(d.contract, 0) > d.whole_fen]
    assert not held or all(parts.get(d.contract, 0) >= d.whole_fen for d in debts)
    short = [d for d in debts if parts.get(d.contract, 0) < d.due_fen]
    prepaid = [d for d in debts[named:] if parts.get(d.contract, 0) > d.due_fen]
    assert not (short and prepaid), "what is due comes before what is not"


@pytest.fixture
def both(session: Session, city: dict[str, Book]) -> list[tuple[Contract, bool]]:
    """Two bullet loans of one household at 4.35 and 6 %, on 2017-06-30, nothing of their interest paid."""
    begin_on(session, DRAWN)
    plain = replace(
        TERMS, method=Method.BULLET, rates=(RateStep(DRAWN, 43_500_000),), interest=QUARTERS, day_count=DayCount.ACT_360
    )
    dear = replace(plain, rates=(RateStep(DRAWN, 60_000_000),))
    loans = [enter(session, city["LB"], terms, drawn(terms, f"d{n}"), f"H{n}") for n, terms in enumerate((plain, dear))]
    close(session, DRAWN, JUNE - DAY)
    return [(loan, False) for loan in loans]


JUNE = date(2017, 6, 30)
Both = list[tuple[Contract, bool]]


def test_a_household_pays_two_loans_at_once_and_once(session: Session, both: Both) -> None:
    booked = repay_together(session, both, "p", JUNE, 100_000, "t")
    paid = {one.contract.contract: one.event.fen for one in booked if isinstance(one.event, Repaid)}
    assert sum(paid.values()) == 100_000
    dear_life = next(one.life for one in booked if one.contract.contract == "H1")
    assert dear_life.standing.oldest_due is None, "the dearer is paid up"
    assert paid["H1"] == sum(c.whole_fen for c in dear_life.charges)
    assert repay_together(session, both, "p", JUNE, 100_000, "t") == []
    named = repay_together(session, both, "q", JUNE, 10_000, "t", named=("H1",), dry_run=True)
    assert [(one.contract.contract, one.entry is not None) for one in named] == [("H1", True)]
    close(session, JUNE, JUNE)
    assert not failing(session)


def test_a_joint_payment_is_refused_with_its_reason(session: Session, both: Both) -> None:
    repay_together(session, both, "p", JUNE, 100_000, "t")
    for change in ({"fen": 100_001}, {"day": JUNE - DAY}, {"contracts": both[:1]}):
        with pytest.raises(EventReused):
            repay_together(session, **{"contracts": both, "reference": "p", "day": JUNE, "fen": 100_000, "actor": "t"} | change)  # type: ignore[arg-type]
    servicing.repay(session, [(both[0][0], Repaid(reference="plain", value_date=JUNE, fen=1))], "t")
    with pytest.raises(EventReused):
        repay_together(session, both, "plain", JUNE, 1, "t")
    with pytest.raises(EventRefused, match="指定清偿的借据不在"):
        repay_together(session, both, "q", JUNE, 1, "t", named=("X",))
    with pytest.raises(NothingToRepay, match="没有写明归还哪些借据"):
        repay_together(session, [], "q", JUNE, 1, "t")
    with pytest.raises(EventRefused, match="金额必须大于零"):
        repay_together(session, both, "q", JUNE, 0, "t")
    with pytest.raises(EventRefused, match="重复"):
        repay_together(session, [*both, both[0]], "q", JUNE, 1, "t")
    stranger = (replace(both[1][0], household="H9"), False)
    with pytest.raises(EventRefused, match="须属于同一账套、同一户"):
        repay_together(session, [both[0], stranger], "q", JUNE, 1, "t")


@pytest.mark.parametrize("named", [(), ("H0",), ("H1", "H0")])
@pytest.mark.parametrize("fen", [100_000, 5_000_000, 5_050_000, 9_999_999, 10_200_000])
def test_no_loan_holds_an_excess_while_the_other_owes(session: Session, both: Both, fen: int, named: tuple[str, ...]) -> None:
    repay_together(session, both, "p", JUNE, fen, "t", named=named)
    standings = [life.standing for life in lives(session, [loan.key for loan, _ in both], horizon_now(session)).values()]
    owed = [found.principal_fen for found in standings]
    assert not any(found.excess_fen for found in standings) or not any(owed)
    assert sum(found.excess_fen for found in standings) == (10_200_000 - WHOLE_OF_BOTH if fen == 10_200_000 else 0)
    close(session, JUNE, JUNE)
    assert not failing(session)


WHOLE_OF_BOTH = 10_000_000 + (3_625 + 55_583 + 5_438 + 40 + 64) + (5_000 + 76_667 + 7_500 + 77 + 123)
"""By loan: six days to 20 March, 92 to 20 June, nine since; compound interest at the contract's rate to 20 June, and since."""


def test_a_grace_that_would_make_dates_roll_onto_one_another_is_refused(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, DRAWN)
    terms = replace(TERMS, rolling=Rolling(convention=Convention.FOLLOWING))
    contract = enter(session, city["LB"], terms, drawn(terms))
    close(session, DRAWN, TODAY - DAY)

    def grant(until: date) -> list[Booked]:
        return servicing.grant_graces(session, [(contract, "g", TODAY, GraceKind.INTEREST_CAPITALISED, until)], "t")

    with pytest.raises(EventRefused, match="利息转本日不在结息日"):
        grant(date(2017, 7, 14))
    assert grant(date(2017, 7, 15))[0].life.terms.graces[-1].end == date(2017, 7, 15)


def test_a_loan_drawn_today_has_a_page_and_no_class_before_its_first_close(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, DRAWN)
    contract = enter(session, city["LB"], TERMS, drawn(TERMS))
    sheet = loan_sheet(session, contract.book_id, contract.contract, DRAWN - DAY)
    assert sheet
    assert (sheet.classification, sheet.standing.principal_fen) == (None, 5_000_000)
    with pytest.raises(NotLentYet, match="2017-03-14 尚无此笔贷款"):
        life_as_of(session, contract, DRAWN - DAY, horizon_now(session))
