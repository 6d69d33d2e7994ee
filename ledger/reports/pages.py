"""A page of an account book (账页): opening balance, lines, and the totals of days, months and years, in the order of paper.

会计基础工作规范 and the practice of ledgers: every month ends with 本月合计 and 本年累计, every year begins with 上年结转 and
ends with 结转下年 if anything is left. Amounts are fen; red ink is negative on its side; a balance is debits less credits.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Generic, TypeVar

from ledger.calendar import DAY, month_of, next_month
from ledger.reports.report import Role

Said = TypeVar("Said")


@dataclass(frozen=True, slots=True)
class Amounts:
    """What passed: debits, credits, and of a 多栏账 its parts by key."""

    debit: int = 0
    credit: int = 0
    parts: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Amounts") -> "Amounts":
        parts = Counter(self.parts)
        for key, fen in other.parts.items():
            parts[key] += fen
        return Amounts(self.debit + other.debit, self.credit + other.credit, parts)


@dataclass(frozen=True, slots=True)
class PageLine(Generic[Said]):
    """A line as it goes onto a page: its day, its amounts, and what it says besides, which the page leaves as it is."""

    day: date
    amounts: Amounts
    said: Said


@dataclass(frozen=True, slots=True)
class PageRow(Generic[Said]):
    """A row of a page: its summary (摘要) unless it is a line, its amounts, and the balance after it."""

    role: Role
    day: date
    summary: str
    amounts: Amounts | None
    balance: int
    said: Said | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a page shows: its lines (明细账), totals of days (日记账), every month even if nothing passed (总账)."""

    lines: bool = True
    daily: bool = False
    every_month: bool = False


NONE = Amounts()


def page(
    opening: int, year_before: Amounts, lines: Iterable[PageLine[Said]], since: date, end: date, style: Style
) -> Iterator[PageRow[Said]]:
    """Yield the rows of a page for `[since, end)`.

    Args:
        opening: the balance before, in fen.
        year_before: what passed in the year before `since`, if that is not its first day.
        lines: in order of days, all within the period.
        since: the first day of a month.
        end: the first day after.
        style: what is shown.
    """
    by_month = {month: list(found) for month, found in groupby(lines, key=lambda line: month_of(line.day))}
    balance, year, month = opening, year_before, since
    yield PageRow(Role.OPENING, since, "上年结转" if since.month == 1 else "期初余额", None, balance)
    while month < end:
        if month.month == 1 and month != since:
            year = NONE
            yield PageRow(Role.OPENING, month, "上年结转", None, balance)
        passed, mine = NONE, by_month.get(month, [])
        for _, lines_of_day in groupby(mine, key=lambda line: line.day):
            of_day = NONE
            for line in lines_of_day:
                balance += line.amounts.debit - line.amounts.credit
                of_day += line.amounts
                if style.lines:
                    yield PageRow(Role.LINE, line.day, "", line.amounts, balance, line.said)
            passed += of_day
            if style.daily:
                yield PageRow(Role.DAY_TOTAL, line.day, "本日合计", of_day, balance)
        year += passed
        last = min(next_month(month), end) - DAY
        if mine or style.every_month:
            yield PageRow(Role.MONTH_TOTAL, last, "本月合计", passed, balance)
            yield PageRow(Role.YEAR_TOTAL, last, "本年累计", year, balance)
        if (last.month, last.day) == (12, 31) and balance:
            yield PageRow(Role.CARRIED, last, "结转下年", None, balance)
        month = next_month(month)


def direction(balance: int) -> str:
    """Return on which side a balance stands: 借, 贷, or 平 if there is none."""
    return "借" if balance > 0 else "贷" if balance < 0 else "平"
