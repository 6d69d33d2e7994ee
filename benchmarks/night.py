"""How fast a night closes, over as many loans as one asks for: `python -m benchmarks.night --loans N --json [--quick] [--wide]`.

All steps of the night and its ties are timed but the chain of seals, which is made off the hot path. Beside the figures stand
the limits of the machine in the same run: a bare grouped sum over the same streams (`bare_aggregate_s`), and a bare
INSERT … SELECT of one keyed row per loan, its interest rounded and split between the payers (`bare_insert_s`).
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from app import migrate, wiring
from benchmarks.folder import reachable_folder
from benchmarks.portfolio import CITY, DUE, FIRST, PROVINCE, Country, lend
from ledger.calendar import DAY
from ledger.db import APP_ROLE, engine_as
from ledger.server import embedded
from loans.terms import last_settlement_before
from scheduling.close import Run, Step, close, close_through, next_to_close

SETTLEMENT, YEAR_END = date(2018, 12, 20), date(2018, 12, 31)
LOANS_BEHIND = 1_000
DAYS_BEHIND = (1, 7, 30, 100, 300, 700)
QUICK_LOANS, QUICK_DAYS = 20_000, (1, 7, 30)

_BARE_AGGREGATE = text("""
SELECT book_id, product, county, kind, state, rate_ppb, gov_ppb, sum(base_fen * (CAST(:until AS date) - start_date))
  FROM loans.stream WHERE known_to_seq IS NULL GROUP BY book_id, product, county, kind, state, rate_ppb, gov_ppb
""")
_BARE_TABLE = text(
    "CREATE TABLE bare (book_id bigint, loan_id bigint, day date, fen bigint, gov bigint, PRIMARY KEY (book_id, loan_id))"
)
_BARE_INSERT = text("""
INSERT INTO bare
SELECT book_id, loan_id, CAST(:until AS date), round(base_fen::numeric * rate_ppb * days / 360000000000),
       round(base_fen::numeric * gov_ppb * days / 360000000000)
  FROM loans.stream CROSS JOIN LATERAL (SELECT CAST(:until AS date) - greatest(start_date, CAST(:since AS date)) AS days) AS run
 WHERE known_to_seq IS NULL AND kind = 'contract' AND start_date < :until AND coalesce(end_date, 'infinity') >= :until
""")
_SIZE = text(
    "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind = 'r' AND n.nspname IN ('ledger', 'loans', 'guarantees', 'solar', 'scheduling')"
)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=1_000_000, help="how many; a hundred or more")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--wide", action="store_true", help="100 counties of 20 banks instead of 7 of 5")
    parser.add_argument("--quick", action="store_true", help="end within a minute: 20,000 loans, up to 30 days behind")
    parser.add_argument("--no-catch-up", action="store_true", help="leave the missed nights out")
    parser.add_argument("--folder", type=Path, help="where the loans are kept; those lent there before are taken as they are")
    parser.add_argument("--lend-only", action="store_true", help="lend in --folder, and measure nothing yet")
    asked = parser.parse_args()
    if asked.lend_only and not asked.folder:
        parser.error("--lend-only needs --folder")
    country, loans = (PROVINCE if asked.wide else CITY), (QUICK_LOANS if asked.quick else asked.loans)
    if asked.lend_only:
        with _lent(country, loans, asked.folder) as (_, _, lent):
            print(f"{lent} loans are lent in {asked.folder}")
        return 0
    figures = _nights(country, loans, asked.folder)
    if not asked.no_catch_up:
        behind = QUICK_DAYS if asked.quick else DAYS_BEHIND
        figures["catch_up"] = {str(days): _catch_up(country, days) for days in behind}
        figures["catch_up_one_book"] = {str(days): _catch_up(Country(1, 1), days) for days in behind}
    figures["machine"] = (
        f"{platform.machine()} {os.cpu_count()} cores {platform.python_implementation()} {platform.python_version()}"
    )
    if asked.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:28} {figure}" for name, figure in figures.items()))
    return 0


@contextmanager
def _lent(country: Country, loans: int, kept: Path | None = None) -> Iterator[tuple[Engine, Engine, int]]:
    """Yield a database with loans: the application's engine, the server's owner's, and how many loans there are.

    In a folder that is kept, loans that were lent before and no night has closed are taken as they are.
    """
    with nullcontext(kept) if kept else reachable_folder() as folder, embedded(folder) as address:
        migrate.migrate(address)
        engine, owner = engine_as(address, APP_ROLE), create_engine(address, isolation_level="AUTOCOMMIT")
        try:
            yield engine, owner, _loans_before(owner) or lend(engine, address, country, loans)
        finally:
            engine.dispose()
            owner.dispose()


def _loans_before(owner: Engine) -> int:
    with owner.connect() as connection:
        assert not connection.scalar(text("SELECT count(*) FROM scheduling.run")), "its nights were measured before"
        return connection.scalar(text("SELECT count(*) FROM loans.loan")) or 0


def _steps() -> list[Step]:
    return [step for step in wiring.night_steps() if step.name != "seal"]


def _nights(country: Country, asked: int, kept: Path | None) -> dict[str, Any]:
    """Return the figures of the nights from the first day to the year's end."""
    steps = _steps()
    with _lent(country, asked, kept) as (engine, owner, loans):
        close(engine, steps, FIRST)  # all that the portfolio brings is new to it
        memory = _peak_mb()
        ordinary = [_closed(engine, owner, steps) for _ in range(2)]
        bare_aggregate = statistics.median(_bare_aggregate(owner) for _ in range(3))
        settled = _closed(engine, owner, steps)
        bare_insert = _bare_insert(owner)
        after = [_closed(engine, owner, steps) for _ in range(3)]
        due, overdue = _closed(engine, owner, steps), _closed(engine, owner, steps)
        rest = [_closed(engine, owner, steps) for _ in range((YEAR_END - DUE).days)]
        seconds = min(night[0] for night in (*ordinary, *after[1:]))
        with owner.connect() as connection:
            version = connection.scalar(text("SHOW server_version"))
    return {
        "loans": loans,
        "books": country.counties * country.banks,
        "ordinary_s": round(seconds, 3),
        "bare_aggregate_s": round(bare_aggregate, 3),
        "ordinary_ratio": round(seconds / bare_aggregate, 2),
        "settlement_s": round(settled[0], 2),
        "bare_insert_s": round(bare_insert, 2),
        "settlement_ratio": round(settled[0] / bare_insert, 2),
        "due_night_s": round(due[0], 2),
        "overdue_night_s": round(overdue[0], 2),
        "year_end_s": round(rest[-1][0], 2),
        "rss_mb": _peak_mb(),
        "rss_ordinary_mb": memory,
        "bytes_per_ordinary_night": round(statistics.median(night[1] for night in (*ordinary, *after[1:]))),
        "quarter_end_bytes_per_loan": round(settled[1] / loans),
        "steps": {"ordinary": _by_step(ordinary[-1][2]), "settlement": _by_step(settled[2]), "overdue": _by_step(overdue[2])},
        "postgres": version,
    }


def _closed(engine: Engine, owner: Engine, steps: list[Step]) -> tuple[float, int, Run]:
    """Close the next day: return the seconds it took, the bytes that tables and indexes grew by, and the run."""
    day = next_to_close(engine)
    with owner.connect() as connection:
        before = connection.scalar(_SIZE) or 0
        start = time.perf_counter()
        run = close(engine, steps, day)
        taken = time.perf_counter() - start
        return taken, (connection.scalar(_SIZE) or 0) - before, run


def _by_step(run: Run) -> dict[str, float]:
    return {step.name: round(step.microseconds / 1e6, 3) for step in run.steps}


def _bare_aggregate(owner: Engine) -> float:
    with owner.connect() as connection:
        start = time.perf_counter()
        connection.execute(_BARE_AGGREGATE, {"until": SETTLEMENT}).all()
        return time.perf_counter() - start


def _bare_insert(owner: Engine) -> float:
    with owner.connect() as connection:
        connection.execute(_BARE_TABLE)
        start = time.perf_counter()
        connection.execute(_BARE_INSERT, {"since": last_settlement_before(SETTLEMENT) + DAY, "until": SETTLEMENT + DAY})
        taken = time.perf_counter() - start
        connection.execute(text("DROP TABLE bare"))
        return taken


def _catch_up(country: Country, days: int) -> float:
    """Return the seconds in which so many missed nights of a thousand loans are closed, one after the other."""
    with _lent(country, LOANS_BEHIND) as (engine, _, _):
        start = time.perf_counter()
        for _ in close_through(engine, _steps(), FIRST + (days - 1) * DAY, rests=wiring.night_rests):
            pass
        return round(time.perf_counter() - start, 2)


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
