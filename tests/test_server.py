"""The embedded PostgreSQL: found by racing callers, joined, stopped by the last, alive after kill -9."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import ROOT, forget

from ledger import server
from ledger.errors import ServerFailed
from ledger.server import embedded

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the embedded server is not used here", allow_module_level=True)


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True)


def pid_file(folder: Path) -> Path:
    return server.layout_of(folder).data / "postmaster.pid"


def postmaster(folder: Path) -> int:
    return int(pid_file(folder).read_text().split()[0])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder; what the server keeps elsewhere (as root, below a closed folder) is removed with it."""
    yield tmp_path / "data"
    forget(tmp_path / "data")


def test_it_starts_is_joined_and_stops_with_the_last_user(folder: Path) -> None:
    with embedded(folder) as url:
        with connect(url) as connection:
            version = connection.execute("SHOW server_version_num").fetchone()
            assert version is not None
            assert int(version[0]) >= 150_000
            connection.execute("CREATE TABLE kept (n int)")
        with embedded(folder) as second:
            assert second == url
        connect(url).close()  # the first still uses it
        socket = Path(url.partition("host=")[2])
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    with pytest.raises(psycopg.OperationalError):
        connect(url)
    with embedded(folder) as url, connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_it_listens_on_no_network_address(folder: Path) -> None:
    with embedded(folder) as url, connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_killed_server_comes_back_with_what_was_committed(folder: Path) -> None:
    with embedded(folder) as url:
        with connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        os.kill(postmaster(folder), signal.SIGKILL)
        time.sleep(0.2)
        with embedded(folder) as again, connect(again) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


USER = """
    import sys
    from pathlib import Path
    from ledger.server import embedded
    import psycopg
    with embedded(Path(sys.argv[1])) as url:
        psycopg.connect(url.replace("postgresql+psycopg", "postgresql")).close()
        print("ready", flush=True)
        sys.stdin.readline()
"""


def start_user(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(USER), str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def test_a_killed_server_keeps_nobody_waiting_at_the_end(folder: Path) -> None:
    with embedded(folder):
        os.kill(postmaster(folder), signal.SIGKILL)
        killed_at = time.monotonic()
    assert time.monotonic() - killed_at < 5


def test_a_server_that_can_not_write_all_down_is_ended_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded(folder) as url:
        with connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
            found = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'").fetchone()
        assert found is not None
        os.kill(int(str(found[0])), signal.SIGSTOP)
        monkeypatch.setattr(server, "STOP_SECONDS", 6)  # PostgreSQL itself kills after five seconds whoever does not end
    with embedded(folder) as again, connect(again) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_server_killed_under_its_starter_is_started_by_another_at_once(folder: Path) -> None:
    """The starter is at other work and has not reaped it."""
    with embedded(folder):
        os.kill(postmaster(folder), signal.SIGKILL)
        time.sleep(0.5)
        another = f"from pathlib import Path; from ledger.server import embedded\nwith embedded(Path({str(folder)!r})): pass"
        subprocess.run([sys.executable, "-c", another], cwd=ROOT, check=True, timeout=30)


def test_three_racing_callers_share_one_server(folder: Path) -> None:
    users = [start_user(folder) for _ in range(3)]
    for user in users:
        assert user.stdout is not None
        assert user.stdout.readline() == "ready\n"
    pid = postmaster(folder)
    for user in users:
        user.communicate("done\n", timeout=60)
        assert user.returncode == 0
    assert not pid_file(folder).exists(), pid


def test_a_server_left_by_a_killed_caller_is_used_and_stopped_by_the_next(folder: Path) -> None:
    user = start_user(folder)
    assert user.stdout is not None
    assert user.stdout.readline() == "ready\n"
    user.kill()
    user.communicate()
    with embedded(folder) as url:
        connect(url).close()
    assert not pid_file(folder).exists()


def test_a_folder_of_somebody_else_in_the_temporary_place_is_refused(folder: Path) -> None:
    with embedded(folder) as url:
        socket = Path(url.partition("host=")[2])
    assert not socket.exists(), "the socket's folder goes with the server"
    socket.mkdir(mode=0o755)
    with pytest.raises(ServerFailed, match="open to others"), embedded(folder):
        pass
    socket.rmdir()


def test_a_data_folder_below_a_closed_one_works_for_root_too(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with embedded(closed / "data") as url, connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    forget(closed / "data")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700, "no parent folder is opened"
