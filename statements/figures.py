"""Figures: what a paper states, as immutable values that add up or can't be made.

Money is whole fen and rates are parts per billion a year. Totals are computed, never stored. Names and identity
numbers arrive masked. Both ends of a printed period belong to it, as on every bank paper.
"""

import re
from dataclasses import dataclass
from datetime import date

from statements.errors import FiguresDisagree, NotMasked, SheetOutOfBalance, SummaryOutOfBalance, VoucherOutOfBalance
from statements.words import long_date

_WHOLE_ID = re.compile(r"(?<![0-9A-Za-z])(\d{15}|\d{17}[\dXx])(?![0-9A-Za-z])")

INCREASES = frozenset({"放款", "转入", "结息", "罚息", "复利", "不予贴息"})
"""Kinds of line that raise what is owed; every other kind lowers it. A red line keeps its original's kind."""


def require_agreement(paper: str, what: str, computed_fen: int, stated_fen: int) -> None:
    """Refuse figures that contradict each other.

    Raises:
        FiguresDisagree: so they do.
    """
    if computed_fen != stated_fen:
        raise FiguresDisagree(paper, what, computed_fen, stated_fen)


def require_masked(what: str, text: str) -> None:
    """Refuse an identity number that is whole.

    Raises:
        NotMasked: so it is.
    """
    if _WHOLE_ID.search(text):
        raise NotMasked(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One movement of a loan; amounts are signed by their effect on what is owed, in fen."""

    day: date
    kind: str  # 放款, 还本, 结息, 罚息, 复利, 收息, 应收贴息 (government owes it, not the borrower), 核销
    principal_fen: int = 0
    interest_fen: int = 0
    days: int | None = None  # for which interest was counted
    product_fen: int | None = None  # 积数, fen times days
    balance_fen: int  # principal after the movement


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanSheet:
    """One loan on a statement.

    Raises:
        SheetOutOfBalance: the opening principal and the movements don't give a line's balance or the closing one.
        NotMasked: the identity number is whole.
    """

    county: str
    borrower: str  # masked
    id_number: str  # masked
    contract: str
    product: str
    drawn_on: date
    maturity: date
    extended_to: date | None = None
    rate_ppb: int
    penalty_ppb: int
    method: str
    opening_fen: int
    lines: tuple[StatementLine, ...]
    unpaid_on_fen: int  # unpaid interest on the balance sheet (表内欠息)
    unpaid_off_fen: int  # unpaid interest kept off it (表外欠息)
    subsidy_due_fen: int = 0  # charged to government and not received (应收贴息)
    risk_class: str  # 正常, 关注, 次级, 可疑, 损失
    closing_fen: int
    purpose: str = ""
    subsidy_mode: str = ""  # 直补银行, 先收后补, 预拨; none: not subsidised
    relending: str = ""  # the central bank's draw (再贷款借款编号) that it stands in
    overdue_principal_days: int = 0
    overdue_interest_days: int = 0
    compensated_fen: int = 0  # paid by the compensation pool (已代偿)

    def __post_init__(self) -> None:
        require_masked(f"借据 {self.contract}", self.id_number)
        balance = self.opening_fen
        for line in self.lines:
            balance += line.principal_fen
            if balance != line.balance_fen:
                raise SheetOutOfBalance(self.contract, f"{line.day} {line.kind}后余额", balance, line.balance_fen)
        if balance != self.closing_fen:
            raise SheetOutOfBalance(self.contract, "期末本金", balance, self.closing_fen)


@dataclass(frozen=True, slots=True)
class Movement:
    """What the lines of a loan add up to, in fen, days and fen · days (积数)."""

    disbursed_fen: int
    repaid_fen: int
    charged_fen: int
    received_fen: int
    days: int
    product_fen: int


def moved(loan: LoanSheet) -> Movement:
    """Return the sums of a loan's lines; days and 积数 are those of contract interest (结息)."""
    disbursed = repaid = charged = received = days = product = 0
    for line in loan.lines:
        if line.kind in INCREASES:
            disbursed += line.principal_fen
            charged += line.interest_fen
        else:
            repaid -= line.principal_fen
            received -= line.interest_fen
        if line.kind == "结息":
            days += line.days or 0
            product += line.product_fen or 0
    return Movement(disbursed, repaid, charged, received, days, product)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """The loans of one county and product; `repaid_fen` is all principal that went: paid, claimed or written off.

    Raises:
        SummaryOutOfBalance: opening, disbursed and repaid don't give closing.
    """

    county: str
    product: str
    loans: int  # every loan on the statement, those repaid in the period included
    opening_fen: int
    disbursed_fen: int
    repaid_fen: int
    closing_fen: int
    borrower_interest_fen: int  # charged in the period
    government_interest_fen: int

    def __post_init__(self) -> None:
        if self.opening_fen + self.disbursed_fen - self.repaid_fen != self.closing_fen:
            raise SummaryOutOfBalance(self.county, self.product, "期初加发放减收回不等于期末")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """Where a chain of seals (封签) of a book ended when the statement's last day was closed."""

    book: str
    chain: str
    position: int
    sha256: str  # hexadecimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BankStatement:
    """A loan statement (贷款对账单) from a bureau to a bank, which confirms it or says what differs.

    Raises:
        SummaryOutOfBalance: a summary row differs from its loans, or loans have no row.
    """

    issuer: str
    bank: str
    serial: str
    first_day: date
    last_day: date  # belongs to the period
    reply_by: date
    summary: tuple[SummaryRow, ...]
    loans: tuple[LoanSheet, ...]
    heads: tuple[ChainHead, ...] = ()
    detailed: bool = True  # each movement of each loan follows the list of loans
    demo: bool

    def __post_init__(self) -> None:
        stated = {(row.county, row.product): (row.loans, row.opening_fen, row.closing_fen) for row in self.summary}
        found = dict.fromkeys(stated, (0, 0, 0))
        for loan in self.loans:
            group = loan.county, loan.product
            count, opening, closing = found.get(group, (0, 0, 0))
            found[group] = count + 1, opening + loan.opening_fen, closing + loan.closing_fen
        for (county, product), figures in found.items():
            if stated.get((county, product)) != figures:
                raise SummaryOutOfBalance(county, product, "笔数、期初或期末本金与明细不一致")

    @property
    def closing_fen(self) -> int:
        """Principal of all loans at the end of the period."""
        return sum(row.closing_fen for row in self.summary)

    @property
    def unpaid_on_fen(self) -> int:
        """Unpaid interest on the balance sheet."""
        return sum(loan.unpaid_on_fen for loan in self.loans)

    @property
    def unpaid_off_fen(self) -> int:
        """Unpaid interest kept off the balance sheet."""
        return sum(loan.unpaid_off_fen for loan in self.loans)

    @property
    def subsidy_due_fen(self) -> int:
        """Interest that government owes the bank."""
        return sum(loan.subsidy_due_fen for loan in self.loans)

    @property
    def period(self) -> str:
        """The days that it states, as prose writes them."""
        return f"{long_date(self.first_day)}至{long_date(self.last_day)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherLine:
    """One posting: its narration, account and amount, in fen; a red reversal is negative on its own side."""

    narration: str
    account: str
    title: str
    debit_fen: int = 0
    credit_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """A journal voucher (记账凭证).

    Raises:
        VoucherOutOfBalance: debits and credits differ, or there are no lines.
    """

    book: str
    day: date
    word: str  # 记, 收, 付, 转
    number: int
    lines: tuple[VoucherLine, ...]
    attachments: int
    maker: str  # 制单
    checker: str = ""  # 审核
    poster: str = ""  # 记账
    chief: str = ""  # 会计主管
    demo: bool

    def __post_init__(self) -> None:
        if not self.lines or self.debit_fen != self.credit_fen:
            raise VoucherOutOfBalance(f"{self.word}字第{self.number}号", self.debit_fen, self.credit_fen)

    @property
    def debit_fen(self) -> int:
        """All debits."""
        return sum(line.debit_fen for line in self.lines)

    @property
    def credit_fen(self) -> int:
        """All credits."""
        return sum(line.credit_fen for line in self.lines)
