"""Commands about loans that the night has set aside (隔离)."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.entrance import BookOption, opened
from app.screen import out, say
from ledger.books import book_named
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.money import yuan
from loans.errors import NotSetAside, SameNumber
from loans.quarantine.catching_up import catch_up
from loans.quarantine.frozen import frozen_fen
from loans.quarantine.queries import SetAside, set_aside_now

app = typer.Typer(help="Loans that the night has set aside, and their release (隔离).", no_args_is_help=True)

Contract = Annotated[str, typer.Argument(help="The contract's number (借据号).")]


@app.command("list")
def list_() -> None:
    """List the loans that are set aside, since when and why (隔离清单)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = set_aside_now(session)
    if not found:
        say("no loan is set aside (没有隔离的贷款)")
        return
    table = Table(title=f"{len(found)} loans set aside (隔离)")
    for name in ("book (账套)", "contract (借据)", "since (起)", "step (步骤)", "error (原因)"):
        table.add_column(name, overflow="fold")
    for one in found:
        table.add_row(*(Text(cell) for cell in (one.book, one.contract, str(one.since), one.step, one.error)))
    out.print(table)
    say("repair the data, then (修复后) run 'fupin quarantine release <contract>'")


@app.command()
def show(contract: Contract, book: BookOption = None) -> None:
    """Show a loan that is set aside: why, how far it was closed, and what of it is frozen in the control accounts (隔离详情)."""
    with opened() as system, unit_of_work(system.engine) as session:
        one = _named(session, contract, book)
        kept = frozen_fen(session, one)
    say(f"{one.contract} in {one.book}: set aside (隔离) at {one.at:%Y-%m-%d %H:%M:%S}, in step {one.step} of {one.since}")
    say(f"error (原因): {one.error}")
    say(f"charged through (已结息至) {one.horizon.charged_through}, aged through (已日终至) {one.horizon.aged_through}")
    say(f"frozen in (冻结于) 1132.09 and 9201: {yuan(kept)} yuan")


@app.command()
def release(contract: Contract, book: BookOption = None) -> None:
    """Catch a repaired loan up for the days that it missed, and let it go (解除隔离)."""
    with opened() as system, unit_of_work(system.engine) as session:
        (done,) = catch_up(session, [_named(session, contract, book)], system.settings.actor)
    entry = f"entry (凭证) {done.entry.reference}" if done.entry else "nothing had moved (无需补记)"
    say(f"released (已解除隔离): {done.loan.contract} in {done.loan.book}, set aside since {done.loan.since}; {entry}")


def _named(session: Session, contract: str, book: str | None) -> SetAside:
    """Return the loan of a number that is set aside.

    Raises:
        SameNumber: several of that number are set aside.
        NotSetAside: it is not set aside.
    """
    only = book_named(session, BookCode(book)).code if book else None
    found = [one for one in set_aside_now(session) if one.contract == contract and only in (None, one.book)]
    if len(found) > 1:
        raise SameNumber(contract, [one.book for one in found])
    if not found:
        raise NotSetAside(contract)
    return found[0]
