"""Papers of relending (扶贫再贷款): the register of draws and the loans that they stand in, and 质押清单."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ledger.money import percent, yuan
from statements.blocks import Facts, Grid, Heading, Line, Signed, amount, day, money, rate, words
from statements.figures import require_masked
from statements.form import Block, Form, layout
from statements.page import SMALL
from statements.words import long_date


@dataclass(frozen=True, slots=True, kw_only=True)
class FundedLoan:
    """A loan that a draw stands in, `fen` of it since a day."""

    contract: str
    product: str
    borrower: str  # masked
    id_number: str  # masked
    household: str
    lent_fen: int
    rate_ppb: int
    drawn_on: date
    maturity: date
    balance_fen: int
    fen: int
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawFigures:
    """A draw, and how it is used."""

    number: str
    form: str
    fen: int
    rate_ppb: int
    drawn_on: date
    ends_on: date
    balance_fen: int
    pledged_fen: int
    earned_fen: int
    cost_fen: int
    idle: str
    loans: tuple[FundedLoan, ...]

    def __post_init__(self) -> None:
        for loan in self.loans:
            require_masked(f"借据 {loan.contract}", loan.id_number)

    @property
    def allocated_fen(self) -> int:
        """What loans use of it."""
        return sum(loan.fen for loan in self.loans)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelendingRegister:
    """A bank's draws as of a close."""

    issuer: str
    book: str
    day: date
    cap_ppb: int
    document: str
    draws: tuple[DrawFigures, ...]
    demo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgedAsset:
    """An asset in pledge for a draw."""

    draw: str
    serial: str
    asset: str
    face_fen: int
    rate_ppb: int
    value_fen: int
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgeList:
    """What is in pledge on a day."""

    issuer: str
    book: str
    day: date
    assets: tuple[PledgedAsset, ...]
    demo: bool


@layout.register
def _(figures: RelendingRegister) -> Form:
    return Form(
        title="扶贫再贷款使用台账", issuer=figures.issuer, to=figures.book, demo=figures.demo, wide=True,
        blocks=_register(figures),
        period=f"截至{long_date(figures.day)}日终",
    )  # fmt: skip


def _register(figures: RelendingRegister) -> Iterator[Block]:
    columns = (
        words("借款编号", 30), day("方式", 12), money("借款金额", 26), rate("利率", 14), day("借款日", 18), day("到期日", 18),
        money("借款余额", 26), money("已对应", 26), money("未使用", 26), money("收益", 20), money("成本", 20), words("闲置", 30),
    )  # fmt: skip
    rows = [
        [d.number, d.form, d.fen, d.rate_ppb, str(d.drawn_on), str(d.ends_on), d.balance_fen, d.allocated_fen,
         d.balance_fen - d.allocated_fen, d.earned_fen, d.cost_fen, d.idle]
        for d in figures.draws
    ]  # fmt: skip
    yield Grid(columns, rows, "合计", "再贷款（续）")
    yield Line(f"运用再贷款发放的贷款年利率不超过 {percent(figures.cap_ppb)}（{figures.document}）", gap=2)
    loans = (
        words("借据号", 28), words("产品", 20), words("借款人", 14), words("证件号码", 27), words("建档立卡号", 24),
        amount("贷款金额", 20), rate("利率", 12), day("放款日", 17), day("到期日", 17), amount("贷款余额", 20),
        money("对应金额", 22),
        day("对应起日", 17),
    )  # fmt: skip
    for draw in figures.draws:
        yield Heading(f"借款 {draw.number} 对应的贷款（{len(draw.loans)} 笔）")
        lines = [
            [o.contract, o.product, o.borrower, o.id_number, o.household, o.lent_fen, o.rate_ppb, str(o.drawn_on),
            str(o.maturity),
             o.balance_fen, o.fen, str(o.since)]
            for o in draw.loans
        ]  # fmt: skip
        yield Grid(loans, lines, "合计", f"借款 {draw.number}（续）", 4.6, SMALL)
    yield Signed([("编制", ""), ("复核", ""), ("负责人", "")])


@layout.register
def _(figures: PledgeList) -> Form:
    columns = (
        words("借款编号", 28), words("质押物编号", 28), words("种类", 32), money("面值", 26), rate("质押率", 14),
        money("质押价值", 26),
        day("起日", 19), day("止日", 19),
    )  # fmt: skip
    rows = [[a.draw, a.serial, a.asset, a.face_fen, a.rate_ppb, a.value_fen, str(a.start), str(a.end)] for a in figures.assets]
    total = sum(a.value_fen for a in figures.assets)
    return Form(
        title="再贷款质押清单", issuer=figures.issuer, to=figures.book, demo=figures.demo,
        period=f"截至{long_date(figures.day)}日终",
        blocks=(
            Facts([("质押笔数", f"{len(figures.assets)} 笔"), ("质押价值合计", f"{yuan(total)} 元")]),
            Grid(columns, rows, "合计", "质押清单（续）"),
            Signed([("编制", ""), ("复核", ""), ("负责人", "")]),
        ),
    )  # fmt: skip
