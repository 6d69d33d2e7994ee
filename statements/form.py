"""The layout grammar (版式): a paper is a head and blocks one below the other; a layout says which, never where.

Every paper has the same frame, type scale, head and foot: serial number (单证编号), page x of y, how often it was printed, the
SHA-256 of its figures and the head of the ledger's chain, and both once more as a QR code.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import singledispatch
from hashlib import sha256
from pathlib import Path

from ledger.money import percent, yuan
from statements.figures import ChainHead
from statements.page import A4, A4_LANDSCAPE, A5_LANDSCAPE, BODY, HEADING, LEADING, MM, SMALL, TINY, TITLE, Align, Ink, Paper
from statements.table import Carry, Column, Table, TableRow
from statements.words import in_words

LEFT, TOP, FOOT = 15.0, 24.0, 18.0
"""The frame, in millimetres: its left and right margin, where pages after the first begin, and what is kept for the foot."""
NARROW = 11.0
"""The left and right margin of a wide page."""
ROW, LINE, GAP, QR = 5.6, 5.5, 3.0, 16.0
"""A table's row, a line of prose, the space after a block, and the side of the QR code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What was given to a paper when it was issued (签发): its serial number, which printing it is, and what it stands on."""

    serial: str = ""  # without a gap per bank and year; none: not issued, a preview
    copy: int = 1
    digest: str = ""  # SHA-256 of the canonical figures, hexadecimal
    heads: tuple[ChainHead, ...] = ()

    @property
    def chain(self) -> str:
        """The head of the ledger's chain: the one there is, or the SHA-256 of all of them in order."""
        if len(self.heads) < 2:
            return self.heads[0].sha256 if self.heads else ""
        return sha256("".join(f"{h.book} {h.chain} {h.position} {h.sha256}\n" for h in self.heads).encode()).hexdigest()

    @property
    def code(self) -> str:
        """What the QR code says."""
        return f"FUPIN:{self.serial}:{self.digest}".upper()


PREVIEW = Mark()


@singledispatch
def layout(figures: object) -> "Form":
    """Return figures as a form; each paper registers its own.

    Raises:
        TypeError: no paper states such figures.
    """
    raise TypeError(type(figures))


class Flow:
    """A paper being filled from top to bottom, and the frame that its blocks keep to."""

    def __init__(self, form: "Form", font: Path | None, furniture: Callable[[Paper, int, int], None]) -> None:
        self.form = form
        size = A5_LANDSCAPE if form.half else A4_LANDSCAPE if form.wide else A4
        self.paper = Paper(size=size, font=font, top=TOP, foot=FOOT, furniture=furniture)

    @property
    def left(self) -> float:
        """Where the frame begins."""
        return margin(self.paper)

    @property
    def right(self) -> float:
        """Where the frame ends."""
        return self.paper.width - margin(self.paper)

    @property
    def middle(self) -> float:
        """The middle of the page."""
        return self.paper.width / 2

    @property
    def wide(self) -> float:
        """How wide the frame is."""
        return self.right - self.left


def margin(paper: Paper) -> float:
    """Return the left and right margin of the page at hand."""
    return NARROW if paper.size == A4_LANDSCAPE else LEFT


class Block:
    """A part of a paper that draws itself at the cursor and moves it down."""

    __slots__ = ()

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A paper: its head, and the blocks below it, which are drawn as they come."""

    title: str
    issuer: str
    demo: bool
    blocks: Iterable[Block]
    number: str = ""  # its own (编号), beside the serial number
    to: str = ""
    period: str = ""
    unit: str = "金额单位：元"
    wide: bool = False
    half: bool = False


def printed(form: Form, mark: Mark = PREVIEW, font: Path | None = None) -> bytes:
    """Return a paper as a PDF; without `font` it is set in Noto Sans SC.

    Raises:
        MissingGlyph: the font lacks a character.
        FontRefused: the font can't be embedded.
    """

    def furniture(paper: Paper, number: int, pages: int) -> None:
        furnish(paper, form, mark, number, pages)

    flow = Flow(form, font, furniture)
    _head(flow)
    for block in form.blocks:
        block.draw(flow)
    return flow.paper.pdf(" ".join(filter(None, (form.title, mark.serial or form.number))), form.issuer)


def _head(flow: Flow) -> None:
    form, paper = flow.form, flow.paper
    high = 10.0 if form.half else 21.0
    paper.text(flow.middle, high, form.issuer, HEADING, align=Align.CENTRE, within=flow.wide - 2 * QR - 4)
    paper.text(flow.middle, high + 9, " ".join(form.title) if len(form.title) < 9 else form.title, TITLE,
               align=Align.CENTRE, bold=True, within=flow.wide - 2 * QR - 4)  # fmt: skip
    y = high + 17.5
    if form.to or form.number:
        paper.text(flow.left, y, f"致：{form.to}" if form.to else "", HEADING, within=flow.wide * 0.7)
        paper.text(flow.right, y, f"编号：{form.number}" if form.number else "", align=Align.RIGHT, within=flow.wide * 0.35)
        y += 6.0
    if form.period or form.unit:
        paper.text(flow.left, y, form.period, within=flow.wide * 0.75)
        paper.text(flow.right, y, form.unit, align=Align.RIGHT)
        y += 4.0
    paper.y = y


def furnish(paper: Paper, form: Form, mark: Mark, number: int, pages: int) -> None:
    """Write what every page bears: its number, and what says that the paper is whole and genuine."""
    left, right = margin(paper), paper.width - margin(paper)
    if form.demo:
        paper.across("演示数据")
        paper.text(
            paper.width / 2, 4.5 if form.half else 11, "演示数据，不作为对账、记账依据", SMALL, align=Align.CENTRE, ink=Ink.RED
        )
    if number == 1 and mark.serial:
        paper.qr(left, 5.5, QR - 3 if form.half else QR, mark.code)
    if number > 1 and not form.half:
        paper.text(left, 16, "　".join(filter(None, (form.title, form.to))), SMALL, ink=Ink.GREY)
        paper.text(right, 16, form.period, SMALL, align=Align.RIGHT, ink=Ink.GREY)
        paper.rule(left, 19, right, 19)
    low = paper.height - 14
    paper.rule(left, low, right, low)
    serial = f"单证编号：{mark.serial}　第 {mark.copy} 次打印" if mark.serial else "预览，未签发"
    own = f"编号：{form.number}　" if form.number else ""
    paper.text(left, low + 3, own + serial, SMALL, ink=Ink.GREY)
    paper.text(right, low + 3, f"第 {number} 页　共 {pages} 页", SMALL, align=Align.RIGHT, ink=Ink.GREY)
    if mark.digest:
        paper.text(left, low + 6.5, f"数据摘要 SHA-256 {mark.digest}", TINY, ink=Ink.GREY)
        paper.text(right, low + 6.5, f"账簿链头 {mark.chain}" if mark.chain else "", TINY, align=Align.RIGHT, ink=Ink.GREY)


# Columns


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


# Blocks


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
