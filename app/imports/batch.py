"""A batch (导入批次): one file, validated whole, then taken whole or refused whole; undone as a whole.

Every bad row is found before anything is kept: first each cell, then, in savepoints, what the verbs say of each row. The
same content imported twice says so and changes nothing.
"""

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.imports.cells import Column, Record, RowError, parse_rows
from app.imports.sheet import SheetRow, read_sheet
from app.tables import import_batch
from guarantees.errors import GuaranteeError
from ledger import audit
from ledger.db import unit_of_work
from ledger.errors import LedgerError
from loans.errors import LoanError
from registry.cipher import Cipher
from registry.errors import RegistryError
from registry.reference import county_names
from solar.errors import SolarError

REFUSALS = (LedgerError, RegistryError, LoanError, GuaranteeError, SolarError)

MOST_BATCHES = 2**63

Made = list[dict[str, Any]]
"""What a batch made that was not there before, as JSON values: what an undo has to go by."""


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
    """What came of a file: its rows, how many are good and taken, every error. `batch` is None if nothing was written."""

    kind: str
    file: str
    rows: int
    taken: int
    fresh: int = 0  # of the rows taken, those that were not there already
    errors: tuple[RowError, ...]
    batch: int | None
    repeated: bool = False


Reader = Callable[[Path, Sequence[str]], tuple[bytes, list[SheetRow]]]
"""Returns a file's bytes and its rows under the headings of its kind, of which some are required."""


def import_file(
    engine: Engine,
    importer: Importer,
    path: Path,
    desk: Desk,
    *,
    dry_run: bool = False,
    accept_good_rows: bool = False,
    reader: Reader = read_sheet,
) -> Outcome:
    """Import a file, and return every error found; without errors (or if good rows are accepted) it is written.

    Raises:
        SheetRefused: the file is no table we can read.
    """
    required = [column.heading for column in importer.columns if column.required]
    content, rows = reader(path, required)
    digest = hashlib.sha256(content).hexdigest()
    with unit_of_work(engine) as session:
        before = session.scalar(
            select(import_batch.c.id).where(
                import_batch.c.kind == importer.kind, import_batch.c.sha256 == digest, ~import_batch.c.undone
            )
        )
        if before is not None:
            return Outcome(kind=importer.kind, file=path.name, rows=len(rows), taken=0, errors=(), batch=before, repeated=True)
        codes = {name: code for code, name in county_names(session).items()}
        parsed = parse_rows(rows, importer.columns, importer.unique, {"县区": lambda county: codes.get(county, county)})
        made, refused = _apply(session, importer, desk, parsed.records)
        errors = tuple(sorted((*parsed.errors, *refused), key=lambda error: error.row))
        good = len(parsed.records) - len(refused)
        taken = good if accept_good_rows or not errors else 0
        batch = None
        if taken and not dry_run:
            batch = _record(session, importer, path, digest, taken, made, desk.actor)
        else:
            session.rollback()
        return Outcome(
            kind=importer.kind, file=path.name, rows=len(rows), taken=taken, fresh=len(made) if taken else 0, errors=errors,
            batch=batch,
        )  # fmt: skip


def undo(engine: Engine, importers: Mapping[str, Importer], batch_id: int, desk: Desk) -> Outcome:
    """Undo a batch: everything it made is reversed, and the same file may be imported again.

    Raises:
        ImportRefused: no such batch, undone before, or something made by it can't be undone any more.
    """
    with unit_of_work(engine) as session:
        known = 0 < batch_id < MOST_BATCHES
        row = (
            session.execute(select(import_batch).where(import_batch.c.id == batch_id).with_for_update()).one_or_none()
            if known
            else None
        )
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


def _apply(session: Session, importer: Importer, desk: Desk, records: Sequence[Record]) -> tuple[Made, list[RowError]]:
    """Apply records in their order, and return what they made and which of them are refused.

    A refused part is halved until the bad rows are found, so that a file costs little more than its good rows.
    """
    if not records:
        return [], []
    try:
        with session.begin_nested():
            return importer.apply(session, desk, records), []
    except (*REFUSALS, IntegrityError, DataError) as refusal:
        if len(records) == 1:
            reason = str(refusal) if isinstance(refusal, REFUSALS) else "与已登记的数据冲突，或超出系统允许的范围"
            return [], [RowError(records[0].number, "整行", "", reason)]
    middle = len(records) // 2
    made, refused = _apply(session, importer, desk, records[:middle])
    more, others = _apply(session, importer, desk, records[middle:])
    return [*made, *more], [*refused, *others]


def _record(session: Session, importer: Importer, path: Path, digest: str, rows: int, made: Made, actor: str) -> int:
    batch = session.scalar(
        insert(import_batch)
        .values(kind=importer.kind, file_name=path.name, sha256=digest, rows=rows, made=made, actor=actor)
        .returning(import_batch.c.id)
    )
    audit.record(session, actor, "imported", f"{importer.kind} {path.name}", {"rows": rows, "sha256": digest})
    return int(batch or 0)
