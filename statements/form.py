"""The layout grammar (版式): a paper is a head and blocks one below the other; a layout says which, never where.

Every paper has the same frame, type scale, head and foot: serial number (单证编号), page x of y, how often it was printed, the
SHA-256 of its figures and the head of the ledger's chain, and both once more as a QR code.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import singledispatch
from hashlib import sha256
from pathlib import Path

from statements.figures import ChainHead
from statements.page import A4, A4_LANDSCAPE, A5_LANDSCAPE, HEADING, SMALL, TINY, TITLE, Align, Ink, Paper

LEFT, TOP, FOOT = 15.0, 24.0, 18.0
"""The frame, in millimetres: its left and right margin, where pages after the first begin, and what is kept for the foot."""
NARROW = 11.0
"""The left and right margin of a wide page."""
QR = 16.0
"""The side of the QR code."""


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
