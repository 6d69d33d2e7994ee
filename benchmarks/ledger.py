"""How fast the ledger posts and answers, with every law on and fsync on: `python -m benchmarks.ledger --json [--quick]`.

Beside the figures stand the limits of the machine in the same run: what the disk takes to keep one page (`fsync_us`), what a
committed single-row insert reaches (`bare_single_per_s`), and a bare INSERT … SELECT into copies of the same keyed and
constrained tables (`bare_entries_per_s`), which `bulk_ratio` compares with.
"""

import argparse
import json
import os
import platform
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from app import migrate
from app.opening import Bank, County, Plan, open_books
from benchmarks.folder import reachable_folder
from ledger import snapshots
from ledger.books import books
from ledger.calendar import DAY
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.journal import BookCode, Dimensions, JournalEntry, credit, debit
from ledger.posting import post, post_many
from ledger.queries import trial_balance
from ledger.server import embedded

FIRST, LAST = date(2016, 1, 1), date(2021, 12, 31)
BATCH, YOUNG = 10_000, 500
LINES = 10
"""Of an entry in the journal that is read."""
PLAN = Plan(
    first=FIRST,
    banks=(Bank(code="BANKA", name="甲银行（演示）"), Bank(code="BANKB", name="乙银行（演示）")),
    counties=tuple(County(name=name, banks=("BANKA", "BANKB")) for name in ("惠民县", "阳信县", "无棣县", "沾化区")),
)
FUND, LOANS = BookCode("RCF-371621"), BookCode("LB-371621-BANKA")


@dataclass(frozen=True, slots=True)
class Size:
    """How long each part runs."""

    singles: int
    batches: int
    postings: int  # in the journal that is read


FULL, QUICK = Size(singles=6_000, batches=20, postings=10_000_000), Size(singles=1_500, batches=5, postings=1_000_000)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--quick", action="store_true", help="end within a minute: fewer posts, a tenth of the journal")
    asked = parser.parse_args()
    size = QUICK if asked.quick else FULL
    figures: dict[str, Any] = {}
    with _database() as (engine, owner):
        figures |= _singles(engine, size) | _bulk(engine, owner, size)
        figures |= _reading(engine, owner, size.postings)
        with owner.connect() as connection:
            figures["postgres"] = connection.scalar(text("SHOW server_version"))
            figures["fsync"] = connection.scalar(text("SHOW fsync"))
    figures["rss_mb"] = _peak_mb()
    figures["machine"] = (
        f"{platform.machine()} {os.cpu_count()} cores {platform.python_implementation()} {platform.python_version()}"
    )
    if asked.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:24} {figure}" for name, figure in figures.items()))
    return 0


@contextmanager
def _database() -> Iterator[tuple[Engine, Engine]]:
    """Yield a city's empty books: the application's engine, and the server's owner's."""
    with reachable_folder() as folder, embedded(folder) as address:
        migrate.migrate(address)
        engine, owner = engine_as(address, APP_ROLE), create_engine(address)
        with unit_of_work(engine) as session:
            open_books(session, PLAN)
        try:
            _grow_up(engine, owner)
            yield engine, owner
        finally:
            engine.dispose()
            owner.dispose()


def _grow_up(engine: Engine, owner: Engine) -> None:
    """Post a little and let the server look at its tables, as autovacuum does within their first minute: until then the look-ups
    of foreign keys may go by a wrong key of the book.
    """
    with unit_of_work(engine) as session:
        post_many(session, [make for n in range(YOUNG) for make in (_moved(n), _disbursed(n, "young"))])
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


# --- one at a time ---------------------------------------------------------------------------------------------------


def _singles(engine: Engine, size: Size) -> dict[str, Any]:
    """Return posts a second, each its own transaction, over many accounts and all on the special account of one fund."""
    hot = [_moved(YOUNG + number) for number in range(size.singles)]
    wide = [_disbursed(number, "single") for number in range(size.singles)]
    rates: dict[str, list[float]] = {"single_per_s": [], "hot_per_s": [], "bare_single_per_s": []}
    share = size.singles // 3
    for third in range(3):  # in turns, so that a neighbour's load meets all three
        part = slice(third * share, (third + 1) * share)
        rates["single_per_s"].append(_per_second(engine, wide[part]))
        rates["hot_per_s"].append(_per_second(engine, hot[part]))
        rates["bare_single_per_s"].append(_bare_single(engine, share))
    return {"fsync_us": _fsync_us()} | {name: round(max(found)) for name, found in rates.items()}


def _per_second(engine: Engine, entries: list[JournalEntry]) -> float:
    start = time.perf_counter()
    for entry in entries:
        with unit_of_work(engine) as session:
            post(session, entry)
    return len(entries) / (time.perf_counter() - start)


def _bare_single(engine: Engine, count: int) -> float:
    """Return how many one-row inserts into the audit log, which has no foreign key, the driver itself commits in a second."""
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        cursor = raw.cursor()
        start = time.perf_counter()
        for number in range(count):
            cursor.execute(
                "INSERT INTO ledger.audit (actor, action, subject, details) VALUES ('x', 'x', %s, '{}')", (str(number),)
            )
            raw.commit()
        return count / (time.perf_counter() - start)


def _fsync_us() -> int:
    """Return the median time to write one page and have the disk keep it, in microseconds."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(8192 * 200))
        file.flush()
        os.fsync(file.fileno())
        taken = []
        for number in range(200):
            start = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, number * 8192)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - start)
    return round(statistics.median(taken) * 1e6)


def _moved(number: int) -> JournalEntry:
    """Return a receipt of one special account, or a payment out of it, 500 a day."""
    dims = Dimensions(county="371621", bank="BANKA")
    lines = (
        (debit("5007.03", 50, dims), credit("1004", 50, dims))
        if number % 2
        else (debit("1004", 100 + number, dims), credit("4007.01", 100 + number, dims))
    )
    return JournalEntry(
        book=FUND, reference=f"hot/{number}", kind="fund.contributed", value_date=FIRST + number // 500 * DAY,
        narration="财政拨入", postings=lines,
    )  # fmt: skip


def _disbursed(number: int, name: str) -> JournalEntry:
    dims = Dimensions(county="371621", bank="BANKA", product="XEXD", loan_id=number)
    accounts = (("1303.01", "3001"), ("1132.09", "6011.01"), ("3001", "1132.01"), ("9201", "9202"))[number % 4]
    return JournalEntry(
        book=LOANS, reference=f"{name}/{number}", kind="loans.disbursed", value_date=FIRST + number % 360 * DAY,
        narration=f"发放贷款 {number}", postings=(debit(accounts[0], 5_000_000, dims), credit(accounts[1], 5_000_000, dims)),
    )  # fmt: skip


# --- in bulk ---------------------------------------------------------------------------------------------------------

_COPIES = """
CREATE SCHEMA bare;
CREATE TABLE bare.journal_entry (LIKE ledger.journal_entry INCLUDING ALL,
    FOREIGN KEY (book_id) REFERENCES ledger.book (id),
    FOREIGN KEY (book_id, reverses_seq) REFERENCES bare.journal_entry (book_id, seq));
CREATE TABLE bare.posting (LIKE ledger.posting INCLUDING ALL,
    FOREIGN KEY (book_id, seq) REFERENCES bare.journal_entry (book_id, seq),
    FOREIGN KEY (book_id, account) REFERENCES ledger.account (book_id, code));
"""
_BARE = (
    "INSERT INTO bare.journal_entry SELECT * FROM ledger.journal_entry WHERE book_id = :book AND seq >= :first AND seq < :end",
    "INSERT INTO bare.posting SELECT * FROM ledger.posting WHERE book_id = :book AND seq >= :first AND seq < :end",
)


def _bulk(engine: Engine, owner: Engine, size: Size) -> dict[str, Any]:
    """Return entries a second through `post_many`, and through a bare INSERT … SELECT of the same rows, batch by batch."""
    with owner.begin() as connection:
        connection.execute(text(_COPIES))
    ours, bare, ratios, before = [], [], [], 0
    for number in range(size.batches):
        batch = [_disbursed(number * BATCH + one, "bulk") for one in range(BATCH)]
        start = time.perf_counter()
        with unit_of_work(engine) as session:
            posted = post_many(session, batch)
        ours.append(time.perf_counter() - start)
        values = {"first": posted[0].seq, "end": posted[-1].seq + 1}
        with unit_of_work(engine) as session:
            values["book"] = next(book.id for book in books(session) if book.code == LOANS)
        start = time.perf_counter()
        with owner.begin() as connection:
            for statement in _BARE:
                connection.execute(text(statement), values)
        bare.append(time.perf_counter() - start)
        ratios.append(bare[-1] / ours[-1])
        before = before or _peak_mb()
    return {
        "bulk_entries_per_s": round(BATCH / statistics.median(ours)),
        "bare_entries_per_s": round(BATCH / statistics.median(bare)),
        "bulk_ratio": round(statistics.median(ratios), 2),
        "rss_growth_mb": _peak_mb() - before,
    }


# --- reading ---------------------------------------------------------------------------------------------------------

_LOAD = """
SET LOCAL session_replication_role = replica;
CREATE TEMPORARY TABLE shape ON COMMIT DROP AS
SELECT b.id AS book_id, row_number() OVER (PARTITION BY b.id ORDER BY a.code) AS place,
       count(*) OVER (PARTITION BY b.id) AS width, a.code FROM ledger.book b JOIN ledger.account a ON a.book_id = b.id;
CREATE TEMPORARY TABLE head ON COMMIT DROP AS
SELECT b.id AS book_id, b.last_seq + row_number() OVER (PARTITION BY b.id ORDER BY n) AS seq, n,
       CAST(:first AS date) + CAST(CAST(n AS bigint) * :days / :heads AS integer) AS value_date
  FROM generate_series(0, :heads - 1) AS n
  JOIN (SELECT id, last_seq, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS width FROM ledger.book) AS b
       ON b.place = n % b.width;
INSERT INTO ledger.journal_entry (book_id, seq, reference, kind, value_date, month, word, number, narration, event, maker,
                                  checker, body_sha256, lines)
SELECT book_id, seq, 'load/' || n, 'load', value_date, month, '载', row_number() OVER (PARTITION BY book_id, month ORDER BY seq),
       '', '', 'system', 'system', '', :lines
  FROM (SELECT *, date_trunc('month', value_date::timestamp)::date AS month FROM head) AS dated;
INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date, loan_id)
SELECT h.book_id, h.seq, l, s.code, CASE WHEN l <= :lines / 2 THEN 'D' ELSE 'C' END, 100 + h.n % 1000, h.value_date, h.n
  FROM head AS h CROSS JOIN generate_series(1, :lines) AS l
  JOIN shape AS s ON s.book_id = h.book_id AND s.place = 1 + (h.n + l) % s.width;
UPDATE ledger.book AS b SET last_seq = h.seq FROM (SELECT book_id, max(seq) AS seq FROM head GROUP BY book_id) AS h
 WHERE h.book_id = b.id;
"""


_INDEXES = """
SELECT format('DROP INDEX ledger.%I', relname), pg_get_indexdef(indexrelid)
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = 'ledger.posting'::regclass AND NOT indisunique
"""


def _load(owner: Engine, postings: int) -> None:
    """Fill the journal with so many postings over six years, past the laws; indexes are built after."""
    values = {"first": FIRST, "days": (LAST - FIRST).days, "heads": postings // LINES, "lines": LINES}
    with owner.begin() as connection:
        indexes = connection.execute(text(_INDEXES)).all()
        for drop, _ in indexes:
            connection.execute(text(drop))
        for statement in _LOAD.strip().rstrip(";").split(";\n"):
            connection.execute(text(statement), {k: v for k, v in values.items() if f":{k}" in statement})
        for _, add in indexes:
            connection.execute(text(add))
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) ledger.posting"))


def _reading(engine: Engine, owner: Engine, postings: int) -> dict[str, Any]:
    """Return how long a trial balance takes, as of the end and as of random days before, once the snapshots are taken."""
    start = time.perf_counter()
    _load(owner, postings)
    loaded = time.perf_counter() - start
    start = time.perf_counter()
    with unit_of_work(engine) as session:
        snapshots.take(session)
    taken = time.perf_counter() - start
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) ledger.snapshot_turnover"))
    luck = random.Random(20171120)
    days = [FIRST + luck.randrange((LAST - FIRST).days) * DAY for _ in range(5)]
    return {
        "postings": postings,
        "load_s": round(loaded, 1),
        "snapshots_s": round(taken, 1),
        "trial_balance_10m_s": round(statistics.median(_asked(engine, None) for _ in range(3)), 3),
        "as_of_10m_s": round(statistics.median(_asked(engine, day) for day in days), 3),
    }


def _asked(engine: Engine, until: date | None) -> float:
    with Session(engine) as session:
        start = time.perf_counter()
        found = trial_balance(session, until=until)
        taken = time.perf_counter() - start
    assert not sum(line.turnover.balance_fen for line in found)
    return taken


if __name__ == "__main__":
    sys.exit(main())
