"""Subsidy periods (贴息期间): months, quarters and years of settlement days; a subsidy year may begin with any month.

A period ends with the 20th of its last month: what is settled then belongs to it (domain.md 1.3, E5).
"""

import re
from dataclasses import dataclass
from datetime import date

from ledger.calendar import add_months
from loans.errors import BadPeriod
from loans.subsidy.schemes import Cadence

_LABELS = {
    Cadence.MONTH: (re.compile(r"(\d{4})-(\d{2})"), 1, 12),
    Cadence.QUARTER: (re.compile(r"(\d{4})Q(\d)"), 3, 4),
    Cadence.YEAR: (re.compile(r"(\d{4})(?P<none>)"), 12, 1),
}


@dataclass(frozen=True, slots=True)
class Period:
    """The days `[start, end)` whose interest is subsidised together; `end` is a 21st."""

    label: str
    start: date
    end: date


def period_named(label: str, cadence: Cadence, year_begins: int = 1) -> Period:
    """Return a period by its label: 2017-03 (a month of the calendar), 2017Q1 or 2017 (of the subsidy year begun in 2017).

    Raises:
        BadPeriod: no period of this cadence is called so.
    """
    pattern, months, most = _LABELS[cadence]
    found = pattern.fullmatch(label)
    number = int(found[2] or 1) if found else 0
    if found is None or not 1 <= number <= most or not 1990 <= int(found[1]) <= 2200:
        raise BadPeriod(label, cadence)
    first_month = 1 if cadence is Cadence.MONTH else year_begins
    begins = add_months(date(int(found[1]), first_month, 21), months * (number - 1) - 1)
    return Period(label, begins, add_months(begins, months))
