"""The loan statement (贷款对账单): a summary to confirm, the reply slip, and every loan with its lines."""

from itertools import chain
from pathlib import Path

from ledger.money import percent, yuan
from statements.figures import INCREASES, BankStatement, LoanSheet, StatementLine
from statements.page import A4, BODY, HEADING, SMALL, TITLE, Align, Ink, Paper
from statements.table import Carry, Cell, Column, Table
from statements.words import in_words, long_date

LEFT, RIGHT, TOP, BOTTOM = 15.0, 195.0, 24.0, 279.0
"""The frame of the content, in millimetres."""

ROW, FOOT, SLIP, SEAL = 5.6, 6.0, 66.0, 4.0
"""Heights of a table row, of what stands under a loan's table, of the reply slip, and of a line of seals."""

SUMMARY = Table(
    x=LEFT,
    row=ROW + 0.8,
    columns=(
        Column(title="县（区）", width=17, align=Align.LEFT),
        Column(title="贷款产品", width=25, align=Align.LEFT),
        Column(title="笔数", width=10, carry=Carry.SUM, show=str),
        Column(title="期初本金", width=23.5, carry=Carry.SUM),
        Column(title="本期发放", width=22, carry=Carry.SUM),
        Column(title="本期收回", width=22, carry=Carry.SUM),
        Column(title="期末本金", width=23.5, carry=Carry.SUM),
        Column(title="借款人承担利息", width=18.5, carry=Carry.SUM),
        Column(title="财政贴息", width=18.5, carry=Carry.SUM),
    ),
)

LINES = Table(
    x=LEFT,
    row=ROW,
    columns=(
        Column(title="日期", width=18, align=Align.CENTRE),
        Column(title="业务", width=16, align=Align.CENTRE),
        Column(title="借出本金", width=23, carry=Carry.SUM),
        Column(title="收回本金", width=23, carry=Carry.SUM),
        Column(title="本金余额", width=23, carry=Carry.LAST),
        Column(title="天数", width=9, show=str),
        Column(title="积数（元·天）", width=28),
        Column(title="应收利息", width=20, carry=Carry.SUM),
        Column(title="收回及转出", width=20, carry=Carry.SUM),
    ),
)


def render_bank_statement(figures: BankStatement, font: Path | None = None) -> bytes:
    """Return the statement as a PDF; without `font` it is set in Noto Sans SC.

    Raises:
        MissingGlyph: the font lacks a character of the figures.
        FontRefused: the font can't be embedded.
    """

    def furniture(paper: Paper, number: int, pages: int) -> None:
        _furniture(paper, figures, number, pages)

    paper = Paper(size=A4, font=font, top=TOP, foot=297.0 - BOTTOM, furniture=furniture)
    _title(paper, figures)
    _summary(paper, figures)
    paper.need(SLIP)
    _slip(paper, figures)
    if sum(map(_height, figures.loans)) > paper.floor - paper.y:
        paper.turn_page()
    for loan in figures.loans:
        _loan(paper, figures, loan)
    return paper.pdf(f"贷款对账单 {figures.serial}", figures.issuer)


def _furniture(paper: Paper, figures: BankStatement, number: int, pages: int) -> None:
    if figures.demo:
        paper.across("演示数据")
        paper.text((LEFT + RIGHT) / 2, 11, "演示数据，不作为对账依据", SMALL, align=Align.CENTRE, ink=Ink.RED)
    if number > 1:
        paper.text(LEFT, 16, f"贷款对账单　{figures.bank}", SMALL, ink=Ink.GREY)
        paper.text(RIGHT, 16, _period(figures), SMALL, align=Align.RIGHT, ink=Ink.GREY)
        paper.rule(LEFT, 19, RIGHT, 19)
    paper.rule(LEFT, 283, RIGHT, 283)
    paper.text(LEFT, 286.5, f"编号：{figures.serial}", SMALL, ink=Ink.GREY)
    paper.text(RIGHT, 286.5, f"第 {number} 页　共 {pages} 页", SMALL, align=Align.RIGHT, ink=Ink.GREY)


def _period(figures: BankStatement) -> str:
    return f"{long_date(figures.first_day)}至{long_date(figures.last_day)}"


def _title(paper: Paper, figures: BankStatement) -> None:
    middle = (LEFT + RIGHT) / 2
    paper.text(middle, 21, figures.issuer, HEADING, align=Align.CENTRE)
    paper.text(middle, 30, "贷 款 对 账 单", TITLE, align=Align.CENTRE, bold=True)
    paper.text(LEFT, 42, f"致：{figures.bank}", HEADING)
    paper.text(RIGHT, 42, f"编号：{figures.serial}", align=Align.RIGHT)
    paper.text(LEFT, 48.5, f"对账期间：{_period(figures)}")
    paper.text(RIGHT, 48.5, "金额单位：元", align=Align.RIGHT)
    paper.y = 52.5


def _summary(paper: Paper, figures: BankStatement) -> None:
    rows: list[list[Cell]] = [
        [
            row.county,
            row.product,
            row.loans,
            row.opening_fen,
            row.disbursed_fen,
            row.repaid_fen,
            row.closing_fen,
            row.borrower_interest_fen,
            row.government_interest_fen,
        ]
        for row in figures.summary
    ]
    SUMMARY.draw(paper, rows, "合计")
    paper.need(16)
    paper.text(LEFT, paper.y + 5, f"期末本金合计（大写）：{in_words(figures.closing_fen)}", bold=True, within=140)
    paper.text(RIGHT, paper.y + 5, f"¥{yuan(figures.closing_fen)}", align=Align.RIGHT, bold=True)
    paper.text(LEFT, paper.y + 10.5, _unpaid("期末欠息", figures))
    paper.y += 16
    for head in figures.heads:
        paper.need(SEAL)
        said = f"封签　{head.book}　{head.chain}　第 {head.position} 号　{head.sha256}"
        paper.text(LEFT, paper.y, said, SMALL, ink=Ink.GREY, within=RIGHT - LEFT)
        paper.y += SEAL


def _slip(paper: Paper, figures: BankStatement) -> None:
    """Draw the reply slip at the foot of the page; what follows on this page stays above it."""
    top, middle = paper.floor - SLIP + 4, (LEFT + RIGHT) / 2
    paper.rule(LEFT, top, RIGHT, top, dashed=True)
    paper.text(middle, top + 8, "对 账 回 执", HEADING, align=Align.CENTRE, bold=True)
    paper.text(RIGHT, top + 8, f"对账单编号：{figures.serial}", SMALL, align=Align.RIGHT)
    paper.text(LEFT, top + 15.5, f"{figures.issuer}：")
    said = (
        f"贵单位{_period(figures)}的贷款对账单收悉。截至{long_date(figures.last_day)}，期末本金合计"
        f"{in_words(figures.closing_fen)}（¥{yuan(figures.closing_fen)}）。"
    )
    lines = paper.face.wrapped(said, BODY, RIGHT - LEFT - 6)
    paper.block(LEFT + 6, top + 23, lines)
    paper.text(LEFT + 6, top + 32, "经核对：", HEADING)
    paper.text(LEFT + 26, top + 32, "□ 相符", HEADING)
    paper.text(LEFT + 48, top + 32, "□ 不符，差异说明：", HEADING)
    paper.rule(LEFT + 84, top + 34, RIGHT, top + 34)
    for x, sign in ((LEFT, "经办人（签字）："), (LEFT + 54, "复核人（签字）："), (LEFT + 116, "单位（盖章）：")):
        paper.text(x, top + 45, sign)
    paper.text(LEFT + 116, top + 52, "日期：　　　　年　　　月　　　日")
    paper.text(
        LEFT,
        top + 59,
        f"请于{long_date(figures.reply_by)}前将本回执加盖公章后寄回或送达我局；逾期未复，视为未对账。",
        SMALL,
    )
    paper.floor = top - 4


def _height(loan: LoanSheet) -> float:
    """Return the height of a loan's block on one page: its head, opening, lines, closing and foot."""
    return 14.4 + (len(loan.lines) + 3) * ROW + FOOT


def _loan(paper: Paper, figures: BankStatement, loan: LoanSheet) -> None:
    height = _height(loan)
    paper.need(height if height <= BOTTOM - TOP else SLIP)
    y, band = paper.y, 6.4
    paper.shade(LEFT, y, RIGHT - LEFT, band)
    who = f"{loan.county}　{loan.product}　{loan.borrower}　{loan.id_number}"
    paper.text(LEFT + 1.2, y + band / 2, f"合同号 {loan.contract}", bold=True, within=74)
    paper.text(RIGHT - 1.2, y + band / 2, who, align=Align.RIGHT, within=100)
    extended = f"（展期至 {loan.extended_to}）" if loan.extended_to else ""
    facts = (
        f"放款日 {loan.drawn_on}　到期日 {loan.maturity}{extended}　"
        f"合同利率 {percent(loan.rate_ppb)}　罚息利率 {percent(loan.penalty_ppb)}　{loan.method}"
    )
    paper.text(LEFT + 1.2, y + band + 4, facts, within=RIGHT - LEFT - 2.4)
    paper.y = y + band + 8
    opening: list[Cell] = [f"{figures.first_day}", "期初余额", None, None, loan.opening_fen, None, None, None, None]
    LINES.draw(paper, list(chain([opening], map(_row, loan.lines))), "本期合计", f"合同号 {loan.contract}（续）")
    paper.need(FOOT)
    paper.text(LEFT + 1.2, paper.y + 4, f"期末本金 {yuan(loan.closing_fen)}", bold=True)
    paper.text((LEFT + RIGHT) / 2, paper.y + 4, _unpaid("欠息", loan), align=Align.CENTRE)
    paper.text(RIGHT - 1.2, paper.y + 4, f"五级分类：{loan.risk_class}", align=Align.RIGHT)
    paper.y += FOOT + 4


def _unpaid(what: str, of: LoanSheet | BankStatement) -> str:
    """Say what the borrower owes of interest on and off the balance sheet, and what government owes."""
    own = f"{what}：表内 {yuan(of.unpaid_on_fen)}　表外 {yuan(of.unpaid_off_fen)}"
    return f"{own}　应收财政贴息 {yuan(of.subsidy_due_fen)}" if of.subsidy_due_fen else own


def _row(line: StatementLine) -> list[Cell]:
    up = line.kind in INCREASES
    principal, interest = (_blank(amount if up else -amount) for amount in (line.principal_fen, line.interest_fen))
    return [
        f"{line.day}",
        line.kind,
        principal if up else None,
        None if up else principal,
        line.balance_fen,
        line.days,
        line.product_fen,
        interest if up else None,
        None if up else interest,
    ]


def _blank(fen: int) -> int | None:
    return fen or None
