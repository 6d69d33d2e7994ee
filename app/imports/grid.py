"""The grid's settlement files (电网结算单): found by the headings that they usually have, or by a layout that a person gave.

The grid writes titles above the headings and sums below. A layout says which heading is which fact; the newest is remembered.
"""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from app.bankfiles.layout import LayoutRefused
from app.bankfiles.reading import ROWS_ABOVE, SUMS
from app.bankfiles.tables import bank_layout
from app.imports.batch import Desk, Outcome, import_file
from app.imports.kinds import IMPORTERS
from app.imports.lookup import SERIAL
from app.imports.sheet import SheetRefused, SheetRow, normal, read_content, rows_below, table_of
from ledger import audit
from ledger.db import unit_of_work

USUAL = Path(__file__).with_name("grid_headings.toml")
GRID = "国网"
"""Under this name, which no bank has, layouts of the grid are remembered beside those of banks."""
FACTS = {
    "meter": "电表号", "month": "月份", "kwh": "上网电量(kWh)", "register": "表底示数(kWh)", "coal": "标杆电费(元)",
    "subsidy": "国家补贴(元)", "serial": SERIAL, "date": "到账日期", "coal_paid": "到账标杆电费(元)",
    "subsidy_paid": "到账国家补贴(元)", "estimated": "估算", "corrects": "更正",
}  # fmt: skip
"""The heading of our own form for each fact."""

Layout = Mapping[str, str]
"""The heading of each fact in a file, without blanks and unit."""


def read_layout(path: Path) -> Layout:
    """Return the layout that a person wrote down in TOML, such as meter = "发电户号".

    Raises:
        LayoutRefused: the file is missing, no TOML, names what is no fact, or gives no meter and nothing about it.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LayoutRefused(f"结算单格式文件 {path} 无法读取：{error}") from None
    if found.keys() - FACTS.keys() or not all(isinstance(heading, str) for heading in found.values()):
        raise LayoutRefused(f"结算单格式只能写明：{'、'.join(FACTS)}，各为一个列标题")
    made = {fact: _bare(heading) for fact, heading in found.items()}
    if not _is_enough(made):
        raise LayoutRefused("结算单格式须写明 meter（电表号），以及 kwh、register、coal_paid、subsidy_paid 中至少一列")
    if len(set(made.values())) < len(made):
        raise LayoutRefused("结算单格式中同一列标题不能有两种含义")
    return made


def import_settlements(
    engine: Engine, path: Path, desk: Desk, layout: Layout | None = None, *, dry_run: bool = False, accept_good_rows: bool = False
) -> Outcome:
    """Import a settlement file of the grid; a layout that is given is remembered once the file is taken.

    Raises:
        SheetRefused: it is no table that we can read, or no row holds headings that are understood.
    """
    with unit_of_work(engine) as session:
        layouts = [layout] if layout else remembered(session)
    used: dict[str, str] = {}

    def reader(file: Path, _: Sequence[str]) -> tuple[bytes, list[SheetRow]]:
        content = read_content(file)
        at, headings, found = _headings(table := table_of(file, content), layouts, given=layout is not None)
        used.update({FACTS[fact]: heading for fact, heading in found.items()})
        rows = [_translated(row, found) for row in rows_below(table, headings, at) if not _is_sum(row)]
        if not rows:
            raise SheetRefused("文件中只有标题，没有数据")
        return content, rows

    importer = IMPORTERS["solar-settlements"]
    outcome = import_file(
        engine, importer, path, desk, dry_run=dry_run, accept_good_rows=accept_good_rows, reader=reader
    )  # fmt: skip
    if layout is not None and outcome.batch is not None:
        with unit_of_work(engine) as session:
            remember(session, layout, desk.actor)
    return replace(outcome, errors=tuple(replace(one, column=used.get(one.column, one.column)) for one in outcome.errors))


def remember(session: Session, layout: Layout, actor: str) -> None:
    """Remember a layout of the grid's files; the newest again changes nothing."""
    if remembered(session)[:1] != [layout]:
        session.execute(insert(bank_layout).values(bank=GRID, columns=dict(layout), actor=actor))
        audit.record(session, actor, "grid layout remembered", GRID, dict(layout))


def remembered(session: Session) -> list[Layout]:
    """Return the layouts of the grid's files, the newest first."""
    query = select(bank_layout.c.columns).where(bank_layout.c.bank == GRID).order_by(bank_layout.c.id.desc())
    return list(session.scalars(query))


def _headings(table: Sequence[Sequence[Any]], layouts: Collection[Layout], *, given: bool) -> tuple[int, list[str], Layout]:
    """Return the row that holds the headings, those, and the layout by which they are read."""
    for at, cells in enumerate(table[:ROWS_ABOVE]):
        headings = [_bare(normal(cell)) for cell in cells]
        fitting = next((one for one in layouts if set(one.values()) <= set(headings)), None)
        if fitting is None and not given:
            usual = {fact: next((name for name in names if name in headings), "") for fact, names in _usual().items()}
            fitting = {fact: heading for fact, heading in usual.items() if heading}
        if fitting is not None and _is_enough(fitting):
            return at, headings, fitting
    if given:
        raise SheetRefused(f"文件中没有 --map 写明的各列：{'、'.join(next(iter(layouts)).values())}")
    raise SheetRefused(f"前 {ROWS_ABOVE} 行中没有认得的列标题（须有电表号，以及电量、示数或到账金额），请用 --map 写明各列的含义")


def _translated(row: SheetRow, layout: Layout) -> SheetRow:
    return SheetRow(row.number, {FACTS[fact]: row.cells.get(heading) for fact, heading in layout.items()})


def _is_sum(row: SheetRow) -> bool:
    return normal(next(iter(row.cells.values()), "")).startswith(SUMS)


def _is_enough(layout: Layout) -> bool:
    return "meter" in layout and bool(layout.keys() & {"kwh", "register", "coal_paid", "subsidy_paid"})


def _bare(heading: str) -> str:
    """Return a heading without blanks and unit."""
    return re.sub(r"[(（](人民币)?(元|kWh|千瓦时|度)[)）]$", "", "".join(heading.split()), flags=re.IGNORECASE)


@cache
def _usual() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = tomllib.loads(USUAL.read_text(encoding="utf-8"))
    return found
