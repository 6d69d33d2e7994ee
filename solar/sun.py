"""The sun (日照) over a region as dated assumptions (`sun.toml`), and what a roof is expected to yield of it, exact."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path

from solar.errors import NoSun


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """What a new kilowatt yields a year where, what is left of it as it ages, and how a year is spread over its months.

    `kept_first` and `kept_yearly` are per 100,000; `shape` is per mille, January first.
    """

    valid_from: date
    region: str
    hours: int
    kept_first: int
    kept_yearly: int
    shape: tuple[int, ...]
    source: str

    def yearly_kwh(self, watts: int, year: int) -> Fraction:
        """Return what a plant yields in a year of its life, 1 being the first."""
        aged = Fraction(self.kept_first, 100_000) * Fraction(self.kept_yearly, 100_000) ** (year - 1)
        return Fraction(watts, 1000) * self.hours * aged

    def monthly_kwh(self, watts: int, connected_on: date, month: date) -> Fraction:
        """Return what a plant is expected to yield in a whole calendar month after its connection."""
        year = max(1, (month.year - connected_on.year) + (month.month > connected_on.month))
        return self.yearly_kwh(watts, year) * self.shape[month.month - 1] / 1000


@cache
def suns() -> Sequence[Sun]:
    """Return all assumptions, in order of the days from which they hold."""
    rows = tomllib.loads((Path(__file__).parent / "sun.toml").read_text(encoding="utf-8"))["sun"]
    return sorted((Sun(**row | {"shape": tuple(row["shape"])}) for row in rows), key=lambda one: one.valid_from)


def sun_on(region: str, day: date) -> Sun:
    """Return what is assumed of a region on a day: of the longest code that it begins with, the latest row.

    Raises:
        NoSun: nothing is assumed.
    """
    found = [one for one in suns() if region.startswith(one.region) and one.valid_from <= day]
    if not found:
        raise NoSun(region, day)
    return max(found, key=lambda one: (len(one.region), one.valid_from))
