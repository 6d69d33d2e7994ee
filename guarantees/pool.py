"""A compensation pool (风险补偿金池): one per county and bank, government's share of losses and how far it may stretch.

It is never a guarantee: the liability ends with the pool's balance (domain.md 1.4).
"""

from dataclasses import dataclass
from fractions import Fraction

from ledger.books import Book
from ledger.money import PPB, round_half_up, split_in_two


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool's terms: government's share in ppb, the leverage on available cash, days past due before a claim."""

    book: Book
    bank: str
    share_ppb: int
    leverage: int
    claim_after_days: int

    @property
    def share(self) -> Fraction:
        """Government's share of a loss."""
        return Fraction(self.share_ppb, PPB)

    def covers_fen(self, principal_fen: int) -> int:
        """Return the pool's liability for a loan's principal."""
        return round_half_up(principal_fen * self.share)

    def payout_fen(self, basis_fen: int) -> int:
        """Return what the pool pays of a claim's basis; the bank bears the difference (E6)."""
        return split_in_two(basis_fen, self.share)[0]

    def cap_fen(self, available_fen: int) -> int:
        """Return the outstanding principal that the pool's available cash may carry."""
        return self.leverage * max(0, available_fen)


COVERED_PRODUCTS = ("XEXD", "GFNH")
"""Loans that the pools cover: the small loans to households."""
