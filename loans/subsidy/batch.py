"""A subsidy batch (贴息批次): the lines of one bank, period and way of paying, and what its steps have made of it.

A line is what government owes a loan up to the period's end less what earlier lines claimed: a line that was rejected comes
again with the next batch (结转), and what was claimed too much comes as a negative line (追回). Amounts are fen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from ledger.books import Book
from loans.subsidy.periods import Period
from loans.subsidy.schemes import Mode

Tiers: TypeAlias = tuple[tuple[str, int], ...]
"""Who bears a subsidy, and with what weight (分级负担)."""


class Stage(StrEnum):
    """How far a batch has come, as staff call it."""

    PREPARED = "编制"
    APPROVED = "批准"
    PAID = "拨付"
    CANCELLED = "作废"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a batch asks for one loan: `fen` of subsidy; of the period, all contract interest, days, and days overdue left out.

    `flags` are notes and objections as papers print them (逾期剔除, 提前还款, 上期结转 …); `tiers` weigh who bears it by the
    scheme of its own contract (none: the county alone).
    """

    loan: tuple[int, int]
    product: str
    fen: int
    whole_fen: int
    principal_fen: int
    days: int
    late_days: int
    flags: tuple[str, ...] = ()
    tiers: Tiers = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a line is not paid: carried to the next batch, or for good (终局), when the interest becomes the borrower's."""

    reason: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch with its lines and what became of it."""

    book: Book
    loan_book: Book
    number: str
    mode: Mode
    period: Period
    lines: tuple[Line, ...]
    stage: Stage
    prepared_by: str
    rejected: Mapping[int, Rejection]
    approved_by: str | None = None
    approved_on: date | None = None
    drawn_fen: int = 0  # of money paid in advance, at approval
    returned: frozenset[int] = frozenset()  # loans whose payment came back and was not repeated
    refunded_fen: int = 0  # of what is reclaimed

    @property
    def to_bank(self) -> bool:
        """Whether the bank gets the money, and not the households."""
        return self.mode is not Mode.HOUSEHOLD_FIRST

    @property
    def accepted(self) -> tuple[Line, ...]:
        """The lines that are not rejected."""
        return tuple(line for line in self.lines if line.loan[1] not in self.rejected)

    @property
    def payable(self) -> tuple[Line, ...]:
        """The accepted lines that ask for money."""
        return tuple(line for line in self.accepted if line.fen > 0)

    @property
    def payable_fen(self) -> int:
        """What is to be paid."""
        return sum(line.fen for line in self.payable)

    @property
    def reclaimed(self) -> tuple[Line, ...]:
        """The accepted lines that ask for money back."""
        return tuple(line for line in self.accepted if line.fen < 0)

    @property
    def reclaimed_fen(self) -> int:
        """What is to come back (追回)."""
        return -sum(line.fen for line in self.reclaimed)

    @property
    def cash(self) -> tuple[tuple[Line, int], ...]:
        """The lines that are paid in money, each with its fen: what money paid in advance covers is taken from the first ones."""
        found, left = [], self.drawn_fen
        for line in self.payable:
            covered = min(left, line.fen)
            left -= covered
            if line.fen > covered:
                found.append((line, line.fen - covered))
        return tuple(found)

    @property
    def cash_fen(self) -> int:
        """What is paid in money."""
        return self.payable_fen - self.drawn_fen


def by_product(lines: Sequence[tuple[Line, int]]) -> dict[str, int]:
    """Return fen by product, in order of products."""
    found: dict[str, int] = {}
    for line, fen in sorted(lines, key=lambda part: part[0].product):
        found[line.product] = found.get(line.product, 0) + fen
    return found


def by_tier(lines: Sequence[tuple[Line, int]]) -> dict[str | None, int]:
    """Return fen by who bears it (none: the county alone). What lines of the same weights ask is added up and shared out once, so
    that no tier is a fen off its share of it.
    """
    together: dict[Tiers, int] = {}
    for line, fen in lines:
        together[line.tiers] = together.get(line.tiers, 0) + fen
    found: dict[str | None, int] = {}
    for tiers, fen in sorted(together.items()):
        for name, part in shared_out(fen, tiers) if tiers else ((None, fen),):
            found[name] = found.get(name, 0) + part
    return found


def shared_out(fen: int, tiers: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Split a sum over the tiers that bear it (省、市、县) by largest remainder; a tie goes to the tier named first (E4)."""
    whole = sum(weight for _, weight in tiers)
    parts = [fen * weight // whole for _, weight in tiers]
    left = fen - sum(parts)
    order = sorted(range(len(tiers)), key=lambda index: (-(fen * tiers[index][1] % whole), index))
    for index in order[:left]:
        parts[index] += 1
    return tuple((name, part) for (name, _), part in zip(tiers, parts, strict=True))
