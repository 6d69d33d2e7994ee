"""Statements and registers (报表、台账): forms whose figures are formulas, down their lines or along their columns."""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy.orm import Session

from ledger.reports.figures import Figures, gather, in_scope, share
from ledger.reports.form import Form, FormColumn, FormTie, Layout
from ledger.reports.formula import Formula, value
from ledger.reports.making import as_cells, columns_of, report
from ledger.reports.queries import Group
from ledger.reports.question import Question
from ledger.reports.report import Cell, Kind, Report, Role, Row
from ledger.ties import Check

ITEM, NUMBER, BOOK = "item", "number", "book"


def statement(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    """Return a statement: lines (项目) down, spans across; its ties must hold in every column."""
    reckoned = [column for column in columns_of(layout, asked) if column.column.kind is Kind.FEN]
    figures = gather(session, asked, [(column.span, line.formula) for column in reckoned for line in layout.lines])
    values = {column.column.key: _down(layout, column, figures) for column in reckoned}
    shown = in_scope(session, asked, layout)
    rows: list[Row] = []
    number = 0
    for line in layout.lines:
        if line.key not in shown:
            continue
        cells: dict[str, Cell] = {ITEM: line.heading}
        if line.formula:
            number += 1
            cells |= {NUMBER: number, **{key: mine[line.key] for key, mine in values.items()}}
        rows.append(Row(line.role, as_cells(layout, asked, cells)))
    checks = [
        _tied(tie, f"{form.title}：{tie.name}（{column.column.heading}）", values[column.column.key])
        for tie in layout.ties
        for column in reckoned
    ]
    notes = [f"合并数为{len(asked.books)}个账套之和；账套之间没有对应的往来科目，未作抵销。"] if asked.scope.consolidated else []
    return report(form, layout, asked, rows, notes=notes, checks=checks)


def _down(layout: Layout, column: FormColumn, figures: Figures) -> dict[str, int]:
    """Return the figures of a column by line, each book's added up."""
    sums = {line.key: 0 for line in layout.lines}
    for group in figures.groups:
        known: dict[str, int] = {}
        for line in layout.lines:
            known[line.key] = figures.value(line.formula, column.span, group, known)
            sums[line.key] += known[line.key]
    return sums


def register(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    """Return a register (台账): a row for each book and dimension, formulas along the columns, and their sum."""
    columns = columns_of(layout, asked)
    figures = gather(session, asked, [(column.span, column.formula) for column in columns], layout.by)
    books = {book.id: book.name for book in asked.books}
    rows = []
    sums: dict[object, Counter[str]] = {}
    for group in figures.groups:
        known = _along(columns, figures, group)
        if any(known.values()):
            book = books[int(str(group[0]))]
            sums.setdefault(book, Counter()).update(known)
            named = {name: asked.named(name, code) for name, code in _dimensions(layout, group).items()}
            rows.append(_register_row(layout, asked, Role.LINE, {BOOK: book, **named}, known))
    total = Counter({column.column.key: 0 for column in columns if column.formula})
    for mine in sums.values():
        total.update(mine)
    rows.append(_register_row(layout, asked, Role.TOTAL, {BOOK: "合计"}, total))
    # A book's accounts at two banks may pass money to each other, so a tie holds for the book and not for each of them.
    checks = [_tied(tie, f"{form.title}：{book} {tie.name}", mine) for book, mine in sums.items() for tie in layout.ties]
    return report(form, layout, asked, rows, checks=checks)


def _along(columns: list[FormColumn], figures: Figures, group: Group) -> dict[str, int]:
    known: dict[str, int] = {}
    for column in columns:
        if column.formula:
            known[column.column.key] = figures.value(column.formula, column.span, group, known)
    return known


def _register_row(
    layout: Layout, asked: Question, role: Role, about: Mapping[str, Cell], known: Mapping[str, int]
) -> Row:  # fmt: skip
    shares = {
        column.column.key: share(known[column.share[0]], known[column.share[1]]) for column in layout.columns if column.share
    }
    return Row(role, as_cells(layout, asked, {**about, **known, **shares}))


def _dimensions(layout: Layout, group: Group) -> dict[str, str | None]:
    return {name: None if code is None else str(code) for name, code in zip(layout.by, group[1:], strict=True)}


def _tied(tie: FormTie, name: str, known: Mapping[str, int]) -> Check:
    return Check(check=name, expected=str(_of(tie.left, known)), actual=str(_of(tie.right, known)))


def _of(formula: Formula, known: Mapping[str, int]) -> int:
    return value(formula, known.__getitem__, lambda _: {})
