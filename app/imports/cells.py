"""Cells: what a column means, and how its text becomes a value or a reason in Chinese."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from app.imports.sheet import SheetRow, normal
from ledger.errors import NotMoney
from ledger.money import parse_yuan
from loans.terms import MOST_MONTHS
from loans.terms.rates import references
from registry.errors import BadIdentity
from registry.identity import checked_id, checked_uscc, masked_id

EXACT_IN_EXCEL = 10**15
"""Excel keeps 15 digits of a number."""
LONGEST_TEXT = 200
MOST_FEN = 10**17
MOST_WHOLE = 1_000_000
MOST_YEARS_OF_AGE = 150


class CellRefused(Exception):
    """A cell whose text is not a value of its column; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: its heading, how its text is read, and whether it may be empty."""

    heading: str
    parse: Callable[[Any], Any]
    required: bool = True


@dataclass(frozen=True, slots=True)
class RowError:
    """One bad cell or row: where it is, what it says, and why it can't be taken."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """A row whose cells are all values."""

    number: int
    values: Mapping[str, Any]

    def __getitem__(self, heading: str) -> Any:
        """Return the value under a heading, None if empty."""
        return self.values[heading]


@dataclass(slots=True)
class Parsed:
    """What became of a file's rows."""

    records: list[Record] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


def parse_rows(
    rows: Iterable[SheetRow],
    columns: Sequence[Column],
    unique: Sequence[str],
    alike: Mapping[str, Callable[[Any], Any]] | None = None,
) -> Parsed:
    """Turn rows into records; every bad cell is an error, and so is a second row with the same key.

    `alike` says, by heading, what stands for a value when keys are compared, such as a county's code for its name.
    """
    same = alike or {}
    parsed = Parsed()
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        values: dict[str, Any] = {}
        errors = []
        if row.extra:
            errors.append(RowError(row.number, "整行", row.extra, "单元格多于列标题，可能是金额中的逗号未加引号"))
        for column in columns:
            raw = row.cells.get(column.heading)
            text = normal(raw)
            if not text:
                values[column.heading] = None
                if column.required:
                    errors.append(RowError(row.number, column.heading, "", "不能为空"))
                continue
            try:
                values[column.heading] = column.parse(raw)
            except CellRefused as refusal:
                shown = masked_id(text) if column.parse in (person_id_cell, any_id_cell) else text
                errors.append(RowError(row.number, column.heading, shown, str(refusal)))
        if not errors and unique:
            key = tuple(str(same.get(name, _itself)(values[name])) for name in unique)
            if key in seen:
                shown = " ".join(text for name in unique if (text := normal(row.cells.get(name))))
                errors.append(RowError(row.number, "、".join(unique), shown, f"与第 {seen[key]} 行重复"))
            seen.setdefault(key, row.number)
        parsed.errors += errors
        if not errors:
            parsed.records.append(Record(row.number, values))
    return parsed


def text_cell(raw: Any) -> str:
    """Return text; a whole number that Excel made of a code stays as its digits, if it still has them all."""
    if isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) >= EXACT_IN_EXCEL:
        raise CellRefused("被存为数字，末位已丢失，请将该列设为文本格式")
    text = str(int(raw)) if isinstance(raw, float) and raw.is_integer() else normal(raw)
    if len(text) > LONGEST_TEXT:
        raise CellRefused(f"超过 {LONGEST_TEXT} 个字")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise CellRefused("含有不可见的控制字符")
    return text


def code_cell(raw: Any) -> str:
    """Return a number that something is known by; ~ marks what was booked again after an undo."""
    text = text_cell(raw)
    if "~" in text:
        raise CellRefused("编号不能含有 ~")
    return text


def _itself(value: Any) -> Any:
    return value


def fen_cell(raw: Any) -> int:
    """Return fen of an amount in yuan, positive, at most two decimals, as text or number."""
    fen = signed_fen_cell(raw)
    if fen <= 0:
        raise CellRefused("金额必须大于零")
    return fen


def zero_or_more_fen_cell(raw: Any) -> int:
    """Return fen of an amount in yuan that may be zero."""
    fen = signed_fen_cell(raw)
    if fen < 0:
        raise CellRefused("金额不得为负")
    return fen


def signed_fen_cell(raw: Any) -> int:
    """Return fen of an amount in yuan."""
    text = repr(raw) if isinstance(raw, float) else normal(raw).removesuffix("元").strip()
    try:
        fen = parse_yuan(text)
    except NotMoney as refusal:
        raise CellRefused(refusal.reason) from None
    if abs(fen) > MOST_FEN:
        raise CellRefused("金额过大")
    return fen


def date_cell(raw: Any) -> date:
    """Return a date of a date cell, of text such as 2016-01-05, 2016/1/5, 2016年1月5日, 20160105, or an Excel serial."""
    if isinstance(raw, date):
        return _of_our_time(raw.date() if isinstance(raw, datetime) else raw)
    text = text_cell(raw)
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00:00)?", text) or re.fullmatch(
        r"((?:19|20)\d{2})(\d{2})(\d{2})", text
    )
    try:
        if match is not None:
            return _of_our_time(date(int(match[1]), int(match[2]), int(match[3])))
        if re.fullmatch(r"[1-9]\d{4}", text):
            return _of_our_time(date(1899, 12, 30) + timedelta(days=int(text)))
    except ValueError:
        raise CellRefused("没有这一天") from None
    raise CellRefused("不是日期，应如 2016-01-05")


def month_cell(raw: Any) -> date:
    """Return the first day of a month such as 2017-03 or 2017年3月, or of any date in it."""
    text = normal(raw)
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})月?", text) or re.fullmatch(r"((?:19|20)\d{2})(0\d|1[0-2])", text)
    try:
        if match is not None:
            return _of_our_time(date(int(match[1]), int(match[2]), 1))
        return date_cell(raw).replace(day=1)
    except (CellRefused, ValueError):
        raise CellRefused("不是月份，应如 2017-03") from None


def _of_our_time(day: date) -> date:
    if not 1900 <= day.year <= 2199:
        raise CellRefused("年份应在 1900 到 2199 之间")
    return day


def percent_ppb_cell(raw: Any) -> int:
    """Return parts per billion of a yearly rate in per cent, such as 4.35."""
    value = number_cell(normal(raw).removesuffix("%") if isinstance(raw, str) else raw)
    ppb = value * 10_000_000
    if not 0 <= value <= 36 or ppb != int(ppb):
        raise CellRefused("年利率应为 0 到 36 之间的百分数，如 4.35")
    return int(ppb)


def share_ppb_cell(raw: Any) -> int:
    """Return parts per billion of a share in per cent, such as 50."""
    value = number_cell(normal(raw).removesuffix("%") if isinstance(raw, str) else raw)
    ppb = value * 10_000_000
    if not 0 <= value <= 100 or ppb != int(ppb):
        raise CellRefused("应为 0 到 100 之间的百分数，如 50")
    return int(ppb)


def rate_cap_cell(raw: Any) -> int | str:
    """Return a highest rate: parts per billion of a rate in per cent, or the code of a reference rate by its code or name."""
    named = {name: found.code for found in references().values() for name in (found.code, found.name)}
    return named[text] if (text := normal(raw)) in named else percent_ppb_cell(raw)


def words_cell(raw: Any) -> tuple[str, ...]:
    """Return words that stand between 、 or commas."""
    return tuple(word for word in re.split(r"[、,，\s]+", text_cell(raw)) if word)


def spread_ppb_cell(raw: Any) -> int:
    """Return parts per billion of a spread in points of a per cent, such as -0.15."""
    value = number_cell(normal(raw).removesuffix("%") if isinstance(raw, str) else raw)
    ppb = value * 10_000_000
    if not -36 <= value <= 36 or ppb != int(ppb):
        raise CellRefused("加点应为 -36 到 36 之间的百分点，如 0.15 或 -0.15")
    return int(ppb)


def number_cell(raw: Any) -> Decimal:
    """Return an exact number."""
    try:
        value = Decimal(repr(raw) if isinstance(raw, float) else normal(raw).replace(",", ""))
    except InvalidOperation:
        raise CellRefused("不是数字") from None
    if not value.is_finite():
        raise CellRefused("不是数字")
    if value.adjusted() > 12 or int(value.as_tuple().exponent) < -9:
        raise CellRefused("数字过大或小数位过多")
    return value


def whole_cell(raw: Any) -> int:
    """Return a whole number that is not negative."""
    value = number_cell(raw)
    if value != int(value) or not 0 <= value <= MOST_WHOLE:
        raise CellRefused(f"应为 0 到 {MOST_WHOLE} 的整数")
    return int(value)


def months_cell(raw: Any) -> int:
    """Return a number of months that a contract, a scheme or a policy may have."""
    months = whole_cell(raw)
    if not 1 <= months <= MOST_MONTHS:
        raise CellRefused(f"应为 1 到 {MOST_MONTHS} 的整月数")
    return months


def age_cell(raw: Any) -> int:
    """Return an age in full years that a person may have."""
    years = whole_cell(raw)
    if years > MOST_YEARS_OF_AGE:
        raise CellRefused(f"应为 0 到 {MOST_YEARS_OF_AGE} 的周岁")
    return years


def person_id_cell(raw: Any) -> str:
    """Return a resident ID with a right check digit."""
    return _identity(raw, checked_id)


def any_id_cell(raw: Any) -> str:
    """Return a resident ID or a social credit code; only persons' IDs begin with six digits and a birthday."""
    text = text_cell(raw).upper()
    return _identity(raw, checked_id if re.match(r"[1-8]\d{5}(19|20)\d{2}", text) and not text.startswith("9") else checked_uscc)


def account_cell(raw: Any) -> str:
    """Return the digits of an account number, blanks and hyphens left out."""
    digits = re.sub(r"[\s-]", "", text_cell(raw))
    if not re.fullmatch(r"[0-9]{8,32}", digits):
        raise CellRefused("账号应为 8 到 32 位数字")
    return digits


def phone_cell(raw: Any) -> str:
    """Return the digits of a phone number: a mobile's eleven, or a line's with its area code."""
    digits = re.sub(r"[\s()-]", "", text_cell(raw))
    digits = re.sub(r"^(\+|00)?86(?=1)", "", digits)
    if not re.fullmatch(r"1[3-9][0-9]{9}|0[0-9]{9,11}", digits):
        raise CellRefused("电话应为 11 位手机号码，或带区号的固定电话")
    return digits


def one_of(choices: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return a parser of a fixed set of words."""

    def parse(raw: Any) -> Any:
        text = text_cell(raw)
        if text not in choices:
            raise CellRefused(f"应为：{'、'.join(choices)}")
        return choices[text]

    return parse


def _identity(raw: Any, check: Callable[[str], str]) -> str:
    if isinstance(raw, int | float):
        raise CellRefused("证件号被存为数字，末位已丢失，请将该列设为文本格式")
    try:
        return check(text_cell(raw))
    except BadIdentity as refusal:
        raise CellRefused(refusal.reason) from None
