"""Limits: nobody overdraws what may not be overdrawn, on any day, through any door, alone or at once; what is promised stays."""

import threading
from datetime import date

import pytest
from conftest import open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_replay_laws import begin_on

from app import wiring
from guarantees.errors import ReceiptRefused
from guarantees.funds import FundReceipt, contribute, withdraw
from ledger import ties
from ledger.books import Book
from ledger.db import unit_of_work
from ledger.errors import Overdrawn, VoucherRefused
from ledger.journal import BookCode, Dimensions, JournalEntry, credit, debit
from ledger.limits import available, held, promised
from ledger.posting import post, post_many
from ledger.reversal import reverse
from ledger.vouchers import drafting, review
from ledger.vouchers.voucher import Content

RCF, ISF = BookCode("RCF-371621"), BookCode("ISF-371621")
DAY = date(2017, 3, 15)


def at(day: int) -> date:
    """A day of March 2017."""
    return date(2017, 3, day)


def moved(fen: int, reference: str, day: date = DAY, bank: str | None = "HMRCB", book: BookCode = RCF) -> JournalEntry:
    """Cash that comes (fen above zero) or goes."""
    dims = Dimensions(county="371621", bank=bank)
    lines = (
        (debit("1004", fen, dims), credit("4007.01", fen, dims))
        if fen > 0
        else (debit("5007.03", -fen, dims), credit("1004", -fen, dims))
    )
    return JournalEntry(book=book, reference=reference, kind="x", value_date=day, narration="x", postings=lines)


def approved(fen: int, reference: str, book: BookCode = ISF) -> JournalEntry:
    """A claim or batch that is approved and waits for its money."""
    dims = Dimensions(county="371621", bank="HMRCB")
    cost, owed = ("1036.01", "2015.01") if book == RCF else ("5007.02", "2015.02")
    lines = debit(cost, fen, dims), credit(owed, fen, dims)
    return JournalEntry(book=book, reference=reference, kind="x", value_date=DAY, narration="x", postings=lines)


def test_a_payment_of_more_than_is_there_is_refused_with_day_available_and_asked(session: Session, city: dict[str, Book]) -> None:
    post(session, moved(100_000, "in"))
    with pytest.raises(Overdrawn) as refusal, session.begin_nested():
        post(session, moved(-100_001, "out"))
    assert str(refusal.value) == (
        "账套 RCF-371621 科目 1004（HMRCB） 2017-03-15 可用余额 1,000.00 元，不足支付 1,000.01 元，未作任何记录"
    )
    assert (refusal.value.day, refusal.value.available_fen, refusal.value.asked_fen) == (DAY, 100_000, 100_001)
    post(session, moved(-100_000, "out"))
    assert held(session, city["RCF"].id, "1004", "HMRCB") == 0


def test_a_payment_dated_back_is_refused_for_a_later_day(session: Session, city: dict[str, Book]) -> None:
    post_many(session, [moved(100, "in", at(1)), moved(-80, "out", at(20))])
    with pytest.raises(Overdrawn, match=r"2017-03-20 可用余额 0\.20 元，不足支付 0\.30 元"), session.begin_nested():
        post(session, moved(-30, "back", at(10)))
    with pytest.raises(Overdrawn, match=r"2017-02-28 可用余额 0\.00 元"), session.begin_nested():
        post(session, moved(-1, "before", date(2017, 2, 28)))
    post(session, moved(-20, "back", at(10)))
    assert [held(session, city["RCF"].id, "1004", "HMRCB", at(day)) for day in (1, 9, 10, 19, 20)] == [100, 100, 80, 80, 0]


def test_a_batch_of_many_days_moves_each_day_by_all_before_it(session: Session, city: dict[str, Book]) -> None:
    post_many(session, [moved(100, f"in/{day}", at(day)) for day in (2, 4, 6, 8)])
    post_many(session, [moved(fen, f"more/{day}", at(day)) for day, fen in ((1, 1), (4, 10), (5, -5), (8, 1000), (9, -2))])
    known = [held(session, city["RCF"].id, "1004", "HMRCB", at(day)) for day in range(1, 10)]
    assert known == [1, 101, 101, 211, 206, 306, 306, 1406, 1404]
    assert not [check for check in ties.checks(session) if not check.ok]


def test_each_bank_has_its_own_money(session: Session, city: dict[str, Book]) -> None:
    post(session, moved(100, "in"))
    for bank in ("OTHER", None):
        with pytest.raises(Overdrawn), session.begin_nested():
            post(session, moved(-1, "out", bank=bank))


def test_within_a_batch_the_day_counts_and_not_the_order(session: Session, city: dict[str, Book]) -> None:
    post_many(session, [moved(-60, "out"), moved(100, "in")])
    large = [moved(-1, f"out/{n}", at(2)) for n in range(200)]
    with pytest.raises(Overdrawn), session.begin_nested():
        post_many(session, [moved(199, "early", at(2)), *large])
    post_many(session, [moved(200, "early", at(2)), *large])
    assert held(session, city["RCF"].id, "1004", "HMRCB", at(2)) == 0


def test_a_red_reversal_of_a_receipt_whose_money_is_gone_is_refused(session: Session, city: dict[str, Book]) -> None:
    post_many(session, [moved(100, "in"), moved(-1, "out", at(20))])
    with pytest.raises(Overdrawn, match="2017-03-20"), session.begin_nested():
        reverse(session, RCF, "in", DAY, "t", "x")
    reverse(session, RCF, "out", at(20), "t", "x")
    reverse(session, RCF, "in", DAY, "t", "x")
    assert held(session, city["RCF"].id, "1004") == 0


def test_a_payable_is_not_paid_beyond_what_was_approved(session: Session, city: dict[str, Book]) -> None:
    dims = Dimensions(county="371621", bank="HMRCB")
    post_many(session, [moved(100, "in", book=ISF), approved(40, "batch")])
    paid = (debit("2015.02", 41, dims), credit("1004", 41, dims))
    one = JournalEntry(book=ISF, reference="paid", kind="x", value_date=DAY, narration="x", postings=paid)
    with pytest.raises(Overdrawn, match=r"2015\.02"), session.begin_nested():
        post(session, one)


def test_solar_money_is_limited_for_each_station(session: Session, city: dict[str, Book]) -> None:
    def solar(reference: str, station: str, fen: int) -> JournalEntry:
        dims = Dimensions(county="371621", project=station)
        lines = debit("1004", fen, dims), credit("2017.03", fen, dims)
        return JournalEntry(
            book=city["PVA"].code, reference=reference, kind="x", value_date=DAY, narration="x", postings=lines
        )  # fmt: skip

    post(session, solar("in", "M1", 100))
    with pytest.raises(Overdrawn, match="M2"), session.begin_nested():
        post(session, solar("out", "M2", -1))
    post(session, solar("out", "M1", -100))


def test_postgresql_refuses_rows_that_overdraw_whoever_inserts_them(session: Session, city: dict[str, Book]) -> None:
    post(session, moved(100, "in"))
    raw = (
        "WITH e AS (INSERT INTO ledger.journal_entry (book_id, seq, reference, kind, value_date, month, word, number, narration, "
        "event, maker, checker, body_sha256, lines) VALUES (:b, 900, 'raw', 'x', '2017-03-16', '2017-03-01', '记', 900, 'x', '', "
        "'x', 'y', '', 2)) INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date, bank) VALUES "
        "(:b, 900, 1, '5007.03', 'D', 101, '2017-03-16', 'HMRCB'), (:b, 900, 2, '1004', 'C', 101, '2017-03-16', 'HMRCB')"
    )
    with pytest.raises(DBAPIError, match=r"RCF-371621\|1004\|HMRCB\|2017-03-16\|100\|101"), session.begin_nested():
        session.execute(text(raw), {"b": city["RCF"].id})
    for statement in ("UPDATE ledger.running_balance SET fen = 0", "DELETE FROM ledger.unfinished_entry"):
        with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
            session.execute(text(statement))


def test_eight_connections_at_once_cannot_overdraw(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        book = open_city(session)["RCF"]
        post(session, moved(100, "in"))
    outcome: list[str] = []
    start = threading.Barrier(8)

    def spender(who: int) -> None:
        start.wait()
        for turn in range(25):
            try:
                with unit_of_work(own_engine) as session:
                    post(session, moved(-1, f"out/{who}/{turn}", at(15 + turn % 3)))
                outcome.append("paid")
            except Overdrawn:
                outcome.append("refused")

    threads = [threading.Thread(target=spender, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcome.count("paid"), outcome.count("refused")) == (100, 100)
    with unit_of_work(own_engine) as session:
        assert held(session, book.id, "1004", "HMRCB") == 0
        assert all(check.ok for check in ties.checks(session))


moves = st.lists(st.tuples(st.integers(-60, 100).filter(bool), st.integers(1, 28), st.sampled_from(["A", "B"])), max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(moves, st.integers(1, 4))
def test_what_is_accepted_is_exactly_what_overdraws_on_no_day(
    session: Session, city: dict[str, Book], history: list[tuple[int, int, str]], size: int
) -> None:
    accepted: list[tuple[int, int, str]] = []

    def lowest(rows: list[tuple[int, int, str]]) -> int:
        return min(
            sum(fen for fen, when, whose in rows if when <= day and whose == bank) for day in range(1, 29) for bank in "AB"
        )

    with session.begin_nested() as attempt:
        for number in range(0, len(history), size):
            batch = history[number : number + size]
            made = [moved(fen, f"{number}/{n}", at(day), bank) for n, (fen, day, bank) in enumerate(batch)]
            try:
                with session.begin_nested():
                    post_many(session, made)
                accepted += batch
            except Overdrawn:
                assert lowest(accepted + batch) < 0
            assert lowest(accepted) >= 0
        assert all(check.ok for check in ties.checks(session))
        attempt.rollback()


# --- what is promised --------------------------------------------------------------------------------------------------


def spending(session: Session, book: Book, serial: str, fen: int) -> None:
    """Write a voucher that gives money back to the treasury, and take it through to the journal."""
    bank = Dimensions(bank="HMRCB")
    content = Content(
        value_date=DAY, narration="退回财政", postings=(debit("5007.03", fen, bank), credit("1004", fen, bank))
    )  # fmt: skip
    checks = wiring.voucher_checks()
    one = drafting.submit(session, drafting.draft(session, book, serial, content, "甲"), "甲", checks)
    review.post_voucher(session, review.approve(session, one, "乙", checks), "丙", checks)


@pytest.mark.parametrize("kind", ["RCF", "ISF"])
def test_a_voucher_cannot_spend_what_is_promised_to_approved_claims_and_batches(
    session: Session, city: dict[str, Book], kind: str
) -> None:
    begin_on(session, DAY)
    book = city[kind]
    post_many(session, [moved(100, "in", book=book.code), approved(70, "promised", book.code)])
    assert (held(session, book.id, "1004"), promised(session, book.id), available(session, book.id, "HMRCB")) == (100, 70, 30)
    with pytest.raises(VoucherRefused, match=r"可用余额 0\.30 元（已扣除已批未付 0\.70 元），不足支付 0\.31 元"):
        spending(session, book, "V1", 31)
    spending(session, book, "V2", 30)
    assert available(session, book.id) == 0


def test_a_receipt_whose_money_is_promised_is_not_taken_back(session: Session, city: dict[str, Book]) -> None:
    begin_on(session, DAY)
    (reference,) = contribute(session, [FundReceipt(book=city["ISF"], bank="HMRCB", serial="1", received_on=DAY, fen=100)], "t")
    post(session, approved(1, "promised"))
    with pytest.raises(ReceiptRefused, match="已批准支付，撤销后可用余额为负"), session.begin_nested():
        withdraw(session, city["ISF"], [(reference, DAY)], "t", "x")
