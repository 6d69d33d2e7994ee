"""A bank statement (对账单): what the bank says happened on a special account in a period, and that it adds up.

Amounts are signed in fen from the holder's side: money in is positive. A bank's own 贷 is therefore our 借. The period is
half-open, and the statements of an account, one after the other, are again one statement.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ledger.banking.errors import StatementRefused
from ledger.calendar import DAY
from ledger.money import yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLine:
    """One movement as the bank booked it: fen in (positive) or out (negative); the bank's serial and the payer's reference."""

    day: date
    fen: int
    serial: str = ""
    reference: str = ""
    counterparty: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The movements of `[start, end)` between two balances in fen: opening + Σ lines = closing, always.

    Raises:
        StatementRefused: it does not add up, a line is of nothing or outside the period, or the period is empty.
    """

    start: date
    end: date
    opening_fen: int
    closing_fen: int
    lines: tuple[BankLine, ...] = ()

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise StatementRefused(f"起始日 {self.start} 晚于截止日 {self.end - DAY}")
        for line in self.lines:
            if not self.start <= line.day < self.end:
                raise StatementRefused(f"{line.day} 的 {yuan(line.fen)} 元不在 {self.start} 至 {self.end - DAY} 之内")
            if not line.fen:
                raise StatementRefused(f"{line.day} 有一笔金额为零")
        moved = total(self.lines)
        if self.opening_fen + moved != self.closing_fen:
            raise StatementRefused(
                f"期初余额 {yuan(self.opening_fen)} 加本期发生额 {yuan(moved)} 应为 {yuan(self.opening_fen + moved)}，"
                f"对账单的期末余额是 {yuan(self.closing_fen)}，相差 {yuan(self.closing_fen - self.opening_fen - moved)} 元"
            )


def total(lines: Iterable[BankLine]) -> int:
    """Return the sum of lines in fen."""
    return sum(line.fen for line in lines)


def continuation(known: Statement, new: Statement) -> Statement | None:
    """Return the part of a statement that lies after what is known, or None if all of it is known already.

    Args:
        known: what is held of the account, from `new.start` on if it reaches back that far.
        new: the statement that arrives.

    Raises:
        StatementRefused: it begins before the first statement held, leaves days out, opens with another balance than the
            last one closed with, or says something else about days that both cover.
    """
    if new.start < known.start:
        raise StatementRefused(
            f"起始日 {new.start} 早于已导入的首份对账单（{known.start} 起），请撤销已导入的对账单，按时间先后重新导入"
        )
    if new.start > known.end:
        raise StatementRefused(f"缺少 {known.end} 至 {new.start - DAY} 的对账单，请先导入")
    both = min(known.end, new.end)
    held = Counter(line for line in known.lines if new.start <= line.day < both)
    given = Counter(line for line in new.lines if line.day < both)
    for more, says in ((given - held, "多出"), (held - given, "缺少")):
        if more:
            line = min(more, key=lambda one: one.day)
            raise StatementRefused(f"与已导入的对账单重叠，但内容不同：{says} {line.day} 的 {yuan(line.fen)} 元一笔")
    before = known.opening_fen + total(line for line in known.lines if line.day < new.start)
    if new.opening_fen != before:
        raise StatementRefused(f"期初余额 {yuan(new.opening_fen)} 与上一份对账单 {new.start - DAY} 的余额 {yuan(before)} 不符")
    if new.end <= known.end:
        return None
    return Statement(
        start=known.end, end=new.end, opening_fen=known.closing_fen, closing_fen=new.closing_fen,
        lines=tuple(line for line in new.lines if line.day >= known.end),
    )  # fmt: skip
