"""An oracle: a loan's life worked out a second time, day by day, from the field's rules alone (domain.md 4, 8, 9).

It shares nothing with `loans.replay` but the values that go in: no streams, no agenda, no look ahead. Every day it takes
the day's events; at the day's close it sees what is overdue, adds the day's exact interest of each kind, bills what must
be billed, and counts the days past due. Slow and plain on purpose: where the two differ, one of them is wrong.

What it follows, in its own words:

- a day belongs to the night that closes it; interest of the day a loan is drawn counts, that of the day it is paid does not;
- interest is billed at the close of the 20th of March, June, September and December and is due the day after; the contract
  interest of principal that falls due tomorrow is billed tonight; each bill is rounded once, half up;
- of a bill government's part is rounded too, and the borrower's is the difference;
- principal unpaid at the close of its due day is overdue from that very day: it bears penalty interest, not contract interest;
- a bullet's maturity on a holiday falls due on the next working day, at the contract rate until then;
- unpaid contract interest and unpaid compound interest (variant B: unpaid penalty too) bear compound interest from their due
  day, at the contract rate before maturity and at the penalty rate after;
- a payment while something is overdue first has penalty and compound interest billed up to the day before;
- up to 90 days past due it settles interest first, later principal first; what is left prepays principal from the last
  instalment back; when it could clear the loan, the interest up to the day before is billed and settled before principal;
- more than 90 days past due at a close, the loan stops accruing; when nothing due is left it accrues again;
- an extension moves the maturity and begins a new rate; overdue principal is not overdue any more from that day.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from math import floor

from loans.events import CostAdvanced, Disbursed, Extended, LoanEvent, Refunded, Repaid, Reversed, WrittenOff
from loans.terms import CompoundBase, DayCount, LoanTerms, Method

ONE_DAY = timedelta(days=1)
CONTRACT, PENALTY, COMPOUND = "contract", "penalty", "compound"
KINDS = (CONTRACT, PENALTY, COMPOUND)
SETTLES = {CONTRACT: "interest", PENALTY: "penalty", COMPOUND: "compound"}
WITHIN_A_DAY = (Disbursed, Extended, CostAdvanced, Repaid, Refunded, WrittenOff)

DUE_ON_SETTLEMENT_DAY = "something fell overdue on a settlement day"
SHORTENED = "unpaid interest after the last instalments were prepaid"


class Refused(Exception):
    """An event that can't happen to the loan."""


@dataclass
class Bill:
    """Interest made due: of one kind, for the days before `until`."""

    kind: str
    until: date
    whole: int
    gov: int
    paid: int = 0

    @property
    def owed(self) -> int:
        return self.whole - self.gov - self.paid


@dataclass
class Part:
    """An instalment of principal."""

    nominal: date
    due: date
    fen: int
    paid: int = 0
    overdue: bool = False

    @property
    def owed(self) -> int:
        return self.fen - self.paid


@dataclass
class Oracle:
    """One loan, as it stands after the days walked so far. Amounts are fen."""

    terms: LoanTerms
    roll: Callable[[date], date]
    subsidised_on_holidays: bool = False  # does government pay for the days by which a holiday moves the maturity?
    parts: list[Part] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    rates: list[tuple[date, int, int]] = field(default_factory=list)
    unbilled: dict[str, list[Fraction]] = field(default_factory=lambda: {kind: [Fraction(0), Fraction(0)] for kind in KINDS})
    daily: dict[tuple[str, date], tuple[int, int, int]] = field(default_factory=dict)  # (base, rate, government's rate)
    cost: int = 0
    excess: int = 0
    given_up: int = 0
    state: str = "accruing"
    closed: date = date.min
    notes: set[str] = field(default_factory=set)  # where the engine is known to differ

    # --- questions ------------------------------------------------------------------------------------------------

    def principal(self) -> int:
        return sum(part.owed for part in self.parts)

    def overdue(self) -> int:
        return sum(part.owed for part in self.parts if part.overdue)

    def oldest_due(self) -> date | None:
        """Return the oldest due day of something unpaid, among what was due when a close last passed."""
        days = [part.due for part in self.parts if part.overdue and part.owed]
        days += [bill.until for bill in self.bills if bill.owed and bill.until <= self.closed]
        return min(days, default=None)

    def rate_on(self, day: date) -> tuple[int, int]:
        """Return the contract's rate and government's part of it on a day."""
        found = (0, 0)
        for start, rate, gov in self.rates:
            if start <= day:
                found = (rate, gov)
        return found

    # --- the walk -------------------------------------------------------------------------------------------------

    def live(self, events: Iterable[LoanEvent], closed_through: date) -> "Oracle":
        """Walk from the drawdown, with all events, closing every day up to one."""
        happening = in_effect(events)
        day = self.terms.drawn_on
        last = max([closed_through, *(event.value_date for event in happening)])
        while day <= last:
            for event in happening:
                if event.value_date == day:
                    self.happen(event)
            if day <= closed_through:
                self.close(day)
            day += ONE_DAY
        return self

    def close(self, day: date) -> None:
        """Let the close of a day pass."""
        self.closed = day
        if not self.parts or self.state == "written_off":
            return
        for part in self.parts:
            if part.owed and not part.overdue and part.due <= day:
                part.overdue = True
        if is_settlement(day) and self._fell_due_unpaid(day):
            self.notes.add(DUE_ON_SETTLEMENT_DAY)
        self._add_a_days_interest(day)
        tomorrow = day + ONE_DAY
        if is_settlement(day):
            for kind in KINDS:
                self._bill(kind, tomorrow)
        elif any(part.owed and not part.overdue and part.due == tomorrow for part in self.parts):
            self._bill(CONTRACT, tomorrow)
        oldest = self.oldest_due()
        if oldest is not None and (day - oldest).days > 90:
            self.state = "non_accrual"

    def _fell_due_unpaid(self, day: date) -> bool:
        parts = any(part.owed and part.due == day for part in self.parts)
        return parts or any(bill.owed and bill.until == day for bill in self.bills)

    def _add_a_days_interest(self, day: date) -> None:
        rate, gov = self.rate_on(day)
        penalty_rate = rate * self.terms.penalty_percent // 100
        if not self.subsidised_on_holidays and day >= self.parts[-1].nominal:
            gov = 0
        self._add(CONTRACT, day, self.principal() - self.overdue(), rate, gov)
        self._add(PENALTY, day, self.overdue(), penalty_rate, 0)
        bearing = {CONTRACT, COMPOUND}
        if self.terms.compound_base is CompoundBase.INTEREST_AND_PENALTY:
            bearing.add(PENALTY)
        unpaid = sum(bill.owed for bill in self.bills if bill.kind in bearing and bill.until <= day)
        matured = self.principal() == self.overdue()
        if unpaid and matured and self.principal() and not self.parts[-1].overdue:
            self.notes.add(SHORTENED)
        self._add(COMPOUND, day, unpaid, penalty_rate if matured else rate, 0)

    def _add(self, kind: str, day: date, base: int, rate: int, gov: int) -> None:
        self.daily[(kind, day)] = (base, rate, gov)
        year = 10**9 * (365 if self.terms.day_count is DayCount.ACT_365 else 360)
        self.unbilled[kind][0] += Fraction(base * rate, year)
        self.unbilled[kind][1] += Fraction(base * gov, year)

    def _bill(self, kind: str, until: date) -> None:
        whole, gov = self.unbilled[kind]
        self.unbilled[kind] = [Fraction(0), Fraction(0)]
        if whole:
            self.bills.append(Bill(kind, until, half_up(whole), half_up(gov)))

    # --- events ---------------------------------------------------------------------------------------------------

    def happen(self, event: LoanEvent) -> None:
        """Let an event happen.

        Raises:
            Refused: it can't.
        """
        if isinstance(event, Disbursed) == bool(self.parts):
            raise Refused(event)
        if isinstance(event, Disbursed):
            self.parts = instalments(self.terms, self.roll, self.terms.drawn_on, event.fen)
            self.rates = [(step.start, step.rate_ppb, step.gov_ppb) for step in self.terms.rates]
        elif isinstance(event, Extended):
            self._extend(event)
        elif isinstance(event, CostAdvanced):
            self.cost += event.fen
        elif isinstance(event, Repaid):
            if self.state == "written_off":
                self._recover(event.fen)
            else:
                self._repay(event.value_date, event.fen, event.prepays)
        elif isinstance(event, Refunded):
            if event.fen > self.excess:
                raise Refused(event)
            self.excess -= event.fen
        elif isinstance(event, WrittenOff):
            self._write_off(event)
        else:
            raise TypeError(event)

    def _extend(self, event: Extended) -> None:
        if event.maturity <= max(self.parts[-1].nominal, event.value_date) or not self.principal():
            raise Refused(event)
        if self.overdue():
            self._bill(PENALTY, event.value_date)
            self._bill(COMPOUND, event.value_date)
        self.terms = replace(self.terms, maturity=event.maturity)
        self._plan_anew(event.value_date)
        self.rates = [step for step in self.rates if step[0] < event.value_date]
        self.rates.append((event.value_date, event.rate_ppb, event.gov_ppb))
        self._accrue_again_if_nothing_is_due(event.value_date)

    def _plan_anew(self, day: date, *, today_stays: bool = False) -> None:
        """Spread what is owed over the dates that are left; what was paid stays where it fell due, what was paid early, today."""
        past = [part for part in self.parts if part.due <= day]
        owed = self.principal() - (sum(part.owed for part in past) if today_stays else 0)
        kept = past if today_stays else [Part(part.nominal, part.due, part.paid, part.paid) for part in past if part.paid]
        early = sum(part.paid for part in self.parts if part.due > day)
        if early:
            kept.append(Part(day, day, early, early))
        self.parts = kept + instalments(self.terms, self.roll, day, owed)

    def _repay(self, day: date, fen: int, prepays: str) -> None:
        oldest = self.oldest_due()
        self._bill(PENALTY, day)
        self._bill(COMPOUND, day)
        late = oldest is not None and (day - oldest).days > 90
        for component in self.terms.late_order if late else self.terms.early_order:
            fen = self._settle(component.value, day, fen)
        ahead = prepays == "ahead"
        if fen >= self.principal() > 0 or (ahead and fen and self.principal()):
            self._bill(CONTRACT, day)
            fen = self._settle("interest", day, fen)
        before = fen
        for part in self.parts if ahead else reversed(self.parts):
            paid = min(fen, part.owed)
            part.paid += paid
            fen -= paid
        if prepays == "smaller" and fen < before and sum(1 for part in self.parts if part.owed) > 1:
            self._plan_anew(day, today_stays=True)
        self.excess += fen
        self._accrue_again_if_nothing_is_due(day)

    def _settle(self, component: str, day: date, fen: int) -> int:
        """Settle what is due of a component, oldest first; return what is left of the money."""
        if component == "cost":
            paid = min(fen, self.cost)
            self.cost -= paid
            return fen - paid
        dues: list[Part] | list[Bill]
        if component == "principal":
            dues = sorted((part for part in self.parts if part.due <= day), key=lambda part: part.due)
        else:
            dues = sorted((bill for bill in self.bills if SETTLES[bill.kind] == component), key=lambda bill: bill.until)
        for due in dues:
            paid = min(fen, due.owed)
            due.paid += paid
            fen -= paid
        return fen

    def _accrue_again_if_nothing_is_due(self, day: date) -> None:
        billed = any(bill.owed and bill.until <= day for bill in self.bills)
        if self.state == "non_accrual" and self.oldest_due() is None and not billed:
            self.state = "accruing"

    def _write_off(self, event: WrittenOff) -> None:
        if self.state != "non_accrual" or event.pool_fen > self.principal():
            raise Refused(event)
        for kind in KINDS:
            self._bill(kind, event.value_date)
        self.given_up = self.principal() + sum(bill.owed for bill in self.bills)
        for due in (*self.parts, *self.bills):
            due.paid += due.owed
        self.state = "written_off"

    def _recover(self, fen: int) -> None:
        cost = min(fen, self.cost)
        back = min(fen - cost, self.given_up)
        self.cost -= cost
        self.given_up -= back
        self.excess += fen - cost - back


def in_effect(events: Iterable[LoanEvent]) -> list[LoanEvent]:
    """Return what happened and was not reversed: by day, within a day by kind and then by reference."""
    events = list(events)
    undone = [event.of for event in events if isinstance(event, Reversed)]
    left = [event for event in events if not isinstance(event, Reversed) and event.reference not in undone]
    return sorted(left, key=lambda event: (event.value_date, WITHIN_A_DAY.index(type(event)), event.reference))


def instalments(terms: LoanTerms, roll: Callable[[date], date], start: date, principal: int) -> list[Part]:
    """Return what of principal falls due when after a day: on the 21sts after the grace, and on the maturity's working day."""
    last = terms.maturity + ONE_DAY if is_settlement(terms.maturity) and terms.method is not Method.BULLET else terms.maturity
    days = []
    day = start + ONE_DAY
    while day < last and terms.method is not Method.BULLET:
        if is_settlement(day - ONE_DAY) and not any(grace.start < day <= grace.end for grace in terms.graces):
            days.append(day)
        day += ONE_DAY
    days.append(last)
    each = half_up(Fraction(principal, len(days)))
    fens = []
    for number in range(1, len(days) + 1):
        left = principal - sum(fens)
        fens.append(left if number == len(days) else min(each, left))
    parts = [Part(day, roll(day) if day == terms.maturity else day, fen) for day, fen in zip(days, fens, strict=True)]
    return [part for part in parts if part.fen]


def is_settlement(day: date) -> bool:
    return day.day == 20 and day.month in (3, 6, 9, 12)


def half_up(exact: Fraction) -> int:
    """Round to whole fen, a half upwards; nothing here is negative."""
    return floor(exact + Fraction(1, 2))
