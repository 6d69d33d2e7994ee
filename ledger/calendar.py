"""Dates of the field: working days with 调休, whole months (对年对月对日), and half-open periods.

Periods are `[start, end)` everywhere: adjacent ones add up and no day is counted twice (算头不算尾).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

import chinese_calendar  # type: ignore[import-untyped,unused-ignore]

DAY = timedelta(days=1)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@lru_cache(maxsize=8192)
def is_working_day(day: date) -> bool:
    """Tell whether banks work on a day: the State Council's notice, 调休 included; plain weekdays in years not announced."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return is_weekday(day)


def is_weekday(day: date) -> bool:
    """Tell whether a day is one of Monday to Friday."""
    return day.weekday() < 5


def following_working_day(day: date) -> date:
    """Return the day itself if banks work on it, else the next day on which they do (domain.md 4, holiday maturity)."""
    while not is_working_day(day):
        day += DAY
    return day


def working_days_after(day: date, count: int) -> date:
    """Return the date that is `count` working days after a day."""
    while count:
        day += DAY
        if is_working_day(day):
            count -= 1
    return day


def add_months(day: date, months: int) -> date:
    """Return the same day some months later; the 31st becomes the last day of a short month."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if day.day <= 28:
        return date(year, month + 1, day.day)
    return date(year, month + 1, min(day.day, _MONTH_DAYS[month] + (month == 1 and is_leap(year))))


def is_leap(year: int) -> bool:
    """Tell whether a year has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(day: date) -> int:
    """Return the number of days of the month of a day."""
    return _MONTH_DAYS[day.month - 1] + (day.month == 2 and is_leap(day.year))


def is_month_end(day: date) -> bool:
    """Tell whether a day is the last of its month."""
    return day.day == days_in_month(day)


def month_of(day: date) -> date:
    """Return the first day of a day's month, which names the accounting period."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """Return the first day of the month after a day's."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def days(start: date, end: date) -> Iterator[date]:
    """Yield the days of the half-open period `[start, end)`."""
    while start < end:
        yield start
        start += DAY
