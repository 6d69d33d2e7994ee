"""The loan statement (贷款对账单): a summary to confirm, the reply slip, a line for every loan, and its movements."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from ledger.money import percent, yuan
from statements.blocks import ROW, Grid, Line, Slip, Sum, Together, Turn, amount, balance, count, day, money, number, rate, words
from statements.figures import INCREASES, BankStatement, LoanSheet, StatementLine, moved
from statements.form import Block, Flow, Form, Mark, layout, printed
from statements.page import BODY, SMALL, Align
from statements.table import Cell
from statements.words import in_words, long_date

BAND, FACTS, CLOSING = 6.4, 8.0, 6.0
"""Heights of a loan's head, of the facts below it, and of what closes it."""

SUMMARY = (
    words("县（区）", 17),
    words("贷款产品", 25),
    count("笔数", 10),
    money("期初本金", 23.5),
    money("本期发放"),
    money("本期收回"),
    money("期末本金", 23.5),
    money("借款人承担利息", 18.5),
    money("财政贴息", 18.5),
)

LOANS = (
    number("序号", 9),
    words("借据号", 27),
    words("借款人", 12),
    words("证件号码", 26),
    day("放款日", 14.5),
    day("到期日", 14.5),
    rate("年利率", 10),
    money("期初本金", 16.5),
    money("本期发放", 16.5),
    money("本期收回", 16.5),
    money("期末本金", 17.5),
    number("天数", 7),
    amount("积数（元·天）", 20.5),
    money("应收利息", 14),
    money("收回及转出", 14.5),
    money("欠息", 13.5),
    number("逾期天数", 8),
    day("分类", 8.5),
)

LINES = (
    day("日期", 18),
    day("业务", 16),
    money("借出本金", 23),
    money("收回本金", 23),
    balance("本金余额", 23),
    number("天数", 9),
    amount("积数（元·天）", 28),
    money("应收利息", 20),
    money("收回及转出", 20),
)


def render_bank_statement(figures: BankStatement, font: Path | None = None, mark: Mark | None = None) -> bytes:
    """Return the statement as a PDF; without `font` it is set in Noto Sans SC.

    Raises:
        MissingGlyph: the font lacks a character of the figures.
        FontRefused: the font can't be embedded.
    """
    return printed(layout(figures), mark or Mark(heads=figures.heads), font)


@layout.register
def _(figures: BankStatement) -> Form:
    """Return the statement as a form."""
    return Form(
        title="贷款对账单", issuer=figures.issuer, to=figures.bank, number=figures.serial, demo=figures.demo,
        period=f"对账期间：{figures.period}", blocks=_blocks(figures),
    )  # fmt: skip


def _blocks(figures: BankStatement) -> Iterator[Block]:
    rows: list[list[Cell]] = [
        [
            row.county, row.product, row.loans, row.opening_fen, row.disbursed_fen, row.repaid_fen, row.closing_fen,
            row.borrower_interest_fen, row.government_interest_fen,
        ]
        for row in figures.summary
    ]  # fmt: skip
    yield Grid(SUMMARY, rows, row=ROW + 0.8, gap=2)
    yield Sum("期末本金合计", figures.closing_fen)
    yield Line(left=_unpaid("期末欠息", figures), gap=2)
    for head in figures.heads:
        yield Line(left=f"封签　{head.book}　{head.chain}　第 {head.position} 号　{head.sha256}", small=True)
    yield Slip(
        title="对账回执", number=figures.serial, to=figures.issuer, answers=("相符", "不符，差异说明："),
        said=(
            f"贵单位{figures.period}的贷款对账单收悉。截至{long_date(figures.last_day)}，期末本金合计"
            f"{in_words(figures.closing_fen)}（¥{yuan(figures.closing_fen)}）。"
        ),
        by=f"请于{long_date(figures.reply_by)}前将本回执加盖公章后寄回或送达我局；逾期未复，视为未对账。",
    )  # fmt: skip
    yield Turn(wide=True)
    yield Grid(LOANS, map(_loan_row, range(1, len(figures.loans) + 1), figures.loans), "合计", "借据清单（续）", 3.95, SMALL)
    if figures.detailed:
        yield Turn()
        for loan in figures.loans:
            yield from movements(figures.first_day, loan)


def _loan_row(place: int, loan: LoanSheet) -> list[Cell]:
    sums = moved(loan)
    return [
        place, loan.contract, loan.borrower, loan.id_number, loan.drawn_on.isoformat(),
        (loan.extended_to or loan.maturity).isoformat(), loan.rate_ppb, loan.opening_fen, sums.disbursed_fen,
        sums.repaid_fen, loan.closing_fen, sums.days or None, sums.product_fen or None, sums.charged_fen, sums.received_fen,
        loan.unpaid_on_fen + loan.unpaid_off_fen, max(loan.overdue_principal_days, loan.overdue_interest_days) or None,
        loan.risk_class,
    ]  # fmt: skip


def movements(first_day: date, loan: LoanSheet) -> Iterator[Block]:
    """Yield a loan's terms, its movements from a day on, and how it ended."""
    yield Together(BAND + FACTS + (len(loan.lines) + 3) * ROW + CLOSING)
    yield LoanHead(loan)
    opening: list[Cell] = [f"{first_day}", "期初余额", None, None, loan.opening_fen, None, None, None, None]
    yield Grid(LINES, [opening, *map(_row, loan.lines)], "本期合计", f"借据号 {loan.contract}（续）", gap=0.8)
    yield Line(f"期末本金 {yuan(loan.closing_fen)}", _unpaid("欠息", loan), f"五级分类：{loan.risk_class}", bold=True, gap=4)


class LoanHead(Block):
    """Whose loan it is and on what terms."""

    __slots__ = ("loan",)

    def __init__(self, loan: LoanSheet) -> None:
        """Hold the loan."""
        self.loan = loan

    def draw(self, flow: Flow) -> None:
        """Draw it."""
        paper, loan = flow.paper, self.loan
        y = paper.y
        paper.shade(flow.left, y, flow.wide, BAND)
        who = f"{loan.county}　{loan.product}　{loan.borrower}　{loan.id_number}"
        paper.text(flow.left + 1.2, y + BAND / 2, f"借据号 {loan.contract}", bold=True, within=74)
        paper.text(flow.right - 1.2, y + BAND / 2, who, align=Align.RIGHT, within=100)
        extended = f"（展期至 {loan.extended_to}）" if loan.extended_to else ""
        facts = (
            f"放款日 {loan.drawn_on}　到期日 {loan.maturity}{extended}　"
            f"合同利率 {percent(loan.rate_ppb)}　罚息利率 {percent(loan.penalty_ppb)}　{loan.method}"
        )
        paper.text(flow.left + 1.2, y + BAND + 4, facts, within=flow.wide - 2.4)
        paper.y = y + BAND + FACTS
        more = [
            f"{what} {said}"
            for what, said in (
                ("用途", loan.purpose), ("贴息方式", loan.subsidy_mode), ("再贷款编号", loan.relending),
                ("本金逾期天数", loan.overdue_principal_days), ("利息逾期天数", loan.overdue_interest_days),
                ("已代偿", loan.compensated_fen and yuan(loan.compensated_fen)),
            )
            if said
        ]  # fmt: skip
        for line in paper.face.wrapped("　".join(more), BODY, flow.wide - 2.4) if more else ():
            paper.text(flow.left + 1.2, paper.y + 1, line)
            paper.y += 5


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
