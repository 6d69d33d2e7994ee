"""Tables: columns of texts and figures that run over pages with their heads and carried totals.

A figure is an `int` that its column knows how to print, in red below zero. A page that ends inside a table closes with
过次页 and the next one opens with 承前页; both bear the sums so far. Subtotals and totals are added up here and nowhere else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from ledger.money import yuan
from statements.page import BODY, LEADING, MM, THICK, Align, Ink, Paper

PADDING = 1.2
"""Between a text and its cell's edge, in millimetres."""

SHIFT = {align: align.value for align in Align}
"""What part of a text's width lies left of its place."""

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


@dataclass(frozen=True, slots=True)
class Band:
    """A row that names the group below it."""

    label: str


@dataclass(frozen=True, slots=True)
class Subtotal:
    """A row that adds up what came since the last subtotal of its level or a higher one; level 1 is the highest."""

    label: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Given:
    """A row whose sums were made elsewhere: it stands out, and is not added up again."""

    cells: tuple[Cell, ...]


TableRow = Sequence[Any] | Band | Subtotal | Given


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns from `x` on and rows at least `row` millimetres high.

    With `filled`, blank rows go down to the page's floor and their amounts are struck through, as on a voucher.
    """

    columns: tuple[Column, ...]
    x: float
    row: float
    size: float = BODY
    filled: bool = False

    def draw(self, paper: Paper, rows: Iterable[TableRow], total: str | None, continued: str = "") -> None:
        """Draw all rows from the cursor on, then a closing row labelled `total`, if there is one.

        Every page the table runs on to opens with the text `continued`, if there is one, and the head.
        """
        run = _Run(self, paper, continued)
        run.open()
        for row in rows:
            run.take(row)
        run.close(total)

    @property
    def right(self) -> float:
        """Where the table ends."""
        return self.edges[-1]

    @cached_property
    def edges(self) -> list[float]:
        """Where columns begin and end."""
        return list(accumulate((column.width for column in self.columns), initial=self.x))

    @cached_property
    def first_carrying(self) -> int:
        """The first column that carries; labels of sums end before it."""
        carrying = (number for number, column in enumerate(self.columns) if column.carry is not Carry.NOTHING)
        return next(carrying, len(self.columns))

    @cached_property
    def summed(self) -> tuple[int, ...]:
        """The columns that are added up."""
        return tuple(number for number, column in enumerate(self.columns) if column.carry is Carry.SUM)

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """The columns whose last figure carries over."""
        return tuple(number for number, column in enumerate(self.columns) if column.carry is Carry.LAST)

    @cached_property
    def line(self) -> float:
        """The height of one line of text in a row."""
        return self.size * LEADING / MM

    @cached_property
    def places(self) -> tuple[tuple[float, float, Align, Callable[[int], str]], ...]:
        """Of each column: where its text stands, how much room it has, how it is aligned and shown."""
        found = []
        for column, (left, right) in zip(self.columns, pairwise(self.edges), strict=True):
            room = right - left - 2 * PADDING
            found.append((left + PADDING + column.align.value * room, room, column.align, column.show))
        return tuple(found)


class _Run:
    """One drawing of a table: what is summed so far, and how far its sides are drawn."""

    def __init__(self, table: Table, paper: Paper, continued: str) -> None:
        self.table, self.paper, self.continued = table, paper, continued
        self.sums: list[Cell] = [0 if column.carry is Carry.SUM else None for column in table.columns]
        self.groups: dict[int, list[int]] = {}  # what each level had reached when its group began
        self.sides: tuple[float, Sequence[float]] | None = None  # from where, and which

    def open(self) -> None:
        """Draw the head."""
        table, paper = self.table, self.paper
        texts = [paper.face.wrapped(c.title, table.size, c.width - 2 * PADDING) for c in table.columns]
        height = max(table.row, max(map(len, texts)) * table.line + PADDING)
        paper.shade(table.x, paper.y, table.right - table.x, height)
        paper.rule(table.x, paper.y, table.right, paper.y, THICK)
        for (left, right), lines in zip(pairwise(table.edges), texts, strict=True):
            paper.block((left + right) / 2, paper.y + height / 2, lines, table.size, align=Align.CENTRE)
        self._rule_off(height, table.edges)

    def take(self, row: TableRow) -> None:
        """Draw one row, on a new page if this one has no room for it and the row that carries or closes."""
        match row:
            case Band(label):
                self._room(2 * self.table.row)
                self._label(label, [None] * len(self.table.columns))
            case Subtotal(label, level):
                self._room(self.table.row)
                self._label(label, self._since(level))
            case Given(cells):
                self._draw(cells, bold=True)
            case _:
                self._draw(row, bold=False)
                for number in self.table.summed:
                    cell, before = row[number], self.sums[number]
                    if isinstance(cell, int) and isinstance(before, int):
                        self.sums[number] = before + cell
                for number in self.table.kept:
                    if row[number] is not None:
                        self.sums[number] = row[number]

    def close(self, total: str | None) -> None:
        """Draw the closing row, and the table's last line."""
        if self.table.filled:
            self._fill()
        if total is not None:
            self._label(total, self.sums)
        self._end_sides()
        self.paper.rule(self.table.x, self.paper.y, self.table.right, self.paper.y, THICK)

    def _since(self, level: int) -> list[Cell]:
        """Return what came since the last subtotal of a level, and begin that level and those below anew."""
        begun = self.groups.get(level, [0] * len(self.sums))
        reached = [cell if isinstance(cell, int) else 0 for cell in self.sums]
        for lower in range(level, 4):
            self.groups[lower] = reached
        carries = (column.carry is Carry.SUM for column in self.table.columns)
        return [now - before if c else None for c, now, before in zip(carries, reached, begun, strict=True)]

    def _room(self, height: float) -> None:
        table, paper = self.table, self.paper
        if paper.y + height + table.row <= paper.floor:
            return
        carries = table.first_carrying < len(table.columns)
        if carries:
            self._label("过次页", self.sums)
        self._end_sides()
        paper.turn_page()
        if self.continued:
            paper.text(table.x + PADDING, paper.y + table.row / 2, self.continued, bold=True)
            paper.y += table.row
        self.open()
        if carries:
            self._label("承前页", self.sums)

    def _draw(self, row: Sequence[Cell], *, bold: bool) -> None:
        table, paper = self.table, self.paper
        face, size, height = paper.face, table.size, table.row
        texts: list[tuple[str | list[str], float]] = []  # each with its width
        for cell, (_, room, _, show) in zip(row, table.places, strict=True):
            if cell is None:
                texts.append(("", 0.0))
                continue
            text = cell if isinstance(cell, str) else show(cell)
            width = face.width(text, size)
            if isinstance(cell, str) and width > room:
                lines = face.wrapped(text, size, room)
                height = max(height, len(lines) * table.line + PADDING)
                texts.append((lines, width))
            else:
                texts.append((text, width))
        self._room(height)
        middle = paper.y + height / 2
        baseline = (paper.height - middle) * MM - 0.36 * size
        for cell, (said, width), (x, room, align, _) in zip(row, texts, table.places, strict=True):
            if not said:
                continue
            ink = Ink.RED if isinstance(cell, int) and cell < 0 else Ink.BLACK
            if isinstance(said, list):
                paper.block(x, middle, said, size, align=align, ink=ink, within=room)
            elif width > room:
                paper.text(x, middle, said, size, align=align, ink=ink, within=room, bold=bold)
            else:
                paper.write((x - SHIFT[align] * width) * MM, baseline, said, size, ink=ink, bold=bold)
        self._rule_off(height, table.edges)

    def _label(self, label: str, cells: Sequence[Cell]) -> None:
        """Draw a row of sums behind a label that spans the columns before them."""
        table, paper = self.table, self.paper
        first, middle = table.first_carrying, paper.y + table.row / 2
        room = table.edges[first] - table.x - 2 * PADDING
        paper.text(table.x + PADDING, middle, label, table.size, bold=True, within=room)
        for cell, (x, wide, align, show) in zip(cells, table.places, strict=True):
            if isinstance(cell, int):
                ink = Ink.RED if cell < 0 else Ink.BLACK
                paper.text(x, middle, show(cell), table.size, align=align, ink=ink, within=wide)
        bare = all(cell is None for cell in cells)
        self._rule_off(table.row, [table.x, table.right] if bare else [table.edges[0], *table.edges[first:]])

    def _fill(self) -> None:
        table, paper = self.table, self.paper
        top, carrying = paper.y, [column.carry is not Carry.NOTHING for column in table.columns]
        while paper.y + 2 * table.row <= paper.floor:
            self._rule_off(table.row, table.edges)
        if paper.y > top:
            right = table.edges[len(carrying) - carrying[::-1].index(True)]
            paper.rule(table.edges[carrying.index(True)], paper.y, right, top)

    def _rule_off(self, height: float, edges: Sequence[float]) -> None:
        """Draw the floor of the row at the cursor and move below it; its sides are drawn when they end."""
        if self.sides is None or self.sides[1] != edges:
            self._end_sides()
            self.sides = self.paper.y, edges
        self.paper.y += height
        self.paper.rule(self.table.x, self.paper.y, self.table.right, self.paper.y)

    def _end_sides(self) -> None:
        if self.sides is not None:
            top, edges = self.sides
            for x in edges:
                self.paper.rule(x, top, x, self.paper.y)
            self.sides = None
