"""The form of a voucher (制单表格): rows as they were typed, and the content that they mean."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from starlette.datastructures import FormData

from ledger.books import BookKind
from ledger.errors import NotMoney
from ledger.journal import Dimensions, Posting, Side
from ledger.money import parse_yuan
from ledger.vouchers.voucher import Content

ROWS = 6
"""How many rows an empty form has."""
MOST_ROWS = 500
MOST_SHEETS = 9999
MOST_FEN = 10**15
"""The largest amount of a line, 十万亿 yuan: far beyond any, and far within what the journal holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRow:
    """One row as it was typed."""

    account: str = ""
    bank: str = ""
    project: str = ""
    debit: str = ""
    credit: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed that would be missed."""
        return not (self.account or self.debit or self.credit)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherForm:
    """A form as it was typed; `corrects` is the reference of the entry that it corrects."""

    day: str
    narration: str = ""
    sheets: str = "0"
    corrects: str = ""
    rows: tuple[FormRow, ...] = ()

    @property
    def shown(self) -> tuple[FormRow, ...]:
        """The rows to show: those that were typed, and empty ones to go on."""
        return (*self.rows, *(FormRow() for _ in range(max(ROWS - len(self.rows), 1))))


class FormRefused(Exception):
    """A form that can't be meant; every reason is named."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("；".join(reasons))


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A common voucher: what begins its form."""

    name: str
    narration: str
    rows: tuple[tuple[str, str], ...]

    def form(self, day: date) -> VoucherForm:
        """Return the form that it begins; the amounts are left to be typed."""
        return VoucherForm(
            day=day.isoformat(), narration=self.narration, rows=tuple(FormRow(account=account) for _, account in self.rows)
        )


def form_given(form: FormData) -> VoucherForm:
    """Return what was typed; rows without account and amount are left out."""
    columns = [[_text(one) for one in form.getlist(name)] for name in ("account", "bank", "project", "debit", "credit")]
    rows = [FormRow(account=a, bank=b, project=p, debit=d, credit=c) for a, b, p, d, c in zip(*columns, strict=False)]
    return VoucherForm(
        day=_text(form.get("day")), narration=_text(form.get("narration")), sheets=_text(form.get("sheets")) or "0",
        corrects=_text(form.get("corrects")), rows=tuple(row for row in rows if not row.is_empty)[:MOST_ROWS],
    )  # fmt: skip


def form_of(content: Content) -> VoucherForm:
    """Return the form that shows a content."""
    return VoucherForm(
        day=content.value_date.isoformat(), narration=content.narration, sheets=str(content.sheets),
        corrects=content.corrects or "", rows=tuple(row_of(posting) for posting in content.postings),
    )  # fmt: skip


def row_of(posting: Posting) -> FormRow:
    """Return the row that shows a posting."""
    sign, fen = ("-" if posting.fen < 0 else ""), abs(posting.fen)
    amount = f"{sign}{fen // 100}.{fen % 100:02d}"
    dims = posting.dimensions
    return FormRow(
        account=posting.account, bank=dims.bank or "", project=dims.project or "",
        debit=amount if posting.side is Side.DEBIT else "", credit=amount if posting.side is Side.CREDIT else "",
    )  # fmt: skip


def content_of(form: VoucherForm) -> Content:
    """Return what a form means; whether it may be posted is asked later.

    Raises:
        FormRefused: a day or an amount can't be meant.
    """
    reasons: list[str] = []
    postings = [posting for number, row in enumerate(form.rows, 1) if (posting := _posting(row, number, reasons)) is not None]
    try:
        day = date.fromisoformat(form.day)
    except ValueError:
        reasons.append("日期应写成 2017-09-30 这样的年月日")
    sheets = int(form.sheets) if form.sheets.isascii() and form.sheets.isdigit() else -1
    if not 0 <= sheets <= MOST_SHEETS:
        reasons.append(f"附单据张数应为 0 至 {MOST_SHEETS} 的整数")
    if reasons:
        raise FormRefused(reasons)
    return Content(
        value_date=day, narration=form.narration, postings=tuple(postings), sheets=sheets, corrects=form.corrects or None
    )


def templates(kind: BookKind) -> Mapping[str, Template]:
    """Return the common vouchers of a kind of book, by name."""
    return {name: one for name, (kinds, one) in _templates().items() if kind in kinds}


@cache
def _templates() -> Mapping[str, tuple[frozenset[str], Template]]:
    with Path(__file__).with_name("voucher_templates.toml").open("rb") as file:
        rows = tomllib.load(file)["template"]
    return {
        row["name"]: (
            frozenset(row["books"]),
            Template(name=row["name"], narration=row["narration"], rows=tuple((side, code) for side, code in row["lines"])),
        )
        for row in rows
    }


def _posting(row: FormRow, number: int, reasons: list[str]) -> Posting | None:
    """Return the line of a row, or None after saying why there is none."""
    if not row.account:
        reasons.append(f"第 {number} 行：没有科目")
    elif bool(row.debit) == bool(row.credit):
        reasons.append(f"第 {number} 行：借方和贷方须填且只填一方")
    else:
        try:
            fen = parse_yuan(row.debit or row.credit)
        except NotMoney as refusal:
            reasons.append(f"第 {number} 行：{refusal}")
            return None
        if abs(fen) <= MOST_FEN:
            dims = Dimensions(bank=row.bank or None, project=row.project or None)
            return Posting(row.account, Side.DEBIT if row.debit else Side.CREDIT, fen, dims)
        reasons.append(f"第 {number} 行：金额过大")
    return None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
