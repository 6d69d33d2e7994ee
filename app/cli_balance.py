"""The command that shows balances (科目余额)."""

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.balances import GROUPS, Balances
from app.balances import balances as balances_of
from app.entrance import BookOption, Day, day_of, opened
from app.screen import out, say
from ledger.db import unit_of_work
from ledger.money import yuan

MOST_BOOKS = 3
"""Books whose sequence is printed; of more, the JSON has them all."""


def balance(
    book: BookOption = None,
    account: Annotated[list[str] | None, typer.Option("--account", help="An account's code (科目); may be repeated.")] = None,
    as_of: Day = None,
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", help="What was believed then (当时所知): a sequence of the book, a closed day, or a moment."),
    ] = None,
    by: Annotated[str, typer.Option("--by", help=f"Show by (辅助核算), comma between: {', '.join(GROUPS)}.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Show balances of accounts as of a date, as known now or at an earlier moment, by dimensions (科目余额)."""
    groups = [name.strip() for name in by.split(",") if name.strip()]
    with opened() as system, unit_of_work(system.engine) as session:
        found = balances_of(session, book=book, accounts=account or (), as_of=day_of(as_of), known_at=known_at, by=groups)
    if as_json:
        out.print_json(json.dumps(_as_json(found, groups), ensure_ascii=False))
        return
    if not found.lines:
        say("no postings (无发生额)")
        return
    table = Table(title="balances (科目余额), yuan" + (f", as of (截至) {as_of:%Y-%m-%d}" if as_of else ""))
    for name in ("book (账套)", "account (科目)", *groups):
        table.add_column(name, overflow="fold")
    for name in ("debit (借方)", "credit (贷方)"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", justify="center")
    table.add_column("balance (余额)", justify="right", no_wrap=True)
    for line in found.lines:
        left = line.turnover.balance_fen
        side = "平" if left == 0 else "借" if left > 0 else "贷"
        cells = (line.book.code, f"{line.account} {line.title}", *(value or "—" for value in line.groups))
        figures = (yuan(line.turnover.debit_fen), yuan(line.turnover.credit_fen), side, yuan(abs(left)))
        table.add_row(*(Text(cell) for cell in (*cells, *figures)))
    out.print(table)
    if len(found.known) <= MOST_BOOKS:
        known = "; ".join(f"{one.code} {seq}" for one, seq in found.known)
        say(f"as known at sequence (截至序号) {known}")


def _as_json(found: Balances, groups: list[str]) -> dict[str, object]:
    return {
        "known_at": {one.code: seq for one, seq in found.known},
        "lines": [
            {"book": line.book.code, "account": line.account, "title": line.title}
            | dict(zip(groups, line.groups, strict=True))
            | {
                "debit_fen": line.turnover.debit_fen,
                "credit_fen": line.turnover.credit_fen,
                "balance_fen": line.turnover.balance_fen,
            }
            for line in found.lines
        ],
    }
