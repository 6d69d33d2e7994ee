"""The waterfall (还贷瀑布) of a station's income, pure: what is at hand and what is due go in, a table of rungs comes out.

Dues come first: the share pays interest, then principal; then the sources help in the agreement's order; what nobody pays is
deferred where that was granted in writing (宽限), otherwise overdue. Only when nothing is unpaid is there a surplus: it refills
the sources in the reverse order, then goes to the loan beyond its dues, then to the household. No rung gets a fen while one
above it wants any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ledger.money import yuan
from solar.agreement import Agreement, Settles, Source


class Rung(StrEnum):
    """A rung, by what becomes of the money on it; the order is that of the table."""

    SHARE = "share"  # 收益还贷
    RESERVE = "reserve"  # 准备金补足
    COMPANY = "company"  # 企业补足
    POOL = "pool"  # 基金垫付
    DEFERRED = "deferred"  # 宽限
    OVERDUE = "overdue"  # 逾期
    REFILL_POOL = "refill_pool"  # 归还垫付
    REFILL_COMPANY = "refill_company"  # 归还企业
    REFILL_RESERVE = "refill_reserve"  # 补充准备金
    EXTRA = "extra"  # 提前还本
    HOUSEHOLD = "household"  # 转农户
    HELD = "held"  # 留存

    @property
    def label(self) -> str:
        """What people call it."""
        return _LABELS[self]


_LABELS = dict(
    zip(
        Rung,
        (
            "收益还贷", "准备金补足", "企业补足", "基金垫付", "宽限", "逾期", "归还垫付", "归还企业", "补充准备金", "提前还本",
            "转农户", "留存",
        ),
        strict=True,
    )
)  # fmt: skip

HELPS = {Source.RESERVE: Rung.RESERVE, Source.COMPANY: Rung.COMPANY, Source.POOL: Rung.POOL}
REFILLS = {Source.RESERVE: Rung.REFILL_RESERVE, Source.COMPANY: Rung.REFILL_COMPANY, Source.POOL: Rung.REFILL_POOL}
TO_THE_BANK = (Rung.SHARE, Rung.RESERVE, Rung.COMPANY, Rung.POOL, Rung.EXTRA)
"""What reaches the loan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A station on a day, before the waterfall; all in fen.

    Attributes:
        share_fen: held of the loan's share, late subsidy left out.
        late_fen: come of late subsidy for the loan, where the agreement lets it refill at once.
        interest_fen, principal_fen: due on the day, arrears with it.
        ahead_fen: what the loan could take beyond its dues.
        reserve_fen, company_fen: held in the reserve, and of the company's money.
        room_fen: what the pool may advance at most.
        company_open_fen, pool_open_fen: what the company has made good, and the pool advanced, and is not yet back.
        falls_due: something falls due on this very day.
        deferrable_fen: principal due on this very day that may move to later instalments if it stays unpaid.
    """

    share_fen: int = 0
    late_fen: int = 0
    interest_fen: int = 0
    principal_fen: int = 0
    ahead_fen: int = 0
    reserve_fen: int = 0
    company_fen: int = 0
    room_fen: int = 0
    company_open_fen: int = 0
    pool_open_fen: int = 0
    falls_due: bool = False
    deferrable_fen: int = 0

    @property
    def cash_fen(self) -> int:
        """All that is at hand for the loan."""
        return self.share_fen + self.late_fen

    @property
    def due_fen(self) -> int:
        """All that is due."""
        return self.interest_fen + self.principal_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one rung got: of it interest and principal of the loan, and why no more."""

    rung: Rung
    fen: int
    interest_fen: int = 0
    principal_fen: int = 0
    why: str = ""


def pour(agreement: Agreement, at: Position) -> tuple[Step, ...]:
    """Return the rungs of one day, empty ones left out; the sum of what goes out is what came in.

    What is held is told as it stands after the day.
    """
    interest, principal = at.interest_fen, at.principal_fen
    steps: list[Step] = []
    for rung, has in _payers(agreement, at):
        paid = min(has, interest + principal)
        part = min(paid, interest)
        interest, principal = interest - part, principal - (paid - part)
        if paid or rung is not Rung.SHARE:
            why = f"可用 {yuan(has)}，尚欠 {yuan(interest + principal)}"
            steps.append(Step(rung=rung, fen=paid, interest_fen=part, principal_fen=paid - part, why=why))
    steps += _left_unpaid(at, interest, principal)
    spent = sum(step.fen for step in steps if step.rung is Rung.SHARE)
    settles = agreement.settles is Settles.ARRIVAL or at.falls_due or at.due_fen > 0
    steps += _surplus(agreement, at, at.cash_fen - spent, settles=settles)
    return tuple(step for step in steps if step.fen)


def _payers(agreement: Agreement, at: Position) -> Sequence[tuple[Rung, int]]:
    """Return who pays what is due, in order, and how much each has at most."""
    has = {Source.RESERVE: at.reserve_fen, Source.COMPANY: at.company_fen, Source.POOL: at.room_fen}
    return [(Rung.SHARE, at.cash_fen), *((HELPS[source], max(0, has[source])) for source in agreement.sources)]


def _left_unpaid(at: Position, interest: int, principal: int) -> Sequence[Step]:
    deferred = min(principal, at.deferrable_fen)
    overdue = principal - deferred
    return (
        Step(rung=Rung.DEFERRED, fen=deferred, principal_fen=deferred, why="已书面给予宽限，移至以后各期"),
        Step(rung=Rung.OVERDUE, fen=interest + overdue, interest_fen=interest, principal_fen=overdue, why="各来源均不足"),
    )


def _surplus(agreement: Agreement, at: Position, left: int, *, settles: bool) -> Sequence[Step]:
    """Let what is left refill the sources, the last one first; then, where the day settles, prepay, and go to the household."""
    steps = []
    wanted = {
        Source.RESERVE: max(0, agreement.reserve_fen - at.reserve_fen),
        Source.COMPANY: at.company_open_fen,
        Source.POOL: at.pool_open_fen,
    }
    free = left if settles else min(left, at.late_fen)
    kept = left - free
    others = [source for source in Source if source not in agreement.sources]  # of an earlier agreement
    for source in reversed([*agreement.sources, *others]):
        fen = min(free, wanted[source])
        free -= fen
        steps.append(Step(rung=REFILLS[source], fen=fen, why=f"应补 {yuan(wanted[source])}，尚缺 {yuan(wanted[source] - fen)}"))
    if not settles:
        return [*steps, Step(rung=Rung.HELD, fen=kept + free, why="留待下一还款日")]
    extra = min(free, at.ahead_fen) if agreement.surplus is not None else 0
    steps.append(Step(rung=Rung.EXTRA, fen=extra, why=f"贷款尚可提前归还 {yuan(at.ahead_fen)}"))
    return [*steps, Step(rung=Rung.HOUSEHOLD, fen=free - extra, why="贷款不再需要")]
