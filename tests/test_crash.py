"""Crashes: whoever is killed in the middle of posting, nothing is half-posted, nothing acknowledged is lost, no number is missing."""

import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import IO

import pytest
from conftest import forget, open_city
from sqlalchemy import text
from test_server import postmaster

from app.migrate import migrate
from ledger import ties
from ledger.calendar import DAY
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.journal import BookCode, Dimensions, JournalEntry, credit, debit
from ledger.posting import post_many
from ledger.server import embedded

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the embedded server is not used here", allow_module_level=True)

DIMS = Dimensions(county="371621", bank="HMRCB")


def moved(reference: str, number: int) -> JournalEntry:
    """Two receipts of two fen, then a payment of one."""
    lines = (
        (debit("5007.03", 1, DIMS), credit("1004", 1, DIMS))
        if number % 3 == 2
        else (debit("1004", 2, DIMS), credit("4007.01", 2, DIMS))
    )
    return JournalEntry(
        book=BookCode("RCF-371621"), reference=f"{reference}/{number}", kind="x", narration="x", postings=lines,
        value_date=date(2017, 1, 1) + number % 300 * DAY,
    )  # fmt: skip


def size_of(batch: int) -> int:
    """Every fourth batch is a single entry."""
    return 1 if batch % 4 == 3 else 300


def poster(url: str, life: int) -> tuple[int, IO[str]]:
    """Start a process that posts batch after batch, and says so of each once its commit has returned; return it and its voice."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, os.fdopen(reading)
    try:
        engine = engine_as(url, APP_ROLE)
        for batch in count():
            with unit_of_work(engine) as session:
                post_many(session, [moved(f"{life}/{batch}", number) for number in range(size_of(batch))])
            os.write(writing, f"{life}/{batch} {size_of(batch)}\n".encode())
    finally:
        os._exit(1)


def told(voice: IO[str]) -> dict[str, int]:
    """Return the batches, with their sizes, of which a poster said that they were committed before it died."""
    with voice:
        return {name: int(size) for name, size in (line.split() for line in voice if line.endswith("\n"))}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    forget(tmp_path / "data")


def require_whole(url: str, acknowledged: dict[str, int]) -> int:
    """Hold the journal against what was acknowledged; return how many batches it has that nobody was told of."""
    engine = engine_as(url, APP_ROLE)
    with unit_of_work(engine) as session:
        stored = {
            row.batch: (row.held, size_of(row.number))
            for row in session.execute(
                text(
                    "SELECT regexp_replace(reference, '/[0-9]+$', '') AS batch, count(*) AS held, "
                    "split_part(min(reference), '/', 2)::int AS number "
                    "FROM ledger.journal_entry GROUP BY 1"
                )
            )
        }
        assert all(held == size for held, size in stored.values()), "a batch is there whole or not at all"
        assert {name: stored.get(name, (0, 0))[0] for name in acknowledged} == acknowledged, "what was acknowledged is there"
        last, entries = session.execute(
            text(
                "SELECT (SELECT last_seq FROM ledger.book WHERE code = 'RCF-371621'), (SELECT count(*) FROM ledger.journal_entry)"
            )
        ).one()
        assert last == entries, "no sequence was taken for nothing"
        assert not [check for check in ties.checks(session) if not check.ok], "numbers are gapless and everything balances"
    engine.dispose()
    return len(stored.keys() - acknowledged.keys())


@pytest.mark.parametrize(("whom", "times"), [("poster", 30), ("server", 20)])
def test_whoever_is_killed_nothing_is_half_posted_and_nothing_acknowledged_is_lost(folder: Path, whom: str, times: int) -> None:
    luck = random.Random(20171120)
    acknowledged: dict[str, int] = {}
    with embedded(folder) as url:
        migrate(url)
        engine = engine_as(url, APP_ROLE)
        with unit_of_work(engine) as session:
            open_city(session)
        engine.dispose()
        for life in range(times):
            pid, voice = poster(url, life)
            name, size = voice.readline().split()  # it is in the middle of posting from here on
            time.sleep(luck.uniform(0, 0.15))
            os.kill(pid if whom == "poster" else postmaster(folder), signal.SIGKILL)
            acknowledged |= {name: int(size)} | told(voice)
            os.waitpid(pid, 0)
            if whom == "server":
                with embedded(folder) as again:
                    assert again == url
            if life % 5 == 4:
                require_whole(url, acknowledged)
        unacknowledged = require_whole(url, acknowledged)
        assert unacknowledged <= times, "at most the one that was being committed when its poster died"
        assert len(acknowledged) > times
