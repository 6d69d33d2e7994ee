"""Completeness (科目不漏不重): what a form must catch of every chart, each account once and on both of its sides."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ledger.chart import CHARTS, Account, chart
from ledger.reports.errors import BadForm
from ledger.reports.form import Complete, Form, FormLine, Layout
from ledger.reports.formula import Measure, Term

_SIDES = {
    Complete.BALANCES: {Measure.CLOSING: "DC", Measure.DEBIT_BALANCE: "D", Measure.CREDIT_BALANCE: "C"},
    Complete.RESULT: {Measure.NET: "DC", Measure.DEBIT: "D", Measure.CREDIT: "C"},
}
"""Which sides of an account a measure catches: a debit and a credit balance are two halves of one."""


def check_complete(form: Form, charts: Path = CHARTS) -> None:
    """Refuse a form that must catch every account of the charts and leaves one out or catches one twice.

    Raises:
        BadForm: so it is, with the chart, the account and the lines.
    """
    for layout in form.layouts:
        if layout.complete is Complete.NOTHING:
            continue
        for name, kind, account in _accounts(layout, charts):
            proper = [line for line in layout.lines if line.memo == account.memo]
            wrong = [line for line in layout.lines if line.memo != account.memo and _sides([line], account, layout.complete)]
            found = _sides(proper, account, layout.complete)
            where = f"科目表 {name}（{kind}）的 {account.code} {account.title}"
            if wrong:
                stands = "表外科目，却进入表内项目" if account.memo else "表内科目，却进入表外项目"
                raise BadForm(form.name, f"{where} 是{stands} {wrong[0].heading}")
            if found != Counter("DC"):
                caught = "、".join(line.heading for line in proper if _sides([line], account, layout.complete))
                raise BadForm(form.name, f"{where} " + (f"未被恰好取一次：{caught}" if caught else "没有项目取数"))


def _sides(lines: Iterable[FormLine], account: Account, complete: Complete) -> Counter[str]:
    sides = _SIDES[complete]
    return Counter(
        side
        for line in lines
        for part in line.formula
        if isinstance(part, Term) and part.covers(account.code)
        for side in sides.get(part.measure, "")
    )


def _accounts(layout: Layout, charts: Path) -> Iterator[tuple[str, str, Account]]:
    """Yield what a layout must catch of each chart for its kinds of books: (chart, kind, account)."""
    for path in sorted(charts.glob("*.csv")):
        for kind in sorted(layout.kinds & _kinds_in(path)):
            accounts = chart(path.stem, kind, charts)
            ends = {account.closes_to for account in accounts}
            for account in accounts:
                if layout.complete is Complete.BALANCES or (account.closes_to is not None and account.code not in ends):
                    yield path.stem, kind, account


def _kinds_in(path: Path) -> set[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {kind for row in csv.DictReader(file) for kind in row["books"].split()}
