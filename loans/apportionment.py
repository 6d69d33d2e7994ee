"""Apportionment (数笔债务的清偿抵充): one payment of a household that owes several loans, by 民法典 560.

The debtor says which loan is paid, due or not. Of what he does not name: what is due before what is not; of those the least
secured; of equally secured ones the heaviest, that is the highest rate; of equally heavy ones the oldest due. Each takes what
is due of it; what is left when nothing is due any more prepays the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from loans.explanation import run_up
from loans.life import Life
from loans.terms import StreamKind, charge_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What one loan is owed on a day: fen due, all of it, and what orders it among others."""

    contract: str
    due_fen: int
    whole_fen: int
    oldest_due: date | None
    secured: bool
    rate_ppb: int
    drawn_on: date


def owed(contract: str, life: Life, day: date, *, secured: bool) -> Owed:
    """Return what a loan is owed on a day, penalty and compound interest up to the day included."""
    principal = [(line.instalment.due, line.left) for line in life.instalments if line.instalment.due <= day and line.left > 0]
    interest = [(charge.due, charge.unpaid_fen) for charge in life.charges if charge.unpaid_fen]
    running = sum(
        charge_fen(sum(part.units for part in story.parts), story.day_count.year)
        for story in run_up(life, day)
        if story.kind is not StreamKind.CONTRACT
    )
    dues = [*principal, *interest]
    due_fen = life.standing.cost_fen + sum(fen for _, fen in dues) + running
    return Owed(
        contract=contract,
        due_fen=due_fen,
        whole_fen=due_fen + life.standing.principal_fen - sum(fen for _, fen in principal),
        oldest_due=min((due for due, _ in dues), default=None),
        secured=secured,
        rate_ppb=int(life.terms.rate_on(day).rate_ppb),
        drawn_on=life.terms.drawn_on,
    )


def apportion(payment_fen: int, debts: Sequence[Owed], named: Sequence[str] = ()) -> list[tuple[str, int]]:
    """Return (contract, fen) of a payment over loans, in the order of settlement, nothing left out.

    Args:
        payment_fen: what is paid.
        debts: what each loan is owed.
        named: contracts that the debtor names, in his order; they come first, with all that is owed.

    Raises:
        ValueError: no loan, or a named one that is not among them.
    """
    order = {contract: index for index, contract in enumerate(named)}
    if not debts or set(order) - {debt.contract for debt in debts}:
        raise ValueError(named)
    ranked = sorted(debts, key=lambda debt: (order.get(debt.contract, len(order)), *_statute(debt)))
    parts = dict.fromkeys((debt.contract for debt in ranked), 0)
    for debt in ranked:
        parts[debt.contract] = min(payment_fen, debt.whole_fen if debt.contract in order else debt.due_fen)
        payment_fen -= parts[debt.contract]
    parts[ranked[0].contract] += payment_fen
    return [(contract, fen) for contract, fen in parts.items() if fen]


def _statute(debt: Owed) -> tuple[bool, bool, int, date, date, str]:
    return not debt.due_fen, debt.secured, -debt.rate_ppb, debt.oldest_due or date.max, debt.drawn_on, debt.contract
