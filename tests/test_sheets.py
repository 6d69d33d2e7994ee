"""Sheets: what Excel and other programs do to a table, seen as a person sees it or refused by name."""

import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from app.imports.cells import CellRefused, Column, fen_cell, month_cell, number_cell, parse_rows, percent_ppb_cell, text_cell
from app.imports.sheet import SheetRefused, read_sheet


def saved(book: Workbook, path: Path) -> Path:
    content = io.BytesIO()
    book.save(content)
    path.write_bytes(content.getvalue())
    return path


def test_a_mark_at_the_beginning_of_gb18030_is_no_part_of_the_heading(tmp_path: Path) -> None:
    path = tmp_path / "标.csv"
    path.write_bytes("\ufeff甲,乙\n1,2".encode("gb18030"))
    assert read_sheet(path, ["甲"])[1][0].cells == {"甲": "1", "乙": "2"}


def test_an_empty_first_sheet_is_named(tmp_path: Path) -> None:
    book = Workbook()
    book.worksheets[0].title = "封面"
    book.create_sheet("数据").append(["甲"])
    with pytest.raises(SheetRefused, match="第一个工作表“封面”是空的，数据须在第一个工作表"):
        read_sheet(saved(book, tmp_path / "a.xlsx"), ["甲"])


@pytest.mark.parametrize(("value", "shown", "ppb"), [(0.0435, "4.35%", 43_500_000), (0.049, "4.9%", 49_000_000), (0, "0%", 0)])
def test_a_percent_cell_is_what_is_seen(tmp_path: Path, value: float, shown: str, ppb: int) -> None:
    book = Workbook()
    book.worksheets[0].append(["年利率"])
    book.worksheets[0].append([value])
    book.worksheets[0]["A2"].number_format = "0.00%"
    (row,) = read_sheet(saved(book, tmp_path / "p.xlsx"), ["年利率"])[1]
    assert row.cells == {"年利率": shown}
    assert percent_ppb_cell(shown) == ppb


def test_headings_may_be_broken_into_lines_and_cells_may_stand_beyond_them(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    path.write_text('"金额\n（元）",流水号\n"1",S1,,\n50,000.00,S2\n', encoding="utf-8")
    rows = read_sheet(path, ["金额(元)"])[1]
    assert [row.extra for row in rows] == ["", "S2"]
    parsed = parse_rows(rows, [Column("金额(元)", fen_cell), Column("流水号", text_cell)], [])
    assert [(error.row, error.column, error.value) for error in parsed.errors] == [(3, "整行", "S2")]
    assert [record["金额(元)"] for record in parsed.records] == [100]


@pytest.mark.parametrize("raw", ["201702", 201702, "2017-02", "2017年2月", date(2017, 2, 14)])
def test_a_month_in_any_writing(raw: object) -> None:
    assert month_cell(raw) == date(2017, 2, 1)


@pytest.mark.parametrize(
    ("cell", "raw", "reason"),
    [
        (month_cell, "2017-13", "不是月份，应如 2017-03"), (month_cell, "0000-01", "不是月份"), (text_cell, 10**15, "末位已丢失"),
        (text_cell, "x" * 201, "超过 200 个字"), (text_cell, "a\x00b", "控制字符"), (fen_cell, "9" * 20, "金额过大"),
        (number_cell, "1e999999", "数字过大"), (number_cell, Decimal("1e-12"), "小数位过多"),
    ],
)  # fmt: skip
def test_what_no_system_can_hold_is_refused(cell: object, raw: object, reason: str) -> None:
    assert callable(cell)
    with pytest.raises(CellRefused, match=reason):
        cell(raw)
