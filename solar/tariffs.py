"""A tariff (上网电价): what a kWh fed in is worth, fixed for a station's life by its class on the day of grid connection.

It has two parts: the coal benchmark price (标杆), which the grid pays at once, and the national subsidy (国家补贴), which comes
late. When the coal price moves, a whole price stays and only the split moves. Prices are exact yuan per kWh, from
`tariffs.toml`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

from ledger.calendar import DAY, add_months, month_of, next_month
from solar.errors import NoTariff

FILE = Path(__file__).with_name("tariffs.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffClass:
    """A class of stations with one tariff; of `own_use`, part of the power never passes the grid's meter."""

    code: str
    name: str
    own_use: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What stations of a class get that are connected from a day on: a whole price, or a subsidy on top of the coal price.

    With neither, it is the coal price alone; `closed`: no new station gets it.
    """

    connected_from: date
    document: str
    price: Decimal | None = None
    subsidy: Decimal | None = None
    closed: bool = False

    def subsidy_at(self, coal: Decimal) -> Decimal:
        """Return the subsidy part of a kWh while the coal part is so much; it never falls below zero."""
        if self.subsidy is not None:
            return self.subsidy
        return max(Decimal(0), self.price - coal) if self.price is not None else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How long subsidy is paid: full-load hours and years from connection, whichever ends first."""

    hours: int
    years: int
    document: str
    assumed: bool

    def most_kwh(self, watts: int) -> Fraction:
        """Return the kWh of a capacity that bear subsidy."""
        return Fraction(watts * self.hours, 1000)

    def ends_on(self, connected_on: date) -> date:
        """Return the first day without subsidy, by years."""
        return add_months(connected_on, 12 * self.years)


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """When cash that has not come is missed: days after the month for the coal part, a month of the next year for subsidy."""

    coal_days: int
    subsidy_month: int
    document: str

    def coal_missed_from(self, month: date) -> date:
        """Return the first day on which the coal part of a month is missed."""
        return next_month(month) + self.coal_days * DAY

    def subsidy_missed_from(self, month: date) -> date:
        """Return the first day on which the subsidy of a month is missed."""
        return next_month(date(month.year + 1, self.subsidy_month, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of a document that holds from a day on."""

    since: date
    document: str
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CoalPrice:
    """The coal benchmark price from a day on."""

    valid_from: date
    price: Decimal
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    """All that the file says."""

    classes: Mapping[str, TariffClass]
    rows: Mapping[str, tuple[Tariff, ...]]
    coal: tuple[CoalPrice, ...]
    life: Life
    late: Late
    debt_free: Rule

    def tariff(self, code: str, connected_on: date) -> Tariff:
        """Return the tariff of a class for stations connected on a day.

        Raises:
            NoTariff: there is no such class, or it has none then.
        """
        if code not in self.classes:
            raise NoTariff(code, connected_on)
        found = [one for one in self.rows[code] if one.connected_from <= connected_on]
        if not found or found[-1].closed:
            raise NoTariff(self.classes[code].name, connected_on)
        return found[-1]

    def coal_in(self, month: date) -> Decimal:
        """Return the coal price of a month: the one that holds on its first day.

        Raises:
            NoTariff: none is known for so early a month.
        """
        found = [one.price for one in self.coal if one.valid_from <= month_of(month)]
        if not found:
            raise NoTariff("燃煤标杆电价", month)
        return found[-1]


@cache
def tariffs(path: Path = FILE) -> Tariffs:
    """Return the tariffs of a file."""
    stored = tomllib.loads(path.read_text(encoding="utf-8"))
    classes = {one["code"]: TariffClass(**one) for one in stored["class"]}
    dated = sorted(stored["row"], key=lambda row: row["connected_from"])
    debt_free = stored["debt_free"]
    return Tariffs(
        classes=classes,
        rows={
            code: tuple(_tariff(row["connected_from"], row["document"], row[code]) for row in dated if code in row)
            for code in classes
        },
        coal=tuple(
            CoalPrice(valid_from=one["valid_from"], price=Decimal(one["price"]), assumed=one.get("assumed", False))
            for one in sorted(stored["coal"], key=lambda one: one["valid_from"])
        ),
        life=Life(**{"assumed": False, **stored["life"]}),
        late=Late(**stored["late"]),
        debt_free=Rule(since=debt_free["from"], document=debt_free["document"], assumed=debt_free.get("assumed", False)),
    )


def _tariff(since: date, document: str, cell: Mapping[str, str | bool]) -> Tariff:
    price, subsidy = cell.get("price"), cell.get("subsidy")
    return Tariff(
        connected_from=since,
        document=document,
        price=Decimal(str(price)) if price not in (None, "coal") else None,
        subsidy=Decimal(str(subsidy)) if subsidy is not None else None,
        closed=bool(cell.get("closed", False)),
    )
