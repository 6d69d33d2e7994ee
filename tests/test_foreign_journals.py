"""Foreign journals: what we read of hledger, ledger and beancount files is what those programs read, and our own come back whole."""

import csv
import io
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from conftest import needs
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.initialisation.journals import loaded
from ledger.interchange import beancount, beancount_reading, hledger, hledger_reading
from ledger.interchange.foreign import YUAN, ForeignJournal
from ledger.journal import BookCode, Dimensions, JournalEntry, Posting, Side
from ledger.money import parse_yuan
from ledger.queries import StoredEntry

VILLAGE = """\
; 村集体的日记账，按 hledger 手册的写法
decimal-mark .
commodity ¥1,000.00
account 资产:银行  ; type:A
    ; 一个子指令
payee 县财政局

2016/01/01 * (100) 期初 | 结转  ; 第一笔
    资产:银行            ¥12,345.60
    资产:现金            ¥-45.60 = ¥-45.60
    权益:期初

2016-01-05=2016-01-07 ! 买化肥
    ; 整笔交易的注释
    支出:生产资料        1,000.00 CNY  ; 按次
    资产:银行           -1000 CNY = ¥11345.60

comment
2016-01-06 这一笔不算
    a  1 CNY
    b
end comment

2016.2.9 * 分红
  * 资产:银行\t ¥ 20.5
  收入:光伏:一期    ¥-10.25
  收入:光伏:二期    -¥10.25
  收入:光伏         ¥0 =* ¥-20.50

# 另一种注释
2016-02-01 迟记的零用
    支出:杂费     .50 CNY
    资产:银行    ¥-0.50 = ¥11345.10
"""

COOPERATIVE = """\
;; 合作社的账，按 beancount 手册的写法
option "title" "合作社"
option "operating_currency" "CNY"
plugin "beancount.plugins.unique_prices"

* 科目
2015-01-01 open Assets:Bank:Checking    CNY
  institution: "农商行; 营业部"
2015-01-01 open Assets:Bank
2015-01-01 open Assets:Cash
2015-01-01 open Equity:Opening-Balances
2015-01-01 open Income:Solar:Phase-1
2015-01-01 open Expenses:Fertiliser     CNY
2015-01-01 commodity CNY
  name: "人民币"

2016-01-01 * "期初结转"
  Assets:Bank:Checking         12,345.60 CNY
  Assets:Cash                     -45.60 CNY
  Equity:Opening-Balances

2016-01-05 ! "供销社" "买\\"化肥\\"; 按次" #spring ^invoice-7
  category: "生产资料"
  Expenses:Fertiliser           1000 CNY  ; 行末注释
    receipt: "a.pdf"
  ! Assets:Bank:Checking       -1000 CNY
2016-01-06 balance Assets:Bank  11345.60 CNY
2016-01-06 note Assets:Bank:Checking "对过账"
2016-02-09 txn "分红"
  Assets:Bank:Checking            20.50 CNY
  Income:Solar:Phase-1           -20.50 CNY
2016-02-10 balance Assets:Bank:Checking  11366.10 ~ 0.01 CNY
2016-03-01 price CNY  0.15 USD
2016-12-31 close Expenses:Fertiliser
"""


def sums(journal: ForeignJournal) -> dict[str, int]:
    assert not journal.faults
    totals: Counter[str] = Counter()
    for entry in journal.entries:
        for posting in entry.postings:
            totals[posting.account] += posting.fen
    return {account: fen for account, fen in totals.items() if fen}


def of_hledger(path: Path, commodity: str) -> dict[str, int]:
    """What hledger says that every account holds."""
    output = subprocess.run(
        [needs("hledger"), "-f", path, "bal", "-N", "--flat", "-O", "csv"], check=True, capture_output=True, text=True
    ).stdout
    rows = csv.DictReader(io.StringIO(output))
    return {row["account"]: parse_yuan(re.sub(commodity, "", row["balance"]).replace(" ", "").replace(",", "")) for row in rows}


def of_beancount(path: Path) -> dict[str, int]:
    """What beancount says that every account holds, once it finds no error."""
    from beancount import loader
    from beancount.core import realization

    found, errors, _ = loader.load_file(str(path))
    assert not errors
    held = {}
    for account in realization.iter_children(realization.realize(found), leaf_only=False):
        for position in account.balance:
            held[account.account] = int(position.units.number * 100)
    return {account: fen for account, fen in held.items() if fen}


def test_a_village_journal_is_read_as_hledger_reads_it(tmp_path: Path) -> None:
    # hledger takes ¥ and CNY for two currencies, we for one: it judges the journal with one name for both.
    alike = re.sub(r"([\d,.]+) CNY", r"¥\1", VILLAGE)
    path = tmp_path / "village.journal"
    path.write_text(alike)
    ours = sums(hledger_reading.read(VILLAGE))
    assert ours == sums(hledger_reading.read(alike)) == of_hledger(path, "¥")
    assert ours["资产:银行"] == 1_136_560


def test_a_cooperatives_file_is_read_as_beancount_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "cooperative.beancount"
    path.write_text(COOPERATIVE)
    read = beancount_reading.read(COOPERATIVE)
    assert sums(read) == of_beancount(path)
    assert read.entries[1].narration == '供销社 买"化肥"; 按次'
    assert [remark.split("：")[0] for remark in read.remarks] == ["第 2 行", "第 3 行", "第 4 行"]


def test_beancounts_own_example_is_read_as_beancount_reads_it(tmp_path: Path) -> None:
    """Its generator's years of a household: what is in dollars alone, without shares, holidays and their prices."""
    from beancount import loader
    from beancount.core.data import Open, Transaction
    from beancount.parser.printer import format_entry

    whole = tmp_path / "example.beancount"
    made = [Path(sys.executable).parent / "bean-example", "--seed", "7", "--date-begin", "2013-01-01", "--date-end", "2016-01-01"]
    whole.write_text(subprocess.run(made, check=True, capture_output=True, text=True).stdout)
    found, _, _ = loader.load_file(str(whole))
    kept = [
        entry
        for entry in found
        if isinstance(entry, Open)
        or (
            isinstance(entry, Transaction)
            and all(p.units.currency == "USD" and not p.cost and not p.price for p in entry.postings)
        )
    ]
    path = tmp_path / "dollars.beancount"
    path.write_text("\n".join(format_entry(entry) for entry in kept))
    read = beancount_reading.read(path.read_text(), YUAN | {"USD"})
    assert len(read.entries) > 500
    assert sums(read) == of_beancount(path)


def test_ledgers_own_sample_is_refused_line_by_line_for_what_it_has_that_we_have_not() -> None:
    sample = Path("/usr/share/doc/ledger/examples/sample.dat")
    if not sample.exists():
        pytest.skip("ledger's examples are not installed")
    read = hledger_reading.read(sample.read_text(), YUAN | {"$"})
    lines = sample.read_text().split("\n")
    told = {lines[fault.line - 1].split()[0]: fault.reason for fault in read.faults}
    assert told["="] == "不支持自动分录（=）"
    assert any("价格和成本" in fault.reason for fault in read.faults)
    assert any("币种 €" in fault.reason for fault in read.faults)
    assert not read.entries


HEAD = "2016-01-05 x\n  a  1 CNY\n"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("2016-01-05 x\n  a  1 CNY\n  b  -1.01 CNY\n", 1, "借贷不平，相差 0.01 元"),
        ("2016-01-05 x\n  a  1 CNY\n  b\n  c\n", 4, "只能有一行省略金额"),
        ("2016-02-30 x\n  a  1 CNY\n  b\n", 1, "没有这一天"),
        ("01-05 x\n  a  1 CNY\n  b\n", 1, "不是交易"),
        ("2016-01-05 x\n", 1, "没有分录"),
        (f"{HEAD}  b  -1 USD\n", 3, "币种 USD 不是人民币"),
        (f"{HEAD}  b  -1\n", 3, "没有币种"),
        (f"{HEAD}  b  -1.001 CNY\n", 3, "超过两位小数"),
        ("2016-01-05 x\n  a  1,000 CNY\n  b\n", 2, "逗号可能是千分位"),
        ("2016-01-05 x\n  a  1.000,00 CNY\n  b\n", 2, "不是金额"),
        (f"{HEAD}  b  -2 X @ 0.5 CNY\n", 3, "不支持价格和成本"),
        (f"{HEAD}  b  -2 X {{0.5 CNY}}\n", 3, "不支持价格和成本"),
        (f"{HEAD}  b\t-1 CNY\n", 3, "应有两个空格"),
        (f"{HEAD}  (b)  -1 CNY\n", 3, "不支持虚拟分录"),
        (f"{HEAD}  [b]  -1 CNY\n", 3, "不支持虚拟分录"),
        (f"{HEAD}  b  = 5 CNY\n", 3, "不支持余额赋值"),
        (f"{HEAD}  b  -1 CNY = 0 CNY\n", 3, "余额断言不成立：b 应为 0.00，实为 -1.00"),
        (f"{HEAD}  b  0 CNY = 1 CNY\n  c\n", 3, "余额断言不成立：b 应为 1.00，实为 0.00"),
        (f"{HEAD}  b  -1 CNY  ; date:2016-01-09\n", 3, "不支持分录自己的日期"),
        (f"{HEAD}  b  -1 CNY  ; [2016-01-09]\n", 3, "不支持分录自己的日期"),
        (f"{HEAD}  b  -1 CNY\n  b  one CNY\n", 4, "不是金额"),
        ("include other.journal\n", 1, "不支持引入其他文件"),
        ("alias a = b\n", 1, "不支持科目别名"),
        ("apply account x\n", 1, "不支持apply 指令"),
        ("P 2016-01-01 USD 6.5 CNY\n", 1, "不支持价格"),
        ("Y2016\n", 1, "不支持"),
        ("= a\n  b  1 CNY\n", 1, "不支持自动分录"),
        ("decimal-mark ,\n", 1, "小数点只能是 ."),
        ("  a  1 CNY\n", 1, "不属于任何交易"),
    ],
)
def test_what_can_not_be_taken_of_hledger_names_its_line(text: str, line: int, reason: str) -> None:
    read = hledger_reading.read(text)
    assert not read.entries
    assert [(fault.line, reason in fault.reason) for fault in read.faults] == [(line, True)], read.faults


T = '2016-01-05 * "x"\n  Assets:A  1 CNY\n'


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (f"{T}  Assets:B  -1.01 CNY\n", 1, "借贷不平，相差 0.01 元"),
        (f"{T}  Assets:B\n  Assets:C\n", 4, "只能有一行省略金额"),
        (f"{T}  Assets:B  -1 USD\n", 3, "币种 USD 不是人民币"),
        (f"{T}  Assets:B  -2 X {{0.5 CNY}}\n", 3, "不支持价格和成本"),
        (f"{T}  Assets:B  -1 CNY @ 6.5 USD\n", 3, "不支持价格和成本"),
        (f"{T}  Assets:B  (1-2) CNY\n", 3, "不是金额"),
        (f"{T}  nothing\n", 3, "不是分录"),
        ('2016-13-05 * "x"\n  Assets:A  1 CNY\n', 1, "没有这一天"),
        ('2016-01-05 * "x\ny"\n', 1, "不支持跨行的文字"),
        ('include "other.beancount"\n', 1, "不支持 include"),
        ("2016-01-01 pad Assets:A Equity:B\n", 1, "不支持 pad"),
        (f"{T}  Assets:B\n2016-01-05 balance Assets:A  1 CNY\n", 4, "余额断言不成立：Assets:A 应为 1.00，实为 0.00"),
        (f"{T}  Assets:B\n2016-01-06 balance Assets:A  1.01 CNY\n", 4, "应为 1.01，实为 1.00"),
        ("nonsense\n", 1, "不认识的指令"),
    ],
)
def test_what_can_not_be_taken_of_beancount_names_its_line(text: str, line: int, reason: str) -> None:
    read = beancount_reading.read(text)
    assert not read.entries
    assert (read.faults[0].line, reason in read.faults[0].reason) == (line, True), read.faults


def test_all_faults_are_found_at_once() -> None:
    text = f"{HEAD}  b  -1 USD\n\n{HEAD}  b  -1 EUR\n\n{HEAD}  b  -2 CNY\n"
    assert [fault.line for fault in hledger_reading.read(text).faults] == [3, 7, 9]


def test_what_stands_for_the_yuan_can_be_said() -> None:
    text = "2008/01/01 income\n  assets:bank  $1\n  income:salary  $-1\n"
    assert hledger_reading.read(text).faults
    assert sums(hledger_reading.read(text, YUAN | {"$"})) == {"assets:bank": 100, "income:salary": -100}


def test_a_bare_number_is_in_the_default_commodity() -> None:
    text = dedent("""\
        D ¥1,000.00
        2016-01-05 x
          a  1,000
          b
        """)
    assert sums(hledger_reading.read(text)) == {"a": 100_000, "b": -100_000}


# --- our own files come back whole -------------------------------------------------------------------------------------

CODES = st.sampled_from(["1004", "1303.01", "2015.02", "4007.01", "9201"])
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
FEN = st.integers(-(10**13), 10**13).filter(bool)
DIMENSIONS = st.builds(
    Dimensions,
    county=st.none() | st.just("371621"), bank=st.none() | st.just("HMRCB"), loan_id=st.none() | st.integers(1, 10**9),
    project=st.none() | TEXT.filter(bool), kind=st.none() | st.just("contract"),
)  # fmt: skip


@st.composite
def stored(draw: st.DrawFn) -> StoredEntry:
    """An entry as a journal may hold it: any text, red ink, dimensions."""
    lines = draw(st.lists(st.builds(Posting, CODES, st.sampled_from(Side), FEN, DIMENSIONS), min_size=1, max_size=4))
    residue = sum(p.fen if p.side is Side.DEBIT else -p.fen for p in lines)
    lines += [Posting("3001", Side.CREDIT, residue)] if residue else []
    entry = JournalEntry(
        book=BookCode("LB-371621-X"), reference=draw(TEXT.filter(bool)), kind="k", value_date=draw(st.dates(date(1900, 1, 1), date(2199, 1, 1))),
        narration=draw(TEXT), postings=tuple(lines), word=draw(st.sampled_from(["记", "收", "付(外)", "转;"])),
        reverses=draw(st.none() | st.integers(1, 99)),
    )  # fmt: skip
    return StoredEntry(entry=entry, seq=draw(st.integers(1, 10**9)), number=draw(st.integers(1, 10**6)))


NAMES = {
    code: f"Assets:LB-371621-X:{code.replace('.', '-')}" for code in ("1004", "1303.01", "2015.02", "4007.01", "9201", "3001")
}


def by_hledger(entries: list[StoredEntry]) -> ForeignJournal:
    return hledger_reading.read("".join(hledger.transaction(BookCode("LB-371621-X"), one) for one in entries))


def by_beancount(entries: list[StoredEntry]) -> ForeignJournal:
    return beancount_reading.read("".join(beancount.transaction(NAMES, one) for one in entries))


@pytest.mark.parametrize("way", [by_hledger, by_beancount])
@settings(max_examples=200)
@given(entries=st.lists(stored(), min_size=1, max_size=3))
def test_what_we_write_we_read(way: Callable[[list[StoredEntry]], ForeignJournal], entries: list[StoredEntry]) -> None:
    read = way(entries)
    assert not read.faults
    found, faults = loaded(read, "0" * 64, None)
    assert not faults
    for ours, back in zip(entries, found, strict=True):
        e = ours.entry
        assert (back.day, back.reference, back.narration, back.word) == (e.value_date, e.reference, e.narration, e.word)
        assert (back.seq, back.reverses, back.postings) == (ours.seq, e.reverses, e.postings)
