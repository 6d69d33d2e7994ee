"""Explanation (利息说明): how each fen of interest came about, from the streams that it stands on to its one rounding.

Pure, from a life: the same lines that a statement prints as 积数, with the rate, the days and the exact sum behind every charge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from loans.life import Charge, Life
from loans.terms import DayCount, StreamKind, interest_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Days of one stream: base × rate × ticks; `ticks` are days, unless the day count has other parts of a year."""

    start: date
    end: date
    base_fen: int
    rate_ppb: int
    gov_ppb: int
    ticks: int

    @property
    def product(self) -> int:
        """The 积数: base × ticks."""
        return self.base_fen * self.ticks

    @property
    def units(self) -> int:
        """Exact interest before division: base × rate × ticks."""
        return self.product * self.rate_ppb

    @property
    def gov_units(self) -> int:
        """Government's part of it."""
        return self.product * self.gov_ppb


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Interest of one kind over the days `[start, end)`, part by part; a charge if it has been made due, else run up only."""

    kind: StreamKind
    start: date
    end: date
    day_count: DayCount
    parts: tuple[Part, ...]
    charge: Charge | None

    @property
    def exact_fen(self) -> Fraction:
        """The whole before its rounding, in fen."""
        return interest_fen(sum(part.units for part in self.parts), self.day_count.year)

    @property
    def gov_exact_fen(self) -> Fraction:
        """Government's part before its rounding, in fen."""
        return interest_fen(sum(part.gov_units for part in self.parts), self.day_count.year)


def charged(life: Life) -> Iterator[Story]:
    """Yield every charge with what it stands on; one taken over from other books stands on nothing here."""
    for charge in life.charges:
        yield _story(life, charge.kind, charge.start, charge.end, charge)


def run_up(life: Life, until: date) -> Iterator[Story]:
    """Yield, by kind, the interest that has run up before a day and is not yet charged."""
    for kind in StreamKind:
        done = max((charge.end for charge in life.charges if charge.kind is kind), default=life.terms.drawn_on)
        story = _story(life, kind, done, until, None)
        if story.parts:
            yield story


def _story(life: Life, kind: StreamKind, start: date, end: date, charge: Charge | None) -> Story:
    count = life.terms.count_of(kind)
    read = count.clock(life.terms.drawn_on)
    parts = tuple(
        Part(
            start=max(start, line.start),
            end=min(end, line.end or end),
            base_fen=line.base_fen,
            rate_ppb=line.rate_ppb,
            gov_ppb=line.gov_ppb,
            ticks=line.ticks(read, start, end),
        )
        for line in life.streams
        if line.kind is kind and line.days(start, end)
    )
    return Story(kind=kind, start=start, end=end, day_count=count, parts=parts, charge=charge)
