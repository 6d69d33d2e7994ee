"""Notices and letters: a demand (催收通知书), lending stopped or resumed (暂停、恢复放贷通知书), an inquiry (银行询证函),
an extension (展期协议), and that a list was published (公示结果证明).
"""

from dataclasses import dataclass
from datetime import date

from ledger.money import percent, yuan
from statements.blocks import Facts, Grid, Prose, Seals, Slip, amount, money, number, words
from statements.figures import require_agreement, require_masked
from statements.form import Block, Form, layout
from statements.words import in_words, long_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a borrower owes on a day, and until when it can be sued for; the slip is what proves the demand.

    Raises:
        FiguresDisagree: the parts don't come to what is owed.
        NotMasked: the identity number is whole.
    """

    issuer: str
    bank: str
    borrower: str  # masked
    id_number: str  # masked
    contract: str
    product: str
    day: date
    principal_fen: int
    overdue_fen: int
    interest_fen: int
    penalty_fen: int
    compound_fen: int
    owed_fen: int  # overdue principal and all unpaid interest
    days_past_due: int
    limitation_ends: date
    pay_by: date
    demo: bool

    def __post_init__(self) -> None:
        require_masked(f"借据 {self.contract}", self.id_number)
        parts = self.overdue_fen + self.interest_fen + self.penalty_fen + self.compound_fen
        require_agreement(f"催收通知书 {self.contract}", "应还合计", parts, self.owed_fen)


@layout.register
def _(figures: Demand) -> Form:
    parts = ("逾期本金", "拖欠利息", "罚息", "复利")
    amounts = (figures.overdue_fen, figures.interest_fen, figures.penalty_fen, figures.compound_fen)
    return Form(
        title="贷款催收通知书", issuer=figures.issuer, to=figures.borrower, demo=figures.demo,
        period=f"截至{long_date(figures.day)}",
        blocks=(
            Prose((
                f"您在{figures.bank}的{figures.product}（借据号 {figures.contract}）已逾期 {figures.days_past_due} 天。截至"
                f"{long_date(figures.day)}，贷款余额 {yuan(figures.principal_fen)} 元，应还{in_words(figures.owed_fen)}"
                f"（¥{yuan(figures.owed_fen)}），明细如下：",
            )),
            Facts([("证件号码", figures.id_number), ("诉讼时效届满日", long_date(figures.limitation_ends))]),
            Grid((words("项目", 60), money("金额", 40)), [list(pair) for pair in zip(parts, amounts, strict=True)], "应还合计"),
            Prose((
                f"请于{long_date(figures.pay_by)}前归还上述款项。逾期将继续计收罚息、复利，并依法追索。本通知书用于主张债权，"
                "自送达之日起诉讼时效重新计算。", "如已还款，请忽略本通知。",
            )),
            Seals([(figures.bank, ("经办人", "催收人"))]),
            Slip(
                title="催收回执", number=figures.contract, to=figures.bank, answers=("属实", "有异议，说明："),
                said=f"贵行{long_date(figures.day)}的催收通知书收悉，所欠款项合计{in_words(figures.owed_fen)}（¥{yuan(figures.owed_fen)}）。",
                by="借款人（签字、捺印）及签收日期：",
            ),
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LendingNotice:
    """That new loans of a pool are stopped, or may be made again, and why."""

    issuer: str
    bank: str
    county: str
    stops: bool
    from_day: date
    available_fen: int
    covered_fen: int
    cap_fen: int
    overdue_fen: int
    overdue_hundredths: int  # of a per cent of what is covered
    reason: str
    demo: bool


@layout.register
def _(figures: LendingNotice) -> Form:
    what = "暂停" if figures.stops else "恢复"
    share = f"{figures.overdue_hundredths // 100}.{figures.overdue_hundredths % 100:02d}%"
    room = figures.cap_fen - figures.covered_fen
    return Form(
        title=f"关于{what}发放扶贫小额信贷的通知", issuer=figures.issuer, to=figures.bank, demo=figures.demo,
        blocks=(
            Prose((
                f"{figures.reason}。自{long_date(figures.from_day)}起，{what}贵行在{figures.county}发放由风险补偿金分担风险的新增"
                "扶贫小额信贷。" + ("已发放贷款的管理、收回和贴息不受影响。" if figures.stops else "请在可放贷额度内继续办理。"),
            )),
            Facts([
                ("可用补偿金", f"{yuan(figures.available_fen)} 元"), ("在保贷款余额", f"{yuan(figures.covered_fen)} 元"),
                ("放大上限", f"{yuan(figures.cap_fen)} 元"), ("可放贷额度", f"{yuan(max(0, room))} 元"),
                ("逾期贷款", f"{yuan(figures.overdue_fen)} 元"), ("逾期率", share),
            ]),
            Seals([(figures.issuer, ("经办", "负责人")), ("扶贫办（乡村振兴局）", ("经办", "负责人"))]),
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryLine:
    """A balance that the bank is asked to confirm."""

    kind: str
    account: str  # masked
    balance_fen: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BankInquiry:
    """Balances as the books have them, for the bank to confirm."""

    issuer: str
    bank: str
    day: date
    reply_by: date
    lines: tuple[InquiryLine, ...]
    demo: bool


@layout.register
def _(figures: BankInquiry) -> Form:
    columns = (number("序号", 10), words("项目", 45), words("账号", 40), amount("余额", 35), words("备注", 50))
    rows = [[place, o.kind, o.account, o.balance_fen, o.note] for place, o in enumerate(figures.lines, 1)]
    return Form(
        title="银行询证函", issuer=figures.issuer, to=figures.bank, demo=figures.demo, period=f"截止日：{long_date(figures.day)}",
        blocks=(
            Prose(("为核对账目，请贵行核对下列截至上述日期的余额。如与贵行记录相符，请在下端“相符”处盖章；如有不符，请列明金额。"
                   "本函仅供核对，不作结算之用。",)),
            Grid(columns, rows, None, "银行询证函（续）"),
            Seals([(figures.issuer, ("经办",))]),
            Slip(
                title="询证回函", number=f"{figures.day:%Y%m%d}", to=figures.issuer, answers=("相符", "不符，应为："),
                said=f"贵单位所列截至{long_date(figures.day)}的 {len(figures.lines)} 项余额。",
                by=f"请于{long_date(figures.reply_by)}前将本回函加盖公章后直接寄回。",
            ),
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A loan's extension as agreed: from which date to which, at what rate."""

    issuer: str
    bank: str
    borrower: str  # masked
    id_number: str  # masked
    contract: str
    principal_fen: int
    drawn_on: date
    maturity: date
    extended_to: date
    rate_ppb: int
    subsidised: bool
    demo: bool

    def __post_init__(self) -> None:
        require_masked(f"借据 {self.contract}", self.id_number)


@layout.register
def _(figures: Extension) -> Form:
    subsidy = "展期期间继续按政策贴息" if figures.subsidised else "展期期间不再享受财政贴息，利息由借款人承担"
    blocks: tuple[Block, ...] = (
        Facts([
            ("贷款人", figures.bank), ("借款人", figures.borrower), ("证件号码", figures.id_number), ("原借据号",
            figures.contract),
            ("展期金额", f"{yuan(figures.principal_fen)} 元"), ("放款日", str(figures.drawn_on)),
            ("原到期日", str(figures.maturity)), ("展期到期日", str(figures.extended_to)),
            ("展期年利率", percent(figures.rate_ppb)),
        ]),
        Prose((
            f"一、经双方协商，借款人所欠贷款{in_words(figures.principal_fen)}（¥{yuan(figures.principal_fen)}）自"
            f"{long_date(figures.maturity)}展期至{long_date(figures.extended_to)}。",
            f"二、展期期间按年利率 {percent(figures.rate_ppb)} 计息；{subsidy}。",
            "三、本协议是原借款合同的补充，未变更的条款继续有效；借款人应于展期到期日归还全部本息，逾期按原合同约定计收罚息。",
            "四、本协议一式三份，贷款人、借款人、扶贫办（乡村振兴局）各执一份，自各方签章之日起生效。",
        )),
        Seals([(f"贷款人：{figures.bank}", ("经办",)), (f"借款人：{figures.borrower}（签字、捺印）", ()),
        ("扶贫办（乡村振兴局）", ("经办",))]),
    )  # fmt: skip
    return Form(title="贷款展期协议", issuer=figures.issuer, demo=figures.demo, number=figures.contract, blocks=blocks, unit="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publicity:
    """That a list was published in its villages for so many days, and with what objections."""

    issuer: str
    county: str
    subject: str
    first_day: date
    last_day: date
    loans: int
    fen: int
    objections: int
    outcome: str
    demo: bool


@layout.register
def _(figures: Publicity) -> Form:
    days = (figures.last_day - figures.first_day).days + 1
    said = f"收到异议 {figures.objections} 件，处理结果：{figures.outcome}" if figures.objections else "公示期间未收到异议"
    return Form(
        title="公示结果证明", issuer=figures.issuer, to="财政局", demo=figures.demo, unit="",
        blocks=(
            Prose((
                f"{figures.subject}（{figures.county}，{figures.loans} 笔，合计{in_words(figures.fen)}，¥{yuan(figures.fen)}）"
                "已于"
                f"{long_date(figures.first_day)}至{long_date(figures.last_day)}在村务公开栏公示 {days} 天。{said}。",
                "特此证明。",
            )),
            Seals([("村民委员会", ("经办",)), ("乡镇人民政府", ("经办", "负责人"))]),
        ),
    )  # fmt: skip
