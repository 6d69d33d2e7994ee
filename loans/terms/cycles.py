"""Cycles (周期): the nominal dates on which something recurs, counted from an anchor and never from each other.

A date of a cycle is the first day after a period (算头不算尾). The k-th is the anchor moved by k periods, so a short month
leaves no drift behind. Dates are nominal; rolling to a working day is another convention (`loans.terms.rolling`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import count

from ledger.calendar import DAY, add_months, days_in_month, is_month_end, next_month
from loans.errors import BadTerms

MOST_MONTHS = 600
"""No contract, scheme or policy counts more months than fifty years have."""


class Unit(StrEnum):
    """What a period is counted in."""

    DAYS = "days"
    MONTHS = "months"
    YEARS = "years"


DAYS, MONTHS, YEARS = Unit


class Stub(StrEnum):
    """What becomes of the odd days before the end: a short last period, or one that runs long."""

    SHORT = "short"
    LONG = "long"


class MonthEnd(StrEnum):
    """Which day stands for one that a short month lacks."""

    SAME_DAY = "same_day"  # 对年对月对日; the 31st becomes the last day of a short month
    LAST_DAY = "last_day"  # an anchor on the last day of its month means every last day
    NEXT_MONTH = "next_month"  # the first day of the month after


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A recurrence: every so many days, months or years from an anchor.

    Attributes:
        anchor: the first date; before it there is none. One later than the loan's first period makes that period long, an
            earlier one makes it short.
        every: periods between two dates, at least one.
        unit: what a period is counted in.
        stub: what the odd days before the end become.
        month_end: which day stands for one that a short month lacks.
        months: the months of the year on which a date may fall; none named means all (seasonal instalments of the sun).
        closes_day: the day itself still belongs to the period that it closes, as the 20th does (结息日计入本期): the date is
            the day after it.

    Raises:
        BadTerms: a period that is not positive, or a month that is none.
    """

    anchor: date
    every: int = 1
    unit: Unit = Unit.MONTHS
    stub: Stub = Stub.SHORT
    month_end: MonthEnd = MonthEnd.SAME_DAY
    months: tuple[int, ...] = ()
    closes_day: bool = False

    def __post_init__(self) -> None:
        if self.every < 1:
            raise BadTerms(f"周期必须大于零，现为 {self.every}")
        if any(not 1 <= month <= 12 for month in self.months):
            raise BadTerms(f"还款月份只能是 1 至 12，现为 {self.months}")

    def at(self, index: int) -> date:
        """Return the date some periods after the anchor's."""
        if self.unit is DAYS:
            found = self.anchor + timedelta(days=self.every * index)
        else:
            found = add_months(self.anchor, self.every * index * (12 if self.unit is YEARS else 1))
            if self.anchor.day >= 28:
                found = self._at_month_end(found)
        return found + DAY if self.closes_day else found

    def after(self, start: date) -> Iterator[date]:
        """Yield the dates after a day, for ever; those of other months than `months` are left out."""
        for index in count(self._before(start) + 1):
            try:
                found = self.at(index)
            except (ValueError, OverflowError):  # the calendar ends with the year 9999
                return
            if found > start and (not self.months or found.month in self.months):
                yield found

    def between(self, start: date, end: date) -> list[date]:
        """Return the dates after a start and before an end, and the end itself, with the stub that the cycle names."""
        found: list[date] = []
        following = end
        for following in self.after(start):
            if following >= end:
                break
            found.append(following)
        if following != end and found and self.stub is Stub.LONG:
            found.pop()
        found.append(end)
        return found

    def end_of(self, last: date) -> date:
        """Return the first day after a cycle's last period: `last`, or the day after it, if it is a day that closes one."""
        after = last + DAY
        return after if self.closes_day and next(self.after(last), last) == after else last

    def _at_month_end(self, found: date) -> date:
        if self.month_end is MonthEnd.LAST_DAY and is_month_end(self.anchor):
            return found.replace(day=days_in_month(found))
        if self.month_end is MonthEnd.NEXT_MONTH and found.day < self.anchor.day:
            return next_month(found)
        return found

    def _before(self, day: date) -> int:
        """Return an index from which on dates are looked for: its own is not after a day (-1: before the anchor)."""
        if self.unit is DAYS:
            index = (day - self.anchor).days // self.every
        else:
            months = 12 * (day.year - self.anchor.year) + day.month - self.anchor.month
            index = months // (self.every * (12 if self.unit is YEARS else 1))
        return max(index - 2, -1)


QUARTERS = Cycle(anchor=date(2000, 3, 20), every=3, closes_day=True)
"""The field's own settlement (结息): the 20th of Mar/Jun/Sep/Dec closes its period, the next begins on the 21st."""
