"""A loan's life: everything that follows from its terms and events up to a horizon, as values.

Streams (计息段) are lines of base × rate over half-open days; charges (结息) are what settlement made of them;
instalments are what is due of principal; the standing says where the loan is now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from loans.classification import Arrears, Classification, Judgement, classify
from loans.instalments import DueInstalment
from loans.movements import Movement, State
from loans.steps import Segment
from loans.terms import LoanTerms, StreamKind


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far the nights have come: the last day whose charges are made, and the last day that has aged (included)."""

    charged_through: date
    aged_through: date


class Stream(NamedTuple):
    """Interest runs on `base_fen` at `rate_ppb` (government's part: `gov_ppb`) over the days `[start, end)`."""

    kind: StreamKind
    base_fen: int
    rate_ppb: int
    gov_ppb: int
    start: date
    end: date | None
    state: State

    def days(self, since: date, until: date) -> int:
        """Return how many of the days `[since, until)` the stream covers."""
        return self.ticks(date.toordinal, since, until)

    def ticks(self, read: Callable[[date], int], since: date, until: date) -> int:
        """Return the ticks of a clock that passed over those of the days `[since, until)` which the stream covers."""
        start = max(since, self.start)
        end = until if self.end is None or self.end > until else self.end
        return read(end) - read(start) if end > start else 0


class Charge(NamedTuple):
    """Interest of the days `[start, end)` made due on `due`: rounded once; units are fen · ppb · days (积数 × rate)."""

    kind: StreamKind
    start: date
    end: date
    due: date
    whole_fen: int
    gov_fen: int
    whole_units: int
    gov_units: int
    paid_fen: int  # by the borrower
    state: State

    @property
    def unpaid_fen(self) -> int:
        """What the borrower still owes of it."""
        return self.whole_fen - self.gov_fen - self.paid_fen


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a loan is: amounts in fen; `oldest_due` is the oldest unpaid due date, from which days past due count."""

    principal_fen: int
    overdue_fen: int
    oldest_due: date | None
    state: State
    cost_fen: int
    excess_fen: int
    given_up_fen: int  # principal and interest written off and not recovered

    def days_past_due(self, closed: date) -> int:
        """Return days past due at the close of a day: that day less the oldest unpaid due date."""
        return max(0, (closed - self.oldest_due).days) if self.oldest_due else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The result of replay; `terms` are those now in force."""

    terms: LoanTerms
    streams: tuple[Stream, ...]
    charges: tuple[Charge, ...]
    instalments: tuple[DueInstalment, ...]
    charged_until: tuple[tuple[StreamKind, date], ...]  # exceptions: charged outside a settlement day
    standing: Standing
    movements: tuple[Movement, ...]
    arrears: tuple[Arrears, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    refusals: tuple[str, ...] = field(default=())

    def classified(self, closed: date) -> Classification:
        """Return its class (五级分类) at the close of a day, since when and why."""
        return classify(self.terms.drawn_on, self.arrears, self.judgements, closed)


class StreamLines:
    """The lines of one kind while they are being written: closing one and opening the next on a date.

    Lines are in order of their days; only those from `_open` on may have days that are not yet charged.
    """

    def __init__(self, kind: StreamKind, read: Callable[[date], int]) -> None:
        """Begin without a line; `read` is the clock of the kind's day count."""
        self.kind, self.read = kind, read
        self.lines: list[Stream] = []
        self.charged_until: date | None = None
        self._open = 0
        self._running: tuple[int, Sequence[Segment], State] | None = None
        self.base_fen = 0  # of what runs on without end

    def run(self, start: date, base_fen: int, steps: Sequence[Segment], state: State) -> None:
        """From a date on, let interest run on a base; `steps` are `loans.steps.Segment`s, the first from it or before."""
        if self._running == (base_fen, steps, state):
            return
        charged = self.charged_until
        if charged is not None and charged > start:
            start = charged
        opened = []
        if base_fen:
            opened = [
                Stream(self.kind, base_fen, rate, gov, max(start, begins), end, state)
                for begins, end, rate, gov in steps
                if end is None or end > start
            ]
        if base_fen != self.base_fen or not self._goes_on_as(opened, start):
            self.cut(start)
            self.lines += opened
            self.base_fen = base_fen
        self._running = base_fen, steps, state

    def _goes_on_as(self, opened: Sequence[Stream], start: date) -> bool:
        """Tell whether what runs on from a date is what is to be opened: all but its start is the same."""
        running = [line for line in self.lines[self._open :] if line.end is None or line.end > start]
        return [line[:4] + line[5:] for line in running] == [line[:4] + line[5:] for line in opened]

    def cut(self, end: date) -> None:
        """End what runs on a date; what would begin then or later never began."""
        self._running, self.base_fen = None, 0
        while self.lines and self.lines[-1].start >= end:
            self.lines.pop()
        if self._open >= len(self.lines):
            self._open = len(self.lines)
        else:
            kind, base_fen, rate, gov, start, ends, state = self.lines[-1]  # only the last line can reach beyond an end
            if ends is None or ends > end:
                self.lines[-1] = Stream(kind, base_fen, rate, gov, start, end, state)

    def units(self, since: date, until: date) -> tuple[date, int, int]:
        """Return (first day, whole units, government's units) of the days `[since, until)`, none of them charged."""
        first, whole, gov, read = until, 0, 0, self.read
        for line in self.lines[self._open :]:
            _, base_fen, rate, gov_rate, start, end, _ = line
            start = max(start, since)
            end = until if end is None or end > until else end
            if start < end and rate:
                weight = base_fen * (read(end) - read(start))
                first = min(first, start)
                whole += weight * rate
                gov += weight * gov_rate
        return first, whole, gov

    def charge(self, until: date) -> None:
        """Mark all days before a date as charged."""
        self.charged_until = until
        for line in self.lines[self._open :]:
            if line.end is None or line.end > until:
                break
            self._open += 1

    def restate(self, state: State) -> None:
        """Give all days that are not yet charged another state."""
        since = self.charged_until or date.min
        kept, restated = self.lines[: self._open], []
        for line in self.lines[self._open :]:
            if line.end is not None and line.end <= since:
                restated.append(line)
                continue
            if line.start < since:
                restated.append(line._replace(end=since))
            restated.append(line._replace(start=max(line.start, since), state=state))
        self.lines = kept + restated
        if self._running is not None:
            self._running = *self._running[:2], state
