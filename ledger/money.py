"""Money is a whole number of fen (分), CNY only; a figure is exact until one named rounding."""

import re
from collections.abc import Sequence
from fractions import Fraction

from ledger.errors import NotMoney

PPB = 1_000_000_000
"""Rates are whole parts per billion: 4.35 % a year is 43,500,000."""


def round_half_up(exact: Fraction) -> int:
    """Return whole fen, halves away from zero (四舍五入)."""
    doubled = 2 * abs(exact.numerator) + exact.denominator
    rounded = doubled // (2 * exact.denominator)
    return rounded if exact >= 0 else -rounded


def split_in_two(whole_fen: int, first_share: Fraction) -> tuple[int, int]:
    """Split by a ratio: the first part is rounded and the second is the difference."""
    first = round_half_up(whole_fen * first_share)
    return first, whole_fen - first


def split_by_shares(whole_fen: int, shares: Sequence[Fraction]) -> tuple[int, ...]:
    """Split by shares that sum to one: every part but the last is rounded, the last is the difference."""
    parts = [round_half_up(whole_fen * share) for share in shares[:-1]]
    return (*parts, whole_fen - sum(parts))


def yuan(fen: int) -> str:
    """Return an amount as a statement prints it: 5,070,750 fen is '50,707.50'."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def decimal_yuan(fen: int) -> str:
    """Return an amount as a program reads it: 5,070,750 fen is '50707.50'."""
    return yuan(fen).replace(",", "")


def parse_yuan(text: str) -> int:
    """Return fen for a text such as '50,000', '50000.5' or '-3.20'.

    Raises:
        NotMoney: not a plain decimal number, or more than two decimals.
    """
    cleaned = text.strip().removeprefix("¥").removeprefix("￥").strip()
    match = re.fullmatch(r"(-?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?", cleaned)
    if match is None:
        raise NotMoney(text, "不是金额")
    sign, whole, decimals = match[1], match[2].replace(",", ""), match[3] or ""
    if len(decimals.rstrip("0")) > 2:
        raise NotMoney(text, "金额超过两位小数")
    fen = int(whole) * 100 + int(decimals[:2].ljust(2, "0"))
    return -fen if sign else fen


def percent(ppb: int) -> str:
    """Return a yearly rate as people read it, exactly and with at least two decimals: 43,500,000 ppb is '4.35%'."""
    sign, (whole, rest) = "-" if ppb < 0 else "", divmod(abs(ppb), PPB // 100)
    return f"{sign}{whole}.{f'{rest:07d}'.rstrip('0').ljust(2, '0')}%"
