"""Allocation of a repayment (还款冲抵): the order of settlement is data, not a branch."""

from collections.abc import Mapping, Sequence

from loans.terms import Component


def allocate(payment_fen: int, owed: Mapping[Component, int], order: Sequence[Component]) -> tuple[dict[Component, int], int]:
    """Return what a payment settles of each component, and the part of it for which nothing is owed, in fen.

    Components are settled in `order`; within one, the oldest due first (`loans.debt`; domain.md 8, 民法典 561).
    """
    left, settled = payment_fen, dict.fromkeys(order, 0)
    for component in order:
        if left and (due := owed[component]):
            settled[component] = part = min(left, due)
            left -= part
    return settled, left
