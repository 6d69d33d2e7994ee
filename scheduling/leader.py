"""The leader (主控): of all schedulers on one database, the one that works. It holds an advisory lock, and beats every second.

A lock dies with its session, but a session outlives a process that is frozen or cut off. So a follower that sees no beat
of the leader's session for three seconds ends that session. Whoever gets the lock then ends all sessions in which an earlier
leader worked: what was not committed by then never will be.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from ledger.db import APP_ROLE, engine_as
from scheduling.errors import LeadLost

LOCK = 0x6C_65_61_64
BEAT_SECONDS = 1.0
LOOK_SECONDS = 0.5
SILENCE_SECONDS = 3.0
ENDING_SECONDS = 2.0
WATCH, WORK = "fupin-watch", "fupin-work"
LOGIN_ITSELF = "none"
"""The role of a session that has put on no other: only a login may end its own sessions."""

_HOLDER = f"""
    SELECT a.pid, a.application_name, a.state_change FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = {LOCK} AND l.objsubid = 1
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_TAKE = text(f"SELECT pg_try_advisory_lock({LOCK})")
_LOOK = text(_HOLDER)
_END_SILENT = text(f"SELECT pg_terminate_backend(h.pid) FROM ({_HOLDER}) AS h WHERE (h.pid, h.state_change) = (:pid, :beat)")
_END_WORK = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    f"WHERE datname = current_database() AND starts_with(application_name, '{WORK} ')"
)


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads, as its session shows it: host and process, and its last beat."""

    name: str
    beat_at: datetime


def leader(url: str | URL) -> Leader | None:
    """Return who leads; None if nobody does."""
    engine = engine_as(url, LOGIN_ITSELF)
    try:
        with engine.connect() as connection:
            found = connection.execute(_LOOK).one_or_none()
    finally:
        engine.dispose()
    return None if found is None else Leader(found.application_name.removeprefix(f"{WATCH} "), found.state_change)


class Candidate:
    """One scheduler that leads or would lead, with a connection of its own for the lock and the beat."""

    def __init__(self, url: str | URL, name: str) -> None:
        """Stand for the lead under a name (host and process) that the server shows to all."""
        self.name = name[: 63 - len(WATCH) - 1]
        self._url = url
        self._engine = engine_as(url, LOGIN_ITSELF, f"{WATCH} {self.name}").execution_options(isolation_level="AUTOCOMMIT")
        self._connection: Connection | None = None
        self._line: Any = None  # the same connection, as the driver knows it
        self._leads = False
        self._beat = 0.0
        self._seen: tuple[object, object] | None = None
        self._seen_since = 0.0

    def look(self) -> bool:
        """Beat if this one leads, otherwise try to lead; return whether it leads now.

        Raises:
            DBAPIError: the database does not answer; whether this one led or not, it leads no more.
        """
        asked = time.monotonic()
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
                self._line = self._connection.connection.dbapi_connection
            if self._leads:
                self._connection.execute(text("SELECT 1"))
            else:
                self._leads = self._try(self._connection)
        except DBAPIError:
            self.leave()
            raise
        self._beat = asked if self._leads and asked > self._beat else self._beat
        return self._leads

    @property
    def leads(self) -> bool:
        """Whether this one leads, as far as it can know: it has the lock, and its last beat was not too long ago."""
        return self._leads and time.monotonic() - self._beat < SILENCE_SECONDS

    def leave(self) -> None:
        """Give up the lock with its session, or the try for it."""
        self._leads, self._seen, connection, self._connection = False, None, self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.invalidate()
            connection.close()

    def close(self) -> None:
        """Stand no more."""
        self.leave()
        self._engine.dispose()

    @contextmanager
    def working(self) -> Iterator[Engine]:
        """Yield the engine that a leader's work uses: once the lead is lost it gives no session, and those it gave are cut.

        So is the session of the lock, whose beat may wait for an answer that never comes.
        """
        given: list[psycopg.Connection[Any]] = []
        over = threading.Event()

        def keep(raw: psycopg.Connection[Any], _: object) -> None:
            given.append(raw)

        def require_lead(*_: object) -> None:
            if over.is_set() or not self.leads:
                raise LeadLost(self.name)

        def guard() -> None:
            while self.leads and not over.wait(LOOK_SECONDS / 2):
                pass
            for raw in given if over.is_set() else [*given, self._line]:
                _cut(raw)

        engine = engine_as(self._url, APP_ROLE, f"{WORK} {self.name}")
        event.listen(engine, "connect", keep)
        event.listen(engine, "do_connect", require_lead)
        event.listen(engine, "checkout", require_lead)
        guarding = threading.Thread(target=guard, name="guard", daemon=True)
        guarding.start()
        try:
            yield engine
        finally:
            over.set()
            guarding.join()
            engine.dispose()

    def _try(self, connection: Connection) -> bool:
        """Take the lock if it is free, or was held by a session that is silent for too long."""
        if not connection.scalar(_TAKE) and not (self._ended_silent(connection) and self._takes_soon(connection)):
            return False
        self._seen = None
        deadline = time.monotonic() + ENDING_SECONDS
        while connection.execute(_END_WORK).all() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._beat = time.monotonic()
        return True

    def _ended_silent(self, connection: Connection) -> bool:
        """End the holder's session if it has not beaten for too long by this one's own stopwatch; clocks may jump."""
        holder, now = connection.execute(_LOOK).one_or_none(), time.monotonic()
        if holder is None or holder.state_change is None:
            return False
        seen = (holder.pid, holder.state_change)
        if seen != self._seen:
            self._seen, self._seen_since = seen, now
            return False
        if now - self._seen_since < SILENCE_SECONDS:
            return False
        connection.execute(_END_SILENT, {"pid": holder.pid, "beat": holder.state_change})
        return True

    @staticmethod
    def _takes_soon(connection: Connection) -> bool:
        deadline = time.monotonic() + LOOK_SECONDS
        while not connection.scalar(_TAKE):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _cut(raw: psycopg.Connection[Any] | None) -> None:
    """Cut a connection under whoever waits on it in another thread."""
    if raw is None:
        return
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(raw.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)
