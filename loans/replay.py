"""Replay: (terms, events, horizon) → life. Pure; what preview, booking, night, paper and verification all call.

A day goes in this order: its events (by rank and reference); then, at its close, ageing: what was due on the day and is
unpaid becomes overdue from that day on (算头不算尾); then the charges that fall due the next day.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from fractions import Fraction

from ledger.calendar import DAY, following_working_day
from ledger.money import PPB, round_half_up, split_in_two, yuan
from loans import movements as moved
from loans.allocation import allocate
from loans.debt import Debt
from loans.events import (
    CostAdvanced,
    Disbursed,
    Extended,
    LoanEvent,
    Refunded,
    Repaid,
    TakenOver,
    WrittenOff,
    in_effect,
)
from loans.life import Charge, DueInstalment, Horizon, Life, Standing, StreamLines
from loans.movements import Movement, State, Unpaid
from loans.terms import (
    NON_ACCRUAL_AFTER_DAYS,
    Component,
    CompoundBase,
    Instalment,
    LoanTerms,
    RateStep,
    StreamKind,
    contract_steps,
    interest_fen,
    is_settlement_day,
    last_settlement_before,
    rate_steps,
    schedule,
    settlement_days,
)

_OVERDUE_KINDS = (StreamKind.PENALTY, StreamKind.COMPOUND)


def replay(
    terms: LoanTerms,
    events: Iterable[LoanEvent],
    horizon: Horizon,
    roll: Callable[[date], date] = following_working_day,
) -> Life:
    """Return the life of a loan as its events and the nights up to a horizon make it.

    Args:
        terms: the contract.
        events: all events of the loan, in any order.
        horizon: how far the nights have come.
        roll: gives the working day on which a nominal date falls due.
    """
    return _Replay(terms, in_effect(events), horizon, roll).life()


class _Replay:
    """The state of one replay. Amounts are fen."""

    def __init__(self, terms: LoanTerms, events: list[LoanEvent], horizon: Horizon, roll: Callable[[date], date]) -> None:
        self.terms, self.horizon = terms, horizon
        self.rates: list[RateStep] = list(terms.rates)
        self.events: dict[date, list[LoanEvent]] = {}
        for event in events:
            self.events.setdefault(event.value_date, []).append(event)
        self.state = State.ACCRUING
        self.debt = Debt(roll)
        self.lines = {kind: StreamLines(kind) for kind in StreamKind}
        self.exceptions: dict[StreamKind, date] = {}
        self.excess = self.given_up = 0
        self.pool_share, self.pool_lost = Fraction(0), 0
        self.movements: list[Movement] = []
        self.refusals: list[str] = []
        self.agenda: list[date] = []
        self.visited: set[date] = set()

    # --- the walk through the days -------------------------------------------------------------------------------

    def life(self) -> Life:
        for day in self.events:
            self._visit_on(day)
        while self.agenda:
            self._day(heapq.heappop(self.agenda))
        return Life(
            streams=tuple(line for kind in StreamKind for line in self.lines[kind].lines),
            charges=tuple(self.debt.charges),
            instalments=tuple(self.debt.instalments),
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
            refusals=tuple(self.refusals),
        )

    def _visit_on(self, day: date) -> None:
        if day not in self.visited:
            self.visited.add(day)
            heapq.heappush(self.agenda, day)

    def _day(self, day: date) -> None:
        for event in self.events.get(day, ()):
            self._apply(event)
        if day <= self.horizon.aged_through:
            self._age(day)
        if day <= self.horizon.charged_through:
            if is_settlement_day(day):
                for kind in StreamKind:
                    self._charge(kind, day + DAY, regular=True)
            elif self.debt.falls_due_on(day + DAY):
                self._charge(StreamKind.CONTRACT, day + DAY, regular=False)

    def _apply(self, event: LoanEvent) -> None:
        begins = isinstance(event, Disbursed | TakenOver)
        if begins == bool(self.debt.instalments):
            self.refusals.append("已经放款" if begins else "尚未放款")
            return
        match event:
            case Disbursed():
                self._disburse(event)
            case TakenOver():
                self._take_over(event)
            case Extended():
                self._extend(event)
            case Repaid():
                self._repay(event)
            case CostAdvanced():
                self.debt.cost_fen += event.fen
                self.movements.append(moved.CostLaidOut(value_date=event.value_date, fen=event.fen))
            case Refunded():
                self._refund(event)
            case WrittenOff():
                self._write_off(event)
            case _:
                raise TypeError(event)

    # --- what events do ------------------------------------------------------------------------------------------

    def _disburse(self, event: Disbursed) -> None:
        if event.fen != self.terms.principal_fen:
            self.refusals.append("放款金额与借款合同金额不符")
        if event.value_date != self.terms.drawn_on:
            self.refusals.append("放款日与合同起息日不符")
        self._begin(event.value_date, 0)
        self.movements.append(moved.LoanPaidOut(value_date=event.value_date, fen=event.fen))
        self._run_on(event.value_date)

    def _take_over(self, event: TakenOver) -> None:
        if not 0 < event.principal_fen <= self.terms.principal_fen:
            self.refusals.append("接管本金必须大于零且不超过合同金额")
        settled = max(self.terms.drawn_on, last_settlement_before(event.value_date) + DAY)
        if not settled <= event.charged_until <= event.value_date + DAY:
            self.refusals.append("已结息日期必须在上一结息日（或起息日）与接管日之间")
        self._begin(event.value_date, self.terms.principal_fen - event.principal_fen)
        for kind, due, fen in event.unpaid:
            until = event.charged_until
            self.debt.charges.append(Charge(StreamKind(kind), until, until, due, fen, 0, 0, 0, 0, self.state))
            if due >= event.value_date:
                self._visit_on(due)
        for lines in self.lines.values():
            lines.charged_until = event.charged_until
        self.exceptions[StreamKind.CONTRACT] = event.charged_until
        self.movements.append(
            moved.LoanTakenOver(value_date=event.value_date, principal_fen=event.principal_fen, unpaid=self.debt.unpaid())
        )
        fallen = self.debt.age(event.value_date - DAY)
        if fallen:
            self.movements.append(moved.FellOverdue(value_date=event.value_date, fen=fallen, state=self.state))
        if any(line.overdue and self.debt.due_date(line.instalment) > event.charged_until for line in self.debt.instalments):
            self.refusals.append("接管前到期的本金，利息须已结至其到期日")
        self._run_on(event.charged_until)

    def _begin(self, day: date, already_paid: int) -> None:
        """Lay out the instalments (the oldest already paid first) and the days on which something will happen."""
        for instalment in schedule(self.terms):
            paid = min(already_paid, instalment.fen)
            already_paid -= paid
            self.debt.instalments.append(DueInstalment(instalment, paid, False))
            self._plan(instalment, day)
        for settlement in settlement_days(day, self.horizon.charged_through + DAY):
            self._visit_on(settlement)

    def _plan(self, instalment: Instalment, today: date) -> None:
        due = self.debt.due_date(instalment)
        if today <= due - DAY <= self.horizon.charged_through:
            self._visit_on(due - DAY)
        if due <= self.horizon.aged_through:
            self._visit_on(max(due, today))

    def _extend(self, event: Extended) -> None:
        only = self.debt.instalments[0]
        if len(self.debt.instalments) != 1:
            self.refusals.append("分期贷款不能展期，请重组")
            return
        if event.maturity <= max(only.instalment.nominal, event.value_date):
            self.refusals.append("展期后到期日必须晚于原到期日和签订日")
        if self.state is State.WRITTEN_OFF:
            self.refusals.append("已核销的贷款不能展期")
        if only.overdue:
            self._charge_overdue(event.value_date)
            fen = self.debt.overdue_fen()
            self.movements.append(moved.Cured(value_date=event.value_date, fen=fen, state=self.state))
        self.rates = [step for step in self.rates if step.start < event.value_date]
        self.rates.append(RateStep(event.value_date, event.rate_ppb, event.gov_ppb))
        instalment = replace(only.instalment, nominal=event.maturity)
        self.debt.instalments = [DueInstalment(instalment, only.paid_fen, False)]
        self._plan(instalment, event.value_date)
        self._run_on(event.value_date)
        self._resume_if_cured(event.value_date)

    def _repay(self, event: Repaid) -> None:
        if self.state is State.WRITTEN_OFF:
            self._recover(event)
            return
        day, oldest = event.value_date, self.debt.oldest_due()
        if self.debt.overdue_fen() or self.lines[StreamKind.COMPOUND].base_fen:
            self._charge_overdue(day)
        late = oldest is not None and (day - oldest).days > NON_ACCRUAL_AFTER_DAYS
        order = self.terms.late_order if late else self.terms.early_order
        allocations, left = allocate(event.fen, self.debt.dues(day), order)
        paid = dict.fromkeys(Component, 0)
        overdue_paid = 0
        for allocation in allocations:
            paid[allocation.due.component] += allocation.paid_fen
            overdue_paid += self.debt.settle(allocation.due, allocation.paid_fen)
        left, interest = self._prepay_interest(day, left, always=event.ahead)
        prepaid = self.debt.prepay(left, from_next=event.ahead)
        excess = left - prepaid
        self.excess += excess
        self.movements.append(
            moved.PaidIn(
                value_date=day,
                cost_fen=paid[Component.COST],
                paid=Unpaid(
                    interest_fen=paid[Component.INTEREST] + interest,
                    penalty_fen=paid[Component.PENALTY],
                    compound_fen=paid[Component.COMPOUND],
                ),
                overdue_fen=overdue_paid,
                normal_fen=paid[Component.PRINCIPAL] - overdue_paid + prepaid,
                excess_fen=excess,
                state=self.state,
            )
        )
        self._run_on(day)
        self._resume_if_cured(day)

    def _prepay_interest(self, day: date, left: int, *, always: bool) -> tuple[int, int]:
        """When a payment would clear the principal (or always), charge what has accrued and pay it first (利随本清)."""
        undue = self.debt.principal_fen()
        if undue == 0 or left == 0 or (left < undue and not always):
            return left, 0
        self._charge(StreamKind.CONTRACT, day, regular=False)
        interest = [due for due in self.debt.dues(day) if due.component is Component.INTEREST]
        allocations, left = allocate(left, interest, [Component.INTEREST])
        for allocation in allocations:
            self.debt.settle(allocation.due, allocation.paid_fen)
        return left, sum(allocation.paid_fen for allocation in allocations)

    def _refund(self, event: Refunded) -> None:
        if event.fen > self.excess:
            self.refusals.append(f"退款 {yuan(event.fen)} 元超过暂收款 {yuan(self.excess)} 元")
        self.excess -= event.fen
        self.movements.append(moved.ExcessRefunded(value_date=event.value_date, fen=event.fen))

    def _write_off(self, event: WrittenOff) -> None:
        for kind in StreamKind:
            self._charge(kind, event.value_date, regular=False)
        principal, unpaid = self.debt.principal_fen(), self.debt.unpaid()
        if self.state is not State.NON_ACCRUAL:
            self.refusals.append("只有非应计贷款可以核销")
        if event.pool_fen > principal:
            self.refusals.append("风险补偿款超过剩余本金")
        self.movements.append(
            moved.LoanWrittenOff(value_date=event.value_date, principal_fen=principal, pool_fen=event.pool_fen, unpaid=unpaid)
        )
        for lines in self.lines.values():
            lines.cut(event.value_date)
        self.debt.give_up()
        self.given_up = principal + unpaid.total_fen
        self.pool_share, self.pool_lost = Fraction(event.pool_share_ppb, PPB), event.pool_fen
        self.state = State.WRITTEN_OFF

    def _recover(self, event: Repaid) -> None:
        cost = min(event.fen, self.debt.cost_fen)
        net = min(event.fen - cost, self.given_up)
        pool = min(split_in_two(net, self.pool_share)[0], self.pool_lost)  # until its payout is back
        excess = event.fen - cost - net
        self.debt.cost_fen -= cost
        self.given_up -= net
        self.pool_lost -= pool
        self.excess += excess
        self.movements.append(
            moved.RecoveredAfterWriteOff(
                value_date=event.value_date,
                cost_fen=cost,
                pool_fen=pool,
                bank_fen=net - pool,
                excess_fen=excess,
                memo_fen=net,
            )
        )

    # --- what the close of a day does ----------------------------------------------------------------------------

    def _charge(self, kind: StreamKind, until: date, *, regular: bool) -> None:
        """Charge the uncharged days before a date, rounded once; government's part is rounded, the borrower's the rest."""
        lines = self.lines[kind]
        since = lines.charged_until or date.min
        if until <= since:
            return
        start, whole_units, gov_units = lines.units(since, until)
        lines.charged_until = until
        if not whole_units:
            return
        whole = round_half_up(interest_fen(whole_units, self.terms.basis))
        gov = round_half_up(interest_fen(gov_units, self.terms.basis))
        self.debt.charges.append(Charge(kind, start, until, until, whole, gov, whole_units, gov_units, 0, self.state))
        if not regular:
            self.exceptions[kind] = until
        self.movements.append(moved.InterestCharged(value_date=until, kind=kind, whole_fen=whole, gov_fen=gov, state=self.state))
        if whole > gov and until <= self.horizon.aged_through:
            self._visit_on(until)

    def _charge_overdue(self, until: date) -> None:
        for kind in _OVERDUE_KINDS:
            self._charge(kind, until, regular=False)

    def _age(self, day: date) -> None:
        """What was due and is unpaid at the close of a day becomes overdue from that day on; after 90 days, non-accrual."""
        if self.state is State.WRITTEN_OFF or not self.debt.instalments:
            return
        fallen = self.debt.age(day)
        if fallen:
            self.movements.append(moved.FellOverdue(value_date=day, fen=fallen, state=self.state))
        self._run_on(day)
        oldest = self.debt.oldest_due()
        if oldest is None or self.state is not State.ACCRUING:
            return
        if (day - oldest).days > NON_ACCRUAL_AFTER_DAYS:
            self._stop_accruing(day)
            return
        stops = oldest + (NON_ACCRUAL_AFTER_DAYS + 1) * DAY
        if stops <= self.horizon.aged_through:
            self._visit_on(stops)

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
        self._restate(State.NON_ACCRUAL)

    def _resume_if_cured(self, day: date) -> None:
        if self.state is not State.NON_ACCRUAL or self.debt.in_arrears(day):
            return
        self._restate(State.ACCRUING)
        self.movements.append(
            moved.ResumedAccruing(value_date=day, normal_fen=self.debt.principal_fen(), overdue_fen=0, unpaid=self.debt.unpaid())
        )

    def _restate(self, state: State) -> None:
        self.state = state
        for lines in self.lines.values():
            lines.restate(state)

    def _run_on(self, day: date) -> None:
        """Let interest run on from a day on what is now owed."""
        overdue, principal = self.debt.overdue_fen(), self.debt.principal_fen()
        last = self.debt.instalments[-1].instalment
        steps = contract_steps(self.rates, last.nominal if last.rolls else None)
        self.lines[StreamKind.CONTRACT].run(day, principal - overdue, steps, self.state)
        penalty = self.terms.penalty_percent
        self.lines[StreamKind.PENALTY].run(day, overdue, rate_steps(self.rates, penalty), self.state)
        matured = principal == overdue  # nothing is left inside the term
        with_penalty = self.terms.compound_base is CompoundBase.INTEREST_AND_PENALTY
        base = self.debt.aged_interest_fen(with_penalty=with_penalty)
        self.lines[StreamKind.COMPOUND].run(day, base, rate_steps(self.rates, penalty if matured else 100), self.state)
