"""What every maker of reports does: cells in the order of its form's columns, and the report around them."""

from collections.abc import Mapping, Sequence

from ledger.reports.form import Form, FormColumn, Layout
from ledger.reports.question import Question
from ledger.reports.report import Cell, Column, Report, Row
from ledger.ties import Check


def columns_of(layout: Layout, asked: Question) -> list[FormColumn]:
    """Return the columns that a question sees: some are only of a consolidation."""
    return [column for column in layout.columns if len(asked.books) > 1 or not column.consolidated]


def as_cells(layout: Layout, asked: Question, said: Mapping[str, Cell]) -> tuple[Cell, ...]:
    """Return cells in the order of the columns; what is not said stays empty."""
    return tuple(said.get(column.column.key) for column in columns_of(layout, asked))


def report(
    form: Form, layout: Layout, asked: Question, rows: Sequence[Row], *, more: Sequence[Column] = (),
    notes: Sequence[str] = (), checks: Sequence[Check] = (), parts: Sequence[Report] = (),
) -> Report:  # fmt: skip
    """Return the report of a form for a question."""
    columns = [column.column for column in columns_of(layout, asked)]
    return Report(
        name=form.name, title=form.title, scope=asked.scope, since=asked.since, end=asked.end,
        columns=(*columns, *more), rows=tuple(rows), of_a_day=form.of_a_day, known_at=asked.sequence, notes=tuple(notes),
        checks=tuple(checks), parts=tuple(parts),
    )  # fmt: skip
