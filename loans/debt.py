"""A loan's debt while it is replayed: instalments, charges and cost, what of them is due, and what a payment settles.

Amounts are fen. Something due is *aged* once a close has passed over its due date: only then is it overdue. Charges of a kind
and instalments are in order of their due dates and are settled in it, so a pointer says how far; a loan of thousands of events
costs no more per event than one of ten.
"""

from collections.abc import Sequence
from datetime import date

from loans.instalments import DueInstalment, Instalment
from loans.life import Charge
from loans.movements import State, Unpaid
from loans.terms import Component, StreamKind

COST, PENALTY, COMPOUND, INTEREST, PRINCIPAL = Component
"""Looked up once: a member read from its class costs as much as the arithmetic around it."""


class _Charges:
    """The charges of one kind, oldest first, and how far they are paid and aged."""

    def __init__(self) -> None:
        self.made: list[Charge] = []
        self.paid: list[int] = []
        self.first = 0  # of those not paid
        self.unpaid_fen = 0
        self.aged = 0  # how many have aged
        self.aged_fen = 0  # what is unpaid of those

    def add(self, charge: Charge) -> None:
        self.made.append(charge)
        self.paid.append(charge.paid_fen)
        self.unpaid_fen += charge.unpaid_fen
        self._settle()

    def age(self, day: date) -> bool:
        """Let the close of a day pass; tell whether anything unpaid has aged with it."""
        before = self.aged_fen
        while self.aged < len(self.made) and self.made[self.aged].due <= day:
            self.aged_fen += self._left(self.aged)
            self.aged += 1
        return self.aged_fen != before

    def pay(self, fen: int) -> None:
        """Pay so much, which is not more than what is unpaid, the oldest first."""
        self.unpaid_fen -= fen
        while fen:
            left = self._left(self.first)
            part = min(left, fen)
            self.paid[self.first] += part
            if self.first < self.aged:
                self.aged_fen -= part
            fen -= part
            self._settle()

    def oldest(self) -> date | None:
        return self.made[self.first].due if self.first < len(self.made) else None

    def settled(self) -> list[Charge]:
        return [Charge(*made[:8], paid, made.state) if paid else made for made, paid in zip(self.made, self.paid, strict=True)]

    def _left(self, index: int) -> int:
        made = self.made[index]
        return made.whole_fen - made.gov_fen - self.paid[index]

    def _settle(self) -> None:
        while self.first < len(self.made) and not self._left(self.first):
            self.first += 1


class Debt:
    """What one loan owes."""

    def __init__(self) -> None:
        """Begin owing nothing."""
        self.cost_fen = 0
        self.aged = date.min  # the last day whose close has passed over the debt
        self._contract, self._penalty, self._compound = _Charges(), _Charges(), _Charges()
        self._kinds = self._contract, self._penalty, self._compound
        self._charges = dict(zip(StreamKind, self._kinds, strict=True))
        self._settled_by = {INTEREST: self._contract, PENALTY: self._penalty, COMPOUND: self._compound}
        self._order: list[tuple[StreamKind, int]] = []  # in which charges were made
        self._plan: list[Instalment] = []
        self._paid: list[int] = []
        self._late: list[bool] = []
        self._front = 0  # the first instalment that is not settled
        self._undue = self._overdue = 0
        self._falling: dict[date, list[Instalment]] = {}
        self._capitalises = False

    # --- what is owed --------------------------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether there is a plan."""
        return bool(self._plan)

    @property
    def last(self) -> Instalment:
        """The last instalment."""
        return self._plan[-1]

    def instalments(self) -> list[DueInstalment]:
        """Return the instalments as they stand."""
        return [DueInstalment(*line) for line in zip(self._plan, self._paid, self._late, strict=True)]

    def charges(self) -> list[Charge]:
        """Return the charges as they stand, in the order in which they were made."""
        settled = {kind: mine.settled() for kind, mine in self._charges.items()}
        return [settled[kind][index] for kind, index in self._order]

    def principal_fen(self) -> int:
        """Return all principal that is not paid."""
        return self._undue + self._overdue

    def overdue_fen(self) -> int:
        """Return principal that is overdue."""
        return self._overdue

    def oldest_due(self) -> date | None:
        """Return the oldest due date that has aged unpaid."""
        if not (self._overdue or self._contract.aged_fen or self._penalty.aged_fen or self._compound.aged_fen):
            return None
        dates = [mine.made[mine.first].due for mine in self._kinds if mine.aged_fen]
        if self._overdue:
            dates.append(next(self._plan[i].due for i in range(self._front, len(self._plan)) if self._late[i] and self._left(i)))
        return min(dates) if dates else None

    def in_arrears(self, day: date) -> bool:
        """Tell whether anything that was due by a day is unpaid."""
        return bool(self._overdue) or any((due := mine.oldest()) is not None and due <= day for mine in self._kinds)

    def unpaid_interest_fen(self) -> int:
        """Return the borrower's charged and unpaid contract interest."""
        return self._contract.unpaid_fen

    def unpaid(self) -> Unpaid:
        """Return the borrower's charged and unpaid interest."""
        return Unpaid(
            interest_fen=self._contract.unpaid_fen,
            penalty_fen=self._penalty.unpaid_fen,
            compound_fen=self._compound.unpaid_fen,
        )

    def government_fen(self) -> int:
        """Return all contract interest that is charged to government."""
        return sum(charge.gov_fen for charge in self._contract.made)

    def aged_interest_fen(self, *, with_penalty: bool) -> int:
        """Return the unpaid interest on which compound interest runs."""
        found = self._contract.aged_fen + self._compound.aged_fen
        return found + self._penalty.aged_fen if with_penalty else found

    def falling_due_on(self, day: date) -> list[Instalment]:
        """Return the instalments of a day with which interest is charged: still owed, or on dates of the contract's own."""
        if day not in self._falling:
            return []
        return [
            line
            for index, line in enumerate(self._plan)
            if line.due == day and (line.charges or (self._left(index) and not self._late[index]))
        ]

    def interest_due_after(self, day: date, *, quarterly: bool) -> date | None:
        """Return when the plan next brings contract interest along after a day: on dates of its own, or with principal."""
        for index, line in enumerate(self._plan):
            if line.due > day and (line.charges or (quarterly and self._left(index))):
                return line.due
        return None

    def owed(self, day: date) -> dict[Component, int]:
        """Return how much of every component a payment of a day can settle: every charge, principal due by that day."""
        return {
            COST: self.cost_fen,
            PENALTY: self._penalty.unpaid_fen,
            COMPOUND: self._compound.unpaid_fen,
            INTEREST: self._contract.unpaid_fen,
            PRINCIPAL: self._due_fen(day),
        }

    def _due_fen(self, day: date) -> int:
        """Return principal that is overdue or due by a day."""
        found = self._overdue
        for index in range(self._front, len(self._plan)):
            if self._plan[index].due > day and not self._late[index]:
                break
            if not self._late[index]:
                found += max(0, self._left(index))
        return found

    # --- what changes it -----------------------------------------------------------------------------------------

    def lay_out(self, instalments: Sequence[DueInstalment]) -> None:
        """Take a new plan, in order of due dates; the old one is forgotten."""
        self._plan = [line.instalment for line in instalments]
        self._paid = [line.paid_fen for line in instalments]
        self._late = [line.overdue for line in instalments]
        self._front = 0
        self._falling = {}
        for line in self._plan:
            self._falling.setdefault(line.due, []).append(line)
        self._overdue = sum(line.left for line in instalments if line.overdue)
        self._undue = sum(line.left for line in instalments if not line.overdue)
        self._capitalises = any(line.instalment.fen < 0 for line in instalments)
        self._advance()

    def charge(self, charge: Charge) -> date:
        """Take a charge and return when it falls due: no earlier than the one of its kind before it."""
        mine = self._charges[charge.kind]
        if mine.made and mine.made[-1].due > charge.due:
            charge = charge._replace(due=mine.made[-1].due)
        self._order.append((charge.kind, len(mine.made)))
        mine.add(charge)
        return charge.due

    def refuse_subsidy(self, fen: int, due: date, state: State) -> date:
        """Make so much of government's interest the borrower's, in a charge of no days; return when it falls due."""
        end = self._contract.made[-1].end
        return self.charge(Charge(StreamKind.CONTRACT, end, end, due, 0, -fen, 0, 0, 0, state))

    def age(self, day: date) -> tuple[int, bool]:
        """Let the close of a day pass: return the principal that becomes overdue with it, and whether any interest does."""
        self.aged = day
        fallen, bears = 0, False
        for mine in self._kinds:
            if mine.aged < len(mine.made) and mine.age(day):
                bears = True
        for index in range(self._front, len(self._plan)):
            if self._plan[index].due > day:
                break
            if not self._late[index] and self._left(index) > 0:
                self._late[index] = True
                fallen += self._left(index)
        self._undue -= fallen
        self._overdue += fallen
        return fallen, bears

    def capitalising(self, day: date) -> list[int]:
        """Return the indexes of instalments up to a day by which unpaid interest becomes principal, and has not yet."""
        found: list[int] = []
        if not self._capitalises:
            return found
        for index in range(self._front, len(self._plan)):
            if self._plan[index].due > day:
                break
            if self._left(index) < 0:
                found.append(index)
        return found

    def capitalise(self, index: int, *, accrues: bool) -> tuple[int, int]:
        """Let an instalment turn unpaid contract interest into principal; return how much it was, and how much was planned.

        What the next instalments were planned to bring back of it, and was not turned, they bring back no more.
        """
        planned, contract = -self._left(index), self._contract
        turned = min(planned, contract.unpaid_fen) if accrues else 0
        contract.pay(turned)
        self._plan[index] = self._plan[index]._replace(fen=-turned)
        self._paid[index] = -turned
        short = planned - turned
        for later in range(index + 1, len(self._plan)):
            part = min(short, max(0, self._left(later)))
            if part:
                self._plan[later] = self._plan[later]._replace(fen=self._plan[later].fen - part)
                short -= part
        self._undue += turned
        self._advance()
        return turned, planned

    def pay(self, component: Component, fen: int) -> int:
        """Settle so much of a component, which is owed, the oldest first; return how much of it was overdue principal."""
        if component is COST:
            self.cost_fen -= fen
            return 0
        if component is not PRINCIPAL:
            self._settled_by[component].pay(fen)
            return 0
        before = self._overdue
        for index in range(self._front, len(self._plan)):
            if not fen:
                break
            fen -= self._pay_principal(index, fen)
        return before - self._overdue

    def prepay_evenly(self, fen: int) -> int:
        """Pay principal that is not due, of every instalment in proportion, the last one the rest; return what was paid."""
        if fen >= self.principal_fen():
            return self._prepay_all()
        ahead = [index for index in range(self._front, len(self._plan)) if not self._late[index] and self._left(index) > 0]
        total = sum(self._left(index) for index in ahead)
        parts = [fen * self._left(index) // total for index in ahead]
        parts[-1] += fen - sum(parts)
        return sum(self._pay_principal(index, part) for index, part in zip(ahead, parts, strict=True))

    def prepay(self, fen: int, *, from_next: bool) -> int:
        """Pay principal that is not due, the next instalments first or the last ones (a shorter term); return what was paid."""
        if fen >= self.principal_fen():
            return self._prepay_all()
        left = fen
        indexes = range(self._front, len(self._plan))
        for index in indexes if from_next else reversed(indexes):
            if not left:
                break
            left -= self._pay_principal(index, left)
        return fen - left

    def give_up(self) -> None:
        """Write everything off: nothing is owed any more in the accounts."""
        self._prepay_all()
        self._late = [False] * len(self._plan)
        for mine in self._kinds:
            mine.pay(mine.unpaid_fen)

    def _prepay_all(self) -> int:
        paid = self.principal_fen()
        self._paid = [line.fen for line in self._plan]
        self._undue = self._overdue = 0
        self._front = len(self._plan)
        return paid

    def _pay_principal(self, index: int, fen: int) -> int:
        """Pay up to so much of an instalment; return what was paid."""
        left = self._left(index)
        if left <= 0:
            return 0
        part = min(left, fen)
        self._paid[index] += part
        if self._late[index]:
            self._overdue -= part
        else:
            self._undue -= part
        if index == self._front:
            self._advance()
        return part

    def _left(self, index: int) -> int:
        return self._plan[index].fen - self._paid[index]

    def _advance(self) -> None:
        while self._front < len(self._plan) and not self._left(self._front):
            self._front += 1
