"""Loans in the books: posted, closed night by night, compared with tables written by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from conftest import FIRST_DAY
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app import wiring
from guarantees import claims
from guarantees.agreement import open_pool
from guarantees.claims.claim import Claim
from guarantees.claims.queries import claims as all_claims
from guarantees.entries import contributed
from guarantees.errors import CapacityExceeded, ClaimRefused
from ledger.books import Book
from ledger.business_day import flip
from ledger.calendar import DAY
from ledger.closing import close_month
from ledger.journal import Dimensions, JournalEntry, credit, debit
from ledger.posting import post, take_sequence
from ledger.queries import trial_balance
from loans import disbursement, servicing
from loans.applications.application import Application
from loans.booking import book_events
from loans.contract import Contract, terms_to_json
from loans.errors import (
    CloseUnderWay,
    DuplicateContract,
    EventRefused,
    EventReused,
    FutureEvent,
    NotEligible,
    RelendingRefused,
    UnexplainedDifference,
)
from loans.events import Disbursed, LoanEvent, Repaid, TakenOver
from loans.queries import free_references, horizon_now, lives
from loans.relending.draw import Draw
from loans.relending.drawing import draw
from loans.relending.extension import extend
from loans.relending.queries import draws
from loans.tables import loan
from loans.terms import LoanTerms, Method, RateStep, StreamKind
from registry.cipher import Cipher
from registry.households import Household, add_borrowers, enrol
from registry.identity import id_check_digit

RATE = 43_500_000


def close_nights(session: Session, first: date, last: date, *, whole: bool = False) -> None:
    """Close days in this session, as scheduling does with transactions of its own when it catches up; or each night whole."""
    day, steps = first, wiring.night_steps()
    while day <= last:
        flip(session, day + DAY)
        quiet = not whole and day < last and wiring.night_rests(session, day)
        for step in steps:
            (step.at_rest if quiet and step.at_rest else step.work)(session, day)
        day += DAY


def bullet_loan(
    session: Session,
    book: Book,
    drawn: date,
    fen: int,
    then: Sequence[LoanEvent] = (),
    *,
    gov_ppb: int = 0,
    name: str = "C1",
    later: Sequence[RateStep] = (),
) -> Contract:
    """Lend for a year in a book, past all checks, and book events after it."""
    maturity = date(drawn.year + 1, drawn.month, drawn.day)
    terms = LoanTerms(
        product="XEXD", principal_fen=fen, drawn_on=drawn, maturity=maturity, method=Method.BULLET,
        rates=(RateStep(drawn, RATE, gov_ppb), *later),
    )  # fmt: skip
    loan_id = take_sequence(session, {book.id: 1})[book.id]
    contract = Contract(
        book=book.code, book_id=book.id, id=loan_id, contract=name, product="XEXD", county=book.county, household=None,
        borrower="B1", terms=terms,
    )  # fmt: skip
    session.execute(
        insert(loan).values(
            book_id=book.id, id=loan_id, contract=name, product="XEXD", county=book.county, borrower="B1",
            terms=terms_to_json(terms),
        )
    )  # fmt: skip
    if drawn <= date(2017, 1, 1):
        flip(session, drawn)
    events = [Disbursed(reference=f"{name}/d", value_date=drawn, fen=fen), *then]
    flip(session, max(event.value_date for event in events))
    book_events(session, [(contract, event) for event in events], "t", lambda c, e: e.kind)
    flip(session, FIRST_DAY)
    return contract


def balances(session: Session, book: Book) -> dict[str, int]:
    return {
        line.account: line.turnover.balance_fen for line in trial_balance(session, books=[book.id]) if line.turnover.balance_fen
    }


def failing(session: Session) -> list[str]:
    return [f"{c.check}: {c.expected} != {c.actual}" for c in wiring.verify(session) if not c.ok]


def paid_in(session: Session, book: Book, fen: int, day: date) -> None:
    """Pay money into the county's compensation fund."""
    dims = Dimensions(county=book.county, bank="HMRCB")
    post(
        session,
        JournalEntry(
            book=book.code, reference=f"fund/{day}", kind="fund.contributed", value_date=day, narration="财政拨入",
            postings=contributed(fen, dims),
        ),
    )  # fmt: skip


def test_a_whole_life_on_paper(session: Session, city: dict[str, Book]) -> None:
    """Fund → loan → night → charge → payments → overdue → non-accrual → claim → recovery → write-off (E3, E6).

    The loan is E1's: 50,000 at 4.35 % from 2017-03-15 for a year, unsubsidised, its four quarters paid on the 21st.
    """
    rcf, lb = city["RCF"], city["LB"]
    paid_in(session, rcf, 500_000_000, date(2017, 1, 1))
    open_pool(session, rcf, "HMRCB", share_ppb=700_000_000, leverage=10)
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    flip(session, date(2017, 3, 15))
    contract = _lend_today(session, lb, date(2017, 3, 15))
    assert balances(session, lb) == {"1303.01": 5_000_000, "3001": -5_000_000}

    close_nights(session, date(2017, 3, 15), date(2017, 3, 19))
    assert balances(session, lb) == {"1303.01": 5_000_000, "3001": -5_000_000, "1132.09": 3_021, "6011.01": -3_021}
    assert balances(session, rcf)["9101"] == 3_500_000

    close_nights(session, date(2017, 3, 20), date(2017, 3, 20))
    assert balances(session, lb) == {"1303.01": 5_000_000, "3001": -5_000_000, "1132.01": 3_625, "6011.01": -3_625}

    close_nights(session, date(2017, 3, 21), date(2017, 3, 20))
    for paid_on, fen, closed_to in (
        (date(2017, 3, 21), 3_625, date(2017, 6, 20)),
        (date(2017, 6, 21), 55_583, date(2017, 9, 20)),
        (date(2017, 9, 21), 55_583, date(2017, 12, 20)),
        (date(2017, 12, 21), 54_979, date(2018, 3, 14)),
    ):
        servicing.repay(session, [(contract, Repaid(reference=f"r{paid_on}", value_date=paid_on, fen=fen))], "t")
        close_nights(session, paid_on, closed_to)
    # Tomorrow everything is due: the last interest is charged tonight.
    assert balances(session, lb) == {
        "1303.01": 5_000_000, "1132.01": 50_750, "3001": -5_000_000 + 169_770, "6011.01": -220_520,
    }  # fmt: skip

    close_nights(session, date(2018, 3, 15), date(2018, 3, 20))
    assert balances(session, lb) == {
        "1303.02": 5_000_000, "1132.01": 50_750, "1132.03": 5_438, "1132.04": 55, "3001": -4_830_230,
        "6011.01": -220_520, "6011.03": -5_438, "6011.04": -55,
    }  # fmt: skip

    # 90 days past due still accrues, day 91 does not (2018-06-14), and 95 days past due is the claim's day.
    close_nights(session, date(2018, 3, 21), date(2018, 6, 13))
    assert balances(session, lb)["1303.02"] == 5_000_000
    close_nights(session, date(2018, 6, 14), date(2018, 6, 17))
    assert balances(session, lb) == {
        "1303.03": 5_000_000, "3001": -4_830_230, "6011.01": -169_770,
        "9201": 50_750 + 86_094 + 875, "9202": -(50_750 + 86_094 + 875),
    }  # fmt: skip
    assert not failing(session)

    day = date(2018, 6, 18)
    claim = claims.file(session, contract, "DC1", day, "bank clerk")
    assert (claim.basis_fen, claim.gov_fen) == (5_050_750, 3_535_525)
    with pytest.raises(ClaimRefused, match="不能批准自己"):
        claims.approve(session, claim, day, "bank clerk")
    with pytest.raises(ClaimRefused, match="通过须说明理由"):
        claims.check(session, claim, day, "office")
    claims.check(session, claim, day, "office", note="手工放款，已核实")
    claims.approve(session, _claim(session, "DC1"), day, "bureau")
    claims.pay(session, _claim(session, "DC1"), day, "treasury")
    close_nights(session, day, day)
    assert balances(session, rcf) == {"1004": 500_000_000 - 3_535_525, "1036.01": 3_535_525, "4007.01": -500_000_000}
    assert balances(session, lb)["2241.02"] == -3_535_525
    assert balances(session, lb)["1303.03"] == 5_000_000, "a payout never extinguishes the debt"

    # 20,000 collected after 500 of cost: cost first, 19,500 to principal, 13,650 of it to the pool.
    servicing.advance_cost(session, contract, "cost", date(2018, 6, 19), 50_000, "t")
    servicing.repay(session, [(contract, Repaid(reference="late", value_date=date(2018, 6, 19), fen=2_000_000))], "t")
    close_nights(session, date(2018, 6, 19), date(2018, 6, 19))
    found = balances(session, lb)
    assert found["1303.03"] == 3_050_000
    assert "1221" not in found
    assert (found["2241.01"], found["2241.02"]) == (-1_365_000, -2_170_525)
    with pytest.raises(ClaimRefused, match="应划回 13,650"):
        claims.pass_on(session, _claim(session, "DC1"), "p0", date(2018, 6, 20), 1_365_001, "t")
    claims.pass_on(session, _claim(session, "DC1"), "p1", date(2018, 6, 20), 1_365_000, "t")
    assert balances(session, rcf)["1004"] == 497_829_475, "E6: the fund stands at 4,978,294.75"

    claims.write_off(session, _claim(session, "DC1"), date(2018, 6, 20), "chief")
    close_nights(session, date(2018, 6, 20), date(2018, 6, 20))
    written_off = 3_050_000 + _interest_given_up(session, contract)
    assert balances(session, lb) == {
        "3001": -4_830_230 + 3_535_525 - 50_000 + 2_000_000 - 1_365_000, "6011.01": -169_770, "6701": 879_475,
        "9203": written_off, "9204": -written_off,
    }  # fmt: skip
    assert balances(session, rcf) == {
        "1004": 497_829_475, "4007.01": -500_000_000, "5007.01": 2_170_525, "9103": 2_170_525, "9104": -2_170_525,
    }  # fmt: skip
    assert not failing(session)

    # Money that comes after the write-off is split again, and the pool's part passed on lowers its loss.
    servicing.repay(session, [(contract, Repaid(reference="after", value_date=date(2018, 6, 21), fen=100_000))], "t")
    close_nights(session, date(2018, 6, 21), date(2018, 6, 21))
    assert balances(session, lb)["2241.01"] == -70_000
    claims.pass_on(session, _claim(session, "DC1"), "p2", date(2018, 6, 22), 70_000, "t")
    assert balances(session, rcf)["5007.01"] == 2_100_525
    assert not failing(session)


def _lend_today(session: Session, book: Book, today: date) -> Contract:
    contract = bullet_loan(session, book, today, 5_000_000)
    flip(session, today)
    return contract


def _claim(session: Session, number: str) -> Claim:
    return next(c for (_, n), c in all_claims(session).items() if n == number)


def _interest_given_up(session: Session, contract: Contract) -> int:
    life = lives(session, [contract.key], horizon_now(session))[contract.key]
    return life.standing.given_up_fen - 3_050_000


def test_e6b_under_full_subsidy_the_last_interest_is_governments_and_the_basis_is_principal(
    session: Session, city: dict[str, Book]
) -> None:
    rcf, lb = city["RCF"], city["LB"]
    paid_in(session, rcf, 500_000_000, date(2017, 1, 1))
    open_pool(session, rcf, "HMRCB", share_ppb=700_000_000, leverage=10)
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    flip(session, date(2017, 3, 15))
    contract = bullet_loan(session, lb, date(2017, 3, 15), 5_000_000, gov_ppb=RATE)
    flip(session, date(2017, 3, 15))
    close_nights(session, date(2017, 3, 15), date(2018, 6, 17))
    found = balances(session, lb)
    assert found["1132.02"] == 220_520, "what government owes stays on the books"
    assert found["1303.03"] == 5_000_000
    day = date(2018, 6, 18)
    claim = claims.file(session, contract, "DC2", day, "clerk")
    assert (claim.basis_fen, claim.gov_fen) == (5_000_000, 3_500_000)
    claims.check(session, claim, day, "office", note="手工放款，已核实")
    claims.approve(session, claim, day, "bureau")
    claims.pay(session, _claim(session, "DC2"), day, "treasury")
    assert balances(session, rcf)["1004"] == 496_500_000
    servicing.advance_cost(session, contract, "cost", day, 50_000, "t")
    servicing.repay(session, [(contract, Repaid(reference="late", value_date=day, fen=2_000_000))], "t")
    close_nights(session, day, day)
    claims.pass_on(session, _claim(session, "DC2"), "p", date(2018, 6, 19), 1_365_000, "t")
    assert balances(session, rcf)["1004"] == 497_865_000
    claims.write_off(session, _claim(session, "DC2"), date(2018, 6, 19), "chief")
    assert balances(session, rcf)["5007.01"] == 2_135_000
    assert balances(session, lb)["6701"] == 915_000
    assert not failing(session)


def test_a_closed_night_stays_closed_and_later_facts_come_as_a_difference(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    contract = _lend_today(session, lb, date(2017, 3, 15))
    close_nights(session, date(2017, 3, 15), date(2017, 3, 20))
    servicing.repay(session, [(contract, Repaid(reference="q1", value_date=date(2017, 3, 21), fen=3_625))], "t")
    close_nights(session, date(2017, 3, 21), date(2017, 7, 10))
    before = balances(session, lb)
    # A repayment of 2017-04-20 arrives in July: a charge was made, and nights were closed, without it.
    servicing.repay(session, [(contract, Repaid(reference="r", value_date=date(2017, 4, 20), fen=1_000_000))], "t")
    close_nights(session, date(2017, 7, 11), date(2017, 7, 11))
    assert not failing(session)
    life = lives(session, [contract.key], horizon_now(session))[contract.key]
    quarter = [charge.whole_fen for charge in life.charges if charge.kind is StreamKind.CONTRACT][1]
    assert quarter == 48_092, "5,000,000 for 30 days and 4,000,000 for 62, rounded once"
    after = balances(session, lb)
    one_day_of_40_000 = 483
    days_of_10_000 = round(1_000_000 * RATE * 82 / (10**9 * 360))
    assert abs(before["6011.01"] - after["6011.01"] - (one_day_of_40_000 - days_of_10_000)) <= 1


def test_reversing_a_repayment_leaves_the_books_as_if_it_had_never_been(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    contract = _lend_today(session, lb, date(2017, 3, 15))
    close_nights(session, date(2017, 3, 15), date(2017, 4, 10))
    before = balances(session, lb)
    servicing.repay(session, [(contract, Repaid(reference="r", value_date=date(2017, 4, 11), fen=2_000_000))], "t")
    assert balances(session, lb) != before
    servicing.reverse(session, contract, "r", date(2017, 4, 11), "t")
    assert balances(session, lb) == before
    close_nights(session, date(2017, 4, 11), date(2017, 4, 12))
    assert not failing(session)


def test_the_same_event_is_booked_once_and_another_under_its_reference_refused(session: Session, city: dict[str, Book]) -> None:
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    contract = _lend_today(session, city["LB"], date(2017, 3, 15))
    payment = Repaid(reference="r", value_date=date(2017, 3, 15), fen=100)
    assert len(servicing.repay(session, [(contract, payment)], "t")) == 1
    assert servicing.repay(session, [(contract, payment)], "t") == []
    with pytest.raises(EventReused):
        servicing.repay(session, [(contract, replace(payment, fen=101))], "t")
    with pytest.raises(FutureEvent):
        servicing.repay(session, [(contract, Repaid(reference="f", value_date=date(2017, 3, 16), fen=1))], "t")
    with pytest.raises(EventRefused, match="尚未放款"):
        servicing.repay(session, [(contract, Repaid(reference="e", value_date=date(2017, 3, 14), fen=1))], "t")
    with pytest.raises(EventRefused, match="大于零"):
        servicing.repay(session, [(contract, Repaid(reference="z", value_date=date(2017, 3, 15), fen=0))], "t")


def test_no_event_of_a_day_is_booked_before_its_eve_is_closed(session: Session, city: dict[str, Book]) -> None:
    """A repayment taken while the night of the eve runs would settle charges that are not made yet."""
    lb = city["LB"]
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    contract = _lend_today(session, lb, date(2017, 3, 15))
    close_nights(session, date(2017, 3, 15), date(2017, 3, 19))
    eve, day = date(2017, 3, 20), date(2017, 3, 21)
    flip(session, day)
    payment = [(contract, Repaid(reference="r", value_date=day, fen=3_625))]
    steps = wiring.night_steps()
    for position, step in enumerate(steps):
        if position < 3:
            with pytest.raises(CloseUnderWay):
                servicing.repay(session, payment, "t")
        step.work(session, eve)
    servicing.repay(session, payment, "t")
    close_nights(session, day, day)
    assert not failing(session)


def test_an_undone_event_frees_its_reference(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    contract = _lend_today(session, lb, date(2017, 3, 15))
    before = balances(session, lb)
    for number in ("r", "r~2", "r~3"):
        assert free_references(session, [(lb.id, "r")]) == {(lb.id, "r"): number}
        servicing.repay(session, [(contract, Repaid(reference=number, value_date=date(2017, 3, 15), fen=100))], "t")
        assert balances(session, lb) != before
        servicing.undo(session, contract, number, date(2017, 3, 15), "t")
        assert balances(session, lb) == before
    servicing.undo(session, contract, "C1/d", date(2017, 3, 15), "t")
    assert balances(session, lb) == {}
    assert not failing(session)


def test_a_dry_run_returns_the_entry_and_writes_nothing(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    contract = _lend_today(session, lb, date(2017, 3, 15))
    before = balances(session, lb)
    payment = Repaid(reference="r", value_date=date(2017, 3, 15), fen=100)
    (preview,) = servicing.repay(session, [(contract, payment)], "t", dry_run=True)
    assert balances(session, lb) == before
    (booked,) = servicing.repay(session, [(contract, payment)], "t")
    assert (preview.entry, preview.life) == (booked.entry, booked.life)


def test_a_running_loan_is_taken_over_with_its_arrears(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    close_nights(session, FIRST_DAY, date(2017, 6, 30))
    application = Application(
        book=lb, contract="OLD1", product="XEXD", household=None, borrower="B9", fen=5_000_000, rate_ppb=RATE,
        drawn_on=date(2016, 9, 1), maturity=date(2017, 9, 1),
    )  # fmt: skip
    event = TakenOver(
        reference="OLD1/in", value_date=date(2017, 7, 1), principal_fen=4_000_000, charged_until=date(2017, 6, 21),
        unpaid=(("contract", date(2017, 6, 21), 12_345),),
    )  # fmt: skip
    (booked,) = disbursement.take_over(session, application, event, "t")
    assert balances(session, lb) == {"1303.01": 4_000_000, "1132.01": 12_345, "3001": -4_012_345}
    close_nights(session, date(2017, 7, 1), date(2017, 7, 1))
    assert not failing(session)
    assert booked.life.standing.principal_fen == 4_000_000
    close_nights(session, date(2017, 7, 2), date(2017, 9, 25))
    found = balances(session, lb)
    assert "1303.02" not in found or "1303.03" not in found
    assert not failing(session)


def test_an_unexplained_fen_stops_the_night_before_it_posts(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    _lend_today(session, lb, date(2017, 3, 15))
    close_nights(session, date(2017, 3, 15), date(2017, 3, 16))
    manual = JournalEntry(
        book=lb.code, reference="m", kind="manual", value_date=date(2017, 3, 17), narration="手工",
        postings=(debit("1132.09", 1), credit("6011.01", 1)),
    )  # fmt: skip
    with session.begin_nested() as savepoint:
        post(session, _with_group(manual))
        with pytest.raises(UnexplainedDifference, match="movement since the last close"):
            close_nights(session, date(2017, 3, 17), date(2017, 3, 17))
        savepoint.rollback()
    with session.begin_nested() as savepoint:
        session.connection().exec_driver_sql("SET LOCAL ROLE fupin_owner")
        session.execute(text("UPDATE loans.stream SET base_fen = base_fen + 1"))
        session.connection().exec_driver_sql("SET LOCAL ROLE fupin_app")
        with pytest.raises(UnexplainedDifference, match="interest not charged"):
            close_nights(session, date(2017, 3, 17), date(2017, 3, 17))
        savepoint.rollback()
    close_nights(session, date(2017, 3, 17), date(2017, 3, 17))
    assert not failing(session)


def _with_group(entry: JournalEntry) -> JournalEntry:
    dims = Dimensions(county="371621", product="XEXD", payer="borrower", kind="contract")
    return replace(entry, postings=tuple(replace(p, dimensions=dims) for p in entry.postings))


def household(number: str, standard: str = "national", registered_on: date = date(2015, 12, 1)) -> Household:
    stem = f"37990119700101{int(number) % 1000:03}"
    return Household(
        county="371621", number=number, village="演示村", persons=3, standard=standard, registered_on=registered_on,
        head_name="王演示", head_id=stem + id_check_digit(stem), account=None,
    )  # fmt: skip


@pytest.fixture
def lending(session: Session, city: dict[str, Book], cipher: Cipher) -> dict[str, Book]:
    """A county ready to lend: a pool of 10,000 元 (so 100,000 元 of loans), households 001 and 002, the city's own 003."""
    homes = [household("001"), household("002"), household("003", "city"), household("004", registered_on=date(2017, 6, 1))]
    flip(session, date(2017, 6, 1))
    enrol(session, cipher, homes, "t")
    flip(session, FIRST_DAY)
    people = [("household", home.head_id, home.head_name, home.number) for home in homes]
    add_borrowers(session, cipher, "371621", people)
    open_pool(session, city["RCF"], "HMRCB", share_ppb=700_000_000, leverage=10)
    paid_in(session, city["RCF"], 1_000_000, FIRST_DAY)
    return city


def application(book: Book, contract: str, home: str, fen: int = 3_000_000) -> Application:
    return Application(
        book=book, contract=contract, product="XEXD", household=home, borrower="B000001", fen=fen, rate_ppb=RATE,
        drawn_on=FIRST_DAY, maturity=date(2018, 1, 1),
    )  # fmt: skip


@pytest.mark.parametrize(
    "other", [{"first_fen": 2_000_000}, {"purpose": "养牛"}, {"renews": "A0"}, {"fen": 3_000_001}, {"household": "002"}]
)
def test_a_loan_made_again_with_other_facts_is_refused(
    session: Session, lending: dict[str, Book], other: dict[str, object]
) -> None:
    made = application(lending["LB"], "A1", "001")
    assert len(disbursement.disburse(session, [made], "t")) == 1
    with pytest.raises(DuplicateContract):
        disbursement.disburse(session, [replace(made, **other)], "t")  # type: ignore[arg-type]
    assert disbursement.disburse(session, [made], "t") == []


def test_a_loan_is_taken_over_again_only_with_the_same_facts(session: Session, city: dict[str, Book]) -> None:
    close_nights(session, FIRST_DAY, date(2017, 6, 30))
    old = Application(
        book=city["LB"], contract="OLD1", product="XEXD", household=None, borrower="B9", fen=5_000_000, rate_ppb=RATE,
        drawn_on=date(2016, 9, 1), maturity=date(2017, 9, 1),
    )  # fmt: skip
    event = TakenOver(reference="in", value_date=date(2017, 7, 1), principal_fen=4_000_000, charged_until=date(2017, 6, 21))
    assert len(disbursement.take_over(session, old, event, "t")) == 1
    assert disbursement.take_over(session, old, event, "t") == []
    with pytest.raises(EventReused):
        disbursement.take_over(session, old, replace(event, principal_fen=1), "t")
    with pytest.raises(DuplicateContract):
        disbursement.take_over(session, old, replace(event, reference="again"), "t")
    with pytest.raises(DuplicateContract):
        disbursement.take_over(session, replace(old, purpose="养牛"), event, "t")
    with pytest.raises(DuplicateContract):
        disbursement.disburse(session, [old], "t")


def test_the_cap_holds_over_all_borrowers_of_a_household(session: Session, lending: dict[str, Book]) -> None:
    lb = lending["LB"]
    checks = wiring.disbursement_checks()
    assert len(disbursement.disburse(session, [application(lb, "A1", "001")], "t", checks)) == 1
    assert disbursement.disburse(session, [application(lb, "A1", "001")], "t", checks) == [], "the same roster again"
    with pytest.raises(
        NotEligible, match=r"余额 30,000\.00 元，本次 30,000\.00 元，要求合计不超过 50,000\.00 元（国开办发〔2014〕78号）"
    ):
        disbursement.disburse(session, [application(lb, "A2", "001")], "t", checks)
    with pytest.raises(NotEligible, match=r"余额 30,000\.00 元，本次 30,000\.00 元"):
        disbursement.disburse(session, [application(lb, "B1", "002"), application(lb, "B2", "002")], "t", checks)
    with pytest.raises(DuplicateContract):
        disbursement.disburse(session, [application(lb, "A1", "002", 2_000_000)], "t", checks)


def test_only_households_of_the_national_register_may_borrow(session: Session, lending: dict[str, Book]) -> None:
    lb = lending["LB"]
    for home, reason in (
        ("003", "识别标准：.*，要求国家建档立卡标准或监测户"),
        ("004", "识别日期 2017-06-01，要求不晚于 2017-01-01"),
        ("999", "不在建档立卡系统中"),
    ):
        with pytest.raises(NotEligible, match=reason):
            disbursement.disburse(session, [application(lb, "X", home)], "t")


def test_a_pool_admits_no_more_than_its_leverage(session: Session, lending: dict[str, Book]) -> None:
    lb, checks = lending["LB"], wiring.disbursement_checks()
    batch = [application(lb, "P1", "001", 5_000_000), application(lb, "P2", "002", 5_000_000)]
    disbursement.disburse(session, batch, "t", checks)
    third = replace(application(lb, "P3", "001", 100), product="GFNH", maturity=date(2027, 1, 1))
    with pytest.raises(CapacityExceeded, match="可用额度 0"):
        disbursement.disburse(session, [third], "t", checks)


def test_relending_is_for_rural_banks_and_its_interest_ties(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    flip(session, date(2017, 4, 5))
    first = Draw(book=lb, number="Z1", fen=1_000_000_000, rate_ppb=17_500_000, drawn_on=date(2017, 4, 5), due_on=date(2018, 4, 5))
    assert draw(session, [first], "t") == [first]
    assert draw(session, [first], "t") == []
    with pytest.raises(RelendingRefused, match="另一笔"):
        draw(session, [replace(first, fen=1)], "t")
    with pytest.raises(RelendingRefused, match="3、6 或 12"):
        draw(session, [replace(first, number="Z2", due_on=date(2018, 4, 6))], "t")
    with pytest.raises(RelendingRefused, match="农村法人"):
        draw(session, [replace(first, number="Z3", book=replace(lb, bank="BIG"))], "t")
    close_nights(session, date(2017, 4, 5), date(2017, 6, 20))
    assert balances(session, lb)["2231"] == -3_743_056
    close_nights(session, date(2017, 6, 21), date(2017, 6, 21))
    assert balances(session, lb)["1003"] == 1_000_000_000 - 3_743_056
    extend(session, draws(session)[0], date(2017, 6, 22), date(2018, 10, 5), "t")
    with pytest.raises(RelendingRefused, match="原期限"):
        extend(session, draws(session)[0], date(2017, 6, 22), date(2022, 10, 5), "t")
    assert not failing(session)


def test_nights_refuse_a_closed_month(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    close_nights(session, FIRST_DAY, date(2017, 1, 1))
    contract = bullet_loan(session, lb, date(2017, 1, 2), 5_000_000)
    close_month(session, lb, date(2017, 1, 1), "chief")
    from ledger.errors import PeriodClosed

    with pytest.raises(PeriodClosed), session.begin_nested():
        close_nights(session, date(2017, 1, 2), date(2017, 1, 2))
    assert contract.contract == "C1"
