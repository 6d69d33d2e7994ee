"""Commands that keep the books safe (备份恢复): back up, restore into an empty place, upgrade PostgreSQL."""

from pathlib import Path
from typing import Annotated

import typer

from app.backup import backup as take_backup
from app.entrance import stoppable
from app.restore import Restored
from app.restore import restore as put_back
from app.screen import busy, err, print_checks, say
from app.settings import Settings, address
from app.upgrade import upgrade_data, upgrade_from

KEY_SENTENCE = "the key file (密钥文件) {key} is not in it: keep a copy of the key elsewhere"


def backup(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A folder; FUPIN_BACKUPS, or one beside the data, if left out.")
    ] = None,
) -> None:
    """Back the books up while people work and the night runs: a folder with a dump and its manifest (备份)."""
    settings = Settings()
    with stoppable(), busy("backing up (备份)"):
        made = take_backup(settings, output or settings.backups_path)
    say(f"wrote {made}; {KEY_SENTENCE.format(key=settings.key_path)}")


def restore(folder: Annotated[Path, typer.Argument(help="A backup: the folder that 'fupin backup' wrote.")]) -> None:
    """Restore a backup into an empty place and verify it (恢复); exit 1 if a figure differs."""
    settings = Settings()
    with stoppable(), busy("restoring (恢复)"):
        restored = put_back(settings, folder)
    _report(restored, settings)


def upgrade(
    source: Annotated[
        str | None, typer.Option("--from", help="The address of an old server, whose books move into the empty place here.")
    ] = None,
    old_bin: Annotated[
        Path | None, typer.Option("--old-bin", help="The folder of the programs of the PostgreSQL that made the data.")
    ] = None,
) -> None:
    """Move the books to a newer PostgreSQL (升级): this data folder in its place, or those of another server."""
    settings = Settings()
    with stoppable(), busy("upgrading (升级)"):
        done = upgrade_data(settings, old_bin) if source is None else upgrade_from(settings, address(source))
    if done is None:
        say("the data are of the PostgreSQL that this program brings (无需升级); nothing was changed.")
        return
    _report(done.restored, settings)
    kept = f"the old data are kept in {done.kept}, the backup in" if done.kept else "the source is as it was; the backup is"
    say(f"upgraded (升级完成); {kept} {done.backup}: remove them when you are content")


def _report(restored: Restored, settings: Settings) -> None:
    """Print what was restored and what differs; exit 1 if anything does."""
    held, bad = restored.manifest, [check for check in restored.checks if not check.ok]
    print_checks(bad)
    say(
        f"restored the books as of {held.taken_at}: {sum(held.rows.values())} rows, business date {held.business_date} (营业日), "
        f"last closed {held.last_closed} (日终)"
    )
    say(f"{len(restored.checks)} checks, " + (f"{len(bad)} not ok" if bad else "all ok (全部相符)"))
    if restored.key_missing:
        say(f"put the key file (密钥文件) of these books at {settings.key_path} before anything else", err)
    if bad:
        raise typer.Exit(1)
