"""Backup and restore: taken while a night runs, whole or not at all, never with the key; and PostgreSQL upgraded under the books."""

import json
import shutil
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from conftest import FIRST_DAY, fresh_database, open_city
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_loan_life import bullet_loan

from app import backup as taking
from app import manifest, wiring
from app.backup import DUMP, NothingToBackUp, backup, measure, moment
from app.manifest import ManifestUnreadable
from app.migrate import migrate
from app.restore import BackupRefused, PlaceNotEmpty, Restored, restore
from app.settings import Settings
from ledger import programs
from ledger.books import books
from ledger.calendar import DAY
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.errors import NoFittingProgram, ProgramFailed
from ledger.interchange import beancount, hledger, table
from registry.cipher import load_cipher
from scheduling.close import Step, close, close_through, last_closed

LAST = date(2017, 1, 2)


def fill(url: str) -> None:
    """Begin a city, lend, and close some nights."""
    migrate(url)
    engine = engine_as(url, APP_ROLE)
    with unit_of_work(engine) as session:
        made = open_city(session)
        for number in range(1, 6):
            bullet_loan(session, made["LB"], FIRST_DAY, number * 1_000_000, name=f"C{number}")
    list(close_through(engine, wiring.night_steps(), LAST))
    engine.dispose()


def exports(session: Session) -> list[str]:
    """Write the journal in every form that is text."""
    return ["".join(writer(session, books(session))) for writer in (hledger.journal, beancount.journal, table.csv_journal)]


def exports_of(url: str) -> list[str]:
    engine = engine_as(url, APP_ROLE)
    with unit_of_work(engine) as session:
        written = exports(session)
    engine.dispose()
    return written


def at(url: str, tmp_path: Path) -> Settings:
    """Settings for a database by its address; the key lies in the test's folder."""
    return Settings(database_url=url, data=tmp_path / "data")


def broken(restored: Restored) -> list[str]:
    return [f"{one.check}: {one.expected} != {one.actual}" for one in restored.checks if not one.ok]


@pytest.fixture(scope="module")
def source(server_url: str) -> str:
    """The address of a city's books, some nights closed."""
    address = fresh_database(server_url, "backed_up")
    fill(address)
    return address


@pytest.fixture(scope="module")
def saved(source: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of them, made with a key."""
    folder = tmp_path_factory.mktemp("saved")
    load_cipher(at(source, folder).key_path, create=True)
    return backup(at(source, folder), folder / "backups")


@pytest.fixture
def empty(server_url: str) -> str:
    return fresh_database(server_url, "restored")


def test_a_backup_taken_inside_a_close_restores_to_that_moment_and_the_night_goes_on_there(
    server_url: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drill: the close has committed some steps and is inside another one; what is restored is what was there, to the byte."""
    address = fresh_database(server_url, "drilled")
    fill(address)
    engine = engine_as(address, APP_ROLE)
    inside, go_on = threading.Event(), threading.Event()

    def held(one: Step) -> Step:
        def work(session: Session, day: date) -> dict[str, int]:
            counts = dict(one.work(session, day))
            if one.name == "accrue":
                inside.set()
                assert go_on.wait(60)
            return counts

        return Step(one.name, work)

    night = threading.Thread(target=close, args=(engine, [held(one) for one in wiring.night_steps()], LAST + DAY))
    night.start()
    assert inside.wait(60)
    at_that_moment: list[str] = []
    real = taking.dump

    def looked_at(program: Path, url: str, snapshot: str, path: Path) -> None:
        go_on.set()  # the night commits and ends while the dump is yet to be made
        night.join(60)
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, Session(connection) as session:
            session.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
            at_that_moment.extend(exports(session))
        real(program, url, snapshot, path)

    monkeypatch.setattr(taking, "dump", looked_at)
    made = backup(at(address, tmp_path), tmp_path / "backups")
    restored = restore(at(empty, tmp_path), made)
    assert not broken(restored)
    assert (restored.manifest.business_date, restored.manifest.last_closed) == (LAST + 2 * DAY, LAST)
    assert exports_of(empty) == at_that_moment
    assert exports_of(address) != at_that_moment, "the night went on in the source"
    again = engine_as(empty, APP_ROLE)
    close(again, wiring.night_steps(), LAST + DAY)
    with unit_of_work(again) as session:
        assert last_closed(session) == LAST + DAY
        assert not [one for one in wiring.verify(session) if not one.ok]
    assert exports_of(empty) == exports_of(address), "the restored books end the night as the source did"
    again.dispose()
    engine.dispose()


def test_a_backup_holds_neither_the_key_nor_what_others_may_read(saved: Path, source: str) -> None:
    key = at(source, saved.parent.parent).key_path.read_text().strip()
    assert saved.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in saved.iterdir()) == [DUMP, manifest.FILE]
    for path in saved.iterdir():
        assert key.encode() not in path.read_bytes()
        assert bytes.fromhex(key) not in path.read_bytes()


def test_a_place_with_books_is_refused(saved: Path, source: str, tmp_path: Path) -> None:
    before = exports_of(source)
    with pytest.raises(PlaceNotEmpty, match="not empty"):
        restore(at(source, tmp_path), saved)
    assert exports_of(source) == before


def damaged(saved: Path, folder: Path, how: str) -> Path:
    """Return a copy of a backup to which something happened."""
    copy = folder / "copy"
    shutil.copytree(saved, copy)
    dump, listed = copy / DUMP, copy / manifest.FILE
    whole = dump.read_bytes()
    match how:
        case "cut":
            dump.write_bytes(whole[:-1])
        case "bit":
            dump.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
        case "missing":
            dump.unlink()
        case "manifest cut":
            listed.write_text(listed.read_text()[:-20])
        case "no manifest":
            listed.unlink()
        case "newer":
            listed.write_text(listed.read_text().replace('"migration": "', '"migration": "9'))
        case "newer form":
            listed.write_text(listed.read_text().replace('"form": 1', '"form": 2'))
    return copy


@pytest.mark.parametrize("how", ["cut", "bit", "missing", "manifest cut", "no manifest", "newer", "newer form"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(saved: Path, tmp_path: Path, how: str) -> None:
    place = Settings(data=tmp_path / "never")
    with pytest.raises((BackupRefused, ManifestUnreadable), match="nothing was changed"):
        restore(place, damaged(saved, tmp_path, how))
    assert not place.data.exists()


def test_a_dump_that_fails_half_way_leaves_nothing(saved: Path, empty: str, tmp_path: Path) -> None:
    copy = damaged(saved, tmp_path, "nothing")
    whole = (copy / DUMP).read_bytes()
    (copy / DUMP).write_bytes(whole[: len(whole) * 3 // 4])
    size, digest = measure(copy / DUMP)
    listed = json.loads((copy / manifest.FILE).read_text()) | {"dump_bytes": size, "dump_sha256": digest}
    (copy / manifest.FILE).write_text(json.dumps(listed))
    with pytest.raises(ProgramFailed, match="pg_restore failed"):
        restore(at(empty, tmp_path), copy)
    with pytest.raises(NothingToBackUp):
        backup(at(empty, tmp_path), tmp_path / "backups")
    assert not broken(restore(at(empty, tmp_path), saved)), "and the place still takes a sound one"


def test_what_was_restored_is_held_against_the_manifest(saved: Path, empty: str, tmp_path: Path) -> None:
    copy = damaged(saved, tmp_path, "nothing")
    wanted = manifest.read(copy)
    (chain, head), *_ = wanted.heads.items()
    told = replace(
        wanted, rows={**wanted.rows, "ledger.posting": 1}, heads={**wanted.heads, chain: head[:-1] + "x"}, last_closed=FIRST_DAY
    )
    manifest.write(told, copy)
    assert [line.partition(" != ")[0].partition(": ")[2].partition(":")[0] for line in broken(restore(at(empty, tmp_path), copy))] == [
        "rows of ledger.posting", "last closed day (日终)", f"head of {chain} (链头)"
    ]  # fmt: skip


def test_another_key_beside_the_data_is_refused_and_a_missing_one_is_told(saved: Path, empty: str, tmp_path: Path) -> None:
    place = at(empty, tmp_path)
    load_cipher(place.key_path, create=True)
    with pytest.raises(BackupRefused, match="密钥不符"):
        restore(place, saved)
    place.key_path.unlink()
    assert restore(place, saved).key_missing


def test_an_empty_database_is_not_backed_up_and_a_failed_backup_leaves_nothing(
    source: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NothingToBackUp):
        backup(at(empty, tmp_path), tmp_path / "backups")

    def fails(*_: object) -> None:
        raise ProgramFailed("pg_dump", "no space left on device")

    monkeypatch.setattr(taking, "dump", fails)
    with pytest.raises(ProgramFailed):
        backup(at(source, tmp_path), tmp_path / "backups")
    assert not list((tmp_path / "backups").iterdir())


def test_nothing_is_written_in_the_moment_of_a_backup(source: str) -> None:
    with moment(source) as (session, _), pytest.raises(Exception, match="read-only transaction"):
        session.execute(text("UPDATE ledger.business_day SET business_date = business_date"))


def program(folder: Path, name: str, major: int) -> Path:
    """Make a program that tells a version."""
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.1'\n")
    (folder / name).chmod(0o755)
    return folder


def test_the_lowest_program_that_is_not_older_than_the_server_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "wheel_installs", list)
    places = [program(tmp_path / str(major), "pg_dump", major) for major in (14, 18, 15)]
    assert programs.fitting("pg_dump", 15, places) == tmp_path / "15" / "pg_dump"
    assert programs.fitting("pg_dump", 16, places) == tmp_path / "18" / "pg_dump"
    with pytest.raises(NoFittingProgram, match=r"pg_dump of PostgreSQL 19 or newer is needed.*PostgreSQL 18"):
        programs.fitting("pg_dump", 19, places)
    with pytest.raises(NoFittingProgram, match="none is there"):
        programs.fitting("pg_restore", 15, places)


def test_a_folder_of_the_path_that_we_may_not_look_into_has_no_programs(tmp_path: Path) -> None:
    places = [program(tmp_path / name, "pg_dump", 15) for name in ("closed", "open")]
    (tmp_path / "closed" / "pg_dump").chmod(0)  # not even root runs what nobody may
    places[0].chmod(0)
    try:
        assert [one.folder for one in programs.having("pg_dump", places)] == [tmp_path / "open"]
    finally:
        places[0].chmod(0o700)


def test_no_process_list_shows_a_password() -> None:
    place, secret = programs.address("postgresql+psycopg://clerk:s%40crt@db.example:5433/books?sslmode=require")
    assert place == "postgresql://clerk@db.example:5433/books?sslmode=require"
    assert secret == {"PGPASSWORD": "s@crt"}
