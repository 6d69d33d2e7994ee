"""Apportionment (数笔债务的清偿抵充): one payment of a household that owes several loans, by 民法典 560.

The debtor says which loan is paid, due or not. Of what he does not name: what is due before what is not; of those the least
secured; of equally secured ones the heaviest, that is the highest rate; of equally heavy ones the first due. What is due of
all of them comes first, then what is not; only what none of them is owed is an excess, and the first of them holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from loans.contract import Contract
from loans.errors import EventRefused
from loans.events import LoanEvent, Repaid
from loans.explanation import run_up
from loans.life import Horizon
from loans.replay import replay
from loans.terms import StreamKind, charge_fen

_MORE_THAN_OWED = 10**18
"""What no loan owes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What one loan is owed on a day: fen due, all of it, and what orders it among others."""

    contract: str
    due_fen: int
    whole_fen: int
    first_due: date | None  # of anything unpaid, be it past or to come
    secured: bool
    rate_ppb: int
    drawn_on: date


def owed(contract: Contract, events: Sequence[LoanEvent], day: date, at: Horizon, *, secured: bool) -> Owed:
    """Return what a loan is owed on a day: due with penalty and compound interest up to the day; the whole is what can be paid
    on it before an excess is left, interest that has run up included.

    Raises:
        EventRefused: nothing can be paid on it on that day.
    """
    life = replay(contract.terms, events, at)
    tried = replay(contract.terms, [*events, Repaid(reference="", value_date=day, fen=_MORE_THAN_OWED)], at)
    if tried.refusals:
        raise EventRefused(contract.contract, tried.refusals[0])
    whole_fen = _MORE_THAN_OWED - (tried.standing.excess_fen - life.standing.excess_fen)
    unpaid = [(line.instalment.due, line.left) for line in life.instalments if line.left > 0]
    unpaid += [(charge.due, charge.unpaid_fen) for charge in life.charges if charge.unpaid_fen]
    running = sum(
        charge_fen(sum(part.units for part in story.parts), story.day_count.year)
        for story in run_up(life, day)
        if story.kind is not StreamKind.CONTRACT
    )
    due_fen = life.standing.cost_fen + life.standing.given_up_fen + running + sum(fen for due, fen in unpaid if due <= day)
    return Owed(
        contract=contract.contract,
        due_fen=min(due_fen, whole_fen),
        whole_fen=whole_fen,
        first_due=min((due for due, _ in unpaid), default=None),
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
    by_name = {debt.contract: debt for debt in debts}
    if not debts or not by_name.keys() >= set(named):
        raise ValueError(named)
    free = sorted((debt for debt in debts if debt.contract not in named), key=_statute)
    due = [debt for debt in free if debt.due_fen]
    claims = [
        *((name, by_name[name].whole_fen) for name in dict.fromkeys(named)),
        *((debt.contract, debt.due_fen) for debt in due),
        *((debt.contract, debt.whole_fen - debt.due_fen) for debt in free),
    ]
    parts: dict[str, int] = {}
    for contract, claimed_fen in claims:
        part = min(payment_fen, claimed_fen)
        parts[contract] = parts.get(contract, 0) + part
        payment_fen -= part
    parts[claims[0][0]] += payment_fen
    return [(contract, fen) for contract, fen in parts.items() if fen]


def _statute(debt: Owed) -> tuple[bool, int, date, date, str]:
    return debt.secured, -debt.rate_ppb, debt.first_due or date.max, debt.drawn_on, debt.contract
