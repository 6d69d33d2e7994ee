"""Interest subsidy: a bank's batch from its preparation to its payment, in every way of paying, and what must hold of it."""

import random
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_replay_laws import begin_on, close, failing

from app import wiring
from guarantees.funds import FundReceipt, contribute
from ledger.books import Book, BookKind, open_book
from ledger.calendar import DAY, add_months
from ledger.journal import BookCode
from ledger.money import round_half_up
from ledger.queries import balance, turnovers
from ledger.reports.catalogue import make
from ledger.reports.errors import ReportRefused
from ledger.reports.question import Question
from ledger.reports.report import Report, Role
from loans import servicing
from loans.applications.application import Application
from loans.contract import Contract
from loans.disbursement import disburse
from loans.errors import BadPeriod, BadScheme, EventRefused, SubsidyBatchRefused
from loans.events import Repaid, SubsidyRefused, in_effect
from loans.life import Life
from loans.queries import events_of, horizon_now, lives
from loans.subsidy import approval, bank_list, loading, payment, preparation, refusal, undoing
from loans.subsidy.bank_list import BankLine
from loans.subsidy.batch import Batch, Stage, by_tier, shared_out
from loans.subsidy.periods import period_named
from loans.subsidy.queries import batches, steps
from loans.subsidy.reconciliation import positions
from loans.subsidy.schemes import Cadence, Mode, Scheme, Share, nationwide, scheme_on
from loans.suspicions.deciding import decide
from loans.suspicions.queries import open_hits
from loans.suspicions.raising import raise_for
from loans.suspicions.rules import REVIEW, Decision
from loans.terms import StreamKind
from registry import households, reference
from registry.cipher import Cipher
from registry.households import Household
from registry.identity import id_check_digit

RATE = 43_500_000
E1_DRAWN, E1_MATURITY = date(2017, 3, 15), date(2018, 3, 15)


class Bank:
    """A county's books with a lending bank, and what a test does with them."""

    def __init__(self, session: Session, city: dict[str, Book], cipher: Cipher) -> None:
        self.session, self.city, self.cipher = session, city, cipher
        self.fund, self.book = city["ISF"], city["LB"]
        self.people = 0

    def begin(self, day: date, fen: int = 100_000_000) -> None:
        """Begin on a day, with money in the fund."""
        begin_on(self.session, day)
        self.give(day, fen)

    def give(self, day: date, fen: int) -> None:
        receipt = FundReceipt(book=self.fund, bank=self.book.bank or "", serial=f"CZ{day}", received_on=day, fen=fen)
        contribute(self.session, [receipt], "t")

    def home(self, number: str, standard: str = "national") -> str:
        """Register a household."""
        self.people += 1
        stem = f"37990119700101{self.people:03}"
        one = Household(
            county="371621", number=number, village="演示村", persons=3, standard=standard, registered_on=date(2015, 12, 1),
            head_name="王演示", head_id=stem + id_check_digit(stem), account=None,
        )  # fmt: skip
        households.enrol(self.session, self.cipher, [one], "t")
        return number

    def lend(self, name: str, drawn_on: date, maturity: date, household: str | None = None, **over: object) -> Contract:
        """Make a loan to the head of a household of its own, or to another of one's household."""
        number = household or self.home(f"H{name}")
        self.people += 1
        stem = f"37990119800101{self.people:03}"
        person = ("household", stem + id_check_digit(stem), "李演示", number)
        ((_, who),) = households.add_borrowers(self.session, self.cipher, "371621", [person]).items()
        asked = Application(
            book=self.book, contract=name, product="XEXD", household=number, borrower=who.code, fen=5_000_000, rate_ppb=RATE,
            drawn_on=drawn_on, maturity=maturity,
        )  # fmt: skip
        return disburse(self.session, [replace(asked, **over)], "t")[0].contract  # type: ignore[arg-type]

    def life(self, contract: Contract) -> Life:
        return lives(self.session, [contract.key], horizon_now(self.session))[contract.key]

    def repay(self, contract: Contract, day: date, fen: int) -> None:
        servicing.repay(self.session, [(contract, Repaid(reference=f"{contract.contract}/{day}", value_date=day, fen=fen))], "t")

    def prepare(self, label: str, day: date, mode: Mode = Mode.TO_BANK) -> Batch:
        return preparation.prepare(self.session, self.fund, self.book, mode, label, day, "甲")

    def approve(self, one: Batch, day: date) -> Batch:
        approval.approve(self.session, one, day, "乙")
        return self.now(one)

    def pay(self, one: Batch, day: date) -> Batch:
        payment.pay(self.session, one, day, "丙")
        return self.now(one)

    def through(self, label: str, day: date, mode: Mode = Mode.TO_BANK) -> Batch:
        """Prepare, approve and pay."""
        return self.pay(self.approve(self.prepare(label, day, mode), day), day)

    def now(self, one: Batch) -> Batch:
        return preparation.numbered(self.session, self.book, one.number)

    def of_fund(self, account: str) -> int:
        return balance(self.session, self.fund.id, account)

    def of_bank(self, account: str) -> int:
        return balance(self.session, self.book.id, account)


@pytest.fixture
def bank(session: Session, city: dict[str, Book], cipher: Cipher) -> Bank:
    return Bank(session, city, cipher)


def scheme(**over: object) -> Scheme:
    made = Scheme(
        county="371621", product="XEXD", valid_from=date(2017, 1, 1), source="惠政发〔2017〕1号（演示）", mode=Mode.TO_BANK,
        cadence=Cadence.QUARTER, shares=(Share(percent=100),), when_extended=True,
    )  # fmt: skip
    return replace(made, **over)  # type: ignore[arg-type]


def asked(one: Batch) -> dict[int, int]:
    return {line.loan[1]: line.fen for line in one.accepted}


# --- schemes, periods, tiers -----------------------------------------------------------------------------------------


def test_e4_three_tiers_by_largest_remainder() -> None:
    tiers = (("province", 40), ("city", 30), ("county", 30))
    assert [fen for _, fen in shared_out(60_694, tiers)] == [24_278, 18_208, 18_208]
    assert [fen for _, fen in shared_out(60_695, [("a", 1), ("b", 1), ("c", 1)])] == [20_232, 20_232, 20_231]


@given(st.integers(0, 10**12), st.lists(st.integers(0, 100), min_size=1, max_size=5).filter(any))
def test_tiers_bear_the_whole_and_none_is_a_fen_off_its_share(fen: int, weights: list[int]) -> None:
    parts = [part for _, part in shared_out(fen, [(str(n), weight) for n, weight in enumerate(weights)])]
    assert sum(parts) == fen
    assert all(abs(part - Fraction(fen * weight, sum(weights))) < 1 for part, weight in zip(parts, weights, strict=True))


@given(st.integers(1, 12), st.integers(2000, 2100))
def test_months_quarters_and_a_year_cover_the_same_days(begins: int, year: int) -> None:
    whole = period_named(f"{year}", Cadence.YEAR, begins)
    quarters = [period_named(f"{year}Q{n}", Cadence.QUARTER, begins) for n in (1, 2, 3, 4)]
    assert (quarters[0].start, quarters[-1].end) == (whole.start, whole.end)
    assert all(a.end == b.start and a.end.day == 21 for a, b in pairwise(quarters))
    month = period_named(f"{year}-{begins:02}", Cadence.MONTH)
    assert month.start == whole.start
    assert month.end == add_months(month.start, 1)


def test_a_subsidy_year_may_begin_in_october() -> None:
    found = period_named("2016", Cadence.YEAR, 10)
    assert (found.start, found.end) == (date(2016, 9, 21), date(2017, 9, 21))


@pytest.mark.parametrize("label", ["2017Q5", "2017Q0", "2017Q", "17Q1", "2017-13", "", "2017Q1 "])
def test_a_period_that_is_none_is_refused(label: str) -> None:
    with pytest.raises(BadPeriod, match="没有贴息期间"):
        period_named(label, Cadence.QUARTER)


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"shares": (Share(from_month=1, percent=100),)}, "自放款起"),
        ({"shares": (Share(percent=100), Share(percent=50))}, "递增"),
        ({"shares": (Share(),)}, "比例或固定点数之一"),
        ({"shares": (Share(percent=101),)}, "0 至 100"),
        ({"year_begins": 13}, "1 至 12"),
        ({"tiers": (("county", 0),)}, "全为零"),
    ],
)
def test_a_scheme_that_can_not_be_is_refused(over: dict[str, object], reason: str) -> None:
    with pytest.raises(BadScheme, match=reason):
        scheme(**over)


def test_points_are_never_more_than_the_rate() -> None:
    assert Share(points_ppb=30_000_000).of(47_500_000) == 30_000_000
    assert Share(points_ppb=50_000_000).of(47_500_000) == 47_500_000


def test_a_countys_own_scheme_goes_before_the_nations_and_old_contracts_keep_theirs(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    old = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    half = scheme(valid_from=E1_DRAWN + DAY, shares=(Share(points_ppb=20_000_000),), when_extended=False)
    assert loading.load(session, [half], "t") == [half]
    assert loading.load(session, [half], "t") == []
    close(session, E1_DRAWN, E1_DRAWN)
    new = bank.lend("C2", E1_DRAWN + DAY, E1_MATURITY)
    assert [int(step.gov_ppb) for step in old.terms.rates] == [RATE]
    assert [int(step.gov_ppb) for step in new.terms.rates] == [20_000_000]
    for contract, share in ((old, 47_500_000), (new, 0)):
        (booked,) = servicing.extend(
            session, [(contract, f"x{contract.id}", E1_DRAWN + DAY, date(2018, 9, 15), 47_500_000)], "t", dry_run=True
        )
        assert booked.event.gov_ppb == share  # type: ignore[attr-defined]
    with pytest.raises(BadScheme, match="已有另一贴息办法"):
        loading.load(session, [replace(half, when_extended=True)], "t")
    with pytest.raises(BadScheme, match="已按原办法发放贷款（如 C1）"):
        loading.load(session, [scheme(valid_from=E1_DRAWN)], "t")
    with pytest.raises(BadScheme, match="已按原办法发放贷款（如 C2）"):
        loading.withdraw(session, "371621", "XEXD", half.valid_from)
    assert scheme_on(nationwide(), "FMSC", "371621", E1_DRAWN) is None


# --- to the bank (mode B) --------------------------------------------------------------------------------------------


def test_e5_the_list_asks_for_the_days_before_maturity_and_leaves_overdue_days_out(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2018, 3, 20))
    for label, day in (("2017Q1", date(2018, 3, 21)), ("2017Q2", date(2018, 3, 21)), ("2017Q3", date(2018, 3, 21))):
        bank.through(label, day)
    bank.through("2017Q4", date(2018, 3, 21))
    one = bank.prepare("2018Q1", date(2018, 3, 21))
    (line,) = one.lines
    assert (line.fen, line.whole_fen, line.days, line.late_days) == (50_750, 50_750, 84, 6)
    assert line.flags == ("逾期剔除 6 天",)
    penalty = [c.whole_fen for c in bank.life(loan).charges if c.kind is StreamKind.PENALTY]
    assert penalty == [5_438]
    assert [batch.payable_fen for batch in batches(session)] == [3_625, 55_583, 55_583, 54_979, 50_750]


def test_a_batch_is_prepared_approved_and_paid_by_three_people(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    day = date(2017, 6, 21)
    one = bank.prepare("2017Q2", day)
    assert (one.stage, one.number, one.payable_fen) == (Stage.PREPARED, "HMRCB-2017Q2", 3_625 + 55_583)
    assert bank.prepare("2017Q2", day) == one, "prepared once"
    with pytest.raises(SubsidyBatchRefused, match="编制人不能批准"):
        approval.approve(session, one, day, "甲")
    with pytest.raises(SubsidyBatchRefused, match="不能拨付"):
        payment.pay(session, one, day, "丙")
    with pytest.raises(SubsidyBatchRefused, match="须由经办人"):
        approval.approve(session, one, day, "system")
    one = bank.approve(one, day)
    assert (bank.of_fund("5007.02"), bank.of_fund("2015.02")) == (59_208, -59_208)
    assert not failing(session)
    with pytest.raises(SubsidyBatchRefused, match="批准人不能办理拨付"):
        payment.pay(session, one, day, "乙")
    assert bank.pay(one, day).stage is Stage.PAID
    assert (bank.of_fund("2015.02"), bank.of_fund("1004"), bank.of_bank("1132.02")) == (0, 100_000_000 - 59_208, 0)
    assert not failing(session)
    with pytest.raises(SubsidyBatchRefused, match="没有应贴息的贷款"):
        bank.prepare("2017Q2", day)


def test_what_the_fund_has_not_got_it_can_not_pay(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN, 59_207)
    bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    one = bank.approve(bank.prepare("2017Q2", date(2017, 6, 21)), date(2017, 6, 21))
    with pytest.raises(SubsidyBatchRefused, match=r"余额 592\.07 元，不足支付 592\.08 元"):
        bank.pay(one, date(2017, 6, 21))


def test_a_rejected_line_comes_again_with_the_next_batch(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    first, second = bank.lend("C1", E1_DRAWN, E1_MATURITY), bank.lend("C2", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    day = date(2017, 6, 21)
    one = bank.prepare("2017Q2", day)
    with pytest.raises(SubsidyBatchRefused, match="须说明理由"):
        preparation.reject(session, one, [first.id], " ", day, "乙", final=False)
    preparation.reject(session, one, [first.id], "公示期有异议", day, "乙", final=False)
    assert asked(bank.now(one)) == {second.id: 59_208}
    bank.pay(bank.approve(one, day), day)
    waiting = {found.contract: (found.received_fen, found.unasked_fen) for found in positions(session, bank.book)}
    assert waiting == {"C1": (0, 59_208), "C2": (59_208, 0)}
    assert bank.of_bank("1132.02") == 59_208
    assert not failing(session)
    close(session, day, date(2017, 9, 20))
    later = bank.prepare("2017Q3", date(2017, 9, 21))
    assert asked(later) == {first.id: 59_208 + 55_583, second.id: 55_583}
    assert {line.loan[1]: line.flags for line in later.lines} == {first.id: ("上期结转",), second.id: ()}


def test_late_government_money_harms_no_borrower_and_what_is_refused_for_good_is_the_borrowers(
    session: Session, bank: Bank
) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    assert bank.life(loan).standing.oldest_due is None
    one, day = bank.prepare("2017Q2", date(2017, 6, 21)), date(2017, 6, 21)
    preparation.reject(session, one, [loan.id], "借款人为公职人员", day, "乙", final=True)
    assert (bank.of_bank("1132.01"), bank.of_bank("1132.02")) == (59_208, 0)
    assert (bank.of_bank("6011.02"), bank.of_bank("6011.01")) == (0, -59_208)
    assert not failing(session)
    with pytest.raises(SubsidyBatchRefused, match="终局"):
        preparation.restore(session, one, [loan.id], "再议", day, "乙")
    with pytest.raises(SubsidyBatchRefused, match="终局"):
        preparation.cancel(session, one, day, "甲")
    close(session, day, day)
    assert bank.life(loan).standing.oldest_due == day
    reference_ = steps(session, [bank.fund.id])[(bank.fund.id, one.number)][-1].reference
    undoing.undo(session, bank.now(one), reference_, "乙")
    assert (bank.of_bank("1132.01"), bank.of_bank("1132.02")) == (0, 59_208)
    assert bank.life(loan).standing.oldest_due is None
    close(session, day + DAY, day + DAY)
    assert not failing(session)
    assert asked(bank.now(one)) == {loan.id: 59_208}


def test_what_changed_since_the_preparation_is_prepared_anew(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    one = bank.prepare("2017Q2", date(2017, 6, 21))
    bank.repay(loan, date(2017, 5, 21), 2_500_000)
    with pytest.raises(SubsidyBatchRefused, match=r"借据 C1 现应贴息 498\.44 元，编制时 592\.08 元，请作废后重新编制"):
        bank.approve(one, date(2017, 6, 21))
    preparation.cancel(session, one, date(2017, 6, 21), "甲")
    again = bank.prepare("2017Q2", date(2017, 6, 21))
    assert again.number == "HMRCB-2017Q2-2"
    whole, half = Fraction(5_000_000 * RATE * 61, 360 * 10**9), Fraction(2_500_000 * RATE * 31, 360 * 10**9)
    assert again.payable_fen == 3_625 + round_half_up(whole + half) == 49_844
    bank.pay(bank.approve(again, date(2017, 6, 21)), date(2017, 6, 21))
    assert not failing(session)


def test_a_payment_comes_back_and_is_repeated(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    first, second = bank.lend("C1", E1_DRAWN, E1_MATURITY), bank.lend("C2", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    day = date(2017, 6, 21)
    one = bank.through("2017Q2", day)
    payment.take_return(session, one, [first.id], "T1", day, "户名不符", "丙")
    payment.take_return(session, one, [first.id], "T1", day, "户名不符", "丙")
    assert (bank.of_fund("2015.03"), bank.of_bank("1132.02")) == (-59_208, 59_208)
    assert not failing(session)
    with pytest.raises(SubsidyBatchRefused, match="已用于另一笔业务"):
        payment.take_return(session, one, [second.id], "T1", day, "户名不符", "丙")
    with pytest.raises(SubsidyBatchRefused, match="只能退回已拨付的明细"):
        payment.take_return(session, one, [first.id], "T2", day, "户名不符", "丙")
    with pytest.raises(SubsidyBatchRefused, match="只能重付已退回的明细"):
        payment.pay_again(session, one, [second.id], "T3", day, "丙")
    payment.pay_again(session, one, [first.id], "T4", day, "丙")
    assert (bank.of_fund("2015.03"), bank.of_bank("1132.02")) == (0, 0)
    assert not failing(session)


# --- reclaim (追回) --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("found_on", "this_year"), [(date(2017, 9, 25), True), (date(2018, 1, 5), False)])
def test_misuse_found_late_is_reclaimed_in_the_year_it_was_paid_or_as_surplus(
    session: Session, bank: Bank, found_on: date, *, this_year: bool
) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    bank.through("2017Q2", date(2017, 6, 21))
    close(session, date(2017, 6, 21), found_on - DAY)
    servicing.find_misuse(session, loan, "m", date(2017, 5, 21), "t")
    label = "2017Q3" if this_year else "2017Q4"
    one = bank.prepare(label, found_on)
    back = 55_583 + 3_625 - sum(c.gov_fen for c in bank.life(loan).charges)
    assert asked(one) == {loan.id: -back}
    assert back == 55_583 - round_half_up(Fraction(5_000_000 * RATE * 61, 360 * 10**9))
    bank.approve(one, found_on)
    assert bank.of_fund("1036.03") == back
    assert bank.of_fund("5007.02") == 59_208 - (back if this_year else 0)
    assert bank.of_fund("3007") == (0 if this_year else -back)
    assert (bank.of_bank("1132.02"), bank.of_bank("2241.05")) == (0, -back)
    assert not failing(session)
    with pytest.raises(SubsidyBatchRefused, match="应收回"):
        payment.take_refund(session, one, "S1", found_on, back + 1, "丙")
    payment.take_refund(session, one, "S1", found_on, back, "丙")
    payment.take_refund(session, one, "S1", found_on, back, "丙")
    assert (bank.of_fund("1036.03"), bank.of_bank("2241.05")) == (0, 0)
    assert not failing(session)


def test_a_household_that_was_not_entitled_pays_from_the_day_of_the_finding(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    bank.through("2017Q2", date(2017, 6, 21))
    close(session, date(2017, 6, 21), date(2017, 7, 9))
    day, since = date(2017, 7, 10), date(2017, 5, 21)
    with pytest.raises(EventRefused, match="须说明理由"):
        refusal.stop(session, loan, "s", day, since, "", "t")
    (dry,) = refusal.stop(session, loan, "s", day, since, "任公职", "t", dry_run=True)
    (booked,) = refusal.stop(session, loan, "s", day, since, "任公职", "t")
    assert (dry.entry, dry.life) == (booked.entry, booked.life)
    assert refusal.stop(session, loan, "s", day, since, "任公职", "t") == []
    back = round_half_up(Fraction(5_000_000 * RATE * 31, 360 * 10**9))
    assert isinstance(booked.event, SubsidyRefused)
    assert abs(booked.event.fen - back) <= 1
    assert bank.of_bank("1132.01") == booked.event.fen
    close(session, day, date(2017, 9, 20))
    assert [c.gov_fen for c in bank.life(loan).charges if c.gov_fen > 0][-1] == round_half_up(
        Fraction(5_000_000 * RATE * 19, 360 * 10**9)
    ), "from the 21st of June up to the finding"
    one = bank.prepare("2017Q3", date(2017, 9, 21))
    assert asked(one) == {loan.id: sum(c.gov_fen for c in bank.life(loan).charges) - 59_208}
    assert one.reclaimed_fen == booked.event.fen - round_half_up(Fraction(5_000_000 * RATE * 19, 360 * 10**9))
    assert not failing(session)


# --- household first (mode A) ----------------------------------------------------------------------------------------


def test_a_household_that_pays_first_gets_back_what_it_has_really_paid(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loading.load(session, [scheme(mode=Mode.HOUSEHOLD_FIRST, valid_from=E1_DRAWN)], "t")
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    contract = [(c.whole_fen, c.gov_fen) for c in bank.life(loan).charges if c.kind is StreamKind.CONTRACT]
    assert contract == [(3_625, 0), (55_583, 0)], "to the bank all is the household's"
    with pytest.raises(SubsidyBatchRefused, match="没有应贴息的贷款"):
        bank.prepare("2017Q2", date(2017, 6, 21), Mode.HOUSEHOLD_FIRST)
    bank.repay(loan, date(2017, 6, 21), 30_000)
    one = bank.prepare("2017Q2", date(2017, 6, 21), Mode.HOUSEHOLD_FIRST)
    paid = sum(c.paid_fen for c in bank.life(loan).charges if c.kind is StreamKind.CONTRACT)
    assert 0 < one.payable_fen == paid <= 30_000
    bank.pay(bank.approve(one, date(2017, 6, 21)), date(2017, 6, 21))
    assert (bank.of_fund("5007.02"), bank.of_bank("1132.02"), bank.of_bank("2241.05")) == (paid, 0, 0)
    assert not failing(session)
    close(session, date(2017, 6, 21), date(2017, 9, 20))
    bank.repay(loan, date(2017, 9, 21), 200_000)
    rest = bank.prepare("2017Q3", date(2017, 9, 21), Mode.HOUSEHOLD_FIRST)
    assert rest.payable_fen == 59_208 + 55_583 - paid
    assert not failing(session)


# --- in advance (mode C) ---------------------------------------------------------------------------------------------


def test_money_in_advance_is_cleared_first_a_shortage_is_paid_and_an_excess_comes_back(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    with pytest.raises(SubsidyBatchRefused, match="没有预拨清算"):
        payment.pay_ahead(session, bank.fund, bank.book, "Y0", E1_DRAWN, 40_000, "丙")
    loading.load(session, [scheme(mode=Mode.PREPAID, valid_from=E1_DRAWN)], "t")
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    reference_ = payment.pay_ahead(session, bank.fund, bank.book, "Y1", E1_DRAWN, 40_000, "丙")
    assert payment.pay_ahead(session, bank.fund, bank.book, "Y1", E1_DRAWN, 40_000, "丙") is None
    assert (bank.of_fund("1036.04"), bank.of_bank("2241.04")) == (40_000, -40_000)
    close(session, E1_DRAWN, date(2017, 6, 20))
    day = date(2017, 6, 21)
    one = bank.approve(bank.prepare("2017Q2", day, Mode.PREPAID), day)
    assert (one.payable_fen, one.drawn_fen, one.cash_fen) == (59_208, 40_000, 19_208)
    assert (bank.of_fund("1036.04"), bank.of_fund("2015.02"), bank.of_bank("1132.02")) == (0, -19_208, 19_208)
    assert not failing(session)
    with pytest.raises(SubsidyBatchRefused, match="预拨余额"):
        undoing.undo_ahead(session, bank.fund, bank.book, reference_ or "", "丙")
    bank.pay(one, day)
    assert bank.of_bank("1132.02") == 0
    payment.pay_ahead(session, bank.fund, bank.book, "Y2", day, 100_000, "丙")
    close(session, day, date(2017, 9, 20))
    again = bank.through("2017Q3", date(2017, 9, 21), Mode.PREPAID)
    assert (again.drawn_fen, again.cash_fen) == (55_583, 0)
    with pytest.raises(SubsidyBatchRefused, match="预拨余额"):
        payment.pay_ahead(session, bank.fund, bank.book, "Y3", date(2017, 9, 21), -44_418, "丙")
    payment.pay_ahead(session, bank.fund, bank.book, "Y3", date(2017, 9, 21), -44_417, "丙")
    assert (bank.of_fund("1036.04"), bank.of_bank("2241.04"), bank.of_bank("1132.02")) == (0, 0, 0)
    assert not failing(session)
    assert bank.life(loan).standing.oldest_due is None


def test_tiers_bear_a_batch_each_its_part(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loading.load(session, [scheme(valid_from=E1_DRAWN, tiers=(("province", 40), ("city", 30), ("county", 30)))], "t")
    bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    bank.through("2017Q2", date(2017, 6, 21))
    found = turnovers(session, books=[bank.fund.id], accounts=["5007.02"], by=("payer",))
    assert {key[2]: turnover.balance_fen for key, turnover in found.items()} == {
        "province": 23_683,
        "city": 17_763,
        "county": 17_762,
    }
    assert not failing(session)


THIRDS = (("province", 40), ("city", 30), ("county", 30))


@pytest.mark.parametrize(
    "other",
    [
        scheme(valid_from=date(2019, 1, 1), tiers=(("county", 100),), year_begins=2),
        scheme(valid_from=E1_DRAWN + DAY, product="FMSC", tiers=(("county", 100),), year_begins=2),
    ],
)
def test_a_scheme_not_begun_or_of_another_product_counts_neither_for_tiers_nor_period(
    session: Session, bank: Bank, other: Scheme
) -> None:
    bank.begin(E1_DRAWN)
    loading.load(session, [scheme(valid_from=E1_DRAWN, tiers=THIRDS), other], "t")
    bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    made = preparation.draft(session, bank.fund, bank.book, Mode.TO_BANK, "2017Q2")
    assert (made.period.start, made.period.end) == (date(2017, 3, 21), date(2017, 6, 21))
    assert [line.tiers for line in made.lines] == [THIRDS]


def test_each_line_is_borne_by_the_tiers_of_its_own_contracts_scheme(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    prepaid = {"mode": Mode.PREPAID, "product": "XEXD"}
    alone = scheme(valid_from=E1_DRAWN + DAY, tiers=(("county", 100),), **prepaid)
    loading.load(session, [scheme(valid_from=E1_DRAWN, tiers=THIRDS, **prepaid), alone], "t")
    first = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, E1_DRAWN)
    second = bank.lend("C2", E1_DRAWN + DAY, E1_MATURITY)
    close(session, E1_DRAWN + DAY, date(2017, 6, 20))
    day = date(2017, 6, 21)
    payment.pay_ahead(session, bank.fund, bank.book, "Y1", day, 50_000, "丙")
    one = bank.prepare("2017Q2", day, Mode.PREPAID)
    assert {line.loan[1]: line.tiers for line in one.lines} == {first.id: THIRDS, second.id: (("county", 100),)}
    of = {line.loan[1]: line.fen for line in one.lines}
    assert of == {first.id: 59_208, second.id: 3_021 + 55_583}
    shares = {"province": 23_683, "city": 17_763, "county": 17_762 + of[second.id]}
    assert by_tier([(line, line.fen) for line in one.lines]) == shares
    bank.pay(bank.approve(one, day), day)
    for account, expected in (("5007.02", shares), ("2015.02", dict.fromkeys(shares, 0))):
        found = turnovers(session, books=[bank.fund.id], accounts=[account], by=("payer",))
        assert {key[2]: turnover.balance_fen for key, turnover in found.items()} == expected
    assert not failing(session)


# --- objections ------------------------------------------------------------------------------------------------------


def suspect(session: Session, loan: Contract) -> None:
    """Put a loan's borrower on another department's list since the day of its drawing."""
    session.execute(
        text(
            "INSERT INTO loans.listed (id_hmac, kind, since_date, id_sealed, id_masked, name, source, actor) "
            "SELECT id_hmac, '财政供养', :day, id_sealed, id_masked, name, '人社局', 't' FROM registry.borrower "
            "WHERE county = :county AND code = :code"
        ),
        {"day": loan.terms.drawn_on, "county": loan.county, "code": loan.borrower},
    )


def test_what_speaks_against_a_line_rejects_it_until_a_reviewer_says_why_not(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    plain = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    twice = bank.lend("C2", E1_DRAWN, E1_MATURITY)
    reference.add_bank(session, "CITYB", "城市商业银行（演示）", rural=False)
    other = open_book(session, BookCode("LB-371621-CITYB"), BookKind.LOANS, "CITYB", "371621", "CITYB", "loan-2016")
    bank.home("HX")
    elsewhere = Application(
        book=other, contract="X1", product="XEXD", household="HX", borrower=twice.borrower, fen=1_000_000, rate_ppb=RATE,
        drawn_on=E1_DRAWN, maturity=E1_MATURITY,
    )  # fmt: skip
    disburse(session, [elsewhere], "t")
    close(session, E1_DRAWN, date(2017, 6, 20))
    one = bank.prepare("2017Q2", date(2017, 6, 21))
    assert asked(one) == {plain.id: 59_208}
    assert one.rejected[twice.id].reason == "疑点：同一身份证号同期在两家银行贷款（未处理）"
    (hit,) = open_hits(session, [twice.key])[twice.key]
    assert hit.occasion == "subsidy batch HMRCB-2017Q2"
    assert [row["contract"] for row in hit.facts["rows"]] == ["X1"]

    def restore() -> None:
        with session.begin_nested():
            preparation.restore(session, one, [twice.id], "两笔合计未超过上限", date(2017, 6, 21), "乙")

    with pytest.raises(SubsidyBatchRefused, match="借据 C2 的疑点：同一身份证号同期在两家银行贷款（未处理），排除后才能贴息"):
        restore()
    decide(session, hit, Decision.CLEARED, "同名同号，系两笔分别申请", "审")
    restore()
    assert asked(bank.now(one)) == {plain.id: 59_208, twice.id: 59_208}


def test_a_draft_asks_the_rules_of_suspicion_and_keeps_nothing_of_what_they_find(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    listed, plain = bank.lend("C1", E1_DRAWN, E1_MATURITY), bank.lend("C2", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    suspect(session, listed)
    made = preparation.draft(session, bank.fund, bank.book, Mode.TO_BANK, "2017Q2")
    assert made.objections == {listed.key: ["疑点：借款人在比对名单中（未处理）"]}
    assert {line.loan: bool(line.flags) for line in made.lines} == {listed.key: True, plain.key: False}
    assert open_hits(session, [listed.key]) == {}


def test_what_becomes_suspicious_after_the_review_stops_the_approval(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    day = date(2017, 6, 21)
    one = bank.prepare("2017Q2", day)
    suspect(session, loan)
    (hit,) = raise_for(session, [loan.key], REVIEW, day, "审")

    def approve() -> None:
        with session.begin_nested():
            approval.approve(session, bank.now(one), day, "丙")

    for found, word in ((None, "未处理"), (Decision.PENDING, "待查"), (Decision.CONFIRMED, "属实")):
        if found:
            decide(session, hit, found, "查", "审")
        with pytest.raises(SubsidyBatchRefused, match=f"借据 C1 的疑点：借款人在比对名单中（{word}），排除后才能贴息"):
            approve()
    decide(session, hit, Decision.CLEARED, "重名", "审")
    approve()


def test_a_household_over_the_cap_and_one_out_of_the_register_are_objected_to(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    first = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    heirs = bank.lend("C2", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 5, 31))
    day = date(2017, 6, 1)
    ((_, person),) = households.add_borrowers(
        session,
        bank.cipher,
        "371621",
        [("household", "37990119900101001" + id_check_digit("37990119900101001"), "李继承", "HC1")],
    ).items()
    servicing.inherit(session, heirs, "i", day, person, "t", subsidised=True)
    close(session, day, date(2017, 6, 20))
    one = bank.prepare("2017Q2", date(2017, 6, 21))
    assert first.id in asked(one)
    assert "户内余额合计 100,000.00 元，超过 50,000.00 元" in one.rejected[heirs.id].reason


# --- undoing ---------------------------------------------------------------------------------------------------------


def test_every_step_is_taken_back_newest_first_and_nothing_is_left(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    day = date(2017, 6, 21)
    accounts = ("1004", "2015.02", "2015.03", "5007.02")
    before = [bank.of_fund(account) for account in accounts], bank.of_bank("1132.02"), bank.of_bank("3001")
    one = bank.through("2017Q2", day)
    payment.take_return(session, one, [loan.id], "T1", day, "户名不符", "丙")
    taken = steps(session, [bank.fund.id])[(bank.fund.id, one.number)]
    with pytest.raises(SubsidyBatchRefused, match="其后已有其他环节"):
        undoing.undo(session, one, taken[0].reference, "丁")
    for step in reversed(taken):
        undoing.undo(session, one, step.reference, "丁")
        assert not failing(session)
    assert ([bank.of_fund(account) for account in accounts], bank.of_bank("1132.02"), bank.of_bank("3001")) == before
    assert batches(session) == []
    again = bank.through("2017Q2", day)
    assert (again.number, again.stage, again.payable_fen) == ("HMRCB-2017Q2-2", Stage.PAID, 59_208)
    assert not failing(session)


def test_an_undone_loan_that_was_subsidised_is_reclaimed(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    bank.through("2017Q2", date(2017, 6, 21))
    begun = in_effect(events_of(session, [loan.key])[loan.key])[0]
    servicing.undo(session, loan, begun.reference, begun.value_date, "t")
    close(session, date(2017, 6, 21), date(2017, 9, 20))
    one = bank.prepare("2017Q3", date(2017, 9, 21))
    assert asked(one) == {loan.id: -59_208}
    bank.approve(one, date(2017, 9, 21))
    assert not failing(session)


# --- the bank's own list ---------------------------------------------------------------------------------------------


def test_every_difference_from_the_banks_list_is_named_with_its_likely_cause(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    names = ("C1", "C2", "C3", "C4", "C5")
    made = {name: bank.lend(name, E1_DRAWN, E1_MATURITY) for name in names}
    late = bank.lend("C6", E1_DRAWN, date(2017, 6, 15))
    close(session, E1_DRAWN, date(2017, 6, 20))
    bank.through("2017Q1", date(2017, 6, 21))
    one = bank.prepare("2017Q2", date(2017, 6, 21))
    ours = {made[name].id if name in made else late.id: one.lines[index] for index, name in enumerate((*names, "C6"))}
    assert ours[made["C1"].id].fen == 55_583

    def stated(name: str, **over: int) -> BankLine:
        line = ours[made[name].id if name in made else late.id]
        given = BankLine(
            contract=name, principal_fen=line.principal_fen, interest_fen=line.whole_fen, subsidy_fen=line.fen,
            late_days=line.late_days,
        )  # fmt: skip
        return replace(given, **over)

    overdue = round_half_up(Fraction(5_000_000 * RATE * 6, 360 * 10**9))
    day = round_half_up(Fraction(5_000_000 * RATE, 360 * 10**9))
    listed = [
        stated("C1"),
        stated("C2", interest_fen=55_583 + day, subsidy_fen=55_583 + day),
        stated("C3", interest_fen=54_822, subsidy_fen=54_822),
        stated("C4", principal_fen=4_900_000),
        stated("C6", interest_fen=ours[late.id].whole_fen + overdue, subsidy_fen=ours[late.id].fen + overdue, late_days=0),
        BankLine(contract="Z9", principal_fen=1, interest_fen=1, subsidy_fen=1, late_days=0),
    ]
    assert bank_list.take(session, bank.fund, bank.book, "2017Q2", listed, "t") == listed
    assert bank_list.take(session, bank.fund, bank.book, "2017Q2", listed, "t") == []
    with pytest.raises(SubsidyBatchRefused, match="数字不同"):
        bank_list.take(session, bank.fund, bank.book, "2017Q2", [stated("C1", subsidy_fen=1)], "t")
    found = bank_list.differences(session, bank.fund, bank.book, Mode.TO_BANK, "2017Q2")
    causes = {(one.contract, one.what): one.cause for one in found}
    assert causes == {
        ("C2", "合同利息"): "计息天数相差一天（算头又算尾，或结息日归属不同）",
        ("C2", "贴息金额"): "随合同利息的差异",
        ("C3", "合同利息"): "银行按一年 365 天计息",
        ("C3", "贴息金额"): "随合同利息的差异",
        ("C4", "本金余额"): "银行已收 1,000.00 元本金，本系统尚未录入",
        ("C5", "明细"): "银行清单漏列",
        ("C6", "合同利息"): "银行将逾期 6 天计入合同利息",
        ("C6", "贴息金额"): "随合同利息的差异",
        ("C6", "逾期天数"): "银行未剔除逾期天数",
        ("Z9", "明细"): "本系统无此借据",
    }


def test_a_list_that_never_came_is_asked_for(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    with pytest.raises(SubsidyBatchRefused, match="尚未导入该行此期的清单"):
        bank_list.differences(session, bank.fund, bank.book, Mode.TO_BANK, "2017Q2")


# --- a year of quarters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.TO_BANK, Mode.PREPAID, Mode.HOUSEHOLD_FIRST])
def test_a_year_of_lists_ties_whatever_happens_to_its_loans(session: Session, bank: Bank, mode: Mode) -> None:
    """Repayments, misuse and bounced payments, some back-dated, lines rejected, refused and returned; then all is asked once."""
    luck, first = random.Random(f"2017 {mode}"), date(2017, 3, 15)
    bank.begin(first, 10**9)
    loading.load(session, [scheme(mode=mode, valid_from=first)], "t")
    mine = [bank.lend(f"C{n}", first, add_months(first, luck.choice([4, 9, 12, 30])), fen=luck.randint(10_000, 50_000) * 100)
            for n in range(7)]  # fmt: skip
    if mode is Mode.PREPAID:
        payment.pay_ahead(session, bank.fund, bank.book, "Y1", first, 90_000, "丙")
    day = first
    for label, last in (("2017Q1", 20), ("2017Q2", 20), ("2017Q3", 20), ("2017Q4", 20)):
        end = period_named(label, Cadence.QUARTER).end
        assert (end - DAY).day == last
        close(session, day, end - DAY)
        day = end
        for number in range(3):
            _happens(session, bank, luck.choice(mine), day, luck, f"{label}/{number}")
        _list_of_a_quarter(session, bank, mode, label, day, luck)
        assert not failing(session), label
        assert not _reported(session, bank, "subsidy-positions", day).broken, label
        assert not _reported(session, bank, "subsidy-settlement", day).broken, label
    close(session, day, period_named("2018Q1", Cadence.QUARTER).end - DAY)
    day = period_named("2018Q1", Cadence.QUARTER).end
    for loan in mine:
        bank.repay(loan, day, 300_000)
    last_one = bank.prepare("2018Q1", day, mode)
    if last_one.rejected:
        preparation.restore(session, last_one, list(last_one.rejected), "复核无误", day, "乙")
    bank.pay(bank.approve(last_one, day), day)
    assert not failing(session)
    with pytest.raises(SubsidyBatchRefused, match="没有应贴息的贷款"):
        bank.prepare("2018Q1", day, mode)
    if mode is not Mode.HOUSEHOLD_FIRST:
        for one in positions(session, bank.book):
            assert (one.in_review_fen, one.approved_fen, one.unasked_fen) == (0, 0, 0), one


def _reported(session: Session, bank: Bank, name: str, day: date) -> Report:
    asked = Question(books=(bank.fund,), name="惠民县", since=day.replace(month=1, day=1), end=day + DAY)
    return make(session, wiring.reports(), name, asked)


def test_the_two_books_are_held_against_each_other_link_by_link(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    first, _ = bank.lend("C1", E1_DRAWN, E1_MATURITY), bank.lend("C2", E1_DRAWN, E1_MATURITY)
    close(session, E1_DRAWN, date(2017, 6, 20))
    day = date(2017, 6, 21)

    def told() -> dict[str, int]:
        made = _reported(session, bank, "subsidy-positions", day)
        assert not made.broken
        line, total = made.rows
        assert line.cells[2:] == total.cells[2:]
        return {c.key: fen for c, fen in zip(made.columns[2:], line.cells[2:], strict=True) if fen}

    assert told() == {"receivable": 118_416, "unasked": 118_416}
    one = bank.prepare("2017Q2", day)
    preparation.reject(session, one, [first.id], "待核", day, "乙", final=False)
    assert told() == {"receivable": 118_416, "unasked": 59_208, "in_review": 59_208}
    preparation.restore(session, bank.now(one), [first.id], "复核无误", day, "乙")
    one = bank.approve(bank.now(one), day)
    assert told() == {"receivable": 118_416, "approved": 118_416, "payable": 118_416}
    one = bank.pay(one, day)
    assert _reported(session, bank, "subsidy-positions", day).rows[0].role is Role.TOTAL, "nothing is open"
    payment.take_return(session, one, [first.id], "T1", day, "户名不符", "丙")
    assert told() == {"receivable": 59_208, "returned": 59_208}
    with pytest.raises(ReportRefused, match="2017-06-20 以后又有入账；批次只知现时状态"):
        _reported(session, bank, "subsidy-positions", day - DAY)


def _happens(session: Session, bank: Bank, loan: Contract, day: date, luck: random.Random, name: str) -> None:
    """Let something happen to a loan, or nothing if it can't."""
    back = max(loan.terms.drawn_on + DAY, day - luck.randint(0, 60) * DAY)
    what = luck.choice(["pay", "pay", "pay", "bounce", "misuse", "stop"])
    try:
        with session.begin_nested():
            if what == "misuse":
                servicing.find_misuse(session, loan, f"{name}m", back, "t")
            elif what == "stop":
                refusal.stop(session, loan, f"{name}s", day, back, "任公职", "t")
            else:
                servicing.repay(session, [(loan, Repaid(reference=name, value_date=back, fen=luck.randint(1, 1_500_000)))], "t")
                if what == "bounce":
                    servicing.reverse(session, loan, name, day, "t")
    except EventRefused:
        return


def _list_of_a_quarter(session: Session, bank: Bank, mode: Mode, label: str, day: date, luck: random.Random) -> None:
    try:
        one = bank.prepare(label, day, mode)
    except SubsidyBatchRefused:
        return  # nobody has paid yet, or all is asked
    for line in one.lines:
        verdict = luck.random()
        if verdict < 0.3:
            preparation.reject(session, one, [line.loan[1]], "待核", day, "乙", final=False)
        elif verdict < 0.4 and line.fen > 0:
            preparation.reject(session, one, [line.loan[1]], "不符", day, "乙", final=True)
    one = bank.now(one)
    if not one.accepted:
        return
    one = bank.pay(bank.approve(one, day), day)
    if one.cash and luck.random() < 0.7:
        loan = luck.choice(one.cash)[0].loan[1]
        payment.take_return(session, one, [loan], "T", day, "户名不符", "丙")
        if luck.random() < 0.5:
            payment.pay_again(session, one, [loan], "T2", day, "丙")
    if one.reclaimed_fen:
        payment.take_refund(session, one, "S", day, luck.randint(1, one.reclaimed_fen), "丙")
