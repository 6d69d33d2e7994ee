"""Dues (应还款) of a loan on a day: what a payment of that day would settle before it pays ahead, and what it could pay ahead."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ledger.calendar import DAY
from loans.debt import INTEREST, PRINCIPAL
from loans.events import LoanEvent, in_effect
from loans.life import Horizon
from loans.replay import run
from loans.running import CONTRACT, WRITTEN_OFF
from loans.terms import LoanTerms, StreamKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Dues:
    """What a loan owes on a day, in fen: what is due, and what a larger payment would still settle.

    `interest_fen` holds cost, penalty and compound interest too; `ahead_fen` is principal not yet due with the interest that has
    run up; `falling_fen` is the principal that falls due on this very day, `nominal` its earliest date in the contract;
    `falls_due` tells whether the day is one of the plan's, or interest falls due on it.
    """

    interest_fen: int
    principal_fen: int
    ahead_fen: int
    falling_fen: int = 0
    falls_due: bool = False
    nominal: date | None = None

    @property
    def fen(self) -> int:
        """All that is due."""
        return self.interest_fen + self.principal_fen


def dues_on(terms: LoanTerms, events: Iterable[LoanEvent], day: date) -> Dues:
    """Return what a loan owes on a day, once its events up to that day have happened and the nights before it are closed.

    Of a loan that is written off (核销), all that was given up counts as principal due: what comes is a recovery.
    """
    eve = day - DAY
    loan = run(terms, [event for event in in_effect(events) if event.value_date <= day], Horizon(eve, eve))
    debt = loan.debt
    if loan.state is WRITTEN_OFF:
        return Dues(interest_fen=debt.cost_fen, principal_fen=loan.given_up, ahead_fen=0)
    interest_falls_due = any(charge.due == day and charge.unpaid_fen for charge in debt.charges())
    if debt.overdue_fen() or loan.misused or loan.lines[StreamKind.COMPOUND].base_fen:
        loan.charge_overdue(day)
    owed = debt.owed(day)
    undue, accrued = debt.principal_fen() - owed[PRINCIPAL], 0
    if undue:
        loan.charge(CONTRACT, day, day, regular=False)
        accrued = debt.unpaid_interest_fen() - owed[INTEREST]
    today = [line for line in debt.instalments() if line.instalment.due == day]
    falling = [line for line in today if line.left > 0]
    return Dues(
        interest_fen=sum(owed.values()) - owed[PRINCIPAL],
        principal_fen=owed[PRINCIPAL],
        ahead_fen=undue + accrued,
        falling_fen=sum(line.left for line in falling),
        falls_due=bool(today) or interest_falls_due,
        nominal=min((line.instalment.nominal for line in falling), default=None),
    )
