"""Schedules (还款计划): terms → lines, each saying what falls due if all is paid as it falls due.

One walk serves every method. What interest a line bears is exact until the one rounding that the terms name; what rounding
leaves over goes where the terms say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from ledger.money import PPB
from loans.annuity import instalment
from loans.due_dates import Clock, DueDate, due_dates, last_date
from loans.errors import BadTerms
from loans.terms.loan import LoanTerms, Method
from loans.terms.rates import Ppb
from loans.terms.rounding import Fen, Place, Residue

PAYS_INSTALMENT = (Method.EQUAL_INSTALMENT, Method.FIXED_PAYMENT)
"""The methods whose payment is principal and interest together."""

_NUDGES = 3


class Line(NamedTuple):
    """A line of a schedule: what falls due on a date, in fen (whole under a rounding, exact without).

    Attributes:
        number: of the line, from 1.
        nominal: the date in the contract.
        counted: interest counts up to this day, itself excluded.
        due: the day of payment, after rolling.
        principal: principal that falls due; less than zero, unpaid interest becomes principal.
        interest: interest that falls due.
        gov: government's part of it.
        capitalises: a grace adds the borrower's part of the interest to principal, on top of what else falls due.
        balance: principal after the line.
        instalment: the equal instalment (or agreed part) in force, before what its number weighs; none: there is none.
        units: exact interest run up after the line and not due, in fen · ppb · ticks.
    """

    number: int
    nominal: date
    counted: date
    due: date
    principal: Fen
    interest: Fen
    gov: Fen
    capitalises: bool
    balance: Fen
    instalment: Fen | None
    units: Fen

    @property
    def payment(self) -> Fen:
        """What is paid on the line: principal and interest, government's part included."""
        return self.principal + self.interest


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a schedule begins, or begins anew in mid-life.

    Attributes:
        day: interest runs from here on.
        after: dates after this one are left; none: after `day`.
        balance: principal owed, fen.
        units, gov_units: interest run up before `day` and not yet due, and government's part, in fen · ppb · ticks.
        lines: how many lines came before.
        payment: the instalment (or part of principal) that is kept, so that the term shortens; none: it is made anew.
    """

    day: date
    balance: Fen
    after: date | None = None
    units: Fen = 0
    gov_units: Fen = 0
    lines: int = 0
    payment: Fen | None = None


def schedule(terms: LoanTerms, position: Position | None = None) -> tuple[Line, ...]:
    """Return the lines of a contract from its beginning, or from a position in its life, to the last payment.

    Raises:
        BadTerms: no date is left for principal, or a payment that never pays the loan off.
    """
    at = position or Position(day=terms.drawn_on, balance=terms.principal_fen)
    payment = at.payment if at.payment is not None else terms.payment_fen
    lines = tuple(_Walk(terms, at).lines(payment))
    spreads = terms.rounding is not None and terms.rounding.residue is Residue.SPREAD
    return _nudged(terms, at, lines) if spreads and terms.method is Method.EQUAL_INSTALMENT and payment is None else lines


def accrued(terms: LoanTerms, lines: tuple[Line, ...], day: date) -> Fraction:
    """Return the interest run up by the beginning of a day and not yet due, exact, in fen."""
    done = [line for line in lines if line.counted <= day]
    at = Position(day=terms.drawn_on, balance=terms.principal_fen)
    since, balance, units = (done[-1].counted, done[-1].balance, done[-1].units) if done else (at.day, at.balance, at.units)
    base = terms.principal_fen if terms.flat and balance else balance
    return Fraction(units + base * Clock(terms).factor(since, max(since, day))) / (PPB * terms.day_count.year)


class _Walk:
    """One schedule while it is laid out."""

    def __init__(self, terms: LoanTerms, at: Position) -> None:
        self.terms, self.at = terms, at
        self.whole = PPB * terms.day_count.year
        self.dates = due_dates(terms, at.day, at.after)
        self.last = last_date(terms)
        self.clock = Clock(terms)
        rounding = terms.rounding
        self.rounded = rounding.rounder(rounding.unit_fen, self.whole) if rounding else None
        self.carries = rounding is not None and rounding.place is Place.LIFE
        self.ends_equal = rounding is not None and rounding.residue is Residue.LAST_INTEREST
        self.table = dict(terms.table) if terms.method is Method.CUSTOM else {}
        self.parts: dict[int, Fen] = {}
        self.charged_units: Fen = 0
        self.charged: Fen = 0

    def lines(self, payment: Fen | None) -> Iterator[Line]:
        """Yield the lines.

        Args:
            payment: the instalment (or part of principal) in fen; none: it is made from the dates that are left. At a new
                rate an equal instalment is made anew in any case.
        """
        terms, number = self.terms, self.at.lines
        solves, resets = terms.method is Method.EQUAL_INSTALMENT, bool(self.clock.changes)
        rate = terms.rate_on(self.at.day).rate_ppb
        balance, units, gov_units = self.at.balance, self.at.units, self.at.gov_units
        for index, on in enumerate(self.dates):
            number += 1
            if solves and on.principal and (payment is None or resets):
                now = self.clock.rate_before(on.counted)
                if payment is None or now != rate:
                    payment, rate = self.instalment(index, balance, (units, gov_units), now), now
            base = terms.principal_fen if terms.flat else balance
            units += base * on.factor
            gov_units += base * on.gov_factor
            interest, last = self.interest(units), on.nominal == self.last and on.principal
            if last and solves and self.ends_equal and payment is not None:
                interest = max(0, self.weighed(payment, number) - balance)
            principal = balance if last else self.principal(index, on, balance, interest, payment)
            gov: Fen = 0
            ends = principal == balance
            if on.interest or ends:  # interest is never left behind by the last principal
                gov = self.government(gov_units, interest)
                principal = max(principal, gov - interest)  # no more than the borrower's interest becomes principal
                if on.capitalises and not ends and not (on.principal and terms.method in PAYS_INSTALMENT):
                    principal -= interest - gov
                if self.carries:
                    self.charged_units, self.charged = self.charged_units + units, self.charged + interest
                units = gov_units = 0
            else:
                interest, principal = 0, max(principal, 0)
            balance -= principal
            yield Line(number, on.nominal, on.counted, on.due, principal, interest, gov, on.capitalises, balance, payment, units)
            if ends:
                return
        raise BadTerms("每期还款额不足以支付利息，贷款永远还不清")

    def principal(self, index: int, on: DueDate, balance: Fen, interest: Fen, payment: Fen | None) -> Fen:
        """Return the principal of a date before the last, in fen."""
        terms = self.terms
        if not on.principal:
            return 0
        if self.table:
            return min(balance, self.table[on.nominal])
        if payment is None:
            if not self.parts:
                self.parts = self.equal_parts(index, balance)
            return min(balance, self.parts[index])
        principal = self.weighed(payment, self.at.lines + index + 1)
        if terms.method in PAYS_INSTALMENT:
            principal -= interest
        if terms.balance_cap_fen is not None:
            principal = max(principal, balance - terms.balance_cap_fen)
        return min(balance, principal)

    def equal_parts(self, first: int, balance: Fen) -> dict[int, Fen]:
        """Return the parts of principal by index of their date: all equal, or as they weigh; one takes the residue."""
        rounding = self.terms.rounding
        indexes = [index for index, on in enumerate(self.dates) if index >= first and on.principal]
        weights = {index: self.weight(self.at.lines + index + 1) if self.terms.steps else 100 for index in indexes}
        total = sum(weights.values())
        weighing = {weight: self.part(balance * weight, total) for weight in set(weights.values())}
        parts = {index: weighing[weight] for index, weight in weights.items()}
        if rounding is not None and rounding.residue is Residue.FIRST:
            parts[first] += balance - sum(parts.values())
        return parts

    def instalment(self, index: int, balance: Fen, units: tuple[Fen, Fen], rate: Ppb) -> Fen:
        """Return the equal instalment of the dates from an index on, rounded."""
        dates, flat = self.dates[index:], self.terms.principal_fen if self.terms.flat else None
        first = self.at.lines + index + 1
        numbers = range(first, first + len(dates))
        weights = [self.weight(number) for number in numbers] if self.terms.steps else [100] * len(dates)
        numerator, denominator = instalment(dates, balance, units, rate, self.whole, weights, flat)
        return self.part(numerator, denominator)

    def interest(self, units: Fen) -> Fen:
        """Return interest in fen, rounded as the terms say."""
        if self.rounded is None:
            return Fraction(units) / self.whole
        if self.carries:
            return self.rounded(int(self.charged_units + units)) - int(self.charged)
        return self.rounded(units)  # type: ignore[arg-type]

    def government(self, units: Fen, interest: Fen) -> Fen:
        """Return government's part of a line's interest in fen; it is rounded, and the borrower's is the difference."""
        if self.rounded is None:
            return Fraction(units) / self.whole
        rounded = self.rounded(units) if units else 0  # type: ignore[arg-type]
        return min(interest, rounded)

    def part(self, numerator: Fen, denominator: Fen) -> Fen:
        """Return an instalment or an equal part in fen, rounded as the terms say."""
        rounding = self.terms.rounding
        if not denominator:
            raise BadTerms("各期还款比例之和为零，无法还清")
        if rounding is None:
            return Fraction(numerator) / denominator
        return rounding.to(rounding.instalment_unit_fen, int(numerator), int(denominator))

    def weighed(self, payment: Fen, number: int) -> Fen:
        """Return an instalment as its number weighs."""
        return self.part(payment * self.weight(number), 100) if self.terms.steps else payment

    def weight(self, number: int) -> int:
        """Return what an instalment weighs, in percent."""
        for step in reversed(self.terms.steps):
            if step.from_number <= number:
                return step.percent
        return 100


def _nudged(terms: LoanTerms, at: Position, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return lines whose last payment differs least from the others: the instalment is moved at most three times."""
    for _ in range(_NUDGES):
        paying = [line for line in lines if line.principal]
        if len(paying) < 2 or terms.rounding is None:
            break
        payment, apart = int(paying[-2].payment), int(paying[-1].payment - paying[-2].payment)
        moved = payment + terms.rounding.to(terms.rounding.instalment_unit_fen, apart, len(paying))
        if abs(apart) <= len(paying) // 2 or moved == payment:
            break
        found = tuple(_Walk(terms, at).lines(moved))
        ends = [int(line.payment) for line in found if line.principal]
        if abs(ends[-1] - ends[-2]) >= abs(apart):
            break
        lines = found
    return lines
