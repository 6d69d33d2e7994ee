"""A draw (借款): money of the central bank, lent for a time; its interest is a pure function of its facts (domain.md 2, E7)."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from ledger.books import Book
from ledger.calendar import DAY
from ledger.journal import Dimensions
from ledger.money import round_half_up
from loans.terms import DayCount, interest_fen, settlement_days

BASIS = DayCount.ACT_360.year


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A draw: fen at a yearly rate (ppb) from its first day up to the day it is due or repaid."""

    book: Book
    number: str
    fen: int
    rate_ppb: int
    drawn_on: date
    due_on: date
    extensions: tuple[date, ...] = ()
    repaid_on: date | None = None
    reported_on: date | None = None  # the business date on which it came into the books

    @property
    def agreed(self) -> tuple[int, int, date, date]:
        """What it was drawn under."""
        return self.fen, self.rate_ppb, self.drawn_on, self.due_on

    @property
    def ends_on(self) -> date:
        """The first day without interest: repayment, or else the due date last agreed."""
        return self.repaid_on or max((self.due_on, *self.extensions))

    @property
    def dimensions(self) -> Dimensions:
        """What its postings say of it."""
        return Dimensions(county=self.book.county, bank=self.book.bank, project=self.number)


@dataclass(frozen=True, slots=True)
class DrawInterest:
    """Interest of the days `[start, end)` of a draw, in whole fen, paid on `end`."""

    start: date
    end: date
    fen: int


@lru_cache(maxsize=4096)
def interest_periods(draw: Draw) -> tuple[DrawInterest, ...]:
    """Return a draw's interest period by period: settled on the 20th (included), the last with the principal."""
    ends = [day + DAY for day in settlement_days(draw.drawn_on, draw.ends_on) if day + DAY < draw.ends_on]
    starts = [draw.drawn_on, *ends]
    return tuple(
        DrawInterest(start, end, round_half_up(interest_fen(draw.fen * draw.rate_ppb * (end - start).days, BASIS)))
        for start, end in zip(starts, [*ends, draw.ends_on], strict=True)
    )


def payable(draw: Draw, closing: date) -> int:
    """Return the interest accrued and not paid at the close of a day, in fen; what is settled is paid the day after."""
    if closing >= draw.ends_on:
        return 0
    for period in interest_periods(draw):
        if period.start <= closing < period.end:
            days = (closing + DAY - period.start).days
            return (
                period.fen if closing + DAY == period.end else round_half_up(interest_fen(draw.fen * draw.rate_ppb * days, BASIS))
            )
    return 0


def paid_on(draw: Draw, period: DrawInterest) -> date:
    """Return the day on which a period's interest is paid: at its end, or when the draw came into the books after it."""
    return max(period.end, draw.reported_on or period.end)
