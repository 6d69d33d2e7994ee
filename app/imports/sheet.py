"""A sheet (表): the rows of an XLSX or CSV file by their headings, before anybody asks what they mean.

CSV is UTF-8 or GB18030, whichever the bytes are; of an XLSX file the first sheet counts. A file that can't be read as a
table is refused as a whole, in a Chinese sentence.
"""

import csv
import io
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

MOST_BYTES = 64 * 1024 * 1024
MOST_UNPACKED_BYTES = 512 * 1024 * 1024
GB18030_MARK = "\ufeff".encode("gb18030")


class SheetRefused(Exception):
    """A file that is not a table we can read."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row with its number in the file (the heading is 1), its cells by heading, and what stands under no heading."""

    number: int
    cells: Mapping[str, Any]
    extra: str = ""


def read_sheet(path: Path, required: Sequence[str]) -> tuple[bytes, list[SheetRow]]:
    """Return a file's bytes and its rows, empty ones left out; the first row holds the headings.

    Raises:
        SheetRefused: no such file, not XLSX or CSV, unreadable, no headings, a required heading missing or twice, merged
            cells, or no rows.
    """
    content = read_content(path)
    table = table_of(path, content)
    headings = ["".join(normal(heading).split()) for heading in table[0]]
    missing = [name for name in required if name not in headings]
    if missing:
        raise SheetRefused(
            f"缺少列：{'、'.join(missing)}。第一行应为列标题，本文件第一行是：{'、'.join(h for h in headings if h)}"
        )
    return content, rows_below(table, headings)


def read_content(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        SheetRefused: there is no such file, or it is too large.
    """
    if not path.is_file():
        raise SheetRefused(f"找不到文件 {path}")
    content = path.read_bytes()
    if len(content) > MOST_BYTES:
        raise SheetRefused(f"文件超过 {MOST_BYTES // 1024 // 1024} MB，请分批导入")
    return content


def table_of(path: Path, content: bytes) -> list[list[Any]]:
    """Return all cells of a file, by its extension.

    Raises:
        SheetRefused: not XLSX or CSV, unreadable, empty, or with merged cells.
    """
    match path.suffix.lower():
        case ".csv":
            table = _csv_table(content)
        case ".xlsx":
            table = _xlsx_table(content)
        case other:
            raise SheetRefused(f"只支持 .xlsx 和 .csv 文件，不支持 {other or '没有扩展名的文件'}")
    if not table:
        raise SheetRefused("文件是空的，第一行应为列标题")
    return table


def rows_below(table: Sequence[Sequence[Any]], headings: Sequence[str], at: int = 0) -> list[SheetRow]:
    """Return the rows below the headings, which stand in row `at` (from 0), empty rows left out.

    Raises:
        SheetRefused: a heading stands twice, or there are no rows.
    """
    doubled = sorted({name for name in headings if name and headings.count(name) > 1})
    if doubled:
        raise SheetRefused(f"列标题重复：{'、'.join(doubled)}")
    rows = [
        _row(number, headings, cells)
        for number, cells in enumerate(table[at + 1 :], start=at + 2)
        if any(cell is not None and str(cell).strip() for cell in cells)
    ]
    if not rows:
        raise SheetRefused("文件中只有标题，没有数据")
    return rows


def _row(number: int, headings: Sequence[str], cells: Sequence[Any]) -> SheetRow:
    pairs = list(zip_longest(headings, cells, fillvalue=""))
    extra = " ".join(text for heading, cell in pairs if not heading and (text := normal(cell)))
    return SheetRow(number, {heading: cell for heading, cell in pairs if heading}, extra)


def normal(value: object) -> str:
    """Return a cell as text with full-width (全角) letters, digits and spaces made plain; other characters stay."""
    if value is None:
        return ""
    text = str(value)
    return "".join(unicodedata.normalize("NFKC", c) if "！" <= c <= "～" or c == "　" else c for c in text).strip()


def _csv_table(content: bytes) -> list[list[Any]]:
    text = None
    content = content.removeprefix(GB18030_MARK)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    if text is None or "\x00" in text:
        raise SheetRefused("文件编码既不是 UTF-8 也不是 GB18030，请另存为其中一种")
    try:
        return [list(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
    except csv.Error as error:
        raise SheetRefused(f"CSV 格式有误：{error}") from None


def _xlsx_table(content: bytes) -> list[list[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        workbook = load_workbook(io.BytesIO(content), data_only=True) if unpacked <= MOST_UNPACKED_BYTES else None
    except Exception:  # noqa: BLE001 - of damaged bytes its parsers raise whatever they meet
        raise SheetRefused("不是有效的 XLSX 文件（已损坏，或是改了扩展名的旧格式，请另存为 .xlsx）") from None
    if workbook is None:
        raise SheetRefused(f"XLSX 文件解压后超过 {MOST_UNPACKED_BYTES // 1024 // 1024} MB，请分批导入")
    if not workbook.worksheets:
        raise SheetRefused("XLSX 文件中没有工作表")
    sheet = workbook.worksheets[0]
    if sheet.merged_cells.ranges:
        raise SheetRefused(f"工作表“{sheet.title}”有合并单元格 {next(iter(sheet.merged_cells.ranges))}，请取消合并后再导入")
    table = [[_value(cell) for cell in row] for row in sheet.iter_rows()]
    if not any(normal(value) for row in table for value in row) and len(workbook.worksheets) > 1:
        raise SheetRefused(f"第一个工作表“{sheet.title}”是空的，数据须在第一个工作表")
    return table


def _value(cell: Any) -> Any:
    """Return a cell's value; a number that is shown in per cent becomes the text that is seen, such as 4.35%."""
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool) and "%" in (cell.number_format or ""):
        return f"{(Decimal(repr(value)) * 100).normalize():f}%"
    return value
