"""Replay: (terms, events, horizon) → life. Pure; what preview, booking, night, paper and verification all call.

A day goes in this order: its events (by rank and reference); then, at its close, ageing: what was due on the day and is
unpaid becomes overdue from that day on (算头不算尾); then the charges that fall due the next day.
"""

import heapq
from collections.abc import Iterable
from datetime import date

from ledger.calendar import DAY
from loans.effects import apply
from loans.events import LoanEvent, in_effect
from loans.life import Horizon, Life
from loans.running import Running
from loans.terms import LoanTerms, StreamKind, is_settlement_day


def replay(terms: LoanTerms, events: Iterable[LoanEvent], horizon: Horizon) -> Life:
    """Return the life of a loan as its events and the nights up to a horizon make it.

    Args:
        terms: the contract.
        events: all events of the loan, in any order.
        horizon: how far the nights have come.
    """
    return run(terms, events, horizon).life()


def run(terms: LoanTerms, events: Iterable[LoanEvent], horizon: Horizon) -> Running:
    """Return a loan as it stands at a horizon, for those who ask what would happen next."""
    loan = Running(terms, horizon)
    happening: dict[date, list[LoanEvent]] = {}
    for event in in_effect(events):
        happening.setdefault(event.value_date, []).append(event)
        loan.visit_on(event.value_date)
    while loan.agenda:
        day = heapq.heappop(loan.agenda)
        for event in happening.get(day, ()):
            apply(loan, event)
        if day <= horizon.aged_through:
            loan.age(day)
        loan.note_arrears(day)
        if day <= horizon.charged_through:
            _charge(loan, day)
    return loan


def _charge(loan: Running, day: date) -> None:
    """Charge what falls due the day after: of every kind on a settlement day, and with instalments that ask for it."""
    after = day + DAY
    settles = is_settlement_day(day)
    if settles:
        for kind in StreamKind:
            if kind is not StreamKind.CONTRACT or loan.terms.settles_quarterly:
                loan.charge(kind, after, after, regular=True)
    for instalment in loan.debt.falling_due_on(after):
        if instalment.charges or loan.terms.settles_quarterly:
            loan.charge(StreamKind.CONTRACT, instalment.counted, after, regular=False)
