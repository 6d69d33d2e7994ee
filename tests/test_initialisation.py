"""What a book begins with: charts, opening balances and past journals, brought by one, approved by another, undone whole."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from conftest import open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_foreign_journals import COOPERATIVE, VILLAGE, of_beancount
from test_hundred_thousand import post_random
from test_interchange import AWKWARD
from test_vouchers import begin_on

from app import opening as plans
from app import wiring
from app.bookfiles import journals as files
from app.bookfiles import tables
from app.imports.sheet import SheetRefused
from app.opening import PlanRefused, open_books, read_plan
from ledger.books import Book, BookKind, book_named, open_book
from ledger.chart import CHARTS, COLUMNS, accounts_of, chart
from ledger.closing import close_month
from ledger.db import unit_of_work
from ledger.errors import BadChart, LedgerError, LoadRefused, PeriodClosed
from ledger.initialisation import review
from ledger.initialisation.charts import accounts_named, extend, load_chart
from ledger.initialisation.journals import loaded
from ledger.initialisation.load import File, Load, LoadedEntry, LoadKind, Stage, entry_from, facts_of
from ledger.initialisation.opening import OpeningLine, opening
from ledger.initialisation.queries import load_numbered, loads
from ledger.initialisation.taking import take
from ledger.interchange import beancount, hledger, table
from ledger.journal import BookCode, Dimensions, JournalEntry, Posting, Side, credit, debit
from ledger.posting import post, post_many
from ledger.queries import entries, trial_balance
from ledger.reversal import reverse

MAKER, CHECKER = "甲导入", "乙审核"
TODAY, EVE = date(2017, 3, 15), date(2016, 12, 31)
AT_BANK = Dimensions(bank="HMRCB")
BALANCES = (
    OpeningLine(line=2, account="1004", side=Side.DEBIT, fen=50_000_000, dimensions=AT_BANK),
    OpeningLine(line=3, account="3007", side=Side.CREDIT, fen=50_000_000),
)


@pytest.fixture
def rcf(session: Session, city: dict[str, Book]) -> Book:
    begin_on(session, TODAY)
    return city["RCF"]


def archive(session: Session, like: Book, code: str = "ARC-371621-OLD") -> Book:
    """An archive with the accounts of another book."""
    accounts = chart("loan-2016" if like.kind is BookKind.LOANS else "fund-2016", like.kind)
    return open_book(session, BookCode(code), BookKind.ARCHIVE, "旧账", "371621", None, "old", accounts)


def brought(session: Session, book: Book, *found: LoadedEntry, kind: LoadKind = LoadKind.JOURNAL, name: str = "f") -> Load:
    return take(session, book, kind, File(name=name, sha256=name), found, MAKER)


def begun(session: Session, book: Book, name: str = "期初") -> Load:
    return brought(session, book, opening(EVE, BALANCES), kind=LoadKind.OPENING, name=name)


def held(session: Session, book: Book) -> dict[str, int]:
    return {line.account: line.turnover.balance_fen for line in trial_balance(session, [book.id]) if line.turnover.balance_fen}


def refused(session: Session, deed: Callable[[], object], match: str, kind: type[LedgerError] = LoadRefused) -> None:
    """Expect a refusal that leaves no trace."""

    def trace() -> tuple[object, ...]:
        query = "SELECT (SELECT count(*) FROM ledger.load), (SELECT count(*) FROM ledger.load_step), (SELECT count(*) FROM ledger.posting)"
        return tuple(session.execute(text(query)).one())

    before = trace()
    with pytest.raises(kind, match=match), session.begin_nested():
        deed()
    assert trace() == before


# --- opening balances --------------------------------------------------------------------------------------------------


def test_opening_balances_stand_on_the_eve_once_another_approved_them(session: Session, rcf: Book) -> None:
    one = begun(session, rcf)
    assert (one.stage, held(session, rcf)) == (Stage.WAITING, {})
    assert begun(session, rcf) == one  # the same file again
    one = review.approve(session, one, CHECKER)
    assert one.stage is Stage.POSTED
    (stored,) = entries(session, rcf.id)
    entry = stored.entry
    assert (entry.value_date, entry.kind, entry.maker, entry.checker) == (EVE, "ledger.opening", MAKER, CHECKER)
    assert held(session, rcf) == {"1004": 50_000_000, "3007": -50_000_000}
    assert trial_balance(session, [rcf.id], until=date(2016, 12, 30)) == []
    assert all(check.ok for check in wiring.verify(session))


def test_who_brought_balances_can_not_approve_them(session: Session, rcf: Book) -> None:
    one = begun(session, rcf)
    refused(session, lambda: review.approve(session, one, MAKER), "不能审核")
    with pytest.raises(DBAPIError, match="不得审核"), session.begin_nested():
        session.execute(
            text("INSERT INTO ledger.load_step (book_id, load_id, kind, reason, actor) VALUES (:b, :l, 'approved', '', :a)"),
            {"b": rcf.id, "l": one.id, "a": MAKER},
        )


@pytest.mark.parametrize("event", ["load/{0}", "load/0", ""])
@pytest.mark.parametrize("kind", ["ledger.opening", "ledger.loaded"])
def test_the_database_posts_no_load_that_nobody_approved(session: Session, rcf: Book, event: str, kind: str) -> None:
    one = begun(session, rcf)
    entry = JournalEntry(
        book=rcf.code, reference="x", kind=kind, value_date=EVE, narration="x", postings=(debit("1004", 1), credit("3007", 1)),
        event=event.format(one.id), maker=MAKER, checker=CHECKER,
    )  # fmt: skip
    with pytest.raises(DBAPIError, match="未经审核"), session.begin_nested():
        post(session, entry)


def test_balances_that_can_not_be_are_refused_row_by_row(session: Session, rcf: Book) -> None:
    lines = (
        OpeningLine(line=2, account="1004", side=Side.DEBIT, fen=100),
        OpeningLine(line=3, account="1036.01", side=Side.DEBIT, fen=50),
        OpeningLine(line=4, account="1999", side=Side.CREDIT, fen=149),
    )
    with pytest.raises(LoadRefused) as refusal:
        brought(session, rcf, opening(EVE, lines), kind=LoadKind.OPENING)
    told = {fault.line: fault.reason for fault in refusal.value.faults}
    assert "须填辅助核算“银行”" in told[2]
    assert "由系统业务记账" in told[3]
    assert told[4] == "没有科目 1999"
    assert "借贷不平，相差 0.01 元" in told[0]
    late = opening(date(2017, 3, 16), BALANCES)
    refused(session, lambda: brought(session, rcf, late, kind=LoadKind.OPENING), "晚于营业日")


def test_a_book_with_entries_takes_no_opening_balances(session: Session, rcf: Book) -> None:
    one = begun(session, rcf)
    lines = (debit("1004", 1, AT_BANK), credit("4007.01", 1))
    post(session, JournalEntry(book=rcf.code, reference="f", kind="fund", value_date=TODAY, narration="x", postings=lines))
    refused(session, lambda: review.approve(session, one, CHECKER), "期初余额只能在第一张凭证之前导入")
    refused(session, lambda: begun(session, rcf, "二"), "期初余额只能在第一张凭证之前导入")
    past = LoadedEntry(line=1, day=EVE, reference="x", narration="x", postings=lines)
    refused(session, lambda: brought(session, rcf, past), "初始化已结束")
    assert review.discard(session, one, "重做", CHECKER).stage is Stage.DISCARDED


def test_balances_are_undone_whole_and_brought_anew_while_nothing_stands_on_them(session: Session, rcf: Book) -> None:
    one = review.approve(session, begun(session, rcf), CHECKER)
    refused(session, lambda: review.undo(session, one, " ", MAKER), "须说明理由")
    assert review.undo(session, one, "金额有误", MAKER).stage is Stage.UNDONE
    assert held(session, rcf) == {}
    refused(session, lambda: review.undo(session, one, "再来", MAKER), "已撤销，不能撤销")
    again = review.approve(session, begun(session, rcf), CHECKER)
    assert again.id != one.id
    assert [stored.entry.reference for stored in entries(session, rcf.id)] == [
        f"opening/{EVE}", f"reversal/opening/{EVE}", f"opening/{EVE}~2",
    ]  # fmt: skip
    lines = (debit("1004", 1, AT_BANK), credit("4007.01", 1))
    post(session, JournalEntry(book=rcf.code, reference="f", kind="fund", value_date=TODAY, narration="x", postings=lines))
    refused(session, lambda: review.undo(session, again, "晚了", MAKER), "之后已有凭证")
    assert all(check.ok for check in wiring.verify(session))


def test_balances_of_a_closed_month_stay(session: Session, rcf: Book) -> None:
    one = review.approve(session, begun(session, rcf), CHECKER)
    close_month(session, rcf, date(2016, 12, 1), "t")
    refused(session, lambda: review.undo(session, one, "x", MAKER), "已结账", PeriodClosed)


def sheet(path: Path, *rows: tuple[object, ...]) -> Path:
    if path.suffix == ".xlsx":
        workbook = Workbook()
        for row in rows:
            workbook.active.append(row)
        workbook.save(path)
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize("name", ["期初.xlsx", "期初.csv"])
def test_a_file_of_balances_is_read_by_its_headings(tmp_path: Path, name: str) -> None:
    path = sheet(
        tmp_path / name, ("科目编码", "科目名称", "借方余额", "贷方余额", "银行"), ("1004", "其他财政存款", 500000, "", "HMRCB"),
        ("3007", "专用基金结余", "", "500,000.00", ""), ("4007.02", "利息", 0, "", ""),
    )  # fmt: skip
    _, lines, faults = tables.read_opening(path)
    assert (tuple(lines), faults) == (BALANCES, [])


def test_a_file_of_balances_that_do_not_balance_says_so(tmp_path: Path) -> None:
    head = ("科目编码", "借方余额", "贷方余额")
    _, _, faults = tables.read_opening(sheet(tmp_path / "a.csv", head, ("1004", "5", ""), ("3007", "", "4.99")))
    assert [(one.line, one.reason) for one in faults] == [(0, "期初余额借贷不平，相差 0.01 元（借方多）")]
    _, _, faults = tables.read_opening(sheet(tmp_path / "b.csv", head, ("1004", "5", "5"), ("3007", "x", "")))
    assert [(one.line, one.reason) for one in faults] == [(2, "借方余额与贷方余额只能填一个"), (3, "不是金额")]
    with pytest.raises(SheetRefused, match="缺少列：贷方余额"):
        tables.read_opening(sheet(tmp_path / "c.csv", ("科目编码", "借方余额"), ("1004", "5")))


# --- past journals -----------------------------------------------------------------------------------------------------


def export(session: Session, book: Book, path: Path) -> Path:
    """Write a book as the ending of a path says."""
    if path.suffix == ".xlsx":
        table.write_xlsx(session, [book], path)
    else:
        writer = {".hledger": hledger.journal, ".beancount": beancount.journal, ".csv": table.csv_journal}[path.suffix]
        path.write_text("".join(writer(session, [book])), encoding="utf-8", newline="\n")
    return path


def carried(session: Session, path: Path, book: Book, targets: Path | None = None, commodity: str | None = None) -> Load:
    """Take a file all the way into a book."""
    read = files.read(path, commodity)
    assert not read.journal.faults
    found, faults = loaded(read.journal, read.sha256, files.read_targets(targets) if targets else None)
    assert not faults
    one = take(session, book, LoadKind.JOURNAL, File(name=path.name, sha256=read.sha256), found, MAKER)
    return review.approve(session, one, CHECKER)


def essence(session: Session, book: Book) -> list[tuple[object, ...]]:
    """What must come back: all of an entry but its people, its kind, and its place in the book's sequence."""
    stored = list(entries(session, book.id))
    places = {one.seq: place for place, one in enumerate(stored)}
    return [
        (
            e.reference, e.value_date, e.word, one.number, e.narration, e.postings,
            None if e.reverses is None else places[e.reverses],
        )
        for one in stored
        for e in (one.entry,)
    ]  # fmt: skip


@pytest.mark.parametrize("ending", [".hledger", ".beancount", ".csv", ".xlsx"])
def test_what_was_exported_comes_back_as_it_was(session: Session, city: dict[str, Book], tmp_path: Path, ending: str) -> None:
    begin_on(session, date(2017, 12, 31))
    texts = [one for one in AWKWARD if ending != ".xlsx" or not set("\x01\r") & set(one)]  # a workbook can't hold these
    rcf, lines = city["RCF"], (debit("1004", 500, AT_BANK), credit("4007.01", 500, Dimensions(project="a,b;[c]", loan_id=7)))
    post_many(
        session,
        [
            JournalEntry(
                book=rcf.code, reference=f"r/{n}/{one}".strip(), kind="x", value_date=date(2017, 1 + n % 3, 2), narration=one,
                postings=lines, word="收" if n % 2 else "记",
            )
            for n, one in enumerate(texts)
        ],
    )  # fmt: skip
    post_random(session, [rcf], 300, texts)
    reverse(session, rcf.code, "r/0/" + texts[0], date(2017, 5, 3), "t", "重复")
    old = archive(session, rcf)
    one = carried(session, export(session, rcf, tmp_path / f"j{ending}"), old)
    assert essence(session, old) == essence(session, rcf)
    assert held(session, old) == held(session, rcf)
    assert one.entries == len(essence(session, rcf))
    # … and the archive's own export is that of the book, but for people and kinds
    again = export(session, old, tmp_path / "again.hledger").read_text().replace(old.code, rcf.code)
    assert again == export(session, rcf, tmp_path / "first.hledger").read_text()


def test_a_loan_books_nights_come_back_too(session: Session, city: dict[str, Book], tmp_path: Path) -> None:
    from test_loan_life import bullet_loan, close_nights

    close_nights(session, date(2017, 1, 1), date(2017, 1, 1))
    bullet_loan(session, city["LB"], date(2017, 1, 2), 5_000_000, [])
    close_nights(session, date(2017, 1, 2), date(2017, 4, 2))
    old = archive(session, city["LB"])
    carried(session, export(session, city["LB"], tmp_path / "j.hledger"), old)
    assert essence(session, old) == essence(session, city["LB"])
    assert all(check.ok for check in wiring.verify(session))


def test_a_foreign_journal_becomes_an_archive_with_a_chart_of_its_own(session: Session, rcf: Book, tmp_path: Path) -> None:
    path = tmp_path / "old.beancount"
    path.write_text(COOPERATIVE)
    chart_file, targets = tmp_path / "chart.csv", tmp_path / "map.toml"
    assert files.write_proposal(files.read(path).journal, chart_file, targets) == 5
    rows, faults = tables.read_chart(chart_file)
    assert not faults
    assert load_chart(session, "coop", rows, MAKER)
    accounts = accounts_named(session, "coop", BookKind.ARCHIVE)
    old = open_book(session, BookCode("ARC-COOP"), BookKind.ARCHIVE, "合作社旧账", "371621", None, "coop", accounts)
    carried(session, path, old, targets)
    theirs = of_beancount(path)
    assert {line.title: line.turnover.balance_fen for line in trial_balance(session, [old.id])} == theirs
    assert {one.title: one.side for one in accounts}["Assets:Cash"] == "D"
    assert all(check.ok for check in wiring.verify(session))


def test_a_map_leads_foreign_accounts_to_a_working_book_with_their_dimensions(
    session: Session, rcf: Book, tmp_path: Path
) -> None:
    path, targets = tmp_path / "old.journal", tmp_path / "map.toml"
    path.write_text("2016-05-01 * 利息\n  资产:农商行  12.50 CNY\n  收入:利息\n")
    targets.write_text(
        '[accounts]\n"资产:农商行" = { account = "1004", bank = "HMRCB" }\n"收入:利息" = { account = "4007.02", bank = "HMRCB" }\n'
    )
    carried(session, path, rcf, targets)
    (stored,) = entries(session, rcf.id)
    assert stored.entry.postings == (debit("1004", 1_250, AT_BANK), credit("4007.02", 1_250, AT_BANK))
    assert stored.entry.reference == f"{files.read(path).sha256[:12]}/1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("accounts = 1\n", "应只有"),
        ("[accounts\n", "不是有效的 TOML"),
        ('[accounts]\n"a" = 5\n', "应为科目编码"),
        ('[accounts]\n"a" = { account = "1004", colour = "red" }\n', "应为科目编码"),
        ('[accounts]\n"a" = { account = 1004 }\n', "应为文字"),
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(SheetRefused, match=reason):
        files.read_targets(tmp_path / "map.toml")


def test_what_no_map_names_and_files_of_several_books_are_refused(session: Session, city: dict[str, Book]) -> None:
    journal = files.hledger_reading.read(VILLAGE)
    found, faults = loaded(journal, "0" * 64, {})
    assert len(faults) == sum(len(entry.postings) for entry in journal.entries)
    assert faults[0].reason == "科目 资产:银行 不在对照表中"
    text = "2016-01-01 x\n  RCF-1:1004  1 CNY\n  ISF-1:1004\n"
    _, faults = loaded(files.hledger_reading.read(text), "0" * 64, None)
    assert [fault.reason for fault in faults] == ["文件含多个账套：ISF-1、RCF-1，每个账套须各自导出"]
    assert found


def test_what_an_archive_holds_is_history_and_breaks_no_tie(session: Session, rcf: Book) -> None:
    old = archive(session, rcf)
    lines = (credit("1004", 500), debit("9101", 500))
    review.approve(
        session, brought(session, old, LoadedEntry(line=1, day=EVE, reference="x", narration="x", postings=lines)), CHECKER
    )
    assert held(session, old) == {"1004": -500, "9101": 500}
    assert all(check.ok for check in wiring.verify(session))


def test_loads_are_undone_the_last_first_and_brought_anew(session: Session, rcf: Book, tmp_path: Path) -> None:
    old = archive(session, rcf)
    lines = (debit("1004", 500), credit("4007.01", 500))
    post(session, JournalEntry(book=rcf.code, reference="a", kind="x", value_date=TODAY, narration="x", postings=lines))
    reverse(session, rcf.code, "a", TODAY, "t", "错")
    post(session, JournalEntry(book=rcf.code, reference="b", kind="x", value_date=TODAY, narration="x", postings=lines))
    path = export(session, rcf, tmp_path / "j.csv")
    first = carried(session, path, old)
    (tmp_path / "k.hledger").write_text("2016-01-01 x\n  1004  3 CNY\n  3007\n")
    second = carried(session, tmp_path / "k.hledger", old)
    refused(session, lambda: review.undo(session, first, "x", MAKER), "之后已有凭证")
    review.undo(session, second, "x", MAKER)
    review.undo(session, first, "x", MAKER)
    assert held(session, old) == {}
    third = carried(session, path, old)
    assert held(session, old) == held(session, rcf)
    assert [one.stage for one in loads(session, old)] == [Stage.UNDONE, Stage.UNDONE, Stage.POSTED]
    assert load_numbered(session, old, third.id) == third
    assert all(check.ok for check in wiring.verify(session))


def test_a_red_entry_needs_what_it_reverses_and_once(session: Session, rcf: Book) -> None:
    lines = (debit("1004", 500), credit("4007.01", 500))
    old = archive(session, rcf)

    def entry(seq: int, reverses: int | None) -> LoadedEntry:
        return LoadedEntry(line=seq, day=EVE, reference=f"r{seq}", narration="", postings=lines, seq=seq, reverses=reverses)

    refused(session, lambda: brought(session, old, entry(1, 9)), "不在文件中")
    refused(session, lambda: brought(session, old, entry(1, None), entry(2, 1), entry(3, 1)), "被冲销两次")
    refused(session, lambda: brought(session, old, entry(1, None), entry(1, None)), "流水号 r1 重复")
    refused(session, lambda: brought(session, old), "没有凭证")


def test_rows_of_a_journal_that_can_not_be_are_named(tmp_path: Path) -> None:
    head = ("凭证号", "日期", "摘要", "科目编码", "方向", "金额")
    path = sheet(
        tmp_path / "j.csv", head, ("记-1", "2016-01-05", "x", "1004", "借", "5"), ("记-1", "2016-01-05", "x", "3007", "贷", "4.99"),
        ("记-2", "2016-01-06", "x", "1004", "出", "5"), ("记-3", "2016-01-06", "x", "1004", "借", "1"),
        ("记-3", "2016-01-07", "y", "3007", "贷", "1"), ("记-1", "2016-01-05", "x", "3007", "贷", "1"),
    )  # fmt: skip
    _, journal = tables.read_journal(path)
    told = {(fault.line, fault.reason) for fault in journal.faults}
    assert (2, "借贷不平，相差 0.01 元") in told
    assert (4, "方向应为 借 或 贷") in told
    assert (6, "同一凭证的日期、摘要或流水号不一致") in told
    assert (7, "同一凭证的分录应连续排列") in told
    assert not journal.entries


@given(st.builds(
    LoadedEntry, line=st.integers(0, 9), day=st.dates(), reference=st.text(max_size=9), narration=st.text(max_size=9),
    postings=st.tuples(st.builds(Posting, st.text(max_size=4), st.sampled_from(Side), st.integers(-9, 9), st.builds(Dimensions))),
    seq=st.none() | st.integers(), lines=st.just(()) | st.just((3,)),
))  # fmt: skip
def test_an_entry_comes_back_as_it_was_stored(entry: LoadedEntry) -> None:
    assert entry_from(facts_of(entry)) == entry


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["bring", "approve", "discard", "undo"]), st.sampled_from((MAKER, CHECKER))), max_size=9
    )
)
def test_whatever_people_do_nothing_stands_that_another_did_not_approve(
    session: Session, rcf: Book, steps: list[tuple[str, str]]
) -> None:
    with session.begin_nested() as kept:
        for deed, actor in steps:
            try:
                with session.begin_nested():
                    _do(session, rcf, deed, actor)
            except LedgerError:
                pass
        standing = [one for one in loads(session, rcf) if one.stage is Stage.POSTED]
        assert len(standing) <= 1
        assert held(session, rcf) == ({"1004": 50_000_000, "3007": -50_000_000} if standing else {})
        for stored in entries(session, rcf.id):
            assert stored.entry.maker != stored.entry.checker
        kept.rollback()


def _do(session: Session, book: Book, deed: str, actor: str) -> None:
    if deed == "bring":
        name = f"f{len(loads(session, book)) % 2}"
        take(session, book, LoadKind.OPENING, File(name=name, sha256=name), [opening(EVE, BALANCES)], actor)
        return
    *_, last = loads(session, book) or [None]
    if last is None:
        raise LoadRefused(book.code, "nothing")
    match deed:
        case "approve":
            review.approve(session, last, actor)
        case "discard":
            review.discard(session, last, "x", actor)
        case _:
            review.undo(session, last, "x", actor)


def test_a_load_really_committed_holds_the_deferred_laws(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        book = open_city(session)["RCF"]
    with unit_of_work(own_engine) as session:
        one = begun(session, book_named(session, book.code))
    with unit_of_work(own_engine) as session:
        review.approve(session, one, CHECKER)
    with unit_of_work(own_engine) as session:
        review.undo(session, one, "x", CHECKER)
        assert held(session, book) == {}
    for table_name in ("load", "loaded_entry", "load_step", "loaded_chart"):
        with own_engine.connect() as connection, pytest.raises(DBAPIError):
            connection.execute(text(f"DELETE FROM ledger.{table_name}"))


# --- charts ------------------------------------------------------------------------------------------------------------


def fund_rows() -> list[dict[str, str]]:
    with (CHARTS / "fund-2016.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


NEW = dict(zip(COLUMNS, ("RCF ISF", "5007.05", "专用基金支出—审计费", "D", "", "3007", "yes", "bank", ""), strict=True))


@pytest.mark.parametrize("name", ["chart.csv", "chart.xlsx"])
def test_a_chart_file_is_read_by_chinese_or_our_own_headings(tmp_path: Path, name: str) -> None:
    rows = fund_rows()
    ours = sheet(tmp_path / f"ours-{name}", tuple(COLUMNS), *(tuple(row.values()) for row in rows))
    words = {"D": "借", "C": "贷", "B": "借贷", "yes": "是", "bank": "银行", "project": "项目"}
    cells = [
        [words.get(value, value) if key in ("side", "manual", "needs", "limited") else value for key, value in row.items()]
        for row in rows
    ]
    theirs = sheet(tmp_path / name, tuple(tables.CHART_HEADINGS.values()), *cells)
    assert tables.read_chart(ours) == tables.read_chart(theirs) == (rows, [])


def test_another_countys_chart_is_loaded_and_a_plan_begins_with_it(session: Session, tmp_path: Path) -> None:
    assert load_chart(session, "fund-huimin-2017", [*fund_rows(), NEW], MAKER)
    assert not load_chart(session, "fund-huimin-2017", [*fund_rows(), NEW], MAKER)
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'first = 2017-01-01\nfund_chart = "fund-huimin-2017"\n[[bank]]\ncode = "HMRCB"\nname = "惠民农商行"\nrural = true\n'
        '[[county]]\nname = "惠民县"\nbanks = ["HMRCB"]\n'
    )
    open_books(session, read_plan(plan))
    book = book_named(session, BookCode("RCF-371621"))
    codes = set(session.scalars(text("SELECT code FROM ledger.account WHERE book_id = :b"), {"b": book.id}))
    assert codes == {one.code for one in chart("fund-2016", "RCF")} | {"5007.05"}
    plan.write_text(plan.read_text().replace("fund-huimin-2017", "none"))
    with pytest.raises((BadChart, PlanRefused)):
        open_books(session, read_plan(plan))
    assert plans.FUND_CHART == "fund-2016"


def test_a_chart_that_is_wrong_is_refused_with_its_row(session: Session) -> None:
    for change, reason in (
        ({"code": "1-4"}, "科目编码 1-4"), ({"side": "X"}, "余额方向"), ({"title": ""}, "没有科目名称"), ({"books": "XYZ"}, "适用账套"),
        ({"closes_to": "3999"}, "3999 不在科目表中"), ({"code": "1004"}, "重复"), ({"needs": "moon"}, "辅助核算"),
    ):  # fmt: skip
        with pytest.raises(BadChart, match=reason):
            load_chart(session, "bad", [*fund_rows(), NEW | change], MAKER)
    with pytest.raises(BadChart, match="另取名称"):
        load_chart(session, "fund-2016", [*fund_rows(), NEW], MAKER)
    load_chart(session, "small", [row for row in fund_rows() if row["code"] != "1036.01"], MAKER)
    with pytest.raises(BadChart, match=r"缺少系统业务所用的科目：1036\.01"):
        accounts_named(session, "small", BookKind.COMPENSATION)


def test_accounts_are_added_to_an_open_book_and_none_is_changed(session: Session, rcf: Book) -> None:
    rows = [*fund_rows(), NEW]
    assert extend(session, rcf, accounts_of("x", rows, rcf.kind), MAKER) == ["5007.05"]
    assert extend(session, rcf, accounts_of("x", rows, rcf.kind), MAKER) == []
    income = (debit("1004", 100, AT_BANK), credit("4007.02", 100, AT_BANK))
    post(session, JournalEntry(book=rcf.code, reference="i", kind="fund", value_date=TODAY, narration="x", postings=income))
    lines = (debit("5007.05", 100, AT_BANK), credit("1004", 100, AT_BANK))
    post(session, JournalEntry(book=rcf.code, reference="f", kind="fund", value_date=TODAY, narration="x", postings=lines))
    with pytest.raises(BadChart, match=r"科目 5007\.05 在账套中已有"):
        extend(session, rcf, accounts_of("x", [*fund_rows(), NEW | {"title": "别名"}], rcf.kind), MAKER)
    assert len(extend(session, rcf, accounts_of("x", [NEW | {"code": "5007.06", "closes_to": ""}], rcf.kind), MAKER)) == 1
