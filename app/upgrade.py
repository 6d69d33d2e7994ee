"""To upgrade (升级) PostgreSQL across major versions: what the new pg_dump backs up is restored into a new server.

The new data are held against the old ones' manifest, and every tie is checked, before they take their place. The old data and
the backup are kept; only the operator removes them.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from app.backup import backup_of
from app.restore import Restored, restore
from app.settings import Settings, program_folders
from ledger import cluster, programs, server


class UpgradeRefused(Exception):
    """An upgrade that can't be made; what was there stays as it was."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; nothing was changed (未作任何更改)")


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What came of an upgrade: the books as restored, the backup between, and the old data if they lay here."""

    restored: Restored
    backup: Path
    kept: Path | None


def upgrade_data(settings: Settings, old_bin: Path | None = None) -> Upgraded | None:
    """Move the data of the embedded PostgreSQL to the major version that this program brings; None if they are of it.

    `old_bin` is a folder with the programs of the version that made them; without it, our own and those on PATH are looked at.

    Raises:
        UpgradeRefused: there are no such data or no such programs, or what was restored is not what there was.
        ServerInUse: somebody works with the data.
        and what a backup or restore raises.
    """
    if settings.sqlalchemy_url is not None:
        raise UpgradeRefused("DATABASE_URL names a server of its own: upgrade that one, or name the old one with --from")
    layout = server.layout_of(settings.data)
    cluster.take_back(layout.data)
    major, brought = cluster.major_of(layout.data), programs.major_of(layout.binaries / "postgres")
    if major is None or brought is None:
        raise UpgradeRefused(f"{settings.data} holds no data of PostgreSQL (没有数据)")
    if major == brought:
        return None
    install = _install(major, old_bin)
    new = settings.data / "upgrading"
    server.discard(new)
    with server.alone_with(settings.data, install) as old:
        saved = backup_of(old.url, settings.key_path, settings.backups_path, least=brought)
        try:
            aside = settings.model_copy(update={"data": new, "key_file": settings.key_path})
            restored = _require_whole(restore(aside, saved))
            kept = server.replace(old, new)
        finally:
            server.discard(new)
    return Upgraded(restored, saved, kept)


def upgrade_from(settings: Settings, source: str) -> Upgraded:
    """Move the books of another server into the empty place of the settings; the source stays as it is.

    Raises:
        UpgradeRefused: somebody works in the source, or what was restored is not what there was.
        and what a backup or restore raises.
    """
    engine = create_engine(source)
    try:
        with engine.connect() as connection:
            others = connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                    "AND backend_type = 'client backend'"
                )
            )
    finally:
        engine.dispose()
    if others:
        raise UpgradeRefused(f"{others} sessions are at work in the source (仍在使用); stop the programs that use it")
    saved = backup_of(source, settings.key_path, settings.backups_path, least=_target(settings))
    return Upgraded(_require_whole(restore(settings, saved)), saved, None)


def _target(settings: Settings) -> int:
    """Return the major version of the server that the settings name."""
    if settings.sqlalchemy_url is None:
        return programs.major_of(programs.wheel_installs()[-1] / "bin" / "postgres") or 0
    engine = create_engine(settings.sqlalchemy_url)
    try:
        with engine.connect() as connection:
            return int(connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000")) or 0)
    finally:
        engine.dispose()


def _install(major: int, old_bin: Path | None) -> Path:
    """Return the installation of a major version."""
    if old_bin is not None:
        found = programs.major_of(old_bin / "postgres")
        if found != major:
            what = "no PostgreSQL" if found is None else f"PostgreSQL {found}"
            raise UpgradeRefused(f"{old_bin} holds {what}, and the data were made by PostgreSQL {major} (程序版本不符)")
        return old_bin.resolve().parent
    places = (*(install / "bin" for install in programs.wheel_installs()), *program_folders())
    for one in programs.having("postgres", places):
        if one.major == major:
            return one.folder.resolve().parent
    raise UpgradeRefused(
        f"the data were made by PostgreSQL {major}, whose programs are not here: name their folder with --old-bin"
    )


def _require_whole(restored: Restored) -> Restored:
    broken = [check for check in restored.checks if not check.ok]
    if broken:
        one = broken[0]
        raise UpgradeRefused(
            f"what was restored is not what there was (核对不符): {one.check} should be {one.expected}, is {one.actual}"
        )
    return restored
