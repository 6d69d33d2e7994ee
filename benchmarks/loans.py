"""How fast the loan engine is, and whether PostgreSQL counts interest as Python does: `python -m benchmarks.loans --json`.

The machine's own pace (`pace_ns`, one turn of a plain loop of additions) stands beside the figures, so that runs on different
machines can be compared; `replay_2400_events_paces` is free of it.
"""

import argparse
import json
import platform
import random
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg
from sqlalchemy import make_url

from app import migrate
from benchmarks.folder import reachable_folder
from ledger.calendar import DAY, add_months
from ledger.server import embedded
from loans.events import Disbursed, LoanEvent, Prepayment, Repaid
from loans.life import Horizon
from loans.replay import replay
from loans.schedule import schedule
from loans.terms import NEVER, Cycle, DayCount, Grace, GraceKind, LoanTerms, Method, RateStep, charge_fen

DRAWN = date(2017, 3, 15)
CLOSED = Horizon(date(2018, 6, 30), date(2018, 6, 30))
BATCH = 100_000


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--quick", action="store_true", help="end within a minute: fewer rounds, 100,000 streams")
    asked = parser.parse_args()
    rounds = 1 if asked.quick else 5
    figures: dict[str, Any] = {"machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}"}
    figures["pace_ns"] = round(min(_pace() for _ in range(5)), 2)
    figures["schedules_per_s"] = round(max(_rate(_schedules, 300) for _ in range(rounds)))
    figures["replays_per_s"] = round(max(_rate(_replays, 300) for _ in range(rounds)))
    sunny, late = _sunny_decade(), _late_decade()
    seconds = min(_seconds(sunny) for _ in range(2 * rounds + 1))
    figures["replay_2400_events_ms"] = round(seconds * 1e3, 1)
    figures["replay_2400_events_overdue_ms"] = round(min(_seconds(late) for _ in range(2 * rounds + 1)) * 1e3, 1)
    figures["replay_2400_events_paces"] = round(seconds * 1e9 / figures["pace_ns"])
    figures |= _compare(100_000 if asked.quick else 1_000_000)
    if asked.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:32} {figure}" for name, figure in figures.items()))
    return 0 if figures["sql_equals_python"] else 1


def _pace() -> float:
    start, total = time.perf_counter(), 0
    for number in range(1_000_000):
        total += number
    return (time.perf_counter() - start) * 1e3


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _rate(work: Callable[[int], object], count: int) -> float:
    start = time.perf_counter()
    for number in range(count):
        work(number)
    return count / (time.perf_counter() - start)


def _contract(number: int, method: Method) -> LoanTerms:
    """Return a contract of 36 months; every number has its own day, amount and rate."""
    drawn = DRAWN + number * DAY
    return LoanTerms(
        product="XEXD", principal_fen=5_000_000 - 100 * number, drawn_on=drawn, maturity=add_months(drawn, 36), method=method,
        rates=(RateStep(drawn, 43_500_000 + 1_000 * number),), day_count=DayCount.MONTHS, interest=Cycle(anchor=drawn),
        rolling=NEVER,
    )  # fmt: skip


_CONTRACTS = [_contract(n, (Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL)[n % 2]) for n in range(300)]


def _schedules(number: int) -> None:
    assert len(schedule(_CONTRACTS[number])) == 36


def _typical(number: int) -> tuple[LoanTerms, list[LoanEvent]]:
    """Return a loan of a year, subsidised, as nine of ten are: drawn, and repaid at maturity or still running."""
    drawn = DRAWN + number * DAY
    terms = LoanTerms(
        product="XEXD", principal_fen=5_000_000, drawn_on=drawn, maturity=add_months(drawn, 12), method=Method.BULLET,
        rates=(RateStep(drawn, 43_500_000, 43_500_000),),
    )  # fmt: skip
    events: list[LoanEvent] = [Disbursed(reference="d", value_date=drawn, fen=5_000_000)]
    if number % 2:
        events.append(Repaid(reference="r", value_date=terms.maturity, fen=5_000_000))
    return terms, events


_TYPICAL = [_typical(number) for number in range(300)]


def _replays(number: int) -> None:
    terms, events = _TYPICAL[number]
    assert not replay(terms, events, CLOSED).refusals


def _sunny_decade() -> Callable[[], None]:
    """Return the replay of a rooftop's loan: a share of the sun's income comes in 2,399 times, and pays ahead."""
    drawn, maturity = DRAWN, add_months(DRAWN, 120)
    terms = LoanTerms(
        product="GFNH", principal_fen=40_000_000, drawn_on=drawn, maturity=maturity, method=Method.EQUAL_PRINCIPAL,
        rates=(RateStep(drawn, 49_000_000, 49_000_000), RateStep(add_months(drawn, 36), 49_000_000, 24_500_000)),
        graces=(Grace(GraceKind.PRINCIPAL_DEFERRED, drawn, add_months(drawn, 24)),),
    )  # fmt: skip
    return _decade(terms, 10_000, Prepayment.AHEAD)


def _late_decade() -> Callable[[], None]:
    """Return the replay of a loan overdue since its first year, on which little comes in 2,399 times."""
    terms = LoanTerms(
        product="XEXD", principal_fen=500_000_000, drawn_on=DRAWN, maturity=add_months(DRAWN, 12), method=Method.BULLET,
        rates=(RateStep(DRAWN, 47_500_000),),
    )  # fmt: skip
    return _decade(terms, 500, Prepayment.SHORTER)


def _decade(terms: LoanTerms, fen: int, how: Prepayment) -> Callable[[], None]:
    events: list[LoanEvent] = [Disbursed(reference="d", value_date=DRAWN, fen=int(terms.principal_fen))]
    events += [Repaid(reference=f"{n}", value_date=DRAWN + (n + 1) * DAY, fen=fen + n, prepays=how) for n in range(2_399)]
    end = DRAWN + 2_500 * DAY

    def work() -> None:
        assert len(events) == 2_400 and not replay(terms, events, Horizon(end, end)).refusals

    return work


# --- PostgreSQL against Python -----------------------------------------------------------------------------------------

Row = tuple[DayCount, date, date, date, int, int]
"""Day count, anchor, first day, end, base in fen, rate in ppb."""

_TABLE = """
CREATE TEMPORARY TABLE stream (number integer, day_count text, anchor date, start_date date, end_date date, base_fen bigint,
                               rate_ppb bigint)
"""

_SQL = """
SELECT base_fen::numeric * rate_ppb * loans.ticks(day_count, anchor, start_date, end_date) AS units,
       round(base_fen::numeric * rate_ppb * loans.ticks(day_count, anchor, start_date, end_date)
             / (1000000000 * loans.year_ticks(day_count)::numeric)) AS fen
  FROM stream ORDER BY number
"""


def _compare(count: int) -> dict[str, Any]:
    """Return whether the two count random streams alike, to the last unit, over every day count, and how long each took."""
    luck, equal, sql_s, python_s = random.Random(20171120), True, 0.0, 0.0
    with reachable_folder() as folder, embedded(folder) as address:
        migrate.migrate(address)
        plain = make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as database:
            version = str(database.info.parameter_status("server_version"))
            database.execute(_TABLE)
            for _ in range(count // BATCH):
                streams = [_stream(luck) for _ in range(BATCH)]
                _load(database, streams)
                start = time.perf_counter()
                rows = database.execute(_SQL).fetchall()
                sql_s += time.perf_counter() - start
                start = time.perf_counter()
                told = [_counted(*stream) for stream in streams]
                python_s += time.perf_counter() - start
                equal = equal and [(int(units), int(fen)) for units, fen in rows] == told
    return {
        "sql_equals_python": equal,
        "streams": count,
        "sql_s": round(sql_s, 2),
        "python_s": round(python_s, 2),
        "postgres": version,
    }


def _stream(luck: random.Random) -> Row:
    start = date(2000, 1, 1) + luck.randrange(14_000) * DAY
    return (
        luck.choice(list(DayCount)), start - luck.randrange(1_000) * DAY, start, start + luck.randrange(1_500) * DAY,
        luck.randrange(1, 10**10), luck.randrange(1, 100) * luck.choice([500_000, 1, 43_500]),
    )  # fmt: skip


def _load(database: psycopg.Connection[Any], streams: list[Row]) -> None:
    database.execute("TRUNCATE stream")
    with database.cursor().copy("COPY stream FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "text", "date", "date", "date", "int8", "int8"])
        for number, (count, *rest) in enumerate(streams):
            copy.write_row((number, count.value, *rest))


def _counted(count: DayCount, anchor: date, start: date, end: date, base_fen: int, rate_ppb: int) -> tuple[int, int]:
    """Return a stream's units and its charge in fen, as replay counts them."""
    units = base_fen * rate_ppb * count.ticks(start, end, anchor)
    return units, charge_fen(units, count.year)


if __name__ == "__main__":
    sys.exit(main())
