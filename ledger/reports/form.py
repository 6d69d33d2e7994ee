"""A form (报表格式): what a report is called, its columns and its lines, as `definitions/NAME.toml` has it.

`shape` names what makes the report. A form holds one layout for each kind of books, because a fund's titles are not a bank's.
Columns and lines may bear formulas; a `span` says over which days a column's are asked.
"""

from dataclasses import dataclass
from enum import StrEnum

from ledger.reports.formula import Formula
from ledger.reports.report import Column, Role


class Span(StrEnum):
    """Over which days formulas are asked."""

    PERIOD = "period"  # 本期
    YEAR = "year"  # 本年累计: from the first day of the year in which the period ends
    LIFE = "life"  # from the beginning to the period's end: 期末数、累计
    LAST_YEAR = "last_year"  # from the beginning to the end of the year before: 年初数


class Begins(StrEnum):
    """What the period begins with when only a day is asked for."""

    MONTH = "month"
    YEAR = "year"


class Complete(StrEnum):
    """What a layout must catch of every chart, each account exactly once."""

    NOTHING = ""
    BALANCES = "balances"  # every account, memo accounts (表外) in memo lines only
    RESULT = "result"  # every account of income and expense


@dataclass(frozen=True, slots=True, kw_only=True)
class FormColumn:
    """A column; `span` and `formula` where its cells are reckoned, `consolidated` if only a consolidation shows it."""

    column: Column
    span: Span = Span.PERIOD
    formula: Formula = ()
    share: tuple[str, str] | None = None  # keys of a part and a whole
    consolidated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLine:
    """A line of a statement (项目)."""

    key: str
    heading: str
    role: Role
    formula: Formula
    memo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormTie:
    """Two formulas over keys that must come to the same, in every column or row."""

    name: str
    left: Formula
    right: Formula


@dataclass(frozen=True, slots=True, kw_only=True)
class FormNote:
    """A note (附注) whose figures are formulas of the year, by the names that its text calls them by."""

    text: str
    figures: tuple[tuple[str, Formula], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a form looks for some kinds of books."""

    kinds: frozenset[str]
    columns: tuple[FormColumn, ...]
    lines: tuple[FormLine, ...] = ()
    ties: tuple[FormTie, ...] = ()
    notes: tuple[FormNote, ...] = ()
    by: tuple[str, ...] = ()  # dimensions that divide its rows or pages
    accounts: tuple[str, ...] = ()  # what is shown when no account is asked for; none: all
    spread: str = ""  # what a 多栏账 is spread over
    parts: tuple[str, ...] = ()  # names of other forms
    months: int = 0  # after how many money is idle
    complete: Complete = Complete.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form as it was read and found sound."""

    name: str
    number: int  # its place in the list of reports
    title: str
    shape: str
    begins: Begins
    of_a_day: bool
    about: str  # one sentence for the list of reports
    layouts: tuple[Layout, ...]

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of books that it is about."""
        return frozenset(kind for layout in self.layouts for kind in layout.kinds)

    @property
    def of_accounts(self) -> bool:
        """Whether an account can be asked for."""
        return self.shape in _OF_ACCOUNTS


_OF_ACCOUNTS = frozenset({"trial-balance", "general-ledger", "account-pages", "multi-column"})
