"""PostgreSQL upgraded under the books: from Debian's 15 and from the older one of the wheel, and nothing lost when it fails."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from conftest import forget
from test_backup import broken, exports_of, fill

from app import upgrade as upgrading
from app.restore import Restored, restore
from app.settings import Settings
from app.upgrade import UpgradeRefused, upgrade_data, upgrade_from
from app.wiring import database
from ledger import server
from ledger.errors import DataOfAnotherMajor, ServerInUse, UpgradeUnfinished
from ledger.programs import major_of, wheel_installs
from ledger.server import alone_with, embedded
from ledger.ties import Check
from registry.cipher import load_cipher

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the embedded server is not used here", allow_module_level=True)

DEBIAN = Path("/usr/lib/postgresql/15")
NEWEST = major_of(wheel_installs()[-1] / "bin" / "postgres")


def debian() -> Path:
    """Return Debian's PostgreSQL 15; without it the test is skipped locally and fails in CI."""
    if not (DEBIAN / "bin" / "initdb").exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("PostgreSQL 15 is not installed")
    return DEBIAN


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Settings]:
    """Settings for a data folder of the test's own, with a key; whatever its server keeps elsewhere is removed."""
    settings = Settings(data=tmp_path / "data")
    load_cipher(settings.key_path, create=True)
    yield settings
    data = server.layout_of(settings.data).data
    forget(settings.data)
    for kept in data.parent.glob(f"{data.name}-*"):
        shutil.rmtree(kept)


def made_with(settings: Settings, install: Path) -> list[str]:
    """Begin books in a data folder with the binaries of an older installation, and return their exports."""
    with alone_with(settings.data, install) as old:
        fill(old.url)
        return exports_of(old.url)


def version_of(url: str) -> int:
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        return connection.info.server_version // 10_000


def test_books_of_postgresql_15_move_into_the_embedded_one_or_are_upgraded_in_their_place(
    place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install, new = debian(), Settings(data=tmp_path / "new", key_file=place.key_path)
    with alone_with(place.data, install) as old:
        fill(old.url)
        written = exports_of(old.url)
        assert version_of(old.url) == 15
        somebody = psycopg.connect(old.url.replace("postgresql+psycopg", "postgresql"))
        with pytest.raises(UpgradeRefused, match="1 sessions are at work"):
            upgrade_from(new, old.url)
        somebody.close()
        moved = upgrade_from(new, old.url)
        assert exports_of(old.url) == written, "the source stays"
    assert (broken(moved.restored), moved.restored.manifest.postgres, moved.restored.manifest.dumped_by) == ([], 15, NEWEST)
    with database(new) as url:
        assert (version_of(url), exports_of(url)) == (NEWEST, written)
    forget(new.data)

    with pytest.raises(DataOfAnotherMajor, match=r"made by PostgreSQL 15.*'fupin upgrade'"), embedded(place.data):
        pass
    monkeypatch.setattr(upgrading, "program_folders", list)
    with pytest.raises(UpgradeRefused, match="--old-bin"):
        upgrade_data(place)
    with pytest.raises(UpgradeRefused, match=f"holds PostgreSQL {NEWEST}, and the data were made by PostgreSQL 15"):
        upgrade_data(place, wheel_installs()[-1] / "bin")
    done = upgrade_data(place, install / "bin")
    assert done is not None
    assert done.kept is not None
    assert (broken(done.restored), (done.kept / "PG_VERSION").read_text()) == ([], "15\n")
    with database(place) as url:
        assert (version_of(url), exports_of(url)) == (NEWEST, written)
    assert upgrade_data(place) is None


@pytest.fixture
def outgrown(place: Settings) -> list[str]:
    """Books that the wheel's older PostgreSQL made; their exports."""
    older, *newer = wheel_installs()
    assert newer, "the wheel brings an older PostgreSQL, too"
    return made_with(place, older)


def test_the_older_postgresql_of_the_wheel_is_found_and_an_interrupted_swap_is_finished(
    place: Settings, outgrown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = server.layout_of(place.data).data
    rename, done_once = Path.rename, []

    def killed_between(path: Path, target: Path) -> Path:
        if done_once and target == data:
            raise KeyboardInterrupt
        done_once.extend([path] if path == data else [])
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed_between)
    with pytest.raises(KeyboardInterrupt):
        upgrade_data(place)
    monkeypatch.undo()
    with pytest.raises(UpgradeUnfinished, match="'fupin upgrade'"), embedded(place.data):
        pass
    assert not data.exists(), "no empty books were begun in place of those that are set aside"
    done = upgrade_data(place)
    assert done is not None
    assert not broken(done.restored)
    with database(place) as url:
        assert (version_of(url), exports_of(url)) == (NEWEST, outgrown)


def test_an_upgrade_that_does_not_tie_or_is_not_alone_leaves_the_old_data(
    place: Settings, outgrown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(settings: Settings, folder: Path) -> Restored:
        found = restore(settings, folder)
        return replace(found, checks=[*found.checks, Check(check="a tie", expected="1", actual="2")])

    with monkeypatch.context() as patched:
        patched.setattr(upgrading, "restore", differs)
        with pytest.raises(UpgradeRefused, match="a tie should be 1, is 2; nothing was changed"):
            upgrade_data(place)
    assert not (place.data / "upgrading").exists()
    with (place.data / "users.lock").open() as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with pytest.raises(ServerInUse):
            upgrade_data(place)
    with alone_with(place.data, wheel_installs()[0]) as old:
        assert exports_of(old.url) == outgrown
