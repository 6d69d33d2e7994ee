"""Papers of a compensation pool: the statement of its special account (风险补偿金专户对账单), with what it may still cover."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ledger.money import percent, yuan
from statements.blocks import Facts, Grid, Line, Slip, Sum, balance, day, money, words
from statements.figures import require_agreement
from statements.form import Block, Form, layout
from statements.words import in_words, long_date

if TYPE_CHECKING:
    from statements.table import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class FundLine:
    """Money in or out of the account; `purpose` is 缴存, 代偿, 追偿, 结息 or 其他."""

    day: date
    voucher: str
    counterparty: str
    purpose: str
    narration: str
    in_fen: int
    out_fen: int
    balance_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FundStatement:
    """The account of a pool over a period, and what the pool carries at its end.

    Raises:
        FiguresDisagree: opening and movements don't give a line's balance or the closing one.
    """

    issuer: str
    account: str  # 户名
    account_number: str  # masked
    bank: str
    county: str
    approval: str  # the document that allowed the account (批准文号), if one is on record
    first_day: date
    last_day: date  # belongs to the period
    reply_by: date
    opening_fen: int
    lines: tuple[FundLine, ...]
    closing_fen: int
    approved_unpaid_fen: int  # claims approved and not paid yet
    covered_fen: int  # principal that the pool carries
    leverage: int
    share_ppb: int
    demo: bool

    def __post_init__(self) -> None:
        left = self.opening_fen
        for line in self.lines:
            left += line.in_fen - line.out_fen
            require_agreement(f"专户对账单 {self.account}", f"{line.day} {line.voucher} 后余额", left, line.balance_fen)
        require_agreement(f"专户对账单 {self.account}", "期末余额", left, self.closing_fen)

    @property
    def available_fen(self) -> int:
        """What is there and not promised."""
        return self.closing_fen - self.approved_unpaid_fen

    @property
    def cap_fen(self) -> int:
        """The principal that it may carry."""
        return self.leverage * max(0, self.available_fen)

    @property
    def used(self) -> str:
        """How many times what is available is carried, with two decimals cut off."""
        if self.available_fen <= 0:
            return "—"
        hundredths = self.covered_fen * 100 // self.available_fen
        return f"{hundredths // 100}.{hundredths % 100:02d} 倍"


@layout.register
def _(figures: FundStatement) -> Form:
    return Form(
        title="风险补偿金专户对账单", issuer=figures.issuer, to=figures.bank, demo=figures.demo, blocks=_blocks(figures),
        period=f"对账期间：{long_date(figures.first_day)}至{long_date(figures.last_day)}",
    )  # fmt: skip


def _blocks(figures: FundStatement) -> Iterator[Block]:
    yield Facts([
        ("户名", figures.account), ("账号", figures.account_number), ("开户银行", figures.bank), ("县（区）", figures.county),
        *([("批准文号", figures.approval)] if figures.approval else []),
    ])  # fmt: skip
    columns = (
        day("日期", 19), words("凭证号", 18), words("对方", 26), day("用途", 14), words("摘要", 40), money("收入", 24),
        money("支出", 24),
        balance("余额", 26),
    )  # fmt: skip
    opening: list[Cell] = [str(figures.first_day), "", "", "", "期初余额", None, None, figures.opening_fen]
    rows: list[list[Cell]] = [
        [str(o.day), o.voucher, o.counterparty, o.purpose, o.narration, o.in_fen or None, o.out_fen or None, o.balance_fen]
        for o in figures.lines
    ]
    yield Grid(columns, [opening, *rows], "本期合计", "专户对账单（续）")
    yield Sum("期末余额", figures.closing_fen)
    yield Line(f"已批准未拨付代偿 {yuan(figures.approved_unpaid_fen)}", right=f"可用余额 {yuan(figures.available_fen)}")
    yield Line(
        f"在保贷款余额 {yuan(figures.covered_fen)}　为可用余额的 {figures.used}",
        right=f"放大倍数上限 {figures.leverage} 倍，即 {yuan(figures.cap_fen)}　政府分担 {percent(figures.share_ppb)}", gap=2,
    )  # fmt: skip
    yield Slip(
        title="对账回执", number=figures.account_number, to=figures.issuer, answers=("相符", "不符，差异说明："),
        said=f"截至{long_date(figures.last_day)}，该专户余额{in_words(figures.closing_fen)}（¥{yuan(figures.closing_fen)}）。",
        by=f"请于{long_date(figures.reply_by)}前将本回执加盖业务专用章后送回。",
    )  # fmt: skip
