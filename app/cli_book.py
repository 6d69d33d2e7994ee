"""Commands about books (账套): charts, opening balances and past journals from files, and archives of earlier programs."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.bookfiles import journals as files
from app.bookfiles import tables
from app.entrance import opened
from app.imports.cells import RowError
from app.screen import err, out, print_errors, say
from ledger.books import Book, BookKind, book_named, books, find_book, open_book
from ledger.chart import accounts_of
from ledger.db import unit_of_work
from ledger.errors import HasLine, LoadRefused
from ledger.initialisation import review
from ledger.initialisation.charts import accounts_named, extend, load_chart
from ledger.initialisation.journals import loaded
from ledger.initialisation.load import File, Load, LoadedEntry, LoadKind
from ledger.initialisation.opening import opening
from ledger.initialisation.queries import load_numbered, loads
from ledger.initialisation.taking import faults_of, take
from ledger.journal import BookCode

app = typer.Typer(help="Books (账套): what they begin with, and archives of earlier programs.", no_args_is_help=True)
import_app = typer.Typer(help="Bring a file into a book (导入).", no_args_is_help=True)
app.add_typer(import_app, name="import")

InBook = Annotated[str, typer.Option("--book", help="A book's code (账套).")]
By = Annotated[str, typer.Option("--by", help="Who does it (经办人).")]
Reason = Annotated[str, typer.Option("--reason", help="Why (理由).")]
Number = Annotated[int, typer.Argument(min=1, help="The load's number (导入批).")]
FilePath = Annotated[Path, typer.Argument(help="The file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing (试运行).")]
Commodity = Annotated[str | None, typer.Option(help="What the file calls the yuan, besides CNY, RMB, ¥ and 元.")]


@app.command("list")
def list_() -> None:
    """List the books (账套)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = books(session)
    table = Table(title="books (账套)")
    for heading in ("code (编号)", "kind (类别)", "name (名称)", "county (县区)", "bank (银行)"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(*(Text(cell) for cell in (one.code, one.kind.value, one.name, one.county, one.bank or "")))
    out.print(table)
    say(f"{len(found)} books (账套)")


@app.command("open")
def open_(
    code: Annotated[str, typer.Argument(help="Its code, which begins with ARC-, such as ARC-371621-2016.")],
    name: Annotated[str, typer.Option("--name", help="Its name (名称).")],
    county: Annotated[str, typer.Option("--county", help="Its county's code (县区代码).")],
    chart: Annotated[str, typer.Option("--chart", help="The name of its chart (科目表).")],
) -> None:
    """Open an archive book for what an earlier program kept (存档账套); other books begin with a plan (`fupin begin`)."""
    if not code.startswith("ARC-") or not code.replace("-", "").isalnum() or not code.isascii() or code.upper() != code:
        raise typer.BadParameter("an archive's code is ARC- and capital letters, digits or hyphens", param_hint="CODE")
    with opened() as system, unit_of_work(system.engine) as session:
        known = find_book(session, BookCode(code)) is not None
        accounts = accounts_named(session, chart, BookKind.ARCHIVE)
        open_book(session, BookCode(code), BookKind.ARCHIVE, name, county, None, chart, accounts)
    say(f"{code} was open already (账套已存在)" if known else f"opened {code} with {len(accounts)} accounts (账套已建立)")


@import_app.command("chart")
def chart(
    file: FilePath,
    by: By,
    name: Annotated[str | None, typer.Option("--name", help="The name under which the chart is kept.")] = None,
    book: Annotated[str | None, typer.Option("--book", help="An open book to which its new accounts are added.")] = None,
) -> None:
    """Keep a chart under a name, or add its new accounts to an open book (科目表)."""
    if (name is None) == (book is None):
        raise typer.BadParameter("give --name to keep a chart, or --book to add accounts to a book")
    rows, faults = tables.read_chart(file)
    _stop_at(faults, file)
    with opened() as system, unit_of_work(system.engine) as session:
        kept = name or f"{book}/{file.name}"
        if book is None:
            fresh = load_chart(session, kept, rows, by)
            say(f"kept chart {kept} of {len(rows)} rows (科目表)" if fresh else f"chart {kept} is there already (已导入)")
            return
        mine = book_named(session, BookCode(book))
        added = extend(session, mine, accounts_of(kept, rows, mine.kind), by)
    say(f"added {len(added)} accounts to {book} (新增科目): {' '.join(added)}".rstrip(": "))


@import_app.command("opening")
def opening_(
    file: FilePath,
    book: InBook,
    by: By,
    as_of: Annotated[datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day before the book's first.")],
    dry_run: DryRun = False,
) -> None:
    """Bring a book's opening balances, for another person to approve (期初余额)."""
    content, lines, faults = tables.read_opening(file)
    _stop_at(faults, file)
    _bring(
        book, LoadKind.OPENING, File(name=file.name, sha256=files.hashed(content)), [opening(as_of.date(), lines)], by, dry_run
    )


@import_app.command("journal")
def journal(
    file: FilePath,
    book: InBook,
    by: By,
    accounts: Annotated[Path | None, typer.Option(help="A TOML file that maps the file's accounts (科目对照表).")] = None,
    commodity: Commodity = None,
    dry_run: DryRun = False,
) -> None:
    """Bring a past journal of hledger, ledger, beancount, or as a table, for another person to approve (历史凭证)."""
    read = files.read(file, commodity)
    _stop_at(read.journal.faults, file)
    entries, faults = loaded(read.journal, read.sha256, files.read_targets(accounts) if accounts else None)
    _stop_at(faults, file)
    for remark in read.journal.remarks:
        say(remark, err)
    _bring(book, LoadKind.JOURNAL, File(name=file.name, sha256=read.sha256), entries, by, dry_run)


@app.command()
def propose(
    file: FilePath,
    chart_file: Annotated[Path, typer.Option("--chart", help="The chart to write, as CSV.")],
    accounts: Annotated[Path, typer.Option("--accounts", help="The map of accounts to write, as TOML.")],
    commodity: Commodity = None,
) -> None:
    """Propose a chart for an archive, and the map to it, from the accounts of a journal (科目表建议)."""
    read = files.read(file, commodity)
    _stop_at(read.journal.faults, file)
    count = files.write_proposal(read.journal, chart_file, accounts)
    say(f"wrote {chart_file} and {accounts} with {count} accounts; look them over, then import the chart (请核对后导入)")


@app.command("loads")
def loads_(book: InBook) -> None:
    """List what was brought into a book, and what became of it (导入批)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = loads(session, book_named(session, BookCode(book)))
    for one in found:
        _say(one)
    say(f"{len(found)} loads (导入批)")


@app.command()
def approve(number: Number, book: InBook, by: By) -> None:
    """Approve what somebody else brought, and post it (审核)."""
    _step(number, book, lambda session, one: review.approve(session, one, by))


@app.command()
def discard(number: Number, book: InBook, by: By, reason: Reason) -> None:
    """Give up what was brought and is not approved (作废)."""
    _step(number, book, lambda session, one: review.discard(session, one, reason, by))


@app.command()
def undo(number: Number, book: InBook, by: By, reason: Reason) -> None:
    """Reverse in red what was brought and posted, while nothing stands on it (撤销)."""
    _step(number, book, lambda session, one: review.undo(session, one, reason, by))


def _bring(book: str, kind: LoadKind, file: File, entries: Sequence[LoadedEntry], by: str, dry_run: bool) -> None:
    with opened() as system, unit_of_work(system.engine) as session:
        mine = book_named(session, BookCode(book))
        if dry_run:
            _stop_at(list(faults_of(session, mine, kind, entries)), Path(file.name))
            say(f"dry run: {len(entries)} entries would be brought; nothing was written (试运行)")
            return
        try:
            one = take(session, mine, kind, file, entries, by)
        except LoadRefused as refusal:
            if not refusal.faults:
                raise
            _stop_at(refusal.faults, Path(file.name))
            raise
    _say(one)


def _step(number: int, book: str, deed: Callable[[Session, Load], Load]) -> None:
    with opened() as system, unit_of_work(system.engine) as session:
        mine: Book = book_named(session, BookCode(book))
        one = deed(session, load_numbered(session, mine, number))
    _say(one)


def _say(one: Load) -> None:
    people = "、".join(name for name in (one.maker, one.checker) if name)
    say(f"{one.book.code} load {one.id} ({one.kind.label} {one.file.name}, {one.entries} entries, {people}): {one.stage.label}")


def _stop_at(faults: Sequence[HasLine], file: Path) -> None:
    """Print every fault of a file, and end with exit code 1, if there are any."""
    if faults:
        print_errors([RowError(fault.line, "", "", fault.reason) for fault in faults], file.name)
        raise typer.Exit(1)
