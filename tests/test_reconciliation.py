"""Bank reconciliation (银行对账): statements, matches, rules, the 余额调节表, and what a month needs before it closes."""

import threading
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from conftest import FIRST_DAY, open_city
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import wiring
from ledger import business_day
from ledger.banking import loading, matching, registration, sheets
from ledger.banking.errors import BankAccountRefused, MatchRefused, SigningRefused, StatementRefused
from ledger.banking.items import BankAccount, BookItem, Lesson, LineItem, LineKey, PostingKey
from ledger.banking.month_check import ReconciliationCheck
from ledger.banking.parameters import MonthNeeds, Parameters
from ledger.banking.queries import account_at, lines_of, matches, open_postings
from ledger.banking.reconciliation import Group, sheet
from ledger.banking.rules import Rule, propose
from ledger.banking.statement import BankLine, Statement, continuation
from ledger.banking.tables import bank_match, bank_match_member
from ledger.books import Book, book_named
from ledger.closing import close_month
from ledger.db import unit_of_work
from ledger.errors import FutureDate, MonthNotReady
from ledger.journal import BookCode, Dimensions, JournalEntry, credit, debit
from ledger.posting import post
from ledger.reversal import reverse

HERE = Dimensions(county="371621", bank="HMRCB")
NUMBER = registration.SealedNumber(sealed=b"sealed", mark=b"mark", masked="****5678")
PARAMETERS = Parameters(window_days=5, most_candidates=12, overdue_days=90, month_needs=MonthNeeds.BALANCED)
TABLES = (
    "bank_account", "bank_statement", "bank_line", "bank_statement_undo", "bank_match", "bank_match_member", "bank_unmatch",
    "bank_sheet", "audit", "journal_entry", "posting",
)  # fmt: skip


def march(day: int) -> date:
    return date(2017, 3, day)


def begin_account(session: Session, book: Book, today: date = date(2017, 6, 30)) -> BankAccount:
    business_day.flip(session, today)
    return registration.register(session, book, "HMRCB", NUMBER, "出纳")


@pytest.fixture
def account(session: Session, city: dict[str, Book]) -> BankAccount:
    """The compensation fund's account at its bank; the business date is 2017-06-30."""
    return begin_account(session, city["RCF"])


def book(
    session: Session, reference: str, day: date, fen: int, kind: str = "fund.contributed", dims: Dimensions = HERE
) -> PostingKey:
    """Post money that came in (positive) or went out, and return the posting of 1004."""
    if fen > 0:
        lines = (debit("1004", fen, dims), credit("4007.01", fen, dims))
    else:
        lines = (credit("1004", -fen, dims), debit("5007.03", -fen, dims))
    entry = JournalEntry(
        book=BookCode("RCF-371621"), reference=reference, kind=kind, value_date=day, narration=f"摘要{reference}", postings=lines
    )
    return post(session, entry).seq, 1


def lines(*facts: tuple[date, int] | tuple[date, int, dict[str, str]]) -> tuple[BankLine, ...]:
    return tuple(BankLine(day=one[0], fen=one[1], **(one[2] if len(one) > 2 else {})) for one in facts)


def statement(start: date, end: date, opening_fen: int, *moved: BankLine) -> Statement:
    """Return a statement of the days from `start` to `end`, both included."""
    closing = opening_fen + sum(line.fen for line in moved)
    return Statement(start=start, end=end + timedelta(1), opening_fen=opening_fen, closing_fen=closing, lines=moved)


def take(session: Session, account: BankAccount, one: Statement) -> int:
    number = loading.take(session, account, one, "测试.csv", "出纳").id
    assert number is not None
    return number


def contents(session: Session) -> list[list[object]]:
    return [sorted(map(str, session.execute(text(f"SELECT * FROM ledger.{name}")))) for name in TABLES]


# The 余额调节表


def test_e9_a_sheet_of_all_four_groups_as_on_paper(session: Session, account: BankAccount) -> None:
    """E9 of domain.md with a receipt of ours that the bank has not got as yet (2,000.00), worked out on paper.

    账面 4,966,644.75 + 13,650.00 − 55.00 = 4,980,239.75; 对账单 4,987,212.50 + 2,000.00 − 8,972.75 = 4,980,239.75.
    """
    paid_in = book(session, "fund/GS0001", march(1), 4_973_617_50)
    book(session, "claim/Z1/paid", march(28), -8_972_75)
    book(session, "fund/GS0002", march(31), 2_000_00)
    number = take(
        session, account,
        statement(
            march(1), march(31), 0,
            *lines((march(1), 4_973_617_50), (march(30), 13_650_00, {"text": "追偿款"}), (march(31), -55_00, {"text": "手续费"})),
        ),
    )  # fmt: skip
    matching.match(session, account, [paid_in], [(number, 1)], "", "出纳")
    found = sheets.sheet_of(session, account, march(31))
    assert (found.book_fen, found.bank_fen) == (4_966_644_75, 4_987_212_50)
    assert {group: found.sum_fen(group) for group in Group} == {
        Group.BANK_IN: 13_650_00, Group.BANK_OUT: 55_00, Group.BOOK_IN: 2_000_00, Group.BOOK_OUT: 8_972_75,
    }  # fmt: skip
    assert (found.adjusted_book_fen, found.adjusted_bank_fen, found.balances) == (4_980_239_75, 4_980_239_75, True)
    assert [(item.group, item.day, item.days_open) for item in found.items] == [
        (Group.BANK_IN, march(30), 1), (Group.BANK_OUT, march(31), 0), (Group.BOOK_IN, march(31), 0), (Group.BOOK_OUT, march(28), 3)
    ]  # fmt: skip


def test_an_item_is_flagged_from_the_day_after_the_ninetieth(session: Session, account: BankAccount) -> None:
    book(session, "fund/GS0001", march(1), 100)
    take(session, account, statement(march(1), date(2017, 6, 30), 0))
    for day, flagged in ((date(2017, 5, 30), False), (date(2017, 5, 31), True)):
        (item,) = sheets.sheet_of(session, account, day).items
        assert (item.days_open, item.overdue) == ((day - march(1)).days, flagged)


@pytest.mark.parametrize(
    ("ours", "theirs", "group"),
    [(march(31), date(2017, 4, 2), Group.BOOK_IN), (date(2017, 4, 2), march(31), Group.BANK_IN)],
)
def test_a_match_over_the_turn_of_a_month_is_open_before_it(
    session: Session, account: BankAccount, ours: date, theirs: date, group: Group
) -> None:
    posting = book(session, "fund/GS0001", ours, 100)
    number = take(session, account, statement(march(1), date(2017, 4, 30), 0, *lines((theirs, 100))))
    matching.match(session, account, [posting], [(number, 1)], "", "出纳")
    before = sheets.sheet_of(session, account, march(31))
    assert ([item.group for item in before.items], before.balances) == ([group], True)
    assert sheets.sheet_of(session, account, date(2017, 4, 2)).items == ()


def test_a_sheet_says_which_statement_it_misses(session: Session, account: BankAccount) -> None:
    assert sheets.sheet_of(session, account, march(31)).faults == ("缺少截至 2017-03-31 的对账单",)
    take(session, account, statement(march(1), march(10), 0))
    found = sheets.sheet_of(session, account, march(31))
    assert (found.balances, found.faults) == (False, ("缺少 2017-03-11 至 2017-03-31 的对账单",))


def test_unequal_sides_are_said_to_be_unequal() -> None:
    found = sheet("RCF-371621", "HMRCB", march(31), (100, 101), date(2017, 4, 1), [], 90)
    assert (found.balances, found.faults) == (False, ("调节后两边不等：账面 1.00，银行 1.01，相差 -0.01 元",))


fens = st.integers(-50_00, 50_00).filter(bool)
small = st.integers(-5, 5).filter(bool)
Row = tuple[bool, int, int]
"""(ours, days after 1 March, fen)."""
rows = st.tuples(st.booleans(), st.integers(0, 59), fens)


def item_of(number: int, row: Row, match: int | None, line: int = 1) -> BookItem | LineItem:
    ours, offset, fen = row
    day = march(1) + timedelta(offset)
    if ours:
        return BookItem(seq=number, line=line, day=day, fen=fen, match=match)
    return LineItem(statement=number, number=line, line=BankLine(day=day, fen=fen), match=match)


@st.composite
def histories(draw: st.DrawFn) -> list[BookItem | LineItem]:
    """Draw an opening balance, rows of both sides in no match, and rows in matches, each completed so that its sides are equal."""
    drawn: list[tuple[Row, int | None]] = [(row, None) for row in draw(st.lists(rows, max_size=8))]
    for match, members in enumerate(draw(st.lists(st.lists(rows, min_size=1, max_size=5), max_size=5))):
        residue = sum(fen if ours else -fen for ours, _, fen in members)
        ours, offset = draw(st.booleans()), draw(st.integers(0, 59))
        rest: list[Row] = [(ours, offset, -residue if ours else residue)] if residue else []
        drawn += [(row, match) for row in (*members, *rest)]
    opening: Row = (False, -1, draw(st.integers(1, 100_00)))
    found = [item_of(0, opening, None, line=0)] if draw(st.booleans()) else []
    return [*found, *(item_of(number, row, match) for number, (row, match) in enumerate(drawn, start=1))]


@given(histories(), st.integers(-1, 60))
def test_for_any_history_both_adjusted_sides_are_equal_on_any_day(items: list[BookItem | LineItem], offset: int) -> None:
    day = march(1) + timedelta(offset)
    booked = sum(item.fen for item in items if isinstance(item, BookItem) and item.day <= day)
    banked = sum(item.fen for item in items if isinstance(item, LineItem) and item.day <= day)
    found = sheet("B", "K", day, (booked, banked), day + timedelta(1), items, 90)
    assert found.adjusted_book_fen == found.adjusted_bank_fen
    assert found.balances
    assert all(item.fen > 0 for item in found.items)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_history_in_the_database_reconciles_whatever_is_matched_and_unmatched(engine: Engine, data: st.DataObject) -> None:
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", autoflush=False) as session:
            account = begin_account(session, open_city(session)["RCF"])
            opening = data.draw(st.integers(0, 50_00))
            book(session, "entry/first", march(1) - timedelta(5), 1_000_000_00)  # nobody pays what is not there
            for number, (offset, fen) in enumerate(data.draw(st.lists(st.tuples(st.integers(-5, 60), small), max_size=12))):
                book(session, f"entry/{number:04}", march(1) + timedelta(offset), fen)
            for month, last in ((date(2017, 3, 1), march(31)), (date(2017, 4, 1), date(2017, 4, 30))):
                moved = data.draw(st.lists(st.tuples(st.integers(0, 29), small), max_size=8))
                rows = lines(*((month + timedelta(offset), fen) for offset, fen in sorted(moved)))
                take(session, account, statement(month, last, opening, *rows))
                opening += sum(line.fen for line in rows)
            matching.match_by_rules(session, account, "出纳")
            for found in matches(session, account):
                if data.draw(st.booleans()):
                    matching.unmatch(session, account, found.id, "试", "出纳")
            session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            for day in (date(2017, 2, 27), march(10), march(31), date(2017, 4, 7), date(2017, 4, 30)):
                assert not sheets.sheet_of(session, account, day).faults
            assert all(check.ok for check in wiring.verify(session) if "bank reconciliation" in check.check)
        transaction.rollback()


# Statements


def test_a_statement_must_add_up_and_lie_within_its_days() -> None:
    with pytest.raises(
        StatementRefused, match=r"期初余额 1\.00 加本期发生额 2\.00 应为 3\.00，对账单的期末余额是 3\.01，相差 0\.01 元"
    ):
        Statement(start=march(1), end=march(2), opening_fen=100, closing_fen=301, lines=lines((march(1), 200)))
    with pytest.raises(StatementRefused, match="不在 2017-03-01 至 2017-03-01 之内"):
        statement(march(1), march(1), 0, *lines((march(2), 200)))
    with pytest.raises(StatementRefused, match="金额为零"):
        statement(march(1), march(1), 0, *lines((march(1), 0)))
    with pytest.raises(StatementRefused, match="晚于截止日"):
        statement(march(2), march(1), 0)


KNOWN = statement(march(1), march(20), 500, *lines((march(2), 100, {"serial": "1"}), (march(15), -30), (march(20), 7)))


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (statement(march(22), march(31), 577), "缺少 2017-03-21 至 2017-03-21 的对账单"),
        (statement(march(21), march(31), 578), r"期初余额 5\.78 与上一份对账单 2017-03-20 的余额 5\.77 不符"),
        (statement(date(2017, 2, 1), march(31), 577), "早于已导入的首份对账单"),
        (statement(march(15), march(31), 600, *lines((march(15), -30))), "缺少 2017-03-20 的 0.07 元一笔"),
        (
            statement(march(15), march(31), 600, *lines((march(15), -30), (march(15), 1), (march(20), 7))),
            "多出 2017-03-15 的 0.01",
        ),
        (
            statement(march(1), march(20), 500, *lines((march(2), 100), (march(15), -30), (march(20), 7))),
            "多出 2017-03-02 的 1.00",
        ),
    ],
)
def test_a_statement_that_does_not_continue_the_last_is_refused(new: Statement, reason: str) -> None:
    with pytest.raises(StatementRefused, match=reason):
        continuation(KNOWN, new)


def test_what_overlaps_is_left_out_and_the_rest_is_taken() -> None:
    new = statement(march(15), march(31), 600, *lines((march(15), -30), (march(20), 7), (march(21), 1)))
    assert continuation(KNOWN, new) == statement(march(21), march(31), 577, *lines((march(21), 1)))
    assert continuation(KNOWN, KNOWN) is None
    assert continuation(KNOWN, statement(march(3), march(19), 600, *lines((march(15), -30)))) is None


def test_the_same_lines_twice_change_nothing(session: Session, account: BankAccount) -> None:
    take(session, account, KNOWN)
    before = contents(session)
    assert loading.take(session, account, KNOWN, "另一个文件.xlsx", "出纳") == loading.Taken(id=None, lines=0)
    assert contents(session) == before
    assert (
        loading.take(
            session, account, statement(march(20), march(31), 570, *lines((march(20), 7), (march(31), 1))), "x", "t"
        ).lines
        == 1
    )
    assert [item.fen for item in lines_of(session, account)] == [500, 100, -30, 7, 1]


def test_what_was_there_before_the_first_statement_is_matched_like_any_line(session: Session, account: BankAccount) -> None:
    for number, fen in enumerate((400, 150, -50)):
        book(session, f"old/{number}", date(2017, 2, 1 + number), fen)
    take(session, account, KNOWN)
    assert sheets.sheet_of(session, account, march(1)).balances
    made, _ = matching.match_by_rules(session, account, "出纳")
    assert [(one.rule, len(one.postings), len(one.lines)) for one in matches(session, account)] == [(Rule.OPENING, 3, 1)]
    assert len(made) == 1


def test_a_statement_is_undone_last_first_while_nothing_is_matched(session: Session, account: BankAccount) -> None:
    paid = book(session, "fund/GS0001", march(2), 600)
    first = take(session, account, KNOWN)
    second = take(session, account, statement(march(21), march(31), 577))
    with pytest.raises(StatementRefused, match=f"第 {first} 号之后还有第 {second} 号"):
        loading.undo(session, account, first, "出纳")
    loading.undo(session, account, second, "出纳")
    with pytest.raises(StatementRefused, match="没有第"):
        loading.undo(session, account, second, "出纳")
    number = matching.match(session, account, [paid], [(first, 0), (first, 1)], "", "出纳")
    before = contents(session)
    with pytest.raises(StatementRefused, match="有 2 笔已勾对"):
        loading.undo(session, account, first, "出纳")
    assert contents(session) == before
    matching.unmatch(session, account, number, "对错了", "出纳")
    loading.undo(session, account, first, "出纳")
    assert lines_of(session, account) == []
    assert take(session, account, KNOWN) > second


def test_no_statement_of_days_to_come(session: Session, account: BankAccount) -> None:
    with pytest.raises(FutureDate):
        take(session, account, statement(march(1), date(2017, 7, 1), 0))


def test_an_account_is_registered_once(session: Session, city: dict[str, Book]) -> None:
    account = begin_account(session, city["RCF"])
    assert registration.register(session, city["RCF"], "HMRCB", NUMBER, "别人") == account
    other = registration.SealedNumber(sealed=b"s", mark=b"other", masked="****9999")
    for book_, bank, number, reason in (
        (city["RCF"], "HMRCB", other, "已登记另一账号"),
        (city["RCF"], "ICBC", NUMBER, "已登记在 HMRCB"),
        (city["LB"], "HMRCB", NUMBER, "没有财政专户"),
    ):
        with pytest.raises(BankAccountRefused, match=reason):
            registration.register(session, book_, bank, number, "出纳")
    with pytest.raises(BankAccountRefused, match="尚未登记"):
        account_at(session, city["ISF"], "HMRCB")
    second = registration.register(session, city["RCF"], "ICBC", other, "出纳")
    assert (account.holds_unnamed, second.holds_unnamed) == (True, False)


def test_each_posting_belongs_to_one_account(session: Session, city: dict[str, Book]) -> None:
    first = begin_account(session, city["RCF"])
    second = registration.register(
        session, city["RCF"], "ICBC", registration.SealedNumber(sealed=b"s", mark=b"m2", masked="*"), "出纳"
    )
    keys = [
        book(session, "a/0001", march(1), 1),
        book(session, "a/0002", march(1), 2, dims=Dimensions(county="371621")),
        book(session, "a/0003", march(1), 3, dims=Dimensions(county="371621", bank="ICBC")),
    ]
    assert [[item.key for item in open_postings(session, one)] for one in (first, second)] == [keys[:2], keys[2:]]


# Matches


def test_refused_matches_leave_no_trace(session: Session, account: BankAccount) -> None:
    one, two = book(session, "fund/GS0001", march(2), 100), book(session, "fund/GS0002", march(2), 70)
    number = take(session, account, statement(march(1), march(31), 0, *lines((march(2), 100), (march(2), 70))))
    done = matching.match(session, account, [one], [(number, 1)], "", "出纳")
    before = contents(session)
    refused: Sequence[tuple[Sequence[PostingKey], Sequence[LineKey], str]] = (
        ([two], [], "至少要有两笔"),
        ([two, two], [], "至少要有两笔"),
        ([two], [(number, 9)], f"没有对账单行 {number}/9"),
        ([(two[0], 2)], [(number, 2)], f"没有分录 {two[0]}/2"),
        ([two], [(number, 1)], f"已在第 {done} 号勾对中"),
        ([one], [(number, 2)], f"已在第 {done} 号勾对中"),
    )
    for postings, rows, reason in refused:
        with pytest.raises(MatchRefused, match=reason):
            matching.match(session, account, postings, rows, "", "出纳")
    for number_, reason, why in ((done, " ", "须写明理由"), (done + 1, "错", f"没有第 {done + 1} 号勾对")):
        with pytest.raises(MatchRefused, match=why):
            matching.unmatch(session, account, number_, reason, "出纳")
    assert contents(session) == before
    matching.unmatch(session, account, done, "对错了", "出纳")
    with pytest.raises(MatchRefused, match=r"账面 1\.00 与对账单 0\.70 不等，相差 0\.30 元"):
        matching.match(session, account, [one], [(number, 2)], "", "出纳")
    with pytest.raises(MatchRefused, match="已取消"):
        matching.unmatch(session, account, done, "对错了", "出纳")
    assert matching.match(session, account, [one, two], [(number, 1), (number, 2)], "", "出纳") > done


def insert_match(session: Session, account: BankAccount, members: Sequence[tuple[int | None, ...]]) -> None:
    """Insert a match past the verbs that says it has two members at most, and ask the deferred law at once."""
    head = insert(bank_match).returning(bank_match.c.match_id)
    about = {"book_id": account.book_id, "bank": account.bank, "rule": "person", "reason": "", "actor": "t"}
    made = session.scalar(head.values(**about, members=min(len(members), 2)))
    names = ("seq", "line", "statement_id", "number")
    rows = [
        {"book_id": account.book_id, "match_id": made, "position": position, **dict(zip(names, member, strict=True))}
        for position, member in enumerate(members, start=1)
    ]
    session.execute(insert(bank_match_member), rows)
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


@pytest.mark.parametrize("wrong", ["unequal", "twice", "lone", "late"])
def test_the_database_holds_the_law_of_matches_too(session: Session, account: BankAccount, wrong: str) -> None:
    one, two = book(session, "fund/GS0001", march(2), 100), book(session, "fund/GS0002", march(2), 70)
    number = take(session, account, statement(march(1), march(31), 0, *lines((march(2), 100), (march(2), 70))))
    matching.match(session, account, [one], [(number, 1)], "", "出纳")
    members = {
        "unequal": [(*two, None, None), (None, None, number, 1)],
        "twice": [(*one, None, None), (None, None, number, 1)],
        "lone": [(*two, None, None)],
        "late": [(*two, None, None), (None, None, number, 2), (*two, None, None)],
    }[wrong]
    with pytest.raises(DBAPIError) as refusal:
        insert_match(session, account, members)
    assert getattr(refusal.value.orig, "sqlstate", None) == ("FP001" if wrong == "late" else "FP005")


@pytest.mark.parametrize("name", [table for table in TABLES if table.startswith("bank_")])
def test_facts_of_reconciliation_are_only_added(session: Session, name: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text(f"DELETE FROM ledger.{name}"))


def test_two_matchers_of_one_line_and_only_one_of_them_gets_it(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        account = begin_account(session, open_city(session, FIRST_DAY)["RCF"])
        keys = [book(session, f"fund/GS000{number}", march(2), 100) for number in range(4)]
        number = take(session, account, statement(march(1), march(31), 0, *lines((march(2), 100))))
    barrier, outcomes = threading.Barrier(4), []

    def try_to_match(key: PostingKey) -> None:
        barrier.wait()
        try:
            with unit_of_work(own_engine) as session:
                outcomes.append(matching.match(session, account, [key], [(number, 1)], "", "t"))
        except MatchRefused as refusal:
            outcomes.append(refusal)

    threads = [threading.Thread(target=try_to_match, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, int) for one in outcomes) == 1
    assert sum(isinstance(one, MatchRefused) for one in outcomes) == 3
    with unit_of_work(own_engine) as session:
        assert len(matches(session, account)) == 1


# Rules


def ours(*facts: tuple[int, int] | tuple[int, int, dict[str, object]]) -> list[BookItem]:
    """Return postings of March by (day, fen, more); the sequence is the position."""
    found = []
    for seq, one in enumerate(facts, start=1):
        more = {"reference": f"r/{seq}", "kind": "fund.contributed", "voucher": f"记-{seq}", **(one[2] if len(one) > 2 else {})}
        found.append(BookItem(**{"seq": seq, "line": 1, "day": march(one[0]), "fen": one[1], **more}))
    return found


def theirs(*facts: tuple[int, int] | tuple[int, int, dict[str, str]]) -> list[LineItem]:
    return [
        LineItem(statement=1, number=number, line=BankLine(day=march(one[0]), fen=one[1], **(one[2] if len(one) > 2 else {})))
        for number, one in enumerate(facts, start=1)
    ]


def told(postings: list[BookItem], rows: list[LineItem], *lessons: Lesson) -> list[tuple[Rule, bool, list[int], list[int]]]:
    """Return proposals as (rule, sure, sequences, numbers of lines)."""
    found = propose(postings, rows, lessons, PARAMETERS)
    return [(one.rule, one.sure, sorted(p.seq for p in one.postings), [row.number for row in one.lines]) for one in found]


def test_the_reference_counts_before_the_amount_and_whatever_the_date() -> None:
    postings = ours((1, 100, {"reference": "fund/GS2017001~2"}), (28, 100, {"reference": "fund/GS2017002"}))
    assert told(postings, theirs((2, 100, {"reference": "GS2017002"}), (2, 100, {"serial": "77"}))) == [
        (Rule.REFERENCE, True, [2], [1]), (Rule.AMOUNT, True, [1], [2]),
    ]  # fmt: skip
    assert told(postings[1:], theirs((2, 101, {"reference": "GS2017002"}))) == []


def test_an_amount_is_matched_within_the_window_if_it_is_the_only_one_on_both_sides() -> None:
    assert told(ours((6, 100)), theirs((1, 100))) == [(Rule.AMOUNT, True, [1], [1])]
    assert told(ours((7, 100)), theirs((1, 100))) == []
    assert told(ours((1, -100)), theirs((1, 100))) == []
    assert told(ours((1, 100), (2, 100)), theirs((1, 100))) == [(Rule.AMOUNT, False, [1], [1])]
    assert told(ours((1, 100)), theirs((3, 100), (2, 100))) == [(Rule.AMOUNT, False, [1], [2])]
    # The first posting is out of reach of the line, so the second is its only one.
    assert told(ours((1, 100), (4, 100)), theirs((8, 100))) == [(Rule.AMOUNT, True, [2], [1])]


def test_one_line_is_several_postings_of_a_day_and_the_other_way_round() -> None:
    assert told(ours((2, -30), (2, -70), (9, -100)), theirs((3, -100))) == [(Rule.PARTS, True, [1, 2], [1])]
    assert told(ours((2, 100)), theirs((3, 30, {"counterparty": "甲"}), (3, 70, {"counterparty": "甲"}), (3, 1))) == [
        (Rule.PARTS, True, [1], [1, 2])
    ]
    # Of one day but of two kinds: the kind tells them apart.
    mixed = ours((2, 30), (2, 70), (2, 5, {"kind": "guarantees.passed"}))
    assert told(mixed, theirs((2, 100))) == [(Rule.PARTS, True, [1, 2], [1])]


def test_parts_that_are_no_group_are_suggested_and_two_wholes_of_one_group_are_too() -> None:
    assert told(ours((1, 30), (2, 70), (3, 11)), theirs((3, 100))) == [(Rule.PARTS, False, [1, 2], [1])]
    assert [sure for _, sure, *_ in told(ours((2, 30), (2, 70)), theirs((2, 100), (3, 100)))] == [False, False]
    assert told(ours(*((1 + n % 5, 3 + n) for n in range(13))), theirs((3, 7))) == [(Rule.AMOUNT, True, [5], [1])]
    many = ours(*((1 + n % 5, 10 + n) for n in range(13)))
    assert told(many, theirs((3, 21)), *()) == [(Rule.AMOUNT, True, [12], [1])]
    assert told(many, theirs((3, 25))) == [], "thirteen are more than a search looks at"


def test_a_red_entry_and_its_original_cancel_out_without_the_bank() -> None:
    postings = ours((1, 100), (20, -100, {"reverses": 1}), (2, 100))
    assert told(postings, theirs((2, 100))) == [(Rule.RED, True, [1, 2], []), (Rule.AMOUNT, True, [3], [1])]
    assert told(postings[1:2], []) == [], "its original is matched already"


def test_a_person_teaches_which_kind_a_counterparty_means() -> None:
    taught = Lesson(pattern="惠民县财政局", kind="fund.contributed", narration="拨入", times=2)
    postings = ours((2, 100, {"kind": "guarantees.passed"}), (2, 100))
    rows = theirs((2, 100, {"counterparty": "惠民县财政局"}))
    assert told(postings, rows) == [(Rule.AMOUNT, False, [1], [1])]
    assert told(postings, rows, taught) == [(Rule.LEARNED, True, [2], [1])]
    (suggestion,) = propose([], rows, [taught], PARAMETERS)
    assert (suggestion.sure, suggestion.lesson) == (False, taught)
    assert suggestion.reason == "“惠民县财政局”以往 2 次勾对为 fund.contributed，摘要“拨入”，账上尚无此笔"


def test_no_list_and_no_reason_shows_a_persons_name() -> None:
    (line,) = theirs((2, 100, {"counterparty": "张三丰"}))
    (suggestion,) = propose([], [line], [Lesson(pattern="张三丰", kind="fund.contributed", narration="")], PARAMETERS)
    assert "张**" in suggestion.reason
    assert "三丰" not in suggestion.reason + line.text


def test_what_was_taught_is_not_sure_of_two_lines_nor_of_two_kinds() -> None:
    taught = [Lesson(pattern="甲", kind=kind, narration="") for kind in ("fund.contributed", "guarantees.passed")]
    rows = theirs((2, 100, {"counterparty": "甲"}), (3, 100, {"counterparty": "甲"}))
    assert [sure for _, sure, *_ in told(ours((2, 100)), rows, taught[0])] == [False] * 3
    postings = ours((2, 100), (2, 100, {"kind": "guarantees.passed"}))
    assert [sure for _, sure, *_ in told(postings, rows[:1], *taught)] == [False] * 3


def test_learning_follows_the_matches_that_stand(session: Session, account: BankAccount) -> None:
    first = book(session, "a/0001", march(2), 100)
    for reference, kind in (("b/0001", "guarantees.passed"), ("c/0001", "fund.contributed")):
        book(session, reference, march(20), 50, kind)
    named = {"text": "财政拨款20170302"}
    number = take(
        session,
        account,
        statement(march(1), march(31), 0, *lines((march(2), 100, named), (march(20), 50, {"text": "财政拨款20170320"}))),
    )
    done = matching.match(session, account, [first], [(number, 1)], "看过回单", "出纳")
    (sure,) = [one for one in matching.proposals(session, account) if one.sure]
    assert (sure.rule, sure.postings[0].reference) == (Rule.LEARNED, "c/0001")
    matching.unmatch(session, account, done, "对错了", "出纳")
    assert Rule.LEARNED not in {one.rule for one in matching.proposals(session, account)}


def test_the_rules_make_what_they_are_sure_of_once_and_never_what_they_only_suggest(
    session: Session, account: BankAccount
) -> None:
    book(session, "fund/GS0001", march(2), 100)
    book(session, "fund/GS0002", march(3), 100)
    book(session, "claim/Z1/paid", march(5), -40)
    wrong = book(session, "fund/GS0003", march(6), 9)
    reverse(session, BookCode(account.book), "fund/GS0003", march(7), "t", "误记")
    take(session, account, statement(march(1), march(31), 0, *lines((march(2), 100), (march(5), -40), (march(9), 100))))
    made, found = matching.match_by_rules(session, account, "出纳")
    assert [one.rule for one in matches(session, account)] == [Rule.RED, Rule.AMOUNT]
    assert wrong in matches(session, account)[0].postings
    assert len(made) == 2
    assert {one.rule for one in found if not one.sure} == {Rule.AMOUNT}
    before = contents(session)
    assert matching.match_by_rules(session, account, "出纳")[0] == []
    assert contents(session) == before
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


# Signing, and the month


def test_a_sheet_is_made_by_one_and_checked_by_another(session: Session, account: BankAccount) -> None:
    with pytest.raises(SigningRefused, match="缺少截至"):
        sheets.make(session, account, march(31), "出纳")
    book(session, "fund/GS0001", march(2), 100)
    take(session, account, statement(march(1), march(31), 0, *lines((march(2), 100))))
    with pytest.raises(SigningRefused, match="尚未编制"):
        sheets.check(session, account, march(31), "会计")
    for _ in range(2):
        found = sheets.make(session, account, march(31), "出纳")
    with pytest.raises(SigningRefused, match="审核须由他人"):
        sheets.check(session, account, march(31), "出纳")
    for _ in range(2):
        sheets.check(session, account, march(31), "会计")
    assert sheets.signers(session, account, found) == ("出纳", "会计")
    assert session.scalar(text("SELECT count(*) FROM ledger.bank_sheet")) == 2
    matching.match_by_rules(session, account, "出纳")
    changed = sheets.sheet_of(session, account, march(31))
    assert sheets.signers(session, account, changed) == (None, None), "what was signed is not what is there now"


def test_a_month_waits_for_its_statement_and_a_sheet_that_balances(session: Session, account: BankAccount) -> None:
    rcf = book_named(session, BookCode("RCF-371621"))
    book(session, "fund/GS0001", march(2), 100)
    check = next(one for one in wiring.period_checks() if isinstance(one, ReconciliationCheck))
    with pytest.raises(MonthNotReady, match="专户 HMRCB：缺少截至 2017-03-31 的对账单"):
        close_month(session, rcf, march(1), "主管", [check])
    take(session, account, statement(march(1), march(31), 0))
    found = ReconciliationCheck().findings(session, rcf, march(1))
    assert [(one.sentence, one.blocks) for one in found] == [
        ("专户 HMRCB：我已收银行未收 2017-03-02 1.00 记-1 摘要fund/GS0001", False)
    ]
    strict = ReconciliationCheck(MonthNeeds.NOTHING_OPEN).reasons_against_closing(session, rcf, march(1))
    assert [sentence[9:16] for sentence in strict] == ["2017-03", "我已收银行未收"]
    assert len(ReconciliationCheck(MonthNeeds.SIGNED).reasons_against_closing(session, rcf, march(1))) == 1
    sheets.make(session, account, march(31), "出纳")
    sheets.check(session, account, march(31), "会计")
    assert ReconciliationCheck(MonthNeeds.SIGNED).reasons_against_closing(session, rcf, march(1)) == []
    close_month(session, rcf, march(1), "主管", [check])


def test_cash_at_a_bank_without_a_registered_account_is_named(session: Session, city: dict[str, Book]) -> None:
    book(session, "fund/GS0001", march(2), 100)
    sentence = "HMRCB 的其他财政存款没有登记专户，无法对账"
    assert ReconciliationCheck().reasons_against_closing(session, city["RCF"], march(1)) == [sentence]
    assert ReconciliationCheck(MonthNeeds.NOTHING).reasons_against_closing(session, city["RCF"], march(1)) == []
    assert ReconciliationCheck().reasons_against_closing(session, city["LB"], march(1)) == []
    assert ReconciliationCheck().reasons_against_closing(session, city["RCF"], date(2017, 2, 1)) == []
