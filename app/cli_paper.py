"""Commands about papers (单证): issue, print again, list, and check a file."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.entrance import opened
from app.issuing import files
from app.issuing.check import Verdict, check_file
from app.issuing.kinds import KINDS
from app.issuing.register import Issued, issue, issued, reprint
from app.screen import busy, out, say
from app.wiring import System
from ledger.db import unit_of_work

app = typer.Typer(help="Issue papers, print them again, and check files (单证).", no_args_is_help=True)

statements = typer.Typer(help="Write a bank's loan statement as PDF, or check one (贷款对账单).")

By = Annotated[str | None, typer.Option("--by", help="Who does it (经办人); by default FUPIN_ACTOR.")]
Folder = Annotated[Path, typer.Option("-o", "--output", help="A folder.")]


@app.callback()
def paper() -> None:
    """Issue papers, print them again, and check files (单证)."""


@app.command()
def kinds() -> None:
    """List the kinds of papers and what each is asked (单证种类)."""
    table = Table("name (名称)", "paper (单证)", "words (要素)")
    for name, kind in KINDS.items():
        asks = [f"{one}=…" for one in kind.asks] + [f"[{one}=…]" for one in kind.optional]
        table.add_row(name, kind.title, Text(" ".join(asks)))
    out.print(table)


@app.command("issue")
def issue_paper(
    kind: Annotated[str, typer.Argument(help="A kind's name or Chinese title (单证种类).")],
    words: Annotated[list[str] | None, typer.Argument(help="What it is asked, such as bank=HMRCB from=2017-01-01.")] = None,
    output: Folder = Path(),
    by: By = None,
    again: Annotated[bool, typer.Option("--again", help="Print another copy if it was issued already (再次打印).")] = False,
) -> None:
    """Issue a paper as PDF/A (签发); asked again with the same figures, it is the same paper."""
    asked = dict(_pair(word) for word in words or ())
    with opened() as system:
        with busy("issuing the paper (签发)"), unit_of_work(system.engine) as session:
            found, content = issue(session, kind, asked, by or system.settings.actor, system.settings.font, again=again)
            path = _write(found, content, output)
        said = f"; it supersedes (取代) {found.supersedes}" if found.supersedes else ""
        say(f"wrote {path}: {KINDS[found.kind].title} {found.serial}{said}")


@app.command("print")
def print_paper(
    serial: Annotated[str, typer.Argument(help="A paper's serial number (单证编号).")], output: Folder = Path(), by: By = None
) -> None:
    """Print another copy of a paper with what was known when it was issued (再次打印)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found, content = reprint(session, serial, by or system.settings.actor, system.settings.font)
        path = _write(found, content, output)
    say(f"wrote {path}: copy (第几次打印) {found.copies + 1}")


@app.command("list")
def list_papers(
    bank: Annotated[str | None, typer.Option("--bank", help="A bank's code.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="A kind's name or title.")] = None,
) -> None:
    """List what was issued, how often it was printed and what superseded it (单证登记簿)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = issued(session, bank, kind)
    table = Table("单证编号", "单证", "要素", "签发日", "签发人", "打印次数", "被取代于")
    for one in found:
        words = " ".join(f"{name}={said}" for name, said in one.words.items())
        table.add_row(
            one.serial, KINDS[one.kind].title, Text(words), str(one.issued_on), one.issued_by, str(one.copies),
            one.superseded_by or ""
        )  # fmt: skip
    out.print(table)


@app.command()
def check(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A PDF that was issued.")]) -> None:
    """Say whether a file is genuine, altered or superseded (真、已改动、已被取代); exit 1 unless it is genuine."""
    with opened() as system:
        say_verdict(system, file)


def say_verdict(system: System, file: Path) -> None:
    """Print what a file is, and end with 1 unless it is genuine."""
    with unit_of_work(system.engine) as session:
        found = _checked(session, file)
    if found is not Verdict.GENUINE:
        raise typer.Exit(1)


def _checked(session: Session, file: Path) -> Verdict:
    found = check_file(session, file)
    say(f"{found.serial}: {found.verdict.name.lower().replace('_', ' ')} ({found.verdict.value})")
    for reason in found.reasons:
        say(reason)
    return found.verdict


def _pair(word: str) -> tuple[str, str]:
    name, found, said = word.partition("=")
    if not found:
        raise typer.BadParameter(f"{word}: name=value is expected (须写 名称=内容)")
    return name, said


def _write(found: Issued, content: bytes, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found.serial}.pdf"
    path.write_bytes(content)
    return path


@statements.callback(invoke_without_command=True)
def statement(
    context: typer.Context,
    bank: Annotated[str | None, typer.Option("--bank", help="A bank's code.")] = None,
    from_: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"])] = None,
    to: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A folder.")] = None,
) -> None:
    """Write a bank's loan statement as PDF (贷款对账单), or check one."""
    if context.invoked_subcommand is not None:
        return
    if bank is None or from_ is None or to is None or output is None:
        raise typer.BadParameter("--bank, --from, --to and -o are needed (须写明银行、起止日和文件夹)")
    if from_ > to:
        raise typer.BadParameter("--from lies after --to (起始日晚于截止日)")
    with opened() as system:
        with busy("writing the statement (对账单)"):
            path = files.write_statement(system, bank, from_.date(), to.date(), output)
        say(f"wrote {path}")


@statements.command("check")
def check_statement(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A PDF that was issued.")]) -> None:
    """Say whether a file is genuine, altered or superseded (真、已改动、已被取代); exit 1 unless it is genuine."""
    check(file)
