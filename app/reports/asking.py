"""Asking for a report: books, period and account as a person names them become a question; identity numbers are masked in it."""

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from app.web.words import BOOK_KINDS, PAYERS, STREAM_KINDS, without_ids
from app.wiring import reports
from ledger.books import Book, BookKind, book_named, books
from ledger.business_day import peek
from ledger.calendar import DAY, month_of, next_month
from ledger.errors import FutureDate, NoBusinessDay
from ledger.journal import BookCode
from ledger.reports.catalogue import make, named
from ledger.reports.errors import ReportRefused
from ledger.reports.form import Begins, Form
from ledger.reports.question import Question
from ledger.reports.report import Cell, Report, Row
from loans.products import products
from registry.reference import bank_names, county_names

DEMO = "演示数据"
"""What the names of the demo's books say, and so every report of several of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks: a book's code or kinds to consolidate, months or a day, an account, what to spread over, a sequence."""

    book: str = ""
    consolidated: str = ""  # kinds of books, separated by commas
    first: date | None = None  # a day of the first month
    last: date | None = None  # a day of the last month
    as_of: date | None = None
    account: str = ""
    spread: str = ""
    known_at: int | None = None


def report_of(session: Session, name: str, wish: Wish) -> Report:
    """Return a report as a person asks for it.

    Raises:
        UnknownReport, UnknownBook: there is none of that name.
        ReportRefused: the wish contradicts itself, or the report can't answer it.
        FutureDate: the period lies after the business date.
    """
    catalogue = reports()
    form, _ = named(catalogue, name)
    return _masked(make(session, catalogue, form.name, question_of(session, form, wish)))


def question_of(session: Session, form: Form, wish: Wish) -> Question:
    """Return a person's wish as a question to a form.

    Raises:
        UnknownBook: no book bears the code.
        ReportRefused: the wish contradicts itself, or asks for an account where there is none to ask for.
        FutureDate: the period lies after the business date.
        NoBusinessDay: the books are not begun.
    """
    today = peek(session)
    if today is None:
        raise NoBusinessDay
    mine, name = _books(session, form, wish)
    since, end = period_of(form, wish, today)
    if wish.account and not form.of_accounts:
        raise ReportRefused(form.title, "不按科目查询")
    if wish.spread and form.shape != "multi-column":
        raise ReportRefused(form.title, "不分栏")
    if wish.known_at is not None and len(mine) != 1:
        raise ReportRefused(form.title, "按序号查询须指明一个账套")
    return Question(
        books=tuple(mine), name=name, since=since, end=end, account=wish.account, spread=wish.spread,
        known_at=None if wish.known_at is None else {mine[0].id: wish.known_at},
        names={
            "bank": bank_names(session), "county": county_names(session), "payer": PAYERS, "kind": STREAM_KINDS,
            "product": {product.code: product.name for product in products()},
        },
    )  # fmt: skip


def period_of(form: Form, wish: Wish, today: date) -> tuple[date, date]:
    """Return the half-open period of a wish: months, or up to a day, by default the business date.

    Raises:
        ReportRefused: both months and a day, or the first month after the last.
        FutureDate: it lies after the business date.
    """
    if wish.as_of and (wish.first or wish.last):
        raise ReportRefused(form.title, "起止月份和截止日只能选一种")
    if wish.first or wish.last:
        last = month_of(wish.last or today)
        end = min(next_month(last), today + DAY)
    else:
        last = wish.as_of or today
        end = last + DAY
    if last > today:
        raise FutureDate(last, today)
    since = wish.first or (last.replace(month=1) if form.begins is Begins.YEAR else last)
    if month_of(since) > last:
        raise ReportRefused(form.title, "起始月份晚于截止月份")
    return month_of(since), end


def _books(session: Session, form: Form, wish: Wish) -> tuple[list[Book], str]:
    """Return the books of a wish, and what they are called together; by default all that the form is first about.

    Account books are long: of them the books must be named.
    """
    if wish.book and wish.consolidated:
        raise ReportRefused(form.title, "账套和合并范围只能选一种")
    if wish.book:
        one = book_named(session, BookCode(wish.book))
        return [one], one.name
    if form.of_accounts and not wish.consolidated:
        raise ReportRefused(form.title, "须指明一个账套，或合并的账套类别")
    kinds = [kind.strip() for kind in wish.consolidated.split(",") if kind.strip()] or sorted(form.layouts[0].kinds)
    unknown = [kind for kind in kinds if kind not in list(BookKind)]
    if unknown:
        raise ReportRefused(form.title, f"没有账套类别 {unknown[0]}；可选：{'、'.join(BookKind)}")
    mine = [book for book in books(session) if book.kind in kinds]
    if not mine:
        raise ReportRefused(form.title, "没有这类账套")
    called = "、".join(title for kind, title in BOOK_KINDS.items() if kind in kinds)
    demo = DEMO if any(DEMO in book.name for book in mine) else ""
    return mine, f"{called}（{len(mine)}个账套合并{demo and '，'}{demo}）" if len(mine) > 1 else mine[0].name


def _masked(made: Report) -> Report:
    """Return a report with every resident ID in its texts masked: people type them into narrations."""
    return replace(
        made,
        rows=tuple(Row(row.role, tuple(_masked_cell(cell) for cell in row.cells), row.opens) for row in made.rows),
        parts=tuple(_masked(part) for part in made.parts),
    )


def _masked_cell(cell: Cell) -> Cell:
    return without_ids(cell) if isinstance(cell, str) else cell
