"""The cost of a step (用时): how long it took, how much of that the database worked, and the rows it read and wrote there."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, text

_ROWS = text(
    "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint AS rows_read, "
    "coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS rows_written FROM pg_stat_xact_user_tables"
)
"""What this connection has read and written; parallel workers count their own."""


@dataclass(slots=True)
class Cost:
    """Microseconds in all and of the database, and rows."""

    microseconds: int = 0
    database_microseconds: int = 0
    rows_read: int = 0
    rows_written: int = 0


@contextmanager
def measured(connection: Connection) -> Iterator[Cost]:
    """Measure what is done on a connection, within one transaction; the cost is known at the end."""
    raw = cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)
    before, cost, factory = connection.execute(_ROWS).one(), Cost(), raw.cursor_factory
    raw.cursor_factory = _timed(cost)
    started = time.perf_counter_ns()
    try:
        yield cost
    finally:
        cost.microseconds = (time.perf_counter_ns() - started) // 1000
        raw.cursor_factory = factory
    after = connection.execute(_ROWS).one()
    cost.rows_read, cost.rows_written = after.rows_read - before.rows_read, after.rows_written - before.rows_written


def _timed(cost: Cost) -> type[psycopg.Cursor[Any]]:
    """Return cursors that add to a cost the time for which they wait for the server."""

    class Timed(psycopg.Cursor[Any]):
        def execute(self, *args: Any, **kwargs: Any) -> "Timed":
            started = time.perf_counter_ns()
            try:
                return super().execute(*args, **kwargs)
            finally:
                cost.database_microseconds += (time.perf_counter_ns() - started) // 1000

        def executemany(self, *args: Any, **kwargs: Any) -> None:
            started = time.perf_counter_ns()
            try:
                super().executemany(*args, **kwargs)
            finally:
                cost.database_microseconds += (time.perf_counter_ns() - started) // 1000

    return Timed
