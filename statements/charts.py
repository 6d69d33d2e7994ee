"""Charts (图表): named lines of fen over months, drawn as one SVG text; the same values give the same text.

A chart carries classes and no styles, so a page with a strict content policy may embed it and its stylesheet gives the
colours. Every length is a whole number of tenths of a unit: nothing here is a float, and a label is an exact amount.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from ledger.money import yuan

WIDTH, HEIGHT = 13000, 2900
"""The picture, in tenths of a unit."""
LEFT, RIGHT, TOP, BOTTOM = 760, 11600, 240, 2600
"""The plot within it; the right margin holds the names of the lines."""
MOST_TICKS, MOST_LABELS = 6, 12
NAME_GAP = 340
"""How far apart the names of two lines stand at least."""
FEN_PER_WAN = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: its name, and an amount in fen for each label of the axis."""

    name: str
    values: tuple[int, ...]


def line_chart(title: str, labels: Sequence[str], lines: Sequence[Line]) -> str:
    """Return lines over the labels of a common axis as SVG; amounts are labelled in 万元, points in 元.

    Raises:
        ValueError: a line has not one value for each label.
    """
    if any(len(line.values) != len(labels) for line in lines):
        raise ValueError(title)
    name = escape(title)
    head = (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_units(WIDTH)} {_units(HEIGHT)}" role="img">'
        f"<title>{name}</title>"
    )
    if not labels or not lines:
        middle = f'x="{_units(WIDTH // 2)}" y="{_units(HEIGHT // 2)}"'
        return f'{head}<text class="chart-empty" {middle} text-anchor="middle">暂无数据</text></svg>'
    ticks = ticks_of([value for line in lines for value in line.values])
    plot = _Plot(len(labels), ticks[0], ticks[-1])
    return "".join([head, *_axes(plot, labels, ticks), *_drawn(plot, labels, lines), *_names(plot, lines), "</svg>"])


_STYLE = (
    "<style>text{fill:#555;font:11px sans-serif}.chart-grid{stroke:#ddd;stroke-width:.6}.chart-zero{stroke:#555;stroke-width:.8}"
    ".chart-line{stroke-width:2}.chart-line-1 polyline{stroke:#1f5f8b}.chart-line-2 polyline{stroke:#b5502c;stroke-dasharray:6 3}"
    ".chart-line-1 circle,.chart-name-1{fill:#1f5f8b}.chart-line-2 circle,.chart-name-2{fill:#b5502c}"
    ".chart-name{font-weight:600}</style>"
)


def standalone(chart: str) -> str:
    """Return a chart as a file of its own: with the colours that a page's stylesheet would give it, on white."""
    head, end, rest = chart.partition("</title>")
    return f'{head}{end}{_STYLE}<rect width="100%" height="100%" fill="#fff"/>{rest}'


def ticks_of(values: Sequence[int]) -> list[int]:
    """Return round amounts that span zero and all values: steps of 1, 2 or 5 times a power of ten, never below 1 分."""
    low, high = min(0, *values), max(0, *values)
    step = 1
    while (high - low) // step >= MOST_TICKS:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    first = low // step
    last = max(-(-high // step), first + 1)
    return [step * number for number in range(first, last + 1)]


def wan(fen: int) -> str:
    """Return an amount in 万元, exact and without needless zeroes: 1,250,000 fen is '1.25'."""
    whole, rest = divmod(abs(fen), FEN_PER_WAN)
    decimals = f".{rest:06d}".rstrip("0").rstrip(".")
    return f"{'-' if fen < 0 else ''}{whole:,}{decimals}"


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where a point stands: `count` places from left to right, `low` to `high` fen from bottom to top."""

    count: int
    low: int
    high: int

    def x(self, place: int) -> int:
        """Return the distance from the left; a single place stands in the middle."""
        if self.count == 1:
            return (LEFT + RIGHT) // 2
        return LEFT + (RIGHT - LEFT) * place // (self.count - 1)

    def y(self, fen: int) -> int:
        """Return the distance from the top."""
        return BOTTOM - (BOTTOM - TOP) * (fen - self.low) // (self.high - self.low)


def _axes(plot: _Plot, labels: Sequence[str], ticks: Sequence[int]) -> Iterator[str]:
    yield f'<text class="chart-unit" x="{_units(LEFT - 80)}" y="{_units(TOP - 90)}" text-anchor="end">万元</text>'
    for tick in ticks:
        y = plot.y(tick)
        mark = "chart-zero" if tick == 0 else "chart-grid"
        yield f'<line class="{mark}" x1="{_units(LEFT)}" y1="{_units(y)}" x2="{_units(RIGHT)}" y2="{_units(y)}"/>'
        yield f'<text class="chart-tick" x="{_units(LEFT - 80)}" y="{_units(y + 40)}" text-anchor="end">{wan(tick)}</text>'
    every = -(-len(labels) // MOST_LABELS)
    for place, label in enumerate(labels):
        # Counted from the newest, so that the last month always has its label.
        if (len(labels) - 1 - place) % every == 0:
            at = f'x="{_units(plot.x(place))}" y="{_units(BOTTOM + 190)}"'
            yield f'<text class="chart-label" {at} text-anchor="middle">{escape(label)}</text>'


def _drawn(plot: _Plot, labels: Sequence[str], lines: Sequence[Line]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        points = [(plot.x(place), plot.y(fen)) for place, fen in enumerate(line.values)]
        path = " ".join(f"{_units(x)},{_units(y)}" for x, y in points)
        yield f'<g class="chart-line chart-line-{number}"><polyline fill="none" points="{path}"/>'
        for (x, y), label, fen in zip(points, labels, line.values, strict=True):
            told = escape(f"{label} {line.name} {yuan(fen)} 元")
            yield f'<circle cx="{_units(x)}" cy="{_units(y)}" r="2.6"><title>{told}</title></circle>'
        yield "</g>"


def _names(plot: _Plot, lines: Sequence[Line]) -> Iterator[str]:
    """Name each line at its end, the highest first, each with its last amount; names never overlap nor leave the picture."""
    ends = sorted((plot.y(line.values[-1]), number, line) for number, line in enumerate(lines, 1))
    low = TOP - NAME_GAP
    for place, (y, number, line) in enumerate(ends, 1):
        low = max(min(y, BOTTOM - NAME_GAP * (len(ends) - place)), low + NAME_GAP)
        x = _units(plot.x(plot.count - 1) + 110)
        yield f'<text class="chart-name chart-name-{number}" x="{x}" y="{_units(low - 20)}">{escape(line.name)}</text>'
        last = f"{yuan(line.values[-1])} 元"
        yield f'<text class="chart-name chart-name-{number}" x="{x}" y="{_units(low + 130)}">{last}</text>'


def _units(tenths: int) -> str:
    """Return tenths of a unit as SVG reads them."""
    sign = "-" if tenths < 0 else ""
    return f"{sign}{abs(tenths) // 10}.{abs(tenths) % 10}"
