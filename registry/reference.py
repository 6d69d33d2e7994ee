"""Reference data of the registry: regions by GB/T 2260 with validity dates and local rows without a code, and standards.

Rows are data files; the poverty lines before 2017 and the line of monitored households are assumptions (domain.md
0, 1.1) and dated like all others.
"""

import csv
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from registry.errors import UnknownRegion
from registry.tables import bank, region, standard

FOLDER = Path(__file__).parent / "data"


def load(session: Session) -> None:
    """Bring regions and standards into the database; rows already there stay."""
    for table, name in ((region, "regions"), (standard, "standards")):
        with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = [_typed(row) for row in csv.DictReader(file)]
        session.execute(insert(table).on_conflict_do_nothing(), rows)


def add_bank(session: Session, code: str, name: str, *, rural: bool) -> None:
    """Register a bank; nothing changes if its code is known."""
    session.execute(insert(bank).values(code=code, name=name, rural=rural).on_conflict_do_nothing())


def bank_names(session: Session) -> dict[str, str]:
    """Return banks' names by code."""
    return {row.code: row.name for row in session.execute(select(bank.c.code, bank.c.name).order_by(bank.c.code))}


def banks(session: Session) -> dict[str, tuple[str, bool]]:
    """Return banks by code: their name, and whether they are rural."""
    rows = session.execute(select(bank.c.code, bank.c.name, bank.c.rural))
    return {row.code: (row.name, row.rural) for row in rows}


def rural_banks(session: Session) -> set[str]:
    """Return the rural banks, which alone may draw 扶贫再贷款 (domain.md 2)."""
    return set(session.scalars(select(bank.c.code).where(bank.c.rural)))


def county_code(session: Session, name: str, day: date) -> str:
    """Return the code that a county's name has on a day; a code stands for itself.

    Raises:
        UnknownRegion: no county bears the name on that day.
    """
    found = session.scalar(
        select(region.c.code).where(
            or_(region.c.name == name, region.c.code == name),
            region.c.valid_from <= day,
            or_(region.c.valid_to.is_(None), region.c.valid_to > day),
        )
    )
    if found is None:
        raise UnknownRegion(name)
    return str(found)


def county_names(session: Session) -> dict[str, str]:
    """Return regions' names by code, the newest of a code."""
    rows = session.execute(select(region.c.code, region.c.name).order_by(region.c.valid_from))
    return {row.code: row.name for row in rows}


def _typed(row: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in row.items():
        if name.startswith("valid_"):
            values[name] = date.fromisoformat(value) if value else None
        elif value in ("true", "false"):
            values[name] = value == "true"
        elif name.endswith("_fen"):
            values[name] = int(value)
        else:
            values[name] = value or None
    return values
