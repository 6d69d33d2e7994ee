"""A loan while it is replayed (`Running`): what it owes, how its interest runs, and what a charge, a close or a new plan does.

Events act on it (`loans.effects`); the walk through the days is `loans.replay`. Amounts are fen.
"""

import heapq
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

from ledger.calendar import DAY, add_months
from loans import movements as moved
from loans.classification import Arrears, Judgement
from loans.debt import Debt
from loans.due_dates import due_dates, last_date
from loans.events import Prepayment
from loans.instalments import DueInstalment, Plan, lay_out
from loans.life import Charge, Horizon, Life, Standing, StreamLines
from loans.movements import Movement, State
from loans.schedule import PAYS_INSTALMENT, Position
from loans.steps import Segment, contract_steps, penalty_steps
from loans.terms import (
    NEVER,
    NON_ACCRUAL_AFTER_DAYS,
    CompoundBase,
    Convention,
    GraceKind,
    LoanTerms,
    Method,
    StreamKind,
    charge_fen,
    settlement_days,
)

CONTRACT, PENALTY, COMPOUND = StreamKind
ACCRUING, NON_ACCRUAL, WRITTEN_OFF = State
AHEAD, WITH_PENALTY = Prepayment.AHEAD, CompoundBase.INTEREST_AND_PENALTY
"""Looked up once: a member read from its class costs as much as the arithmetic around it."""


class Running:
    """The state of one replay."""

    def __init__(self, terms: LoanTerms, horizon: Horizon) -> None:
        """Begin before anything happened."""
        self.terms, self.horizon = terms, horizon
        self.state = ACCRUING
        self.misused = False
        self.drawn_fen = 0
        self.payment: int | None = None  # the equal instalment in force
        self.debt = Debt()
        self.years = {kind: terms.count_of(kind).year for kind in StreamKind}
        self._steps: dict[object, list[Segment]] = {}  # as the terms in force make them
        self.lines = {kind: StreamLines(kind, terms.count_of(kind).clock(terms.drawn_on)) for kind in StreamKind}
        self.exceptions: dict[StreamKind, date] = {}
        self.excess = self.given_up = 0
        self.pool_share, self.pool_lost = Fraction(0), 0
        self.movements: list[Movement] = []
        self.arrears: list[Arrears] = []
        self.judgements: list[Judgement] = []
        self.refusals: list[str] = []
        self.agenda: list[date] = []
        self.visited: set[date] = set()

    @property
    def begun(self) -> bool:
        """Whether the loan was paid out or taken over."""
        return self.debt.begun

    def life(self) -> Life:
        """Return what has become of the loan."""
        return Life(
            terms=self.terms,
            streams=tuple(line for lines in self.lines.values() for line in lines.lines),
            charges=tuple(self.debt.charges()),
            instalments=tuple(self.debt.instalments()),
            charged_until=tuple(sorted(self.exceptions.items())),
            standing=Standing(
                principal_fen=self.debt.principal_fen(),
                overdue_fen=self.debt.overdue_fen(),
                oldest_due=self.debt.oldest_due(),
                state=self.state,
                cost_fen=self.debt.cost_fen,
                excess_fen=self.excess,
                given_up_fen=self.given_up,
            ),
            movements=tuple(self.movements),
            arrears=tuple(self.arrears),
            judgements=tuple(self.judgements),
            refusals=tuple(self.refusals),
        )

    # --- the days ahead ------------------------------------------------------------------------------------------

    def visit_on(self, day: date) -> None:
        """Let the walk stop on a day."""
        if day not in self.visited:
            self.visited.add(day)
            heapq.heappush(self.agenda, day)

    def begin(self, day: date, plan: Plan, paid: int = 0) -> None:
        """Take the first plan, so much of its principal paid (the oldest first), and stop on every settlement day from now on."""
        self.payment = plan.payment
        lines = []
        for line in plan.instalments:
            part = min(paid, max(0, line.fen))
            paid -= part
            lines.append(DueInstalment(line, part, False))
        self.lay_out(day, lines)
        for settlement in settlement_days(day, self.horizon.charged_through + DAY):
            self.visit_on(settlement)

    def lay_out(self, today: date, instalments: Sequence[DueInstalment]) -> None:
        """Take a plan, and stop on the days on which it does something."""
        self.debt.lay_out(instalments)
        for line in instalments:
            due = line.instalment.due
            if today <= due - DAY <= self.horizon.charged_through:
                self.visit_on(due - DAY)
            if today <= due <= self.horizon.aged_through:
                self.visit_on(due)

    def plan(
        self,
        day: date,
        *,
        changed: LoanTerms | None = None,
        more: int = 0,
        all_of_it: bool = False,
        keeps_payment: bool = False,
    ) -> None:
        """Make the instalments after a day anew, from what is owed then.

        Args:
            day: the plan holds from here on.
            changed: new terms; none: those in force.
            more: principal that is drawn on the day.
            all_of_it: what was due and is unpaid is planned anew too; otherwise it stays due.
            keeps_payment: the instalment stays, so that the term gets shorter; otherwise it is made anew.

        Raises:
            BadTerms: there is no such plan.
        """
        terms = changed or self.terms
        kept: list[DueInstalment] = []
        ahead: list[DueInstalment] = []
        for line in self.debt.instalments():
            (ahead if all_of_it or (line.instalment.due > day and not line.overdue) else kept).append(line)
        kept += _prepaid(ahead, day)
        undue = more + sum(line.left for line in ahead)
        contract, later = self.lines[CONTRACT], [line.instalment for line in ahead if line.instalment.due > day]
        since = contract.charged_until or terms.drawn_on
        start = max(since, min([day, *(line.counted for line in later)]))
        _, units, gov_units = contract.units(since, start)
        after = min([day, *(line.nominal - DAY for line in later)])
        position = Position(
            day=start,
            after=after,
            balance=undue,
            units=units,
            gov_units=gov_units,
            lines=_dates_by(terms, after) if terms.steps else len(kept),
            payment=self.payment if keeps_payment else None,
        )
        found = lay_out(terms, position) if undue else Plan([], None)
        if keeps_payment and found.instalments:
            terms = replace(terms, maturity=found.instalments[-1].nominal)
        if self.terms.settles_quarterly and not terms.settles_quarterly and contract.charged_until:
            self.exceptions[CONTRACT] = contract.charged_until
        self.terms, self.payment, self._steps = terms, found.payment, {}
        ahead = [
            DueInstalment(line._replace(number=number), 0, False)
            for number, line in enumerate(found.instalments, start=len(kept) + 1)
        ]
        self.lay_out(day, [*kept, *ahead])

    def change(self, day: date, **changes: Any) -> None:
        """Change terms from a day on, and plan anew what that touches.

        Raises:
            BadTerms: terms that no loan can have.
        """
        self.plan(day, changed=replace(self.terms, **changes))
        self.run_on(day)

    def prepay(self, day: date, fen: int, how: Prepayment) -> int:
        """Pay principal that is not due; return what was paid. What it shortens is chosen at repayment."""
        if how is Prepayment.SMALLER and self.terms.method is Method.CUSTOM:
            return self.debt.prepay_evenly(fen) if fen and self.debt.principal_fen() else 0
        paid = self.debt.prepay(fen, from_next=how is AHEAD)
        if not paid or how is AHEAD:
            return paid
        anew = self.plans_anew or (how is Prepayment.SMALLER and self.terms.method is Method.EQUAL_PRINCIPAL)
        if anew and sum(bool(line.left) for line in self.debt.instalments()) > 1:
            self.plan(day, keeps_payment=how is Prepayment.SHORTER and self.terms.method is Method.EQUAL_INSTALMENT)
        return paid

    @property
    def plans_anew(self) -> bool:
        """Whether what principal falls due depends on what interest there is, so that a change of balance needs a new plan."""
        capitalises = any(grace.kind is GraceKind.INTEREST_CAPITALISED for grace in self.terms.graces)
        return self.terms.method in PAYS_INSTALMENT or capitalises

    # --- interest ------------------------------------------------------------------------------------------------

    def charge(self, kind: StreamKind, until: date, due: date, *, regular: bool, funds: int | None = None) -> None:
        """Charge the uncharged days before a date, rounded once; government's part is rounded, the borrower's the rest.

        Args:
            kind: of interest.
            until: the first day that is not charged.
            due: when it falls due, and the day of the charge.
            regular: it is everybody's settlement.
            funds: what is at hand to pay it, fen; what that does not cover falls due when interest falls due anyway: nobody who
                pays ahead is late for it. None: it falls due in any case.
        """
        lines = self.lines[kind]
        since = lines.charged_until or date.min
        if until <= since:
            return
        start, whole_units, gov_units = lines.units(since, until)
        lines.charge(until)
        if not whole_units:
            return
        year = self.years[kind]
        whole, gov = charge_fen(whole_units, year), charge_fen(gov_units, year) if gov_units else 0
        falls_due = due if funds is None or whole - gov <= funds else self._interest_due_after(due)
        made = Charge(kind, start, until, falls_due, whole, gov, whole_units, gov_units, 0, self.state)
        falls_due = self.debt.charge(made)
        if not regular:
            self.exceptions[kind] = until
        self.movements.append(moved.InterestCharged(value_date=due, kind=kind, whole_fen=whole, gov_fen=gov, state=self.state))
        if whole > gov and falls_due <= self.horizon.aged_through:
            self.visit_on(falls_due)

    def _interest_due_after(self, day: date) -> date:
        """Return when contract interest falls due anyway after a day; the day itself, if never again."""
        quarterly = self.terms.settles_quarterly
        dates = [self.debt.interest_due_after(day, quarterly=quarterly)]
        if quarterly:
            dates.append(settlement_days(day, add_months(day, 4))[0] + DAY)
        return min((one for one in dates if one is not None), default=day)

    def charge_overdue(self, until: date) -> None:
        """Charge penalty and compound interest up to a date."""
        for kind in (PENALTY, COMPOUND):
            self.charge(kind, until, until, regular=False)

    def run_on(self, day: date) -> None:
        """Let interest run on from a day on what is now owed."""
        overdue, principal = self.debt.overdue_fen(), self.debt.principal_fen()
        undue = principal - overdue
        if self.terms.flat and undue:
            undue = int(self.terms.principal_fen)
        if self.misused:  # all of it bears the penalty rate, the heavier of the two (domain.md 4)
            undue, overdue = 0, principal
        contract, penalty, compound = self.lines.values()
        if undue or contract.base_fen:
            contract.run(day, undue, self._contract_steps(), self.state)
        percent = self.terms.misuse_percent if self.misused else self.terms.penalty_percent
        if overdue or penalty.base_fen:
            penalty.run(day, overdue, self._penalty_steps(percent), self.state)
        with_penalty = self.terms.compound_base is WITH_PENALTY
        unpaid = self.debt.aged_interest_fen(with_penalty=with_penalty)
        if unpaid or compound.base_fen:
            matured = principal == overdue  # nothing is left inside the term
            compound.run(day, unpaid, self._penalty_steps(percent if matured else 100), self.state)

    def _contract_steps(self) -> list[Segment]:
        if None not in self._steps:
            moves = self.terms.rolling.convention is not Convention.SAME
            self._steps[None] = contract_steps(self.terms, last_date(self.terms) if moves else None)
        return self._steps[None]

    def _penalty_steps(self, percent: int) -> list[Segment]:
        if percent not in self._steps:
            self._steps[percent] = penalty_steps(self.terms, percent)
        return self._steps[percent]

    # --- the close of a day --------------------------------------------------------------------------------------

    def age(self, day: date) -> None:
        """Let a close pass: what was due and is unpaid is overdue from that day on; after 90 days, the loan is non-accrual."""
        if self.state is WRITTEN_OFF or not self.begun:
            return
        self._capitalise(day)
        fallen, bears = self.debt.age(day)
        if fallen:
            self.movements.append(moved.FellOverdue(value_date=day, fen=fallen, state=self.state))
        if fallen or bears:
            self.run_on(day)
        oldest = self.debt.oldest_due() if self.state is ACCRUING else None
        if oldest is None:
            return
        if (day - oldest).days > NON_ACCRUAL_AFTER_DAYS:
            self._stop_accruing(day)
            return
        stops = oldest + (NON_ACCRUAL_AFTER_DAYS + 1) * DAY
        if stops <= self.horizon.aged_through:
            self.visit_on(stops)

    def note_arrears(self, day: date) -> None:
        """Note, at the close of a day, since when something is unpaid, if that has changed."""
        oldest = self.debt.oldest_due()
        if oldest != (self.arrears[-1].oldest_due if self.arrears else None):
            self.arrears.append(Arrears(day, oldest))

    def _capitalise(self, day: date) -> None:
        """Turn unpaid interest into principal where the plan says so; a loan that does not accrue earns no principal."""
        for index in self.debt.capitalising(day):
            fen, planned = self.debt.capitalise(index, accrues=self.state is ACCRUING)
            if fen:
                self.movements.append(moved.InterestCapitalised(value_date=day, fen=fen))
            if fen != planned:
                self.plan(day)
            self.run_on(day)

    def _stop_accruing(self, day: date) -> None:
        overdue = self.debt.overdue_fen()
        self.movements.append(
            moved.StoppedAccruing(
                value_date=day,
                normal_fen=self.debt.principal_fen() - overdue,
                overdue_fen=overdue,
                unpaid=self.debt.unpaid(),
            )
        )
        self._restate(NON_ACCRUAL)

    def resume_if_cured(self, day: date) -> None:
        """Let a non-accrual loan accrue again when nothing that was due is unpaid."""
        if self.state is not NON_ACCRUAL or self.debt.in_arrears(day):
            return
        self._restate(ACCRUING)
        self.movements.append(
            moved.ResumedAccruing(value_date=day, normal_fen=self.debt.principal_fen(), overdue_fen=0, unpaid=self.debt.unpaid())
        )

    def _restate(self, state: State) -> None:
        self.state = state
        for lines in self.lines.values():
            lines.restate(state)


def _dates_by(terms: LoanTerms, day: date) -> int:
    """Return how many dates a contract had up to a day: by them instalments that weigh more or less are counted."""
    return sum(on.nominal <= day for on in due_dates(terms, terms.drawn_on))


def _prepaid(lines: Sequence[DueInstalment], day: date) -> list[DueInstalment]:
    """Return what is paid of instalments that are planned anew: those that were due each, the others as one of the day."""
    found = [
        DueInstalment(line.instalment._replace(fen=line.paid_fen), line.paid_fen, False)
        for line in lines
        if line.paid_fen and line.instalment.due <= day
    ]
    early = [line for line in lines if line.instalment.due > day]
    fen = sum(line.paid_fen for line in early)
    if fen:
        made = early[0].instalment._replace(nominal=day, rolling=NEVER, due=day, counted=day, fen=fen, charges=False)
        found.append(DueInstalment(made, fen, False))
    return found
