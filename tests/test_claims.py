"""Claims: what each step needs and who may take it, E6 and E6b from the first dunning to the write-off, and a machine at random."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

import pytest
from conftest import FIRST_DAY, fresh_database, open_city, prepare
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from test_loan_life import RATE, balances, close_nights, failing, paid_in
from test_replay_laws import begin_on, enter

from guarantees import claims, ties
from guarantees.claims.claim import Claim, State, Step
from guarantees.claims.papers import Paper, lodge, papers_of
from guarantees.claims.papers import undo as withdraw_paper
from guarantees.claims.queries import claim_numbered, claims_numbered
from guarantees.claims.receivable import late, recoveries
from guarantees.claims.rules import PAPERS, FilingRule, agree, rule_on
from guarantees.errors import ClaimRefused, FilingRuleRefused, PaperRefused
from guarantees.pool import Pool
from guarantees.queries import pool_at
from ledger.books import Book, book_named
from ledger.business_day import business_date, flip
from ledger.calendar import DAY, add_months
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.journal import BookCode
from ledger.money import round_half_up
from loans import servicing
from loans.contract import Contract
from loans.errors import DunningRefused
from loans.events import Repaid, TakenOver
from loans.queries import contracts_numbered, horizon_now, lives
from loans.suspicions.dunnings import Dunning, demands, dunned, limitation_of, record
from loans.suspicions.dunnings import undo as undo_dunnings
from loans.terms import LoanTerms, Method, RateStep

DRAWN, TAKEN, DUE, CLAIMED = date(2017, 3, 15), date(2018, 3, 10), date(2018, 3, 15), date(2018, 6, 18)
SEEN = "手工放款，已核实"


@dataclass
class Case:
    """A loan of 50,000 元 that nobody repaid, in books of one county with a pool of 500 万, and what is asked of its claim."""

    session: Session
    rcf: Book
    lb: Book
    loan: Contract

    def demand(self, serial: str, day: date, *, signed: bool = True, document: str | None = "文书", **over: object) -> None:
        one = Dunning(
            contract=self.loan, serial=serial, day=day, way="上门", result="", dunned_by="甲", signed=signed, document=document,
        )  # fmt: skip
        record(self.session, [replace(one, **over)], "t")  # type: ignore[arg-type]

    def lodge(self, *papers: str, day: date = CLAIMED) -> list[str]:
        found = [Paper(paper=paper, day=day, sha256="ab" * 32, pages=2) for paper in papers]
        return lodge(self.session, self.pool, self.loan, found, "t")

    @property
    def pool(self) -> Pool:
        return pool_at(self.session, "371621", "HMRCB")

    def ask(self, dunnings: int, papers: tuple[str, ...] = (), since: date = FIRST_DAY) -> None:
        agree(
            self.session, self.pool, FilingRule(valid_from=since, dunnings=dunnings, papers=papers, source="惠财〔2017〕1号"), "t"
        )

    def file(self, day: date = CLAIMED, number: str = "D1", by: str = "bank") -> Claim:
        return claims.file(self.session, self.loan, number, day, by)

    def now(self, number: str = "D1") -> Claim:
        found = claim_numbered(self.session, self.pool, number)
        assert found
        return found

    def through_payment(self, day: date = CLAIMED) -> Claim:
        self.file(day)
        claims.check(self.session, self.now(), day, "office", note=SEEN)
        claims.approve(self.session, self.now(), day, "bureau")
        claims.pay(self.session, self.now(), day, "treasury")
        return self.now()

    def repay(self, reference: str, day: date, fen: int) -> None:
        flip(self.session, max(day, business_date(self.session)))
        servicing.repay(self.session, [(self.loan, Repaid(reference=reference, value_date=day, fen=fen))], "t")

    def cost(self, reference: str, day: date, fen: int) -> None:
        flip(self.session, max(day, business_date(self.session)))
        servicing.advance_cost(self.session, self.loan, reference, day, fen, "t")


@pytest.fixture(scope="module")
def overdue(server_url: str) -> Iterator[Engine]:
    """A county on 2018-06-18: two loans of 50,000 元 of 2017-03-15 for a year, 95 days past due, taken over on 2018-03-10.

    C1 is E6's: unsubsidised, charged and paid until 2017-12-20; C2 is E6b's: subsidised in full.
    """
    address = fresh_database(server_url, "claims")
    prepare(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        city = open_city(session)
        paid_in(session, city["RCF"], 500_000_000, FIRST_DAY)
        claims.open_pool(session, city["RCF"], "HMRCB", share_ppb=700_000_000, leverage=10)
        begin_on(session, TAKEN)
        for name, gov_ppb in (("C1", 0), ("C2", RATE)):
            terms = LoanTerms(
                product="XEXD", principal_fen=5_000_000, drawn_on=DRAWN, maturity=DUE, method=Method.BULLET,
                rates=(RateStep(DRAWN, RATE, gov_ppb),),
            )  # fmt: skip
            taken = TakenOver(reference=f"{name}/in", value_date=TAKEN, principal_fen=5_000_000, charged_until=date(2017, 12, 21))
            enter(session, city["LB"], terms, taken, name)
        close_nights(session, TAKEN, CLAIMED - DAY)
        assert not failing(session)
    yield engine
    engine.dispose()


@contextmanager
def case_of(engine: Engine, contract: str = "C1") -> Iterator[Case]:
    """Open a case whose work is rolled back."""
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", autoflush=False) as session:
            (loan,) = contracts_numbered(session, [contract])
            rcf, lb = (book_named(session, BookCode(code)) for code in ("RCF-371621", "LB-371621-HMRCB"))
            yield Case(session, rcf, lb, loan)
        transaction.rollback()


@pytest.fixture
def case(overdue: Engine) -> Iterator[Case]:
    """E6's loan on the day of its claim."""
    with case_of(overdue) as made:
        yield made


# --- dunnings and the limitation period ------------------------------------------------------------------------------


def test_a_claim_needs_two_dunnings_that_count(case: Case) -> None:
    case.ask(2)
    case.demand("early", date(2018, 3, 14))  # nothing was due
    case.demand("no paper", date(2018, 4, 2), document=None)
    case.demand("one", date(2018, 4, 3))
    case.demand("same day", date(2018, 4, 3), way="电话")
    with pytest.raises(ClaimRefused, match="有效催收 1 次，须不少于 2 次：逾期之后、时效之内、有文书，同日只算一次"):
        case.file()
    case.demand("two", date(2018, 5, 2), document=None, sha256="cd" * 32)
    assert case.file().state is State.FILED


def test_a_dunning_taken_back_does_not_count_and_may_be_recorded_anew(case: Case) -> None:
    case.ask(2)
    case.demand("one", date(2018, 4, 3))
    case.demand("two", date(2018, 5, 2))
    undo_dunnings(case.session, [(case.lb.id, "two"), (case.lb.id, "unknown")], "t")
    undo_dunnings(case.session, [(case.lb.id, "two")], "t")
    assert [one.serial for one in demands(case.session, case.loan.key)] == ["one"]
    with pytest.raises(ClaimRefused, match="有效催收 1 次"):
        case.file()
    case.demand("two", date(2018, 5, 3))
    case.demand("two", date(2018, 5, 3))
    kept = case.session.execute(text("SELECT kind, reference FROM loans.dunning ORDER BY seq")).all()
    assert [tuple(row) for row in kept] == [
        ("dunned", "one"), ("dunned", "two"), ("undone", "two/undone"), ("dunned", "two~2"),
    ]  # fmt: skip
    with pytest.raises(DunningRefused, match="流水号已用于另一次催收"):
        case.demand("two", date(2018, 5, 4))
    undo_dunnings(case.session, [(case.lb.id, "one"), (case.lb.id, "two")], "t")
    assert not dunned(case.session, case.loan.key)


@pytest.mark.parametrize(("over", "reason"), [({"way": "托梦"}, "催收方式应为"), ({"sha256": "AB" * 32}, "SHA-256 应为 64 位")])
def test_a_dunning_that_is_none_is_refused(case: Case, over: dict[str, object], reason: str) -> None:
    with pytest.raises(DunningRefused, match=reason):
        case.demand("x", date(2018, 5, 2), **over)  # type: ignore[arg-type]


def test_a_debt_that_lapsed_is_not_claimed_unless_a_signed_dunning_began_its_period_anew(case: Case) -> None:
    key = case.loan.key
    lapsed = add_months(DUE, 36) + DAY  # three years after 2018-03-15
    life = lives(case.session, [key], horizon_now(case.session))[key]
    flip(case.session, lapsed + 30 * DAY)
    case.demand("unsigned", date(2020, 3, 2), signed=False)
    assert limitation_of(case.session, key, life, demands(case.session, key)).ends_on == lapsed - DAY
    with pytest.raises(ClaimRefused, match="诉讼时效已于 2021-03-15 届满"):
        case.file(lapsed)
    case.demand("too late", lapsed)
    with pytest.raises(ClaimRefused, match="诉讼时效已于 2021-03-15 届满"):
        case.file(lapsed)
    case.demand("signed", date(2021, 3, 15))
    found = limitation_of(case.session, key, life, demands(case.session, key))
    assert (found.began_on, found.ends_on, found.late) == (lapsed, date(2024, 3, 16), ())
    assert case.file(lapsed).state is State.FILED


def test_a_lawsuit_needs_no_signature(case: Case) -> None:
    life = lives(case.session, [case.loan.key], horizon_now(case.session))[case.loan.key]
    case.demand("suit", date(2018, 5, 2), signed=False, way="诉讼")
    found = limitation_of(case.session, case.loan.key, life, demands(case.session, case.loan.key))
    assert found.ends_on == date(2021, 5, 2)


# --- papers and rules ------------------------------------------------------------------------------------------------


def test_missing_papers_are_named_and_papers_belong_to_the_loan(case: Case) -> None:
    case.ask(0, PAPERS)
    lodged = case.lodge(*PAPERS[:4])
    assert len(lodged) == 4
    assert case.lodge(*PAPERS[:4]) == []
    with pytest.raises(ClaimRefused, match="缺少材料：银行损失认定、用途检查"):
        case.file()
    case.lodge(*PAPERS[4:])
    claims.cancel(case.session, case.file(), CLAIMED, "bank", "撤回")
    assert case.file(number="D2").state is State.FILED
    withdraw_paper(case.session, case.rcf.id, lodged[0], "t")
    withdraw_paper(case.session, case.rcf.id, lodged[0], "t")
    assert [one.paper for one in papers_of(case.session, case.pool, case.loan.key)] == list(PAPERS[1:])
    assert case.lodge(PAPERS[0]) == [f"{lodged[0]}~2"]


def test_a_paper_that_is_none_is_refused(case: Case) -> None:
    good = Paper(paper="借款合同", day=CLAIMED, sha256="ab" * 32, pages=2)
    lodge(case.session, case.pool, case.loan, [good], "t")
    for bad, reason in (
        (replace(good, paper="收条"), "没有这种材料"), (replace(good, sha256="x"), "SHA-256"), (replace(good, pages=0), "页数"),
        (replace(good, pages=3), "同一文件已登记"),
    ):  # fmt: skip
        with pytest.raises(PaperRefused, match=reason):
            lodge(case.session, case.pool, case.loan, [bad], "t")


def test_a_rule_holds_from_its_day_and_the_one_agreed_last_wins(case: Case) -> None:
    assert rule_on(case.session, case.pool, CLAIMED).dunnings == 0
    case.ask(2, since=date(2018, 1, 1))
    case.ask(3, PAPERS, since=date(2018, 7, 1))
    assert [rule_on(case.session, case.pool, day).dunnings for day in (date(2017, 12, 31), CLAIMED, date(2018, 7, 1))] == [
        0,
        2,
        3,
    ]
    case.ask(1, since=date(2018, 1, 1))
    assert rule_on(case.session, case.pool, CLAIMED).dunnings == 1
    good = FilingRule(valid_from=CLAIMED, dunnings=1, papers=(), source="文件")
    assert agree(case.session, case.pool, good, "t")
    assert not agree(case.session, case.pool, good, "t")
    for bad, reason in (
        (replace(good, dunnings=-1), "催收次数"), (replace(good, papers=("收条",)), "没有材料 收条"),
        (replace(good, papers=("借款合同",) * 2), "重复"), (replace(good, source=" "), "依据文件"),
    ):  # fmt: skip
        with pytest.raises(FilingRuleRefused, match=reason):
            agree(case.session, case.pool, bad, "t")


# --- who may do what -------------------------------------------------------------------------------------------------


def test_four_people_take_a_claim_to_its_payment(case: Case) -> None:
    session = case.session
    case.file()
    for step, by, reason in (
        (claims.approve, "bureau", "状态为申请，不能批准"), (claims.approve, "bank", "申请人不能批准自己的申请"),
        (claims.pay, "treasury", "状态为申请，不能拨付"), (claims.check, "bank", "申请人不能审核自己的申请"),
        (claims.check, "system", "经办人不能是 system"), (claims.check, " ", "须写明经办人"),
    ):  # fmt: skip
        with pytest.raises(ClaimRefused, match=reason):
            step(session, case.now(), CLAIMED, by)
    claims.check(session, case.now(), CLAIMED, "office", note=SEEN)
    assert case.now().state is State.CHECKED
    for step, by, reason in (
        (claims.approve, "office", "审核人不能批准自己审核的申请"), (claims.check, "other", "状态为已审核，不能审核"),
    ):  # fmt: skip
        with pytest.raises(ClaimRefused, match=reason):
            step(session, case.now(), CLAIMED, by)
    claims.approve(session, case.now(), CLAIMED, "bureau")
    with pytest.raises(ClaimRefused, match="批准人不能办理拨付"):
        claims.pay(session, case.now(), CLAIMED, "bureau")
    claims.pay(session, case.now(), CLAIMED, "treasury")
    with pytest.raises(ClaimRefused, match="状态为已代偿，不能撤销"):
        claims.cancel(session, case.now(), CLAIMED, "bank")
    with pytest.raises(ClaimRefused, match="申请人不能核销自己的申请"):
        claims.write_off(session, case.now(), CLAIMED, "bank")
    with pytest.raises(ClaimRefused, match="已申请过代偿"):
        case.file(number="D2")


def test_a_returned_claim_is_filed_again_under_its_number_and_checked_again(case: Case) -> None:
    session = case.session
    case.file()
    with pytest.raises(ClaimRefused, match="退回须说明理由"):
        claims.check(session, case.now(), CLAIMED, "office", passes=False)
    claims.check(session, case.now(), CLAIMED, "office", passes=False, note="缺少入户核查")
    assert case.now().state is State.RETURNED
    with pytest.raises(ClaimRefused, match="状态为退回，不能审核"):
        claims.check(session, case.now(), CLAIMED, "office", note=SEEN)
    assert case.file().state is State.FILED
    assert case.now().last_step == "filed/2"
    claims.undo(session, case.now(), "filed/2", "bank")
    assert case.now().state is State.RETURNED
    case.file(by="bank 2")
    claims.check(session, case.now(), CLAIMED, "office", passes=False, note="仍缺")
    assert [step.kind for step in case.now().steps] == ["filed", "returned", "filed", "returned"]
    claims.cancel(session, case.now(), CLAIMED, "bank", "不再申请")
    assert case.now().state is State.CANCELLED


def test_the_check_records_what_the_books_say_and_refuses_misuse(case: Case) -> None:
    session = case.session
    case.file()
    found = claims.check(session, case.now(), CLAIMED, "office", passes=False, note="不符")
    assert (found.claimed_fen, found.basis_fen, found.forbidding) == (5_050_750, 5_050_750, ())
    assert [one.partition("：")[0] for one in found.eligibility] == ["建档立卡"]
    (recorded,) = [step for step in case.now().steps if step.kind == "returned"]
    assert (recorded.note, recorded.findings and recorded.findings["basis_fen"]) == ("不符", 5_050_750)
    case.file()
    servicing.find_misuse(session, case.loan, "m", CLAIMED, "t")
    with pytest.raises(ClaimRefused, match="2018-06-18 认定挪用，不能通过，请退回"):
        claims.check(session, case.now(), CLAIMED, "office", note=SEEN)


def test_a_debt_that_changed_is_neither_passed_nor_paid(case: Case) -> None:
    session = case.session
    case.file()
    case.repay("p", CLAIMED, 100)
    with pytest.raises(ClaimRefused, match=r"申请基数 50,507\.50 元，重算 50,506\.50 元，金额不符，请退回"):
        claims.check(session, case.now(), CLAIMED, "office", note=SEEN)
    claims.check(session, case.now(), CLAIMED, "office", passes=False, note="已还款")
    case.file()
    claims.check(session, case.now(), CLAIMED, "office", note=SEEN)
    claims.approve(session, case.now(), CLAIMED, "bureau")
    case.repay("q", CLAIMED, 100)
    with pytest.raises(ClaimRefused, match="借款人已还款"):
        claims.pay(session, case.now(), CLAIMED, "treasury")
    claims.cancel(session, case.now(), CLAIMED, "bank", "借款人已还款")
    assert balances(session, case.rcf).get("1036.01", 0) == balances(session, case.rcf).get("2015.01", 0) == 0
    assert case.file(number="D2").basis_fen == 5_050_550


# --- E6 and E6b, from the first dunning to the write-off -----------------------------------------------------------------


def dunned_and_papered(case: Case) -> None:
    case.ask(2, PAPERS)
    case.demand("CS1", date(2018, 4, 16))
    case.demand("CS2", date(2018, 5, 16))
    case.lodge(*PAPERS)


def test_e6_from_two_dunnings_to_payout_recovery_and_loss_to_the_fen(case: Case) -> None:
    session, later = case.session, CLAIMED + DAY
    dunned_and_papered(case)
    paid = case.through_payment()
    assert (paid.basis_fen, paid.gov_fen, paid.state) == (5_050_750, 3_535_525, State.PAID)
    assert balances(session, case.rcf)["1004"] == 496_464_475
    close_nights(session, CLAIMED, CLAIMED)
    case.cost("cost", later, 50_000)
    case.repay("late", later, 2_000_000)
    close_nights(session, later, later)
    assert "1221" not in balances(session, case.lb), "cost is recovered first"
    assert (case.now().state, case.now().shared_fen) == (State.RECOVERING, 1_365_000)
    claims.pass_on(session, case.now(), "HB1", later + DAY, 1_365_000, "bank")
    assert (case.now().state, balances(session, case.rcf)["1004"]) == (State.PARTLY_RECOVERED, 497_829_475)
    claims.write_off(session, case.now(), later + DAY, "chief")
    close_nights(session, later + DAY, later + DAY)
    assert case.now().state is State.LOST
    assert case.now().lost_fen == balances(session, case.rcf)["5007.01"] == 2_170_525
    assert balances(session, case.lb)["6701"] == 879_475, "the bank's loss is 8,794.75, and 507.50 of interest off its books"
    assert balances(session, case.lb)["1303.03"] == 5_000_000, "only the other loan's"
    assert "2241.02" not in balances(session, case.lb)
    assert not failing(session)


def test_e6b_from_two_dunnings_to_payout_recovery_and_loss_to_the_fen(overdue: Engine) -> None:
    with case_of(overdue, "C2") as case:
        e6b(case)


def e6b(case: Case) -> None:
    session, later = case.session, CLAIMED + DAY
    dunned_and_papered(case)
    paid = case.through_payment()
    assert (paid.basis_fen, paid.gov_fen) == (5_000_000, 3_500_000)
    assert balances(session, case.rcf)["1004"] == 496_500_000
    close_nights(session, CLAIMED, CLAIMED)
    case.cost("cost", later, 50_000)
    case.repay("late", later, 2_000_000)
    close_nights(session, later, later)
    claims.pass_on(session, case.now(), "HB1", later + DAY, 1_365_000, "bank")
    assert balances(session, case.rcf)["1004"] == 497_865_000
    claims.write_off(session, case.now(), later + DAY, "chief")
    close_nights(session, later + DAY, later + DAY)
    assert case.now().lost_fen == 2_135_000
    assert balances(session, case.lb)["6701"] == 915_000
    assert balances(session, case.lb)["1132.02"] == 50_750, "what government owes as subsidy is never claimed"
    assert not failing(session)


def test_more_than_the_payout_goes_to_the_bank_and_what_nobody_owes_to_the_borrower(case: Case) -> None:
    session, day = case.session, CLAIMED + DAY
    case.through_payment()
    close_nights(session, CLAIMED, CLAIMED)
    case.repay("all", day, 9_000_000)
    close_nights(session, day, day)
    found = balances(session, case.lb)
    owed = 5_050_750 + 86_094 + 875  # principal and interest of the claim, penalty and compound as of day 91
    assert found["2241.01"] == -3_535_525, "all that the pool paid, and no more"
    assert "2241.02" not in found
    assert -9_000_000 < found["2241.03"] < owed - 9_000_000 + 10_000, "the rest is the borrower's"
    with pytest.raises(ClaimRefused, match="没有可核销的损失"):
        claims.write_off(session, case.now(), day, "chief")
    with pytest.raises(ClaimRefused, match=r"应划回 35,355\.25 元，申报 35,355\.26 元"):
        claims.pass_on(session, case.now(), "HB1", day, 3_535_526, "bank")
    claims.pass_on(session, case.now(), "HB1", day, 3_535_525, "bank")
    assert case.now().state is State.RECOVERED
    assert balances(session, case.rcf)["1004"] == 500_000_000
    assert not failing(session)


def test_what_comes_after_a_write_off_is_shared_after_cost_until_the_loss_is_back(case: Case) -> None:
    session, day = case.session, CLAIMED + DAY
    case.through_payment()
    close_nights(session, CLAIMED, CLAIMED)
    claims.write_off(session, case.now(), day, "chief")
    close_nights(session, day, day)
    assert balances(session, case.rcf)["5007.01"] == 3_535_525
    case.cost("cost", day + DAY, 10_000)
    case.repay("after", day + DAY, 110_000)
    close_nights(session, day + DAY, day + DAY)
    assert balances(session, case.lb)["2241.01"] == -70_000, "70 % of 1,000 元, after 100 of cost"
    claims.pass_on(session, case.now(), "HB1", day + 2 * DAY, 70_000, "bank")
    close_nights(session, day + 2 * DAY, day + 2 * DAY)
    assert balances(session, case.rcf)["5007.01"] == balances(session, case.rcf)["9103"] == 3_465_525
    assert balances(session, case.rcf).get("1036.01", 0) == 0
    assert case.now().state is State.LOST
    case.repay("all", day + 3 * DAY, 9_000_000)
    close_nights(session, day + 3 * DAY, day + 3 * DAY)
    assert balances(session, case.lb)["2241.01"] == -3_465_525, "until its loss is back"
    assert not failing(session)


# --- five working days -----------------------------------------------------------------------------------------------


def test_recoveries_are_due_on_the_fifth_working_day_and_late_ones_are_listed(case: Case) -> None:
    session = case.session
    case.through_payment()
    close_nights(session, CLAIMED, CLAIMED)
    case.repay("a", date(2018, 6, 19), 100_000)  # a Tuesday
    close_nights(session, date(2018, 6, 19), date(2018, 6, 26))
    case.repay("b", date(2018, 6, 27), 200_000)
    close_nights(session, date(2018, 6, 27), date(2018, 6, 27))
    claims.pass_on(session, case.now(), "HB1", date(2018, 6, 28), 100_000, "bank")
    found = recoveries(case.now(), date(2018, 7, 6))
    assert [(one.collected_on, one.due_on, one.fen, one.open_fen, one.passed_on, one.days_late) for one in found] == [
        (date(2018, 6, 19), date(2018, 6, 26), 70_000, 0, date(2018, 6, 28), 2),
        (date(2018, 6, 27), date(2018, 7, 4), 140_000, 110_000, None, 2),
    ]  # fmt: skip
    assert late(recoveries(case.now(), date(2018, 6, 26))) == []
    assert [one.open_fen for one in late(recoveries(case.now(), date(2018, 6, 28)))] == [0]
    # What bounced is owed no longer; what came in its place is due from its own day.
    servicing.reverse(session, case.loan, "b", date(2018, 6, 28), "t")
    case.repay("c", date(2018, 6, 28), 200_000)
    close_nights(session, date(2018, 6, 28), date(2018, 6, 28))
    assert [(one.collected_on, one.fen, one.open_fen) for one in recoveries(case.now(), date(2018, 7, 6))] == [
        (date(2018, 6, 19), 70_000, 0), (date(2018, 6, 28), 140_000, 110_000),
    ]  # fmt: skip
    assert not failing(session)


def test_holidays_and_worked_weekends_count_as_the_state_council_says(case: Case) -> None:
    claim = replace(case.through_payment(), steps=(
        Step(seq=1, reference="D1/shared/1", kind="shared", value_date=date(2018, 9, 19), fen=7, actor="system"),
        Step(seq=1, reference="D1/shared/2", kind="shared", value_date=date(2018, 9, 26), fen=7, actor="system"),
    ))  # fmt: skip
    # 22 to 24 September and 1 to 7 October are holidays; Saturday 29 and Sunday 30 September are worked.
    assert [one.due_on for one in recoveries(claim, CLAIMED + 300 * DAY)] == [date(2018, 9, 27), date(2018, 10, 8)]


def test_a_collection_reported_late_is_due_from_the_day_on_which_the_bank_had_it(case: Case) -> None:
    session, had = case.session, CLAIMED + DAY
    case.through_payment()
    close_nights(session, CLAIMED, CLAIMED + 7 * DAY)
    case.repay("late news", had, 100_000)
    close_nights(session, CLAIMED + 8 * DAY, CLAIMED + 8 * DAY)
    (one,) = recoveries(case.now(), CLAIMED + 9 * DAY)
    assert (one.collected_on, one.due_on, one.open_fen, one.days_late) == (had, date(2018, 6, 26), 70_000, 1)


def test_the_night_reads_only_claims_of_loans_to_which_something_happened(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    from guarantees.claims import recovery

    session = case.session
    case.through_payment()
    close_nights(session, CLAIMED, CLAIMED)
    asked: list[int] = []
    monkeypatch.setattr(recovery, "lives", lambda s, keys, horizon: asked.append(len(keys)) or lives(s, keys, horizon))
    close_nights(session, CLAIMED + DAY, CLAIMED + DAY)
    case.repay("p", CLAIMED + 2 * DAY, 100)
    close_nights(session, CLAIMED + 2 * DAY, CLAIMED + 3 * DAY)
    assert asked == [0, 1, 0]
    assert claims_numbered(session, "D1") == [case.now()]
    assert claims_numbered(session, "D9") == []


# --- a machine at random ---------------------------------------------------------------------------------------------

PEOPLE = ("bank", "office", "bureau", "treasury")


class ClaimMachine(RuleBasedStateMachine):
    """One loan's claim, taken on by whoever tries, beside a model of eight numbers: money goes where the model says, or nowhere."""

    engine: Engine
    begins: str

    def __init__(self) -> None:
        super().__init__()
        self.opened = case_of(self.engine)
        self.case = self.opened.__enter__()
        self.day = CLAIMED
        self.state = "none"
        self.by: dict[str, str] = {}
        self.gov = self.basis = self.collected = self.shared = self.passed = self.lost = 0
        self.serial = 0

    def teardown(self) -> None:
        self.opened.__exit__(None, None, None)

    def attempt(self, allowed: bool, step: Callable[[], object]) -> bool:  # noqa: FBT001
        """Take a step that must be taken or refused, as the model says; a refused one leaves no trace."""
        with self.case.session.begin_nested() as savepoint:
            try:
                step()
            except ClaimRefused:
                savepoint.rollback()
                assert not allowed
                return False
        assert allowed
        return True

    def owed(self) -> int:
        return 5_050_750 - self.collected

    @rule(who=st.sampled_from(PEOPLE))
    def file(self, who: str) -> None:
        if self.state in ("none", "returned", "cancelled"):
            number = self.number = f"D{self.serial}" if self.state != "returned" else self.number
            self.serial += 1
            assert self.attempt(True, lambda: self.case.file(self.day, number, who))
            self.state, self.by = "filed", {"file": who}
            self.basis = self.owed()
            self.gov = round_half_up(Fraction(self.basis * 7, 10))
        else:
            self.attempt(False, lambda: self.case.file(self.day, "other", who))

    @precondition(lambda self: self.state != "none")
    @rule(who=st.sampled_from(PEOPLE), passes=st.booleans())
    def check(self, who: str, passes: bool) -> None:  # noqa: FBT001
        right = self.state == "filed" and who != self.by["file"] and (not passes or self.basis == self.owed())
        go = lambda: claims.check(self.case.session, self.now(), self.day, who, passes=passes, note="理由")  # noqa: E731
        if self.attempt(right, go):
            self.state, self.by["check"] = ("checked" if passes else "returned"), who

    @precondition(lambda self: self.state != "none")
    @rule(who=st.sampled_from(PEOPLE))
    def approve(self, who: str) -> None:
        others = {self.by.get("file"), self.by.get("check")}
        right = self.state == "checked" and who not in others and self.basis == self.owed()
        if self.attempt(right, lambda: claims.approve(self.case.session, self.now(), self.day, who)):
            self.state, self.by["approve"] = "approved", who

    @precondition(lambda self: self.state != "none")
    @rule(who=st.sampled_from(PEOPLE))
    def pay(self, who: str) -> None:
        right = self.state == "approved" and who != self.by["approve"] and self.basis == self.owed()
        right = right and self.paid_before != self.day
        if self.attempt(right, lambda: claims.pay(self.case.session, self.now(), self.day, who)):
            self.state, self.before = "paid", self.collected

    paid_before: date | None = None

    @precondition(lambda self: self.state != "none")
    @rule(who=st.sampled_from(PEOPLE))
    def cancel(self, who: str) -> None:
        right = self.state in ("filed", "returned", "checked", "approved")
        if self.attempt(right, lambda: claims.cancel(self.case.session, self.now(), self.day, who, "撤回")):
            self.state = "cancelled"

    @precondition(lambda self: self.state != "lost" and self.owed() > 2_000_000)
    @rule(fen=st.integers(1, 1_500_000))
    def repay(self, fen: int) -> None:
        self.serial += 1
        self.case.repay(f"p{self.serial}", self.day, fen)
        self.collected += fen
        self.paid_before = self.day

    @rule()
    def close_the_night(self) -> None:
        close_nights(self.case.session, self.day, self.day)
        self.day += DAY
        if self.state == "paid":
            self.shared = round_half_up(Fraction((self.collected - self.before) * 7, 10))

    @precondition(lambda self: self.state in ("paid", "lost"))
    @rule(fen=st.integers(1, 1_000_000), all_of_it=st.booleans())
    def pass_on(self, fen: int, all_of_it: bool) -> None:  # noqa: FBT001
        due = self.shared - self.passed
        fen = due if all_of_it and due else fen
        self.serial += 1
        name = f"HB{self.serial}"
        if self.attempt(fen <= due, lambda: claims.pass_on(self.case.session, self.now(), name, self.day, fen, "bank")):
            self.passed += fen

    @precondition(lambda self: self.state != "none")
    @rule(who=st.sampled_from(PEOPLE))
    def write_off(self, who: str) -> None:
        right = self.state == "paid" and who != self.by["file"]
        if self.attempt(right, lambda: claims.write_off(self.case.session, self.now(), self.day, who)):
            self.shared = round_half_up(Fraction((self.collected - self.before) * 7, 10))
            self.state, self.lost = "lost", self.gov - self.shared

    @precondition(lambda self: self.state in ("filed", "checked", "returned", "approved") and self.serial)
    @rule()
    def undo_and_take_again(self) -> None:
        session, one = self.case.session, self.now()
        before = (balances(session, self.case.rcf), balances(session, self.case.lb))
        with session.begin_nested() as savepoint:
            claims.undo(session, one, one.last_step, "bank")
            assert not [check for check in failing(session) if "guarantees" in check]
            savepoint.rollback()
        assert (balances(session, self.case.rcf), balances(session, self.case.lb)) == before

    def now(self) -> Claim:
        return self.case.now(self.number)

    @invariant()
    def money_is_where_the_model_has_it(self) -> None:
        rcf, lb = balances(self.case.session, self.case.rcf), balances(self.case.session, self.case.lb)
        paid = self.gov if self.state in ("paid", "lost") else 0
        waiting = self.gov if self.state == "approved" else 0
        assert rcf["1004"] == 500_000_000 - paid + self.passed
        assert rcf.get("2015.01", 0) == -waiting
        assert rcf.get("1036.01", 0) == paid + waiting - self.passed - self.lost
        assert rcf.get("5007.01", 0) == rcf.get("9103", 0) == self.lost
        assert -lb.get("2241.01", 0) == self.shared - self.passed
        assert -lb.get("2241.02", 0) == paid - self.shared - self.lost
        assert lb["3001"] == self.start + paid + self.collected - self.passed
        owed = lb.get("1303.03", 0) - 5_000_000
        assert owed == (0 if self.state == "lost" else 5_000_000 - self.collected), "a payout never extinguishes the debt"
        assert not [check.check for check in ties.checks(self.case.session) if not check.ok and "9101" not in check.check]

    @initialize()
    def begin(self) -> None:
        """Begin somewhere on the way to a loss, so that a short walk sees all of it."""
        self.start = balances(self.case.session, self.case.lb)["3001"]
        self.file("bank")
        if self.begins == "returned":
            self.check("office", passes=False)
            return
        steps: dict[str, Callable[[], None]] = {
            "filed": lambda: None, "checked": lambda: self.check("office", passes=True), "approved": lambda: self.approve("bureau"),
            "paid": lambda: self.pay("treasury"), "collected": lambda: self.repay(1_000_001), "shared": self.close_the_night,
            "lost": lambda: self.write_off("bureau"),
        }  # fmt: skip
        for name, step in steps.items():
            step()
            if name == self.begins:
                return


BEGINNINGS = ("filed", "returned", "checked", "approved", "paid", "shared", "lost")


def test_a_claim_at_random_does_what_its_model_does(overdue: Engine) -> None:
    quiet = list(HealthCheck)
    for name in BEGINNINGS:
        machine = type("Machine", (ClaimMachine,), {"engine": overdue, "begins": name})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=2, stateful_step_count=8, deadline=None, derandomize=True, suppress_health_check=quiet
            ),
        )
