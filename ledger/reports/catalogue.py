"""The catalogue (报表目录): every report by name with its form and what makes it; packages above add their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from sqlalchemy.orm import Session

from ledger.reports import account_books, idle, trial_balance
from ledger.reports.errors import BadForm, ReportRefused, UnknownReport
from ledger.reports.final_accounts import final_accounts, unknown_names
from ledger.reports.form import Form, Layout
from ledger.reports.loading import FOLDER, forms
from ledger.reports.question import Question, kinds_of
from ledger.reports.report import Report
from ledger.reports.statements import BOOK, ITEM, NUMBER, register, statement

Maker: TypeAlias = Callable[[Session, Form, Layout, Question], Report]


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes a report, and the keys of columns that it fills by itself; None: whatever they are."""

    make: Maker
    cells: frozenset[str]
    free: bool = False  # other columns have formulas of their own


Catalogue: TypeAlias = Mapping[str, tuple[Form, Shape]]


def _final(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    mine = catalogue()
    return final_accounts(session, form, layout, asked, lambda name, question: make(session, mine, name, question))


SHAPES: Mapping[str, Shape] = {
    "trial-balance": Shape(trial_balance.trial_balance, trial_balance.CELLS),
    "general-ledger": Shape(account_books.general_ledger, account_books.CELLS),
    "account-pages": Shape(account_books.account_pages, account_books.CELLS),
    "multi-column": Shape(account_books.multi_column, account_books.CELLS),
    "statement": Shape(statement, frozenset({ITEM, NUMBER}), free=True),
    "register": Shape(register, frozenset({BOOK}), free=True),
    "idle-money": Shape(idle.idle_money, idle.CELLS),
    "final-accounts": Shape(_final, frozenset()),
}
"""How reports of the ledger itself are made."""


def catalogue(folder: Path = FOLDER, shapes: Mapping[str, Shape] = SHAPES) -> Catalogue:
    """Return the reports of a folder of forms, made by some shapes.

    Raises:
        BadForm: a form can't be used, or asks for what its shape does not have.
    """
    found = {}
    for name, form in forms(folder).items():
        if form.shape not in shapes:
            raise BadForm(name, f"没有 {form.shape} 这种报表")
        shape = shapes[form.shape]
        for layout in form.layouts:
            _check(form, layout, shape)
        found[name] = (form, shape)
    return found


def make(session: Session, reports: Catalogue, name: str, asked: Question) -> Report:
    """Make a report.

    Raises:
        UnknownReport: there is none of that name.
        ReportRefused: it is not about such books, or can't answer the question.
    """
    form, shape = named(reports, name)
    kinds = kinds_of(asked.books)
    layout = next((one for one in form.layouts if kinds <= one.kinds), None)
    if layout is None:
        about = "；".join("、".join(sorted(one.kinds)) for one in form.layouts)
        raise ReportRefused(form.title, f"不适用于所选账套（{'、'.join(sorted(kinds))}）；适用于 {about}")
    return shape.make(session, form, layout, asked)


def named(reports: Catalogue, name: str) -> tuple[Form, Shape]:
    """Return a report's form and shape, by its name or its title.

    Raises:
        UnknownReport: there is none.
    """
    found = reports.get(name) or next((one for one in reports.values() if one[0].title == name), None)
    if found is None:
        raise UnknownReport(name, [f"{one} {form.title}" for one, (form, _) in reports.items()])
    return found


def _check(form: Form, layout: Layout, shape: Shape) -> None:
    """Refuse columns that nothing fills, notes that name nothing, and parts that are not there.

    Raises:
        BadForm: so it is.
    """
    for column in layout.columns:
        filled = column.column.key in shape.cells or column.column.key in layout.by
        if not (filled or (shape.free and (column.formula or column.share or layout.lines))):
            raise BadForm(form.name, f"栏目 {column.column.key} 没有内容")
    for note in layout.notes:
        if unknown := sorted(unknown_names(note)):
            raise BadForm(form.name, f"附注引用了不存在的数字 {unknown[0]}")
    missing = [part for part in layout.parts if part not in forms()]
    if missing:
        raise BadForm(form.name, f"没有报表 {missing[0]}")
