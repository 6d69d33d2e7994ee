"""Commands about claims (代偿): what each needs and where it is, its steps one by one, recoveries due and late."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.entrance import BookOption, Day, day_of, opened
from app.imports.cells import fen_cell
from app.screen import out, say
from guarantees import claims as verbs
from guarantees.claims.checking import findings
from guarantees.claims.claim import Claim
from guarantees.claims.filing import valid_dunnings
from guarantees.claims.papers import Paper, lodge, missing, papers_of
from guarantees.claims.queries import claims, claims_numbered
from guarantees.claims.receivable import late, recoveries
from guarantees.claims.rules import PAPERS, FilingRule, agree, rule_on
from guarantees.errors import ClaimRefused, NoPool
from guarantees.queries import pool_at, pools
from ledger.books import book_named
from ledger.business_day import business_date
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.money import yuan
from loans.contract import Contract
from loans.errors import UnknownLoan
from loans.queries import contracts, contracts_numbered, horizon_now, lives
from loans.suspicions.dunnings import demands, limitation_of

app = typer.Typer(help="Claims on the compensation pools (代偿).", no_args_is_help=True)

Number = Annotated[str, typer.Argument(help="The claim's number (代偿编号).")]
ContractArgument = Annotated[str, typer.Argument(help="The loan's number (借据号).")]
By = Annotated[str, typer.Option("--by", help="Who does it (经办人).")]
On = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day (日期), by default the business date.")]
Reason = Annotated[str, typer.Option("--reason", help="Why (理由).")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing (试算).")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the rows to a file as well.")]

CLAIMS = (
    "账套",
    "代偿编号",
    "借据号",
    "状态",
    "基数",
    "代偿金额",
    "申请人",
    "审核人",
    "批准人",
    "拨付日",
    "应划回",
    "已划回",
    "损失",
)
DUE = ("账套", "代偿编号", "借据号", "收回日", "应划回日", "金额", "未划回", "划回日", "逾期天数")


@app.command("list")
def list_(
    book: BookOption = None,
    due: Annotated[bool, typer.Option("--due", help="Recoveries and when each is due to the pool (应划回).")] = False,
    only_late: Annotated[bool, typer.Option("--late", help="Only recoveries passed on late or still owed (逾期划回).")] = False,
    as_of: Day = None,
    to: Csv = None,
) -> None:
    """List claims and where they are, or their recoveries with the working day on which each is due."""
    with opened() as system, unit_of_work(system.engine) as session:
        chosen = book_named(session, BookCode(book)).id if book else None
        mine = [one for one in claims(session).values() if chosen in (None, one.pool.book.id)]
        loans = contracts(session, {one.loan for one in mine})
        if not due and not only_late:
            _show(CLAIMS, [_claim_row(one, loans[one.loan]) for one in mine], to)
            say(f"{len(mine)} claims (代偿)")
            return
        day = day_of(as_of) or business_date(session)
    found = [found for one in mine for found in recoveries(one, day)]
    shown = late(found) if only_late else found
    rows = [
        (
            one.claim.pool.book.code, one.claim.number, loans[one.claim.loan].contract, str(one.collected_on), str(one.due_on),
            yuan(one.fen), yuan(one.open_fen), str(one.passed_on or ""), str(one.days_late or ""),
        )
        for one in shown
    ]  # fmt: skip
    _show(DUE, rows, to)
    still = yuan(sum(one.open_fen for one in shown))
    say(f"{len(shown)} recoveries as of (截至) {day}, still to pass on (未划回) {still}; late (逾期) {len(late(found))}")


@app.command()
def show(number: Number, book: BookOption = None) -> None:
    """Show a claim's steps, who took them and what the check found."""
    with opened() as system, unit_of_work(system.engine) as session:
        one = _numbered(session, number, book)
        contract = contracts(session, [one.loan])[one.loan]
    rows = [
        (step.kind, str(step.value_date), yuan(step.fen), step.actor, step.note or "", _found(step.findings))
        for step in one.steps
    ]
    _show(("环节", "日期", "金额", "经办人", "理由", "审核所见"), rows, None)
    say(f"{contract.contract}: {one.state}; of (基数) {yuan(one.basis_fen)} the pool bears (代偿) {yuan(one.gov_fen)}")


@app.command()
def ready(contract: ContractArgument, book: BookOption = None, on: On = None) -> None:
    """Show what a claim for a loan would need and what is there: days past due, dunnings, limitation, papers (申报条件)."""
    with opened() as system, unit_of_work(system.engine) as session:
        loan, day = _loan(session, contract, book), _day(session, on)
        pool = pool_at(session, loan.county, loan.bank)
        rule, life = rule_on(session, pool, day), lives(session, [loan.key], horizon_now(session))[loan.key]
        made = demands(session, loan.key)
        standing = limitation_of(session, loan.key, life, made)
        counting = valid_dunnings(made, life.standing.oldest_due or day, day, standing)
        lacking = missing(rule.papers, papers_of(session, pool, loan.key), day)
    _show(
        ("流水号", "日期", "方式", "催收人", "签收", "文书", "有效"),
        [
            (one.serial, str(one.day), one.way, one.dunned_by, "是" if one.signed else "", one.document or one.sha256 or "",
             "是" if one in counting else "")
            for one in made
        ],
        None,
    )  # fmt: skip
    say(f"past due (逾期) {life.standing.days_past_due(day)} days of more than {pool.claim_after_days}")
    say(f"dunnings that count (有效催收) {len(counting)} of {rule.dunnings}; to be sued for by (时效至) {standing.ends_on}")
    say(f"papers missing (缺少材料): {'、'.join(lacking)}" if lacking else "no paper is missing (材料齐全)")


@app.command("paper")
def paper_(
    contract: ContractArgument,
    paper: Annotated[str, typer.Option("--paper", help=f"One of {'、'.join(PAPERS)} (材料).")],
    sha256: Annotated[str, typer.Option("--sha256", help="The SHA-256 of its file.")],
    pages: Annotated[int, typer.Option("--pages", help="How many pages (页数).")],
    by: By,
    book: BookOption = None,
    on: On = None,
) -> None:
    """Lodge a paper of a loan that is to be claimed (登记材料)."""
    with opened() as system, unit_of_work(system.engine) as session:
        loan, day = _loan(session, contract, book), _day(session, on)
        pool = pool_at(session, loan.county, loan.bank)
        fresh = lodge(session, pool, loan, [Paper(paper=paper, day=day, sha256=sha256, pages=pages)], by)
    say(f"{contract}: {paper} {'lodged (已登记)' if fresh else 'was there (已有)'}")


@app.command()
def rule(
    book: Annotated[str, typer.Option("--book", help="A fund's book, such as RCF-371621 (账套).")],
    bank: Annotated[str, typer.Option("--bank", help="The bank's code (银行代码).")],
    valid_from: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="From this day (生效日期).")],
    dunnings: Annotated[int, typer.Option("--dunnings", help="How many dunnings (催收次数).")],
    papers: Annotated[str, typer.Option("--papers", help="Papers, with 、 between (材料).")],
    source: Annotated[str, typer.Option("--source", help="The document (文件).")],
    by: By,
) -> None:
    """Agree what a pool's claims need from a day on (申报要求)."""
    names = tuple(name for name in papers.split("、") if name)
    with opened() as system, unit_of_work(system.engine) as session:
        mine = book_named(session, BookCode(book))
        pool = pools(session).get((mine.id, bank))
        if pool is None:
            raise NoPool(mine.county, bank)
        wanted = FilingRule(valid_from=valid_from.date(), dunnings=dunnings, papers=names, source=source)
        fresh = agree(session, pool, wanted, by)
    say(f"{book}/{bank} from {valid_from.date()}: {dunnings} dunnings, {len(names)} papers{'' if fresh else ' (已是如此)'}")


@app.command()
def file(
    contract: ContractArgument, number: Number, by: By, book: BookOption = None, on: On = None, dry_run: DryRun = False
) -> None:
    """File a claim for a loan (申请代偿)."""

    def do(session: Session) -> Claim:
        return verbs.file(session, _loan(session, contract, book), number, _day(session, on), by)

    _run(do, dry_run=dry_run)


@app.command()
def check(number: Number, by: By, book: BookOption = None, on: On = None, reason: Reason = "", dry_run: DryRun = False) -> None:
    """Pass a claim (审核通过); not by who filed it. What the books say of it is shown and recorded."""
    _step(number, book, lambda session, one: _checked(session, one, on, by, reason, passes=True), dry_run=dry_run)


@app.command("return")
def return_(number: Number, by: By, reason: Reason, book: BookOption = None, on: On = None, dry_run: DryRun = False) -> None:
    """Return a claim to the bank (退回), with a reason; it may be filed again under its number."""
    _step(number, book, lambda session, one: _checked(session, one, on, by, reason, passes=False), dry_run=dry_run)


@app.command()
def approve(number: Number, by: By, book: BookOption = None, on: On = None, dry_run: DryRun = False) -> None:
    """Approve a claim (财政审批); not by who filed or checked it."""
    _step(number, book, lambda session, one: verbs.approve(session, one, _day(session, on), by), dry_run=dry_run)


@app.command()
def pay(number: Number, by: By, book: BookOption = None, on: On = None, dry_run: DryRun = False) -> None:
    """Pay an approved claim (拨付); not by who approved it."""
    _step(number, book, lambda session, one: verbs.pay(session, one, _day(session, on), by), dry_run=dry_run)


@app.command()
def cancel(number: Number, by: By, reason: Reason, book: BookOption = None, on: On = None, dry_run: DryRun = False) -> None:
    """Withdraw a claim before it is paid (撤销)."""
    _step(number, book, lambda session, one: verbs.cancel(session, one, _day(session, on), by, reason), dry_run=dry_run)


@app.command("pass")
def pass_(
    number: Number,
    amount: Annotated[str, typer.Option("--yuan", help="How much, in yuan (金额).")],
    serial: Annotated[str, typer.Option("--serial", help="The transfer's number (流水号).")],
    by: By,
    book: BookOption = None,
    on: On = None,
    dry_run: DryRun = False,
) -> None:
    """Pass a recovery to the pool (划回)."""
    fen = fen_cell(amount)
    _step(number, book, lambda session, one: verbs.pass_on(session, one, serial, _day(session, on), fen, by), dry_run=dry_run)


@app.command("write-off")
def write_off(number: Number, by: By, book: BookOption = None, on: On = None, dry_run: DryRun = False) -> None:
    """Confirm the loss (核销): what was not recovered is given up, and kept on record."""
    _step(number, book, lambda session, one: verbs.write_off(session, one, _day(session, on), by), dry_run=dry_run)


@app.command()
def undo(number: Number, by: By, book: BookOption = None, dry_run: DryRun = False) -> None:
    """Take the last step of a claim back (撤销环节), its entries in red."""
    _step(number, book, lambda session, one: verbs.undo(session, one, one.last_step, by), dry_run=dry_run)


def _checked(session: Session, one: Claim, on: datetime | None, by: str, reason: str, *, passes: bool) -> None:
    say(_found(asdict(findings(session, one))))
    verbs.check(session, one, _day(session, on), by, passes=passes, note=reason)


def _step(number: str, book: str | None, do: Callable[[Session, Claim], object], *, dry_run: bool) -> None:
    def step(session: Session) -> Claim | None:
        one = _numbered(session, number, book)
        do(session, one)
        return claims(session, [one.key]).get(one.key)

    _run(step, dry_run=dry_run)


def _run(do: Callable[[Session], Claim | None], *, dry_run: bool) -> None:
    """Do a step, or try it in a savepoint that is given up; say where the claim is then."""
    with opened() as system, unit_of_work(system.engine) as session, session.begin_nested() as savepoint:
        one = do(session)
        if dry_run:
            savepoint.rollback()
    tried = " (试算，未记账)" if dry_run else ""
    if one is None:
        say(f"never filed (从未申请){tried}")
        return
    say(f"{one.number}: {one.state}; of (基数) {yuan(one.basis_fen)} the pool bears (代偿) {yuan(one.gov_fen)}{tried}")


def _numbered(session: Session, number: str, book: str | None) -> Claim:
    """Return the claim of a number, in a fund's book if one is named.

    Raises:
        ClaimRefused: there is none, or several counties have one.
    """
    chosen = book_named(session, BookCode(book)).id if book else None
    found = claims_numbered(session, number)
    mine = [one for one in found if chosen in (None, one.pool.book.id)]
    if len(mine) != 1:
        raise ClaimRefused(number, "请用 --book 指定账套" if mine else "没有这个编号")
    return mine[0]


def _day(session: Session, on: datetime | None) -> date:
    return on.date() if on else business_date(session)


def _loan(session: Session, contract: str, book: str | None) -> Contract:
    chosen = [book_named(session, BookCode(book)).id] if book else None
    found = contracts_numbered(session, [contract], chosen)
    if len(found) != 1:
        raise UnknownLoan(contract)
    return found[0]


def _claim_row(one: Claim, contract: Contract) -> tuple[str, ...]:
    return (
        one.pool.book.code, one.number, contract.contract, one.state, yuan(one.basis_fen), yuan(one.gov_fen), one.filed_by,
        one.checked_by or "", one.approved_by or "", str(one.paid_on or ""), yuan(one.shared_fen), yuan(one.passed_fen),
        yuan(one.lost_fen),
    )  # fmt: skip


def _found(said: object) -> str:
    """Return what a check found, as staff read it."""
    if not isinstance(said, dict):
        return ""
    against = [*said["eligibility"], *said["doubtful"], *said["forbidding"]]
    return f"申请基数 {yuan(said['claimed_fen'])}，重算 {yuan(said['basis_fen'])}；{'；'.join(against) or '未见异常'}"


def _show(headings: Sequence[str], rows: Iterable[Sequence[str]], to: Path | None) -> None:
    """Print rows, and write them to a file that Excel opens with its Chinese right."""
    rows = list(rows)
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)
    if to is not None:
        with to.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(headings)
            writer.writerows(rows)
        say(f"wrote {to}")
