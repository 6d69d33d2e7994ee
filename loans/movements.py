"""Movements: what an event or a night does to a loan's accounts, before any book is opened.

Replay yields movements; `loans.entries` turns each into postings. The ledger gets the movements that a change adds,
and in red those that it takes away, so a back-dated fact posts exactly its difference.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from loans.terms import StreamKind


class State(StrEnum):
    """Where a loan stands towards income: accruing, non-accrual (非应计), or written off (已核销)."""

    ACCRUING = "accruing"
    NON_ACCRUAL = "non_accrual"
    WRITTEN_OFF = "written_off"


class Unpaid(NamedTuple):
    """The borrower's charged and unpaid interest, in fen."""

    interest_fen: int = 0
    penalty_fen: int = 0
    compound_fen: int = 0

    @property
    def total_fen(self) -> int:
        """All of it."""
        return self.interest_fen + self.penalty_fen + self.compound_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Something that happens on a date; amounts are fen."""

    value_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanPaidOut(Movement):
    """Principal is disbursed."""

    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTakenOver(Movement):
    """A running loan enters with what it owes."""

    principal_fen: int
    unpaid: Unpaid


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestCharged(Movement):
    """Accrued interest becomes due: the whole, and government's part of it."""

    kind: StreamKind
    whole_fen: int
    gov_fen: int
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestCapitalised(Movement):
    """The borrower's charged and unpaid contract interest becomes principal (利息转本)."""

    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyTurnedDown(Movement):
    """Interest charged to government becomes the borrower's (不予贴息)."""

    fen: int
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class FellOverdue(Movement):
    """Principal was due and not paid."""

    fen: int
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Cured(Movement):
    """Overdue principal is no longer due, by extension."""

    fen: int
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedAccruing(Movement):
    """Day 91: the borrower's interest leaves income, principal becomes non-accrual."""

    normal_fen: int
    overdue_fen: int
    unpaid: Unpaid


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumedAccruing(Movement):
    """All arrears are paid: back to accrual."""

    normal_fen: int
    overdue_fen: int
    unpaid: Unpaid


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidIn(Movement):
    """A repayment as allocated; `overdue_fen` is principal that was overdue, `normal_fen` principal that was not."""

    cost_fen: int
    paid: Unpaid
    overdue_fen: int
    normal_fen: int
    excess_fen: int
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredAfterWriteOff(Movement):
    """Money collected on a loan already written off; the pool's part is due to the pool."""

    cost_fen: int
    pool_fen: int
    bank_fen: int
    excess_fen: int
    memo_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLaidOut(Movement):
    """The bank pays collection cost for the borrower."""

    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessRefunded(Movement):
    """An overpayment goes back."""

    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanWrittenOff(Movement):
    """The rest is given up: the pool's part, the bank's part, and the borrower's interest kept off the books."""

    principal_fen: int
    pool_fen: int
    unpaid: Unpaid
