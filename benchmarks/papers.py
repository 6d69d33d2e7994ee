"""How fast papers are laid out: `python -m benchmarks.papers --json`.

`canvas_ratio` draws the same strings and lines, where they stand, with a bare reportlab canvas in the same run; it is free of the
machine's pace. Times are of one core's own work (CPU seconds), for the machine is shared.
"""

import argparse
import gc
import json
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import make_url

from ledger.server import embedded
from statements.figures import BankStatement, LoanSheet, StatementLine, SummaryRow
from statements.form import Mark
from statements.page import MM, Paper, face
from statements.papers import render

FIRST, LAST = date(2017, 4, 1), date(2017, 6, 30)
MARK = Mark(serial="HMRCB-2017-000001", digest="0f" * 32)
PAGES = re.compile(rb"/Type /Page\b")


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument(
        "--quick", action="store_true", help="end within a minute: fewer rounds, 20,000 loans in the large statement"
    )
    parser.add_argument("--big", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.big:
        print(json.dumps(_big(asked.big)))
        return 0
    rounds, loans = (1, 20_000) if asked.quick else (5, 100_000)
    figures: dict[str, Any] = {"machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}"}
    figures["postgres"] = _postgres()
    one = statement(1, detailed=False)
    render(one, MARK)
    figures["files_per_s"] = round(max(_rate(lambda: render(one, MARK), 60) for _ in range(rounds)))
    alone = _drawn(one)
    figures["files_ratio"] = round(figures["files_per_s"] / max(_rate(lambda: _bare(alone), 60) for _ in range(rounds)), 2)
    figures |= _one_file(rounds)
    # A process of its own: its memory is this statement's and nobody else's.
    command = [sys.executable, "-m", "benchmarks.papers", "--big", str(loans)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
    figures |= json.loads(done.stdout)
    print(json.dumps(figures) if asked.json else "\n".join(f"{name:20} {figure}" for name, figure in figures.items()))
    return 0


def _postgres() -> str:
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder)) as url:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]


def _one_file(rounds: int) -> dict[str, float]:
    """Return pages a second in one file, of a statement with its movements, and that against a bare canvas."""
    many = statement(600, detailed=True)
    strings = _drawn(many)
    pages = len(PAGES.findall(render(many, MARK)))
    own, bare = [], []
    for _ in range(rounds):
        own.append(_seconds(lambda: render(many, MARK)))
        bare.append(_seconds(lambda: _bare(strings)))
    return {"pages_per_s": round(pages / min(own)), "canvas_ratio": round(min(bare) / min(own), 2)}


def _big(loans: int) -> dict[str, float]:
    """Return what a large statement takes, its figures included in memory but not in time."""
    figures = statement(loans, detailed=False)
    gc.collect()
    start = time.process_time()
    content = render(figures, MARK)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    return {
        "big_loans": loans, "big_pages": len(PAGES.findall(content)), "big_statement_s": round(seconds, 1),
        "big_statement_mb": round(peak), "big_file_mb": round(len(content) / 1e6, 1),
    }  # fmt: skip


def statement(loans: int, *, detailed: bool) -> BankStatement:
    """Return a bank's statement of so many loans, each with a quarter's interest and a repayment."""
    sheets = tuple(map(_sheet, range(loans)))
    closing = sum(sheet.closing_fen for sheet in sheets)
    opening = sum(sheet.opening_fen for sheet in sheets)
    row = SummaryRow(
        county="惠民县", product="扶贫小额信贷", loans=loans, opening_fen=opening, disbursed_fen=0, repaid_fen=opening - closing,
        closing_fen=closing, borrower_interest_fen=0, government_interest_fen=54_375 * loans,
    )  # fmt: skip
    return BankStatement(
        issuer="滨州市财政局（演示）", bank="惠民农村商业银行（演示）", serial="DZ-HMRCB-20170401-20170630", first_day=FIRST,
        last_day=LAST,
        reply_by=date(2017, 7, 14), summary=(row,), loans=sheets, detailed=detailed, demo=False,
    )  # fmt: skip


def _sheet(number: int) -> LoanSheet:
    repaid = 1_000_00 + number % 97
    return LoanSheet(
        county="惠民县", borrower=f"{'张王李赵刘陈杨黄'[number % 8]}*", id_number=f"371***********{number % 10_000:04d}",
        contract=f"XE371621{number:06d}", product="扶贫小额信贷", drawn_on=date(2017, 3, 15), maturity=date(2018, 3, 15),
        rate_ppb=43_500_000, penalty_ppb=65_250_000, method="按季付息到期还本", opening_fen=5_000_000,
        lines=(
            StatementLine(day=date(2017, 6, 20), kind="结息", interest_fen=54_375, days=90, product_fen=450_000_000,
            balance_fen=5_000_000),
            StatementLine(day=date(2017, 6, 25), kind="还本", principal_fen=-repaid, balance_fen=5_000_000 - repaid),
        ),
        unpaid_on_fen=0, unpaid_off_fen=0, risk_class="正常", closing_fen=5_000_000 - repaid,
    )  # fmt: skip


@dataclass(slots=True)
class Drawn:
    """What was drawn on a page: its size, its texts with their places and sizes, and its lines, all in points."""

    size: tuple[float, float]
    texts: list[tuple[float, float, str, float]]
    lines: list[tuple[float, float, float, float]]


def _drawn(figures: BankStatement) -> list[Drawn]:
    """Return what stands on each page of a statement, taken down while it is laid out."""
    pages: list[Drawn] = []
    begin, write, rule = Paper._begin, Paper.write, Paper.rule  # noqa: SLF001 - taken down where it happens

    def note_page(paper: Paper, size: tuple[float, float]) -> None:
        pages.append(Drawn((size[0] * MM, size[1] * MM), [], []))
        begin(paper, size)

    def note_text(paper: Paper, x: float, y: float, text: str, size: float, **how: Any) -> None:
        pages[-1].texts.append((x, y, text, size))
        write(paper, x, y, text, size, **how)

    def note_line(paper: Paper, x1: float, y1: float, x2: float, y2: float, *how: Any, **more: Any) -> None:
        high = paper.height
        pages[-1].lines.append((x1 * MM, (high - y1) * MM, x2 * MM, (high - y2) * MM))
        rule(paper, x1, y1, x2, y2, *how, **more)

    with (
        patch.object(Paper, "_begin", note_page), patch.object(Paper, "write", note_text), patch.object(Paper, "rule", note_line),
    ):  # fmt: skip
        render(figures, MARK)
    pages = [page for page in pages if page.texts]  # first what each says, then what every page bears
    half = len(pages) // 2
    return [
        Drawn(own.size, own.texts + every.texts, own.lines + every.lines)
        for own, every in zip(pages[:half], pages[half:], strict=True)
    ]


def _bare(pages: list[Drawn]) -> bytes:
    """Draw the same texts and lines with nothing but the library."""
    font = face(None).name
    buffer = BytesIO()
    canvas = Canvas(buffer, pageCompression=1, invariant=1, initialFontName=font)
    for page in pages:
        canvas.setPageSize(page.size)
        canvas.lines(page.lines)
        for x, y, text, size in page.texts:
            canvas.setFont(font, size)
            canvas.drawString(x, y, text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _rate(work: Callable[[], object], count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        work()
    return count / (time.process_time() - start)


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
