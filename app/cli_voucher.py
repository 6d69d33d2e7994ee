"""Commands about vouchers (凭证): drafted by one, approved by another, posted, printed, corrected."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app import papers, wiring
from app.entrance import opened
from app.screen import out, print_trace, say
from app.tracing import trace
from ledger.books import Book, book_named
from ledger.db import unit_of_work
from ledger.errors import NotMoney
from ledger.journal import NONE, BookCode, Posting, Side
from ledger.money import parse_yuan, yuan
from ledger.queries import DIMENSIONS, entry_numbered, entry_referenced
from ledger.vouchers import drafting, review
from ledger.vouchers.queries import content_of, steps, voucher_named, vouchers
from ledger.vouchers.voucher import Attachment, Content, Voucher

app = typer.Typer(help="Write, approve, post, correct and print vouchers (凭证).", no_args_is_help=True)

HEADINGS = (
    "serial (编号)", "date (日期)", "summary (摘要)", "amount (金额)", "stage (状态)", "by (制单、审核)", "reason (理由)",
)  # fmt: skip

InBook = Annotated[str, typer.Option("--book", help="A book's code (账套).")]
Serial = Annotated[str, typer.Argument(help="The serial under which the voucher was drafted (编号).")]
By = Annotated[str, typer.Option("--by", help="Who does it (经办人).")]
Reason = Annotated[str, typer.Option("--reason", help="Why (理由).")]
Sha256 = Annotated[str, typer.Option("--sha256", help="The first characters of an attachment's SHA-256.")]
Lines = Annotated[list[str] | None, typer.Option(help='A line such as "1004 100.00 bank=HMRCB".')]


@app.command()
def draft(
    serial: Serial,
    book: InBook,
    by: By,
    day: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="When it takes effect (日期).")],
    narration: Annotated[str, typer.Option("--narration", help="Its summary (摘要).")],
    debit: Lines = None,
    credit: Lines = None,
    sheets: Annotated[int, typer.Option(min=0, help="How many originals belong to it (附单据张数).")] = 0,
    corrects: Annotated[str | None, typer.Option(help="The voucher to take back or correct, such as 2017-03-记-12.")] = None,
) -> None:
    """Draft a voucher, or write a draft anew (制单); with --corrects and no lines it only takes another back (红字冲销)."""
    with opened() as system, unit_of_work(system.engine) as session:
        mine = book_named(session, BookCode(book))
        postings = [_line(text, Side.DEBIT) for text in debit or ()] + [_line(text, Side.CREDIT) for text in credit or ()]
        content = Content(
            value_date=day.date(), narration=narration, postings=tuple(postings), sheets=sheets,
            corrects=_reference(session, mine, corrects) if corrects else None,
        )  # fmt: skip
        if serial in steps(session, mine, [serial]):
            made = drafting.edit(session, voucher_named(session, mine, serial), content, by)
        else:
            made = drafting.draft(session, mine, serial, content, by)
    _say(made)


@app.command()
def attach(
    serial: Serial,
    book: InBook,
    by: By,
    file: Annotated[Path, typer.Option("--file", exists=True, dir_okay=False, help="The file (附件).")],
) -> None:
    """Hang a file on a draft (添加附件)."""
    _step(book, serial, lambda session, one: drafting.attach(session, one, file.name, file.read_bytes(), by))


@app.command()
def detach(serial: Serial, book: InBook, by: By, sha256: Sha256) -> None:
    """Take a file off a draft (移除附件)."""
    _step(book, serial, lambda session, one: drafting.detach(session, one, _attached(one, sha256).sha256, by))


@app.command()
def submit(serial: Serial, book: InBook, by: By) -> None:
    """Hand a draft to the checkers (提交)."""
    _step(book, serial, lambda session, one: drafting.submit(session, one, by, wiring.voucher_checks()))


@app.command("return")
def return_(serial: Serial, book: InBook, by: By, reason: Reason) -> None:
    """Return a voucher to its maker (退回)."""
    _step(book, serial, lambda session, one: review.give_back(session, one, reason, by))


@app.command()
def approve(serial: Serial, book: InBook, by: By) -> None:
    """Approve a voucher that somebody else wrote (审核)."""
    _step(book, serial, lambda session, one: review.approve(session, one, by, wiring.voucher_checks()))


@app.command()
def post(serial: Serial, book: InBook, by: By) -> None:
    """Post an approved voucher for good (记账)."""
    _step(book, serial, lambda session, one: review.post_voucher(session, one, by, wiring.voucher_checks()))


@app.command()
def discard(serial: Serial, book: InBook, by: By, reason: Reason) -> None:
    """Give a voucher up before it is approved (作废)."""
    _step(book, serial, lambda session, one: drafting.discard(session, one, reason, by))


@app.command("list")
def list_(
    book: InBook, only_open: Annotated[bool, typer.Option("--open", help="Only those that wait for somebody (待办).")] = False
) -> None:
    """List the vouchers that people wrote in a book, and where each is (凭证)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = vouchers(session, book_named(session, BookCode(book)), only_open=only_open)
    table = Table(title=f"vouchers (凭证) of {book}")
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for one in found:
        amount = yuan(sum(p.fen for p in one.content.postings if p.side is Side.DEBIT))
        people = "、".join(name for name in (one.maker, one.checker) if name)
        cells = (one.serial, str(one.content.value_date), one.content.narration, amount, one.stage.label, people, one.reason)
        table.add_row(*(Text(cell) for cell in cells))
    if found:
        out.print(table)
    say(f"{len(found)} vouchers (凭证)")


@app.command()
def show(serial: Serial, book: InBook) -> None:
    """Show a voucher, its attachments and what people did with it (凭证)."""
    with opened() as system, unit_of_work(system.engine) as session:
        mine = book_named(session, BookCode(book))
        one = voucher_named(session, mine, serial)
        taken = steps(session, mine, [serial])[serial]
    _say(one)
    say(f"{one.content.value_date} {one.content.word} {one.content.narration}，附单据 {one.content.sheets} 张")
    for line in one.content.postings:
        dims = " ".join(f"{name}={value}" for name in DIMENSIONS if (value := getattr(line.dimensions, name)) is not None)
        say(f"  {'借' if line.side is Side.DEBIT else '　贷'} {line.account} {yuan(line.fen)} {dims}".rstrip())
    for file in one.attachments:
        say(f"  附件 {file.name} {file.size} bytes SHA-256 {file.sha256}")
    for step in taken:
        say(f"  {step.kind.label} {step.actor} {step.body.get('reason', '')}".rstrip())


@app.command()
def attachment(
    serial: Serial,
    book: InBook,
    sha256: Sha256,
    output: Annotated[Path, typer.Option("-o", "--output", help="A file.")],
) -> None:
    """Write an attachment to a file, once it proves to be what was attached (附件)."""
    with opened() as system, unit_of_work(system.engine) as session:
        one = voucher_named(session, book_named(session, BookCode(book)), serial)
        output.write_bytes(content_of(session, one.book, _attached(one, sha256).sha256))
    say(f"wrote {output}")


@app.command("print")
def print_(
    book: InBook,
    reference: Annotated[str, typer.Option("--reference", help="A reference, or a number such as 2017-03-记-12.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder.")],
) -> None:
    """Print an entry of the journal as PDF (记账凭证)."""
    with opened() as system:
        with unit_of_work(system.engine) as session:
            named = _reference(session, book_named(session, BookCode(book)), reference)
        say(f"wrote {papers.write_voucher(system, BookCode(book), named, output)}")


@app.command("trace")
def trace_(
    book: InBook, reference: Annotated[str, typer.Option("--reference", help="A reference, or a number such as 2017-03-记-12.")]
) -> None:
    """Trace an entry of the journal down to what it books: people, a loan's event, the loans of a night (溯源)."""
    with opened() as system, unit_of_work(system.engine) as session:
        mine = book_named(session, BookCode(book))
        print_trace(trace(session, mine, _reference(session, mine, reference)))


def _step(book: str, serial: str, take: Callable[[Session, Voucher], Voucher]) -> None:
    with opened() as system, unit_of_work(system.engine) as session:
        made = take(session, voucher_named(session, book_named(session, BookCode(book)), serial))
        numbers = [entry_referenced(session, made.book.id, reference) for reference in made.entries]
    _say(made)
    for stored in numbers:
        say(f"  {stored.entry.value_date:%Y-%m} {stored.entry.word}字{stored.number}号：{stored.entry.narration}")


def _attached(one: Voucher, sha256: str) -> Attachment:
    """Return the attachment whose SHA-256 begins so.

    Raises:
        BadParameter: none does, or several do.
    """
    named = [file for file in one.attachments if file.sha256.startswith(sha256)]
    if len(named) != 1:
        raise typer.BadParameter(f"{len(named)} attachments bear it (附件)", param_hint="--sha256")
    return named[0]


def _say(one: Voucher) -> None:
    say(f"{one.book.code} {one.serial}: {one.stage} ({one.stage.label})" + (f": {one.reason}" if one.reason else ""))


def _line(text: str, side: Side) -> Posting:
    """Return a line as it is written on the command line: account, yuan, and dimensions.

    Raises:
        BadParameter: it is none.
    """
    account, *rest = text.split()
    try:
        fen = parse_yuan(rest[0]) if rest else 0
        named = dict(part.split("=", 1) for part in rest[1:])
        return Posting(account, side, fen, replace(NONE, **named))  # type: ignore[arg-type]
    except (NotMoney, ValueError, TypeError) as refusal:
        raise typer.BadParameter(f"{text!r}: expected ACCOUNT YUAN [bank=… project=…]; {refusal}") from None


def _reference(session: Session, book: Book, named: str) -> str:
    """Return the reference of an entry that is named by it, or by month, word and number (2017-03-记-12)."""
    return entry_numbered(session, book.id, named) or named
