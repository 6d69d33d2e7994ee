"""The close of a business day (日终): the date flips first, then every step runs once, each in its own transaction.

A killed close leaves finished steps recorded; the next one goes on after them. A step that fails leaves its reason, and the
next close goes on only when told to. Steps commit without waiting for the disk: a crash of the machine may lose a step, which
then runs again; the last step's commit waits, and flushes all before it. A closed date stays closed: closing it again returns
the run as recorded.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.orm import Session

from ledger.business_day import business_date, flip, peek
from ledger.calendar import DAY
from ledger.db import alone, unit_of_work
from ledger.errors import NoBusinessDay
from scheduling import failure
from scheduling.cost import Cost, measured
from scheduling.errors import CloseRunning, DaySkipped, NotAtRest, NothingToResume, StepFailed, StepsChanged
from scheduling.tables import run, step

LOCK = 0x63_6C_6F_73_65


@dataclass(frozen=True, slots=True)
class Step:
    """A named piece of the night: what it does to a closing day, and counts of what it did.

    `writes` are the references under which it writes, each once (幂等键); of the counts, `takes` names those of what came in,
    `explains` those of differences that the step accounts for; the others are what went out. `at_rest` is what it does instead
    in a night at rest (平静之夜), in which it is known that nothing falls due.
    """

    name: str
    work: Callable[[Session, date], Mapping[str, int]]
    title: str = ""
    writes: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    at_rest: Callable[[Session, date], Mapping[str, int]] | None = None

    def makes(self, counts: Mapping[str, int]) -> tuple[str, ...]:
        """Return the names of those counts that say what went out."""
        return tuple(name for name in counts if name not in self.takes and name not in self.explains)

    def __str__(self) -> str:
        """Return its name in both languages."""
        return f"{self.name} {self.title}".rstrip()


@dataclass(frozen=True, slots=True)
class StepRun:
    """A finished step as recorded; its cost is known only where it was measured as it ran."""

    name: str
    counts: Mapping[str, int]
    microseconds: int
    cost: Cost | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Run:
    """A closed day as recorded."""

    business_date: date
    steps: tuple[StepRun, ...]


def close(engine: Engine, steps: Sequence[Step], closing: date, *, resume: bool = False, measure: bool = False) -> Run:
    """Close one day, or finish its close, or return its recorded run.

    Args:
        engine: the application's.
        steps: the night's.
        closing: the day.
        resume: go on after a failure that asks for it.
        measure: measure what each step costs the database.

    Raises:
        DaySkipped: an earlier day is open.
        CloseRunning: another close is at work.
        StepFailed: a step can't be done, or could not and nobody said to go on; the steps before it stay done.
        StepsChanged: the close was begun with other steps.
    """
    with alone(engine, LOCK) as connection:
        if connection is None:
            raise CloseRunning
        with unit_of_work(connection) as session:
            finished = _open_run(session, closing)
            before = recorded(session, closing) if finished is not None else Run(closing, ())
            if finished:
                return before
            _go_on(session, steps, before, resume=resume)
        made = [
            _run_step(engine, connection, steps, position, closing, measure=measure)
            for position in range(len(before.steps), len(steps))
        ]
    return Run(closing, (*before.steps, *made))


def close_through(
    engine: Engine,
    steps: Sequence[Step],
    through: date,
    *,
    resume: bool = False,
    measure: bool = False,
    rests: Callable[[Session, date], bool] | None = None,
) -> Iterator[Run]:
    """Close every open day up to one, in order, catching up missed nights; yield each run. Raises what `close` does.

    Of the missed nights those at rest, as `rests` tells, are closed in one transaction each; the last night is always whole.
    """
    while (closing := next_to_close(engine)) <= through:
        quiet = _close_at_rest(engine, steps, closing, rests) if rests is not None and closing < through else None
        yield quiet or close(engine, steps, closing, resume=resume, measure=measure)
        resume = False


def left_unfinished(engine: Engine) -> date:
    """Return the day whose close was begun and not finished.

    Raises:
        NothingToResume: there is none.
    """
    with unit_of_work(engine) as session:
        unfinished: date | None = session.scalar(select(func.min(run.c.business_date)).where(run.c.finished_at.is_(None)))
    if unfinished is None:
        raise NothingToResume
    return unfinished


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


def _close_at_rest(engine: Engine, steps: Sequence[Step], closing: date, rests: Callable[[Session, date], bool]) -> Run | None:
    """Close a day in one transaction if its night rests; else, if that fails or its close was begun before, return None.

    The last whole night flushes it to the disk, as it does all steps before it.

    Raises:
        CloseRunning: another close is at work.
    """
    with alone(engine, LOCK) as connection:
        if connection is None:
            raise CloseRunning
        try:
            with unit_of_work(connection) as session:
                made = _rested(session, steps, closing, rests)
                session.execute(
                    insert(step),
                    [
                        {
                            "business_date": closing,
                            "position": n,
                            "name": r.name,
                            "counts": r.counts,
                            "microseconds": r.microseconds,
                        }
                        for n, r in enumerate(made)
                    ],
                )
                done = update(run).where(run.c.business_date == closing)
                session.execute(done.values(finished_at=text("clock_timestamp()"), position=None))
        except Exception:  # noqa: BLE001 - whatever it is, the whole night meets it again, and tells it as the step's failure
            return None
    return Run(closing, tuple(made))


def _rested(session: Session, steps: Sequence[Step], closing: date, rests: Callable[[Session, date], bool]) -> list[StepRun]:
    """Flip the business date and let the steps rest.

    Raises:
        NotAtRest: the night does not rest, or its close was begun before.
    """
    if _open_run(session, closing) is not None or not rests(session, closing):
        raise NotAtRest
    made = []
    for one in steps:
        started = time.perf_counter_ns()
        counts = dict((one.at_rest or one.work)(session, closing))
        made.append(StepRun(one.name, counts, (time.perf_counter_ns() - started) // 1000))
    return made


def _go_on(session: Session, steps: Sequence[Step], before: Run, *, resume: bool) -> None:
    """Write down where the run goes on.

    Raises:
        StepFailed: it failed there for a reason that does not pass by itself, and nobody said to go on.
        StepsChanged: the steps that are done are not the first of these.
    """
    done = [one.name for one in before.steps]
    if done != [one.name for one in steps[: len(done)]] or len(done) == len(steps):
        raise StepsChanged(before.business_date, done)
    failed = failure.open_failure(session, before.business_date)
    if failed is not None:
        if not (resume or failed.passing):
            name = str(next((one for one in steps if one.name == failed.name), failed.name))
            raise StepFailed(before.business_date, name, failed.reason, passing=False, failed_at=failed.failed_at)
        failure.resume(session, before.business_date)
    _stand_at(session, before.business_date, len(done))


def _stand_at(session: Session, closing: date, position: int) -> None:
    here = update(run).where(run.c.business_date == closing)
    session.execute(here.values(position=position, position_at=text("clock_timestamp()")))


def _run_step(
    engine: Engine, connection: Connection, steps: Sequence[Step], position: int, closing: date, *, measure: bool
) -> StepRun:
    """Run a step in a transaction of its own, and record it in the same; the next one is under way from its commit on.

    Raises:
        StepFailed: it can't be done; the reason is recorded.
    """
    one, last = steps[position], position == len(steps) - 1
    started = time.perf_counter_ns()
    try:
        with unit_of_work(connection) as session:
            with measured(session.connection()) if measure else nullcontext() as cost:
                counts = dict(one.work(session, closing))
            spent = (time.perf_counter_ns() - started) // 1000
            session.execute(
                insert(step).values(business_date=closing, position=position, name=one.name, counts=counts, microseconds=spent)
            )
            if last:
                finish = update(run).where(run.c.business_date == closing)
                session.execute(finish.values(finished_at=text("clock_timestamp()"), position=None))
                session.execute(text("SET LOCAL synchronous_commit = on"))
            else:
                _stand_at(session, closing, position + 1)
    except Exception as error:
        failure.record(engine, connection, closing, position, one.name, error)
        reason, passing = failure.reason_of(error), failure.is_passing(error)
        raise StepFailed(closing, str(one), reason, passing=passing) from error
    return StepRun(one.name, counts, spent, cost)
