"""Monthly papers about loans: 扶贫小额信贷月报 by county, bank and product, and how classes moved (五级迁徙表)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ledger.money import yuan
from statements.blocks import Facts, Grid, Line, Prose, Signed, amount, count, money, number, words
from statements.figures import require_agreement
from statements.form import Block, Form, layout
from statements.table import Band, Cell, Column, Subtotal, TableRow
from statements.words import long_date

CLASSES = ("正常", "关注", "次级", "可疑", "损失")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyRow:
    """The loans of a county, bank and product at a month's end; `year_fen` is what was lent since the year began."""

    county: str
    bank: str
    product: str
    households: int
    loans: int  # with a balance
    lent_loans: int
    lent_fen: int
    year_fen: int
    month_fen: int
    repaid_fen: int  # this month
    balance_fen: int
    overdue_loans: int
    overdue_fen: int  # balances of loans that are past due
    bad_fen: int  # balances of the classes 次级, 可疑 and 损失


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyReport:
    """A month of a product line over a city.

    Raises:
        FiguresDisagree: more is overdue or bad than is outstanding.
    """

    issuer: str
    month: date
    last_day: date
    registered: int  # households on the register
    borrowing: int  # of those, with a loan so far
    rows: tuple[MonthlyRow, ...]
    demo: bool

    def __post_init__(self) -> None:
        for row in self.rows:
            for what, fen in (("逾期余额", row.overdue_fen), ("不良余额", row.bad_fen)):
                require_agreement(f"月报 {row.county}{row.bank}{row.product}", what, min(fen, row.balance_fen), fen)


def share(part: int, whole: int) -> str:
    """Return a part as a percentage with two decimals, rounded half up: 1 of 3 is '33.33%'."""
    if not whole:
        return "—"
    hundredths = (part * 20_000 + whole) // (2 * whole)
    return f"{hundredths // 100}.{hundredths % 100:02d}%"


@layout.register
def _(figures: MonthlyReport) -> Form:
    return Form(
        title="扶贫小额信贷月报", issuer=figures.issuer, demo=figures.demo, wide=True, blocks=_monthly(figures),
        period=f"{figures.month.year}年{figures.month.month}月（截至{long_date(figures.last_day)}）",
    )  # fmt: skip


def _monthly(figures: MonthlyReport) -> Iterator[Block]:
    balance, overdue, bad = (
        sum(getattr(row, name) for row in figures.rows) for name in ("balance_fen", "overdue_fen", "bad_fen")
    )
    yield Facts([
        ("建档立卡户", f"{figures.registered} 户"), ("获贷户", f"{figures.borrowing} 户"),
        ("获贷率", share(figures.borrowing, figures.registered)), ("贷款余额", f"{yuan(balance)} 元"),
        ("逾期率", share(overdue, balance)), ("不良率", share(bad, balance)),
    ], across=3)  # fmt: skip
    columns = (
        words("银行", 32), words("产品", 26), count("贷款户数", 14), count("余额笔数", 14), count("累放笔数", 14),
        money("累放金额", 26),
        money("本年发放", 25), money("本月发放", 24), money("本月收回", 24), money("贷款余额", 26), count("逾期笔数", 12),
        money("逾期余额", 23), money("不良余额", 23),
    )  # fmt: skip
    yield Grid(columns, _by_county(figures.rows), "合计", "扶贫小额信贷月报（续）")
    yield Line("逾期余额为有逾期本息的贷款的全部余额；不良为次级、可疑、损失三类。")
    yield Signed([("编制人", ""), ("审核人", ""), ("负责人", "")])


def _by_county(rows: tuple[MonthlyRow, ...]) -> Iterator[TableRow]:
    for county in dict.fromkeys(row.county for row in rows):
        yield Band(county)
        for row in rows:
            if row.county == county:
                yield [
                    row.bank, row.product, row.households, row.loans, row.lent_loans, row.lent_fen, row.year_fen, row.month_fen,
                    row.repaid_fen, row.balance_fen, row.overdue_loans, row.overdue_fen, row.bad_fen,
                ]  # fmt: skip
        yield Subtotal(f"{county} 小计")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Loans that were of one class when a period began and of another when it ended; their principal at its start, in fen."""

    before: str
    after: str  # a class, or 结清
    loans: int
    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationTable:
    """How loans moved between the five classes."""

    issuer: str
    bank: str
    since: date
    until: date
    moves: tuple[Moved, ...]
    demo: bool

    def cell(self, before: str, after: str) -> Moved:
        """Return what moved from one class to another."""
        found = [one for one in self.moves if (one.before, one.after) == (before, after)]
        return found[0] if found else Moved(before=before, after=after, loans=0, fen=0)


@layout.register
def _(figures: MigrationTable) -> Form:
    ends = (*CLASSES, "结清")
    columns: list[Column] = [words("期初分类", 20)]
    for end in ends:
        columns += [count(f"{end}笔数", 12), money(f"{end}金额", 24)]
    columns += [number("合计笔数", 12), amount("合计金额", 25), Column(title="下迁率", width=14)]
    rows: list[TableRow] = []
    for before in CLASSES:
        cells = [figures.cell(before, end) for end in ends]
        loans, fen = sum(one.loans for one in cells), sum(one.fen for one in cells)
        worse = sum(one.fen for one in cells[CLASSES.index(before) + 1 : len(CLASSES)])
        row: list[Cell] = [before]
        for one in cells:
            row += [one.loans, one.fen]
        rows.append([*row, loans, fen, share(worse, fen)])
    return Form(
        title="贷款五级分类迁徙表", issuer=figures.issuer, to=figures.bank, demo=figures.demo, wide=True,
        period=f"{long_date(figures.since)}至{long_date(figures.until)}",
        blocks=(
            Grid(tuple(columns), rows, "合计", size=6.5),
            Prose(("金额为期初本金；下迁率为期初该类贷款中迁至更低类别的金额占比。",), size=8.0),
            Signed([("编制人", ""), ("审核人", ""), ("负责人", "")]),
        ),
    )  # fmt: skip
