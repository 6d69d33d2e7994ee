"""Point-in-time recovery: the commands of its document, run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import ROOT, forget
from test_backup import LAST, exports_of, fill

from app import wiring
from ledger import server
from ledger.calendar import DAY
from ledger.db import APP_ROLE, engine_as
from scheduling.close import close

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the embedded server is not used here", allow_module_level=True)

DOCUMENT = ROOT / "docs" / "operations" / "point-in-time-recovery.md"


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that the server's user reaches, wherever tests lie."""
    folder = Path(tempfile.mkdtemp(prefix="fupin-moment-"))
    user = server.layout_of(folder / "fupin").user
    if os.geteuid() == 0:
        os.chown(folder, user.pw_uid, user.pw_gid)
    yield folder
    forget(folder / "fupin")
    shutil.rmtree(folder)


def test_the_documents_commands_bring_the_books_back_to_a_moment(ground: Path) -> None:
    layout = server.layout_of(ground / "fupin")
    address = f"postgresql://{server.SUPERUSER}@/postgres?host={ground}"
    url = address.replace("postgresql:", "postgresql+psycopg:")
    named = {
        "BIN": layout.binaries, "PGDATA": ground / "data", "LOG": ground / "log", "ADDRESS": address,
        "ARCHIVE": ground / "wal", "BASE": ground / "base", "RECOVERED": ground / "recovered",
    }  # fmt: skip
    around = {name: str(value) for name, value in named.items()} | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    around |= {"LC_ALL": "C.UTF-8", "FUPIN_DATA": str(ground / "fupin"), "HOME": str(ground)}
    servers = {"user": layout.user.pw_uid, "group": layout.user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def run(script: str, whose: dict[str, object], **more: str) -> str:
        done = subprocess.run(
            ["sh", "-euc", script], env=around | more, cwd=ground, capture_output=True, text=True, check=False, **whose
        )
        assert not done.returncode, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    keep_log, base, stop, recover, check = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    stopped = '"$BIN/pg_ctl" -D "{}" -m immediate -w stop || true'
    try:
        run(
            f'"$BIN/initdb" -D "$PGDATA" -U {server.SUPERUSER} --auth=trust --encoding=UTF8 --locale=C\n'
            f"echo \"listen_addresses = ''\nunix_socket_directories = '{ground}'\" >> \"$PGDATA/postgresql.conf\"\n"
            '"$BIN/pg_ctl" -D "$PGDATA" -l "$LOG" -w start',
            servers,
        )
        run(keep_log, servers)
        run(base, servers)
        fill(url)
        before = exports_of(url)
        with psycopg.connect(address) as connection:
            (moment,) = connection.execute("SELECT clock_timestamp()::text").fetchone() or ("",)
        engine = engine_as(url, APP_ROLE)
        close(engine, wiring.night_steps(), LAST + DAY)  # the mistake
        engine.dispose()
        assert exports_of(url) != before
        run(stop, servers)
        run(recover, servers, MOMENT=moment)
        assert exports_of(url) == before
        assert "all ok" in run(check, {})
    finally:
        for folder in ("$PGDATA", "$RECOVERED"):
            run(stopped.format(folder), servers)
