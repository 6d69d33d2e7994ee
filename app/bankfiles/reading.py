"""Reading a statement from CSV or XLSX (读对账单): find the headings, read every row, put the lines in the bank's order.

Banks write titles above the headings and sums below; newest first or last; a balance beside each line or none at all.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

from app.bankfiles.layout import Layout, bare, fitting, recognised
from app.imports.cells import CellRefused, Column, Record, RowError, account_cell, date_cell, one_of, parse_rows, signed_fen_cell
from app.imports.cells import text_cell as plain_text_cell
from app.imports.sheet import SheetRefused, SheetRow, normal, rows_below
from ledger.banking.statement import BankLine, Statement, total
from ledger.calendar import DAY
from ledger.money import yuan
from registry.identity import masked_account

ROWS_ABOVE = 20
"""The headings stand within so many rows."""
SUMS = ("合计", "总计", "小计", "本页")
NOTHING = ("-", "--", "—", "——")
IN, OUT = 1, -1
DIRECTIONS = {
    **dict.fromkeys(("贷", "贷方", "收入", "收", "转入", "存入", "来账", "C", "CR", "CRDT", "+"), IN),
    **dict.fromkeys(("借", "借方", "支出", "支", "付", "转出", "支取", "往账", "D", "DR", "DBIT", "-"), OUT),
}
"""What the bank calls a movement: its 贷 is money that comes in, our 借."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a person says of a statement because its file does not: days included, balances in fen."""

    first: date | None = None
    last: date | None = None
    opening_fen: int | None = None
    closing_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """What a file says: its statements, or every error of its rows; the account numbers it names; how it was read."""

    statements: tuple[Statement, ...] = ()
    errors: tuple[RowError, ...] = ()
    accounts: frozenset[str] = field(default_factory=frozenset)
    layout: Layout | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    line: BankLine
    balance_fen: int | None


def read_rows(table: Sequence[Sequence[Any]], layouts: Collection[Layout], given: Given, held_until: date | None) -> FileRead:
    """Read the statement of a table by the first layout that fits, else by the headings that banks usually use.

    Args:
        table: all cells.
        layouts: those remembered for the bank.
        given: what a person said of it.
        held_until: the first day that no statement covers as yet; days without movement since then belong to this one.

    Raises:
        SheetRefused: no row holds headings that are understood, there are no rows, or balances are neither there nor given.
        StatementRefused: it does not add up.
    """
    at, headings, layout = _headings(table, layouts)
    rows = [row for row in rows_below(table, headings, at) if not _is_sum(row, layout)]
    parsed = parse_rows(rows, _columns(layout), ())
    lines: list[_Row] = []
    errors = list(parsed.errors)
    for record in parsed.records:
        try:
            lines.append(_line(record, layout))
        except CellRefused as refusal:
            errors.append(RowError(record.number, "整行", "", str(refusal)))
    accounts = frozenset(record[layout.account] for record in parsed.records if layout.account and record[layout.account])
    if not errors and lines:
        lines, errors = _in_order(lines)
    if errors:
        return FileRead(errors=tuple(sorted(errors, key=lambda error: error.row)), layout=layout)
    return FileRead(statements=(_statement(lines, given, held_until),), accounts=accounts, layout=layout)


def _headings(table: Sequence[Sequence[Any]], layouts: Collection[Layout]) -> tuple[int, list[str], Layout]:
    for at, cells in enumerate(table[:ROWS_ABOVE]):
        headings = [bare(normal(cell)) for cell in cells]
        layout = fitting(layouts, headings) or recognised(headings)
        if layout is not None:
            return at, headings, layout
    raise SheetRefused(
        f"前 {ROWS_ABOVE} 行中没有认得的列标题（须有日期，以及收入和支出两列或金额一列），请用 --map 写明各列的含义"
    )


def _is_sum(row: SheetRow, layout: Layout) -> bool:
    cells = [normal(row.cells.get(layout.date)), *map(normal, list(row.cells.values())[:1])]
    return any(text.startswith(SUMS) for text in cells)


def _columns(layout: Layout) -> list[Column]:
    wanted: list[tuple[str, Callable[[Any], Any], bool]] = [
        (layout.date, bank_day_cell, True),
        (layout.income, money_cell, False),
        (layout.outgo, money_cell, False),
        (layout.amount, money_cell, True),
        (layout.direction, one_of(DIRECTIONS), True),
        (layout.balance, signed_fen_cell, True),
        (layout.counterparty, masked_cell, False),
        (layout.reference, plain_text_cell, False),
        (layout.text, masked_cell, False),
        (layout.serial, plain_text_cell, False),
        (layout.account, account_cell, False),
    ]
    return [Column(heading, parse, required) for heading, parse, required in wanted if heading]


def _line(record: Record, layout: Layout) -> _Row:
    def said(heading: str) -> Any:
        return record[heading] if heading else None

    if layout.amount:
        fen = (said(layout.amount) or 0) * (said(layout.direction) or IN)
    else:
        came, went = said(layout.income) or 0, said(layout.outgo) or 0
        if came and went:
            raise CellRefused("收入和支出不能同时有金额")
        fen = came - went
    if not fen:
        raise CellRefused("没有金额")
    made = BankLine(
        day=said(layout.date), fen=fen, serial=said(layout.serial) or "", reference=said(layout.reference) or "",
        counterparty=said(layout.counterparty) or "", text=said(layout.text) or "",
    )  # fmt: skip
    return _Row(record.number, made, said(layout.balance))


def _in_order(rows: list[_Row]) -> tuple[list[_Row], list[RowError]]:
    """Return rows, oldest first, each balance being the one before and its amount; else the row at which that fails."""
    turned = rows[::-1]
    ways = [way for way in (rows, turned) if all(a.line.day <= b.line.day for a, b in pairwise(way))]
    broken = [_break(way) for way in ways]
    if None in broken:
        return ways[broken.index(None)], []
    if not ways and all(row.balance_fen is None for row in rows):
        return sorted(rows, key=lambda row: row.line.day), []
    if not ways:
        late = next(b for a, b in pairwise(rows) if a.line.day > b.line.day)
        return [], [RowError(late.number, "整行", str(late.line.day), "日期先后不一，无法逐笔核对余额")]
    return [], [error for error in broken[:1] if error]


def _break(rows: Sequence[_Row]) -> RowError | None:
    for before, row in pairwise(rows):
        if before.balance_fen is not None and row.balance_fen is not None:
            due = before.balance_fen + row.line.fen
            if due != row.balance_fen:
                reason = f"余额应为上一笔的 {yuan(before.balance_fen)} 加本笔 {yuan(row.line.fen)}，即 {yuan(due)}"
                return RowError(row.number, "余额", yuan(row.balance_fen), reason)
    return None


def _statement(rows: Sequence[_Row], given: Given, held_until: date | None) -> Statement:
    lines = tuple(row.line for row in rows)
    opening, closing = given.opening_fen, given.closing_fen
    if rows and rows[0].balance_fen is not None and rows[-1].balance_fen is not None:
        opening = rows[0].balance_fen - rows[0].line.fen if opening is None else opening
        closing = rows[-1].balance_fen if closing is None else closing
    if opening is None or closing is None:
        raise SheetRefused(f"文件没有余额，请用 --opening 和 --closing 写明期初和期末余额（本期发生额 {yuan(total(lines))}）")
    days = [line.day for line in lines]
    first = given.first or min((day for day in (held_until, *days[:1]) if day), default=None)
    last = given.last or (days[-1] if days else None)
    if first is None or last is None:
        raise SheetRefused("没有一笔发生额，请用 --from 和 --to 写明起止日期")
    return Statement(start=first, end=last + DAY, opening_fen=opening, closing_fen=closing, lines=lines)


def bank_day_cell(raw: Any) -> date:
    """Return the day of a date that may bear a time, such as 2017-03-01 10:22:33 or 20170301 102233."""
    if isinstance(raw, date):
        return date_cell(raw)
    text = plain_text_cell(raw)
    return date_cell(re.sub(r"[ T]+\d{1,2}[:：时]?\d{2}([:：分]?\d{2}秒?)?(\.\d+)?$", "", text))


def money_cell(raw: Any) -> int:
    """Return fen of an amount that a dash may stand for if there is none; negative when the bank corrects itself (冲正)."""
    return 0 if normal(raw) in NOTHING else signed_fen_cell(raw)


def masked_cell(raw: Any) -> str:
    """Return text in which numbers as long as an account's or a person's show only their last four digits."""
    return masked(plain_text_cell(raw))


def masked(text: str) -> str:
    """Return text without account and identity numbers in clear."""
    return re.sub(r"\d{11,}[\dXx]", lambda found: masked_account(found[0]), text)
