"""The command of the night (日终): close the open day, or go on with a night that stopped."""

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.progress import Progress

from app import wiring
from app.entrance import Day, day_of, opened
from app.screen import err, print_costs, say
from scheduling.close import Run, close_through, left_unfinished, next_to_close


def close(
    through: Day = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a failed step, once its cause is mended.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Show what each step cost (各步用时).")] = False,
) -> None:
    """Close the open business day, or every day up to a date (日终)."""
    with opened() as system:
        first = left_unfinished(system.engine) if resume else next_to_close(system.engine)
        last = day_of(through) or first
        if last < first:
            say(f"{last} is closed already (已日终); nothing was changed.")
            return
        with Progress(console=err, transient=True) as bar:
            task = bar.add_task("closing (日终)", total=(last - first).days + 1)
            rests = None if profile else wiring.night_rests
            for run in close_through(system.engine, wiring.night_steps(), last, resume=resume, measure=profile, rests=rests):
                bar.advance(task)
                _report(run)
                if profile:
                    print_costs(run)


def _report(run: Run) -> None:
    titles = {one.name: one.title for one in wiring.night_steps()}
    spent = sum(step.microseconds for step in run.steps) / 1000
    counts = "; ".join(f"{titles.get(s.name, s.name)} {v}" for s in run.steps if (v := _counts(s.counts)))
    say(f"closed {run.business_date} in {spent:.0f} ms" + (f": {counts}" if counts else ""))
    aside = sum(step.counts.get("set_aside", 0) for step in run.steps)
    if aside:
        say(f"{aside} loans were set aside (隔离): see 'fupin quarantine list'")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in counts.items() if value)
