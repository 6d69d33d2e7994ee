"""Commands about special accounts at banks (专户): statements, matching, and the 余额调节表."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.bankfiles.importing import Imported, import_statement
from app.bankfiles.layout import read_layout
from app.bankfiles.reading import Given
from app.entrance import BookOption, day_of, opened
from app.imports.batch import write_errors
from app.imports.cells import CellRefused, account_cell, signed_fen_cell
from app.screen import err, out, print_errors, say
from app.wiring import System
from ledger.banking import loading, matching, registration, sheets
from ledger.banking.errors import BankAccountRefused
from ledger.banking.items import BankAccount, BookItem, LineItem
from ledger.banking.queries import account_at, accounts, lines_of, matches, open_postings, statements
from ledger.banking.reconciliation import Group, Sheet
from ledger.banking.rules import Proposal, Rule
from ledger.books import book_named
from ledger.calendar import DAY
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.money import decimal_yuan, yuan
from registry.identity import masked_account
from registry.reference import bank_names

app = typer.Typer(help="Reconcile the special accounts of fund books with their banks (银行对账).", no_args_is_help=True)

BookCodeOption = Annotated[str, typer.Option("--book", help="A fund book's code (账套), such as RCF-371621.")]
Bank = Annotated[str, typer.Option("--bank", help="The bank's code (银行代码).")]
By = Annotated[str | None, typer.Option("--by", help="Who does it (经办人); the system's actor if left out.")]
DayOption = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A date such as 2017-03-31.")]
SHEET_HEADINGS = ("账套", "银行", "截至", "项目", "日期", "金额(元)", "编号", "内容", "未达天数", "提示")


@dataclass(frozen=True, slots=True)
class Desk:
    """A command at work on one account."""

    system: System
    session: Session
    account: BankAccount
    actor: str


@contextmanager
def _at(book: str, bank: str, by: str | None = None) -> Iterator[Desk]:
    with opened() as system, unit_of_work(system.engine) as session:
        account = account_at(session, book_named(session, BookCode(book)), bank)
        yield Desk(system, session, account, by or system.settings.actor)


@app.command()
def register(
    book: BookCodeOption,
    bank: Bank,
    number: Annotated[str, typer.Option("--number", help="The account's number (账号).", prompt=True, hide_input=True)],
    by: By = None,
) -> None:
    """Register a fund's special account at a bank; asks for its number if not given (专户登记)."""
    with opened() as system, unit_of_work(system.engine) as session:
        try:
            digits = account_cell(number)
        except CellRefused as refusal:
            raise BankAccountRefused(book, bank, str(refusal)) from None
        if bank not in bank_names(session):
            raise BankAccountRefused(book, bank, "没有这家银行")
        hidden = system.cipher.hide(digits, masked_account(digits))
        sealed = registration.SealedNumber(sealed=hidden.sealed, mark=hidden.mark, masked=hidden.masked)
        made = registration.register(
            session, book_named(session, BookCode(book)), bank, sealed, by or system.settings.actor
        )  # fmt: skip
        say(f"{made.book} at {made.bank}: {made.number_masked} (专户)")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="An .xlsx, .csv (UTF-8 or GB18030) or camt.053 .xml file.")],
    book: BookCodeOption,
    bank: Bank,
    layout: Annotated[Path | None, typer.Option("--map", help="A TOML file that says what the columns mean; remembered.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day (起始日).")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day (截止日).")] = None,
    opening: Annotated[str | None, typer.Option(help="Opening balance in yuan (期初余额), if the file has none.")] = None,
    closing: Annotated[str | None, typer.Option(help="Closing balance in yuan (期末余额), if the file has none.")] = None,
    by: By = None,
) -> None:
    """Import a bank statement (对账单); what is there already changes nothing."""
    given = Given(first=day_of(first), last=day_of(last), opening_fen=_fen(opening), closing_fen=_fen(closing))
    known = read_layout(layout) if layout else None
    with _at(book, bank, by) as desk:
        outcome = import_statement(desk.session, desk.system.cipher, desk.account, file, given, desk.actor, known)
    _report(outcome, file)


@app.command()
def undo(
    number: Annotated[int, typer.Argument(min=1, help="The statement's number (对账单编号).")],
    book: BookCodeOption,
    bank: Bank,
    by: By = None,
) -> None:
    """Take the last statement of an account back, while nothing of it is matched (撤销对账单)."""
    with _at(book, bank, by) as desk:
        loading.undo(desk.session, desk.account, number, desk.actor)
    say(f"statement {number} undone (已撤销)")


@app.command()
def match(
    book: BookCodeOption,
    bank: Bank,
    posting: Annotated[list[str] | None, typer.Option("--posting", help="A posting such as 15/1, as shown by show.")] = None,
    line: Annotated[list[str] | None, typer.Option("--line", help="A statement's line such as 3/2, as shown by show.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why (理由), for a match of one's own.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what the rules would match, write nothing.")] = False,
    by: By = None,
) -> None:
    """Match by the rules, or the postings and lines that are named (勾对)."""
    with _at(book, bank, by) as desk:
        if posting or line:
            keys = [_key(one) for one in posting or []], [_key(one) for one in line or []]
            number = matching.match(desk.session, desk.account, *keys, reason, desk.actor)
            say(f"match {number} made (已勾对)")
            return
        if dry_run:
            found = matching.proposals(desk.session, desk.account)
        else:
            _, found = matching.match_by_rules(desk.session, desk.account, desk.actor)
    _print_proposals(found)
    sure = sum(one.sure for one in found)
    said = f"{sure} matches would be made (试运行)" if dry_run else f"{sure} matches made (已勾对)"
    say(f"{said}, {len(found) - sure} suggested (建议)")


@app.command()
def unmatch(
    number: Annotated[int, typer.Argument(min=1, help="The match's number (勾对编号).")],
    book: BookCodeOption,
    bank: Bank,
    reason: Annotated[str, typer.Option("--reason", help="Why (理由).")],
    by: By = None,
) -> None:
    """Take a match back (取消勾对)."""
    with _at(book, bank, by) as desk:
        matching.unmatch(desk.session, desk.account, number, reason, desk.actor)
    say(f"match {number} undone (已取消勾对)")


@app.command()
def show(book: BookOption = None, bank: Annotated[str | None, typer.Option("--bank", help="The bank's code.")] = None) -> None:
    """Show special accounts; of one, its statements, matches and what is open on both sides (专户)."""
    if bank is None or book is None:
        with opened() as system, unit_of_work(system.engine) as session:
            chosen = book_named(session, BookCode(book)).id if book else None
            rows = [
                (one.book, one.bank, one.number_masked, *_span(session, one))
                for one in accounts(session, chosen)
                if bank in (None, one.bank)
            ]
        _print("special accounts (专户)", ("账套", "银行", "账号", "对账单至", "余额(元)"), rows)
        return
    with _at(book, bank) as desk:
        held, made = statements(desk.session, desk.account), matches(desk.session, desk.account)
        ours, theirs = open_postings(desk.session, desk.account), lines_of(desk.session, desk.account, only_open=True)
    _print(
        "statements (对账单)", ("编号", "起始日", "截止日", "期初(元)", "期末(元)", "笔数", "文件"),
        [
            (str(s.id), str(s.start), str(s.end - DAY), yuan(s.opening_fen), yuan(s.closing_fen), str(s.lines), s.source)
            for s in held
        ],
    )  # fmt: skip
    _print(
        "matches (勾对)", ("编号", "规则", "分录", "对账单行", "依据", "经办人"),
        [
            (str(one.id), Rule(one.rule).label, _names(one.postings), _names(one.lines), one.reason, one.actor)
            for one in made
        ],
    )  # fmt: skip
    headings = ("编号", "日期", "金额(元)", "内容")
    _print("postings not matched (账上未勾对分录)", headings, [_cells(item) for item in ours])
    _print("lines not matched (对账单未勾对行)", headings, [_cells(item) for item in theirs])


@app.command()
def reconcile(
    book: BookCodeOption,
    bank: Bank,
    as_of: Annotated[datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day (截至), included.")],
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write it to this file, for Excel; - for the screen.")] = None,
    made_by: Annotated[str | None, typer.Option("--made-by", help="Sign it as its maker (编制人).")] = None,
    checked_by: Annotated[
        str | None, typer.Option("--checked-by", help="Sign it as its checker (审核人), another person.")
    ] = None,
) -> None:
    """Show the reconciliation sheet of a day (余额调节表), sign it; exit 1 if its two sides differ or a statement is missing."""
    day = as_of.date()
    with _at(book, bank) as desk:
        if made_by is not None:
            sheets.make(desk.session, desk.account, day, made_by)
        if checked_by is not None:
            sheets.check(desk.session, desk.account, day, checked_by)
        found = sheets.sheet_of(desk.session, desk.account, day)
        people = sheets.signers(desk.session, desk.account, found)
    if csv_file is None:
        _print_sheet(found, people)
    elif str(csv_file) == "-":
        csv.writer(sys.stdout).writerows([SHEET_HEADINGS, *sheet_rows(found, people)])
    else:
        with csv_file.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([SHEET_HEADINGS, *sheet_rows(found, people)])
        say(f"wrote {csv_file}")
    if not found.balances:
        for fault in found.faults:
            say(fault, err)
        raise typer.Exit(1)


def sheet_rows(found: Sheet, people: tuple[str | None, str | None]) -> Iterator[Sequence[object]]:
    """Yield the rows of a sheet as its paper has them: balance, two groups and adjusted balance of each side, then who signed."""
    of = (found.book, found.bank, found.as_of)
    for title, balance, groups, adjusted in (
        ("账面余额", found.book_fen, (Group.BANK_IN, Group.BANK_OUT), found.adjusted_book_fen),
        ("对账单余额", found.bank_fen, (Group.BOOK_IN, Group.BOOK_OUT), found.adjusted_bank_fen),
    ):
        yield *of, title, "", decimal_yuan(balance), "", "", "", ""
        for group, sign in zip(groups, ("加：", "减："), strict=True):
            yield *of, f"{sign}{group}", "", decimal_yuan(found.sum_fen(group)), "", "", "", ""
            for item in found.items:
                if item.group is group:
                    late = "超期未达" if item.overdue else ""
                    yield (
                        *of,
                        group,
                        item.day,
                        decimal_yuan(item.fen),
                        "/".join(map(str, item.key)),
                        item.text,
                        item.days_open,
                        late,
                    )
        yield *of, f"调节后{title}", "", decimal_yuan(adjusted), "", "", "", ""
    for fault in found.faults:
        yield *of, "不能确认", "", "", "", fault, "", ""
    yield *of, "编制人", "", "", "", people[0] or "", "", ""
    yield *of, "审核人", "", "", "", people[1] or "", "", ""


def _print_sheet(found: Sheet, people: tuple[str | None, str | None]) -> None:
    _print(
        f"余额调节表 {found.book} {found.bank} 截至 {found.as_of}", SHEET_HEADINGS[3:],
        [[str(cell) for cell in row[3:]] for row in sheet_rows(found, people)],
    )  # fmt: skip
    overdue = sum(item.overdue for item in found.items)
    if found.balances:
        say(f"both sides (两边) {yuan(found.adjusted_book_fen)}; {len(found.items)} open (未达), {overdue} overdue (超期)")


def _print_proposals(found: Sequence[Proposal]) -> None:
    _print(
        "matches and suggestions (勾对与建议)", ("规则", "结果", "分录", "对账单行", "依据"),
        [
            (
                one.rule.label, "勾对" if one.sure else "建议", _names([item.key for item in one.postings]),
                _names([item.key for item in one.lines]), one.reason,
            )
            for one in found
        ],
    )  # fmt: skip


def _report(outcome: Imported, file: Path) -> None:
    if outcome.errors:
        print_errors(outcome.errors, file.name)
        errors_file = file.with_name(f"{file.stem}-错误.csv")
        write_errors(outcome.errors, errors_file)
        say(f"全部错误已写入 {errors_file}；未作任何更改", err)
        raise typer.Exit(1)
    if outcome.layout is not None:
        used = {fact: heading for fact in ("date", "income", "outgo", "amount") if (heading := getattr(outcome.layout, fact))}
        say(f"read by (格式) {json.dumps(used, ensure_ascii=False)}")
    for taken in outcome.taken:
        say(f"statement {taken.id} taken (对账单): {taken.lines} lines (笔)")
    if not outcome.taken:
        say(f"{file.name}: 内容已全部导入过，未作任何更改")


def _span(session: Session, account: BankAccount) -> tuple[str, str]:
    held = statements(session, account)
    return (str(held[-1].end - DAY), yuan(held[-1].closing_fen)) if held else ("", "")


def _cells(item: BookItem | LineItem) -> tuple[str, str, str, str]:
    return _names([item.key]), str(item.day), yuan(item.fen), item.text


def _names(keys: Sequence[tuple[int, int]]) -> str:
    return "、".join(f"{first}/{second}" for first, second in keys)


def _key(text: str) -> tuple[int, int]:
    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal() and len(first) <= 18 and len(second) <= 4):
        raise typer.BadParameter(f"{text}: should be like 15/1 (编号应如 15/1)")
    return int(first), int(second)


def _fen(text: str | None) -> int | None:
    try:
        return None if text is None else signed_fen_cell(text)
    except CellRefused as refusal:
        raise typer.BadParameter(f"{text}: {refusal}") from None


def _print(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=Text(title))
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="right" if "(元)" in heading else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)
