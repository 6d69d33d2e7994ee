"""Papers of the ledger: pages of any report (总账、明细账、余额表 …), 余额调节表, 回单 and 会计交接清单."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from ledger.money import yuan
from statements.blocks import Facts, Grid, Heading, Line, Prose, Seals, Signed, Sum, amount, money, number, words
from statements.figures import require_agreement
from statements.form import Block, Form, layout
from statements.page import SMALL, Align
from statements.table import Band, Column, Given, TableRow
from statements.words import long_date

Cell: TypeAlias = str | int | None


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """A column of a report: its heading, and whether it holds text, a date, fen, a count or a share."""

    heading: str
    kind: str


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row of a report with its role."""

    role: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPart:
    """A report as the ledger made it; amounts are fen, shares hundredths of a per cent."""

    title: str
    columns: tuple[ReportColumn, ...]
    rows: tuple[ReportRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPaper:
    """A report to be signed and kept."""

    issuer: str
    title: str
    period: str
    parts: tuple[ReportPart, ...]
    demo: bool


@layout.register
def _(figures: ReportPaper) -> Form:
    wide = max((len(part.columns) for part in figures.parts), default=0) > 6
    return Form(
        title=figures.title, issuer=figures.issuer, period=figures.period, demo=figures.demo, wide=wide, blocks=_parts(figures)
    )


def _parts(figures: ReportPaper) -> Iterator[Block]:
    for part in figures.parts:
        if len(figures.parts) > 1:
            yield Heading(part.title)
        if part.columns:
            columns = tuple(_column(part, at) for at in range(len(part.columns)))
            small = SMALL if len(columns) > 8 else 8.0
            yield Grid(columns, _rows(part), None, f"{part.title}（续）", size=small)
        for note in part.notes:
            yield Prose((note,), size=8.0, indent=False)
    yield Signed([("编制人", ""), ("审核人", ""), ("会计主管", ""), ("单位负责人", "")])


def _column(part: ReportPart, at: int) -> Column:
    """Return a column as wide as what stands in it, within reason; of an account's lines, both sides and the balance carry."""
    column = part.columns[at]
    longest = max((len(_shown(row.cells[at])) for row in part.rows), default=0)
    match column.kind:
        case "text":
            return words(column.heading, max(12, min(46, 3 * longest)))
        case "date":
            return Column(title=column.heading, width=19, align=Align.CENTRE)
        case "fen":
            return amount(column.heading, max(20, 1.7 * longest))
        case "count":
            return number(column.heading, 14)
        case _:
            return Column(title=column.heading, width=16, show=lambda share: f"{share // 100}.{share % 100:02d}%")


def _shown(cell: Cell) -> str:
    return yuan(cell) if isinstance(cell, int) else cell or ""


def _rows(part: ReportPart) -> Iterator[TableRow]:
    for row in part.rows:
        if row.role == "heading":
            yield Band("　".join(str(cell) for cell in row.cells if cell is not None))
        elif row.role in ("line", "opening", "carried"):
            yield row.cells
        else:
            yield Given(row.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosting:
    """An item that only one side has booked."""

    group: str
    day: date
    text: str
    fen: int
    days_open: int
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationPaper:
    """The 余额调节表 of an account: no voucher; what is open is booked when its papers arrive.

    Raises:
        FiguresDisagree: a side and its open items don't come to what it is adjusted to.
    """

    issuer: str
    book: str
    bank: str
    account: str  # masked
    as_of: date
    book_fen: int
    bank_fen: int
    items: tuple[OpenPosting, ...]
    adjusted_book_fen: int
    adjusted_bank_fen: int
    faults: tuple[str, ...]
    maker: str
    checker: str
    demo: bool

    def __post_init__(self) -> None:
        for side, start, groups, end in self.sides:
            left = start + self.sum_fen(groups[0]) - self.sum_fen(groups[1])
            require_agreement("余额调节表", f"调节后{side}", left, end)

    @property
    def sides(self) -> tuple[tuple[str, int, tuple[str, str], int], ...]:
        """Each side: its name, its balance, what is added and what is taken off, its adjusted balance."""
        return (
            ("账面余额", self.book_fen, ("银行已收我未收", "银行已付我未付"), self.adjusted_book_fen),
            ("对账单余额", self.bank_fen, ("我已收银行未收", "我已付银行未付"), self.adjusted_bank_fen),
        )

    def sum_fen(self, group: str) -> int:
        """Return the sum of a group."""
        return sum(item.fen for item in self.items if item.group == group)


@layout.register
def _(figures: ReconciliationPaper) -> Form:
    return Form(
        title="银行存款余额调节表", issuer=figures.issuer, demo=figures.demo, blocks=_sides(figures),
        period=f"{figures.book}　{figures.bank}　{figures.account}　截至{long_date(figures.as_of)}",
    )  # fmt: skip


def _sides(figures: ReconciliationPaper) -> Iterator[Block]:
    columns = (
        words("项目", 36),
        Column(title="日期", width=19, align=Align.CENTRE),
        words("摘要", 66),
        amount("金额", 28),
        number("未达天数", 14),
    )
    for side, start, groups, end in figures.sides:
        rows: list[TableRow] = [Given((side, None, None, start, None))]
        for group, sign in zip(groups, ("加", "减"), strict=True):
            rows.append(Given((f"{sign}：{group}", None, None, figures.sum_fen(group), None)))
            rows += [
                ["　超期未达" if item.overdue else "", str(item.day), item.text, item.fen, item.days_open]
                for item in figures.items if item.group == group
            ]  # fmt: skip
        rows.append(Given((f"调节后{side}", None, None, end, None)))
        yield Grid(columns, rows, None, f"{side}（续）")
    for fault in figures.faults:
        yield Line(f"不能确认：{fault}", bold=True)
    yield Prose(("本表不作为记账凭证；未达账项待凭证到达后入账。",), size=8.0)
    yield Signed([("编制人", figures.maker), ("审核人", figures.checker), ("会计主管", "")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt (回单): one movement of money of the ledger, no more and no less."""

    issuer: str
    day: date
    voucher: str
    reference: str
    payer: str
    payer_account: str  # masked
    payer_bank: str
    payee: str
    payee_account: str  # masked
    payee_bank: str
    fen: int
    purpose: str
    narration: str
    demo: bool


@layout.register
def _(figures: Receipt) -> Form:
    return Form(
        title="资金收付回单", issuer=figures.issuer, demo=figures.demo, half=True, unit="",
        period=f"{long_date(figures.day)}　凭证 {figures.voucher}",
        blocks=(
            Facts([
                ("付款人", figures.payer), ("收款人", figures.payee), ("付款账号", figures.payer_account),
                ("收款账号", figures.payee_account), ("付款开户行", figures.payer_bank), ("收款开户行", figures.payee_bank),
                ("用途", figures.purpose), ("流水号", figures.reference), ("摘要", figures.narration),
            ], label=20),
            Sum("金额", figures.fen),
            Line("本回单与账簿中的一笔收付一一对应，重复打印不得重复使用。", right="（电子印章处）"),
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """A thing handed over, and how much of it."""

    kind: str
    name: str
    quantity: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceHandedOver:
    """An account's balance on the day of the handover."""

    account: str
    title: str
    debit_fen: int
    credit_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What one accountant hands over to another under the eyes of a third (会计基础工作规范).

    Raises:
        FiguresDisagree: the balances' debits and credits differ.
    """

    issuer: str
    book: str
    day: date
    giver: str
    taker: str
    supervisor: str
    things: tuple[HandedOver, ...]
    balances: tuple[BalanceHandedOver, ...]
    demo: bool

    def __post_init__(self) -> None:
        debits, credits_ = sum(b.debit_fen for b in self.balances), sum(b.credit_fen for b in self.balances)
        require_agreement(f"交接清单 {self.book}", "贷方余额合计", debits, credits_)


@layout.register
def _(figures: Handover) -> Form:
    things = (number("序号", 10), words("类别", 30), words("名称", 70), words("数量", 30), words("备注", 40))
    rows = [[place, o.kind, o.name, o.quantity, o.note] for place, o in enumerate(figures.things, 1)]
    columns = (words("科目编码", 30), words("科目名称", 70), money("借方余额", 40), money("贷方余额", 40))
    sums = [[o.account, o.title, o.debit_fen or None, o.credit_fen or None] for o in figures.balances]
    return Form(
        title="会计工作交接清单", issuer=figures.issuer, demo=figures.demo,
        period=f"{figures.book}　交接日：{long_date(figures.day)}",
        blocks=(
            Heading("一、移交的凭证、账簿、报表及其他"), Grid(things, rows, None, "交接清单（续）"),
            Heading("二、科目余额"), Grid(columns, sums, "合计", "科目余额（续）"),
            Prose(("以上内容经移交人、接交人、监交人逐项核对无误，交接前后责任自交接日划分。本清单一式三份，保存三十年。",),
            size=8.0),
            Seals([(f"移交人：{figures.giver}", ("签字",)), (f"接交人：{figures.taker}", ("签字",)),
            (f"监交人：{figures.supervisor}", ("签字",))]),
        ),
    )  # fmt: skip
