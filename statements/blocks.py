"""Blocks (版面组件): columns, tables, labelled facts, amounts in words, prose, signatures, seals and slips of every paper."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.money import percent, yuan
from statements.form import Block, Flow
from statements.page import A4, A4_LANDSCAPE, BODY, HEADING, LEADING, MM, SMALL, Align, Ink
from statements.table import Carry, Column, Table, TableRow
from statements.words import in_words

ROW, LINE, GAP = 5.6, 5.5, 3.0
"""A table's row, a line of prose, and the space after a block, in millimetres."""


def words(title: str, width: float) -> Column:
    """Return a column of texts."""
    return Column(title=title, width=width, align=Align.LEFT)


def day(title: str, width: float = 18) -> Column:
    """Return a column of dates or short words."""
    return Column(title=title, width=width, align=Align.CENTRE)


def money(title: str, width: float = 22) -> Column:
    """Return a column of amounts that are added up."""
    return Column(title=title, width=width, carry=Carry.SUM)


def balance(title: str, width: float = 22) -> Column:
    """Return a column of amounts whose last one carries over."""
    return Column(title=title, width=width, carry=Carry.LAST)


def amount(title: str, width: float = 22) -> Column:
    """Return a column of amounts that are not added up."""
    return Column(title=title, width=width)


def count(title: str, width: float = 11) -> Column:
    """Return a column of numbers that are added up."""
    return Column(title=title, width=width, carry=Carry.SUM, show=str)


def number(title: str, width: float = 11) -> Column:
    """Return a column of numbers that are not added up."""
    return Column(title=title, width=width, show=str)


def rate(title: str, width: float = 13) -> Column:
    """Return a column of yearly rates in parts per billion."""
    return Column(title=title, width=width, show=percent)


@dataclass(frozen=True, slots=True)
class Grid(Block):
    """A table as wide as the frame: columns in proportion to their widths."""

    columns: tuple[Column, ...]
    rows: Iterable[TableRow]
    total: str | None = "合计"
    continued: str = ""
    row: float = ROW
    size: float = BODY
    gap: float = GAP

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        whole = sum(column.width for column in self.columns)
        columns = tuple(
            Column(title=c.title, width=c.width * flow.wide / whole, align=c.align, carry=c.carry, show=c.show)
            for c in self.columns
        )
        flow.paper.need(5 * self.row)
        Table(x=flow.left, row=self.row, size=self.size, columns=columns).draw(flow.paper, self.rows, self.total, self.continued)
        flow.paper.y += self.gap


@dataclass(frozen=True, slots=True)
class Facts(Block):
    """Labelled facts in ruled cells, `across` pairs to a line; a fact that has no room beside another has a line of its own."""

    pairs: Sequence[tuple[str, str]]
    across: int = 2
    label: float = 26.0

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper = flow.paper
        cell = flow.wide / self.across
        for line in self._lines(flow, cell - self.label - 3):
            width = flow.wide / len(line) if len(line) == 1 else cell
            texts = [paper.face.wrapped(value, BODY, width - self.label - 3) or [""] for _, value in line]
            height = max(6.4, max(map(len, texts)) * BODY * LEADING / MM + 2.4)
            paper.need(height)
            for place in range(self.across if len(line) > 1 else 1):
                x = flow.left + place * width
                paper.box(x, paper.y, width, height)
                if place < len(line):
                    paper.shade(x, paper.y, self.label, height)
                    paper.rule(x + self.label, paper.y, x + self.label, paper.y + height)
                    paper.text(x + 1.5, paper.y + height / 2, line[place][0], within=self.label - 3)
                    paper.block(x + self.label + 1.5, paper.y + height / 2, texts[place])
            paper.y += height
        paper.y += GAP

    def _lines(self, flow: Flow, room: float) -> Iterable[list[tuple[str, str]]]:
        line: list[tuple[str, str]] = []
        for pair in self.pairs:
            if flow.paper.face.width(pair[1], BODY) > room:
                if line:
                    yield line
                    line = []
                yield [pair]
                continue
            line.append(pair)
            if len(line) == self.across:
                yield line
                line = []
        if line:
            yield line


@dataclass(frozen=True, slots=True)
class Sum(Block):
    """An amount in words (大写) and in figures."""

    label: str
    fen: int

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper = flow.paper
        paper.need(8)
        paper.text(flow.left, paper.y + 3, f"{self.label}（大写）：{in_words(self.fen)}", bold=True, within=flow.wide - 40)
        paper.text(flow.right, paper.y + 3, f"¥{yuan(self.fen)}", align=Align.RIGHT, bold=True)
        paper.y += 8


@dataclass(frozen=True, slots=True)
class Prose(Block):
    """Paragraphs, indented as letters are."""

    paragraphs: Sequence[str]
    size: float = HEADING
    indent: bool = True

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper = flow.paper
        height = self.size * 1.7 / MM
        indent = 2 * self.size / MM if self.indent else 0.0
        for paragraph in self.paragraphs:
            x = flow.left + indent
            first, *rest = paper.face.wrapped(paragraph, self.size, flow.wide - indent)
            if rest:
                rest = paper.face.wrapped(paragraph.removeprefix(first).lstrip(), self.size, flow.wide)
            for line in (first, *rest):
                paper.need(height)
                paper.text(x, paper.y + height / 2, line, self.size)
                paper.y += height
                x = flow.left
        paper.y += GAP


@dataclass(frozen=True, slots=True)
class Heading(Block):
    """A heading within a paper."""

    said: str

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        flow.paper.need(24)
        flow.paper.text(flow.left, flow.paper.y + 3.5, self.said, HEADING, bold=True)
        flow.paper.y += 8


@dataclass(frozen=True, slots=True)
class Line(Block):
    """One line: what stands left, in the middle and right."""

    left: str = ""
    centre: str = ""
    right: str = ""
    bold: bool = False
    small: bool = False
    gap: float = 0.0

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper, size, ink = flow.paper, SMALL if self.small else BODY, Ink.GREY if self.small else Ink.BLACK
        paper.need(LINE)
        y = paper.y + LINE / 2
        paper.text(flow.left, y, self.left, size, bold=self.bold, ink=ink, within=flow.wide)
        paper.text(flow.middle, y, self.centre, size, align=Align.CENTRE, ink=ink)
        paper.text(flow.right, y, self.right, size, align=Align.RIGHT, ink=ink)
        paper.y += (4.0 if self.small else LINE) + self.gap


@dataclass(frozen=True, slots=True)
class Signed(Block):
    """Offices on one line, each with who signed, or room to sign."""

    offices: Sequence[tuple[str, str]]

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper = flow.paper
        paper.need(12)
        for place, (office, name) in enumerate(self.offices):
            x = flow.left + place * flow.wide / len(self.offices)
            paper.text(x, paper.y + 5, f"{office}：{name}", within=flow.wide / len(self.offices) - 2)
        paper.y += 12


@dataclass(frozen=True, slots=True)
class Seals(Block):
    """Units side by side, each with its offices and room for its seal (盖章) and a date; they never part over pages."""

    units: Sequence[tuple[str, Sequence[str]]]

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper, wide = flow.paper, flow.wide / max(2, len(self.units))
        begins = flow.right - wide * len(self.units)
        height = 30 + 6.5 * max(len(offices) for _, offices in self.units)
        paper.need(height + GAP)
        for place, (unit, offices) in enumerate(self.units):
            x, y = begins + place * wide, paper.y
            paper.box(x, y, wide, height)
            lines = paper.face.wrapped(unit, BODY, wide - 3)
            paper.block(x + 1.5, y + 4.5 + (len(lines) - 1) * 2, lines)
            for office in offices:
                y += 6.5
                paper.text(x + 1.5, y + 7, f"{office}：")
            paper.text(x + wide / 2, paper.y + height - 13, "（盖章）", SMALL, align=Align.CENTRE, ink=Ink.GREY)
            paper.text(x + wide - 1.5, paper.y + height - 4, "　　　年　　月　　日", align=Align.RIGHT)
        paper.y += height + GAP


@dataclass(frozen=True, slots=True)
class Slip(Block):
    """A slip to be cut off and sent back (回执), at the foot of its page: what is confirmed, the answers, and room to seal."""

    title: str
    number: str
    to: str
    said: str
    answers: tuple[str, str]
    by: str

    HEIGHT = 66.0

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper, left, right = flow.paper, flow.left, flow.right
        paper.need(self.HEIGHT)
        top = paper.floor - self.HEIGHT + 4
        paper.rule(left, top, right, top, dashed=True)
        paper.text(flow.middle, top + 8, " ".join(self.title), HEADING, align=Align.CENTRE, bold=True)
        paper.text(right, top + 8, f"对应编号：{self.number}", SMALL, align=Align.RIGHT, within=60)
        paper.text(left, top + 15.5, f"{self.to}：")
        paper.block(left + 6, top + 23, paper.face.wrapped(self.said, BODY, flow.wide - 6))
        paper.text(left + 6, top + 32, "经核对：", HEADING)
        paper.text(left + 26, top + 32, f"□ {self.answers[0]}", HEADING)
        paper.text(left + 48, top + 32, f"□ {self.answers[1]}", HEADING)
        paper.rule(left + 84, top + 34, right, top + 34)
        for x, sign in ((left, "经办人（签字）："), (left + 54, "复核人（签字）："), (left + 116, "单位（盖章）：")):
            paper.text(x, top + 45, sign)
        paper.text(left + 116, top + 52, "日期：　　　　年　　　月　　　日")
        paper.text(left, top + 59, self.by, SMALL)
        paper.floor = top - 4


@dataclass(frozen=True, slots=True)
class Turn(Block):
    """A new page, unless this one is empty; wide ones lie on their side."""

    wide: bool = False

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper = flow.paper
        size = A4_LANDSCAPE if self.wide else A4
        if paper.y > paper.top or paper.size != size:
            paper.turn_page(size)


@dataclass(frozen=True, slots=True)
class Together(Block):
    """Turn the page unless so many millimetres are left; what is higher than a page only needs room to begin."""

    height: float

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper = flow.paper
        whole = paper.height - paper.foot - paper.top
        paper.need(self.height if self.height <= whole else 66)
