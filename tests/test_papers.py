"""The papers: amounts in words, figures that must add up, and what really stands in the PDF."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_figures import line, sheet, statement, voucher

from ledger.money import percent, yuan
from statements.errors import (
    FontRefused,
    MissingGlyph,
    NotMasked,
    SheetOutOfBalance,
    SummaryOutOfBalance,
    VoucherOutOfBalance,
)
from statements.figures import ChainHead
from statements.loan_statement import render_bank_statement
from statements.page import face
from statements.voucher import render_voucher
from statements.words import in_words, long_date

ROOT = Path(__file__).parent.parent
DIGITS = "零壹贰叁肆伍陆柒捌玖"


def poppler(tool: str, *arguments: str, content: bytes, folder: Path) -> str:
    """Return what a poppler tool says about a PDF; without the tool, skip, but never in CI."""
    if shutil.which(tool) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{tool} is missing in CI")
        pytest.skip(f"{tool} (poppler-utils) is not installed")
    path = folder / "paper.pdf"
    path.write_bytes(content)
    command = [tool, *arguments, str(path), *(["-"] if tool == "pdftotext" else [])]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def rows_of(content: bytes, folder: Path) -> list[list[str]]:
    """Return the printed lines as words, as a reader sees them from left to right."""
    text = poppler("pdftotext", "-layout", content=content, folder=folder)
    return [row.split() for row in text.splitlines() if row.strip()]


# Words


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (140_950, "人民币壹仟肆佰零玖元伍角整"),
        (600_714, "人民币陆仟零柒元壹角肆分"),
        (168_032, "人民币壹仟陆佰捌拾元叁角贰分"),
        (10_700_053, "人民币壹拾万柒仟元伍角叁分"),
        (1_640_902, "人民币壹万陆仟肆佰零玖元零贰分"),
        (32_504, "人民币叁佰贰拾伍元零肆分"),
        (0, "人民币零元整"),
        (5, "人民币伍分"),
        (50, "人民币伍角整"),
        (1_000, "人民币壹拾元整"),
        (10_005, "人民币壹佰元零伍分"),
        (100_001_00, "人民币壹拾万零壹元整"),
        (10_001_0000_00, "人民币壹亿零壹万元整"),
        (1_0000_5000_00, "人民币壹亿零伍仟元整"),
        (1_0001_0000_0000_00, "人民币壹万零壹亿元整"),
        (1234_5678_9012_34, "人民币壹仟贰佰叁拾肆亿伍仟陆佰柒拾捌万玖仟零壹拾贰元叁角肆分"),
        (-58_604, "人民币负伍佰捌拾陆元零肆分"),
    ],
)
def test_amounts_in_words_follow_the_rules_for_bills(fen: int, words: str) -> None:
    assert in_words(fen) == words


def number_of(words: str) -> int:
    """Read a whole number in words, as a person would: by its greatest unit."""
    for unit, value in (("亿", 10**8), ("万", 10**4)):
        high, found, low = words.rpartition(unit)
        if found:
            return number_of(high) * value + number_of(low)
    pairs = re.findall(r"([壹贰叁肆伍陆柒捌玖])([仟佰拾]?)", words)
    return sum(DIGITS.index(digit) * {"仟": 1000, "佰": 100, "拾": 10, "": 1}[place] for digit, place in pairs)


@given(st.integers(-(10**17), 10**17) | st.integers(0, 10**6))
def test_words_read_back_to_the_same_fen(fen: int) -> None:
    words = in_words(fen)
    match = re.fullmatch(r"人民币(负?)(?:([^元]+)元)?零?(?:(.)角)?(?:(.)分)?(整?)", words)
    assert match is not None, words
    sign, whole, jiao, odd_fen, _ = match.groups()
    read = number_of(whole or "") * 100 + DIGITS.index(jiao or "零") * 10 + DIGITS.index(odd_fen or "零")
    assert (-read if sign else read) == fen
    assert words.endswith("整") == (fen % 10 == 0)
    assert "零零" not in words


def test_rates_and_dates_print_exactly() -> None:
    assert [percent(ppb) for ppb in (43_500_000, 65_250_000, 0, 63_075_001)] == [
        "4.35%",
        "6.525%",
        "0.00%",
        "6.3075001%",
    ]
    assert long_date(date(2017, 3, 5)) == "2017年3月5日"


# Figures


def test_a_sheet_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(SheetOutOfBalance, match=r"期末本金应为 39,999\.99 元，所列为 40,000\.00 元"):
        replace(sheet(), closing_fen=4_000_000)
    with pytest.raises(SheetOutOfBalance, match="2017-03-15 放款后余额"):
        replace(sheet(), opening_fen=1)


def test_a_summary_that_contradicts_its_loans_is_refused() -> None:
    good = statement(sheet(1), sheet(2))
    row = good.summary[0]
    with pytest.raises(SummaryOutOfBalance, match="期初加发放减收回"):
        replace(row, closing_fen=row.closing_fen + 1)
    for wrong in (good.loans[:1], (*good.loans, sheet(3, county="无棣县")), ()):
        with pytest.raises(SummaryOutOfBalance, match="与明细不一致"):
            replace(good, loans=wrong)


def test_a_whole_identity_number_is_refused() -> None:
    with pytest.raises(NotMasked):
        replace(sheet(), id_number="37230119660101123X")


def test_a_voucher_must_balance_and_have_lines() -> None:
    for lines in ((), voucher().lines[:2]):
        with pytest.raises(VoucherOutOfBalance, match="记字第8号"):
            replace(voucher(), lines=lines)


# Fonts


def test_a_character_without_a_glyph_refuses_the_paper() -> None:
    with pytest.raises(MissingGlyph, match=r"U\+13000.*张𓀀") as refusal:
        render_bank_statement(statement(sheet(borrower="张𓀀")))
    assert refusal.value.character == "𓀀"
    with pytest.raises(MissingGlyph):
        render_voucher(replace(voucher(), maker="张\n国"))


def test_a_font_that_cannot_be_embedded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FontRefused, match="不存在"):
        render_voucher(voucher(), tmp_path / "none.ttf")
    (tmp_path / "text.ttf").write_text("not a font")
    with pytest.raises(FontRefused, match="TrueType"):
        render_voucher(voucher(), tmp_path / "text.ttf")


def test_rare_names_print(tmp_path: Path) -> None:
    content = render_bank_statement(statement(sheet(borrower="䶮㐂*")))
    assert any("䶮㐂*" in row for row in rows_of(content, tmp_path))


@pytest.mark.parametrize(
    "render", [lambda: render_bank_statement(statement(sheet(), demo=True)), lambda: render_voucher(voucher(demo=True))]
)
def test_every_font_is_embedded_and_demo_data_says_so(render: Callable[[], bytes], tmp_path: Path) -> None:
    content = render()
    fonts = poppler("pdffonts", content=content, folder=tmp_path).splitlines()[2:]
    assert fonts
    assert all(re.search(r"\+NotoSansSC-Regular +TrueType +\S+ +yes yes yes", font) for font in fonts)
    assert "演示数据" in poppler("pdftotext", "-layout", content=content, folder=tmp_path)


def test_lines_break_between_words_and_lose_nothing() -> None:
    text = "截至2017年3月31日，合计人民币叁仟元整（¥31,405,000.00）。" * 3
    lines = face(None).wrapped(text, 8.0, 40.0)
    assert "".join(lines) == text
    assert all(face(None).width(part, 8.0) <= 40.0 for part in lines)
    assert not any(part.startswith(("，", "）", "。")) or part.endswith(("（", "¥")) for part in lines)


# Papers


def test_the_statement_prints_its_figures(tmp_path: Path) -> None:
    rows = rows_of(render_bank_statement(statement(sheet())), tmp_path)
    for printed in (
        ["惠民县", "扶贫小额信贷", "1", "0.00", "50,000.00", "10,000.01", "39,999.99", "10.87", "25.38"],
        ["合计", "1", "0.00", "50,000.00", "10,000.01", "39,999.99", "10.87", "25.38"],
        ["期末本金合计（大写）：人民币叁万玖仟玖佰玖拾玖元玖角玖分", "¥39,999.99"],
        ["期末欠息：表内", "11.11", "表外", "22.22", "应收财政贴息", "25.38"],
        ["借据号", "XEXD-2017-000001", "惠民县", "扶贫小额信贷", "张*", "371***********1234"],
        ["2017-01-01", "期初余额", "0.00"],
        ["2017-03-15", "放款", "50,000.00", "50,000.00"],
        ["2017-03-20", "结息", "50,000.00", "6", "300,000.00", "36.25"],
        ["2017-03-20", "应收贴息", "50,000.00", "25.38"],
        ["2017-03-21", "收息", "50,000.00", "10.87"],
        ["2017-03-28", "还本", "10,000.01", "39,999.99"],
        ["本期合计", "50,000.00", "10,000.01", "39,999.99", "36.25", "36.25"],
        ["期末本金", "39,999.99", "欠息：表内", "11.11", "表外", "22.22", "应收财政贴息", "25.38", "五级分类：正常"],
        ["经核对：", "□", "相符", "□", "不符，差异说明："],
    ):
        assert printed in rows, printed
    text = "".join(word for row in rows for word in row)
    for words in ("合同利率4.35%罚息利率6.525%", "对账期间：2017年1月1日至2017年3月31日", "请于2017年4月20日前"):
        assert words in text


def test_the_statement_prints_where_the_chains_of_seals_ended(tmp_path: Path) -> None:
    head = ChainHead(book="LB-371621-HMRCB", chain="记账凭证", position=1234, sha256="0f" * 32)
    rows = rows_of(render_bank_statement(replace(statement(sheet()), heads=(head,))), tmp_path)
    assert ["封签", "LB-371621-HMRCB", "记账凭证", "第", "1234", "号", "0f" * 32] in rows


def test_an_extension_is_printed(tmp_path: Path) -> None:
    extended = replace(sheet(), extended_to=date(2019, 3, 15))
    text = poppler("pdftotext", "-layout", content=render_bank_statement(statement(extended)), folder=tmp_path)
    assert re.search(r"到期日 2018-03-15（展期至\s+2019-03-15）", text)


def test_pages_are_numbered(tmp_path: Path) -> None:
    loans = [sheet(number, county=county) for county in ("惠民县", "无棣县", "沾化区") for number in range(14)]
    content = render_bank_statement(statement(*loans))
    pages = poppler("pdftotext", "-layout", content=content, folder=tmp_path).split("\f")[:-1]
    assert len(pages) > 5
    for number, page in enumerate(pages, 1):
        assert re.search(rf"第 ?{number} ?页\s+共 ?{len(pages)} ?页", page)
        assert "编号：DZ-2017Q1-0007" in page


def test_a_loan_of_a_thousand_lines_carries_its_totals(tmp_path: Path) -> None:
    opening, lines, balance = 100_000_000_00, [], 100_000_000_00
    for number in range(1_000):
        day = date(2014, 1, 1) + timedelta(days=number)
        repaid = 1_000_01 + number if number % 2 else 0
        charged = 0 if repaid else 777_77 + number
        balance -= repaid
        lines.append(line(day, "还本" if repaid else "结息", balance, principal_fen=-repaid, interest_fen=charged, days=1))
    loan = replace(sheet(), opening_fen=opening, lines=tuple(lines), closing_fen=balance)
    repaid_fen = charged_fen = seen = carried = 0
    for row in rows_of(render_bank_statement(statement(loan)), tmp_path):
        if row[0] in {"过次页", "承前页", "本期合计"}:
            expected = ["0.00", yuan(repaid_fen), yuan(lines[seen - 1].balance_fen), yuan(charged_fen), "0.00"]
            assert row[1:] == expected
            carried += row[0] == "过次页"
        elif len(row) > 2 and row[1] in {"还本", "结息"}:
            repaid_fen, charged_fen = repaid_fen - lines[seen].principal_fen, charged_fen + lines[seen].interest_fen
            assert row[0] == f"{lines[seen].day}"
            seen += 1
    assert (seen, opening - repaid_fen) == (1_000, balance)
    assert carried > 20


def test_the_voucher_prints_its_figures_and_signatures(tmp_path: Path) -> None:
    rows = rows_of(render_voucher(voucher()), tmp_path)
    for printed in (
        ["附件", "3", "张"],
        ["核算单位：扶贫贴息专账", "2017年4月5日", "记字第", "8", "号"],
        ["支付第一季度贴息", "2241.01", "应付贴息", "117,208.54", "√"],
        ["拨付第1批", "1002.03", "银行存款", "58,604.27", "√"],
        ["合计", "人民币壹拾壹万柒仟贰佰零捌元伍角肆分", "117,208.54", "117,208.54"],
        ["会计主管：赵立新", "记账：王海燕", "审核：李素芬", "制单：张建国"],
    ):
        assert printed in rows, printed


def test_a_long_voucher_numbers_its_pages_as_fractions_and_carries(tmp_path: Path) -> None:
    content = render_voucher(voucher(17))
    pages = poppler("pdftotext", "-layout", content=content, folder=tmp_path).split("\f")[:-1]
    assert [re.findall(r"记字第 (\d+ \d/\d) 号", page) for page in pages] == [["8 1/3"], ["8 2/3"], ["8 3/3"]]
    assert [re.findall("过次页|承前页|合计", page) for page in pages] == [
        ["过次页"],
        ["承前页", "过次页"],
        ["承前页", "合计"],
    ]
    assert pages[0].count("拨付") + pages[1].count("拨付") + pages[2].count("拨付") == 17


def test_a_red_voucher_says_so_in_words(tmp_path: Path) -> None:
    rows = rows_of(render_voucher(voucher(1, sign=-1)), tmp_path)
    assert ["合计", "人民币负伍万捌仟陆佰零肆元贰角柒分", "-58,604.27", "-58,604.27"] in rows


# Bytes


def test_the_same_figures_give_the_same_bytes_in_every_process() -> None:
    program = (
        "import sys; from hashlib import sha256; from paper_figures import sheet, statement, voucher;"
        "from statements.papers import render; papers = render(statement(sheet())), render(voucher());"
        "assert 'zhplot' not in sys.modules; print(sha256(b''.join(papers)).hexdigest())"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", program]
    elsewhere = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    papers = render_bank_statement(statement(sheet())), render_voucher(voucher())
    assert sha256(b"".join(papers)).hexdigest() == elsewhere.strip()


def test_only_one_module_knows_pdf() -> None:
    knowing = [
        path.name
        for path in (ROOT / "statements").glob("*.py")
        if "import reportlab" in (text := path.read_text("utf-8")) or "from reportlab" in text
    ]
    assert knowing == ["page.py"]
