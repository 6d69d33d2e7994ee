"""Faults (故障): what can happen to a close in the dark, each done to one close of a night or more at a moment that luck chooses.

A strike (一击) is one disturbed command and what mends its cause; it tells whether the fault met the command at work. Whatever
comes of it, the command ends by itself, or by our SIGKILL, and never by an exception that no operator should see.
"""

import errno
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from select import select
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from app import wiring
from app.jobs import jobs
from app.settings import SHANGHAI, Settings
from benchmarks.fortnight import Place, outcome, resuming, start
from benchmarks.portfolio import FIRST
from ledger.calendar import DAY
from ledger.server import DATABASE

SECONDS_A_NIGHT = 0.12
SECONDS_TO_START = 60
STEPS = tuple(one.name for one in wiring.night_steps())
CLOSE_LOCKED = "pg_try_advisory_lock"

Strike = Callable[["Blow"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """A strike to be made: where, at the close of which nights, which one in its row, and by whose luck."""

    at: Place
    through: date
    number: int
    luck: Random


class Unseemly(Exception):
    """A command that ended otherwise than an operator may expect."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"exit {code}: {said[-1500:]}")


def ended(blow: Blow, pid: int, *allowed: int) -> int:
    """Wait for a disturbed command and return its exit code.

    Raises:
        Unseemly: it is none of those allowed.
    """
    code = outcome(pid)
    if code not in allowed:
        raise Unseemly(code, blow.at.said.read_text(errors="replace"))
    return code


def at_work(blow: Blow, harm: Callable[[], None] | None = None) -> int:
    """Start a close, wait until it is about to take its lock, and then until a moment of its nights that luck chooses."""
    reading, writing = os.pipe()

    def tell() -> None:
        def told(_c: Any, _cursor: Any, statement: str, *_: object) -> None:
            if CLOSE_LOCKED in statement:
                os.write(writing, b".")

        event.listen(Engine, "before_cursor_execute", told)
        if harm is not None:
            harm()

    pid = start(blow.at, "close", "--through", str(blow.through), *resuming(blow.at), harm=tell)
    os.close(writing)
    if blow.number % 5 == 4:
        time.sleep(blow.luck.uniform(0, 1))  # as it opens the books, too
    else:
        select([reading], [], [], SECONDS_TO_START)
        time.sleep(blow.luck.uniform(0, SECONDS_A_NIGHT * max(1, (blow.through - FIRST).days % 3 + 1)))
    os.close(reading)
    return pid


# --- somebody is killed ------------------------------------------------------------------------------------------------


def close_killed(blow: Blow) -> bool:
    """SIGKILL of the close."""
    pid = at_work(blow)
    os.kill(pid, signal.SIGKILL)
    return ended(blow, pid, 0, -signal.SIGKILL) != 0


def server_killed(blow: Blow) -> bool:
    """SIGKILL of PostgreSQL: of its first process, of all, or of one session, in turn."""
    pid = at_work(blow)
    first = blow.at.postmaster()
    children = _children(first)
    sessions = [int(str(row[0])) for row in blow.at.ask(f"SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}'")]
    victims = ([first], [first, *children], sessions[:1])[blow.number % 3]
    running = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    return ended(blow, pid, 0, 1) != 0 or (running and bool(victims))


def _children(of: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[1]) == of:
                found.append(int(entry.parent.name))
    return found


# --- a connection is cut -----------------------------------------------------------------------------------------------


def session_ended(blow: Blow) -> bool:
    """pg_terminate_backend of every session with the database, at any instant, in the middle of statements too."""
    pid = at_work(blow)
    blow.at.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'")
    return ended(blow, pid, 0, 1) != 0


def session_ended_in_step(blow: Blow) -> bool:
    """pg_terminate_backend between two statements of a given step."""
    return _cut_in_step(blow, _terminate, blow.luck.randint(1, 9))


def socket_cut_in_step(blow: Blow) -> bool:
    """The socket is shut between two statements of a given step: the server learns of it when it reads."""
    return _cut_in_step(blow, lambda connection: _shut(connection, socket.SHUT_RDWR), blow.luck.randint(1, 9))


def answer_lost(blow: Blow) -> bool:
    """The commit of a given step reaches the server, its answer never comes back."""
    return _cut_in_step(blow, lambda connection: _shut(connection, socket.SHUT_RD), None)


def _terminate(connection: psycopg.Connection[Any]) -> None:
    info = connection.info
    with psycopg.connect(host=info.host, user=info.user, dbname="postgres", autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 1000)", (info.backend_pid,))


def _shut(connection: psycopg.Connection[Any], how: int) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(how)


@dataclass(slots=True)
class _InStep:
    """Does something once, before the n-th statement of a step, or at its commit."""

    step: str
    do: Callable[[psycopg.Connection[Any]], None]
    left: int | None
    inside: bool = False
    done: bool = False

    def __call__(self) -> None:
        made = wiring.night_steps
        wiring.night_steps = lambda: tuple(replace(one, work=self._watched(one.name, one.work)) for one in made())
        event.listen(Engine, "before_cursor_execute", lambda connection, *_: self._statement(connection))
        event.listen(Engine, "commit", self._strike)

    def _watched(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def watched(session: Any, closing: date) -> Any:
            self.inside = name == self.step
            return work(session, closing)

        return watched

    def _statement(self, connection: Any) -> None:
        if self.inside and self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self._strike(connection)

    def _strike(self, connection: Any) -> None:
        if self.inside and not self.done:
            self.done = True
            self.do(connection.connection.dbapi_connection)


def _cut_in_step(blow: Blow, do: Callable[[psycopg.Connection[Any]], None], statement: int | None) -> bool:
    harm = _InStep(STEPS[blow.number % len(STEPS)], do, statement)
    return ended(blow, start(blow.at, "close", "--through", str(blow.through), *resuming(blow.at), harm=harm), 0, 1) != 0


# --- the machine gives out ---------------------------------------------------------------------------------------------


def disk_full(blow: Blow) -> bool:
    """The disk has from none to a megabyte left while the close runs; then there is room again."""
    options, left = resuming(blow.at), blow.luck.choice((0, 8, 64, 256, 1024)) * 1024
    ballast = blow.at.data / "ballast"
    try:
        with ballast.open("wb") as file:
            _fill(file.fileno(), left)
        return ended(blow, start(blow.at, "close", "--through", str(blow.through), *options), 0, 1) != 0
    finally:
        ballast.unlink()


def _fill(file: int, left: int) -> None:
    """Let a file take all room of its disk but some bytes, while others take of it, too."""
    while True:
        disk = os.fstatvfs(file)
        try:
            os.posix_fallocate(file, 0, max(1, os.fstat(file).st_size + disk.f_bavail * disk.f_frsize - left))
        except OSError as full:
            if full.errno != errno.ENOSPC:
                raise
        else:
            return


def files_limited(blow: Blow) -> bool:
    """No file of the server may grow beyond a size (RLIMIT_FSIZE), which an ordinary user can do, too."""
    options, first = resuming(blow.at), blow.at.postmaster()
    _limit_files(first, blow.luck.choice((64, 128, 256, 512, 4096)) * 1024)
    try:
        return ended(blow, start(blow.at, "close", "--through", str(blow.through), *options), 0, 1) != 0
    finally:
        for process in (first, *_children(first)):
            _limit_files(process, resource.RLIM_INFINITY)


def _limit_files(pid: int, size: int) -> None:
    """Limit the files of a process and of those that it starts, as its own user; one that is gone needs no limit."""
    try:
        owner = Path(f"/proc/{pid}").stat()
    except FileNotFoundError:
        return
    helper = os.fork()
    if helper == 0:
        with suppress(ProcessLookupError):
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
                os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
            hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size == resource.RLIM_INFINITY else size, hard))
            os._exit(0)
        os._exit(0 if size == resource.RLIM_INFINITY else 1)
    os.waitpid(helper, 0)


def timed_out(blow: Blow) -> bool:
    """A statement timeout of a few milliseconds, for the whole database or for the close's own session, in turn."""
    limit = blow.luck.choice((1, 2, 3, 5, 8, 13))
    options = resuming(blow.at)

    def of_session() -> None:
        def limited(_c: Any, cursor: Any, statement: str, *_: object) -> None:
            if CLOSE_LOCKED in statement:
                cursor.execute(f"SET statement_timeout = {limit}")

        event.listen(Engine, "before_cursor_execute", limited)

    whole = blow.number % 2 == 1
    if whole:
        blow.at.ask(f"ALTER DATABASE {DATABASE} SET statement_timeout = {limit}")
    try:
        pid = start(blow.at, "close", "--through", str(blow.through), *options, harm=None if whole else of_session)
        return ended(blow, pid, 0, 1) != 0
    finally:
        blow.at.ask(f"ALTER DATABASE {DATABASE} RESET statement_timeout")


# --- the clock jumps ---------------------------------------------------------------------------------------------------

_FAKE_CLOCK = (
    "CREATE SCHEMA chaos",
    "CREATE TABLE chaos.clock (ahead interval NOT NULL)",
    "INSERT INTO chaos.clock VALUES ('0')",
    "ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO machine_clock",
    "CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE SECURITY DEFINER "
    "AS 'SELECT pg_catalog.machine_clock() + ahead FROM chaos.clock'",
    """DO $$ DECLARE d record; BEGIN
        FOR d IN SELECT adrelid::regclass::text AS rel, quote_ident(attname) AS col FROM pg_attrdef
                   JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
                  WHERE position('machine_clock()' IN pg_get_expr(adbin, adrelid)) > 0 LOOP
            EXECUTE 'ALTER TABLE ' || d.rel || ' ALTER COLUMN ' || d.col || ' SET DEFAULT clock_timestamp()';
        END LOOP; END $$""",
)
"""Gives one database a clock of its own; every default, function and statement reads it from then on."""


def set_clock(at: Place, ahead: timedelta) -> None:
    """Set the database's own clock ahead of the machine's, or behind it."""
    ((there,),) = at.ask("SELECT to_regclass('chaos.clock') IS NOT NULL", within=DATABASE)
    if not there:
        at.ask(*_FAKE_CLOCK, within=DATABASE)
    at.ask(f"UPDATE chaos.clock SET ahead = make_interval(secs => {ahead.total_seconds()})", within=DATABASE)


def clock_jumps(blow: Blow) -> bool:
    """The database's clock jumps a day forward and back while the close runs."""
    set_clock(blow.at, timedelta())
    pid = start(blow.at, "close", "--through", str(blow.through), *resuming(blow.at))
    try:
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            set_clock(blow.at, blow.luck.choice((-1, 0, 1)) * DAY)
            time.sleep(0.02)
    finally:
        code = ended(blow, pid, 0)
        set_clock(blow.at, timedelta())
    return code == 0


def schedulers_clock_jumps(blow: Blow) -> bool:
    """One of two clocks, the scheduler's and the database's, is a day fast or slow when the scheduler looks what is over."""
    over = datetime.combine(blow.through + DAY, datetime.min.time(), SHANGHAI) + timedelta(minutes=5)
    jump = blow.luck.choice((-1, 1)) * DAY
    mine, servers = (over + jump, over) if blow.number % 2 else (over, over + jump)
    _look(blow, mine, servers)
    _look(blow, over, over)
    return True


def _look(blow: Blow, mine: datetime, servers: datetime) -> None:
    """Let a scheduler's close look what is over, by its own clock and by the database's."""
    set_clock(blow.at, servers - datetime.now(SHANGHAI))

    def look() -> None:
        with wiring.system(Settings()) as system:
            next(one for one in jobs(system) if one.name == "close").work(mine)
        os._exit(0)

    ended(blow, start(blow.at, harm=look), 0)


# --- all of them -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its name, what it does (a strike), how often a stop is struck at most, and how often by default."""

    name: str
    strike: Strike
    times: int
    per_stop: int = 4
    small_disk: bool = field(default=False)


FAULTS = (
    Fault("SIGKILL of the close", close_killed, 200, per_stop=8),
    Fault("SIGKILL of PostgreSQL", server_killed, 50),
    Fault("session ended at any instant", session_ended, 50),
    Fault("session ended in each step", session_ended_in_step, 50, per_stop=10),
    Fault("socket cut in each step", socket_cut_in_step, 50, per_stop=10),
    Fault("answer to a step's commit lost", answer_lost, 50, per_stop=10),
    Fault("disk full (tmpfs)", disk_full, 20, small_disk=True),
    Fault("files limited (RLIMIT_FSIZE)", files_limited, 20),
    Fault("statement timeout", timed_out, 40),
    Fault("clock jumps ±1 day in the night", clock_jumps, 20, per_stop=1),
    Fault("clock jumps ±1 day, scheduler", schedulers_clock_jumps, 20, per_stop=1),
)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """Mount a small disk (tmpfs) in a folder and yield where, or None where that is not allowed."""
    where = folder / "disk"
    where.mkdir(mode=0o755)
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:  # noqa: S603, S607
        yield None
        return
    try:
        yield where
    finally:
        subprocess.run(["umount", str(where)], check=True)  # noqa: S603, S607
