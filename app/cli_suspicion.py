"""Commands about suspicions (疑点): what the rules found, who decided what, and a review of all loans."""

import csv
import json
import sys
from collections import Counter
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.entrance import BookOption, opened
from app.screen import busy, out, say
from ledger.books import BookKind, book_named, books
from ledger.business_day import business_date
from ledger.db import unit_of_work
from ledger.journal import BookCode
from loans.errors import DecisionRefused
from loans.suspicions.deciding import decide as record_decision
from loans.suspicions.queries import hits
from loans.suspicions.raising import review as review_book
from loans.suspicions.rules import Decision, Hit, rules

app = typer.Typer(help="Look into what an auditor would ask first (疑点).", no_args_is_help=True)

HEADINGS = ("账套", "编号", "借据号", "规则", "依据", "时机", "日期", "内容", "处理", "理由", "处理人")


@app.command("list")
def list_(
    book: BookOption = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not cleared (未排除).")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
) -> None:
    """List suspicions with the rows behind each, and who decided what (疑点清单)."""
    with opened() as system, unit_of_work(system.engine) as session:
        chosen = book_named(session, BookCode(book)).id if book else None
        found = hits(session, chosen, only_open=only_open)
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(HEADINGS)
        writer.writerows(_cells(one) for one in found)
        return
    table = Table(title="suspicions (疑点清单)")
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(*(Text(cell) for cell in _cells(one)))
    if found:
        out.print(table)
    undecided = sum(one.decision in (None, Decision.PENDING) for one in found)
    say(f"{len(found)} suspicions (疑点), {undecided} undecided (未处理)")


@app.command()
def decide(
    number: Annotated[int, typer.Argument(min=1, help="The suspicion's number (编号).")],
    decision: Annotated[Decision, typer.Option("--decision", help="cleared 排除, confirmed 属实 or pending 待查.")],
    reason: Annotated[str, typer.Option("--reason", help="Why (理由).")],
    by: Annotated[str, typer.Option("--by", help="Who decides (处理人).")],
    book: BookOption = None,
) -> None:
    """Decide a suspicion, with a reason and a name (疑点处理)."""
    with opened() as system, unit_of_work(system.engine) as session:
        chosen = book_named(session, BookCode(book)).id if book else None
        named = hits(session, chosen, number=number)
        if len(named) != 1:
            raise DecisionRefused(number, "请用 --book 指定账套" if named else "没有这个编号")
        record_decision(session, named[0], decision, reason, by)
        say(f"{number}: {named[0].contract}, {rules()[named[0].rule].name}: {decision.label}, {by}")


@app.command()
def review(book: BookOption = None) -> None:
    """Ask every rule about every loan that owes anything, as of the business date (全面排查)."""
    with opened() as system, busy("asking the rules (排查)"):
        with unit_of_work(system.engine) as session:
            chosen = [book_named(session, BookCode(book))] if book else books(session, BookKind.LOANS)
        found: Counter[str] = Counter()
        for one in chosen:
            with unit_of_work(system.engine) as session:
                raised = review_book(session, one.id, business_date(session), system.settings.actor)
            found.update(hit.rule for hit in raised)
    for code, count in sorted(found.items()):
        say(f"{rules()[code].name} ({code}): {count}")
    say(f"{found.total()} new suspicions (新增疑点) in {len(chosen)} books; see fupin suspicion list --open")


def _cells(one: Hit) -> tuple[str, ...]:
    rule = rules()[one.rule]
    return (
        one.book, str(one.id), one.contract, rule.name, rule.source, one.occasion, str(one.day),
        json.dumps(one.facts, ensure_ascii=False), one.decision.label if one.decision else "", one.reason or "",
        one.decided_by or "",
    )  # fmt: skip
