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
- an extension moves the maturity and begins a new rate; overdue principal is not overdue any more from that day; a new plan has
  dates after its day, and those that were ahead and only rolled over it;
- a contract with dates of its own has its interest billed the night before each, a deferred one's with the next that is not;
- an equal instalment is the payment for which the last balance, linear in it, comes out as nothing; it is made anew when the
  rate, a grace, a drawing, or a prepayment that keeps the term changes what lies ahead;
- interest turned into principal is a negative instalment: at the close of its day so much unpaid interest becomes principal;
- interest that government refuses after all becomes the borrower's, due on the day of the refusal; no more is billed to
  government from that day if the subsidy stops with it; of a household that pays first, government is billed nothing;
- a misused loan bears the misuse rate on all its principal, and no contract interest.
"""

from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from math import floor

from loans.events import (
    CostAdvanced,
    Disbursed,
    Extended,
    GraceGranted,
    Inherited,
    LoanEvent,
    MisuseFound,
    RateSet,
    Reclassified,
    Refunded,
    Repaid,
    Restructured,
    Reversed,
    SubsidyRefused,
    WrittenOff,
)
from loans.terms import QUARTERS, CompoundBase, Convention, Cycle, DayCount, Grace, GraceKind, LoanTerms, Method

Outline = tuple[date, date, date, Fraction, Fraction, Fraction]
"""Nominal, due, counted; the part of a year since the date before; interest and government's per fen of balance."""

ONE_DAY = timedelta(days=1)
CONTRACT, PENALTY, COMPOUND = "contract", "penalty", "compound"
KINDS = (CONTRACT, PENALTY, COMPOUND)
SETTLES = {CONTRACT: "interest", PENALTY: "penalty", COMPOUND: "compound"}
WITHIN_A_DAY = (
    Disbursed, RateSet, (Extended, Restructured), GraceGranted, MisuseFound, (Inherited, SubsidyRefused, CostAdvanced), Repaid,
    Refunded, Reclassified, WrittenOff,
)  # fmt: skip
"""What happens before what; events that stand together go by their references."""

DUE_ON_SETTLEMENT_DAY = "something fell overdue on a settlement day"
SHORTENED = "unpaid interest after the last instalments were prepaid"


def restructured(terms: LoanTerms, event: Restructured) -> LoanTerms:
    """Return what a restructuring makes of terms, beside maturity and rate."""
    day, months = event.value_date, event.every_months
    if event.method:
        terms = replace(terms, method=event.method, table=(), steps=(), payment_fen=None)
    if months:
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        anchor = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
        terms = replace(terms, principal=None, interest=Cycle(anchor=anchor, every=months))
    if event.principal_from:
        terms = replace(terms, graces=(*terms.graces, Grace(GraceKind.PRINCIPAL_DEFERRED, day, event.principal_from)))
    return terms


class Refused(Exception):
    """An event that can't happen to the loan."""


@dataclass
class Bill:
    """Interest made due: of one kind, for the days before `until`."""

    kind: str
    until: date
    due: date
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
    counted: date = date.min  # up to where its interest counts
    bills: bool = False  # a date of the contract's own

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
    unbilled: dict[str, list[tuple[date, Fraction, Fraction]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    daily: dict[tuple[str, date], tuple[int, int, int]] = field(default_factory=dict)  # (base, rate, government's rate)
    cost: int = 0
    excess: int = 0
    given_up: int = 0
    state: str = "accruing"
    misused: bool = False
    payment: int | None = None  # the equal instalment in force
    drawn: int = 0
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
        days += [bill.due for bill in self.bills if bill.owed and bill.due <= self.closed]
        return min(days, default=None)

    def rate_on(self, day: date) -> tuple[int, int]:
        """Return the contract's rate and government's part of it on a day, to the bank."""
        found = (0, 0)
        for start, rate, gov in self.rates:
            if start <= day:
                found = (rate, 0 if self.terms.household_first else gov)
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
        for part in [part for part in self.parts if part.owed < 0 and part.due <= day]:
            self._turn_into_principal(part, day)
        for part in self.parts:
            if part.owed and not part.overdue and part.due <= day:
                part.overdue = True
        if is_settlement(day) and self._fell_due_unpaid(day):
            self.notes.add(DUE_ON_SETTLEMENT_DAY)
        self._add_a_days_interest(day)
        self._bill_what_falls_due(day, day + ONE_DAY)
        oldest = self.oldest_due()
        if oldest is not None and (day - oldest).days > 90:
            self.state = "non_accrual"

    def _bill_what_falls_due(self, day: date, tomorrow: date) -> None:
        if is_settlement(day):
            for kind in KINDS if quarterly(self.terms) else (PENALTY, COMPOUND):
                self._bill(kind, tomorrow)
        for part in self.parts:
            if part.due == tomorrow and (part.bills or (quarterly(self.terms) and part.owed and not part.overdue)):
                self._bill(CONTRACT, part.counted, tomorrow)

    def _fell_due_unpaid(self, day: date) -> bool:
        parts = any(part.owed and part.due == day for part in self.parts)
        return parts or any(bill.owed and bill.due == day for bill in self.bills)

    def _turn_into_principal(self, part: Part, day: date) -> None:
        wanted = -part.owed if self.state == "accruing" else 0
        turned = 0
        for bill in self.bills:
            if bill.kind == CONTRACT:
                paid = min(bill.owed, wanted - turned)
                bill.paid += paid
                turned += paid
        planned, part.fen, part.paid = -part.owed, -turned, -turned
        short = planned - turned
        for later in self.parts[self.parts.index(part) + 1 :]:  # was to bring back what never became principal
            less = min(short, max(0, later.owed))
            later.fen -= less
            short -= less
        if turned != planned:
            self._plan_anew(day, today_stays=True)

    def _add_a_days_interest(self, day: date) -> None:
        rate, gov = self.rate_on(day)
        percent = self.terms.misuse_percent if self.misused else self.terms.penalty_percent
        penalty_rate = rate * percent // 100
        if not self.subsidised_on_holidays and day >= last_day(self.terms):
            gov = 0
        if is_free(self.terms, day):
            gov = free_rate = 0
        else:
            free_rate = rate
        undue = self.principal() - self.overdue()
        self._add(CONTRACT, day, 0 if self.misused else undue, free_rate, gov)
        self._add(PENALTY, day, self.principal() if self.misused else self.overdue(), penalty_rate, 0)
        bearing = {CONTRACT, COMPOUND}
        if self.terms.compound_base is CompoundBase.INTEREST_AND_PENALTY:
            bearing.add(PENALTY)
        unpaid = sum(bill.owed for bill in self.bills if bill.kind in bearing and bill.due <= day)
        matured = self.misused or self.principal() == self.overdue()
        if unpaid and matured and self.principal() and not self.parts[-1].overdue:
            self.notes.add(SHORTENED)
        self._add(COMPOUND, day, unpaid, penalty_rate if matured else rate, 0)

    def _add(self, kind: str, day: date, base: int, rate: int, gov: int) -> None:
        self.daily[(kind, day)] = (base, rate, gov)
        part = year_part(self.terms, day) if kind == CONTRACT else real_part(self.terms, day)
        self.unbilled[kind].append((day, Fraction(base * rate, 10**9) * part, Fraction(base * gov, 10**9) * part))

    def _bill(self, kind: str, until: date, due: date | None = None, funds: int | None = None) -> None:
        mine = [entry for entry in self.unbilled[kind] if entry[0] < until]
        self.unbilled[kind] = [entry for entry in self.unbilled[kind] if entry[0] >= until]
        whole = sum((whole for _, whole, _ in mine), Fraction(0))
        if whole:
            bill = Bill(kind, until, due or until, half_up(whole), half_up(sum((g for _, _, g in mine), Fraction(0))))
            if funds is not None and bill.owed > funds:
                bill.due = self._interest_falls_due_after(until)
            bill.due = max([bill.due, *(one.due for one in self.bills if one.kind == kind)])
            self.bills.append(bill)

    def _interest_falls_due_after(self, day: date) -> date:
        """Return when contract interest falls due anyway after a day: nobody who pays ahead is late for what is left of it."""
        dates = [part.due for part in self.parts if part.due > day and (part.bills or (quarterly(self.terms) and part.owed))]
        if quarterly(self.terms):
            dates.append(next(day + n * ONE_DAY for n in range(1, 100) if is_settlement(day + (n - 1) * ONE_DAY)))
        return min(dates, default=day)

    # --- events ---------------------------------------------------------------------------------------------------

    def happen(self, event: LoanEvent) -> None:
        """Let an event happen.

        Raises:
            Refused: it can't.
        """
        if not isinstance(event, Disbursed) and not self.parts:
            raise Refused(event)
        match event:
            case Disbursed():
                self._draw(event.value_date, event.fen)
            case Extended() | Restructured():
                self._extend(event)
            case RateSet() | GraceGranted() | MisuseFound() | Inherited() | SubsidyRefused() | Reclassified():
                self._change(event)
            case CostAdvanced():
                self.cost += event.fen
            case Repaid() if self.state == "written_off":
                self._recover(event.fen)
            case Repaid():
                self._repay(event.value_date, event.fen, event.prepays)
            case Refunded():
                self._refund(event)
            case WrittenOff():
                self._write_off(event)
            case _:
                raise TypeError(event)

    def _change(self, event: LoanEvent) -> None:
        day = event.value_date
        if isinstance(event, Reclassified):
            return
        if isinstance(event, MisuseFound):
            for kind in KINDS:
                self._bill(kind, day)
            self.misused = True
            return
        if isinstance(event, Inherited | SubsidyRefused):
            self._lose_subsidy(event)
            return
        if isinstance(event, RateSet):
            self._set_rate(event, event.later)
        if isinstance(event, GraceGranted):
            grace = Grace(GraceKind(event.grace), day, event.until)
            self.terms = replace(self.terms, graces=(*self.terms.graces, grace))
        self._plan_anew(day, today_stays=True)

    def _set_rate(self, event: RateSet | Extended | Restructured, later: Iterable[tuple[date, int]] = ()) -> None:
        """Begin a rate; government pays of it only if it still paid of the old one or was to."""
        day, rate = event.value_date, event.rate_ppb
        pays = self.rate_on(day)[1] or any(gov for start, _, gov in self.rates if start > day)
        new = [(day, rate, event.gov_ppb), *((start, rate, gov) for start, gov in later)]
        self.rates = [step for step in self.rates if step[0] < day]
        self.rates += new if pays else [(day, rate, 0)]

    def _lose_subsidy(self, event: Inherited | SubsidyRefused) -> None:
        if isinstance(event, SubsidyRefused):
            self._turn_down(event)
        if event.stops if isinstance(event, SubsidyRefused) else not event.subsidised:
            self._end_subsidy(event.value_date)

    def _turn_down(self, event: SubsidyRefused) -> None:
        if event.fen > sum(bill.gov for bill in self.bills if bill.kind == CONTRACT) or self.state == "written_off":
            raise Refused(event)
        if event.fen:
            last = max(bill.until for bill in self.bills if bill.kind == CONTRACT)
            due = max(event.value_date, *(bill.due for bill in self.bills if bill.kind == CONTRACT))
            self.bills.append(Bill(CONTRACT, last, due, 0, -event.fen))

    def _end_subsidy(self, day: date) -> None:
        """Let the borrower bear all interest from a day on."""
        later = [(start, rate, 0) for start, rate, gov in self.rates if start > day]
        now = [gov for start, _, gov in self.rates if start <= day][-1:]
        if any([*now, *(gov for start, _, gov in self.rates if start > day)]):
            self.rates = [*(step for step in self.rates if step[0] < day), (day, self.rate_on(day)[0], 0), *later]
            self._plan_anew(day, today_stays=True)

    def _refund(self, event: Refunded) -> None:
        if event.fen > self.excess:
            raise Refused(event)
        self.excess -= event.fen

    def _draw(self, day: date, fen: int) -> None:
        if self.drawn + fen > self.terms.principal_fen or day >= self.terms.maturity or self.state == "written_off":
            raise Refused(fen)
        if not self.drawn:
            self.rates = [(step.start, int(step.rate_ppb), int(step.gov_ppb)) for step in self.terms.rates]
        self.drawn += fen
        self._plan_anew(day, today_stays=True, more=fen)

    def _extend(self, event: Extended | Restructured) -> None:
        if not self.principal() or event.maturity <= event.value_date:
            raise Refused(event)
        if isinstance(event, Extended) and event.maturity <= self.parts[-1].nominal:
            raise Refused(event)
        if self.overdue():
            self._bill(PENALTY, event.value_date)
            self._bill(COMPOUND, event.value_date)
        self.terms = replace(self.terms, maturity=event.maturity)
        if isinstance(event, Restructured):
            self.terms = restructured(self.terms, event)
        self._set_rate(event)
        self._plan_anew(event.value_date)
        self._accrue_again_if_nothing_is_due(event.value_date)

    def _plan_anew(self, day: date, *, today_stays: bool = False, more: int = 0, payment: int | None = None) -> None:
        """Spread what is owed over the dates that are left; what was paid stays where it fell due, what was paid early, today."""
        past = [part for part in self.parts if part.due <= day or part.overdue]
        owed = self.principal() + more - (sum(part.owed for part in past) if today_stays else 0)
        kept = past if today_stays else [Part(part.nominal, part.due, part.paid, part.paid) for part in past if part.paid]
        early = sum(part.paid for part in self.parts if part not in past)
        if early:
            kept.append(Part(day, day, early, early))
        self.parts = kept + (self._plan(day, owed, payment) if owed else [])
        if payment is not None and owed:
            self.terms = replace(self.terms, maturity=self.parts[-1].nominal)

    def _plan(self, day: date, owed: int, payment: int | None) -> list[Part]:
        """Return the instalments of what is owed after a day."""
        terms, last = self.terms, last_day(self.terms)
        rolls = terms.rolling
        dates, planned = [], {part.nominal for part in self.parts if part.due > day}
        for nominal in dates_of(terms, last):
            settles = quarterly(terms) and is_settlement(nominal - ONE_DAY)  # everybody's day, holiday or not
            moves = nominal == terms.maturity or not (rolls.last_only or settles)
            due = self.roll(nominal) if moves and rolls.convention is not Convention.SAME else nominal
            if due > day and nominal > terms.drawn_on and (nominal > day or nominal in planned):
                dates.append((nominal, due, nominal if rolls.calculates_nominal else due))
        since = min(day, dates[0][2])
        run_up = sum((whole for d, whole, _ in self.unbilled[CONTRACT] if d < since), Fraction(0))
        gov_run_up = sum((gov for d, _, gov in self.unbilled[CONTRACT] if d < since), Fraction(0))
        outline = []
        for nominal, due, counted in dates:
            span = (since + n * ONE_DAY for n in range((counted - since).days))
            parts = [(year_part(terms, d), *self.rate_on(d), d) for d in span if not is_free(terms, d)]
            years = sum((part for part, _, _, _ in parts), Fraction(0))
            factor = sum((part * rate for part, rate, _, _ in parts), Fraction(0)) / 10**9
            gov = sum((part * rate for part, _, rate, d in parts if d < last), Fraction(0)) / 10**9
            outline.append((nominal, due, counted, years, factor, gov))
            since = counted
        self.payment = payment
        return self._laid_out(outline, owed, (run_up, gov_run_up), last, self.rate_on(min(day, dates[0][2]))[0])

    def _last_balance(
        self, outline: list[Outline], owed: int, run_up: Fraction, gov_run_up: Fraction, fen: int, last: date, rate: int
    ) -> Fraction:
        """Return what would be left at the end if every instalment were so much and the rate stayed, nothing rounded."""
        balance = Fraction(owed)
        for number, (nominal, _, _, years, factor, gov) in enumerate(outline):
            run_up += balance * (years * rate / 10**9 if number else factor)
            gov_run_up += balance * gov
            pays, bills, turns = self._does(nominal, last)
            if pays:
                balance -= fen - run_up
            elif turns:
                balance += run_up - gov_run_up
            if bills:
                run_up = gov_run_up = Fraction(0)
        return balance

    def _laid_out(
        self, outline: list[Outline], owed: int, run_up: tuple[Fraction, Fraction], last: date, rate: int
    ) -> list[Part]:
        own, found = not quarterly(self.terms), []
        whole, gov = run_up
        paying = [nominal for nominal, *_ in outline if self._does(nominal, last)[0]]
        each = None
        for index, (nominal, due, counted, _, factor, gov_factor) in enumerate(outline):
            pays, bills, turns = self._does(nominal, last)
            now = self.rate_on(counted - ONE_DAY)[0]
            if pays and self.terms.method is Method.EQUAL_INSTALMENT and (self.payment is None or now != rate):
                at_zero, at_one = (self._last_balance(outline[index:], owed, whole, gov, fen, last, now) for fen in (0, 1))
                self.payment, rate = half_up(at_zero / (at_zero - at_one)), now
            whole += owed * factor
            gov += owed * gov_factor
            interest = half_up(whole)
            fen = 0
            if nominal == last:
                fen = owed
            elif pays and self.terms.method is Method.EQUAL_INSTALMENT:
                fen = min(owed, (self.payment or 0) - interest)
            elif pays:
                each = half_up(Fraction(owed, len(paying))) if each is None else each
                fen = min(owed, each)
            if turns and not (pays and self.terms.method is Method.EQUAL_INSTALMENT):
                fen -= interest - half_up(gov)
            if bills:
                whole = gov = Fraction(0)
            owed -= fen
            if own or fen:
                found.append(Part(nominal, due, fen, counted=counted, bills=own and bills))
            if not owed:
                break
        return found

    def _does(self, nominal: date, last: date) -> tuple[bool, bool, bool]:
        """Return whether principal falls due on a date, whether interest is billed, and whether it becomes principal."""
        if nominal == last:
            return True, True, False
        spared = {grace.kind for grace in self.terms.graces if grace.start < nominal <= grace.end}
        amortises = self.terms.method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT)
        ends_grace = any(g.end == nominal and g.kind is GraceKind.INTEREST_CAPITALISED for g in self.terms.graces)
        of_cycle = nominal in cycle_dates(self.terms, last)
        return (
            amortises and of_cycle and GraceKind.PRINCIPAL_DEFERRED not in spared,
            (of_cycle or ends_grace) and GraceKind.INTEREST_DEFERRED not in spared,
            GraceKind.INTEREST_CAPITALISED in spared and GraceKind.INTEREST_DEFERRED not in spared,
        )

    def _repay(self, day: date, fen: int, prepays: str) -> None:
        oldest = self.oldest_due()
        self._bill(PENALTY, day)
        self._bill(COMPOUND, day)
        late = oldest is not None and (day - oldest).days > 90
        for component in self.terms.late_order if late else self.terms.early_order:
            fen = self._settle(component.value, day, fen)
        ahead = prepays == "ahead"
        if fen >= self.principal() > 0 or (ahead and fen and self.principal()):
            self._bill(CONTRACT, day, funds=fen)
            fen = self._settle("interest", day, fen)
        before = fen
        everything = self.principal()
        if fen >= everything:
            fen -= everything
            for part in self.parts:
                part.paid = part.fen
        for part in self.parts if ahead else reversed(self.parts):
            paid = min(fen, max(0, part.owed))
            part.paid += paid
            fen -= paid
        several = sum(1 for part in self.parts if part.owed) > 1
        capitalises = any(grace.kind is GraceKind.INTEREST_CAPITALISED for grace in self.terms.graces)
        equal = self.terms.method is Method.EQUAL_INSTALMENT
        splits = self.terms.method is Method.EQUAL_PRINCIPAL and prepays == "smaller"
        if fen < before and several and not ahead and (equal or capitalises or splits):
            self._plan_anew(day, today_stays=True, payment=self.payment if equal and prepays == "shorter" else None)
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
            dues = sorted((part for part in self.parts if part.due <= day and part.owed > 0), key=lambda part: part.due)
        else:
            dues = sorted((bill for bill in self.bills if SETTLES[bill.kind] == component), key=lambda bill: bill.due)
        for due in dues:
            paid = min(fen, due.owed)
            due.paid += paid
            fen -= paid
        return fen

    def _accrue_again_if_nothing_is_due(self, day: date) -> None:
        billed = any(bill.owed and bill.due <= day for bill in self.bills)
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
    turn = {event: next(n for n, kinds in enumerate(WITHIN_A_DAY) if isinstance(event, kinds)) for event in left}
    return sorted(left, key=lambda event: (event.value_date, turn[event], event.reference))


def quarterly(terms: LoanTerms) -> bool:
    """Tell whether contract interest is billed with everybody's on the 20th."""
    spared = (GraceKind.INTEREST_DEFERRED, GraceKind.INTEREST_CAPITALISED)
    return (
        terms.interest == QUARTERS and terms.method is not Method.AT_MATURITY and not any(g.kind in spared for g in terms.graces)
    )


def last_day(terms: LoanTerms) -> date:
    """Return the last nominal date: the maturity, or of instalments by the quarter the day after the 20th on which they end."""
    ends = is_settlement(terms.maturity) and terms.interest == QUARTERS
    amortises = terms.method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT)
    return terms.maturity + ONE_DAY if ends and amortises else terms.maturity


def dates_of(terms: LoanTerms, last: date) -> list[date]:
    """Return all nominal dates on which something happens, in order."""
    ends = {g.end for g in terms.graces if g.kind is GraceKind.INTEREST_CAPITALISED and g.end < last}
    return sorted({last, *ends, *cycle_dates(terms, last)})


def cycle_dates(terms: LoanTerms, last: date) -> set[date]:
    """Return the dates of the cycle between the drawdown and the last date."""
    if terms.interest is None or terms.method is Method.AT_MATURITY:
        return set()
    day, found = terms.drawn_on + ONE_DAY, set()
    while day < last:
        if terms.interest == QUARTERS:
            if is_settlement(day - ONE_DAY):
                found.add(day)
        elif day >= terms.interest.anchor:
            months = 12 * (day.year - terms.interest.anchor.year) + day.month - terms.interest.anchor.month
            if months % terms.interest.every == 0 and day.day == min(
                terms.interest.anchor.day, monthrange(day.year, day.month)[1]
            ):
                found.add(day)
        day += ONE_DAY
    return found


def is_free(terms: LoanTerms, day: date) -> bool:
    """Tell whether a day is free of interest."""
    return any(grace.kind is GraceKind.INTEREST_FREE and grace.start <= day < grace.end for grace in terms.graces)


def real_part(terms: LoanTerms, day: date) -> Fraction:
    """Return the part of a year that a day is where real days count."""
    if terms.day_count is DayCount.ACT_ACT:
        return Fraction(1, 366 if day.year % 4 == 0 else 365)
    return Fraction(1, 365 if terms.day_count is DayCount.ACT_365 else 360)


def year_part(terms: LoanTerms, day: date) -> Fraction:
    """Return the part of a year that a day is by the contract: how much longer the term gets with it."""
    tomorrow = day + ONE_DAY
    if terms.day_count is DayCount.THIRTY_360:
        months = 12 * (tomorrow.year - day.year) + tomorrow.month - day.month
        return Fraction(30 * months + min(tomorrow.day, 30) - min(day.day, 30), 360)
    if terms.day_count is DayCount.MONTHS:
        return Fraction(months_and_days(terms.drawn_on, tomorrow) - months_and_days(terms.drawn_on, day), 360)
    return real_part(terms, day)


def months_and_days(start: date, end: date) -> int:
    """Return whole months of 30 days and the odd days after them (逐笔)."""
    months, reached = 0, start
    while True:
        year, month = divmod(start.year * 12 + start.month + months, 12)
        following = date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
        if following > end:
            return 30 * months + (end - reached).days
        months, reached = months + 1, following


def is_settlement(day: date) -> bool:
    return day.day == 20 and day.month in (3, 6, 9, 12)


def half_up(exact: Fraction) -> int:
    """Round to whole fen, a half upwards; nothing here is negative."""
    return floor(exact + Fraction(1, 2))
