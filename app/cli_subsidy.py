"""Commands about interest subsidy (贴息): batches and their lists, what is owed and received, the bank's list beside ours."""

import csv
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.entrance import opened
from app.screen import out, say
from app.web.words import PAYERS
from ledger.books import Book, BookKind, book_named, fund_book_code
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.money import yuan
from loans.queries import contracts
from loans.subsidy import bank_list, preparation
from loans.subsidy.batch import Line, by_tier
from loans.subsidy.queries import batches
from loans.subsidy.reconciliation import positions
from loans.subsidy.schemes import Mode
from registry.households import borrowers
from registry.identity import masked_name

app = typer.Typer(help="Interest subsidy: batches, lists, reconciliation (贴息).", no_args_is_help=True)


class Way(StrEnum):
    """How subsidy is paid."""

    A = "A"
    B = "B"
    C = "C"


LoanBook = Annotated[str, typer.Option("--book", help="A bank's loan book, such as LB-371621-HMRCB (贷款备查账).")]
Period = Annotated[str, typer.Option("--period", help="Such as 2017Q2, 2017-06 or 2017 (期间).")]
PaidBy = Annotated[
    Way, typer.Option("--way", help="A household first (先收后贴), B to the bank (直贴银行), C in advance (预拨清算).")
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the rows to a file as well.")]

LIST = ("借据号", "借款人", "证件号码", "本金余额", "计息天数", "剔除天数", "合同利息", "贴息", "借款人承担", "备注", "审核")


@app.command("list")
def list_(book: LoanBook) -> None:
    """List a bank's batches with what became of them (批次)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = batches(session, [book_named(session, BookCode(book)).id])
    rows = [
        (
            one.number, one.period.label, one.mode, one.stage, str(len(one.accepted)), yuan(one.payable_fen),
            yuan(one.reclaimed_fen), str(len(one.rejected)), one.prepared_by, one.approved_by or "",
        )
        for one in found
    ]  # fmt: skip
    headings = ("batch (批次)", "period (期间)", "way (方式)", "stage (状态)", "lines (笔)", "to pay (应付)", "back (追回)")
    _print((*headings, "rejected (剔除)", "prepared (编制)", "approved (批准)"), rows)


@app.command()
def draft(book: LoanBook, period: Period, way: PaidBy = Way.B, to: Csv = None) -> None:
    """Show what a batch would ask as things stand, and what speaks against it (试算); nothing is written."""
    with opened() as system, unit_of_work(system.engine) as session:
        loan_book, fund = _books(session, book)
        made = preparation.draft(session, fund, loan_book, Mode(way), period)
        reasons = {key[1]: "；".join(found) for key, found in made.objections.items()}
        _show(_list_of(session, made.lines, reasons), to)
    whole = yuan(sum(line.fen for line in made.lines))
    borne = _borne([(line, line.fen) for line in made.lines])
    say(f"{len(made.lines)} lines (笔), {len(reasons)} objected to (有疑义); subsidy (贴息) {whole}{borne}")


@app.command()
def show(number: Annotated[str, typer.Argument(help="The batch's number (批次号).")], book: LoanBook, to: Csv = None) -> None:
    """Show a batch's list (贴息清单): every line with its days, interest, subsidy and verdict."""
    with opened() as system, unit_of_work(system.engine) as session:
        one = preparation.numbered(session, book_named(session, BookCode(book)), number)
        reasons = {loan_id: ("终局：" if r.final else "") + r.reason for loan_id, r in one.rejected.items()}
        _show(_list_of(session, one.lines, reasons), to)
    borne = _borne([(line, line.fen) for line in one.payable])
    say(
        f"{one.number} {one.period.start} to {one.period.end} (不含), {one.stage}: {len(one.accepted)} of {len(one.lines)} lines "
        f"accepted (笔), to pay (应付) {yuan(one.payable_fen)}{borne}, reclaimed (追回) {yuan(one.reclaimed_fen)}"
    )


@app.command("positions")
def positions_(book: LoanBook, to: Csv = None) -> None:
    """Show where every loan's subsidy stands, in the bank's book and the fund's (往来核对)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = list(positions(session, book_named(session, BookCode(book))))
    rows = [
        (
            one.contract,
            *(yuan(fen) for fen in (
                one.charged_fen, one.received_fen, one.open_fen, one.unasked_fen, one.in_review_fen, one.approved_fen,
                one.returned_fen,
            )),
        )
        for one in found
    ]  # fmt: skip
    headings = ("借据号", "财政应承担", "已收", "应收未收", "未申报或结转", "审核中", "已批未拨", "退回待付")
    _show((headings, rows), to)
    say(f"{len(found)} loans (笔); still to come (应收未收) {yuan(sum(one.open_fen for one in found))}")


@app.command()
def compare(book: LoanBook, period: Period, way: PaidBy = Way.B, to: Csv = None) -> None:
    """Show every difference between the bank's own list and ours, with its likely cause (清单核对); exit 1 if there is one."""
    with opened() as system, unit_of_work(system.engine) as session:
        loan_book, fund = _books(session, book)
        found = bank_list.differences(session, fund, loan_book, Mode(way), period)
    rows = [(one.contract, one.what, one.bank, one.ours, one.cause) for one in found]
    _show((("借据号", "项目", "银行", "本系统", "可能原因"), rows), to)
    say(f"{len(found)} differences (差异)" if found else "no difference (完全一致)")
    if found:
        raise typer.Exit(1)


def _borne(lines: Sequence[tuple[Line, int]]) -> str:
    """Return what each tier bears of it (分级负担); nothing to say where the county bears all."""
    found = by_tier(lines)
    if set(found) <= {None}:
        return ""
    return " (" + ", ".join(f"{PAYERS.get(name, name) if name else '县级'} {yuan(fen)}" for name, fen in found.items()) + ")"


def _books(session: Session, code: str) -> tuple[Book, Book]:
    """Return a loan book and its county's subsidy fund."""
    loan_book = book_named(session, BookCode(code))
    return loan_book, book_named(session, fund_book_code(BookKind.SUBSIDY, loan_book.county))


def _list_of(session: Session, lines: Sequence[Line], reasons: dict[int, str]) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    found = contracts(session, [line.loan for line in lines])
    people = borrowers(session, {(contract.county, contract.borrower) for contract in found.values()})
    rows = []
    for line in lines:
        contract = found[line.loan]
        who = people.get((contract.county, contract.borrower))
        figures = (line.whole_fen, line.fen, line.whole_fen - line.fen)
        rows.append(
            (
                contract.contract, masked_name(who.name) if who else "", who.id_masked if who else "", yuan(line.principal_fen),
                str(line.days), str(line.late_days), *(yuan(fen) for fen in figures), "、".join(line.flags),
                reasons.get(line.loan[1], "通过"),
            )
        )  # fmt: skip
    return LIST, rows


def _show(table: tuple[Sequence[str], Sequence[Sequence[str]]], to: Path | None) -> None:
    """Print rows, and write them to a file that Excel opens with its Chinese right."""
    headings, rows = table
    _print(headings, rows)
    if to is not None:
        with to.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(headings)
            writer.writerows(rows)
        say(f"wrote {to}")


def _print(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    out.print(table)
