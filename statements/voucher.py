"""The voucher (记账凭证) as bureaus print it: half a sheet, its amounts in figures and in words, four signatures."""

from pathlib import Path

from statements.figures import Voucher
from statements.form import PREVIEW, Form, Mark, furnish
from statements.page import A5_LANDSCAPE, BODY, HEADING, THIN, TITLE, Align, Paper
from statements.table import Carry, Cell, Column, Table
from statements.words import in_words, long_date

LEFT, RIGHT, TOP, BOTTOM = 15.0, 195.0, 34.0, 121.0
"""The frame of the table, in millimetres."""

LINES = Table(
    x=LEFT,
    row=9.4,
    filled=True,
    columns=(
        Column(title="摘　要", width=52, align=Align.LEFT),
        Column(title="科目编码", width=25, align=Align.LEFT),
        Column(title="会计科目", width=42, align=Align.LEFT),
        Column(title="借方金额", width=26, carry=Carry.SUM),
        Column(title="贷方金额", width=26, carry=Carry.SUM),
        Column(title="过账", width=9, align=Align.CENTRE),
    ),
)


def render_voucher(figures: Voucher, font: Path | None = None, mark: Mark = PREVIEW) -> bytes:
    """Return the voucher as a PDF; one that needs several pages numbers them 8 1/3, 8 2/3, 8 3/3.

    Raises:
        MissingGlyph: the font lacks a character of the figures.
        FontRefused: the font can't be embedded.
    """
    form = Form(title="记账凭证", issuer=figures.book, demo=figures.demo, blocks=(), half=True)

    def furniture(paper: Paper, number: int, pages: int) -> None:
        _furniture(paper, figures, number, pages)
        furnish(paper, form, mark, number, pages)

    paper = Paper(size=A5_LANDSCAPE, font=font, top=TOP, foot=148.0 - BOTTOM, furniture=furniture)
    posted = "√" if figures.poster else None
    rows: list[list[Cell]] = [
        [line.narration, line.account, line.title, line.debit_fen or None, line.credit_fen or None, posted]
        for line in figures.lines
    ]
    LINES.draw(paper, rows, f"合计　{in_words(figures.debit_fen)}")
    return paper.pdf(f"记账凭证 {figures.word}字第{figures.number}号", figures.book)


def _furniture(paper: Paper, figures: Voucher, number: int, pages: int) -> None:
    middle = (LEFT + RIGHT) / 2
    paper.text(middle, 14, "记 账 凭 证", TITLE, align=Align.CENTRE, bold=True)
    for gap in (0.0, 0.8):
        paper.rule(middle - 24, 19.4 + gap, middle + 24, 19.4 + gap, THIN)
    paper.text(LEFT, 28, f"核算单位：{figures.book}", within=66)
    paper.text(middle, 28, long_date(figures.day), HEADING, align=Align.CENTRE)
    fraction = f" {number}/{pages}" if pages > 1 else ""
    paper.text(RIGHT, 21, f"附件 {figures.attachments} 张", BODY, align=Align.RIGHT)
    paper.text(RIGHT, 28, f"{figures.word}字第 {figures.number}{fraction} 号", HEADING, align=Align.RIGHT)
    signers = (
        ("会计主管", figures.chief),
        ("记账", figures.poster),
        ("审核", figures.checker),
        ("制单", figures.maker),
    )
    for place, (office, name) in enumerate(signers):
        paper.text(LEFT + place * 47, 127.5, f"{office}：{name}", within=44)
