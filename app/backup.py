"""A backup (备份): a folder with a dump of the books at one moment and the manifest of what they held then; never the key.

The moment is an exported snapshot: figures and dump are read from it while people post and the night runs, and nobody waits.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import manifest, wiring
from app.migrate import on_schema
from app.settings import Settings, environment, program_folders
from ledger import programs
from ledger.db import OWNER_ROLE, SCHEMAS, engine_as
from registry.cipher import load_cipher
from registry.errors import KeyMissing

DUMP = "books.dump"
KEY_PURPOSE = "fupin backup"
LOCK_PATIENCE = "60s"
"""How long the dump waits for a migration that is under way."""


class NothingToBackUp(Exception):
    """A database without books."""

    def __init__(self) -> None:
        super().__init__("the database has no tables of fupin (没有账套); there is nothing to back up")


def backup(settings: Settings, folder: Path) -> Path:
    """Write a backup into a folder of its own below `folder`, and return that folder; a failed one leaves nothing.

    Raises:
        NothingToBackUp: the database has no books.
        NoFittingProgram: pg_dump is older than the server.
        ProgramFailed: pg_dump failed, for example because the disk is full.
        OSError: the folder can't be written.
    """
    with wiring.database(settings) as url:
        return backup_of(url, settings.key_path, folder)


def backup_of(url: str, key: Path, folder: Path, least: int = 0) -> Path:
    """As `backup`, of a database by its address, with a pg_dump that is not older than a major version."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with moment(url) as (session, snapshot):
        server = int(session.scalar(text("SELECT current_setting('server_version_num')::int / 10000")) or 0)
        program = programs.fitting("pg_dump", max(server, least), program_folders())
        found = manifest.figures(session, dumped_by=programs.major_of(program) or server, key_mark=key_mark(key))
        name = f"fupin-{found.business_date or 'new'}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
        building = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder))
        try:
            dump(program, url, snapshot, building / DUMP)
            size, digest = measure(building / DUMP)
            manifest.write(replace(found, dump=DUMP, dump_bytes=size, dump_sha256=digest), building)
            return building.rename(folder / name)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise


@contextmanager
def moment(url: str) -> Iterator[tuple[Session, str]]:
    """Yield a session that sees the books at one moment, and the name by which others see the same; nothing can be written.

    Raises:
        NothingToBackUp: the database has no books.
    """
    engine = engine_as(url, OWNER_ROLE) if on_schema(url) is not None else None
    if engine is None:
        raise NothingToBackUp
    try:
        frozen = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with Session(frozen) as session:
            session.execute(text("SELECT set_config('idle_in_transaction_session_timeout', '0', true)"))
            yield session, str(session.scalar(text("SELECT pg_export_snapshot()")))
    finally:
        engine.dispose()


def dump(program: Path, url: str, snapshot: str, path: Path) -> None:
    """Write what a snapshot holds as pg_dump's own format.

    Raises:
        ProgramFailed: pg_dump failed.
    """
    place, secret = programs.address(url)
    options = [f"--dbname={place}", f"--snapshot={snapshot}", f"--role={OWNER_ROLE}", f"--lock-wait-timeout={LOCK_PATIENCE}"]
    schemas = [f"--schema={schema}" for schema in SCHEMAS]
    arguments = [*options, *schemas, "--format=custom", "--compress=1", "--no-password", f"--file={path.resolve()}"]
    programs.run(program, arguments, environment(secret))


def measure(path: Path) -> tuple[int, str]:
    """Return a file's bytes and their SHA-256."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def key_mark(key: Path) -> str | None:
    """Return what tells a key from others without telling the key; None if there is no key file."""
    if not key.exists():
        return None
    try:
        return load_cipher(key, create=False).fingerprint(KEY_PURPOSE).hex()[:16]
    except KeyMissing:
        return None
