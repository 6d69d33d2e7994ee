"""Allocation of a repayment (还款冲抵): the order of settlement is data, not a branch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from loans.terms import Component


@dataclass(frozen=True, slots=True)
class Due:
    """Something that is due: what, since when, how much is outstanding in fen, and whose key it is."""

    component: Component
    due_date: date
    outstanding_fen: int
    key: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a payment settles of one due."""

    due: Due
    paid_fen: int


def allocate(payment_fen: int, dues: Sequence[Due], order: Sequence[Component]) -> tuple[list[Allocation], int]:
    """Return the allocations, and the part of the payment for which nothing is due, in fen.

    Components are settled in `order`, and within a component the oldest due first (domain.md 8, 民法典 561).
    """
    left = payment_fen
    allocations = []
    for due in sorted(dues, key=lambda due: (order.index(due.component), due.due_date, due.key)):
        paid = min(left, due.outstanding_fen)
        if paid > 0:
            allocations.append(Allocation(due, paid))
            left -= paid
    return allocations, left
