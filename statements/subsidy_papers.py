"""Papers of interest subsidy: the list of a batch (贴息清单), and the sheet on which its payment is approved (贴息拨付审批表)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from ledger.money import yuan
from statements.blocks import Facts, Grid, Line, Seals, Signed, Sum, amount, day, money, number, rate, words
from statements.figures import require_agreement, require_masked
from statements.form import Block, Form, layout
from statements.page import SMALL, TINY
from statements.table import Band, Cell, Subtotal, TableRow
from statements.words import in_words, long_date


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyLine:
    """What is paid for one loan: days and 积数 of the period less what overdue days cut, and who bears the interest."""

    town: str
    village: str
    household: str  # 建档立卡号
    borrower: str  # masked
    id_number: str  # masked
    contract: str
    standing: str  # what the household was when the loan was made
    principal_fen: int
    drawn_on: date
    maturity: date
    days: int
    late_days: int  # cut (逾期剔除)
    product_fen: int  # 积数, fen · days
    rate_ppb: int
    gov_ppb: int
    whole_fen: int
    subsidy_fen: int
    flags: str
    verdict: str  # 通过, or why not

    @property
    def borrower_fen(self) -> int:
        """The borrower's part."""
        return self.whole_fen - self.subsidy_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyList:
    """The list of a batch: its lines in order of towns and villages, and who bears it in which tier.

    Raises:
        FiguresDisagree: accepted lines don't come to what is payable less what is reclaimed, or tiers to what is payable.
        NotMasked: an identity number is whole.
    """

    issuer: str
    bank: str
    county: str
    number: str
    period: str
    mode: str
    stage: str
    lines: tuple[SubsidyLine, ...]
    tiers: tuple[tuple[str, int], ...]  # 省, 市, 县, each with its fen; none: the county alone
    payable_fen: int
    reclaimed_fen: int
    prepaid_fen: int  # taken from money paid in advance
    demo: bool

    def __post_init__(self) -> None:
        for line in self.lines:
            require_masked(f"借据 {line.contract}", line.id_number)
        accepted = sum(line.subsidy_fen for line in self.accepted)
        require_agreement(f"贴息清单 {self.number}", "通过的贴息合计", accepted, self.payable_fen - self.reclaimed_fen)
        if self.tiers:
            require_agreement(f"贴息清单 {self.number}", "各级负担合计", self.payable_fen, sum(fen for _, fen in self.tiers))

    @property
    def accepted(self) -> tuple[SubsidyLine, ...]:
        """The lines that pass."""
        return tuple(line for line in self.lines if line.verdict == "通过")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyApproval:
    """What is to be paid of a batch, for those who approve it."""

    issuer: str
    bank: str
    county: str
    number: str
    period: str
    mode: str
    loans: int
    rejected: int
    payable_fen: int
    reclaimed_fen: int
    prepaid_fen: int
    cash_fen: int
    tiers: tuple[tuple[str, int], ...]
    prepared_by: str
    approved_by: str
    approved_on: date | None
    demo: bool

    def __post_init__(self) -> None:
        require_agreement(f"贴息拨付审批表 {self.number}", "拨付资金", self.payable_fen - self.prepaid_fen, self.cash_fen)


_COLUMNS = (
    number("序号", 7), words("建档立卡号", 20), words("姓名", 12), words("证件号码", 24), words("借据号", 23),
    words("放款时身份", 12), amount("贷款本金", 15), day("放款日", 15), day("到期日", 15), number("天数", 7), number("剔除", 7),
    amount("积数（元·天）", 19), rate("利率", 10), rate("贴息率", 10), money("利息", 14), money("贴息", 14),
    money("本人承担", 14), words("标记", 17),
)  # fmt: skip


@layout.register
def _(figures: SubsidyList) -> Form:
    return Form(
        title="扶贫小额信贷贴息清单", issuer=figures.issuer, to=figures.bank, number=figures.number, demo=figures.demo, wide=True,
        period=f"{figures.county}　贴息期间：{figures.period}　贴息方式：{figures.mode}　状态：{figures.stage}",
        blocks=_list(figures),
    )  # fmt: skip


def _list(figures: SubsidyList) -> Iterator[Block]:
    yield Grid(_COLUMNS, _rows(figures.accepted), "合计", f"贴息清单 {figures.number}（续）", 4.6, TINY)
    refused = [line for line in figures.lines if line.verdict != "通过"]
    if refused:
        yield Line("未通过的借据（不计入合计）", bold=True)
        columns = (
            words("建档立卡号", 30),
            words("借据号", 30),
            words("姓名", 16),
            amount("贴息", 20),
            words("标记", 40),
            words("理由", 80),
        )
        said: list[list[Cell]] = [
            [line.household, line.contract, line.borrower, line.subsidy_fen, line.flags, line.verdict] for line in refused
        ]
        yield Grid(columns, said, None, "未通过的借据（续）", 4.6, SMALL)
    yield Sum("贴息合计", figures.payable_fen)
    yield Line(_said(figures.payable_fen, figures.reclaimed_fen, figures.prepaid_fen, len(figures.accepted)))
    if figures.tiers:
        yield Line("分级负担：" + "　".join(f"{name} {yuan(fen)} 元" for name, fen in figures.tiers))
    yield Seals([(unit, ("经办", "复核", "负责人")) for unit in (figures.bank, "扶贫办（乡村振兴局）", "财政局")])


def _rows(lines: tuple[SubsidyLine, ...]) -> Iterator[TableRow]:
    place = 0
    for town, of_town in groupby(lines, key=lambda line: line.town):
        if town:
            yield Band(town)
        for village, of_village in groupby(of_town, key=lambda line: line.village):
            for place, line in enumerate(of_village, place + 1):  # noqa: B020 - numbers run on through villages
                yield _row(place, line)
            yield Subtotal(f"{village or '未登记村'} 小计", 2)
        if town:
            yield Subtotal(f"{town} 小计", 1)


def _row(place: int, line: SubsidyLine) -> list[Cell]:
    return [
        place, line.household, line.borrower, line.id_number, line.contract, line.standing, line.principal_fen,
        str(line.drawn_on), str(line.maturity), line.days, line.late_days or None, line.product_fen, line.rate_ppb,
        line.gov_ppb, line.whole_fen, line.subsidy_fen, line.borrower_fen, line.flags,
    ]  # fmt: skip


def _said(payable_fen: int, reclaimed_fen: int, prepaid_fen: int, loans: int) -> str:
    said = f"通过 {loans} 笔　应拨 {yuan(payable_fen)} 元"
    said += f"　追回 {yuan(reclaimed_fen)} 元" if reclaimed_fen else ""
    return said + (f"　预拨抵用 {yuan(prepaid_fen)} 元" if prepaid_fen else "")


@layout.register
def _(figures: SubsidyApproval) -> Form:
    pairs = [
        ("批次号", figures.number), ("县（区）", figures.county), ("贷款银行", figures.bank), ("贴息期间", figures.period),
        ("贴息方式", figures.mode), ("通过笔数", f"{figures.loans} 笔"), ("未通过笔数", f"{figures.rejected} 笔"),
        ("应拨贴息", f"{yuan(figures.payable_fen)} 元"), ("预拨抵用", f"{yuan(figures.prepaid_fen)} 元"),
        ("追回", f"{yuan(figures.reclaimed_fen)} 元"),
        ("本次拨付", f"{in_words(figures.cash_fen)}（¥{yuan(figures.cash_fen)}）"),
        *((f"{name}负担", f"{yuan(fen)} 元") for name, fen in figures.tiers),
        ("批准日期", long_date(figures.approved_on) if figures.approved_on else ""),
    ]  # fmt: skip
    return Form(
        title="贴息资金拨付审批表", issuer=figures.issuer, demo=figures.demo, number=figures.number,
        blocks=(
            Facts(pairs),
            Signed([("编制", figures.prepared_by), ("批准", figures.approved_by), ("拨付", "")]),
            Seals([("扶贫办（乡村振兴局）意见", ("经办", "负责人")), ("财政局业务科室意见", ("经办", "科长")),
            ("财政局领导审批", ("签字",))]),
        ),
    )  # fmt: skip
