"""The journal as a table (分录表): one row per posting, as CSV for programs and as XLSX for people."""

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.journal import Side
from ledger.money import decimal_yuan
from ledger.queries import StoredEntry, account_titles, entries

COLUMNS = {
    "book": "账套", "seq": "序号", "voucher": "凭证号", "value_date": "日期", "reference": "流水号", "kind": "业务",
    "narration": "摘要", "account": "科目编码", "title": "科目名称", "side": "方向", "amount": "金额", "county": "县区",
    "bank": "银行", "product": "产品", "payer": "承担方", "interest": "利息种类", "loan_id": "贷款序号", "project": "项目",
    "maker": "制单人", "checker": "审核人", "reverses": "冲销序号",
}  # fmt: skip
"""The columns: what a program calls them, and their headings for people."""
SIDES = {Side.DEBIT: "借", Side.CREDIT: "贷"}
MOST_ROWS = 1_000_000
"""Rows of a worksheet, of which Excel has 1,048,576; what is more goes into the next."""
_WIDTHS = {"reference": 28, "narration": 40, "title": 24, "value_date": 12, "amount": 16, "book": 20}
_AMOUNT, _DAY = list(COLUMNS).index("amount"), list(COLUMNS).index("value_date")


def csv_journal(session: Session, books: Sequence[Book]) -> Iterator[str]:
    """Yield the journal of books as CSV, its heading first."""
    yield _csv_line(list(COLUMNS))
    for row in _rows(session, books):
        yield _csv_line([*row[:_AMOUNT], decimal_yuan(row[_AMOUNT]), *row[_AMOUNT + 1 :]])


def write_xlsx(session: Session, books: Sequence[Book], path: Path) -> None:
    """Write the journal of books as XLSX: dates are dates, amounts numbers, text is never a formula, headings stay in view."""
    workbook = Workbook(write_only=True)
    sheet, left = _sheet(workbook), MOST_ROWS
    for row in _rows(session, books):
        if not left:
            sheet, left = _sheet(workbook), MOST_ROWS
        sheet.append([_cell(sheet, number, value) for number, value in enumerate(row)])
        left -= 1
    workbook.save(path)


def _rows(session: Session, books: Sequence[Book]) -> Iterator[list[Any]]:
    """Yield a row per posting, its values in the order of the columns, its amount in fen."""
    for book in books:
        titles = account_titles(session, book.id)
        for stored in entries(session, book.id):
            yield from _postings(stored, titles)


def _postings(stored: StoredEntry, titles: dict[str, str]) -> Iterator[list[Any]]:
    e = stored.entry
    for p in e.postings:
        d = p.dimensions
        row = [
            e.book, stored.seq, f"{e.word}-{stored.number}", e.value_date, e.reference, e.kind, e.narration, p.account,
            titles[p.account], SIDES[p.side], p.fen, d.county, d.bank, d.product, d.payer, d.kind, d.loan_id, d.project, e.maker,
            e.checker, e.reverses,
        ]  # fmt: skip
        yield ["" if value is None else value for value in row]


def _csv_line(values: Sequence[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _sheet(workbook: Any) -> Any:
    sheet = workbook.create_sheet(f"分录{len(workbook.worksheets) + 1}")
    sheet.freeze_panes = "A2"
    for number, name in enumerate(COLUMNS, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(name, 11)
    headings = [WriteOnlyCell(sheet, heading) for heading in COLUMNS.values()]
    for cell in headings:
        cell.font = Font(bold=True)
    sheet.append(headings)
    return sheet


def _cell(sheet: Any, number: int, value: Any) -> Any:
    if number == _AMOUNT:
        cell = WriteOnlyCell(sheet, Decimal(value) / 100)
        cell.number_format = "#,##0.00"
        return cell
    if isinstance(value, str):
        if not value:
            return None
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("�", value))
        cell.data_type = "s"
        return cell
    return value
