"""Commands that look at one loan (贷款查询)."""

from typing import Annotated

import typer

from app.entrance import BookOption, Day, day_of, opened
from app.screen import print_applications, print_loan, print_stories
from ledger.books import book_named
from ledger.business_day import business_date
from ledger.calendar import DAY
from ledger.db import unit_of_work
from ledger.journal import BookCode
from loans.applications import queries
from loans.errors import SameNumber, UnknownLoan
from loans.explanation import charged, run_up
from loans.queries import contracts_numbered, horizon_now, life_as_of

app = typer.Typer(help="Look at one loan (贷款).", no_args_is_help=True)


@app.command()
def show(
    contract: Annotated[str, typer.Argument(help="The contract's number (借据号).")],
    book: BookOption = None,
    as_of: Day = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how each fen of interest came about (利息说明).")] = False,
) -> None:
    """Show a loan as of the close of a day (贷款查询)."""
    with opened() as system, unit_of_work(system.engine) as session:
        only = [book_named(session, BookCode(book)).id] if book else None
        found = contracts_numbered(session, [contract], only)
        if len(found) != 1:
            raise UnknownLoan(contract) if not found else SameNumber(contract, [one.book for one in found])
        day = day_of(as_of) or business_date(session)
        life = life_as_of(session, found[0], day, horizon_now(session))
        print_loan(found[0], life, day)
        if explain:
            print_stories([*charged(life), *run_up(life, day + DAY)])


@app.command()
def applications(
    book: BookOption = None,
    only_open: Annotated[
        bool, typer.Option("--open", help="Only those that still wait for a verdict or a drawing (待办).")
    ] = False,
) -> None:
    """List applications with who filed them, who decided, and where they are on the business date (贷款申请)."""
    with opened() as system, unit_of_work(system.engine) as session:
        only = book_named(session, BookCode(book)) if book else None
        found = queries.applications(session, business_date(session), only)
        print_applications([one for one in found if one[1].is_open or not only_open])
