"""Tables: columns of texts and figures that run over pages with their heads and carried totals.

A figure is an `int` that its column knows how to print, in red below zero. A page that ends inside a table closes with
过次页 and the next one opens with 承前页; both bear the sums so far.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import accumulate, pairwise

from ledger.money import yuan
from statements.page import BODY, LEADING, MM, THICK, Align, Ink, Paper

PADDING = 1.2
"""Between a text and its cell's edge, in millimetres."""

Cell = str | int | None


class Carry(Enum):
    """What a column hands over at a page's end: nothing, the sum so far, or its last figure (a balance)."""

    NOTHING = "nothing"
    SUM = "sum"
    LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its head, width in millimetres, and how its figures print and carry over."""

    title: str
    width: float
    align: Align = Align.RIGHT
    carry: Carry = Carry.NOTHING
    show: Callable[[int], str] = yuan


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns from `x` on and rows at least `row` millimetres high; at least one column carries.

    With `filled`, blank rows go down to the page's floor and their amounts are struck through, as on a voucher.
    """

    columns: tuple[Column, ...]
    x: float
    row: float
    filled: bool = False

    def draw(self, paper: Paper, rows: Sequence[Sequence[Cell]], total: str, continued: str = "") -> None:
        """Draw all rows from the cursor on, then a closing row labelled `total`.

        Every page the table runs on to opens with the text `continued`, if there is one, and the head.
        """
        self._head(paper)
        sums: list[Cell] = [0 if column.carry is Carry.SUM else None for column in self.columns]
        for row in rows:
            texts = [self._texts(paper, column, cell) for column, cell in zip(self.columns, row, strict=True)]
            height = max(self.row, self._height(texts))
            # Under every row there is room for a carrying or closing row.
            if paper.y + height + self.row > paper.floor:
                self._sums(paper, "过次页", sums)
                paper.turn_page()
                if continued:
                    paper.text(self.x + PADDING, paper.y + self.row / 2, continued, bold=True)
                    paper.y += self.row
                self._head(paper)
                self._sums(paper, "承前页", sums)
            for number, (cell, lines) in enumerate(zip(row, texts, strict=True)):
                self._cell(paper, number, height, lines, cell)
            self._rule_off(paper, height, self._edges)
            sums = [_carried(*facts) for facts in zip(self.columns, sums, row, strict=True)]
        if self.filled:
            self._fill(paper)
        self._sums(paper, total, sums)
        paper.rule(self.x, paper.y, self._edges[-1], paper.y, THICK)

    @cached_property
    def _edges(self) -> list[float]:
        return list(accumulate((column.width for column in self.columns), initial=self.x))

    @cached_property
    def _first_carrying(self) -> int:
        return next(number for number, column in enumerate(self.columns) if column.carry is not Carry.NOTHING)

    @staticmethod
    def _texts(paper: Paper, column: Column, cell: Cell) -> list[str]:
        if isinstance(cell, str):
            return paper.face.wrapped(cell, BODY, column.width - 2 * PADDING)
        return [] if cell is None else [column.show(cell)]

    @staticmethod
    def _height(texts: Sequence[Sequence[str]]) -> float:
        return max(map(len, texts)) * BODY * LEADING / MM + PADDING

    def _head(self, paper: Paper) -> None:
        texts = [self._texts(paper, column, column.title) for column in self.columns]
        height = max(self.row, self._height(texts))
        paper.shade(self.x, paper.y, self._edges[-1] - self.x, height)
        paper.rule(self.x, paper.y, self._edges[-1], paper.y, THICK)
        for (left, right), lines in zip(pairwise(self._edges), texts, strict=True):
            paper.block((left + right) / 2, paper.y + height / 2, lines, align=Align.CENTRE)
        self._rule_off(paper, height, self._edges)

    def _cell(self, paper: Paper, number: int, height: float, lines: Sequence[str], cell: Cell) -> None:
        align, left, right = (
            self.columns[number].align,
            self._edges[number] + PADDING,
            self._edges[number + 1] - PADDING,
        )
        ink = Ink.RED if isinstance(cell, int) and cell < 0 else Ink.BLACK
        x = left + align.value * (right - left)
        paper.block(x, paper.y + height / 2, lines, align=align, ink=ink, within=right - left)

    def _sums(self, paper: Paper, label: str, sums: Sequence[Cell]) -> None:
        """Draw a row of sums behind a label that spans the columns before them."""
        first, edges = self._first_carrying, self._edges
        room = edges[first] - self.x - 2 * PADDING
        paper.text(self.x + PADDING, paper.y + self.row / 2, label, bold=True, within=room)
        for number, cell in enumerate(sums):
            self._cell(paper, number, self.row, self._texts(paper, self.columns[number], cell), cell)
        self._rule_off(paper, self.row, [edges[0], *edges[first:]])

    def _fill(self, paper: Paper) -> None:
        top, carrying = paper.y, [column.carry is not Carry.NOTHING for column in self.columns]
        while paper.y + 2 * self.row <= paper.floor:
            self._rule_off(paper, self.row, self._edges)
        if paper.y > top:
            right = self._edges[len(carrying) - carrying[::-1].index(True)]
            paper.rule(self._edges[carrying.index(True)], paper.y, right, top)

    def _rule_off(self, paper: Paper, height: float, edges: Sequence[float]) -> None:
        """Draw the sides and the floor of the row at the cursor and move below it."""
        low = paper.y + height
        for x in edges:
            paper.rule(x, paper.y, x, low)
        paper.rule(self.x, low, self._edges[-1], low)
        paper.y = low


def _carried(column: Column, before: Cell, cell: Cell) -> Cell:
    if column.carry is Carry.SUM and isinstance(before, int) and isinstance(cell, int):
        return before + cell
    return cell if column.carry is Carry.LAST and cell is not None else before
