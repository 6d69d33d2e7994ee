"""Account books (账簿): 总账, 明细账, 日记账 and 多栏账, each account on a page of its own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from ledger.calendar import month_of
from ledger.queries import DIMENSIONS
from ledger.reports.errors import ReportRefused
from ledger.reports.form import Form, Layout
from ledger.reports.formula import Flow, stands_for
from ledger.reports.making import as_cells, report
from ledger.reports.pages import Amounts, PageLine, PageRow, Style, direction, page
from ledger.reports.queries import AccountTitle, Flows, PostedLine, account_titles, flows, months, posted_lines
from ledger.reports.question import Question
from ledger.reports.report import AccountPage, Cell, Column, Kind, Report, Role, Row, VoucherPage

CELLS = frozenset({"date", "book", "voucher", "summary", "others", "debit", "credit", "direction", "balance"})
"""What a row of an account book can hold."""
BY_ACCOUNT = "account"
"""What a 多栏账 is spread over when it is spread over the accounts below one."""
MOST_OTHERS = 3


_Key: TypeAlias = tuple[str, tuple[str | None, ...]]
"""(account, dimensions)."""


@dataclass(frozen=True, slots=True)
class _Page:
    """An account's page, or that of an account and a dimension (1004 of a bank)."""

    code: str
    dimensions: tuple[str | None, ...]
    title: str
    opening: int
    year_before: Amounts


def general_ledger(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    """Return the 总账: each account month by month."""
    passed = months(session, asked, asked.since, _accounts(session, form, layout, asked))
    style = Style(lines=False, every_month=True)
    rows: list[Row] = []
    for one in _pages(session, form, layout, asked):
        lines = [PageLine(month, Amounts(debit, credit), None) for month, debit, credit in passed.get(one.code, ())]
        if one.opening or lines:
            made = page(one.opening, one.year_before, lines, asked.since, asked.end, style)
            rows.append(_heading(layout, asked, one.title, opens=AccountPage(one.code)))
            rows += [_row(layout, asked, found, {}, AccountPage(one.code)) for found in made]
    return report(form, layout, asked, rows)


def account_pages(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    """Return the 明细账: each account line by line; with dimensions the 日记账, each of them on a page, with totals of days."""
    style = Style(daily=bool(layout.by))
    lines: dict[_Key, list[PageLine[PostedLine]]] = {}
    for line in posted_lines(session, asked, _accounts(session, form, layout, asked), layout.by):
        key = line.account, tuple(line.dimensions[name] for name in layout.by)
        lines.setdefault(key, []).append(PageLine(line.day, Amounts(line.debit, line.credit), line))
    books = {book.id: book.code for book in asked.books}
    rows: list[Row] = []
    for one in _pages(session, form, layout, asked):
        mine = lines.get((one.code, one.dimensions), ())
        if one.opening or mine:
            rows.append(_heading(layout, asked, one.title))
            made = page(one.opening, one.year_before, mine, asked.since, asked.end, style)
            rows += [_line_row(layout, asked, found, books) for found in made]
    return report(form, layout, asked, rows)


def multi_column(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    """Return the 多栏账: an account entry by entry, spread over the accounts below it or over a dimension.

    Raises:
        ReportRefused: no such thing to spread over.
    """
    spread = asked.spread or layout.spread
    if spread != BY_ACCOUNT and spread not in DIMENSIONS:
        raise ReportRefused(form.title, f"不能按 {spread} 展开；可选：{BY_ACCOUNT}、{'、'.join(DIMENSIONS)}")
    by = () if spread == BY_ACCOUNT else (spread,)
    titles = account_titles(session, asked.ids)
    codes = _accounts(session, form, layout, asked)
    sign = -1 if titles[codes[0]].side == "C" else 1
    first = asked.since.replace(month=1)
    lines = list(_entries(posted_lines(session, asked, codes, by, since=first), spread, sign))
    opened = flows(session, asked, None, first, accounts=codes, with_year_end=True)
    before = sum((line.amounts for line in lines if line.day < asked.since), Amounts())
    opening = sum(flow.closing for mine in opened.values() for flow in mine.values()) + before.debit - before.credit
    keys = sorted({key for line in lines for key in line.amounts.parts})
    heads = [Column(f"part {key}", _part_heading(asked, titles, spread, key), Kind.FEN) for key in keys]
    title = f"{'、'.join(_wanted(layout, asked) or codes)} {_common_title([titles[code].title for code in codes])}"
    books = {book.id: book.code for book in asked.books}
    rows = [_heading(layout, asked, title, len(heads))]
    mine = [line for line in lines if line.day >= asked.since]
    for found in page(opening, before, mine, asked.since, asked.end, Style()):
        row = _line_row(layout, asked, found, books)
        parts = [found.amounts.parts.get(key) or None if found.amounts else None for key in keys]
        rows.append(Row(row.role, (*row.cells, *parts), row.opens))
    return report(form, layout, asked, rows, more=heads)


def _wanted(layout: Layout, asked: Question) -> tuple[str, ...]:
    """Return the codes asked for, by default the form's; none: all."""
    return (asked.account,) if asked.account else layout.accounts


def _accounts(session: Session, form: Form, layout: Layout, asked: Question) -> list[str]:
    """Return the codes asked for, by default the form's, or all.

    Raises:
        ReportRefused: no account of the books bears the code.
    """
    titles = account_titles(session, asked.ids)
    wanted = _wanted(layout, asked)
    if layout.by and asked.account and not any(stands_for(code, asked.account) for code in layout.accounts):
        raise ReportRefused(form.title, f"只登记科目 {'、'.join(layout.accounts)}")
    found = [code for code in titles if not wanted or any(stands_for(one, code) for one in wanted)]
    if not found:
        raise ReportRefused(form.title, f"所选账套没有科目 {'、'.join(wanted)}")
    return found


def _pages(session: Session, form: Form, layout: Layout, asked: Question) -> Iterator[_Page]:
    """Yield the pages, in order of accounts and dimensions, each with what came before the period."""
    codes = _accounts(session, form, layout, asked)
    titles = account_titles(session, asked.ids)
    first = asked.since.replace(month=1)
    start = first if first < asked.since else None
    before = _summed(flows(session, asked, start, asked.since, by=layout.by, accounts=codes, with_year_end=True))
    within = _summed(flows(session, asked, asked.since, asked.end, by=layout.by, accounts=codes, with_year_end=True))
    for code, dimensions in sorted({*before, *within}, key=lambda key: (key[0], [part or "" for part in key[1]])):
        flow = before.get((code, dimensions), Flow())
        year = Amounts(flow.debit, flow.credit) if start else Amounts()
        named = [asked.named(name, part) for name, part in zip(layout.by, dimensions, strict=True)]
        yield _Page(code, dimensions, "　".join([f"{code} {titles[code].title}", *named]), flow.closing, year)


def _summed(found: Flows) -> dict[_Key, Flow]:
    """Return flows by account and dimensions, of all books together."""
    sums: dict[_Key, Flow] = {}
    for (_, *dimensions), accounts in found.items():
        for account, flow in accounts.items():
            key = account, tuple(None if part is None else str(part) for part in dimensions)
            sums[key] = sums.get(key, Flow()) + flow
    return sums


def _entries(lines: Iterable[PostedLine], spread: str, sign: int) -> Iterator[PageLine[PostedLine]]:
    """Yield one line for each entry, its parts on the account's own side."""
    together: dict[tuple[int, int], list[PostedLine]] = {}
    for line in lines:
        together.setdefault((line.book_id, line.seq), []).append(line)
    for mine in together.values():
        parts: Counter[str] = Counter()
        for line in mine:
            key = line.account if spread == BY_ACCOUNT else line.dimensions[spread] or ""
            parts[str(key)] += sign * (line.debit - line.credit)
        whole = Amounts(sum(line.debit for line in mine), sum(line.credit for line in mine), parts)
        yield PageLine(mine[0].day, whole, mine[0])


def _part_heading(asked: Question, titles: Mapping[str, AccountTitle], spread: str, key: str) -> str:
    if spread == BY_ACCOUNT:
        return titles[key].title.rpartition("—")[2]
    return asked.named(spread, key or None)


def _common_title(titles: Sequence[str]) -> str:
    """Return what titles have in common before their dash."""
    heads = {title.partition("—")[0] for title in titles}
    return heads.pop() if len(heads) == 1 else "、".join(titles)


def _heading(layout: Layout, asked: Question, title: str, more: int = 0, opens: AccountPage | None = None) -> Row:
    cells = as_cells(layout, asked, {"summary": title})
    return Row(Role.HEADING, (*cells, *[None] * more), opens)


def _line_row(layout: Layout, asked: Question, found: PageRow[PostedLine], books: Mapping[int, str]) -> Row:  # fmt: skip
    """Return a row of a page of lines: a line opens its voucher."""
    line = found.said
    return _row(layout, asked, found, _about(line, books) if line else {}, _voucher(line, books) if line else None)


def _about(line: PostedLine, books: Mapping[int, str]) -> dict[str, Cell]:
    others = "、".join(line.others[:MOST_OTHERS]) + ("等" if len(line.others) > MOST_OTHERS else "")
    return {
        "book": books[line.book_id], "voucher": f"{line.word}-{line.number}", "summary": line.narration, "others": others,
    }  # fmt: skip


def _voucher(line: PostedLine, books: Mapping[int, str]) -> VoucherPage:
    return VoucherPage(books[line.book_id], month_of(line.day), line.word, line.number)


def _row(
    layout: Layout, asked: Question, found: PageRow[Any], about: Mapping[str, Cell],
    opens: AccountPage | VoucherPage | None,
) -> Row:  # fmt: skip
    amounts = found.amounts
    cells: dict[str, Cell] = {
        "date": found.day, "summary": found.summary,
        "debit": (amounts.debit or None) if amounts else None, "credit": (amounts.credit or None) if amounts else None,
        "direction": direction(found.balance), "balance": abs(found.balance), **about,
    }  # fmt: skip
    if found.role.sums and amounts:
        cells |= {"debit": amounts.debit, "credit": amounts.credit}
    return Row(found.role, as_cells(layout, asked, cells), opens)
