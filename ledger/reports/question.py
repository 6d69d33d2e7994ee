"""A question to a report: of which books, over which days, of which account, as known when; checked before anything is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from ledger.books import Book
from ledger.calendar import DAY
from ledger.reports.report import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: the half-open period `[since, end)`, which begins with a month.

    `name` is what the books are called together; `known_at` maps each book's id to the last sequence that counts; `names` says
    what codes of dimensions are called (bank, county, product …).
    """

    books: tuple[Book, ...]
    name: str
    since: date
    end: date
    account: str = ""
    spread: str = ""
    known_at: Mapping[int, int] | None = None
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.books or self.since.day != 1 or self.since >= self.end:
            raise ValueError(self)

    @property
    def ids(self) -> list[int]:
        """The ids of the books."""
        return [book.id for book in self.books]

    @property
    def last_day(self) -> date:
        """The last day that counts."""
        return self.end - DAY

    @property
    def year(self) -> date:
        """The first day of the year in which the period ends."""
        return self.last_day.replace(month=1, day=1)

    @property
    def scope(self) -> Scope:
        """Whose figures are asked for."""
        return Scope(self.name, tuple(book.code for book in self.books))

    @property
    def sequence(self) -> int | None:
        """The sequence as of which is asked, of one book."""
        return None if self.known_at is None else self.known_at[self.books[0].id]

    def named(self, dimension: str, code: str | None) -> str:
        """Return what a code of a dimension is called."""
        return self.names.get(dimension, {}).get(code or "", code or "—")


def kinds_of(books: Sequence[Book]) -> frozenset[str]:
    """Return the kinds of books."""
    return frozenset(book.kind.value for book in books)
