"""The journal's laws, said twice: what Python refuses to make and what PostgreSQL refuses to hold."""

import threading
from dataclasses import replace
from datetime import date
from textwrap import dedent

import pytest
from conftest import open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from ledger import chart, ties
from ledger.books import Book, BookKind, book_named, fund_book_code
from ledger.calendar import add_months, following_working_day, is_working_day, working_days_after
from ledger.closing import close_month
from ledger.db import unit_of_work
from ledger.errors import (
    AlreadyReversed,
    BadChart,
    EmptyEntry,
    MonthNotReady,
    NotMoney,
    PeriodClosed,
    ReferenceReused,
    ReversalOfReversal,
    UnbalancedEntry,
    UnknownAccount,
    UnknownBook,
    UnknownEntry,
)
from ledger.journal import BookCode, Dimensions, JournalEntry, Posting, Side, credit, debit, journal_text
from ledger.money import decimal_yuan, parse_yuan, round_half_up, split_by_shares, split_in_two, yuan
from ledger.posting import Posted, post, post_many
from ledger.queries import balance, entry_referenced, trial_balance, turnovers
from ledger.reversal import reverse

RCF = BookCode("RCF-371621")
DAY = date(2017, 3, 15)


def contributed(fen: int, reference: str = "fund/1", day: date = DAY, book: BookCode = RCF) -> JournalEntry:
    dims = Dimensions(county="371621", bank="HMRCB")
    lines = (debit("1004", fen, dims), credit("4007.01", fen, dims))
    return JournalEntry(
        book=book, reference=reference, kind="fund.contributed", value_date=day, narration="财政拨入", postings=lines
    )


# --- values -----------------------------------------------------------------------------------------------------


def test_an_entry_reads_as_an_accountant_writes_it() -> None:
    assert journal_text(contributed(4_500_000_000)) == dedent("""\
        2017-03-15 RCF-371621 财政拨入
          Dr 1004 45000000.00
            Cr 4007.01 45000000.00""")


def test_an_entry_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(UnbalancedEntry, match="leave 1 fen"):
        JournalEntry(
            book=RCF, reference="x", kind="x", value_date=DAY, narration="x", postings=(debit("1004", 2), credit("4007.01", 1))
        )
    for postings in ((), (debit("1004", 0), credit("4007.01", 0))):
        with pytest.raises(EmptyEntry):
            JournalEntry(book=RCF, reference="x", kind="x", value_date=DAY, narration="x", postings=postings)


@given(st.integers(-(10**14), 10**14), st.integers(1, 10**6))
def test_rounding_is_half_up_and_never_off_by_more_than_a_half(numerator: int, denominator: int) -> None:
    from fractions import Fraction

    exact = Fraction(numerator, denominator)
    rounded = round_half_up(exact)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)


@given(st.integers(-(10**12), 10**12), st.lists(st.fractions(0, 1), min_size=1, max_size=5))
def test_a_split_gives_the_rest_to_the_last_part(whole: int, shares: list) -> None:
    assert sum(split_by_shares(whole, shares)) == whole
    assert sum(split_in_two(whole, shares[0])) == whole


@given(st.integers(-(10**14), 10**14))
def test_yuan_reads_back(fen: int) -> None:
    assert parse_yuan(yuan(fen)) == parse_yuan(decimal_yuan(fen)) == fen


@pytest.mark.parametrize("text_", ["", "1.234", "1,00", "abc", "1e5", "--1", "１０", "1.2.3", "¥"])
def test_what_is_no_amount_is_refused(text_: str) -> None:
    with pytest.raises(NotMoney):
        parse_yuan(text_)


def test_the_calendar_knows_holidays_and_working_saturdays() -> None:
    assert not is_working_day(date(2017, 10, 1))
    assert is_working_day(date(2017, 9, 30))  # 调休: a Saturday at work
    assert following_working_day(date(2017, 10, 1)) == date(2017, 10, 9)
    assert working_days_after(date(2017, 9, 30), 1) == date(2017, 10, 9)
    assert add_months(date(2016, 2, 29), 12) == date(2017, 2, 28)
    assert add_months(date(2017, 8, 31), -2) == date(2017, 6, 30)


HEADS = ",".join(chart.COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("code,title\n", "columns"),
        (f"{HEADS}LB,1,a,D,,,,\nLB,1,b,D,,,,\n", "twice"),
        (f"{HEADS}LB,1,a,X,,,,\n", "side"),
        (f"{HEADS}LB,1,a,D,2,,,\n", "names 2"),
        (f"{HEADS}RCF,1,a,D,,,,\n", "no accounts"),
    ],
)
def test_a_bad_chart_is_refused(tmp_path, content: str, reason: str) -> None:
    (tmp_path / "bad.csv").write_text(content)
    with pytest.raises(BadChart, match=reason):
        chart.chart("bad", "LB", tmp_path)
    with pytest.raises(BadChart, match="no such file"):
        chart.chart("none", "LB", tmp_path)


# --- posting ----------------------------------------------------------------------------------------------------


def test_posting_numbers_without_gap_per_book_and_month(session: Session, city: dict[str, Book]) -> None:
    days = [DAY, DAY, date(2017, 4, 1), DAY]
    posted = post_many(session, [contributed(100 + i, f"fund/{i}", day) for i, day in enumerate(days)])
    assert [p.number for p in posted] == [1, 2, 1, 3]
    assert [p.seq for p in posted] == [1, 2, 3, 4]
    assert post(session, contributed(5, "fund/x")).number == 4


def test_the_same_reference_posts_once_and_another_body_is_refused(session: Session, city: dict[str, Book]) -> None:
    first = post(session, contributed(100))
    again = post(session, contributed(100))
    assert (again.seq, again.number, again.fresh) == (first.seq, first.number, False)
    with pytest.raises(ReferenceReused), session.begin_nested():
        post(session, contributed(101))
    with pytest.raises(ReferenceReused), session.begin_nested():
        post_many(session, [contributed(1, "two"), contributed(1, "two")])
    assert balance(session, city["RCF"].id, "1004") == 100


def test_a_batch_may_repeat_what_is_posted_beside_what_is_new(session: Session, city: dict[str, Book]) -> None:
    post(session, contributed(100))
    posted = post_many(session, [contributed(7, "fund/2"), contributed(100), contributed(9, "fund/3")])
    assert [p.fresh for p in posted] == [True, False, True]
    assert [p.number for p in posted] == [2, 1, 3]


def test_many_at_once_may_repeat_what_is_posted_and_not_change_it(session: Session, city: dict[str, Book]) -> None:
    first = post_many(session, [contributed(n, f"fund/{n}") for n in range(1, 31)])
    posted = post_many(session, [contributed(n, f"fund/{n}") for n in range(21, 61)])
    assert posted == [replace(p, fresh=False) for p in first[20:]] + [Posted(n, n, True) for n in range(31, 61)]
    with pytest.raises(ReferenceReused, match="fund/25"), session.begin_nested():
        post_many(session, [contributed(n + (n == 25), f"fund/{n}") for n in range(21, 100)])
    twice = [replace(contributed(-1, f"red/{n}"), reverses=1) for n in range(2)]
    with pytest.raises(IntegrityError, match="reverses_seq"), session.begin_nested():
        post_many(session, [*twice, *(contributed(n, f"fund/{n}") for n in range(61, 91))])
    assert post(session, contributed(1, "fund/x")) == Posted(61, 61, True)


def test_unknown_books_and_accounts_are_refused_by_name(session: Session, city: dict[str, Book]) -> None:
    with pytest.raises(UnknownBook, match="RCF-000000"):
        post(session, contributed(1, book=BookCode("RCF-000000")))
    lines = (debit("1004", 1), credit("9999", 1))
    entry = JournalEntry(book=RCF, reference="x", kind="x", value_date=DAY, narration="x", postings=lines)
    with pytest.raises(UnknownAccount, match="9999"), session.begin_nested():
        post(session, entry)
    assert not trial_balance(session)


def test_a_red_reversal_lowers_the_turnover_and_happens_once(session: Session, city: dict[str, Book]) -> None:
    post(session, contributed(100))
    posted = reverse(session, RCF, "fund/1", date(2017, 4, 1), "checker", "重复入账")
    found = turnovers(session, accounts=["1004"])[(city["RCF"].id, "1004")]
    assert (found.debit_fen, found.credit_fen) == (0, 0)
    stored = entry_referenced(session, city["RCF"].id, "reversal/fund/1")
    assert stored.entry.reverses == 1
    assert stored.seq == posted.seq
    assert {p.fen for p in stored.entry.postings} == {-100}
    assert "注销 2017-03 记字1号" in stored.entry.narration
    with pytest.raises(AlreadyReversed):
        reverse(session, RCF, "fund/1", DAY, "checker", "x")
    with pytest.raises(ReversalOfReversal):
        reverse(session, RCF, "reversal/fund/1", DAY, "checker", "x")
    with pytest.raises(UnknownEntry):
        reverse(session, RCF, "nothing", DAY, "checker", "x")


def test_balances_are_as_of_a_value_date_and_as_known_at_a_sequence(session: Session, city: dict[str, Book]) -> None:
    book = city["RCF"].id
    post(session, contributed(100, "a", date(2017, 3, 1)))
    post(session, contributed(10, "b", date(2017, 5, 1)))
    post(session, contributed(1, "late", date(2017, 3, 2)))
    assert balance(session, book, "1004", until=date(2017, 4, 1)) == 101
    known = turnovers(session, books=[book], accounts=["1004"], until=date(2017, 4, 1), up_to_seq={book: 2})
    assert known[(book, "1004")].balance_fen == 100
    by_bank = turnovers(session, books=[book], accounts=["1004"], by=("bank",), since=date(2017, 3, 2))
    assert by_bank[(book, "1004", "HMRCB")].debit_fen == 11
    with pytest.raises(ValueError, match="secret"):
        turnovers(session, by=("secret",))


# --- the laws in PostgreSQL -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.posting SET fen = fen + 1",
        "DELETE FROM ledger.posting",
        "UPDATE ledger.journal_entry SET narration = 'x'",
        "DELETE FROM ledger.journal_entry",
        "TRUNCATE ledger.journal_entry CASCADE",
        "UPDATE ledger.audit SET actor = 'x'",
        "DELETE FROM loans.event",
        "UPDATE loans.event SET body = '{}'",
        "DELETE FROM ledger.voucher_step",
        "UPDATE ledger.attachment SET content = ''",
        "DELETE FROM ledger.reopening",
        "UPDATE ledger.officer SET supervisor = 'x'",
        "UPDATE ledger.account SET side = 'D'",
        "UPDATE ledger.seal SET hash = ''",
        "DELETE FROM ledger.seal",
    ],
)
def test_the_application_cannot_change_what_is_posted(session: Session, city: dict[str, Book], statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.execute(text(statement))


@pytest.mark.parametrize(
    "table", ["ledger.posting", "ledger.journal_entry", "ledger.audit", "ledger.voucher_step", "ledger.seal", "loans.event"]
)
def test_not_even_the_owner_can_change_what_is_posted(url: str, table: str) -> None:
    from ledger.db import OWNER_ROLE, engine_as

    owner = engine_as(url, OWNER_ROLE)
    with owner.connect() as connection:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(DBAPIError, match="insert-only"), connection.begin_nested():
                connection.execute(text(statement))
    owner.dispose()


def _raw_entry(session: Session, book_id: int, fen: tuple[int, int], lines: int = 2) -> None:
    session.execute(
        text(
            "INSERT INTO ledger.journal_entry (book_id, seq, reference, kind, value_date, month, word, number, narration, event, "
            "maker, checker, body_sha256, lines) VALUES (:b, 900, 'raw', 'x', '2017-03-15', '2017-03-01', '记', 900, 'x', '', "
            "'x', 'y', '', :lines)"
        ),
        {"b": book_id, "lines": lines},
    )
    for line, (side, amount) in enumerate(zip("DC", fen, strict=True), start=1):
        session.execute(
            text(
                "INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date) "
                "VALUES (:b, 900, :line, :account, :side, :fen, '2017-03-15')"
            ),
            {"b": book_id, "line": line, "account": "1004" if side == "D" else "4007.01", "side": side, "fen": amount},
        )


def test_postgresql_refuses_an_entry_that_does_not_balance(session: Session, city: dict[str, Book]) -> None:
    _raw_entry(session, city["RCF"].id, (5, 4))
    with pytest.raises(DBAPIError, match="leave 1 fen"):
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def test_postgresql_refuses_an_entry_without_all_its_postings(session: Session, city: dict[str, Book]) -> None:
    _raw_entry(session, city["RCF"].id, (5, 5), lines=3)
    with pytest.raises(DBAPIError, match="2 postings of 3"):
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


@pytest.mark.parametrize("spoilt", range(900, 904))
@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ("seq <> :spoilt", "0 postings of 2"),
        ("seq <> :spoilt OR line = 1", "1 postings of 2"),
        ("seq <> :spoilt OR line > 1", "1 postings of 2"),
    ],
)
def test_postgresql_finds_the_one_entry_of_a_statement_that_is_not_whole(
    session: Session, city: dict[str, Book], spoilt: int, wrong: str, refusal: str
) -> None:
    statement = (
        "WITH entries AS (INSERT INTO ledger.journal_entry (book_id, seq, reference, kind, value_date, month, word, number, narration, "
        "event, maker, checker, body_sha256, lines) SELECT :b, n, 'raw/' || n, 'x', '2017-03-15', '2017-03-01', '记', n, 'x', '', "
        "'x', 'y', '', 2 FROM generate_series(900, 903) AS n) "
        "INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date) "
        "SELECT :b, seq, line, CASE line WHEN 1 THEN '1004' ELSE '4007.01' END, CASE line WHEN 1 THEN 'D' ELSE 'C' END, 7, '2017-03-15' "
        "FROM generate_series(900, 903) AS seq CROSS JOIN generate_series(1, 2) AS line WHERE "
    )
    with session.begin_nested() as whole:
        session.execute(text(statement + "true"), {"b": city["RCF"].id})
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        whole.rollback()
    session.execute(text(statement + wrong), {"b": city["RCF"].id, "spoilt": spoilt})
    with pytest.raises(DBAPIError, match=f"raw/{spoilt}: {refusal},"):
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def test_postgresql_refuses_postings_that_come_later(session: Session, city: dict[str, Book]) -> None:
    _raw_entry(session, city["RCF"].id, (5, 5))
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    late = (
        "INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date) "
        "SELECT :b, 900, 2 + n, '1004', CASE n WHEN 1 THEN 'D' ELSE 'C' END, 7, '2017-03-15' FROM generate_series(1, 2) AS n"
    )
    with pytest.raises(DBAPIError, match="complete when posted"):
        session.execute(text(late), {"b": city["RCF"].id})


# --- periods ----------------------------------------------------------------------------------------------------


def test_a_closed_month_refuses_everything_and_months_close_in_order(session: Session, city: dict[str, Book]) -> None:
    book = city["RCF"]
    post(session, contributed(100, "a", date(2017, 1, 15)))
    post(session, contributed(100, "b", date(2017, 2, 15)))
    with pytest.raises(MonthNotReady, match="2017-01 尚未结账"):
        close_month(session, book, date(2017, 2, 1), "chief")
    close_month(session, book, date(2017, 1, 1), "chief")
    close_month(session, book, date(2017, 1, 1), "chief")
    with pytest.raises(PeriodClosed, match="2017-01"), session.begin_nested():
        post(session, contributed(1, "c", date(2017, 1, 31)))
    with pytest.raises(PeriodClosed), session.begin_nested():
        reverse(session, RCF, "a", date(2017, 1, 31), "chief", "x")
    assert reverse(session, RCF, "a", date(2017, 2, 28), "chief", "x").fresh


def test_a_check_from_above_can_hold_a_month_open(session: Session, city: dict[str, Book]) -> None:
    class NotYet:
        def reasons_against_closing(self, session: Session, book: Book, month: date) -> list[str]:
            return ["三张凭证未审核"]

    with pytest.raises(MonthNotReady, match="三张凭证未审核"):
        close_month(session, city["RCF"], date(2017, 1, 1), "chief", [NotYet()])


def test_december_carries_income_and_expense_over(session: Session, city: dict[str, Book]) -> None:
    post(session, contributed(100, "a", date(2017, 12, 15)))
    spent = (debit("5007.03", 30), credit("1004", 30, Dimensions(county="371621", bank="HMRCB")))
    post(
        session, JournalEntry(book=RCF, reference="b", kind="x", value_date=date(2017, 12, 20), narration="退回", postings=spent)
    )
    income = (debit("1132.01", 50), credit("6011.01", 50), debit("6411", 20), credit("2231", 20))
    lb = city["LB"]
    post(
        session,
        JournalEntry(book=lb.code, reference="c", kind="x", value_date=date(2017, 12, 20), narration="息", postings=income),
    )
    close_month(session, city["RCF"], date(2017, 12, 1), "chief")
    close_month(session, lb, date(2017, 12, 1), "chief")
    held = {(line.book, line.account): line.turnover.balance_fen for line in trial_balance(session) if line.turnover.balance_fen}
    assert held[(RCF, "3007")] == -70
    assert held[(lb.code, "4104")] == -30
    assert not [key for key in held if key[1].startswith(("4007", "5007", "6011", "6411", "4103"))]
    assert all(check.ok for check in ties.checks(session))


# --- races (really committed) -----------------------------------------------------------------------------------


def _in_threads(*works) -> list[BaseException]:
    errors: list[BaseException] = []

    def run(work) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - collected for the assertion
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_eight_writers_number_without_gap_and_repeat_without_doubling(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        open_city(session)

    def writer(who: int) -> None:
        for i in range(25):
            with unit_of_work(own_engine) as session:
                post(session, contributed(1 + i, f"shared/{i}"))
                post(session, contributed(1, f"own/{who}/{i}"))

    assert not _in_threads(*(lambda who=who: writer(who) for who in range(8)))
    with unit_of_work(own_engine) as session:
        numbers = session.scalars(text("SELECT number FROM ledger.journal_entry ORDER BY seq")).all()
        assert numbers == list(range(1, 8 * 25 + 25 + 1))
        assert balance(session, book_named(session, RCF).id, "1004") == 8 * 25 + sum(range(1, 26))
        assert all(check.ok for check in ties.checks(session))


def test_books_posted_in_both_orders_at_once_do_not_deadlock(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        open_city(session)
    isf = fund_book_code(BookKind.SUBSIDY, "371621")

    def writer(who: int, order: tuple[BookCode, BookCode]) -> None:
        for i in range(20):
            with unit_of_work(own_engine) as session:
                post_many(session, [contributed(1, f"{who}/{i}", book=book) for book in order])

    errors = _in_threads(*(lambda w=w, o=o: writer(w, o) for w, o in enumerate([(RCF, isf), (isf, RCF)] * 2)))
    assert not errors


def test_a_post_and_a_close_at_once_never_leave_an_entry_in_a_closed_month_unseen(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        book = open_city(session)["RCF"]
    refused: list[str] = []

    def poster() -> None:
        for i in range(40):
            try:
                with unit_of_work(own_engine) as session:
                    post(session, contributed(1, f"race/{i}", date(2017, 1, 10)))
            except PeriodClosed:
                refused.append(f"race/{i}")

    def closer() -> None:
        with unit_of_work(own_engine) as session:
            close_month(session, book, date(2017, 1, 1), "chief")

    assert not _in_threads(poster, closer, poster)
    with unit_of_work(own_engine) as session:
        closed_seq = session.scalar(text("SELECT closed_seq FROM ledger.period"))
        last_seq = session.scalar(text("SELECT max(seq) FROM ledger.journal_entry"))
        assert (last_seq or 0) <= (closed_seq or 0)


postings = st.lists(
    st.tuples(st.sampled_from(["1004", "1036.01", "2015.01", "3007"]), st.integers(1, 10**9)), min_size=1, max_size=4
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(postings, st.sampled_from(["post", "repeat", "reverse"])), min_size=1, max_size=6))
def test_any_history_keeps_the_laws(session: Session, city: dict[str, Book], history) -> None:
    with session.begin_nested() as savepoint:
        model: dict[str, int] = {}
        posted: list[tuple[str, JournalEntry]] = []
        for number, (lines, action) in enumerate(history):
            if action == "post" or not posted:
                sides = tuple(p for account, fen in lines for p in _both_sides(account, fen))
                made = JournalEntry(book=RCF, reference=f"h/{number}", kind="x", value_date=DAY, narration="x", postings=sides)
                post(session, made)
                posted.append((made.reference, made))
                _apply(model, made.postings, 1)
            elif action == "repeat":
                assert not post(session, posted[-1][1]).fresh
            else:
                reference, made = posted.pop()
                reverse(session, RCF, reference, DAY, "t", "x")
                _apply(model, made.postings, -1)
        held = {line.account: line.turnover.balance_fen for line in trial_balance(session, [city["RCF"].id])}
        assert {k: v for k, v in held.items() if v} == {k: v for k, v in model.items() if v}
        assert all(check.ok for check in ties.checks(session))
        savepoint.rollback()


def _both_sides(account: str, fen: int) -> tuple[Posting, Posting]:
    """A payable grows on its credit side; it may not fall below zero."""
    return (
        (debit("4007.01", fen), credit(account, fen)) if account == "2015.01" else (debit(account, fen), credit("4007.01", fen))
    )


def _apply(model: dict[str, int], lines: tuple[Posting, ...], sign: int) -> None:
    for p in lines:
        model[p.account] = model.get(p.account, 0) + sign * (p.fen if p.side is Side.DEBIT else -p.fen)
