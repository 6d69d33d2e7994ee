"""Subsidy schemes (贴息办法): how much of a product's interest government pays, to whom, how often, and out of whose purse.

A contract keeps what the scheme of its first day gave it: the shares lie in its rate steps, and who is paid in its terms.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from ledger.calendar import add_months
from loans.errors import BadScheme
from loans.terms.cycles import MOST_MONTHS
from loans.terms.rates import RateStep


class Mode(StrEnum):
    """Who is paid, and when (domain.md 1.3)."""

    HOUSEHOLD_FIRST = "A"  # 先收后贴: the household pays all, finance pays it back
    TO_BANK = "B"  # 直贴银行: the bank charges the household the rest only
    PREPAID = "C"  # 预拨清算: as to the bank, out of money paid in advance


class Cadence(StrEnum):
    """How often a bank's subsidy is settled (结算周期)."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """From a month of the loan's life on, government pays a percentage of the contract interest, or fixed points of it."""

    from_month: int = 0
    percent: int | None = None
    points_ppb: int | None = None

    def of(self, rate_ppb: int) -> int:
        """Return government's part of a contract rate, in ppb; never more than the rate."""
        if self.points_ppb is not None:
            return min(rate_ppb, self.points_ppb)
        return rate_ppb * (self.percent or 0) // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What one document says of a product's subsidy from a day on, nationwide or in a county.

    `year_begins` is the first month of the subsidy year; `tiers` weigh who bears it (省、市、县), none: the county alone.

    Raises:
        BadScheme: shares out of order or not one of percentage and points, a month that is none, weights below zero.
    """

    product: str
    valid_from: date
    source: str
    mode: Mode
    cadence: Cadence
    shares: tuple[Share, ...]
    when_extended: bool
    county: str | None = None
    assumed: bool = False
    year_begins: int = 1
    tiers: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        months = [share.from_month for share in self.shares]
        if months != sorted(set(months)) or months[:1] not in ([], [0]):
            raise BadScheme(self.source, "贴息标准须自放款起，按月份递增")
        if months and months[-1] > MOST_MONTHS:
            raise BadScheme(self.source, f"贴息标准的起始月不得超过 {MOST_MONTHS}")
        if any((share.percent is None) == (share.points_ppb is None) for share in self.shares):
            raise BadScheme(self.source, "贴息标准须为比例或固定点数之一")
        if any(not 0 <= (share.percent or 0) <= 100 or (share.points_ppb or 0) < 0 for share in self.shares):
            raise BadScheme(self.source, "贴息比例须在 0 至 100 之间，点数不得为负")
        if not 1 <= self.year_begins <= 12:
            raise BadScheme(self.source, "贴息年度起始月须在 1 至 12 之间")
        if any(weight < 0 for _, weight in self.tiers) or (self.tiers and not any(weight for _, weight in self.tiers)):
            raise BadScheme(self.source, "分级负担比例不得为负，也不得全为零")

    def gov_ppb(self, rate_ppb: int, drawn_on: date, day: date) -> int:
        """Return government's part of a rate that is set on a day of a loan's life, in ppb."""
        begun = [share for share in self.shares if add_months(drawn_on, share.from_month) <= day]
        return begun[-1].of(rate_ppb) if begun else 0

    def later_gov_ppb(self, rate_ppb: int, drawn_on: date, day: date) -> tuple[tuple[date, int], ...]:
        """Return what government pays of a rate that is set on a day once later shares begin: (from, ppb)."""
        starts = [(add_months(drawn_on, share.from_month), share) for share in self.shares]
        return tuple((start, share.of(rate_ppb)) for start, share in starts if start > day)

    def gov_ppb_when_extended(self, rate_ppb: int) -> int:
        """Return government's part of a rate that is agreed with an extension, in ppb: the last share's, or none."""
        return self.shares[-1].of(rate_ppb) if self.when_extended and self.shares else 0

    def rate_steps(self, rate_ppb: int, drawn_on: date) -> tuple[RateStep, ...]:
        """Return a contract's rate steps from its first day: one rate, and what government pays of it by and by."""
        steps = [RateStep(add_months(drawn_on, share.from_month), rate_ppb, share.of(rate_ppb)) for share in self.shares]
        return tuple(steps) or (RateStep(drawn_on, rate_ppb, 0),)


def scheme_on(rows: Iterable[Scheme], product: str, county: str, day: date) -> Scheme | None:
    """Return the scheme of a product in a county on a day: its own before the nation's, then the newest; None if none pays."""
    covering = [row for row in rows if row.product == product and row.county in (None, county) and row.valid_from <= day]
    return max(covering, key=lambda row: (row.county is not None, row.valid_from), default=None)


def scheme_from(values: Mapping[str, Any]) -> Scheme:
    """Return the scheme that a row of a file or of the database states."""
    shares = tuple(Share(**share) for share in values["shares"])
    tiers = tuple((name, weight) for name, weight in values.get("tiers", ()))
    named = {"mode": Mode(values["mode"]), "cadence": Cadence(values["cadence"]), "shares": shares, "tiers": tiers}
    return Scheme(**{**values, **named})


@cache
def nationwide() -> tuple[Scheme, ...]:
    """Return the schemes of `schemes.toml`."""
    with (Path(__file__).parent / "schemes.toml").open("rb") as file:
        return tuple(scheme_from(row) for row in tomllib.load(file)["scheme"])
