"""The command line (命令行): exit 0 is good, 1 a refusal with a sentence to act on, 2 wrong usage."""

import json
import signal
import socket
import sys
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import ArgumentError, InternalError, OperationalError

from app import (
    cli_backup,
    cli_balance,
    cli_bank,
    cli_book,
    cli_claim,
    cli_close,
    cli_export,
    cli_loan,
    cli_paper,
    cli_period,
    cli_policy,
    cli_pool_risk,
    cli_quarantine,
    cli_relending,
    cli_report,
    cli_scale,
    cli_scheduler,
    cli_seal,
    cli_solar,
    cli_subsidy,
    cli_suspicion,
    cli_user,
    cli_voucher,
    opening,
    wiring,
)
from app import migrate as migrations
from app.access.errors import AccessError
from app.access.roles import SECOND_FACTOR
from app.backup import NothingToBackUp
from app.balances import BalanceRefused
from app.bankfiles.layout import LayoutRefused
from app.demo.people import people
from app.demo.portfolio import LAST
from app.demo.run import DemoStopped
from app.demo.run import run as run_demo
from app.distribution import SpansBooks
from app.entrance import Day, Stopped, day_of, opened
from app.heads import HeadsRefused
from app.imports.batch import MOST_BATCHES, REFUSALS, Desk, ImportRefused, import_file
from app.imports.batch import undo as undo_batch
from app.imports.kinds import IMPORTERS
from app.imports.sheet import SheetRefused
from app.issuing.question import QuestionRefused
from app.manifest import ManifestUnreadable
from app.partitioning import BooksInUse
from app.restore import BackupRefused, PlaceNotEmpty
from app.scheduler import NoDatabase
from app.screen import busy, err, out, print_checks, print_night, print_outcome, print_status, say
from app.settings import BadAddress
from app.status import as_json
from app.status import status as status_of
from app.upgrade import UpgradeRefused
from app.wiring import System
from ledger.business_day import peek
from ledger.db import unit_of_work
from scheduling.errors import CloseError
from statements.errors import PaperError

app = typer.Typer(
    help="fupin 扶贫: the ledger and loan-servicing system for poverty-relief credit.",
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
)  # fmt: skip
import_app = typer.Typer(help="Import a file of a bank or a bureau (导入), or undo one.", no_args_is_help=True)
app.add_typer(import_app, name="import")
app.add_typer(cli_bank.app, name="bank")
app.add_typer(cli_book.app, name="book")
app.add_typer(cli_export.app, name="export")
app.add_typer(cli_loan.app, name="loan")
app.add_typer(cli_paper.app, name="paper")
app.add_typer(cli_policy.app, name="policy")
app.add_typer(cli_pool_risk.app, name="pool")
app.add_typer(cli_quarantine.app, name="quarantine")
app.add_typer(cli_relending.app, name="relending")
app.add_typer(cli_scale.app, name="scale")
app.add_typer(cli_paper.statements, name="statement")
app.add_typer(cli_seal.app, name="seal")
app.add_typer(cli_claim.app, name="claim")
app.add_typer(cli_solar.app, name="solar")
app.add_typer(cli_subsidy.app, name="subsidy")
app.add_typer(cli_suspicion.app, name="suspicion")
app.add_typer(cli_user.app, name="user")
app.add_typer(cli_voucher.app, name="voucher")
app.add_typer(cli_period.app, name="period")
app.command()(cli_balance.balance)
app.command()(cli_close.close)
app.command()(cli_backup.backup)
app.command()(cli_backup.restore)
app.command()(cli_backup.upgrade)
app.command("report")(cli_report.report)
app.command()(cli_scheduler.scheduler)
app.command()(cli_scheduler.jobs)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


class PortTaken(Exception):
    """A port that the pages can't be shown on."""

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(f"port {port} can't be used (端口不可用): {reason}; choose another with --port")


REFUSED = (
    *REFUSALS,
    AccessError,
    BackupRefused,
    BooksInUse,
    BalanceRefused,
    BadAddress,
    CloseError,
    DemoStopped,
    HeadsRefused,
    ImportRefused,
    LayoutRefused,
    NoDatabase,
    ManifestUnreadable,
    NothingToBackUp,
    PaperError,
    PlaceNotEmpty,
    PortTaken,
    QuestionRefused,
    opening.PlanRefused,
    SheetRefused,
    SpansBooks,
    UpgradeRefused,
)


def main() -> None:
    """Run the command line; refusals become one sentence and exit code 1, Ctrl-C (and SIGTERM) one and exit code 130."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except (Stopped, KeyboardInterrupt):
        say("stopped (已中断); run the same command again to go on", err)
        sys.exit(130)
    except REFUSED as refusal:
        _refuse(str(refusal))
    except OSError as refusal:
        _refuse(f"{refusal.strerror or refusal}: {refusal.filename}" if refusal.filename else str(refusal))
    except ValidationError as refusal:
        wrong = refusal.errors()[0]
        _refuse(f"{wrong['loc'][0]} can't be {wrong['input']!r} (设置有误): {wrong['msg']}")
    except ArgumentError:
        _refuse(str(BadAddress()))
    except (OperationalError, InternalError) as refusal:
        said = str(refusal.orig).strip().splitlines()[0] if refusal.orig else "no answer"
        _refuse(f"the database does not answer (数据库无法连接); check DATABASE_URL and that its server runs: {said}")


def _refuse(sentence: str) -> NoReturn:
    say(f"refused (拒绝): {sentence}", err)
    sys.exit(1)


@app.command()
def demo(
    until: Day = None,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Show the staff page afterwards.")] = True,
) -> None:
    """Run the demo: Binzhou's figures through the front door, every night closed (演示)."""
    with opened() as system:
        bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err)
        with bar:
            task = bar.add_task("nights closed (日终)", total=None)
            done = run_demo(
                system, day_of(until) or LAST,
                lambda day, nights, whole: bar.update(task, completed=nights, total=whole, description=f"closed {day}"),
            )  # fmt: skip
        if done.nights:
            say(f"Closed {done.nights} nights from {done.files} imported files.")
        else:
            say("Everything is done already (已全部完成); nothing was changed.")
        with unit_of_work(system.engine) as session:
            print_status(status_of(session), assumed=True)
        if serve:
            _show_people(system)
            _serve(system, 8000)


@app.command()
def begin(plan: Annotated[Path, typer.Argument(help="A TOML file that names the first day, banks and counties.")]) -> None:
    """Begin the books of a plan, or open what is new in it (启用)."""
    wanted = opening.read_plan(plan)
    with opened() as system, unit_of_work(system.engine) as session:
        count = opening.open_books(session, wanted)
        today = peek(session)
    say(f"opened {count} books (账套); the business date is {today} (营业日)")


@app.command()
def status(as_of: Day = None, as_json_: AsJson = False) -> None:
    """Show the funds, loans and relending as of a date (概况)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = status_of(session, day_of(as_of))
        if as_json_:
            out.print_json(json.dumps(as_json(found), ensure_ascii=False))
        else:
            print_status(found, assumed=False)
            print_night(found.night, len(found.set_aside))


@app.command()
def verify(
    as_json_: AsJson = False,
    all_: Annotated[bool, typer.Option("--all", help="Print the checks that hold, too.")] = False,
) -> None:
    """Re-derive every tie from events and journal (核对); exit 1 on the first fen."""
    with opened() as system, busy("checking every tie (核对)"), unit_of_work(system.engine) as session:
        checks = list(wiring.verify(session))
    bad = [check for check in checks if not check.ok]
    if as_json_:
        found = [{"check": c.check, "expected": c.expected, "actual": c.actual, "ok": c.ok} for c in checks]
        out.print_json(json.dumps(found, ensure_ascii=False))
    else:
        print_checks(checks if all_ else bad)
        counts = Counter(check.check.partition(":")[0] for check in checks)
        say("; ".join(f"{package} {count}" for package, count in counts.items()))
        say(f"{len(checks)} checks, {len(bad)} not ok" if bad else f"{len(checks)} checks, all ok (全部相符)")
    if bad:
        raise typer.Exit(1)


@app.command()
def serve(port: Annotated[int, typer.Option(help="The port on 127.0.0.1.", min=1, max=65535)] = 8000) -> None:
    """Show the staff's pages on 127.0.0.1 (工作台)."""
    with opened() as system:
        _serve(system, port)


@app.command()
def migrate() -> None:
    """Bring the database to this program's schema (升级数据库)."""
    with opened():
        say(f"the schema is at {migrations.newest()}")


@import_app.command("undo")
def import_undo(batch: Annotated[int, typer.Argument(min=1, max=MOST_BATCHES - 1, help="The batch's number.")]) -> None:
    """Undo an import batch as a whole (撤销导入)."""
    with opened() as system:
        undone = undo_batch(system.engine, IMPORTERS, batch, Desk(system.cipher, system.settings.actor))
        say(f"undone: batch {batch} ({undone.kind}, {undone.file}, {undone.rows} rows)")


def _add_import(kind: str, title: str) -> None:
    @import_app.command(kind, help=f"Import {kind} ({title}) from an .xlsx or .csv file.")
    def command(
        file: Annotated[Path, typer.Argument(help="The file.")],
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
        accept_good_rows: Annotated[bool, typer.Option("--accept-good-rows", help="Take the good rows, leave the bad.")] = False,
    ) -> None:
        with opened() as system:
            desk = Desk(system.cipher, system.settings.actor)
            with busy(f"importing {file.name} (导入)"):
                outcome = import_file(
                    system.engine, IMPORTERS[kind], file, desk, dry_run=dry_run, accept_good_rows=accept_good_rows
                )
        print_outcome(outcome, file, dry_run=dry_run)


for _importer in IMPORTERS.values():
    _add_import(_importer.kind, _importer.title)


def _show_people(system: System) -> None:
    """Print the demo's users with their passwords, which are told here and nowhere else."""
    with unit_of_work(system.engine) as session:
        told = people(session, system.cipher, datetime.now(UTC))
    say("Demo users (演示用户), name and password; the passwords are by chance, new at every start (密码每次启动随机生成):")
    for name, (role, password) in told.items():
        factor = ", enrols a telephone at sign-in (登录时绑定动态口令)" if role in SECOND_FACTOR else ""
        say(f"  {name:<15} {password}  {role.label}{factor}")


def _serve(system: System, port: int) -> None:
    import uvicorn  # noqa: PLC0415 - the web server is only needed here

    from app.web.pages import make_app  # noqa: PLC0415

    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(port, error.strerror or str(error)) from error
        server = uvicorn.Server(uvicorn.Config(make_app(system), log_level="warning", server_header=False))
        say(f"The staff's pages (工作台) are on http://127.0.0.1:{port} until Ctrl-C.")
        with suppress(KeyboardInterrupt):
            server.run(sockets=[door])
