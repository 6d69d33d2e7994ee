"""Papers for a household (借款人): the statement of its loans (借款人对账单), and what it will pay when (还款计划表)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ledger.money import percent, yuan
from statements.blocks import Facts, Grid, Line, Prose, Seals, Sum, balance, day, money, number
from statements.figures import LoanSheet, require_agreement, require_masked
from statements.form import Block, Form, layout
from statements.loan_statement import movements
from statements.words import long_date


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowerStatement:
    """What a borrower owes a bank, loan by loan, with every movement of a period."""

    issuer: str
    borrower: str  # masked
    first_day: date
    last_day: date  # belongs to the period
    loans: tuple[LoanSheet, ...]
    demo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPayment:
    """An instalment: principal that falls due, interest expected with it, and principal left after it, in fen."""

    number: int
    due: date
    principal_fen: int
    interest_fen: int  # the borrower's part, if nothing changes
    paid_fen: int  # of the principal
    left_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentPlan:
    """When a loan is to be repaid.

    Raises:
        FiguresDisagree: instalments don't come to the principal.
        NotMasked: the identity number is whole.
    """

    issuer: str
    borrower: str
    id_number: str
    contract: str
    product: str
    principal_fen: int
    drawn_on: date
    maturity: date
    rate_ppb: int
    method: str
    as_of: date
    payments: tuple[PlannedPayment, ...]
    demo: bool

    def __post_init__(self) -> None:
        require_masked(f"借据 {self.contract}", self.id_number)
        left = self.principal_fen
        for one in self.payments:
            left -= one.principal_fen
            require_agreement(f"还款计划 {self.contract}", f"第 {one.number} 期后本金", left, one.left_fen)
        require_agreement(f"还款计划 {self.contract}", "各期本金合计", self.principal_fen, self.principal_fen - left)


@layout.register
def _(figures: BorrowerStatement) -> Form:
    return Form(
        title="借款人对账单", issuer=figures.issuer, to=figures.borrower, demo=figures.demo, blocks=_statement(figures),
        period=f"对账期间：{long_date(figures.first_day)}至{long_date(figures.last_day)}",
    )  # fmt: skip


def _statement(figures: BorrowerStatement) -> Iterator[Block]:
    for loan in figures.loans:
        yield from movements(figures.first_day, loan)
    yield Sum("期末本金合计", sum(loan.closing_fen for loan in figures.loans))
    owed = sum(loan.unpaid_on_fen + loan.unpaid_off_fen for loan in figures.loans)
    yield Line(f"期末欠息合计 {yuan(owed)} 元")
    yield Prose(("请核对以上内容；如有不符，请自收到之日起十五日内向本行提出。本对账单不作为收款凭据。",), size=8.0)
    yield Seals([("贷款银行", ("经办人",)), ("借款人确认（签字、捺印）", ())])


@layout.register
def _(figures: RepaymentPlan) -> Form:
    rows = [[p.number, str(p.due), p.principal_fen, p.interest_fen, p.principal_fen + p.interest_fen, p.paid_fen, p.left_fen]
            for p in figures.payments]  # fmt: skip
    columns = (
        number("期次", 10), day("应还日期", 22), money("应还本金"), money("预计应还利息"), money("应还合计"), money("已还本金"),
        balance("剩余本金"),
    )  # fmt: skip
    return Form(
        title="还款计划表", issuer=figures.issuer, to=figures.borrower, demo=figures.demo,
        period=f"截至{long_date(figures.as_of)}",
        blocks=(
            Facts([
                ("借据号", figures.contract), ("证件号码", figures.id_number), ("贷款产品", figures.product),
                ("贷款金额", f"{yuan(figures.principal_fen)} 元"), ("放款日", str(figures.drawn_on)),
                ("到期日", str(figures.maturity)), ("执行年利率", percent(figures.rate_ppb)), ("还款方式", figures.method),
            ]),
            Grid(columns, rows, "合计"),
            Prose(("利息按现行利率和约定日期预计，不含财政贴息部分；利率调整、提前或逾期还款时以实际结息为准。",), size=8.0),
            Seals([("贷款银行", ("客户经理",)), ("借款人（签字、捺印）", ())]),
        ),
    )  # fmt: skip
