"""Pages: marks on paper, measured in millimetres from the top left corner, and the only place that knows PDF.

A paper is laid out first and painted last, so what stands on every page (head, foot, number) is drawn when the number
of pages is known. One typeface, four sizes; every character is checked for a glyph before anything is printed.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, lru_cache
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from reportlab.graphics.barcode import qrencoder
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

from statements.errors import FontRefused, MissingGlyph

MM = 72 / 25.4
"""Points in a millimetre. Layout is the one place where floats are right."""

TITLE, HEADING, BODY, SMALL = 18.0, 10.5, 8.0, 6.5
"""The type scale, in points."""

LEADING = 1.35
"""From line to line, in type sizes."""

THIN, THICK, BOLD = 0.4, 0.9, 0.25
"""Rules, and the outline that makes a letter bold, in points."""

A4, A4_LANDSCAPE, A5_LANDSCAPE = (210.0, 297.0), (297.0, 210.0), (210.0, 148.0)
"""Paper sizes, width and height in millimetres."""

_UNBREAKABLE = re.compile(r"[（《“¥]*(?:[!-~]+|.)[，。；：、）》”！？]*")
_PAINTING = Lock()  # a font file is read with a cursor, so one paper at a time makes its subsets


class Align(Enum):
    """Which part of a text stands at its place."""

    LEFT = 0.0
    CENTRE = 0.5
    RIGHT = 1.0


class Ink(Enum):
    """Colours, as red, green and blue."""

    BLACK = (0.0, 0.0, 0.0)
    GREY = (0.4, 0.4, 0.4)
    RED = (0.8, 0.0, 0.0)
    FAINT = (0.92, 0.92, 0.92)
    SHADE = (0.945, 0.945, 0.945)


class Face:
    """A TrueType font, read once per process; each document embeds the glyphs it uses."""

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
            # The name shows in the file, so it comes from what the font is, not from where it lies.
            self.name = f"paper-{sha256(content).hexdigest()[:12]}"
            self.font: Any = TTFont(self.name, BytesIO(content), asciiReadable=False, shapable=False)
        except OSError as error:
            raise FontRefused(path, "文件不存在或不可读") from error
        except TTFError as error:
            raise FontRefused(path, "不是可嵌入的 TrueType 轮廓字体") from error
        outlines = self.font.face
        outlines.get_table = cache(outlines.get_table)  # it copies ten megabytes for each subset otherwise
        pdfmetrics.registerFont(self.font)
        self._widths = {chr(code): outlines.charWidths[code] for code, glyph in outlines.charToGlyph.items() if glyph}

    def width(self, text: str, size: float) -> float:
        """Return how wide a text prints, in millimetres.

        Raises:
            MissingGlyph: the font lacks one of its characters.
        """
        try:
            return float(sum(map(self._widths.__getitem__, text))) * size / (1000 * MM)
        except KeyError as error:
            raise MissingGlyph(error.args[0], text) from None

    def wrapped(self, text: str, size: float, width: float) -> list[str]:
        """Return a text as lines that fit; numbers and Latin words stay whole unless one is wider than the line."""
        if self.width(text, size) <= width:
            return [text]
        lines = [""]
        for word in _UNBREAKABLE.findall(text):
            for part in [word] if self.width(word, size) <= width else word:
                if lines[-1] and self.width(lines[-1] + part, size) > width:
                    lines.append("")
                lines[-1] += part if lines[-1] else part.lstrip()
        return lines


@lru_cache(maxsize=8)
def face(font: Path | None) -> Face:
    """Return the font of a file, or Noto Sans SC, which the zhplot wheel brings.

    Raises:
        FontRefused: there is no such file, or it can't be embedded.
    """
    if font is None:
        # Found, not imported: importing zhplot would load matplotlib.
        spec = find_spec("zhplot")
        if spec is None or spec.origin is None:
            raise FontRefused(None, "没有安装 zhplot")
        font = Path(spec.origin).with_name("fonts") / "NotoSansSC-Regular.ttf"
    return Face(font)


@dataclass(slots=True)
class _Marks:
    """What stands on one page, in points from the bottom left corner."""

    shades: list[tuple[float, float, float, float]] = field(default_factory=list)
    rules: dict[tuple[float, bool], dict[tuple[float, float, bool], tuple[float, float]]] = field(default_factory=dict)
    texts: list[tuple[float, float, str, float, Ink, bool]] = field(default_factory=list)
    across: list[tuple[float, float, str, float]] = field(default_factory=list)


class Paper:
    """Pages of one size being laid out, with a cursor `y` that moves down.

    `furniture` draws what every page bears, given the paper, the page's number and the number of pages.
    """

    def __init__(
        self,
        *,
        size: tuple[float, float],
        font: Path | None,
        top: float,
        bottom: float,
        furniture: Callable[["Paper", int, int], None],
    ) -> None:
        self.face = face(font)
        self.width, self.height = size
        self.top, self.bottom = top, bottom  # content lies between these
        self._furniture = furniture
        self._pages: list[_Marks] = []
        self.turn_page()

    def turn_page(self) -> None:
        """Begin a new page and move the cursor to its top."""
        self._marks = _Marks()
        self._pages.append(self._marks)
        self.y = self.top
        self.floor = self.bottom

    def need(self, height: float) -> None:
        """Turn the page unless `height` is left, or the page is still empty."""
        if self.y + height > self.floor and self.y > self.top:
            self.turn_page()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = BODY,
        *,
        align: Align = Align.LEFT,
        ink: Ink = Ink.BLACK,
        bold: bool = False,
        within: float | None = None,
    ) -> None:
        """Print one line whose middle is at height `y`, smaller if it is wider than `within`; nothing is ever cut."""
        width = self.face.width(text, size)
        if within is not None and width > within:
            size, width = size * within / width, within
        baseline = (self.height - y) * MM - 0.36 * size
        self._marks.texts.append(((x - align.value * width) * MM, baseline, text, size, ink, bold))

    def block(
        self,
        x: float,
        middle: float,
        lines: Sequence[str],
        *,
        align: Align = Align.LEFT,
        ink: Ink = Ink.BLACK,
        within: float | None = None,
    ) -> None:
        """Print lines of body text one below the other, around the height `middle`."""
        y = middle - (len(lines) - 1) / 2 * BODY * LEADING / MM
        for line in lines:
            self.text(x, y, line, align=align, ink=ink, within=within)
            y += BODY * LEADING / MM

    def across(self, text: str) -> None:
        """Print a faint text diagonally behind the page's content."""
        size = 0.55 * self.height * MM / len(text)
        self.face.width(text, size)
        self._marks.across.append((self.width * MM / 2, self.height * MM / 2, text, size))

    def rule(self, x1: float, y1: float, x2: float, y2: float, width: float = THIN, *, dashed: bool = False) -> None:
        """Draw a straight line; a vertical one that begins where another ends lengthens it."""
        start, end = (x1 * MM, (self.height - y1) * MM), (x2 * MM, (self.height - y2) * MM)
        upright = x1 == x2
        starts = self._marks.rules.setdefault((width, dashed), {})  # start by end and direction
        starts[*end, upright] = starts.pop((*start, True), start) if upright else start

    def box(self, x: float, y: float, width: float, height: float, rule: float = THIN) -> None:
        """Draw a rectangle from its top left corner."""
        right, low = x + width, y + height
        for line in ((x, y, right, y), (x, low, right, low), (x, y, x, low), (right, y, right, low)):
            self.rule(*line, rule)

    def shade(self, x: float, y: float, width: float, height: float) -> None:
        """Lay a light tint under a rectangle."""
        self._marks.shades.append((x * MM, (self.height - y - height) * MM, width * MM, height * MM))

    def pdf(self, title: str, author: str) -> bytes:
        """Return the document; the same marks always give the same bytes."""
        size, buffer = (self.width * MM, self.height * MM), BytesIO()
        with _PAINTING:
            canvas = Canvas(buffer, pagesize=size, pageCompression=1, invariant=1, initialFontName=self.face.name, lang="zh-CN")
            canvas.setTitle(title)
            canvas.setAuthor(author)
            canvas.setCreator("fupin")
            for number, content in enumerate(self._pages, 1):
                self._marks = _Marks()
                self._furniture(self, number, len(self._pages))
                for marks in (self._marks, content):
                    _paint(canvas, marks, self.face.name)
                canvas.showPage()
            canvas.save()
        return buffer.getvalue()


def qr_modules(text: str) -> list[list[bool]]:
    """Return the squares of a text's QR code, row by row; true is dark."""
    code = qrencoder.QRCode(None, qrencoder.QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    return [[bool(dark) for dark in row] for row in code.modules]


def _paint(canvas: Any, marks: _Marks, font: str) -> None:
    for x, y, text, size in marks.across:
        canvas.saveState()
        canvas.translate(x, y)
        canvas.rotate(35)
        canvas.setFillColorRGB(*Ink.FAINT.value)
        canvas.setFont(font, size)
        canvas.drawCentredString(0, -0.36 * size, text)
        canvas.restoreState()
    canvas.setFillColorRGB(*Ink.SHADE.value)
    for shade in marks.shades:
        canvas.rect(*shade, stroke=0, fill=1)
    canvas.setStrokeColorRGB(*Ink.BLACK.value)
    for (width, dashed), starts in marks.rules.items():
        canvas.setLineWidth(width)
        canvas.setDash(*([2, 2],) if dashed else ())
        canvas.lines([(*start, *end[:2]) for end, start in starts.items()])
    canvas.setDash()
    pen = canvas.beginText()
    state: tuple[object, ...] = ()
    # Grouped by size, ink and weight: the pen is changed as seldom as can be.
    for x, y, text, size, ink, bold in sorted(marks.texts, key=lambda mark: (mark[3], mark[4].value, mark[5])):
        if state != (state := (size, ink, bold)):
            pen.setFont(font, size)
            pen.setFillColorRGB(*ink.value)
            pen.setTextRenderMode(2 if bold else 0)  # the one weight, outlined in its own ink
        pen.setTextOrigin(x, y)
        pen.textOut(text)
    pen.setTextRenderMode(0)  # or it would outlive this text
    canvas.setLineWidth(BOLD)
    canvas.drawText(pen)
