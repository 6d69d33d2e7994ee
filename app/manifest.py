"""A manifest (备份清单): what a backup holds, taken at the moment of its dump, to hold what is restored against."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.migrate import revision
from app.wiring import CHAINS
from ledger.business_day import peek
from ledger.db import SCHEMAS
from ledger.sealing.queries import heads
from ledger.ties import Check
from scheduling.close import last_closed

FILE = "manifest.json"
FORM = 1
KEY_REMARK = "not in this backup: keep the key file (密钥文件) elsewhere; without it identity numbers can't be read"


class ManifestUnreadable(Exception):
    """A folder that holds no manifest of this form."""

    def __init__(self, folder: Path, detail: str) -> None:
        super().__init__(f"{folder} is no backup of fupin (不是备份), or its {FILE} is damaged: {detail}; nothing was changed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds."""

    fupin: str
    migration: str
    postgres: int  # the server's major version
    dumped_by: int  # pg_dump's major version: an older pg_restore can't read it
    taken_at: str
    business_date: date | None
    last_closed: date | None
    heads: Mapping[str, str]  # "book chain" -> "position hash"
    rows: Mapping[str, int]  # table -> rows
    key_mark: str | None  # tells keys apart and helps nobody to find one; None if nothing is sealed with a key yet
    dump: str = ""
    dump_bytes: int = 0
    dump_sha256: str = ""


def figures(session: Session, *, dumped_by: int, key_mark: str | None) -> Manifest:
    """Return what the books hold at a session's snapshot; the dump itself is not described yet."""
    today, closed = peek(session), last_closed(session)
    server, now = session.execute(
        text("SELECT current_setting('server_version_num')::int / 10000, transaction_timestamp()")
    ).one()
    return Manifest(
        fupin=version("fupin"), migration=str(revision(session.connection())), postgres=server, dumped_by=dumped_by,
        taken_at=now.isoformat(timespec="seconds"), business_date=today, last_closed=closed, heads=chain_heads(session),
        rows=rows_of_tables(session), key_mark=key_mark,
    )  # fmt: skip


def chain_heads(session: Session) -> dict[str, str]:
    """Return where every chain of seals ends; none before the schema has seals."""
    if session.scalar(text("SELECT to_regclass('ledger.seal')")) is None:
        return {}
    return {f"{head.book} {head.chain}": f"{head.position} {head.hash.hex()}" for head in heads(session, CHAINS)}


def rows_of_tables(session: Session) -> dict[str, int]:
    """Return how many rows every table has, whatever the schema's revision."""
    tables = session.scalars(
        text(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
        ),
        {"schemas": list(SCHEMAS)},
    ).all()
    return {table: int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in tables}


def compare_rows(session: Session, manifest: Manifest) -> Iterator[Check]:
    """Hold the tables against a manifest, before a migration adds to them."""
    held = rows_of_tables(session)
    for table in sorted(held.keys() | manifest.rows.keys()):
        yield _check(f"rows of {table}", manifest.rows.get(table), held.get(table))
    yield _check("schema", manifest.migration, revision(session.connection()))


def compare_state(session: Session, manifest: Manifest) -> Iterator[Check]:
    """Hold dates and the heads of all chains against a manifest."""
    yield _check("business date (营业日)", manifest.business_date, peek(session))
    yield _check("last closed day (日终)", manifest.last_closed, last_closed(session))
    held = chain_heads(session)
    for chain in sorted(held.keys() | manifest.heads.keys()):
        yield _check(f"head of {chain} (链头)", manifest.heads.get(chain, ""), held.get(chain, ""))


def _check(what: str, expected: object, actual: object) -> Check:
    return Check(check=f"backup: {what}", expected=str(expected), actual=str(actual))


def write(manifest: Manifest, folder: Path) -> None:
    """Write a manifest into a backup's folder."""
    words = {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__} | {"form": FORM, "key": KEY_REMARK}
    (folder / FILE).write_text(json.dumps(words, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Return the manifest of a backup's folder.

    Raises:
        ManifestUnreadable: there is none, or it is damaged or of another form.
    """
    try:
        words = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if words.pop("form") != FORM:
            raise ManifestUnreadable(folder, "it is of another form, made by a newer fupin")
        words.pop("key")
        for day in ("business_date", "last_closed"):
            words[day] = date.fromisoformat(words[day]) if words[day] else None
        return Manifest(**words)
    except OSError as error:
        raise ManifestUnreadable(folder, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestUnreadable(folder, str(error)) from error
