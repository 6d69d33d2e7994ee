"""Rolling (节假日顺延): which working day stands for a nominal date that is none, and up to which of them interest counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from ledger.calendar import DAY, is_weekday, is_working_day


class Convention(StrEnum):
    """Where a date moves that is not a working day."""

    SAME = "same"
    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"  # unless that is in the next month: then the working day before
    PRECEDING = "preceding"
    MODIFIED_PRECEDING = "modified_preceding"  # unless that is in the month before: then the working day after


class Calendar(StrEnum):
    """Whose working days."""

    CHINESE = "chinese"  # the State Council's notices with 调休; weekdays in years not announced
    WEEKDAYS = "weekdays"  # Monday to Friday


WORKS: Mapping[Calendar, Callable[[date], bool]] = {Calendar.CHINESE: is_working_day, Calendar.WEEKDAYS: is_weekday}


_FURTHEST_DAYS = 20
"""No holiday is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """A business day convention.

    Attributes:
        convention: where a date moves.
        calendar: whose working days.
        calculates_nominal: interest counts to the nominal date though payment moves (calculate, then shift); otherwise to
            the day of payment (shift, then calculate).
        last_only: only the maturity moves, as with loans that settle on the 20th, which never rolls (house.md 3.15).
    """

    convention: Convention = Convention.SAME
    calendar: Calendar = Calendar.CHINESE
    calculates_nominal: bool = False
    last_only: bool = False

    @property
    def code(self) -> str:
        """What an instalment's row says of where its date moves: 'same', or convention and calendar."""
        return Convention.SAME if self.convention is Convention.SAME else f"{self.convention}/{self.calendar}"

    def due(self, nominal: date) -> date:
        """Return the day on which a nominal date falls due."""
        return rolled(nominal, self.convention, self.calendar)


def rolled(nominal: date, convention: Convention, calendar: Calendar) -> date:
    """Return the day that stands for a nominal date."""
    if convention is Convention.SAME:
        return nominal
    works = WORKS[calendar]
    if works(nominal):
        return nominal
    following = convention in (Convention.FOLLOWING, Convention.MODIFIED_FOLLOWING)
    moved = _nearest(nominal, DAY if following else -DAY, works)
    modified = convention in (Convention.MODIFIED_FOLLOWING, Convention.MODIFIED_PRECEDING)
    if modified and moved.month != nominal.month:
        return _nearest(nominal, -DAY if following else DAY, works)
    return moved


def _nearest(day: date, step: timedelta, works: Callable[[date], bool]) -> date:
    while not works(day):
        day += step
    return day


def falling_due_on(day: date) -> list[tuple[str, date]]:
    """Return the (rolling code, nominal date) that fall due on a day, under every convention."""
    found: list[tuple[str, date]] = [(Convention.SAME, day)]
    window = [day + DAY * ahead for ahead in range(-_FURTHEST_DAYS, _FURTHEST_DAYS + 1)]
    for calendar, works in WORKS.items():
        if not works(day):
            continue
        for convention in Convention:
            if convention is not Convention.SAME:
                code = Rolling(convention=convention, calendar=calendar).code
                found += [(code, nominal) for nominal in window if rolled(nominal, convention, calendar) == day]
    return found


def due_on(code: str, nominal: date) -> date:
    """Return the day on which a nominal date falls due, given the code of its rolling."""
    convention, _, calendar = code.partition("/")
    return rolled(nominal, Convention(convention), Calendar(calendar or Calendar.CHINESE))


NEVER = Rolling()
"""Dates stay where they are."""

AT_MATURITY = Rolling(convention=Convention.FOLLOWING, last_only=True)
"""The maturity moves to the working day after, with interest at the contract rate for those days (domain.md 4)."""
