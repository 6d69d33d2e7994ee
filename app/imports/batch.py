"""A batch (导入批次): one file, validated whole, then taken whole or refused whole; undone as a whole.

Every bad row is found before anything is written: first each cell, then, in savepoints that are rolled back, what the
verbs say of each row. The same content imported twice says so and changes nothing.
"""

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session

from app.imports.cells import Column, Record, RowError, parse_rows
from app.imports.sheet import read_sheet
from app.tables import import_batch
from guarantees.errors import GuaranteeError
from ledger import audit
from ledger.db import unit_of_work
from ledger.errors import LedgerError
from loans.errors import LoanError
from registry.cipher import Cipher
from registry.errors import RegistryError
from solar.errors import SolarError

REFUSALS = (LedgerError, RegistryError, LoanError, GuaranteeError, SolarError)

Made = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What an import works with: the key to identity numbers and who does it."""

    cipher: Cipher
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """A kind of file: its columns, what makes a row unique, how records become business, and how that is undone."""

    kind: str
    title: str
    columns: Sequence[Column]
    unique: Sequence[str]
    apply: Callable[[Session, Desk, Sequence[Record]], Made]
    undo: Callable[[Session, Desk, Made], None]


class ImportRefused(Exception):
    """An undo that can't be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a file. `batch` is None if nothing was written."""

    kind: str
    file: str
    rows: int
    taken: int
    errors: tuple[RowError, ...]
    batch: int | None
    repeated: bool = False


def import_file(
    engine: Engine, importer: Importer, path: Path, desk: Desk, *, dry_run: bool = False, accept_good_rows: bool = False
) -> Outcome:
    """Import a file, and return every error found; without errors (or if good rows are accepted) it is written.

    Raises:
        SheetRefused: the file is no table we can read.
    """
    required = [column.heading for column in importer.columns if column.required]
    content, rows = read_sheet(path, required)
    digest = hashlib.sha256(content).hexdigest()
    with unit_of_work(engine) as session:
        before = session.scalar(
            select(import_batch.c.id).where(
                import_batch.c.kind == importer.kind, import_batch.c.sha256 == digest, ~import_batch.c.undone
            )
        )
        if before is not None:
            return Outcome(kind=importer.kind, file=path.name, rows=len(rows), taken=0, errors=(), batch=before, repeated=True)
        parsed = parse_rows(rows, importer.columns, importer.unique)
        errors = list(parsed.errors)
        records, made, reason = parsed.records, None, ""
        if not errors:
            made, reason = _try(session, importer, desk, records)
        if made is None:
            refused = _refusals(session, importer, desk, records)
            bad = {error.row for error in refused}
            records = [record for record in records if record.number not in bad]
            if accept_good_rows and records:
                made, reason = _try(session, importer, desk, records)
            errors += refused
            if made is None and reason and not refused:
                errors.append(RowError(0, "整个文件", "", reason))
        batch = None
        if made is not None and not dry_run:
            batch = _record(session, importer, path, digest, len(records), made, desk.actor)
        else:
            session.rollback()
        taken = len(records) if made is not None else 0
        errors.sort(key=lambda error: error.row)
        return Outcome(kind=importer.kind, file=path.name, rows=len(rows), taken=taken, errors=tuple(errors), batch=batch)


def undo(engine: Engine, importers: Mapping[str, Importer], batch_id: int, desk: Desk) -> Outcome:
    """Undo a batch: everything it made is reversed, and the same file may be imported again.

    Raises:
        ImportRefused: no such batch, undone before, or something made by it can't be undone any more.
    """
    with unit_of_work(engine) as session:
        row = session.execute(select(import_batch).where(import_batch.c.id == batch_id).with_for_update()).one_or_none()
        if row is None:
            raise ImportRefused(f"没有导入批次 {batch_id}")
        if row.undone:
            raise ImportRefused(f"批次 {batch_id} 已撤销")
        try:
            importers[row.kind].undo(session, desk, row.made)
        except REFUSALS as refusal:
            raise ImportRefused(f"批次 {batch_id} 不能撤销：{refusal}") from refusal
        session.execute(update(import_batch).where(import_batch.c.id == batch_id).values(undone=True))
        audit.record(session, desk.actor, "import undone", f"batch {batch_id}", {"kind": row.kind})
        return Outcome(kind=row.kind, file=row.file_name, rows=row.rows, taken=0, errors=(), batch=batch_id)


def write_errors(errors: Sequence[RowError], path: Path) -> None:
    """Write errors as a CSV file that Excel opens with its Chinese right."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["行", "列", "值", "原因"])
        writer.writerows([error.row, error.column, error.value, error.reason] for error in errors)


def _try(session: Session, importer: Importer, desk: Desk, records: Sequence[Record]) -> tuple[Made | None, str]:
    """Apply records as one; if a verb refuses them, return why, and then nothing of it stays."""
    try:
        with session.begin_nested():
            return importer.apply(session, desk, records), ""
    except REFUSALS as refusal:
        return None, str(refusal)


def _refusals(session: Session, importer: Importer, desk: Desk, records: Sequence[Record]) -> list[RowError]:
    """Apply records one after another, and return what the verbs refuse; all of it is rolled back."""
    errors = []
    whole = session.begin_nested()
    for record in records:
        try:
            with session.begin_nested():
                importer.apply(session, desk, [record])
        except REFUSALS as refusal:
            errors.append(RowError(record.number, "整行", "", str(refusal)))
    whole.rollback()
    return errors


def _record(session: Session, importer: Importer, path: Path, digest: str, rows: int, made: Made, actor: str) -> int:
    batch = session.scalar(
        insert(import_batch)
        .values(kind=importer.kind, file_name=path.name, sha256=digest, rows=rows, made=made, actor=actor)
        .returning(import_batch.c.id)
    )
    audit.record(session, actor, "imported", f"{importer.kind} {path.name}", {"rows": rows, "sha256": digest})
    return int(batch or 0)
