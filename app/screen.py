"""The screen (屏幕): what commands print, each sentence on one line, tables and bars for people."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from fractions import Fraction
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from app.imports.batch import Outcome, write_errors
from app.imports.cells import RowError
from app.status import Status
from app.tracing import Trace
from ledger.calendar import DAY
from ledger.journal import Side
from ledger.money import percent, round_half_up, yuan
from ledger.queries import StoredEntry
from ledger.ties import Check
from loans.applications.state import ApplicationState, Standing
from loans.contract import Contract
from loans.cost import borrower_cost
from loans.explanation import Story
from loans.life import Life
from loans.schedule import schedule
from loans.terms import StreamKind, interest_fen
from scheduling.close import Run
from scheduling.progress import RunProgress, Stage

KINDS = {StreamKind.CONTRACT: "interest (利息)", StreamKind.PENALTY: "penalty (罚息)", StreamKind.COMPOUND: "compound (复利)"}
MOST_ERRORS = 50
"""Rows of errors on the screen; the file beside the import holds them all."""

MOST_ROWS = 50
"""Rows of what stands behind an entry."""

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
    if found.relending_idle_draws:
        say(
            f"{found.relending_idle_draws} draws of relending not used whole in time (再贷款逾期未用足): "
            f"{yuan(found.relending_idle_fen)} yuan, since {found.relending_idle_since}"
        )
    if assumed:
        say(
            "The first three turnovers are the article's facts (5,570 万, 1.57 亿, 2.7 亿); everything else is assumed: "
            f"the split {yuan(found.compensation_contributed_fen)} + {yuan(found.subsidy_contributed_fen)}, lenders, "
            "people, terms and lives (演示数据)."
        )


def print_night(night: RunProgress | None, set_aside: int) -> None:
    """Print what a person has to do about the last night, if anything, and about loans that are set aside."""
    if night is not None and night.stage is not Stage.DONE:
        at = next((one for one in night.steps if one.stage is not Stage.DONE), None)
        say(f"the close (日终) of {night.business_date} is {night.stage} ({night.stage.label}) in step {at.step if at else '-'}")
        if night.stage is Stage.CUT:
            say("nobody is at work on it: run 'fupin close' to finish it (请继续日终)")
        if night.failure is not None:
            say(f"since {night.failure.failed_at:%Y-%m-%d %H:%M:%S}: {night.failure.reason}")
            again = "run 'fupin close' again" if night.failure.passing else "mend the cause, then run 'fupin close --resume'"
            say(f"the steps before it are done, this one left no trace; {again} (排除原因后继续日终)")
    if set_aside:
        say(f"{set_aside} loans are set aside by the night (隔离): see 'fupin quarantine list'")


def print_costs(run: Run) -> None:
    """Print what each step of a night cost, and its share of the whole (各步用时)."""
    table = Table(title=f"close (日终) of {run.business_date}")
    for name in ("step (步骤)", "ms (毫秒)", "share (占比)", "database ms (数据库)", "rows read (读行)", "rows written (写行)"):
        table.add_column(name, justify="left" if name.startswith("step") else "right")
    whole = sum(one.microseconds for one in run.steps) or 1
    for one in run.steps:
        cost = one.cost
        seen = (
            (f"{cost.database_microseconds / 1000:,.1f}", f"{cost.rows_read:,}", f"{cost.rows_written:,}")
            if cost
            else ("", "", "")
        )
        table.add_row(one.name, f"{one.microseconds / 1000:,.1f}", f"{100 * one.microseconds / whole:.1f} %", *seen)
    out.print(table)


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


def print_outcome(outcome: Outcome, file: Path, *, dry_run: bool) -> None:
    """Print what came of an import; exit 1 if nothing was taken because of errors."""
    if outcome.repeated:
        say(f"{outcome.file}: 此文件内容已导入过（批次 {outcome.batch}），未作任何更改")
        return
    if outcome.errors:
        print_errors(outcome.errors, outcome.file)
        errors_file = file.with_name(f"{file.stem}-错误.csv")
        try:
            write_errors(outcome.errors, errors_file)
            say(f"全部错误已写入 {errors_file}", err)
        except OSError as refusal:
            say(f"错误文件 {errors_file} 无法写入：{refusal.strerror}", err)
    if outcome.batch is not None:
        new = "" if outcome.fresh >= outcome.taken else f", {outcome.fresh} of them new (新增)"
        say(f"imported {outcome.taken} of {outcome.rows} rows as batch {outcome.batch} (批次){new}")
    elif dry_run:
        say(f"dry run: {outcome.taken} of {outcome.rows} rows would be imported; nothing was written (试运行)")
    if outcome.errors and outcome.batch is None:
        raise typer.Exit(1)


def print_loan(contract: Contract, life: Life, day: date) -> None:
    """Print how a loan stands as of the close of a day, and its schedule."""
    now, terms = life.standing, life.terms
    say(f"{contract.contract} in {contract.book}, {contract.product}, as of (截至) {day}")
    say(
        f"{yuan(int(terms.principal_fen))} yuan from (起息) {terms.drawn_on} to (到期) {terms.maturity}, {terms.method}, "
        f"{terms.day_count}; owed (余额) {yuan(now.principal_fen)}, overdue (逾期) {yuan(now.overdue_fen)}, "
        f"{now.days_past_due(day)} days past due (逾期天数), {now.state}"
    )
    found = life.classified(day)
    say(f"class (五级分类): {found.risk_class} {found.risk_class.label} since {found.since}: {found.reason}")
    cost = borrower_cost(contract.terms, schedule(contract.terms))
    say(
        f"as contracted, interest costs the borrower (借款人成本) {yuan(cost.interest_fen)}, {percent(cost.yearly_ppb)} a year "
        f"(年化利率), and government (财政贴息) {yuan(cost.gov_fen)}"
    )
    table = Table(title="instalments (还款计划), yuan")
    for name in ("no. (期)", "due (应还日)", "principal (本金)", "paid (已还)"):
        table.add_column(name, justify="right")
    for line in life.instalments:
        made = line.instalment
        table.add_row(str(made.number), str(made.due), yuan(made.fen), yuan(line.paid_fen))
    out.print(table)


def print_trace(found: Trace) -> None:
    """Print an entry with its lines, what stands behind it, and the entries that belong to it."""
    stored, entry = found.stored, found.stored.entry
    say(f"{_numbered(found.book.code, stored)} {entry.value_date} {entry.narration}; {entry.reference}, {entry.kind}")
    say(f"  made by (制单) {entry.maker}, checked by (审核) {entry.checker}")
    for line in entry.postings:
        named = (line.dimensions.bank, line.dimensions.product, line.dimensions.payer, line.dimensions.kind)
        dims = " ".join(value for value in named if value)
        say(f"  {'借' if line.side is Side.DEBIT else '　贷'} {line.account} {yuan(line.fen)} {dims}".rstrip())
    for source in found.sources:
        table = Table(title=source.title)
        for heading in source.headings:
            table.add_column(heading, overflow="fold")
        for row in source.rows[:MOST_ROWS]:
            table.add_row(*(Text(cell) for cell in row))
        out.print(table)
        left = len(source.rows) - MOST_ROWS
        say("; ".join(part for part in (source.note, f"{left} more rows (余下)" if left > 0 else "") if part))
    for what, other in found.related:
        say(f"{what}: {_numbered(other.entry.book, other)} {other.entry.value_date} {other.entry.narration}")


def _numbered(book: str, stored: StoredEntry) -> str:
    return f"{book} {stored.entry.value_date:%Y-%m}-{stored.entry.word}-{stored.number}"


def print_applications(found: Sequence[tuple[ApplicationState, Standing]]) -> None:
    """Print applications as a table: what was asked for, who filed and who decided, and where each is."""
    table = Table(title=f"{len(found)} applications (贷款申请), yuan")
    for name in (
        "contract (借据号)", "book (账套)", "product (产品)", "amount (金额)", "rate (年利率)", "drawing (放款日)",
        "filed (申请)", "decided (审批)", "standing (状态)",
    ):  # fmt: skip
        table.add_column(name, overflow="fold")
    for state, standing in found:
        asked, last = state.application, state.last
        filed = f"{state.filed.day} {state.filed.actor}"
        decided = "" if last is state.filed else f"{last.day} {last.actor} {last.kind.label}"
        if standing is Standing.APPROVED:
            decided += f"，{state.lapses_on} 失效"
        cells = (asked.contract, asked.book.code, asked.product, yuan(asked.fen), percent(asked.rate_ppb), str(asked.drawn_on))
        table.add_row(*(Text(cell) for cell in (*cells, filed, decided, f"{standing} {standing.label}")))
    out.print(table)


def print_stories(stories: Iterable[Story]) -> None:
    """Print how each amount of interest came about: days, 积数, rate, the exact sum and its rounding."""
    for story in stories:
        say(f"{KINDS[story.kind]} {story.start} to {story.end - DAY}, {story.day_count}")
        for part in story.parts:
            exact = _fen(interest_fen(part.units, story.day_count.year))
            government = f", government's (财政) {percent(part.gov_ppb)}" if part.gov_ppb else ""
            product = f"{yuan(part.base_fen)} x {part.ticks} = {yuan(part.product)} (积数)"
            say(f"    {part.start} to {part.end - DAY}: {product} at {percent(part.rate_ppb)}{government}: {exact}")
        say(f"    {_ending(story)}")


def _ending(story: Story) -> str:
    charge, exact = story.charge, _fen(story.exact_fen)
    if charge is None:
        return f"run up, not yet charged (应计未结): {exact}"
    if charge.gov_fen < 0:
        refused, paid = yuan(-charge.gov_fen), yuan(charge.paid_fen)
        return f"subsidy refused (不予贴息): {refused} is the borrower's, paid {paid}, due {charge.due}"
    if not story.parts:
        return f"taken over (接管): {yuan(charge.whole_fen)}, paid {yuan(charge.paid_fen)}, due {charge.due}"
    government = f"; government's {_fen(story.gov_exact_fen)}, rounded {yuan(charge.gov_fen)}" if charge.gov_fen else ""
    borrower = yuan(charge.whole_fen - charge.gov_fen)
    return (
        f"sum {exact}, rounded (四舍五入) {yuan(charge.whole_fen)}{government}; borrower's (借款人) {borrower}, "
        f"paid {yuan(charge.paid_fen)}, due {charge.due}"
    )


def _fen(exact: Fraction) -> str:
    """Return an exact amount in yuan to a millionth of a fen."""
    millionths = round_half_up(exact * 10**6)
    return f"{millionths // 10**8:,}.{millionths % 10**8:08d}"
