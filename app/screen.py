"""The screen (屏幕): what commands print, each sentence on one line, tables and bars for people."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from app.imports.cells import RowError
from app.status import Status
from ledger.money import yuan
from ledger.ties import Check

MOST_ERRORS = 50
"""Rows of errors on the screen; the file beside the import holds them all."""

out, err = Console(), Console(stderr=True)


def say(sentence: str, to: Console = out) -> None:
    """Print a sentence as it is: one line, and brackets are brackets."""
    to.print(sentence, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show a bar that moves while something of unknown length is under way."""
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=err, transient=True) as bar:
        bar.add_task(what, total=None)
        yield


def print_status(found: Status, *, assumed: bool) -> None:
    """Print the figures as a table, and how the loans stand."""
    table = Table(title=f"As of (截至) {found.as_of}; last closed (日终) {found.last_closed}", show_header=True)
    table.add_column("figure (项目)")
    table.add_column("turnover, yuan (累计)", justify="right")
    table.add_column("balance, yuan (余额)", justify="right")
    lines = (
        ("compensation and subsidy funds (风险补偿金+贴息资金)", found.funds_contributed_fen, found.funds_balance_fen),
        ("small loans (扶贫小额信贷+光伏农户贷)", found.loans_disbursed_fen, found.loans_balance_fen),
        ("relending (扶贫再贷款)", found.relending_drawn_fen, found.relending_balance_fen),
        ("enterprise loans (富民生产贷)", found.enterprise_disbursed_fen, found.enterprise_balance_fen),
    )
    for name, turned, left in lines:
        table.add_row(name, yuan(turned), yuan(left))
    out.print(table)
    now = "" if found.as_of == found.latest_day else "as known now (现时): "
    say(
        f"{now}{found.households} households; {found.loans} loans, {found.loans_open} open, {found.loans_overdue} overdue, "
        f"{found.loans_non_accrual} non-accrual; claims paid {yuan(found.claims_paid_fen)}, recovered "
        f"{yuan(found.claims_recovered_fen)}; {found.solar_stations} solar stations, income "
        f"{yuan(found.solar_received_fen)} yuan."
    )
    if assumed:
        say(
            "The first three turnovers are the article's facts (5,570 万, 1.57 亿, 2.7 亿); everything else is assumed: "
            f"the split {yuan(found.compensation_contributed_fen)} + {yuan(found.subsidy_contributed_fen)}, lenders, "
            "people, terms and lives (演示数据)."
        )


def print_checks(checks: Sequence[Check]) -> None:
    """Print checks as a table, if there are any."""
    if not checks:
        return
    table = Table("check", "expected", "actual", "ok")
    for check in checks:
        mark = Text("ok") if check.ok else Text("NOT OK", style="red")
        table.add_row(Text(check.check), Text(check.expected), Text(check.actual), mark)
    out.print(table)


def print_errors(errors: Sequence[RowError], file: str) -> None:
    """Print the bad rows of a file, the first of them."""
    table = Table("行", "列", "值", "原因", title=Text(f"{file}：{len(errors)} 处错误"))
    for error in errors[:MOST_ERRORS]:
        table.add_row(str(error.row), Text(error.column), Text(error.value), Text(error.reason))
    err.print(table)
