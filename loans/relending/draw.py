"""A draw (借款): money of the central bank, lent for a time; its interest is a pure function of its facts (domain.md 2, E7)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from ledger.books import Book
from ledger.calendar import DAY
from ledger.journal import Dimensions
from ledger.money import round_half_up
from loans.terms import DayCount, interest_fen, settlement_days

BASIS = DayCount.ACT_360.year


class Form(StrEnum):
    """What a draw is granted on (方式): the bank's credit, or assets in pledge."""

    CREDIT = "credit"
    PLEDGED = "pledged"

    @property
    def label(self) -> str:
        """The Chinese name."""
        return {Form.CREDIT: "信用", Form.PLEDGED: "质押"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repayment:
    """Principal of a draw that went back (归还): fen on a day; what the night repays at maturity bears no serial number."""

    day: date
    fen: int
    serial: str | None = None
    reported_on: date | None = None  # the business date on which it came into the books


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A draw: fen at a yearly rate (ppb) from its first day up to the day it is due or repaid."""

    book: Book
    number: str
    fen: int
    rate_ppb: int
    drawn_on: date
    due_on: date
    form: Form = Form.CREDIT
    extensions: tuple[date, ...] = ()
    repayments: tuple[Repayment, ...] = ()
    reported_on: date | None = None  # the business date on which it came into the books

    @property
    def key(self) -> tuple[int, str]:
        """What it is known by: its book and its number."""
        return self.book.id, self.number

    @property
    def agreed(self) -> tuple[int, int, date, date, Form]:
        """What it was drawn under."""
        return self.fen, self.rate_ppb, self.drawn_on, self.due_on, self.form

    @property
    def repaid_on(self) -> date | None:
        """The day on which the last of it went back, none while any is left."""
        if not self.repayments or self.left_fen:
            return None
        return max(one.day for one in self.repayments)

    @property
    def ends_on(self) -> date:
        """The first day without interest: repayment, or else the due date last agreed."""
        return self.repaid_on or max((self.due_on, *self.extensions))

    @property
    def left_fen(self) -> int:
        """Principal that no repayment known has brought back yet."""
        return self.fen - sum(one.fen for one in self.repayments)

    def unrepaid_fen(self, day: date) -> int:
        """Return the principal less what was repaid up to a day, that day included."""
        return self.fen - sum(one.fen for one in self.repayments if one.day <= day)

    def balance_on(self, day: date) -> int:
        """Return the balance at the close of a day, in fen: nothing before it is drawn, nor from the day it ends."""
        return self.unrepaid_fen(day) if self.drawn_on <= day < self.ends_on else 0

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
    """Return a draw's interest period by period: settled on the 20th (included), the last with the principal.

    Within a period the balance falls with each repayment; its interest is rounded once.
    """
    ends = [day + DAY for day in settlement_days(draw.drawn_on, draw.ends_on) if day + DAY < draw.ends_on]
    starts = [draw.drawn_on, *ends]
    return tuple(
        DrawInterest(start, end, interest_between(draw, start, end))
        for start, end in zip(starts, [*ends, draw.ends_on], strict=True)
    )


def interest_between(draw: Draw, start: date, end: date) -> int:
    """Return a draw's interest of the days `[start, end)`, balance by balance (积数), rounded half up to the fen once."""
    changes = sorted({start, end, *(one.day for one in draw.repayments if start < one.day < end)})
    products = sum(draw.balance_on(since) * (until - since).days for since, until in pairwise(changes))
    return round_half_up(interest_fen(products * draw.rate_ppb, BASIS))


def payable(draw: Draw, closing: date) -> int:
    """Return the interest accrued and not paid at the close of a day, in fen; what is settled is paid the day after."""
    return sum(
        period.fen if period.end <= closing + DAY else interest_between(draw, period.start, closing + DAY)
        for period in interest_periods(draw)
        if period.start <= closing < paid_on(draw, period)
    )


def paid_on(draw: Draw, period: DrawInterest) -> date:
    """Return the day on which a period's interest is paid: its end, or when the draw, or what ended it, was reported after."""
    told = [draw.reported_on]
    if period.end == draw.repaid_on:
        told += [one.reported_on for one in draw.repayments]
    return max([period.end, *(day for day in told if day is not None)])
