"""`fupin book` and `fupin export` as an operator meets them: charts, openings, journals, archives, and the year for auditors."""

import csv
from pathlib import Path

import pytest
from test_cli_bank import Desk
from test_cli_bank import desk as desk  # noqa: PLC0414 - a fixture
from test_foreign_journals import COOPERATIVE
from test_initialisation import NEW, fund_rows, sheet

from app.bookfiles.tables import CHART_HEADINGS

ISF, ARC = ("--book", "ISF-371621"), ("--book", "ARC-COOP")
BALANCES = (("科目编码", "借方余额", "贷方余额", "银行"), ("1004", 100, "", "HMRCB"), ("3007", "", 100, ""))


def test_opening_balances_are_brought_refused_approved_and_undone(desk: Desk) -> None:
    sheet(desk.folder / "期初.xlsx", *BALANCES)
    sheet(desk.folder / "错.csv", *BALANCES[:2], ("1036.03", "", 60, ""), ("3007", "", 39.99, ""))
    bring = ("book", "import", "opening", "期初.xlsx", *ISF, "--as-of", "2017-02-28", "--by", "甲")
    wrong = desk.run("book", "import", "opening", "错.csv", *ISF, "--as-of", "2017-02-28", "--by", "甲", code=1)
    assert "期初余额借贷不平，相差 0.01 元" in wrong
    assert "nothing was written" in desk.run(*bring, "--dry-run")
    assert "0 loads" in desk.run("book", "loads", *ISF)
    assert "load 1 (期初余额 期初.xlsx, 1 entries, 甲): 待审核" in desk.run(*bring)
    assert "甲 导入了批 1，不能审核" in desk.run("book", "approve", "1", *ISF, "--by", "甲", code=1)
    assert "已审核记账" in desk.run("book", "approve", "1", *ISF, "--by", "乙")
    assert "已审核记账" in desk.run("book", "loads", *ISF)
    assert "100.00,,HMRCB" in desk.run("export", "csv", *ISF)
    assert "已撤销" in desk.run("book", "undo", "1", *ISF, "--by", "甲", "--reason", "重做")
    assert "all ok" in desk.run("verify")
    assert "没有导入批 9" in desk.run("book", "approve", "9", *ISF, "--by", "乙", code=1)


def test_rows_that_a_book_refuses_are_shown_with_their_lines(desk: Desk) -> None:
    sheet(desk.folder / "错.csv", BALANCES[0], ("1004", 100, "", ""), ("1036.03", "", 100, ""))
    said = desk.run("book", "import", "opening", "错.csv", *ISF, "--as-of", "2017-02-28", "--by", "甲", code=1)
    assert "2 处错误" in said
    assert "须填辅助核算“银行”" in said
    assert "由系统业务记账" in said


def test_a_foreign_journal_becomes_an_archive_and_leaves_it_as_it_came(desk: Desk) -> None:
    (desk.folder / "old.beancount").write_text(COOPERATIVE)
    desk.run("book", "propose", "old.beancount", "--chart", "chart.csv", "--accounts", "map.toml")
    assert "kept chart coop of 5 rows" in desk.run("book", "import", "chart", "chart.csv", "--name", "coop", "--by", "甲")
    assert "is there already" in desk.run("book", "import", "chart", "chart.csv", "--name", "coop", "--by", "甲")
    opening = ("book", "open", "ARC-COOP", "--name", "合作社旧账", "--county", "371621", "--chart", "coop")
    assert "opened ARC-COOP with 5 accounts" in desk.run(*opening)
    assert "was open already" in desk.run(*opening)
    said = desk.run("book", "import", "journal", "old.beancount", *ARC, "--by", "甲", "--accounts", "map.toml")
    assert "load 1 (历史凭证 old.beancount, 3 entries, 甲): 待审核" in said
    assert "已略过" in said
    desk.run("book", "approve", "1", *ARC, "--by", "乙")
    for ending in ("hledger", "beancount", "csv", "xlsx"):
        desk.run("export", ending, *ARC, "-o", f"copy.{ending}")
        copy = ("book", "open", f"ARC-{ending.upper()}", "--name", "副本", "--county", "371621", "--chart", "coop")
        desk.run(*copy)
        into = ("--book", f"ARC-{ending.upper()}")
        said = desk.run("book", "import", "journal", f"copy.{ending}", *into, "--by", "甲")
        number = said.split(" load ")[1].split()[0]
        desk.run("book", "approve", number, *into, "--by", "乙")
        assert _postings(desk, into) == _postings(desk, ARC)
    assert "all ok" in desk.run("verify")
    assert "ARC-XLSX" in desk.run("book", "list")


def _postings(desk: Desk, book: tuple[str, str]) -> list[list[str]]:
    rows = list(csv.DictReader(desk.run("export", "csv", *book).splitlines()))
    return [[value for name, value in row.items() if name not in ("book", "maker", "checker")] for row in rows]


def test_accounts_are_added_to_an_open_book(desk: Desk) -> None:
    rows = [tuple((row | {}).values()) for row in (*fund_rows(), NEW)]
    sheet(desk.folder / "科目.xlsx", tuple(CHART_HEADINGS.values()), *rows)
    assert "added 1 accounts to ISF-371621 (新增科目): 5007.05" in desk.run(
        "book", "import", "chart", "科目.xlsx", *ISF, "--by", "甲"
    )
    assert "added 0 accounts" in desk.run("book", "import", "chart", "科目.xlsx", *ISF, "--by", "甲")
    assert "give --name" in desk.run("book", "import", "chart", "科目.xlsx", "--by", "甲", code=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("book", "import", "journal", "none.csv", *ISF, "--by", "甲"), "找不到文件"),
        (("book", "import", "journal", "x.txt", *ISF, "--by", "甲"), "只支持"),
        (("book", "open", "ARC-X", "--name", "x", "--county", "371621", "--chart", "none"), "no such file"),
        (("export", "audit", "--book", "ISF-1", "--year", "2017", "-o", "a"), "没有账套 ISF-1"),
    ],
)
def test_what_can_not_be_is_one_sentence(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    (desk.folder / "x.txt").write_text("x")
    assert said in desk.run(*arguments, code=1)


def test_a_year_is_written_for_auditors(desk: Desk) -> None:
    said = desk.run("export", "audit", "--book", "RCF-371621", "--year", "2017", "-o", "审计", "--unit", "惠民县财政局")
    assert "公共档案.xml" in said
    assert {path.name for path in Path("审计").iterdir()} == {"公共档案.xml", "总账.xml"}
    assert "惠民县财政局" in Path("审计/公共档案.xml").read_text()
    desk.run("export", "ledger", "-o", "j.ledger")
    desk.run("export", "hledger", "-o", "j.hledger")
    assert Path("j.ledger").read_bytes() == Path("j.hledger").read_bytes()
