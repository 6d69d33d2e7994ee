"""Pages: marks on paper, measured in millimetres from the top left corner, and the only place that knows PDF.

What a page says is written as PDF at once and packed when the page is full, so that a paper of thousands of pages takes
little memory; what stands on every page (head, foot, number) is written last, when the number of pages is known. One typeface,
five sizes; every character is checked for a glyph before anything is printed.
"""

import re
import zlib
from collections import deque
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

from reportlab import rl_config
from reportlab.graphics.barcode import qrencoder
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel, QRUtil
from reportlab.pdfbase import pdfdoc, pdfmetrics, ttfonts
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

from statements.charmap import to_unicode
from statements.errors import FontRefused, MissingGlyph

MM = 72 / 25.4
"""Points in a millimetre. Layout is the one place where floats are right."""

TITLE, HEADING, BODY, SMALL, TINY = 18.0, 10.5, 8.0, 6.5, 5.5
"""The type scale, in points."""

LEADING = 1.35
"""From line to line, in type sizes."""

THIN, THICK, BOLD = 0.4, 0.9, 0.25
"""Rules, and the outline that makes a letter bold, in points."""

rl_config.useA85 = 0  # bytes as bytes: a quarter smaller, and made in half the time

A4, A4_LANDSCAPE, A5_LANDSCAPE = (210.0, 297.0), (297.0, 210.0), (210.0, 148.0)
"""Paper sizes, width and height in millimetres."""

_UNBREAKABLE = re.compile(r"[（《“¥]*(?:[!-~]+|.)[，。；：、）》”！？]*")
_ESCAPED = {"(": "\\(", ")": "\\)", "\\": "\\\\", "\r": "\\r", "\n": "\\n"}
_QR_MASK = 2  # any of the eight may be used, and the best one takes eight times as long to find
_PACKING = 3  # zlib's level: higher ones take longer and save little
_PAINTING = Lock()  # a font file is read with a cursor, so one paper at a time makes its subsets


class _Packing(pdfdoc.PDFStreamFilterZCompress):  # type: ignore[misc]
    """How fonts are packed: quicker than the library does, and hardly larger."""

    def encode(self, text: str | bytes) -> bytes:
        """Return a stream packed."""
        return zlib.compress(text.encode("latin-1") if isinstance(text, str) else text, _PACKING)


def _remainder(self: Any, other: Any) -> Any:
    """Return what is left of a polynomial of a QR code by another: the library's own recursion takes six times as long."""
    num, log = list(self.num), qrencoder.LOG_TABLE
    logs = [log[factor] for factor in other.num]
    for at in range(len(num) - len(logs) + 1):
        if num[at]:
            ratio = log[num[at]] - logs[0]
            for place, factor in enumerate(logs, at):
                num[place] ^= qrencoder.EXP_TABLE[(factor + ratio) % 255]
    return qrencoder.QRPolynomial(num, 0) if any(num) else qrencoder.QRPolynomial([0, 0], 0)


pdfdoc.PDFZCompress = _Packing()
ttfonts.makeToUnicodeCMap = to_unicode
qrencoder.QRPolynomial.mod = _remainder
QRUtil.getErrorCorrectPolynomial = staticmethod(cache(QRUtil.getErrorCorrectPolynomial))  # found anew for each code otherwise


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
        self.widths = {chr(code): outlines.charWidths[code] for code, glyph in outlines.charToGlyph.items() if glyph}

    def width(self, text: str, size: float) -> float:
        """Return how wide a text prints, in millimetres.

        Raises:
            MissingGlyph: the font lacks one of its characters.
        """
        try:
            return float(sum(map(self.widths.__getitem__, text))) * size / (1000 * MM)
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
    """What stands on a page or a part of one, in points from the bottom left corner."""

    under: list[str] = field(default_factory=list)
    rules: dict[tuple[float, bool], list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    state: tuple[object, ...] = ()  # of the pen: size, ink, weight, part of the font

    def packed(self) -> bytes:
        """Return the marks as PDF has them, packed: tints below, then lines, then texts."""
        said = list(self.under)
        for (width, dashed), lines in self.rules.items():
            said += (f"{width} w {'[2 2]' if dashed else '[]'} 0 d", *lines, "S")
        # The outline of bold letters is set here, and the way of printing reset: it would outlive this text.
        said += (f"{BOLD} w [] 0 d BT", *self.texts, "0 Tr ET ")
        return zlib.compress("\n".join(said).encode("latin-1"), _PACKING)


class Paper:
    """Pages being laid out, with a cursor `y` that moves down between `top` and `floor`.

    `furniture` writes what every page bears, given the paper, the page's number and the number of pages.
    """

    def __init__(
        self,
        *,
        size: tuple[float, float],
        font: Path | None,
        top: float,
        foot: float,
        furniture: Callable[["Paper", int, int], None],
    ) -> None:
        self.face = face(font)
        self.top, self.foot = top, foot  # how far content keeps from the upper and the lower edge
        self._furniture = furniture
        self._canvas = Canvas(
            BytesIO(), pagesize=(size[0] * MM, size[1] * MM), pageCompression=1, invariant=1,
            initialFontName=self.face.name, lang="zh-CN",
        )  # fmt: skip
        self._near: dict[str, str] = {}  # how characters of the font's first part are written
        self._pages: list[tuple[tuple[float, float], bytes]] = []
        self._begin(size)

    @property
    def pages(self) -> int:
        """How many pages there are so far."""
        return len(self._pages) + 1

    def _begin(self, size: tuple[float, float]) -> None:
        self.size = size
        self.width, self.height = size
        self._marks = _Marks()
        self.y, self.floor = self.top, self.height - self.foot

    def turn_page(self, size: tuple[float, float] | None = None) -> None:
        """Begin a new page, of the same size unless another is given, and move the cursor to its top."""
        self._pages.append((self.size, self._marks.packed()))
        self._begin(size or self.size)

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
        left = x
        if within is not None or align is not Align.LEFT:
            width = self.face.width(text, size)
            if within is not None and width > within:
                size, width = size * within / width, within
            left -= align.value * width
        self.write(left * MM, (self.height - y) * MM - 0.36 * size, text, size, ink=ink, bold=bold)

    def write(self, x: float, baseline: float, text: str, size: float, *, ink: Ink = Ink.BLACK, bold: bool = False) -> None:
        """Print a text from a point on, both in points from the bottom left corner."""
        near = self._near
        try:
            said = "".join([near[character] for character in text])
        except KeyError:
            self._write_parts(x, baseline, text, size, ink, bold)
            return
        texts = self._marks.texts
        if self._marks.state != (state := (size, ink, bold, 0)):
            self._take_pen(state)
        texts.append(f"1 0 0 1 {x:.2f} {baseline:.2f} Tm ({said}) Tj")

    def _write_parts(self, x: float, baseline: float, text: str, size: float, ink: Ink, bold: bool) -> None:  # noqa: FBT001 - as write
        """Print a text with characters that are new to this paper, or lie in different parts of the font."""
        self.face.width(text, size)
        with _PAINTING:
            split = self.face.font.splitString(text, self._canvas._doc)  # noqa: SLF001 - no other way
        parts, rest = [], iter(text)
        for part, codes in split:
            letters = [_ESCAPED.get(letter, letter) for letter in codes.decode("latin-1")]
            parts.append((part, "".join(letters)))
            mine = zip(letters, rest, strict=False)
            if part == 0:
                self._near.update((character, letter) for letter, character in mine)
            else:
                deque(mine, maxlen=0)
        place = f"1 0 0 1 {x:.2f} {baseline:.2f} Tm "
        for part, said in parts:
            if self._marks.state != (state := (size, ink, bold, part)):
                self._take_pen(state)
            self._marks.texts.append(f"{place}({said}) Tj")
            place = ""

    def _take_pen(self, state: tuple[float, Ink, bool, int]) -> None:
        size, ink, bold, part = state
        self._marks.state = state
        name = self.face.font.getSubsetInternalName(part, self._canvas._doc)  # noqa: SLF001 - the same
        # There is one weight: a bold letter is outlined in its own ink.
        red, green, blue = ink.value
        colour = f"{red} {green} {blue} rg {red} {green} {blue} RG"
        self._marks.texts.append(f"{name} {size:.3f} Tf {colour} {2 if bold else 0} Tr")

    def block(
        self,
        x: float,
        middle: float,
        lines: Sequence[str],
        size: float = BODY,
        *,
        align: Align = Align.LEFT,
        ink: Ink = Ink.BLACK,
        within: float | None = None,
    ) -> None:
        """Print lines one below the other, around the height `middle`."""
        y = middle - (len(lines) - 1) / 2 * size * LEADING / MM
        for line in lines:
            self.text(x, y, line, size, align=align, ink=ink, within=within)
            y += size * LEADING / MM

    def across(self, text: str) -> None:
        """Print a faint text diagonally behind the page's content."""
        size = 0.55 * self.height * MM / len(text)
        width = self.face.width(text, size) * MM
        kept, self._marks = self._marks, _Marks()
        self.write(-width / 2, -0.36 * size, text, size, ink=Ink.FAINT)
        turn = f"q 0.819152 0.573576 -0.573576 0.819152 {self.width * MM / 2:.2f} {self.height * MM / 2:.2f} cm BT"
        kept.under += (turn, *self._marks.texts, "ET Q")
        self._marks = kept

    def rule(self, x1: float, y1: float, x2: float, y2: float, width: float = THIN, *, dashed: bool = False) -> None:
        """Draw a straight line."""
        height = self.height
        line = f"{x1 * MM:.2f} {(height - y1) * MM:.2f} m {x2 * MM:.2f} {(height - y2) * MM:.2f} l"
        self._marks.rules.setdefault((width, dashed), []).append(line)

    def box(self, x: float, y: float, width: float, height: float, rule: float = THIN) -> None:
        """Draw a rectangle from its top left corner."""
        right, low = x + width, y + height
        for line in ((x, y, right, y), (x, low, right, low), (x, y, x, low), (right, y, right, low)):
            self.rule(*line, rule)

    def shade(self, x: float, y: float, width: float, height: float, ink: Ink = Ink.SHADE) -> None:
        """Lay a light tint under a rectangle."""
        red, green, blue = ink.value
        place = f"{x * MM:.2f} {(self.height - y - height) * MM:.2f} {width * MM:.2f} {height * MM:.2f}"
        self._marks.under.append(f"{red} {green} {blue} rg {place} re f")

    def qr(self, x: float, y: float, side: float, text: str) -> None:
        """Draw a QR code of a text from its top left corner; letters are capitals, so that it stays small."""
        modules = qr_modules(text)
        unit = side * MM / len(modules)
        left, high = x * MM, (self.height - y) * MM
        said = ["0 0 0 rg"]
        for number, row in enumerate(modules, 1):
            for start, end in _runs(row):
                said.append(f"{left + start * unit:.3f} {high - number * unit:.3f} {(end - start) * unit:.3f} {unit:.3f} re")
        self._marks.under += (*said, "f")

    def pdf(self, title: str, author: str) -> bytes:
        """Return the document; the same marks always give the same bytes."""
        self.turn_page()
        pages, canvas = self._pages, self._canvas
        document = canvas._doc  # noqa: SLF001 - pages are packed already, and the canvas packs them itself
        canvas.setTitle(title)
        canvas.setAuthor(author)
        canvas.setCreator("fupin")
        resources = pdfdoc.PDFResourceDictionary()
        resources.basicFonts()
        resources.basicProcs()
        for number, (size, content) in enumerate(pages, 1):
            self._begin(size)
            self._furniture(self, number, len(pages))
            page = pdfdoc.PDFPage()
            page.pagewidth, page.pageheight = size[0] * MM, size[1] * MM
            page.Resources = resources
            page.Contents = pdfdoc.PDFArray([_stream(self._marks.packed()), _stream(content)])
            page.Contents.References(document)
            document.addPage(page)
        with _PAINTING:
            canvas._code = []  # noqa: SLF001 - nothing is left to show
            content = document.GetPDFData(canvas)
        return bytes(content)


def _stream(packed: bytes) -> Any:
    return pdfdoc.PDFStream(pdfdoc.PDFDictionary({"Filter": pdfdoc.PDFName("FlateDecode")}), packed)


def qr_modules(text: str) -> list[list[bool]]:
    """Return the squares of a QR code, row by row; True is dark."""
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.version = code.calculate_version()
    code._dataPosList = _data_places(code.version)  # noqa: SLF001 - found anew for each code otherwise
    code.makeImpl(False, _QR_MASK)
    squares: list[list[bool]] = [[bool(square) for square in row] for row in code.modules]
    return squares


@lru_cache(maxsize=8)
def _data_places(version: int) -> list[tuple[int, int]]:
    code = QRCode(version, QRErrorCorrectLevel.M)
    code.moduleCount = 4 * version + 17
    return list(code._dataPosIterator())  # noqa: SLF001 - the same


def _runs(row: Sequence[bool]) -> list[tuple[int, int]]:
    """Return where dark squares begin and end in a row."""
    edges = [at for at in range(len(row) + 1) if (at < len(row) and row[at]) != (at > 0 and row[at - 1])]
    return list(zip(edges[::2], edges[1::2], strict=True))
