"""The command about books and reports (账簿与报表): on the screen, as XLSX, as CSV."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from app import wiring
from app.entrance import Day, day_of, opened
from app.reports.asking import Wish, report_of
from app.reports.files import csv_bytes, shown, tail, xlsx
from app.screen import busy, out, say
from app.web.queries import reading
from ledger.reports.report import Kind, Report, Role, Row

LIST = "list"
FOLDED = 12
"""How narrow a column of text may be."""


def report(
    name: Annotated[str, typer.Argument(help="A report's name or Chinese title, or 'list' (报表名称).")],
    book: Annotated[str, typer.Option("--book", help="A book's code (账套).")] = "",
    consolidated: Annotated[str, typer.Option("--consolidated", help="Kinds of books to add up, such as RCF,ISF (合并).")] = "",
    from_: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m"], help="The first month (起始月份).")] = None,
    to: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m"], help="The last month (截止月份).")] = None,
    as_of: Day = None,
    account: Annotated[str, typer.Option("--account", help="An account's code, or that above it (科目).")] = "",
    by: Annotated[str, typer.Option("--by", help="What a 多栏账 is spread over: account, bank, county, product … (分栏).")] = "",
    known_at: Annotated[
        int | None, typer.Option("--known-at", min=0, help="As known at this sequence of the book (所知截至序号).")
    ] = None,
    xlsx_file: Annotated[Path | None, typer.Option("--xlsx", help="Write it to this file, for Excel.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write it to this file as CSV.")] = None,
) -> None:
    """Make a book or report (账簿、报表), or list them; exit 1 if its figures don't tie."""
    if name == LIST:
        _list()
        return
    wish = Wish(
        book=book, consolidated=consolidated, first=day_of(from_), last=day_of(to), as_of=day_of(as_of), account=account,
        spread=by, known_at=known_at,
    )  # fmt: skip
    with opened() as system, busy("making the report (报表)"), reading(system.engine, patience="0") as session:
        made = report_of(session, name, wish)
    for file, content in ((xlsx_file, xlsx), (csv_file, csv_bytes)):
        if file is not None:
            file.write_bytes(content(made))
            say(f"wrote {file}")
    if xlsx_file is None and csv_file is None:
        for one in made.walk():
            _print(one)
    for check in made.broken:
        say(f"does not tie (不相符): {check.check}: {check.expected} and {check.actual} fen")
    if made.broken:
        raise typer.Exit(1)


def _list() -> None:
    table = Table("name (名称)", "report (报表)", "books (账套)", "about (说明)")
    for name, (form, _) in wiring.reports().items():
        table.add_row(name, form.title, " ".join(sorted(form.kinds)), Text(form.about))
    out.print(table)


def _print(made: Report) -> None:
    """Print a report as a table, or row by row where the screen is too narrow for its figures."""
    say(f"{made.heading}　{made.scope.name}　{made.period}")
    table = Table()
    for column in made.columns:
        left = column.kind in (Kind.TEXT, Kind.DATE)
        whole = column.kind is not Kind.TEXT
        table.add_column(column.heading, justify="left" if left else "right", overflow="fold", no_wrap=whole)
    for row, after in zip(made.rows, [*made.rows[1:], None], strict=False):
        cells = [Text(shown(cell, column.kind)) for cell, column in zip(row.cells, made.columns, strict=True)]
        table.add_row(*cells, style="bold" if row.role.bold else "", end_section=_ends(row, after))
    if made.columns and _narrowest(made) <= out.width:
        out.print(table)
    else:
        _print_rows(made)
    for said in tail(made):
        say(said)


def _narrowest(made: Report) -> int:
    """Return how wide a screen must be: figures stay whole, texts may be folded."""
    widths = []
    for at, column in enumerate(made.columns):
        widest = max((cell_len(shown(row.cells[at], column.kind)) for row in made.rows), default=0)
        widths.append(min(FOLDED, widest) if column.kind is Kind.TEXT else max(widest, cell_len(column.heading)))
    return sum(widths) + 3 * len(widths) + 1


def _print_rows(made: Report) -> None:
    """Print each row as a block: what it is, and its figures below one another, empty ones left out."""
    for row in made.rows:
        pairs = list(zip(row.cells, made.columns, strict=True))
        say("　".join(shown(cell, column.kind) for cell, column in pairs if cell and column.kind in (Kind.TEXT, Kind.DATE)))
        for cell, column in pairs:
            if cell and column.kind not in (Kind.TEXT, Kind.DATE):
                say(f"  {column.heading} {shown(cell, column.kind)}")


def _ends(row: Row, after: Row | None) -> bool:
    """Tell whether a line is drawn below a row: below totals, and before another page or part begins."""
    return row.role is Role.TOTAL or (after is not None and after.role is Role.HEADING)
