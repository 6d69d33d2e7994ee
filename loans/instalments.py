"""Instalments (还款期次): the lines of a schedule as a loan lives through them, with what is paid of each."""

from datetime import date
from typing import NamedTuple

from loans.due_dates import moves, rolled
from loans.schedule import Position, schedule
from loans.terms import NEVER, LoanTerms, Method, Rolling
from loans.terms.loan import AMORTISING


class Instalment(NamedTuple):
    """A line of the schedule.

    Attributes:
        number: counted from 1.
        nominal: the date in the contract.
        rolling: how that date moves to a working day.
        due: the day of payment, as the calendar now says.
        counted: contract interest charged with it counts up to this day, itself excluded.
        fen: principal that falls due; less than zero, so much of its unpaid interest becomes principal.
        charges: whether contract interest is charged with it; otherwise it is charged with everybody's on the 20th, or,
            when principal falls due between, with that.
    """

    number: int
    nominal: date
    rolling: Rolling
    due: date
    counted: date
    fen: int
    charges: bool = False


class DueInstalment(NamedTuple):
    """An instalment and what is paid of it."""

    instalment: Instalment
    paid_fen: int
    overdue: bool

    @property
    def left(self) -> int:
        """What is not paid of it."""
        return self.instalment.fen - self.paid_fen


class Plan(NamedTuple):
    """What is to come: the instalments, and the equal instalment behind them, in fen, if there is one."""

    instalments: list[Instalment]
    payment: int | None


def instalment(terms: LoanTerms, number: int, nominal: date, fen: int, *, charges: bool) -> Instalment:
    """Return an instalment with its dates as the terms roll them."""
    counted, due = rolled(terms, nominal)
    rolling = terms.rolling if moves(terms, nominal) else NEVER
    return Instalment(number, nominal, rolling, due, counted, fen, charges)


def lay_out(terms: LoanTerms, position: Position) -> Plan:
    """Return the instalments of a contract from a position on: those with principal, or every line if it has own dates.

    Raises:
        BadTerms: the terms have no schedule from there.
    """
    if terms.settles_quarterly and terms.method not in AMORTISING and terms.method is not Method.CUSTOM:
        return Plan([instalment(terms, position.lines + 1, terms.maturity, int(position.balance), charges=False)], None)
    own = not terms.settles_quarterly
    found: list[Instalment] = []
    lines = schedule(terms, position)
    for line in lines:
        if own or line.principal:
            number = position.lines + len(found) + 1
            charges = own and not line.units
            found.append(instalment(terms, number, line.nominal, int(line.principal), charges=charges))
    equal = lines[-1].instalment
    return Plan(found, None if equal is None else int(equal))
