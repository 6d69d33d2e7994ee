"""Commands about accounting periods (会计期间): closing months and years, opening one again, who answers for a book."""

from datetime import datetime
from typing import Annotated

import typer

from app import wiring
from app.entrance import BookOption, opened
from app.screen import busy, say
from ledger import snapshots
from ledger.books import book_named, books
from ledger.calendar import next_month
from ledger.closing import close_month, reopen_month
from ledger.db import unit_of_work
from ledger.errors import MonthNotReady
from ledger.journal import BookCode
from ledger.officers import appoint as record_appointment
from ledger.officers import supervisor_on
from ledger.periods import closed_months

app = typer.Typer(help="Close months and years (结账).", no_args_is_help=True)

Month = Annotated[datetime, typer.Option("--month", formats=["%Y-%m"], help="A month such as 2017-03 (会计期间).")]
InBook = Annotated[str, typer.Option("--book", help="A book's code (账套).")]


@app.command()
def close(
    month: Month,
    by: Annotated[str, typer.Option("--by", help="Who closes it (结账人).")],
    book: BookOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what speaks against it (结账检查).")] = False,
) -> None:
    """Close a month in a book, or in all of them, once nothing speaks against it (结账); December closes the year (年结)."""
    day, checks, refused = month.date(), wiring.period_checks(), list[str]()
    with opened() as system:
        with unit_of_work(system.engine) as session:
            chosen = [book_named(session, BookCode(book))] if book else books(session)
        with busy("closing the month (结账)"):
            for one in chosen:
                try:
                    with unit_of_work(system.engine) as session, session.begin_nested() as trial:
                        close_month(session, one, day, by, checks)
                        if dry_run:
                            trial.rollback()
                except MonthNotReady as refusal:
                    refused.append(str(refusal))
    for reason in refused:
        say(reason)
    closed = "could be closed (可结账)" if dry_run else "closed (已结账)"
    say(f"{day:%Y-%m}: {len(chosen) - len(refused)} of {len(chosen)} books {closed}")
    if refused:
        raise typer.Exit(1)


@app.command()
def reopen(
    month: Month,
    book: InBook,
    by: Annotated[str, typer.Option("--by", help="The book's chief accountant (会计主管).")],
    reason: Annotated[str, typer.Option("--reason", help="Why (理由).")],
) -> None:
    """Open a closed month again (反结账); a year end goes back in red."""
    with opened() as system, unit_of_work(system.engine) as session:
        reopen_month(session, book_named(session, BookCode(book)), month.date(), reason, by)
    say(f"{book}: {month:%Y-%m} is open again (已反结账)")


@app.command()
def appoint(
    book: InBook,
    name: Annotated[str, typer.Option("--name", help="Who becomes chief accountant (会计主管).")],
    since: Annotated[datetime, typer.Option("--since", formats=["%Y-%m-%d"], help="From this day on.")],
    by: Annotated[str, typer.Option("--by", help="Who records it (经办人).")],
) -> None:
    """Record who is a book's chief accountant from a day on (任命会计主管)."""
    with opened() as system, unit_of_work(system.engine) as session:
        record_appointment(session, book_named(session, BookCode(book)), name, since.date(), by)
    say(f"{book}: {name} from {since:%Y-%m-%d} on")


@app.command()
def snapshot(anew: Annotated[bool, typer.Option("--anew", help="Drop them all first (重建).")] = False) -> None:
    """Take the snapshots of balances that are due (余额快照), as every night does; they make answers fast and change none."""
    with opened() as system, busy("taking snapshots (余额快照)"), unit_of_work(system.engine) as session:
        if anew:
            snapshots.drop(session)
        taken = snapshots.take(session)
    say(f"took {taken} snapshots (余额快照)")


@app.command("list")
def list_() -> None:
    """List each book's last closed month and who answers for it (会计期间)."""
    with opened() as system, unit_of_work(system.engine) as session:
        closed = closed_months(session)
        for one in books(session):
            months = [month for book_id, month in closed if book_id == one.id]
            last = f"closed through (已结账至) {max(months):%Y-%m}" if months else "nothing closed (未结账)"
            chief = supervisor_on(session, one, next_month(max(months))) if months else None
            say(f"{one.code}: {last}" + (f", {chief}" if chief else ""))
