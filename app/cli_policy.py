"""Commands about policy (政策): what is in force somewhere, and whether it allows a loan, rule by rule."""

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.entrance import Day, day_of, opened
from app.imports.cells import CellRefused, percent_ppb_cell
from app.screen import out, say
from ledger.books import book_named, loan_book_code
from ledger.business_day import business_date
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.money import parse_yuan, percent, yuan
from loans.admission import explain
from loans.applications.application import Application
from loans.policy.parameters import PARAMETERS, Limit, policy_on
from loans.policy.queries import policy_rows
from loans.terms.rates import references
from registry.reference import county_code

app = typer.Typer(help="Ask what policy allows (政策).", no_args_is_help=True)

County = Annotated[str, typer.Option("--county", help="A county's name or code (县区).")]
Bank = Annotated[str, typer.Option("--bank", help="A bank's code (银行).")]
ProductCode = Annotated[str, typer.Option("--product", help="A product's code, such as XEXD (产品).")]

TITLES = {
    "registered": "national register only (限建档立卡)", "cap_fen": "cap (余额上限)",
    "subsidised_cap_fen": "subsidised up to (贴息本金上限)",
    "covered_cap_fen": "covered up to (风险补偿本金上限)", "max_months": "longest term (最长期限)",
    "max_extensions": "extended, renewed (展期续贷次数)", "extension_limits": "extended by at most (展期期限)",
    "max_rate": "highest rate (利率上限)",
    "penalty_percent": "overdue rate (逾期罚息)", "misuse_percent": "misuse rate (挪用罚息)",
    "min_age": "youngest (最低年龄)", "max_age": "oldest (最高年龄)",
    "forbidden_purposes": "purposes refused (禁止用途)", "approval_required": "drawn only when approved (放款前须审批)",
}  # fmt: skip


@app.command()
def show(county: County, bank: Bank, product: ProductCode, as_of: Day = None) -> None:
    """Show what is in force for a county's bank and a product, with the document of each limit (现行政策)."""
    with opened() as system, unit_of_work(system.engine) as session:
        day = day_of(as_of) or business_date(session)
        code = county_code(session, county, day)
        policy = policy_on(policy_rows(session, {code}), product, code, bank, day)
    table = _table("parameter (参数)", "limit (限制)", "document (依据)", title=f"{product}, {county}, {bank}, {day}")
    for name in PARAMETERS:
        limit = getattr(policy, name)
        if limit is not None:
            table.add_row(TITLES[name], Text(_value(name, limit)), Text(limit.source))
    out.print(table)


@app.command()
def check(
    county: County,
    bank: Bank,
    product: ProductCode,
    amount: Annotated[str, typer.Option("--amount", help="In yuan (金额).")],
    rate: Annotated[str, typer.Option("--rate", help="In per cent a year, such as 4.35 (年利率).")],
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The day of drawing (放款日).")],
    to: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The maturity (到期日).")],
    household: Annotated[str | None, typer.Option("--household", help="The register's number (建档立卡号).")] = None,
    born: Annotated[datetime | None, typer.Option("--born", formats=["%Y-%m-%d"], help="The borrower's birthday.")] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="What it is for (用途).")] = "",
    subsidised: Annotated[bool, typer.Option(help="Whether government pays its interest (贴息).")] = True,
    covered: Annotated[bool, typer.Option(help="Whether the pool covers it (风险补偿).")] = True,
) -> None:
    """Check a loan before it is made: every rule, its document, the value found and the limit (准入检查); exit 1 if one fails."""
    with opened() as system, unit_of_work(system.engine) as session:
        code = county_code(session, county, from_.date())
        wanted = Application(
            book=book_named(session, BookCode(loan_book_code(code, bank))), contract="—", product=product, household=household,
            borrower="", fen=parse_yuan(amount), rate_ppb=_rate_ppb(rate), drawn_on=from_.date(), maturity=to.date(),
            purpose=purpose, born_on=day_of(born), subsidised=subsidised, covered=covered,
        )  # fmt: skip
        (findings,) = explain(session, [wanted])
    table = _table("rule (规则)", "found (查得)", "limit (要求)", "document (依据)", "ok")
    for one in findings:
        mark = Text("ok") if one.ok else Text("NOT OK", style="red")
        table.add_row(Text(one.rule), Text(one.found), Text(one.limit), Text(one.source), mark)
    out.print(table)
    failed = sum(not one.ok for one in findings)
    say(f"{len(findings)} rules, {failed} not ok (不符)" if failed else f"{len(findings)} rules, all ok (全部符合)")
    if failed:
        raise typer.Exit(1)


def _table(*headings: str, title: str | None = None) -> Table:
    """Return an empty table whose long cells run over several lines: nothing of a document is cut off."""
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _rate_ppb(text: str) -> int:
    try:
        return percent_ppb_cell(text)
    except CellRefused as refusal:
        raise typer.BadParameter(str(refusal), param_hint="--rate") from None


def _extended_by(up_to_months: int, of_term: int, months: int) -> str:
    """Return by how much terms of up to so many months (月) may be extended, in the space of a cell."""
    return f"{f'≤{up_to_months}月' if up_to_months else '更长'} {f'{of_term}%' if of_term else f'{months}月'}"


def _value(name: str, limit: Limit[object]) -> str:
    value = limit.value
    if name.endswith("_fen") and isinstance(value, int):
        return f"{yuan(value)} yuan (元)"
    if name == "max_rate":
        return percent(value) if isinstance(value, int) else f"{references()[str(value)].name} ({value})"
    if name == "extension_limits" and isinstance(value, tuple):
        return "、".join(_extended_by(*part) for part in value)
    if name.endswith("_percent") and isinstance(value, tuple):
        return " to ".join(f"{part} %" for part in value)
    if isinstance(value, tuple):
        return "、".join(str(part) for part in value)
    return "yes (是)" if value is True else str(value)
