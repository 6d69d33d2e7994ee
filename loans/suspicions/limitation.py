"""Limitation (诉讼时效): until when a debt can be sued for; a demand in time or any payment begins the period anew."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ledger.calendar import add_months
from loans.suspicions.rules import changes


@dataclass(frozen=True, slots=True)
class Limitation:
    """Where a debt stands: the last day of its period, what began it, and the demands that came too late."""

    began_on: date
    ends_on: date
    late: tuple[date, ...]


def period_end(began_on: date) -> date:
    """Return the last day of a period: two years; three where the two had not ended by 2017-10-01 (法释〔2018〕12号)."""
    (_, years), *later = changes("limitation_years")
    end = add_months(began_on, 12 * years)
    for since, longer in later:
        if end >= since:
            end = add_months(began_on, 12 * longer)
    return end


def limitation(due: date, demands: Iterable[date], payments: Iterable[date]) -> Limitation:
    """Return how a debt stands: it runs from its last due date, anew from each demand in time and each payment.

    A demand after the end is late and begins nothing; a payment after it acknowledges the debt (民法典 192). What came before
    the due date begins nothing either.
    """
    began, end = due, period_end(due)
    late: list[date] = []
    marks = sorted([*((day, False) for day in demands), *((day, True) for day in payments)])
    for day, paid in marks:
        if day <= began:
            continue
        if day > end and not paid:
            late.append(day)
            continue
        began, end = day, period_end(day)
        late = []
    return Limitation(began, end, tuple(late))
