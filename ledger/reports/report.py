"""A report (账簿、报表): what it is about, its columns, its rows with their roles, its notes and what must tie in it.

One value serves every edge: pages, XLSX, CSV and the screen show the same cells. Amounts are fen, negative only in red ink;
shares are hundredths of a per cent. A report may have parts, each a report of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from ledger.calendar import DAY
from ledger.ties import Check

Cell: TypeAlias = str | date | int | None
"""What stands in a row under a heading; None: nothing."""


class Kind(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    DATE = "date"
    FEN = "fen"
    COUNT = "count"
    SHARE = "share"


class Role(StrEnum):
    """What a row is in its report."""

    HEADING = "heading"
    OPENING = "opening"  # 期初余额、上年结转
    LINE = "line"
    DAY_TOTAL = "day total"  # 本日合计
    MONTH_TOTAL = "month total"  # 本月合计
    YEAR_TOTAL = "year total"  # 本年累计
    CARRIED = "carried"  # 结转下年
    SUBTOTAL = "subtotal"
    TOTAL = "total"

    @property
    def sums(self) -> bool:
        """Whether its row adds others up."""
        return self in _SUMS

    @property
    def bold(self) -> bool:
        """Whether its row stands out."""
        return self.sums or self is Role.HEADING


_SUMS = frozenset({Role.DAY_TOTAL, Role.MONTH_TOTAL, Role.YEAR_TOTAL, Role.SUBTOTAL, Role.TOTAL})


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its key, its heading, and what its cells are."""

    key: str
    heading: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The page of an account in the books of the report: where a line of it comes from."""

    account: str


@dataclass(frozen=True, slots=True)
class VoucherPage:
    """A voucher: where a line of an account comes from."""

    book: str
    month: date
    word: str
    number: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its role, a cell for each column, and what it opens."""

    role: Role
    cells: tuple[Cell, ...]
    opens: AccountPage | VoucherPage | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose figures they are: one book, or the consolidation (合并) of several."""

    name: str
    books: tuple[str, ...]

    @property
    def consolidated(self) -> bool:
        """Whether it has more than one book."""
        return len(self.books) != 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report as it is made: half-open period `[since, end)`; `known_at` says as of which sequence, if not as known now."""

    name: str
    title: str
    scope: Scope
    since: date
    end: date
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    of_a_day: bool = False  # it stands as of the close of a day and not over a period
    known_at: int | None = None
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    parts: tuple["Report", ...] = ()

    @property
    def last_day(self) -> date:
        """The last day that counts."""
        return self.end - DAY

    @property
    def period(self) -> str:
        """The period as a heading says it."""
        first, last = self.since, self.last_day
        whole = self.end.day == 1 and first.day == 1
        if self.of_a_day:
            said = f"{last.year}年{last.month}月{last.day}日"
        elif not whole:
            said = f"{first.year}年{first.month}月{first.day}日至{last.year}年{last.month}月{last.day}日"
        elif (first.year, first.month) == (last.year, last.month):
            said = f"{first.year}年{first.month}月"
        elif (first.month, last.month) == (1, 12) and first.year == last.year:
            said = f"{first.year}年度"
        else:
            said = f"{first.year}年{first.month}月至{last.year}年{last.month}月"
        return said if self.known_at is None else f"{said}（截至序号 {self.known_at} 所知）"

    @property
    def heading(self) -> str:
        """What it is called at the head of its page: of a report with parts, notes (附注) are what is left."""
        return f"{self.title}附注" if self.parts else self.title

    @property
    def broken(self) -> tuple[Check, ...]:
        """What does not tie, in it or in its parts."""
        return (*(check for check in self.checks if not check.ok), *(bad for part in self.parts for bad in part.broken))

    def walk(self) -> Iterator["Report"]:
        """Yield its parts, and the report itself, whose notes come last."""
        for part in self.parts:
            yield from part.walk()
        yield self

    def column(self, key: str) -> int:
        """Return where a column stands."""
        return next(index for index, column in enumerate(self.columns) if column.key == key)
