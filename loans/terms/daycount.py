"""Day counts (计息天数): how long a stretch of days is for interest, each as a clock that is read on two dates.

A clock's reading never falls, and interest of `[start, end)` is base × rate × (reading of end − reading of start) ÷
ticks of a year. So two adjacent stretches always add up to the whole, under every convention.
"""

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import partial

from ledger.calendar import add_months, is_leap

COMMON_YEAR = 1_603_080
"""The least number of ticks into which the year of every day count divides."""


class DayCount(StrEnum):
    """How days become parts of a year. The value is what terms and tables store."""

    ACT_360 = "act/360"  # 实际天数/360, what 积数 counts in
    ACT_365 = "act/365"  # 实际天数/365 (A/365 fixed)
    ACT_ACT = "act/act"  # ISDA: days of a leap year are 366ths, of another 365ths
    THIRTY_360 = "30e/360"  # every month has 30 days, the 31st counts as the 30th
    MONTHS = "months/360"  # 逐笔: whole months of 30 days from the anchor, then odd days of 360 (银发〔2005〕129号)

    @property
    def year(self) -> int:
        """Return the ticks of a year."""
        return _YEAR[self]

    def clock(self, anchor: date) -> Callable[[date], int]:
        """Return what reads the clock at the beginning of a day; only `MONTHS` asks for the day it counts from."""
        if self is DayCount.MONTHS:
            return partial(_months_since, anchor)
        return _CLOCKS[self]

    def day_clock(self, anchor: date) -> Callable[[date], int]:
        """Return a clock whose ticks are the days that a paper prints: as counted, or real ones where a year's days differ."""
        return date.toordinal if self is DayCount.ACT_ACT else self.clock(anchor)

    def ticks(self, start: date, end: date, anchor: date) -> int:
        """Return the ticks of `[start, end)`, of which a year has `year`."""
        read = self.clock(anchor)
        return read(end) - read(start)


def _months_since(anchor: date, day: date) -> int:
    months = 12 * (day.year - anchor.year) + day.month - anchor.month
    odd = day.day - anchor.day
    if odd >= 0 and anchor.day <= 28:
        return 30 * months + odd
    since = add_months(anchor, months)
    if day < since:
        months, since = months - 1, add_months(anchor, months - 1)
    return 30 * months + (day - since).days


def _thirty_a_month(day: date) -> int:
    return 360 * day.year + 30 * day.month + min(day.day, 30)


def _parts_of_its_year(day: date) -> int:
    weight = 365 if is_leap(day.year) else 366
    return 365 * 366 * day.year + weight * (day.toordinal() - date(day.year, 1, 1).toordinal())


_CLOCKS: Mapping[DayCount, Callable[[date], int]] = {
    DayCount.ACT_360: date.toordinal,
    DayCount.ACT_365: date.toordinal,
    DayCount.ACT_ACT: _parts_of_its_year,
    DayCount.THIRTY_360: _thirty_a_month,
}
_YEAR = {
    DayCount.ACT_360: 360,
    DayCount.ACT_365: 365,
    DayCount.ACT_ACT: 365 * 366,
    DayCount.THIRTY_360: 360,
    DayCount.MONTHS: 360,
}
