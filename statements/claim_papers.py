"""Papers of a claim on a pool (代偿), from its application to what is recovered: one set of figures, seven papers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

from ledger.money import percent, yuan
from statements.blocks import Facts, Grid, Prose, Seals, Signed, Sum, balance, day, money, words
from statements.figures import require_agreement, require_masked
from statements.form import Block, Form, layout
from statements.words import in_words, long_date


class ClaimPaper(Enum):
    """Which paper of the claim it is."""

    APPLICATION = "风险补偿代偿申请书"
    CALCULATION = "代偿金额计算表"
    APPROVAL = "代偿审批表"
    NOTICE = "代偿通知书"
    SHARE = "债权份额确认书"
    WRITE_OFF = "代偿损失核销审批表"
    RECOVERY = "追回通知书"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimStep:
    """A step of the claim, with its fen."""

    day: date
    kind: str
    fen: int
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimFigures:
    """A claim: the loan, what is covered of it and by whom it is borne, and what became of it.

    Raises:
        FiguresDisagree: the bank's and the government's part don't come to what is covered, or more is passed on than due.
        NotMasked: the identity number is whole.
    """

    paper: ClaimPaper
    issuer: str
    bank: str
    county: str
    number: str
    day: date
    state: str
    borrower: str  # masked
    id_number: str  # masked
    contract: str
    product: str
    principal_fen: int
    drawn_on: date
    maturity: date
    days_past_due: int
    claim_after_days: int
    pass_on_days: int  # working days in which a recovery reaches the pool
    basis_fen: int  # what the claim covers: principal and the borrower's own unpaid interest
    share_ppb: int
    gov_fen: int
    bank_fen: int
    available_fen: int
    filed_by: str
    approved_by: str
    paid_on: date | None
    shared_fen: int  # of recoveries, due to the pool
    passed_fen: int  # of that, passed on
    lost_fen: int
    steps: tuple[ClaimStep, ...]
    demo: bool

    def __post_init__(self) -> None:
        require_masked(f"代偿 {self.number}", self.id_number)
        require_agreement(f"代偿 {self.number}", "政府与银行分担合计", self.basis_fen, self.gov_fen + self.bank_fen)

    @property
    def due_fen(self) -> int:
        """What the bank has still to pass on."""
        return self.shared_fen - self.passed_fen

    @property
    def kept_fen(self) -> int:
        """What is left of the pool's share in the debt."""
        return self.gov_fen - self.shared_fen - self.lost_fen


@layout.register
def _(figures: ClaimFigures) -> Form:
    to = {ClaimPaper.APPLICATION: figures.issuer, ClaimPaper.NOTICE: figures.bank, ClaimPaper.RECOVERY: figures.bank,
          ClaimPaper.SHARE: figures.bank}.get(figures.paper, "")  # fmt: skip
    issuer = figures.bank if figures.paper is ClaimPaper.APPLICATION else figures.issuer
    return Form(
        title=figures.paper.value, issuer=issuer, to=to, number=figures.number, demo=figures.demo, blocks=_blocks(figures),
        period=f"{figures.county}　{long_date(figures.day)}　状态：{figures.state}",
    )  # fmt: skip


def _blocks(figures: ClaimFigures) -> Iterator[Block]:
    yield Facts([
        ("借款人", figures.borrower), ("证件号码", figures.id_number), ("借据号", figures.contract), ("贷款产品",
        figures.product),
        ("贷款金额", f"{yuan(figures.principal_fen)} 元"), ("逾期天数",
        f"{figures.days_past_due} 天（满 {figures.claim_after_days} 天可申请）"),
        ("放款日", str(figures.drawn_on)), ("到期日", str(figures.maturity)),
    ])  # fmt: skip
    yield from _SAID[figures.paper](figures)


def _application(figures: ClaimFigures) -> Iterator[Block]:
    yield Prose((f"上述贷款经催收未能收回，现申请按约定比例由风险补偿金代偿"
                 f"{in_words(figures.gov_fen)}（¥{yuan(figures.gov_fen)}）。"
                 "代偿后本行继续追索，收回款项按比例划回。",))  # fmt: skip
    yield from _parts(figures)
    yield Signed([("经办", figures.filed_by), ("复核", ""), ("负责人", "")])
    yield Seals([(figures.bank, ("负责人",)), ("扶贫办（乡村振兴局）受理", ("经办",))])


def _calculation(figures: ClaimFigures) -> Iterator[Block]:
    yield from _parts(figures)
    yield Facts([("专户可用余额", f"{yuan(figures.available_fen)} 元")])
    yield Prose(
        ("代偿范围为贷款本金和借款人应付未付的合同利息，不含罚息、复利和财政贴息；政府部分四舍五入到分，其余由银行承担。",),
        size=8.0,
    )
    yield Signed([("计算", figures.filed_by), ("复核", figures.approved_by)])


def _approval(figures: ClaimFigures) -> Iterator[Block]:
    yield from _parts(figures)
    yield Facts(
        [("专户可用余额", f"{yuan(figures.available_fen)} 元"), ("申请人", figures.filed_by), ("批准人", figures.approved_by)]
    )
    yield Seals(
        [("扶贫办（乡村振兴局）意见", ("经办", "负责人")), ("财政局意见", ("经办", "负责人")), ("领导小组审批", ("签字",))]
    )


def _notice(figures: ClaimFigures) -> Iterator[Block]:
    paid = f"已于{long_date(figures.paid_on)}拨付" if figures.paid_on else "已批准，待拨付"
    yield Prose((f"贵行 {figures.number} 号代偿申请{paid}{in_words(figures.gov_fen)}（¥{yuan(figures.gov_fen)}）。"
                 "代偿不免除借款人的债务，"
                 "请继续追索，并在收回后 "
                 f"{figures.pass_on_days} 个工作日内按比例划回风险补偿金专户。",))  # fmt: skip
    yield from _parts(figures)
    yield Seals([(figures.issuer, ("经办", "负责人"))])


def _share(figures: ClaimFigures) -> Iterator[Block]:
    yield Prose(
        (
            f"代偿后，风险补偿金对上述债权享有 {percent(figures.share_ppb)} 的份额，贵行享有其余份额；"
            "任何一方收回的款项均按此比例分配。",
        )
    )
    yield from _parts(figures)
    yield Facts([("已分配追偿款", f"{yuan(figures.shared_fen)} 元"), ("现存份额", f"{yuan(figures.kept_fen)} 元")])
    yield Seals([(figures.issuer, ("经办", "负责人")), (figures.bank, ("经办", "负责人"))])


def _write_off(figures: ClaimFigures) -> Iterator[Block]:
    fen = figures.lost_fen or figures.kept_fen
    yield Facts([
        ("已代偿", f"{yuan(figures.gov_fen)} 元"), ("已分配追偿款", f"{yuan(figures.shared_fen)} 元"),
        ("已划回", f"{yuan(figures.passed_fen)} 元"), ("未划回", f"{yuan(figures.due_fen)} 元"),
    ])  # fmt: skip
    yield Sum("核销损失", fen)
    yield Prose(("核销后账销案存，继续追索；以后收回的款项冲减损失。",), size=8.0)
    yield _steps(figures)
    yield Seals([(f"{figures.bank}意见", ("负责人",)), ("扶贫办（乡村振兴局）意见", ("负责人",)), ("财政局审批", ("负责人",))])


def _recovery(figures: ClaimFigures) -> Iterator[Block]:
    yield Prose((f"上述代偿贷款已有收回。按约定比例应划回风险补偿金"
                 f"{in_words(figures.shared_fen)}（¥{yuan(figures.shared_fen)}），"
                 "已划回 "
                 f"{yuan(figures.passed_fen)} 元。请将余款于 {figures.pass_on_days} 个工作日内划回专户。",))  # fmt: skip
    yield Sum("应划回余款", figures.due_fen)
    yield _steps(figures)
    yield Seals([(figures.issuer, ("经办", "负责人"))])


def _parts(figures: ClaimFigures) -> Iterator[Block]:
    rows = [
        ["政府（风险补偿金）", percent(figures.share_ppb), figures.gov_fen],
        ["银行", percent(10**9 - figures.share_ppb), figures.bank_fen],
    ]
    yield Grid((words("承担方", 60), day("比例", 40), money("金额", 50)), rows, "代偿范围合计")
    yield Sum("代偿金额", figures.gov_fen)


def _steps(figures: ClaimFigures) -> Grid:
    columns = (day("日期", 24), words("事项", 50), balance("金额", 36), words("经办", 40))
    return Grid(columns, [[str(one.day), one.kind, one.fen, one.actor] for one in figures.steps], None, "代偿事项（续）")


_SAID = {
    ClaimPaper.APPLICATION: _application,
    ClaimPaper.CALCULATION: _calculation,
    ClaimPaper.APPROVAL: _approval,
    ClaimPaper.NOTICE: _notice,
    ClaimPaper.SHARE: _share,
    ClaimPaper.WRITE_OFF: _write_off,
    ClaimPaper.RECOVERY: _recovery,
}
