"""A compensation pool (风险补偿金池): one per county and bank, government's share of losses and how far it may stretch.

It is never a guarantee: the liability ends with the pool's balance (domain.md 1.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from guarantees.terms import PoolTerms, RecoveryOrder, Share
from ledger.books import Book
from ledger.money import round_half_up, split_in_two


class Part(NamedTuple):
    """What one party bears of a claim's basis, in fen; `government` tells whether the pool pays it."""

    name: str
    government: bool
    fen: int


BANK = "银行"
"""What the bank's own part is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool with the terms that were in force on the day asked for, or for a claim on its filing day."""

    book: Book
    bank: str
    terms: PoolTerms

    @property
    def share_ppb(self) -> int:
        """Government's whole share of a loss, in parts per billion."""
        return self.terms.government_ppb

    @property
    def claim_after_days(self) -> int:
        """Days past due that a claim's loan must exceed."""
        return self.terms.claim_after_days

    @property
    def share(self) -> Fraction:
        """Government's share of a loss."""
        return self.terms.government

    def covers_fen(self, principal_fen: int) -> int:
        """Return the pool's liability for a loan's principal."""
        return round_half_up(principal_fen * self.share)

    def payout_fen(self, basis_fen: int) -> int:
        """Return what the pool pays of a claim's basis; the others bear the difference (E6)."""
        return split_in_two(basis_fen, self.share)[0]

    def parts(self, basis_fen: int) -> tuple[Part, ...]:
        """Return what each party bears of a basis, government's tiers first and the bank last; the parts sum to it.

        Government's tiers divide the payout; other guarantors' parts are rounded, and the last party takes what is left.
        """
        tiers = [one for one in self.terms.shares if one.government]
        others = [one for one in self.terms.shares if not one.government]
        payout = self.payout_fen(basis_fen)
        made = [Part(one.name, True, fen) for one, fen in _divided(payout, tiers)]
        left = basis_fen - payout
        whole = self.terms.bank_ppb == 0
        for place, one in enumerate(others, 1):
            fen = left if whole and place == len(others) else min(left, round_half_up(basis_fen * one.part))
            made.append(Part(one.name, False, fen))
            left -= fen
        return (*made, Part(BANK, False, left))

    def recovered_fen(self, net_fen: int, basis_fen: int) -> int:
        """Return the pool's part of all that was collected after its payout, net of cost, in the agreed order."""
        payout = self.payout_fen(basis_fen)
        if self.terms.recovery_order is RecoveryOrder.FUND_FIRST:
            return min(payout, net_fen)
        if self.terms.recovery_order is RecoveryOrder.BANK_FIRST:
            return min(payout, max(0, net_fen - (basis_fen - payout)))
        return min(payout, self.payout_fen(net_fen))

    def cap_fen(self, available_fen: int) -> int:
        """Return the outstanding principal that the pool's available cash may carry."""
        return self.terms.leverage * max(0, available_fen)


def _divided(payout_fen: int, tiers: Sequence[Share]) -> list[tuple[Share, int]]:
    """Divide a payout among government's tiers: the first parts are rounded, the rest goes to the last."""
    whole = sum(one.ppb for one in tiers)
    made: list[tuple[Share, int]] = []
    left = payout_fen
    for place, one in enumerate(tiers, 1):
        fen = left if place == len(tiers) else min(left, round_half_up(Fraction(payout_fen * one.ppb, whole)))
        made.append((one, fen))
        left -= fen
    return made


COVERED_PRODUCTS = ("XEXD", "GFNH")
"""Loans that the pools cover: the small loans to households."""
