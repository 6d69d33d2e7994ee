"""A job (定时任务): what the scheduler does again and again; each run is a row, with its end, its counts or why it failed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, RowMapping, func, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger.db import unit_of_work
from scheduling.tables import job_run

LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is done, when, and how: work is given the moment at which it runs, and returns counts of what it did."""

    name: str
    title: str  # 中文
    when: str  # minute, hour, day, month, weekday, as in a crontab, in Chinese time
    work: Callable[[datetime], Mapping[str, int]]


class Outcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    CUT = "cut"

    @property
    def label(self) -> str:
        """The Chinese word."""
        return {"done": "完成", "failed": "失败", "cut": "中断"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """A run as recorded; one without an outcome is at work, or its scheduler died and nobody has taken over yet."""

    id: int
    job: str
    scheduler: str  # host and process
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome | None
    counts: Mapping[str, int]
    error: str | None


def run_job(engine: Engine, job: Job, scheduler: str, clock: Callable[[], datetime]) -> JobRun:
    """Run a job once and record it; a failure is recorded too, and never raised.

    Raises:
        LeadLost, DBAPIError: the run can't be recorded, because this scheduler leads no more or the database is away.
    """
    now = clock()
    with unit_of_work(engine) as session:
        begun = insert(job_run).values(job=job.name, scheduler=scheduler, started_at=now).returning(job_run.c.id)
        number = session.execute(begun).scalar_one()
    counts: Mapping[str, int] = {}
    error = None
    try:
        counts = job.work(now)
    except Exception as failure:  # noqa: BLE001 - whatever stops a job must not stop the others
        error = sentence_of(failure)
    outcome = Outcome.DONE if error is None else Outcome.FAILED
    with unit_of_work(engine) as session:
        ended = update(job_run).where(job_run.c.id == number, job_run.c.finished_at.is_(None))
        session.execute(ended.values(finished_at=clock(), outcome=outcome, counts=dict(counts), error=error))
        return _run(session.execute(select(job_run).where(job_run.c.id == number)).mappings().one())


def mark_cut(session: Session, now: datetime) -> int:
    """Record of each run that has no end that it was cut; called by a new leader, before anything runs. Return how many."""
    cut = update(job_run).where(job_run.c.finished_at.is_(None)).returning(job_run.c.id)
    reason = "its scheduler stopped or lost the lead before the end (调度程序中途停止或失去主控)"
    return len(session.execute(cut.values(finished_at=now, outcome=Outcome.CUT, error=reason)).all())


def last_runs(session: Session) -> dict[str, JobRun]:
    """Return the latest run of each job that ever ran."""
    latest = select(job_run).where(job_run.c.id.in_(select(func.max(job_run.c.id)).group_by(job_run.c.job)))
    return {row["job"]: _run(row) for row in session.execute(latest).mappings()}


def history(session: Session, job: str | None, most: int) -> list[JobRun]:
    """Return the latest runs of a job, or of all, newest first."""
    wanted = select(job_run).order_by(job_run.c.id.desc()).limit(most)
    asked = wanted if job is None else wanted.where(job_run.c.job == job)
    return [_run(row) for row in session.execute(asked).mappings()]


def sentence_of(failure: Exception) -> str:
    """Return a failure in one sentence; of a database's, what the server said, without the values that were bound."""
    said = str(failure.orig if isinstance(failure, DBAPIError) else failure).strip()
    first = said.splitlines()[0] if said else "no reason given"
    spoken = first if type(failure).__module__.partition(".")[0] in {"ledger", "loans", "scheduling", "statements", "app"} else ""
    return (spoken or f"{type(failure).__name__}: {first}")[:LONGEST_ERROR]


def _run(row: RowMapping) -> JobRun:
    outcome = row["outcome"]
    return JobRun(**{**row, "outcome": None if outcome is None else Outcome(outcome)})
