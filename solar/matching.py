"""Matching (核销): which months a station's cash has paid, part by part, and what came beyond all that is due.

Cash that names a month pays that month first. What is more than it needs, and cash for several months at once, pays the oldest
months that are open. What is left after all is an over-payment (多收): it waits for the next month's receivable. Nothing depends
on the order in which readings and cash came: matching is a question, not a record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Matched:
    """What of each month is paid, in fen, and what is over."""

    paid: Mapping[date, int] = field(default_factory=dict)
    over_fen: int = 0


def match(due: Mapping[date, int], cash: Iterable[tuple[date | None, int]]) -> Matched:
    """Return what cash, each for a month or for none in particular, pays of what is due by month, in fen.

    Months and cash are never negative.
    """
    named: dict[date, int] = {}
    free = 0
    for month, fen in cash:
        if month is None:
            free += fen
        else:
            named[month] = named.get(month, 0) + fen
    paid = {month: min(fen, named.get(month, 0)) for month, fen in due.items()}
    free += sum(named.values()) - sum(paid.values())
    for month in sorted(due):
        more = min(due[month] - paid[month], free)
        paid[month] += more
        free -= more
    return Matched(paid, free)
