"""Commands about relending (扶贫再贷款): the register of draws and the loans that they stand in."""

import csv
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.entrance import Day, day_of, opened
from app.screen import out, say
from ledger.books import book_named
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.money import decimal_yuan, percent, yuan
from loans.errors import NotClosed
from loans.relending.draw import Form
from loans.relending.register import DrawSheet, Register, RegisterLine
from loans.relending.register import register as register_of
from scheduling.close import last_closed

app = typer.Typer(help="Look at relending (扶贫再贷款).", no_args_is_help=True)

DRAW_HEADINGS = (
    "台账日期", "账套", "借款编号", "方式", "借款金额(元)", "借款利率(%)", "借款日", "到期日", "借款余额(元)",
    "质押价值(元)", "未使用(元)", "使用率(%)",
    "闲置(元)", "闲置起日",
)  # fmt: skip
LOAN_HEADINGS = (
    "借据号", "产品", "借款人", "证件号码", "建档立卡", "建档立卡号", "贷款金额(元)", "贷款利率(%)", "放款日期", "贷款到期日",
    "贷款余额(元)", "对应金额(元)", "对应起日",
)  # fmt: skip


@app.callback()
def relending() -> None:
    """Look at relending (扶贫再贷款)."""


@app.command()
def register(
    book: Annotated[str, typer.Option("--book", help="A loan book's code (账套).")],
    as_of: Day = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write it to this file, for Excel.")] = None,
) -> None:
    """Show a bank's draws and the loans that they stood in at a close (再贷款使用台账)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = closed_register(session, BookCode(book), day_of(as_of))
    _print_draws(found)
    if csv_file is None:
        _print_loans(found)
        return
    write_register(found, csv_file)
    say(f"wrote {csv_file}")


def closed_register(session: Session, book: BookCode, day: date | None) -> Register:
    """Return a book's register as of a closed day, by default the last.

    Raises:
        NotClosed: the day is not closed.
        UnknownBook: there is no such book.
    """
    closed = last_closed(session)
    if closed is None or (day is not None and day > closed):
        raise NotClosed(day, closed)
    return register_of(session, book_named(session, book), day or closed)


def write_register(found: Register, path: Path) -> None:
    """Write a register as a CSV file that Excel opens with its Chinese right: a row for each loan of a draw, and the sum."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*DRAW_HEADINGS, *LOAN_HEADINGS])
        writer.writerows(_rows(found))


def hundredths(value: int) -> str:
    """Return hundredths of a per cent as people read them: 9,800 is '98.00'."""
    return f"{value // 100}.{value % 100:02d}"


def _rows(found: Register) -> Iterator[Sequence[object]]:
    for sheet in found.sheets:
        about = _about(found, sheet)
        for line in sheet.lines:
            yield [*about, *_loan(line)]
        if not sheet.lines:
            yield [*about, *[""] * len(LOAN_HEADINGS)]
    unused = found.balance_fen - found.allocated_fen
    total = {
        "台账日期": found.day, "账套": found.book.code, "借款编号": "合计", "借款余额(元)": decimal_yuan(found.balance_fen),
        "未使用(元)": decimal_yuan(unused), "使用率(%)": hundredths(found.utilisation),
        "对应金额(元)": decimal_yuan(found.allocated_fen),
    }  # fmt: skip
    yield [total.get(name, "") for name in (*DRAW_HEADINGS, *LOAN_HEADINGS)]


def _about(found: Register, sheet: DrawSheet) -> list[object]:
    one, idle, pledged = sheet.draw, sheet.idle, sheet.draw.form is Form.PLEDGED
    return [
        found.day, found.book.code, one.number, one.form.label, decimal_yuan(one.fen), percent(one.rate_ppb).removesuffix("%"),
        one.drawn_on, one.ends_on, decimal_yuan(sheet.balance_fen), decimal_yuan(sheet.pledged_fen) if pledged else "",
        decimal_yuan(sheet.unused_fen), hundredths(sheet.utilisation),
        decimal_yuan(idle.fen) if idle else "", idle.since if idle else "",
    ]  # fmt: skip


def _loan(line: RegisterLine) -> list[object]:
    return [
        line.contract, line.product, line.borrower, line.id_masked, "是" if line.household else "否", line.household or "",
        decimal_yuan(line.lent_fen), percent(line.rate_ppb).removesuffix("%"), line.drawn_on, line.maturity,
        decimal_yuan(line.balance_fen), decimal_yuan(line.fen), line.since,
    ]  # fmt: skip


def _print_draws(found: Register) -> None:
    """Print each draw with its use, what it earned and cost, and what the rule is."""
    title = f"再贷款使用台账 {found.book.code}, as of (截至) {found.day}, yuan (元)"
    table = _table(
        "借款编号", "方式", "借款日", "到期日", "利率", "余额", "已对应", "使用率", "收益", "成本", "利差", title=title
    )
    for sheet in found.sheets:
        one = sheet.draw
        table.add_row(
            one.number, one.form.label, str(one.drawn_on), str(one.ends_on), percent(one.rate_ppb), yuan(sheet.balance_fen),
            yuan(sheet.allocated_fen), f"{hundredths(sheet.utilisation)}%", yuan(sheet.earned_fen), yuan(sheet.cost_fen),
            yuan(sheet.spread_fen),
        )  # fmt: skip
    out.print(table)
    say(
        f"{len(found.sheets)} draws (借款), {yuan(found.balance_fen)}; allocated (已对应) {yuan(found.allocated_fen)}, "
        f"{hundredths(found.utilisation)}% used (使用率)"
    )
    days, document = found.rule.use_within_days, found.rule.document
    say(f"funded loans bear at most (利率上限) {percent(found.cap_ppb)}; a draw is used within {days} days ({document})")
    for sheet in found.sheets:
        if sheet.idle:
            say(f"{sheet.draw.number}: {yuan(sheet.idle.fen)} unused since (闲置自) {sheet.idle.since}")


def _print_loans(found: Register) -> None:
    """Print the loans of each draw."""
    table = _table(
        "借款编号", "借据号", "借款人", "建档立卡号", "贷款金额", "利率", "放款日期", "到期日", "余额", "对应金额", "起日"
    )
    for sheet in found.sheets:
        for line in sheet.lines:
            table.add_row(
                sheet.draw.number, line.contract, f"{line.borrower} {line.id_masked}", line.household or "—", yuan(line.lent_fen),
                percent(line.rate_ppb), str(line.drawn_on), str(line.maturity), yuan(line.balance_fen), yuan(line.fen),
                str(line.since),
            )  # fmt: skip
    out.print(table)


def _table(*headings: str, title: str | None = None) -> Table:
    table = Table(title=Text(title) if title else None)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
