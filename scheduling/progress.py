"""Progress (进度) of a close: where each step of a day's night is, as it can be seen from outside while it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from scheduling.close import LOCK, Step
from scheduling.failure import Failure, open_failure
from scheduling.tables import run, step

_AT_WORK = text(
    f"SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = {LOCK >> 32} "
    f"AND objid = {LOCK & 0xFFFFFFFF} AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


class Stage(StrEnum):
    """Where a step, or a whole run, is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CUT = "cut"

    @property
    def label(self) -> str:
        """The Chinese word."""
        return {"pending": "待处理", "running": "进行中", "done": "完成", "failed": "失败", "cut": "中断"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """A step of a run; `at` is when it came to its stage."""

    step: Step
    stage: Stage
    at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    microseconds: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """A day's run. A cut one has nobody at work on it and left no reason: its process was ended."""

    business_date: date
    started_at: datetime
    finished_at: datetime | None
    stage: Stage
    failure: Failure | None
    steps: tuple[StepProgress, ...]


def progress(session: Session, steps: Sequence[Step], closing: date | None = None) -> RunProgress | None:
    """Return where the run of a day is, or of the last day whose close was begun; None if there is no such run."""
    wanted = closing or session.scalar(select(func.max(run.c.business_date)))
    row = session.execute(select(run).where(run.c.business_date == wanted)).one_or_none()
    if row is None:
        return None
    done = session.execute(select(step).where(step.c.business_date == wanted).order_by(step.c.position)).all()
    failed = open_failure(session, row.business_date)
    stage = _stage(session, finished=row.finished_at is not None, failed=failed is not None)
    by_name = {one.name: one for one in steps}
    made = [
        StepProgress(
            step=by_name.get(one.name, Step(one.name, lambda _, __: {})), stage=Stage.DONE, at=one.finished_at, counts=one.counts,
            microseconds=one.microseconds,
        )
        for one in done
    ]  # fmt: skip
    left = steps[len(done) :] if row.finished_at is None else ()
    made += [
        StepProgress(step=one, stage=Stage.PENDING)
        if number
        else StepProgress(
            step=one, stage=stage, at=failed.failed_at if failed else row.position_at, reason=failed.reason if failed else None
        )
        for number, one in enumerate(left)
    ]
    return RunProgress(
        business_date=row.business_date, started_at=row.started_at, finished_at=row.finished_at, stage=stage, failure=failed,
        steps=tuple(made),
    )  # fmt: skip


def _stage(session: Session, *, finished: bool, failed: bool) -> Stage:
    if finished:
        return Stage.DONE
    if failed:
        return Stage.FAILED
    return Stage.RUNNING if session.scalar(_AT_WORK) else Stage.CUT
