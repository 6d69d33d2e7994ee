"""Commands that write the journal for other programs (导出): one per format."""

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from app.entrance import BookOption, opened
from app.screen import busy, err, say
from ledger.books import Book, book_named, books
from ledger.db import unit_of_work
from ledger.interchange import audit_interface, beancount, hledger, table
from ledger.journal import BookCode

app = typer.Typer(help="Write the journal for another program (导出).", no_args_is_help=True)

Writer = Callable[[Session, Sequence[Book]], Iterator[str]]
WRITERS: dict[str, Writer] = {
    "hledger": hledger.journal,
    "ledger": hledger.journal,
    "beancount": beancount.journal,
    "csv": table.csv_journal,
}


def _add(name: str, writer: Writer) -> None:
    what = "as CSV, one row per posting (分录表)" if name == "csv" else f"as {name} reads it"

    @app.command(name, help=f"Write the journal {what}.")
    def command(
        book: BookOption = None,
        output: Annotated[Path | None, typer.Option("-o", "--output", help="A file; standard output if left out.")] = None,
    ) -> None:
        with opened() as system, unit_of_work(system.engine) as session:
            chosen = _chosen(session, book)
            if output is None:
                for piece in writer(session, chosen):
                    sys.stdout.write(piece)
                return
            with busy("writing the journal (导出)"), output.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(writer(session, chosen))
        say(f"wrote {output}", err)


for _name, _writer in WRITERS.items():
    _add(_name, _writer)


@app.command()
def xlsx(
    output: Annotated[Path, typer.Option("-o", "--output", help="A file.")],
    book: BookOption = None,
) -> None:
    """Write the journal as an Excel workbook, one row per posting (分录表)."""
    with opened() as system, unit_of_work(system.engine) as session, busy("writing the journal (导出)"):
        table.write_xlsx(session, _chosen(session, book), output)
    say(f"wrote {output}", err)


@app.command()
def audit(
    book: Annotated[str, typer.Option("--book", help="A book's code (账套).")],
    year: Annotated[int, typer.Option("--year", min=1900, max=2199, help="The accounting year (会计年度).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder.")],
    unit: Annotated[str | None, typer.Option(help="Who keeps the book (会计核算单位); the book's name if left out.")] = None,
    unit_code: Annotated[str, typer.Option(help="The code of its organisation (组织机构代码).")] = "",
) -> None:
    """Write a year of a book for auditors (审计数据接口 GB/T 24589.1): 公共档案.xml and 总账.xml; see docs/audit-interface.md."""
    with opened() as system, unit_of_work(system.engine) as session, busy("writing the year (导出)"):
        mine = book_named(session, BookCode(book))
        keeper = audit_interface.Unit(name=unit or mine.name, code=unit_code)
        written = audit_interface.write_year(session, mine, year, keeper, version("fupin"), output)
    for path in written:
        say(f"wrote {path}", err)


def _chosen(session: Session, book: str | None) -> list[Book]:
    return books(session) if book is None else [book_named(session, BookCode(book))]
