"""The 科目余额表: what was on every account, what passed in the period and in the year, and what is there; both sides equal."""

from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

from ledger.reports.errors import ReportRefused
from ledger.reports.form import Form, Layout
from ledger.reports.formula import Flow, stands_for
from ledger.reports.making import as_cells, report
from ledger.reports.queries import AccountTitle, account_titles, flows
from ledger.reports.question import Question
from ledger.reports.report import AccountPage, Report, Role, Row
from ledger.ties import Check

PAIRS = (("opening", "期初余额"), ("period", "本期发生额"), ("year", "本年累计发生额"), ("closing", "期末余额"))
SIDES = ("debit", "credit")
AMOUNTS = tuple(f"{pair}_{side}" for pair, _ in PAIRS for side in SIDES)
CELLS = frozenset({"account", "title", *AMOUNTS})


def trial_balance(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    """Return the trial balance; memo accounts (表外) stand apart. Balances of a consolidation are each book's, not netted.

    Raises:
        ReportRefused: no account of the books bears the code asked for.
    """
    everything = account_titles(session, asked.ids).items()
    titles = {code: title for code, title in everything if not asked.account or stands_for(asked.account, code)}
    if not titles:
        raise ReportRefused(form.title, f"所选账套没有科目 {asked.account}")
    codes = list(titles)
    period = flows(session, asked, asked.since, asked.end, accounts=codes, with_year_end=True)
    year = flows(session, asked, asked.year, asked.end, accounts=codes, with_year_end=True)
    found = {code: _amounts(code, period.values(), year.values()) for code in codes}
    shown = {code: amounts for code, amounts in found.items() if any(amounts.values())}
    rows, checks = [], list[Check]()
    for memo, total in ((False, "合计"), (True, "表外合计")):
        mine = {code: amounts for code, amounts in shown.items() if titles[code].memo is memo}
        sums = {key: sum(amounts[key] for amounts in mine.values()) for key in AMOUNTS}
        if mine or not memo:
            rows += [_row(layout, asked, titles[code], amounts) for code, amounts in mine.items()]
            rows.append(Row(Role.TOTAL, as_cells(layout, asked, {"title": total, **sums})))
        if not asked.account:
            checks += [
                Check(
                    check=f"{form.title}：{'表外' if memo else ''}{said}借贷相等",
                    expected=str(sums[f"{pair}_debit"]), actual=str(sums[f"{pair}_credit"]),
                )
                for pair, said in PAIRS
            ]  # fmt: skip
    return report(form, layout, asked, rows, checks=checks)


def _amounts(code: str, period: Iterable[Mapping[str, Flow]], year: Iterable[Mapping[str, Flow]]) -> dict[str, int]:
    sums = dict.fromkeys(AMOUNTS, 0)
    for mine in period:
        flow = mine.get(code, Flow())
        for pair, balance in (("opening", flow.opening), ("closing", flow.closing)):
            sums[f"{pair}_debit"] += max(balance, 0)
            sums[f"{pair}_credit"] += max(-balance, 0)
        sums["period_debit"] += flow.debit
        sums["period_credit"] += flow.credit
    for mine in year:
        flow = mine.get(code, Flow())
        sums["year_debit"] += flow.debit
        sums["year_credit"] += flow.credit
    return sums


def _row(layout: Layout, asked: Question, title: AccountTitle, amounts: Mapping[str, int]) -> Row:
    cells = {key: fen or None for key, fen in amounts.items()}
    return Row(
        Role.LINE, as_cells(layout, asked, {"account": title.code, "title": title.title, **cells}), AccountPage(title.code)
    )
