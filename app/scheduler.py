"""The scheduler (调度程序): stands for the lead and, while it leads, runs the jobs when they are due, one after another.

A job is due when its time came since its last run began, whoever ran it, however often: ten missed hours are one run. So a new
leader catches up what was missed while nobody led, and runs at once what its predecessor left unfinished.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor  # type: ignore[import-untyped,unused-ignore]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped,unused-ignore]
from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped,unused-ignore]
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from app.settings import SHANGHAI
from app.wiring import System
from ledger.db import unit_of_work
from scheduling.errors import LeadLost
from scheduling.job import Job, JobRun, Outcome, last_runs, mark_cut, run_job, sentence_of
from scheduling.leader import BEAT_SECONDS, LOOK_SECONDS, Candidate

MOST_SECONDS_WITHOUT_DATABASE = 60.0

Clock = Callable[[], datetime]
Tell = Callable[[str], None]
ListJobs = Callable[[System], Sequence[Job]]


class NoDatabase(Exception):
    """A database that has not answered for so long that starting anew is better than waiting."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the database has not answered for {MOST_SECONDS_WITHOUT_DATABASE:.0f} s (数据库无应答): {reason}")


def now_in_china() -> datetime:
    """Return the moment by this machine's clock, in Chinese time."""
    return datetime.now(SHANGHAI)


def own_name() -> str:
    """Return how this process is named to the others: host and process number."""
    return f"{socket.gethostname()}:{os.getpid()}"


def next_time(job: Job, after: datetime) -> datetime:
    """Return when a job's time comes next after a moment."""
    found: datetime = CronTrigger.from_crontab(job.when, timezone=SHANGHAI).get_next_fire_time(after, after)
    return found


def is_due(job: Job, last: JobRun | None, now: datetime) -> bool:
    """Tell whether a job's time came since its last run began, or that run was cut before its end."""
    return last is None or last.outcome is Outcome.CUT or next_time(job, last.started_at) <= now


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A scheduler: the system whose jobs it runs, the clock it goes by, and where it says what happens."""

    system: System
    list_jobs: ListJobs
    clock: Clock
    tell: Tell

    def run(self, stop: threading.Event) -> None:
        """Stand for the lead, and lead whenever it comes, until told to stop.

        Raises:
            NoDatabase: the database is away for long.
        """
        candidate = Candidate(self.system.engine.url, own_name())
        self.tell(f"{candidate.name} stands by (待命)")
        answered, said = time.monotonic(), ""
        try:
            while not stop.is_set():
                try:
                    if candidate.look():
                        self._lead(candidate, stop)
                    answered, said = time.monotonic(), ""
                except (DBAPIError, LeadLost) as failure:
                    reason = sentence_of(failure)
                    if reason != said:
                        self.tell(f"no session with the database (数据库连接中断): {reason}")
                    said = reason
                    if time.monotonic() - answered > MOST_SECONDS_WITHOUT_DATABASE:
                        raise NoDatabase(reason) from failure
                stop.wait(LOOK_SECONDS)
        finally:
            candidate.close()

    def _lead(self, candidate: Candidate, stop: threading.Event) -> None:
        """Run the jobs until told to stop, or until the lead is lost; then nothing of them goes on.

        Raises:
            DBAPIError, LeadLost: the database does not answer, or another ended this one's session.
        """
        timer = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
            timezone=SHANGHAI,
        )
        try:
            with candidate.working() as engine:
                self.tell(f"{candidate.name} leads (主控)")
                self._plan(timer, engine, candidate.name)
                timer.start()
                while not stop.wait(BEAT_SECONDS) and candidate.look():
                    pass
        finally:
            candidate.leave()
            if timer.running:
                timer.shutdown(wait=True)
            self.tell(f"{candidate.name} leads no more (不再主控)")

    def _plan(self, timer: BackgroundScheduler, engine: Engine, name: str) -> None:
        """Give the timer its jobs; those that are due now run at once, in their order."""
        now = self.clock()
        with unit_of_work(engine) as session:
            cut = mark_cut(session, now)
            last = last_runs(session)
        if cut:
            self.tell(f"{cut} runs of an earlier leader were cut (中断)")
        at_once = datetime.now(SHANGHAI)
        for position, job in enumerate(self.list_jobs(replace(self.system, engine=engine))):
            trigger = CronTrigger.from_crontab(job.when, timezone=SHANGHAI)
            when = {}
            if is_due(job, last.get(job.name), now):
                when["next_run_time"] = at_once + position * timedelta(milliseconds=1)
            timer.add_job(self._run_job, trigger, (engine, job, name), id=job.name, **when)

    def _run_job(self, engine: Engine, job: Job, name: str) -> None:
        try:
            done = run_job(engine, job, name, self.clock)
        except (LeadLost, DBAPIError) as failure:
            self.tell(f"{job.name} ({job.title}) was cut (中断): {sentence_of(failure)}")
            return
        counts = ", ".join(f"{key} {value}" for key, value in done.counts.items() if value)
        if done.outcome is Outcome.FAILED:
            self.tell(f"{job.name} ({job.title}) failed (失败): {done.error}")
        elif counts:
            self.tell(f"{job.name} ({job.title}) done (完成): {counts}")


def quieten() -> None:
    """Let APScheduler speak of faults of its own only; what jobs do is said by the scheduler."""
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
