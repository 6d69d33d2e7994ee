"""Every paper: its text says its figures, its picture is the one that was looked at, its archive copy is valid PDF/A."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from paper_figures import every, fund_statement, reconciliation, sheet, statement, subsidy_line, subsidy_list
from PIL import Image, ImageChops, ImageStat
from test_papers import poppler, rows_of

from ledger.money import percent, yuan
from statements.archive import archived, findings, read_archive
from statements.canonical import canonical, digest
from statements.claim_papers import ClaimFigures
from statements.errors import FiguresDisagree, NotAnArchive, NotMasked
from statements.figures import ChainHead
from statements.form import Mark
from statements.page import qr_modules
from statements.papers import fingerprint, render
from statements.words import in_words, long_date

PAPERS = every()
GOLDEN = Path(__file__).parent / "golden"
HEAD = ChainHead(book="LB-371621-HMRCB", chain="记账凭证", position=12, sha256="1e" * 32)
AT = datetime(2017, 7, 1, tzinfo=UTC)
MOST_APART = 1.5
"""How far two pictures may lie apart on average, of 255: a moved table lies further."""
SAID_OTHERWISE = {
    # Of a name, what its paper says in other words, in a sum, or not at all because another figure says it.
    "serial", "kind", "role", "paper", "stops", "demo", "detailed", "overdue", "subsidised", "leverage", "overdue_hundredths",
    "state", "method", "document", "cap_ppb", "pledged_fen", "number_of", "first_day", "last_day", "since", "position", "heads",
}  # fmt: skip
UNSAID = {
    ("贷款对账单", "interest_fen"), ("借款人对账单", "interest_fen"),  # what lowers the debt is said without its sign
    ("贷款对账单", "principal_fen"), ("借款人对账单", "principal_fen"),
    ("扶贫小额信贷月报", "month"),
}  # fmt: skip
CLAIM_SAYS_SOME = frozenset({
    "approved_by", "available_fen", "passed_fen", "shared_fen", "day", "fen", "actor", "filed_by", "bank", "bank_fen", "basis_fen",
    "share_ppb",
})  # fmt: skip
"""Each paper of a claim says its own part of one set of figures."""


def mark_of(figures: Any) -> Mark:
    return Mark(serial="HMRCB-2017-000012", copy=1, digest=digest(figures), heads=(HEAD,))


def values(figures: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what canonical figures say, by the name of each figure."""
    if isinstance(figures, dict):
        for key, value in figures.items():
            yield from values(value, key)
    elif isinstance(figures, list):
        for value in figures:
            yield from values(value, name)
    else:
        yield name, figures


def said(name: str, value: Any) -> tuple[str, ...]:
    """Return the ways in which a paper may print a value; none: it need not."""
    if value is None or value == "" or isinstance(value, bool):
        return ()
    if name.endswith("_fen") or (name in ("fen", "tiers", "cells") and isinstance(value, int)):
        return (yuan(value), in_words(value)) if value else ()
    if name.endswith("_ppb"):
        return (percent(value),)
    if isinstance(value, str) and len(value) == 10 and value[4::3] == "--":
        day = date.fromisoformat(value)
        return value, long_date(day)
    return (str(value),)


@pytest.mark.parametrize("title", PAPERS)
def test_the_text_says_every_figure(title: str, tmp_path: Path) -> None:
    figures = PAPERS[title]
    mark = mark_of(figures)
    content = render(figures, mark)
    text = "".join(poppler("pdftotext", "-raw", content=content, folder=tmp_path).split())
    is_claim, missing = isinstance(figures, ClaimFigures), []
    for name, value in values(json.loads("".join(canonical(figures)))):
        ways = said(name, value)
        if ways and name not in SAID_OTHERWISE and (title, name) not in UNSAID and not (is_claim and name in CLAIM_SAYS_SOME):
            found = any("".join(way.split()) in text for way in ways)
            missing += [] if found else [f"{name}={ways[0]}"]
    assert not missing
    assert "".join(title.split()) in text
    for stamp in (mark.serial, mark.digest, mark.chain, "第1次打印", "第1页"):
        assert stamp in text


@pytest.mark.parametrize("title", PAPERS)
def test_the_first_page_looks_as_it_did(title: str, tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm (poppler-utils) is not installed")
    file = tmp_path / "paper.pdf"
    file.write_bytes(render(PAPERS[title], mark_of(PAPERS[title])))
    subprocess.run(["pdftoppm", "-r", "24", "-gray", "-png", "-singlefile", str(file), str(tmp_path / "page")], check=True)
    golden = GOLDEN / f"{list(PAPERS).index(title):02d}.png"
    with Image.open(tmp_path / "page.png") as page, Image.open(golden) as before:
        assert page.size == before.size
        assert ImageStat.Stat(ImageChops.difference(page.convert("L"), before.convert("L"))).mean[0] < MOST_APART


@pytest.mark.parametrize("title", PAPERS)
def test_the_archive_copy_is_valid_and_holds_the_figures(title: str, tmp_path: Path) -> None:
    figures = PAPERS[title]
    mark = mark_of(figures)
    content = archived(render(figures, mark), figures, mark, AT)
    assert findings(content) == []
    assert archived(render(figures, mark), figures, mark, AT) == content
    file = tmp_path / "archive.pdf"
    file.write_bytes(content)
    held = read_archive(file)
    assert (held.serial, held.copy, held.digest) == (mark.serial, 1, mark.digest)
    assert held.figures.decode() == "".join(canonical(figures))
    with pikepdf.open(file) as pdf:
        assert "figures.csv" in pdf.attachments


def test_a_file_without_figures_is_none_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "other.pdf"
    for content in (render(PAPERS["记账凭证"]), b"%PDF-1.4 nothing"):
        file.write_bytes(content)
        with pytest.raises(NotAnArchive, match=r"other\.pdf"):
            read_archive(file)


def test_a_whole_identity_number_leaves_in_no_text() -> None:
    whole = "37230119660101123X"
    with pytest.raises(NotMasked):
        fingerprint(replace(PAPERS["资金收付回单"], narration=f"退还 {whole}"))
    with pytest.raises(NotMasked):
        subsidy_list(replace(subsidy_line(1), id_number=whole))


def test_figures_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(FiguresDisagree, match="期末余额"):
        replace(fund_statement(), closing_fen=1)
    with pytest.raises(FiguresDisagree, match=r"调节后账面余额应为 10,123\.45 元，所列为 10,123\.44 元"):
        replace(reconciliation(), adjusted_book_fen=1_012_344)
    with pytest.raises(FiguresDisagree, match="通过的贴息合计"):
        replace(subsidy_list(subsidy_line(1)), payable_fen=1)


def test_ten_thousand_rows_carry_their_totals(tmp_path: Path) -> None:
    figures = fund_statement(10_000)
    came = went = seen = carried = 0
    for row in rows_of(render(figures), tmp_path):
        if row[0] in {"过次页", "承前页", "本期合计"}:
            balance = figures.lines[seen - 1].balance_fen if seen else figures.opening_fen
            assert row[1:] == [yuan(came), yuan(went), yuan(balance)]
            carried += row[0] == "过次页"
        elif len(row) > 2 and row[1].startswith("记-"):
            line = figures.lines[seen]
            came, went, seen = came + line.in_fen, went + line.out_fen, seen + 1
            assert (row[0], row[-1]) == (str(line.day), yuan(line.balance_fen))
    assert (seen, figures.opening_fen + came - went) == (10_000, figures.closing_fen)
    assert carried > 200


def test_villages_and_towns_add_up_to_the_total(tmp_path: Path) -> None:
    lines = [subsidy_line(n, f"村{n % 3}", f"镇{n % 2}") for n in range(60)]
    figures = subsidy_list(*sorted(lines, key=lambda line: (line.town, line.village)))
    sums = {row[0]: row[-2] for row in rows_of(render(figures), tmp_path) if row[1:2] == ["小计"] or row[0] == "合计"}
    assert sums["合计"] == yuan(figures.payable_fen)
    for town in ("镇0", "镇1"):
        assert sums[town] == yuan(sum(line.subsidy_fen for line in lines if line.town == town))


def test_a_statement_lists_each_loan_on_a_line(tmp_path: Path) -> None:
    loans = [sheet(number) for number in range(100)]
    rows = rows_of(render(statement(*loans, detailed=False)), tmp_path)
    listed = [row for row in rows if len(row) > 10 and row[1].startswith("XEXD-2017-")]
    assert [row[0] for row in listed] == [str(number) for number in range(1, 101)]
    assert listed[0][2:] == [
        "张*", "371***********1234", "2017-03-15", "2018-03-15", "4.35%", "0.00", "50,000.00", "10,000.01", "39,999.99", "6",
        "300,000.00", "36.25", "36.25", "33.33", "正常",
    ]  # fmt: skip
    assert ["合计", "0.00", "5,000,000.00", "1,000,001.00", "3,999,999.00", "3,625.00", "3,625.00", "3,333.00"] in rows


def test_rare_names_are_embedded(tmp_path: Path) -> None:
    loans = [sheet(number, borrower=f"{name}*") for number, name in enumerate("䶮㐂𬭚镕")]
    text = poppler("pdftotext", "-layout", content=render(statement(*loans)), folder=tmp_path)
    assert all(f"{name}*" in text for name in "䶮㐂𬭚镕")


@pytest.mark.parametrize("text", ["FUPIN:HMRCB-2017-000012:" + "0F" * 32, "A", "FUPIN:YXRCB-2026-999999:" + "9A" * 32])
def test_a_qr_code_is_the_librarys(text: str) -> None:
    program = (
        "import sys; from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel;"
        "code = QRCode(None, QRErrorCorrectLevel.M); code.addData(sys.argv[1]); code.version = code.calculate_version();"
        "code.makeImpl(False, 2); print([[int(bool(s)) for s in row] for row in code.modules])"
    )
    theirs = subprocess.run([sys.executable, "-c", program, text], check=True, capture_output=True, text=True).stdout
    assert [[int(square) for square in row] for row in qr_modules(text)] == json.loads(theirs)
