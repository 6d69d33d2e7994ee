"""The settlement days of the field (结息日): the 20th of March, June, September and December, at whose close all are charged.

The 20th itself belongs to the closing period; `loans.terms.cycles.QUARTERS` says the same as a cycle.
"""

from datetime import date
from fractions import Fraction

from ledger.calendar import add_months
from ledger.money import PPB

SETTLEMENT_MONTHS = (3, 6, 9, 12)
SETTLEMENT_DAY = 20


def settlement_days(start: date, end: date) -> list[date]:
    """Return the settlement days of `[start, end)`."""
    years = range(start.year, end.year + 1)
    days = (date(year, month, SETTLEMENT_DAY) for year in years for month in SETTLEMENT_MONTHS)
    return [day for day in days if start <= day < end]


def is_settlement_day(day: date) -> bool:
    """Tell whether interest is settled at the close of a day."""
    return day.day == SETTLEMENT_DAY and day.month in SETTLEMENT_MONTHS


def last_settlement_before(day: date) -> date:
    """Return the last settlement day strictly before a day."""
    return settlement_days(add_months(day, -4), day)[-1]


def charge_fen(units: int, year: int) -> int:
    """Return a charge in whole fen: units of interest, none of them negative, rounded half up once."""
    whole = PPB * year
    return (2 * units + whole) // (2 * whole)


def interest_fen(units: int, year: int) -> Fraction:
    """Return exact fen for units of interest (base × rate × ticks), given the ticks of a year."""
    return Fraction(units, PPB * year)
