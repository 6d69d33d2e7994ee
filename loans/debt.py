"""A loan's debt while it is replayed: instalments, charges and cost, what of them is due, and what a payment settles.

Amounts are fen. Something due is *aged* once a close has passed over its due date: only then is it overdue. Instalments are
in order of their due dates; `_front` is the first that is not settled.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from loans.allocation import Due
from loans.instalments import DueInstalment, Instalment
from loans.life import Charge
from loans.movements import Unpaid
from loans.terms import Component, StreamKind

COMPONENT_OF = {
    StreamKind.CONTRACT: Component.INTEREST,
    StreamKind.PENALTY: Component.PENALTY,
    StreamKind.COMPOUND: Component.COMPOUND,
}


class Debt:
    """What one loan owes."""

    def __init__(self) -> None:
        """Begin owing nothing."""
        self.instalments: list[DueInstalment] = []
        self.charges: list[Charge] = []
        self.cost_fen = 0
        self.aged = date.min  # the last day whose close has passed over the debt
        self._front = 0
        self._unpaid: list[int] = []  # keys of charges that are not paid
        self._undue = self._overdue = 0

    # --- what is owed --------------------------------------------------------------------------------------------

    def principal_fen(self) -> int:
        """Return all principal that is not paid."""
        return self._undue + self._overdue

    def overdue_fen(self) -> int:
        """Return principal that is overdue."""
        return self._overdue

    def oldest_due(self) -> date | None:
        """Return the oldest due date that has aged unpaid."""
        dates = [c.due for c in self._open_charges() if c.due <= self.aged]
        if self._overdue:
            dates.append(next(line.instalment.due for line in self.instalments[self._front :] if line.overdue and line.left))
        return min(dates, default=None)

    def in_arrears(self, day: date) -> bool:
        """Tell whether anything that was due by a day is unpaid."""
        return bool(self._overdue) or any(charge.due <= day for charge in self._open_charges())

    def unpaid(self) -> Unpaid:
        """Return the borrower's charged and unpaid interest."""
        return unpaid_of(self._open_charges())

    def aged_interest_fen(self, *, with_penalty: bool) -> int:
        """Return the unpaid interest on which compound interest runs."""
        return sum(
            charge.unpaid_fen
            for charge in self._open_charges()
            if charge.due <= self.aged and (with_penalty or charge.kind is not StreamKind.PENALTY)
        )

    def falling_due_on(self, day: date) -> list[Instalment]:
        """Return the instalments of a day with which interest is charged: still owed, or on dates of the contract's own."""
        return [
            line.instalment
            for line in self.instalments
            if line.instalment.due == day and (line.instalment.charges or (line.left and not line.overdue))
        ]

    def after(self, day: date) -> list[DueInstalment]:
        """Return the instalments that fall due after a day."""
        return [line for line in self.instalments if line.instalment.due > day]

    def _open_charges(self) -> list[Charge]:
        return [self.charges[key] for key in self._unpaid]

    # --- what changes it -----------------------------------------------------------------------------------------

    def lay_out(self, instalments: Sequence[DueInstalment]) -> None:
        """Take a new plan, in order of due dates; the old one is forgotten."""
        self.instalments = list(instalments)
        self._count()

    def charge(self, charge: Charge) -> None:
        """Take a charge."""
        if charge.unpaid_fen:
            self._unpaid.append(len(self.charges))
        self.charges.append(charge)

    def age(self, day: date) -> int:
        """Let the close of a day pass: return the principal that becomes overdue with it."""
        self.aged = day
        fallen = 0
        for index in range(self._front, len(self.instalments)):
            line = self.instalments[index]
            if line.instalment.due > day:
                break
            if not line.overdue and line.left > 0:
                self.instalments[index] = replace(line, overdue=True)
                fallen += line.left
        self._undue -= fallen
        self._overdue += fallen
        return fallen

    def capitalising(self, day: date) -> list[int]:
        """Return the indexes of instalments up to a day by which unpaid interest becomes principal, and has not yet."""
        found = []
        for index in range(self._front, len(self.instalments)):
            line = self.instalments[index]
            if line.instalment.due > day:
                break
            if line.left < 0:
                found.append(index)
        return found

    def capitalise(self, index: int, fen: int) -> int:
        """Let an instalment turn up to an amount of unpaid contract interest into principal; return how much it was."""
        turned = 0
        for key in list(self._unpaid):
            if self.charges[key].kind is StreamKind.CONTRACT:
                turned += self._pay_charge(key, min(fen - turned, self.charges[key].unpaid_fen))
        line = self.instalments[index]
        self.instalments[index] = replace(line, instalment=replace(line.instalment, fen=-turned), paid_fen=-turned)
        self._count()
        return turned

    def dues(self, day: date) -> list[Due]:
        """Return all that a payment of a day can settle: cost, every unpaid charge, principal due by that day."""
        dues = [Due(Component.COST, day, self.cost_fen)] if self.cost_fen else []
        for key in self._unpaid:
            charge = self.charges[key]
            dues.append(Due(COMPONENT_OF[charge.kind], charge.due, charge.unpaid_fen, key))
        for key in range(self._front, len(self.instalments)):
            line = self.instalments[key]
            if line.instalment.due > day and not line.overdue:
                break
            if line.left > 0:
                dues.append(Due(Component.PRINCIPAL, line.instalment.due, line.left, key))
        return dues

    def settle(self, due: Due, paid_fen: int) -> int:
        """Mark a due as paid, and return how much of it was overdue principal."""
        if due.component is Component.COST:
            self.cost_fen -= paid_fen
        elif due.component is Component.PRINCIPAL:
            return paid_fen if self._pay_principal(due.key, paid_fen) else 0
        else:
            self._pay_charge(due.key, paid_fen)
        return 0

    def prepay(self, fen: int, *, from_next: bool) -> int:
        """Pay principal that is not due, the next instalments first or the last ones (a shorter term); return what was paid."""
        if fen >= self.principal_fen():
            return self._prepay_all()
        paid = 0
        indexes = range(self._front, len(self.instalments))
        for index in indexes if from_next else reversed(indexes):
            part = min(fen - paid, max(0, self.instalments[index].left))
            if part:
                self._pay_principal(index, part)
                paid += part
            if paid == fen:
                break
        return paid

    def give_up(self) -> None:
        """Write everything off: nothing is owed any more in the accounts."""
        self._prepay_all()
        for key in list(self._unpaid):
            self._pay_charge(key, self.charges[key].unpaid_fen)

    def _prepay_all(self) -> int:
        paid = self.principal_fen()
        self.lay_out([replace(line, paid_fen=line.instalment.fen) for line in self.instalments])
        return paid

    def _pay_principal(self, index: int, fen: int) -> bool:
        """Pay part of an instalment; tell whether it was overdue."""
        line = self.instalments[index]
        self.instalments[index] = replace(line, paid_fen=line.paid_fen + fen)
        if line.overdue:
            self._overdue -= fen
        else:
            self._undue -= fen
        while self._front < len(self.instalments) and not self.instalments[self._front].left:
            self._front += 1
        return line.overdue

    def _pay_charge(self, key: int, fen: int) -> int:
        charge = self.charges[key]
        if fen:
            self.charges[key] = replace(charge, paid_fen=charge.paid_fen + fen)
            if fen == charge.unpaid_fen:
                self._unpaid.remove(key)
        return fen

    def _count(self) -> None:
        self._front = next((i for i, line in enumerate(self.instalments) if line.left), len(self.instalments))
        self._overdue = sum(line.left for line in self.instalments if line.overdue)
        self._undue = sum(line.left for line in self.instalments if not line.overdue)


def unpaid_of(charges: Sequence[Charge]) -> Unpaid:
    """Return the borrower's unpaid part of charges by kind."""
    totals = dict.fromkeys(StreamKind, 0)
    for charge in charges:
        totals[charge.kind] += charge.unpaid_fen
    return Unpaid(
        interest_fen=totals[StreamKind.CONTRACT],
        penalty_fen=totals[StreamKind.PENALTY],
        compound_fen=totals[StreamKind.COMPOUND],
    )
