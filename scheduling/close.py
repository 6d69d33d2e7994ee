"""The close of a business day (日终): the date flips first, then every step runs once, each in its own transaction.

A killed close leaves finished steps recorded; the next one goes on after them. Steps commit without waiting for the disk:
a crash of the machine may lose a step, which then runs again; the last step's commit waits, and flushes all before it. A
closed date stays closed: closing it again returns the run as recorded.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.orm import Session

from ledger.business_day import business_date, flip, peek
from ledger.calendar import DAY
from ledger.db import alone, unit_of_work
from ledger.errors import NoBusinessDay
from scheduling.errors import CloseRunning, DaySkipped
from scheduling.tables import run, step

LOCK = 0x63_6C_6F_73_65


@dataclass(frozen=True, slots=True)
class Step:
    """A named piece of the night: what it does to a closing day, and counts of what it did."""

    name: str
    work: Callable[[Session, date], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class StepRun:
    """A finished step as recorded."""

    name: str
    counts: Mapping[str, int]
    microseconds: int


@dataclass(frozen=True, slots=True)
class Run:
    """A closed day as recorded."""

    business_date: date
    steps: tuple[StepRun, ...]


def close(engine: Engine, steps: Sequence[Step], closing: date) -> Run:
    """Close one day, or finish its close, or return its recorded run.

    Raises:
        DaySkipped: an earlier day is open.
        CloseRunning: another close is at work.
        and what a step raises; the steps before it stay done.
    """
    with alone(engine, LOCK) as connection:
        if connection is None:
            raise CloseRunning
        with unit_of_work(connection) as session:
            finished = _open_run(session, closing)
            before = recorded(session, closing) if finished is not None else Run(closing, ())
        if finished:
            return before
        made = [
            _run_step(connection, one, position, closing, last=position == len(steps) - 1)
            for position, one in enumerate(steps)
            if position >= len(before.steps)
        ]
    return Run(closing, (*before.steps, *made))


def close_through(engine: Engine, steps: Sequence[Step], through: date) -> Iterator[Run]:
    """Close every open day up to one, in order, catching up missed nights; yield each run."""
    while (closing := next_to_close(engine)) <= through:
        yield close(engine, steps, closing)


def next_to_close(engine: Engine) -> date:
    """Return the first day whose close is not finished.

    Raises:
        NoBusinessDay: the books were not begun.
    """
    with unit_of_work(engine) as session:
        unfinished = session.scalar(select(func.min(run.c.business_date)).where(run.c.finished_at.is_(None)))
        today = peek(session)
    if today is None:
        raise NoBusinessDay
    return unfinished or today


def last_closed(session: Session) -> date | None:
    """Return the last day whose close is finished."""
    found: date | None = session.scalar(select(func.max(run.c.business_date)).where(run.c.finished_at.is_not(None)))
    return found


def closed_at(session: Session, closing: date) -> datetime | None:
    """Return the moment at which the close of a day finished, or None if it has not."""
    found: datetime | None = session.scalar(select(run.c.finished_at).where(run.c.business_date == closing))
    return found


def recorded(session: Session, closing: date) -> Run:
    """Return a run as recorded."""
    rows = session.execute(select(step).where(step.c.business_date == closing).order_by(step.c.position))
    return Run(closing, tuple(StepRun(row.name, row.counts, row.microseconds) for row in rows))


def _open_run(session: Session, closing: date) -> bool | None:
    """Flip the business date and begin the run; if that was done before, tell whether the run is finished.

    Raises:
        DaySkipped: an earlier day is open.
    """
    known = session.execute(select(run.c.finished_at.is_not(None)).where(run.c.business_date == closing)).one_or_none()
    if known is not None:
        return bool(known[0])
    today = business_date(session)
    if closing != today:
        raise DaySkipped(closing, today)
    flip(session, closing + DAY)
    session.execute(insert(run).values(business_date=closing))
    return None


def _run_step(connection: Connection, one: Step, position: int, closing: date, *, last: bool) -> StepRun:
    started = time.perf_counter_ns()
    with unit_of_work(connection) as session:
        counts = dict(one.work(session, closing))
        spent = (time.perf_counter_ns() - started) // 1000
        session.execute(
            insert(step).values(business_date=closing, position=position, name=one.name, counts=counts, microseconds=spent)
        )
        if last:
            finish = update(run).where(run.c.business_date == closing)
            session.execute(finish.values(finished_at=text("clock_timestamp()")))
            session.execute(text("SET LOCAL synchronous_commit = on"))
    return StepRun(one.name, counts, spent)
