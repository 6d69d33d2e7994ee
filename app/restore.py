"""To restore (恢复): put a backup into an empty place, and show that what is there is what was backed up.

The dump is measured before anything is touched, and comes in as one transaction: a damaged or cut file leaves no trace.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from app import manifest, wiring
from app.backup import key_mark, measure
from app.manifest import Manifest
from app.migrate import knows, migrate
from app.settings import Settings, environment, program_folders
from ledger import programs
from ledger.db import APP_ROLE, OWNER_ROLE, SCHEMAS, engine_as, ensure_roles
from ledger.ties import Check


class BackupRefused(Exception):
    """A backup that can't be restored here; nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; nothing was changed (未作任何更改)")


class PlaceNotEmpty(Exception):
    """A database that holds something already."""

    def __init__(self, tables: int) -> None:
        super().__init__(
            f"the database is not empty (数据库非空): it has {tables} tables of fupin. A backup is restored into an empty place: "
            "name another data folder with FUPIN_DATA, or another database with DATABASE_URL"
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, every check of it, and whether the key to its identity numbers is there."""

    manifest: Manifest
    checks: Sequence[Check]
    key_missing: bool


def restore(settings: Settings, folder: Path) -> Restored:
    """Restore a backup into the empty database of the settings, bring it to this program's schema, and verify all of it.

    Raises:
        ManifestUnreadable: the folder is no backup.
        BackupRefused: its dump is damaged, of a newer fupin or PostgreSQL, or the key beside the data is another's.
        PlaceNotEmpty: the database has tables of ours.
        NoFittingProgram: pg_restore is too old.
        ProgramFailed: pg_restore failed; nothing of it stayed.
    """
    wanted = require_sound(folder)
    mark = key_mark(settings.key_path)
    if mark is not None and wanted.key_mark is not None and mark != wanted.key_mark:
        raise BackupRefused(f"the key file {settings.key_path} is not that of this backup (密钥不符); put the right one there")
    with wiring.database(settings) as url:
        checks = _fill(url, wanted, folder)
    return Restored(wanted, checks, key_missing=wanted.key_mark is not None and mark is None)


def require_sound(folder: Path) -> Manifest:
    """Return a backup's manifest once its dump is the one that was written.

    Raises:
        ManifestUnreadable: the folder is no backup.
        BackupRefused: the dump is missing, cut or damaged, or a newer fupin made it.
    """
    wanted = manifest.read(folder)
    path = folder / Path(wanted.dump).name
    if not path.is_file():
        raise BackupRefused(f"{path} is missing (备份不完整)")
    size, digest = measure(path)
    if size != wanted.dump_bytes:
        raise BackupRefused(f"{path} has {size} bytes where {wanted.dump_bytes} were written (备份不完整)")
    if digest != wanted.dump_sha256:
        raise BackupRefused(f"{path} is damaged (备份已损坏): its SHA-256 is not that of {manifest.FILE}")
    if not knows(wanted.migration):
        raise BackupRefused(
            f"the backup was made by fupin {wanted.fupin}, whose schema {wanted.migration} this program does not know (版本过新)"
        )
    return wanted


def _empty_server(url: str) -> int:
    """Return the major version of a server, once its database is empty.

    Raises:
        PlaceNotEmpty: the database has tables of ours.
    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            server, tables = connection.execute(
                text(
                    "SELECT current_setting('server_version_num')::int / 10000, (SELECT count(*) FROM pg_class c "
                    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p'))"
                ),
                {"schemas": list(SCHEMAS)},
            ).one()
    finally:
        engine.dispose()
    if tables:
        raise PlaceNotEmpty(tables)
    return int(server)


def _fill(url: str, wanted: Manifest, folder: Path) -> list[Check]:
    server = _empty_server(url)
    if server < wanted.postgres:
        raise BackupRefused(f"the backup is of PostgreSQL {wanted.postgres} and this server is of {server} (数据库版本过低)")
    program = programs.fitting("pg_restore", wanted.dumped_by, program_folders())
    ensure_roles(url)
    place, secret = programs.address(url)
    options = [f"--dbname={place}", f"--role={OWNER_ROLE}", "--no-owner", "--single-transaction", "--exit-on-error"]
    path = (folder / Path(wanted.dump).name).resolve()
    programs.run(program, [*options, "--no-password", str(path)], environment(secret))
    engine = engine_as(url, OWNER_ROLE)
    try:
        with Session(engine) as session, session.begin():
            checks = list(manifest.compare_rows(session, wanted))
            for table in wanted.rows:
                session.execute(text(f"ANALYZE {table}"))
    finally:
        engine.dispose()
    migrate(url)
    engine = engine_as(url, APP_ROLE)
    try:
        with Session(engine) as session:
            return [*checks, *manifest.compare_state(session, wanted), *wiring.verify(session)]
    finally:
        engine.dispose()
