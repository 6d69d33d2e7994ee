"""Reports as files: XLSX with real numbers, CSV that Excel opens with its Chinese right; no text becomes a formula in either."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date

from openpyxl import Workbook
from openpyxl.cell import Cell as SheetCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from ledger.money import decimal_yuan, yuan
from ledger.reports.report import Cell, Kind, Report, Role, Row

UNIT = "单位：元"
SIGNED = "编制人：　　　　　　审核人：　　　　　　负责人：　　　　　　（单位公章）"
RISKY = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
"""What a spreadsheet program may take for a formula when it begins a text."""
FORMATS = {Kind.FEN: "#,##0.00;[Red]-#,##0.00", Kind.COUNT: "#,##0", Kind.SHARE: "0.00%", Kind.DATE: "yyyy-mm-dd"}
WIDEST, NARROWEST = 44, 8

_THIN = Side(style="thin", color="B0B8C0")
_BOX = Border(top=_THIN, bottom=_THIN, left=_THIN, right=_THIN)
_HEAD = PatternFill("solid", fgColor="E9F0F6")
_SUM = PatternFill("solid", fgColor="F4F6F8")


def xlsx(made: Report) -> bytes:
    """Return a report as an XLSX file: each part on a sheet, notes on one of their own where there are parts."""
    book = Workbook()
    book.remove(book.active)
    for style in _styles():
        book.add_named_style(style)
    for one in made.walk():
        _fill(book.create_sheet(_sheet_name(one.heading, book.sheetnames)), one)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def csv_text(made: Report) -> str:
    """Return a report as CSV text: title, whose and when, headings, rows, notes; parts one after the other."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for one in made.walk():
        writer.writerow([one.heading])
        writer.writerow([_safe(one.scope.name), one.period, UNIT])
        if one.columns:
            writer.writerow([_safe(column.heading) for column in one.columns])
        for row in one.rows:
            writer.writerow([_plain(cell, column.kind) for cell, column in zip(row.cells, one.columns, strict=True)])
        writer.writerows([_safe(note)] for note in tail(one))
        writer.writerow([])
    return buffer.getvalue()


def csv_bytes(made: Report) -> bytes:
    """Return a report as a CSV file in UTF-8 with its mark (BOM), by which Excel knows it."""
    return csv_text(made).encode("utf-8-sig")


def tail(made: Report) -> Iterator[str]:
    """Yield what stands below the rows: notes, and what does not tie."""
    yield from made.notes
    for check in made.checks:
        if not check.ok:
            yield f"不相符：{check.check}：{_figure(check.expected)} 与 {_figure(check.actual)}"


def shown(cell: Cell, kind: Kind) -> str:
    """Return a cell as people read it."""
    if cell is None:
        return ""
    if kind is Kind.FEN and isinstance(cell, int):
        return yuan(cell)
    if kind is Kind.SHARE and isinstance(cell, int):
        return f"{yuan(cell)}%"
    if kind is Kind.COUNT and isinstance(cell, int):
        return f"{cell:,}"
    return str(cell)


def _figure(fen: str) -> str:
    return yuan(int(fen)) if re.fullmatch(r"-?[0-9]+", fen) else fen


def _plain(cell: Cell, kind: Kind) -> str:
    if kind in (Kind.FEN, Kind.SHARE) and isinstance(cell, int):
        return decimal_yuan(cell)
    return _safe(cell) if isinstance(cell, str) else "" if cell is None else str(cell)


def _safe(text: str) -> str:
    """Return a text that no program takes for a formula."""
    return f"'{text}" if RISKY.match(text) else text


def _sheet_name(title: str, taken: Sequence[str]) -> str:
    name = re.sub(r"[\[\]:*?/\\]", "", title)[:28]
    return name if name not in taken else f"{name}{len(taken) + 1}"


def _fill(sheet: Worksheet, made: Report) -> None:
    """Write a report onto a sheet: title, whose and when, headings that stay in sight, rows, notes, signatures."""
    columns = max(len(made.columns), 1)
    title = _text(sheet, 1, 1, made.heading)
    title.font, title.alignment = Font(bold=True, size=16), Alignment(horizontal="center")
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=columns)
    _text(sheet, 2, 1, f"编制单位：{made.scope.name}　　{made.period}　　{UNIT}")
    for at, column in enumerate(made.columns, start=1):
        head = _text(sheet, 3, at, column.heading)
        head.font, head.fill = Font(bold=True), _HEAD
        head.border = _BOX
        head.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    for number, row in enumerate(made.rows, start=4):
        _write_row(sheet, number, row, made)
    after = 4 + len(made.rows)
    for number, said in enumerate([*tail(made), SIGNED], start=after + 1):
        _text(sheet, number, 1, said)
    for at, width in enumerate(_widths(made), start=1):
        sheet.column_dimensions[get_column_letter(at)].width = width
    if made.columns:
        sheet.freeze_panes = sheet.cell(4, 1)
        sheet.print_title_rows = "1:3"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"


def _write_row(sheet: Worksheet, number: int, row: Row, made: Report) -> None:
    if row.role is Role.HEADING:
        _text(sheet, number, 1, next((cell for cell in row.cells if isinstance(cell, str)), "")).style = _style_name(
            Kind.TEXT, bold=True
        )
        sheet.merge_cells(start_row=number, start_column=1, end_row=number, end_column=len(made.columns))
        return
    for at, (cell, column) in enumerate(zip(row.cells, made.columns, strict=True), start=1):
        written = sheet.cell(number, at)
        written.style = _style_name(column.kind, bold=row.role.bold)
        if isinstance(cell, str):
            _put(written, cell)
        elif isinstance(cell, date):
            written.value = cell
        elif cell is not None:
            # The digits themselves are the number: a float would have to be read back from its nearest double.
            written.value = _digits(cell, column.kind)
            written.data_type = "n"


def _styles() -> Iterator[NamedStyle]:
    """Yield the looks that cells can have: named once, because a look of each cell's own takes most of the time."""
    for kind in Kind:
        for bold in (False, True):
            style = NamedStyle(_style_name(kind, bold=bold), number_format=FORMATS.get(kind, "General"))
            style.border = _BOX
            if bold:
                style.font, style.fill = Font(bold=True), _SUM
            yield style


def _style_name(kind: Kind, *, bold: bool) -> str:
    return f"{kind} bold" if bold else str(kind)


def _digits(number: int, kind: Kind) -> str:
    if kind is Kind.FEN:
        return decimal_yuan(number)
    if kind is Kind.SHARE:
        sign, (whole, rest) = "-" if number < 0 else "", divmod(abs(number), 10_000)
        return f"{sign}{whole}.{rest:04d}"
    return str(number)


def _text(sheet: Worksheet, row: int, at: int, text: str) -> SheetCell:
    written: SheetCell = sheet.cell(row, at)
    _put(written, text)
    return written


def _put(written: SheetCell, text: str) -> None:
    """Write a text as a text, whatever it begins with."""
    written.value = ILLEGAL_CHARACTERS_RE.sub("", text)
    written.data_type = "s"
    if RISKY.match(text):
        written.quotePrefix = True


def _widths(made: Report) -> list[int]:
    """Return the widths of columns in characters: what is widest in them, within reason."""
    widths = []
    for at, column in enumerate(made.columns):
        headings = [_width(column.heading) // (2 if column.kind is Kind.FEN else 1)]
        cells = [_width(shown(row.cells[at], column.kind)) for row in made.rows if row.role is not Role.HEADING]
        widths.append(min(WIDEST, max(NARROWEST, *headings, *cells) + 2))
    return widths


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(one) in "WFA" else 1 for one in text)
