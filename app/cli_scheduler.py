"""Commands of the scheduler (调度程序): run it, and show its jobs (定时任务), who leads, what runs next and what ran."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.entrance import opened
from app.jobs import jobs as all_jobs
from app.outbox import Paper, open_papers
from app.reminders import Reminder, open_reminders
from app.scheduler import Scheduler, next_time, now_in_china, quieten
from app.screen import out, say
from app.settings import SHANGHAI
from ledger.db import unit_of_work
from scheduling.job import Job, JobRun, history, last_runs
from scheduling.leader import Leader, leader


def scheduler() -> None:
    """Run the jobs when they are due (调度程序); of several on one database one leads, the others wait to take over."""
    quieten()
    with opened() as system:
        Scheduler(system, all_jobs, now_in_china, _tell).run(threading.Event())


def jobs(
    history_: Annotated[bool, typer.Option("--history", help="Show the latest runs instead.")] = False,
    job: Annotated[str | None, typer.Option("--job", help="A job's name, with --history.")] = None,
    last: Annotated[int, typer.Option("--last", help="How many runs, with --history.", min=1, max=1000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Show who leads, the jobs with their next and last runs, papers that wait and reminders; or the runs (定时任务)."""
    with opened() as system:
        listed = all_jobs(system)
        if job is not None and job not in {one.name for one in listed}:
            raise typer.BadParameter(f"no job {job}; there are {', '.join(one.name for one in listed)} (没有该任务)")
        with unit_of_work(system.engine) as session:
            runs = history(session, job, last)
            latest, papers, reminders = last_runs(session), open_papers(session), open_reminders(session)
        leads = leader(system.engine.url)
    now = now_in_china()
    if as_json:
        _print_json(leads, listed, latest, runs if history_ else [], now)
    elif history_:
        _print_history(runs, leads)
    else:
        _print_jobs(leads, listed, latest, now)
        _print_waiting(papers, reminders)


def _tell(sentence: str) -> None:
    say(f"{now_in_china():%Y-%m-%d %H:%M:%S} {sentence}")


def _print_json(
    leads: Leader | None, listed: Sequence[Job], latest: Mapping[str, JobRun], runs: Sequence[JobRun], now: datetime
) -> None:
    found = {
        "leader": leads.name if leads else None,
        "jobs": [
            {
                "name": one.name,
                "when": one.when,
                "next": next_time(one, now),
                "last": asdict(latest[one.name]) if one.name in latest else None,
            }
            for one in listed
        ],
        "runs": [asdict(run) for run in runs],
    }
    out.print_json(json.dumps(found, ensure_ascii=False, default=str))


def _print_jobs(leads: Leader | None, listed: Sequence[Job], latest: Mapping[str, JobRun], now: datetime) -> None:
    if leads is None:
        say("no scheduler leads (无主控): start 'fupin scheduler'")
    else:
        say(f"{leads.name} leads (主控), last heard of {_time(leads.beat_at)}")
    table = Table(title="jobs (定时任务)")
    for heading in ("job (任务)", "when (时刻)", "next (下次)", "last (上次)", "how it ended (结果)"):
        table.add_column(heading, overflow="fold")
    for one in listed:
        run = latest.get(one.name)
        cells = (
            f"{one.name} {one.title}", one.when, _time(next_time(one, now)), _time(run.started_at) if run else "",
            _ended(run, leads) if run else "",
        )  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)


def _print_history(runs: Sequence[JobRun], leads: Leader | None) -> None:
    table = Table(title=f"{len(runs)} runs (运行记录)")
    for heading in ("job (任务)", "started (开始)", "finished (结束)", "scheduler (调度程序)", "how it ended (结果)"):
        table.add_column(heading, overflow="fold")
    for run in runs:
        finished = _time(run.finished_at) if run.finished_at else ""
        table.add_row(*(Text(cell) for cell in (run.job, _time(run.started_at), finished, run.scheduler, _ended(run, leads))))
    out.print(table)


def _print_waiting(papers: Sequence[Paper], reminders: Sequence[Reminder]) -> None:
    for paper in papers:
        named = f"{paper.bank} {paper.period.first} to {paper.period.last}"
        why = paper.error or "not tried yet (尚未生成)"
        say(f"paper not written (待生成): {named}, tried {paper.attempts} times: {why}")
    for one in reminders:
        say(f"reminder (对账提醒): {one.book} since {one.raised_on}: {one.sentence}")


def _ended(run: JobRun, leads: Leader | None) -> str:
    if run.outcome is None:
        at_work = leads is not None and leads.name == run.scheduler
        return "at work (进行中)" if at_work else "cut (中断); nobody has taken over yet"
    counts = ", ".join(f"{name} {value}" for name, value in run.counts.items() if value)
    return f"{run.outcome} ({run.outcome.label})" + (f": {run.error or counts}" if run.error or counts else "")


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
