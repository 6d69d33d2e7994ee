"""A loan's debt while it is replayed: instalments, charges and cost, what of them is due, and what a payment settles.

Amounts are fen. Something due is *aged* once a close has passed over its due date: only then is it overdue.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from loans.allocation import Due
from loans.life import Charge, DueInstalment
from loans.movements import Unpaid
from loans.terms import Component, Instalment, StreamKind

COMPONENT_OF = {
    StreamKind.CONTRACT: Component.INTEREST,
    StreamKind.PENALTY: Component.PENALTY,
    StreamKind.COMPOUND: Component.COMPOUND,
}


class Debt:
    """What one loan owes."""

    def __init__(self, roll: Callable[[date], date]) -> None:
        """Begin owing nothing."""
        self.roll = roll
        self.instalments: list[DueInstalment] = []
        self.charges: list[Charge] = []
        self.cost_fen = 0
        self.aged = date.min  # the last day whose close has passed over the debt

    def due_date(self, instalment: Instalment) -> date:
        """Return the day on which an instalment falls due."""
        return self.roll(instalment.nominal) if instalment.rolls else instalment.nominal

    def principal_fen(self) -> int:
        """Return all principal that is not paid."""
        return sum(left(line) for line in self.instalments)

    def overdue_fen(self) -> int:
        """Return principal that is overdue."""
        return sum(left(line) for line in self.instalments if line.overdue)

    def oldest_due(self) -> date | None:
        """Return the oldest due date that has aged unpaid."""
        dates = [self.due_date(line.instalment) for line in self.instalments if line.overdue and left(line)]
        dates += [charge.due for charge in self.charges if charge.unpaid_fen and charge.due <= self.aged]
        return min(dates, default=None)

    def in_arrears(self, day: date) -> bool:
        """Tell whether anything that was due by a day is unpaid."""
        return bool(self.overdue_fen()) or any(charge.unpaid_fen and charge.due <= day for charge in self.charges)

    def unpaid(self) -> Unpaid:
        """Return the borrower's charged and unpaid interest."""
        return unpaid_of(self.charges)

    def aged_interest_fen(self, *, with_penalty: bool) -> int:
        """Return the unpaid interest on which compound interest runs."""
        return sum(
            charge.unpaid_fen
            for charge in self.charges
            if charge.due <= self.aged and (with_penalty or charge.kind is not StreamKind.PENALTY)
        )

    def falls_due_on(self, day: date) -> bool:
        """Tell whether an instalment that is still owed falls due on a day."""
        return any(left(line) and not line.overdue and self.due_date(line.instalment) == day for line in self.instalments)

    def age(self, day: date) -> int:
        """Let the close of a day pass: return the principal that becomes overdue with it."""
        self.aged = day
        fallen = 0
        for index, line in enumerate(self.instalments):
            if not line.overdue and left(line) and self.due_date(line.instalment) <= day:
                self.instalments[index] = replace(line, overdue=True)
                fallen += left(line)
        return fallen

    def dues(self, day: date) -> list[Due]:
        """Return all that a payment of a day can settle: cost, every unpaid charge, principal due by that day."""
        dues = [Due(Component.COST, day, self.cost_fen)] if self.cost_fen else []
        dues += [Due(COMPONENT_OF[c.kind], c.due, c.unpaid_fen, key) for key, c in enumerate(self.charges) if c.unpaid_fen]
        dues += [
            Due(Component.PRINCIPAL, self.due_date(line.instalment), left(line), key)
            for key, line in enumerate(self.instalments)
            if left(line) and (line.overdue or self.due_date(line.instalment) <= day)
        ]
        return dues

    def settle(self, due: Due, paid_fen: int) -> int:
        """Mark a due as paid, and return how much of it was overdue principal."""
        if due.component is Component.COST:
            self.cost_fen -= paid_fen
        elif due.component is Component.PRINCIPAL:
            line = self.instalments[due.key]
            self.instalments[due.key] = replace(line, paid_fen=line.paid_fen + paid_fen)
            return paid_fen if line.overdue else 0
        else:
            charge = self.charges[due.key]
            self.charges[due.key] = replace(charge, paid_fen=charge.paid_fen + paid_fen)
        return 0

    def prepay(self, fen: int, *, from_next: bool) -> int:
        """Pay principal that is not due, the next instalments first or the last ones (a shorter term); return what was paid."""
        paid = 0
        order = range(len(self.instalments))
        for index in order if from_next else reversed(order):
            line = self.instalments[index]
            part = min(fen - paid, left(line))
            if part:
                self.instalments[index] = replace(line, paid_fen=line.paid_fen + part)
                paid += part
        return paid

    def give_up(self) -> None:
        """Write everything off: nothing is owed any more in the accounts."""
        self.instalments = [replace(i, paid_fen=i.instalment.fen, overdue=False) for i in self.instalments]
        self.charges = [replace(c, paid_fen=c.whole_fen - c.gov_fen) for c in self.charges]


def left(line: DueInstalment) -> int:
    """Return what is not paid of an instalment."""
    return line.instalment.fen - line.paid_fen


def unpaid_of(charges: list[Charge] | tuple[Charge, ...]) -> Unpaid:
    """Return the borrower's unpaid part of charges by kind."""
    totals = dict.fromkeys(StreamKind, 0)
    for charge in charges:
        totals[charge.kind] += charge.unpaid_fen
    return Unpaid(
        interest_fen=totals[StreamKind.CONTRACT],
        penalty_fen=totals[StreamKind.PENALTY],
        compound_fen=totals[StreamKind.COMPOUND],
    )
