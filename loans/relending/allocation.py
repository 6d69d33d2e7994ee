"""Allocation (资金对应): which loans a draw funds, and with how much, never more than draw or loan has (domain.md 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

Pair = tuple[str, int]
"""(a draw's number, a loan's id), both of one book."""


@dataclass(frozen=True, slots=True)
class Need:
    """What of a draw is to be found in loans, in fen."""

    number: str
    fen: int


@dataclass(frozen=True, slots=True)
class Fundable:
    """A loan that draws may fund: up to how many fen, nothing if it may not be funded; its rate, and if a household borrows."""

    loan_id: int
    fen: int
    rate_ppb: int
    of_household: bool = True
    look_on: date | None = None  # the day on which its rate changes by contract

    @property
    def order(self) -> tuple[bool, int]:
        """Households come first, as relending is for them (domain.md 2: use), then the older loan."""
        return not self.of_household, self.loan_id


def allocate(draws: Sequence[Need], loans: Sequence[Fundable], current: Mapping[Pair, int]) -> dict[Pair, int]:
    """Return fen by draw and loan: what is allocated stays while both still have it, then the rest is filled up greedily.

    Draws come in their order, loans in theirs; no sum over a draw or a loan is more than its fen. What is allocated changes as
    little as can be, so a repayment moves the money of that loan and of no other.

    Args:
        draws: what each draw needs, the one first served first.
        loans: what each loan can take; a loan that is not named takes nothing.
        current: what is allocated so far.
    """
    ordered = sorted(loans, key=lambda loan: loan.order)
    need, room = {draw.number: draw.fen for draw in draws}, {loan.loan_id: loan.fen for loan in ordered}
    found: dict[Pair, int] = {}

    def give(number: str, loan_id: int, most: int) -> None:
        fen = min(most, need[number], room[loan_id])
        if fen > 0:
            found[(number, loan_id)] = found.get((number, loan_id), 0) + fen
            need[number] -= fen
            room[loan_id] -= fen

    draw_rank = {number: rank for rank, number in enumerate(need)}
    loan_rank = {loan_id: rank for rank, loan_id in enumerate(room)}
    known = [pair for pair in current if pair[0] in draw_rank and pair[1] in loan_rank]
    for number, loan_id in sorted(known, key=lambda pair: (draw_rank[pair[0]], loan_rank[pair[1]])):
        give(number, loan_id, current[(number, loan_id)])
    waiting = [loan.loan_id for loan in reversed(ordered)]
    for draw in draws:
        while need[draw.number] and waiting:
            give(draw.number, waiting[-1], need[draw.number])
            if not room[waiting[-1]]:
                waiting.pop()
    return found
