"""Chaos (混沌): a city's fortnight is lived over and over while its close is hurt in every way; no book may tell of it.

`python -m benchmarks.chaos --kills 200 --server-kills 50 --seed N` prints a table (fault, times, lost, doubled, differing bytes)
and ends with 1 if anything is not nought. A fortnight takes several strikes; after each the close goes on, and at its end the
rows of every table, the exports, the figures and bytes of the papers and all of `verify` are held against the undisturbed run.
"""

import argparse
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from random import Random, SystemRandom

from benchmarks.faults import FAULTS, Blow, Fault, close_killed, server_killed, small_disk
from benchmarks.folder import reachable_folder
from benchmarks.fortnight import STOPS, Place, close_in_peace, closed, live, place
from benchmarks.poison import POISONED, poisoned_fortnight
from benchmarks.records import Harm, Records, balances, harm, harm_of_figures, records
from ledger.db import APP_ROLE, engine_as, unit_of_work

DISK_MEGABYTES = 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault did: how often it struck, in how many fortnights, and the harm that was found."""

    fault: str
    times: int
    fortnights: int
    harm: Harm
    seconds: float

    def __str__(self) -> str:
        """Return a row of the table."""
        cells = (self.times, self.fortnights, self.harm.lost, self.harm.doubled, self.harm.differing)
        return f"| {self.fault} | " + " | ".join(str(cell) for cell in cells) + " |"


def as_it_is(at: Place) -> tuple[Counter[str], Records]:
    """Return the balances and the records of a place."""
    engine = engine_as(at.address, APP_ROLE)
    try:
        with unit_of_work(engine) as session:
            return balances(session), records(session, STOPS[-1])
    finally:
        engine.dispose()


def in_peace(at: Place) -> tuple[Counter[str], Records]:
    """Live the fortnight undisturbed and return what it leaves."""
    live(at, lambda through: close_in_peace(at, through))
    return as_it_is(at)


def survive(at: Place, peace: Records, fault: Fault, times: int, luck: Random) -> Outcome:
    """Strike a number of times, over as many fortnights as it takes."""
    struck = fortnights = 0
    begun, found = time.monotonic(), Harm()

    def close(through: date) -> None:
        nonlocal struck
        for _ in range(fault.per_stop):
            if struck >= times or closed(at, through):
                break
            struck += fault.strike(Blow(at=at, through=through, number=struck, luck=luck))
        close_in_peace(at, through)

    while struck < times:
        before = struck
        live(at, close)
        fortnights += 1
        found += harm(peace, as_it_is(at)[1])
        assert struck > before, f"{fault.name} met nobody at work in a whole fortnight"
    return Outcome(fault.name, struck, fortnights, found, time.monotonic() - begun)


def survive_poison(at: Place, peace: tuple[Counter[str], Records], times: int, luck: Random) -> Outcome:
    """Break a number of loans, one a fortnight."""
    struck = fortnights = 0
    begun, found = time.monotonic(), Harm()
    while struck < times:
        struck += poisoned_fortnight(at, luck)
        fortnights += 1
        found += harm_of_figures(peace, as_it_is(at))
    return Outcome(POISONED, struck, fortnights, found, time.monotonic() - begun)


def asked_times(kills: int, server_kills: int, share: float) -> list[tuple[Fault, int]]:
    """Return the faults and how often each is to strike."""
    given = {close_killed: kills, server_killed: server_kills}
    return [(fault, given.get(fault.strike, max(1, round(fault.times * share)))) for fault in FAULTS]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how often the close is killed")
    parser.add_argument("--server-kills", type=int, default=50, help="how often PostgreSQL is killed")
    parser.add_argument("--share", type=float, default=1.0, help="of the other faults, how many of the usual number")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    outcomes = []
    with reachable_folder() as folder, ExitStack() as stack:
        disk = stack.enter_context(small_disk(folder, DISK_MEGABYTES))
        if disk is None:
            print("disk full is skipped: no tmpfs can be mounted here (root only); files limited stands for it")
        home = stack.enter_context(place(_made(folder / "home")))
        small = stack.enter_context(place(_made(folder / "small"), disk)) if disk else None
        peace = in_peace(home)
        assert not peace[1].broken, peace[1].broken
        for fault, times in asked_times(asked.kills, asked.server_kills, asked.share):
            at = small if fault.small_disk else home
            if asked.only in fault.name and at is not None and times:
                luck = Random(f"{asked.seed} {fault.name}")
                outcomes.append(_told(survive(at, peace[1], fault, times, luck)))
        if asked.only in POISONED:
            outcomes.append(_told(survive_poison(home, peace, max(1, round(12 * asked.share)), Random(asked.seed))))
    print("\n| fault | times | fortnights | lost | doubled | differing bytes |\n|---|---|---|---|---|---|")
    print("\n".join(str(one) for one in outcomes))
    return int(any(one.harm for one in outcomes))


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o755)
    return folder


def _told(one: Outcome) -> Outcome:
    print(f"{one.fault}: {one.times} times in {one.seconds:.0f} s", *one.harm.where[:20], sep="\n    ", flush=True)
    return replace(one)


if __name__ == "__main__":
    sys.exit(main())
