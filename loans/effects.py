"""Effects: what each event does to a running loan, one function per event; an event that can't happen leaves its reason."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import singledispatch
from typing import Any

from ledger.calendar import DAY, add_months
from ledger.money import PPB, split_in_two, yuan
from loans import movements as moved
from loans.allocation import allocate
from loans.classification import Judgement, best_class
from loans.debt import COMPOUND, COST, INTEREST, PENALTY, PRINCIPAL
from loans.errors import BadTerms
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
    SubsidyRefused,
    TakenOver,
    WrittenOff,
)
from loans.instalments import lay_out
from loans.life import Charge
from loans.movements import State, Unpaid
from loans.running import AHEAD, CONTRACT, WRITTEN_OFF, Running
from loans.schedule import Position
from loans.steps import set_rate
from loans.terms import (
    NON_ACCRUAL_AFTER_DAYS,
    Cycle,
    Grace,
    GraceKind,
    RateStep,
    StreamKind,
    last_settlement_before,
)


def apply(loan: Running, event: LoanEvent) -> None:
    """Let an event happen to a loan, in its turn; the reason why it can't is added to the loan's refusals."""
    if loan.begun and isinstance(event, TakenOver):
        loan.refusals.append("已经放款")
    elif not loan.begun and not isinstance(event, Disbursed | TakenOver):
        loan.refusals.append("尚未放款")
    else:
        try:
            happen(event, loan)
        except BadTerms as refused:
            loan.refusals.append(refused.detail)


@singledispatch
def happen(event: LoanEvent, loan: Running) -> None:  # noqa: ARG001 - the registered ones use it
    """Let an event happen.

    Raises:
        TypeError: an event that no rule knows.
    """
    raise TypeError(event)


@happen.register
def _disburse(event: Disbursed, loan: Running) -> None:
    day, terms = event.value_date, loan.terms
    if not loan.begun and day != terms.drawn_on:
        loan.refusals.append("放款日与合同起息日不符")
    if loan.state is not State.ACCRUING or day >= terms.maturity:
        loan.refusals.append("已到期、非应计或已核销的贷款不能放款")
    if loan.drawn_fen + event.fen > terms.principal_fen:
        loan.refusals.append("已经放款" if loan.drawn_fen == terms.principal_fen else "放款金额超过借款合同金额")
    if loan.refusals:
        return
    loan.drawn_fen += event.fen
    if loan.begun:
        loan.plan(day, more=event.fen)
    else:
        loan.begin(day, lay_out(terms, Position(day=day, balance=event.fen)))
    loan.movements.append(moved.LoanPaidOut(value_date=day, fen=event.fen))
    loan.run_on(day)


@happen.register
def _take_over(event: TakenOver, loan: Running) -> None:
    terms, day = loan.terms, event.value_date
    if not 0 < event.principal_fen <= terms.principal_fen:
        loan.refusals.append("接管本金必须大于零且不超过合同金额")
    plan = lay_out(terms, Position(day=terms.drawn_on, balance=terms.principal_fen))
    settled = max(terms.drawn_on, last_settlement_before(day) + DAY)
    if not terms.settles_quarterly:
        settled = max([terms.drawn_on, *(line.counted for line in plan.instalments if line.charges and line.due <= day)])
    if not settled <= event.charged_until <= day + DAY:
        loan.refusals.append("已结息日期必须在上一结息日（或起息日）与接管日之间")
    loan.drawn_fen = int(terms.principal_fen)
    loan.begin(day, plan, loan.drawn_fen - event.principal_fen)
    for kind, due, fen in sorted(event.unpaid, key=lambda unpaid: unpaid[1]):
        until = event.charged_until
        loan.debt.charge(Charge(StreamKind(kind), until, until, due, fen, 0, 0, 0, 0, loan.state))
        if due >= day:
            loan.visit_on(due)
    for lines in loan.lines.values():
        lines.charge(event.charged_until)
    loan.exceptions[StreamKind.CONTRACT] = event.charged_until
    loan.movements.append(moved.LoanTakenOver(value_date=day, principal_fen=event.principal_fen, unpaid=loan.debt.unpaid()))
    fallen, _ = loan.debt.age(day - DAY)
    if fallen:
        loan.movements.append(moved.FellOverdue(value_date=day, fen=fallen, state=loan.state))
    if any(line.overdue and line.instalment.due > event.charged_until for line in loan.debt.instalments()):
        loan.refusals.append("接管前到期的本金，利息须已结至其到期日")
    loan.run_on(event.charged_until)
    if loan.plans_anew:
        loan.plan(day)  # with the interest that has run up since
        loan.run_on(event.charged_until)


@happen.register
def _set_rate(event: RateSet, loan: Running) -> None:
    step = RateStep(event.value_date, event.rate_ppb, event.gov_ppb)
    loan.change(event.value_date, rates=set_rate(loan.terms, step, event.later))


@happen.register
def _extend(event: Extended, loan: Running) -> None:
    if event.maturity <= max(loan.debt.last.nominal, event.value_date):
        loan.refusals.append("展期后到期日必须晚于原到期日和签订日")
    _agree_anew(loan, event, "展期")


@happen.register
def _restructure(event: Restructured, loan: Running) -> None:
    day = event.value_date
    changes: dict[str, Any] = {}
    if event.method is not None:
        changes |= {"method": event.method, "table": (), "steps": (), "payment_fen": None}
    if event.every_months is not None:
        cycle = Cycle(anchor=add_months(day, event.every_months), every=event.every_months)
        changes |= {"interest": cycle, "principal": None}
    if event.principal_from is not None:
        changes["graces"] = (*loan.terms.graces, Grace(GraceKind.PRINCIPAL_DEFERRED, day, event.principal_from))
    if event.maturity <= day:
        loan.refusals.append("重组后到期日必须晚于签订日")
    _agree_anew(loan, event, "重组", **changes)
    loan.judgements.append(Judgement(day, None, "债务重组"))


def _agree_anew(loan: Running, event: Extended | Restructured, what: str, **changes: Any) -> None:
    """Plan all that is owed of principal anew, arrears included, to another maturity and at another rate."""
    day = event.value_date
    if loan.state is State.WRITTEN_OFF:
        loan.refusals.append(f"已核销的贷款不能{what}")
    elif not loan.debt.principal_fen():
        loan.refusals.append(f"已还清的贷款不能{what}")
    if loan.refusals:
        return
    overdue = loan.debt.overdue_fen()
    if overdue:
        loan.charge_overdue(day)
        loan.movements.append(moved.Cured(value_date=day, fen=overdue, state=loan.state))
    rates = set_rate(loan.terms, RateStep(day, event.rate_ppb, event.gov_ppb))
    if event.follows_months is not None and loan.terms.floating is not None:
        changes["floating"] = replace(loan.terms.floating, months=event.follows_months)
    loan.plan(day, changed=replace(loan.terms, maturity=event.maturity, rates=rates, **changes), all_of_it=True)
    loan.run_on(day)
    loan.resume_if_cured(day)


@happen.register
def _grant_grace(event: GraceGranted, loan: Running) -> None:
    grace = Grace(event.grace, event.value_date, event.until)
    loan.change(event.value_date, graces=(*loan.terms.graces, grace))


@happen.register
def _find_misuse(event: MisuseFound, loan: Running) -> None:
    for kind in StreamKind:
        loan.charge(kind, event.value_date, event.value_date, regular=False)
    loan.misused = True
    loan.run_on(event.value_date)


@happen.register
def _inherit(event: Inherited, loan: Running) -> None:
    if not event.subsidised:
        _end_subsidy(loan, event.value_date)


@happen.register
def _refuse_subsidy(event: SubsidyRefused, loan: Running) -> None:
    day, charged, before = event.value_date, loan.debt.government_fen(), len(loan.refusals)
    if not 0 <= event.fen <= charged:
        loan.refusals.append(f"不予贴息 {yuan(event.fen)} 元，超过财政已承担的利息 {yuan(charged)} 元")
    if loan.state is State.WRITTEN_OFF:
        loan.refusals.append("已核销的贷款不能改变贴息")
    if len(loan.refusals) > before:
        return
    if event.fen:
        due = loan.debt.refuse_subsidy(event.fen, day, loan.state)
        loan.movements.append(moved.SubsidyTurnedDown(value_date=day, fen=event.fen, state=loan.state))
        if due <= loan.horizon.aged_through:
            loan.visit_on(due)
    if event.stops:
        _end_subsidy(loan, day)


def _end_subsidy(loan: Running, day: date) -> None:
    """From a day on, let the borrower bear all interest."""
    now, steps = loan.terms.rate_on(day), loan.terms.rates
    later = [step for step in steps if step.start > day]
    if any(step.gov_ppb for step in (now, *later)):
        before = [step for step in steps if step.start < day]
        loan.change(day, rates=(*before, RateStep(day, now.rate_ppb), *(replace(step, gov_ppb=0) for step in later)))


@happen.register
def _reclassify(event: Reclassified, loan: Running) -> None:
    best = best_class(event.value_date, loan.debt.oldest_due(), loan.judgements)
    if best.worse_than(event.risk_class):
        loan.refusals.append(f"按逾期天数或重组观察期，最高只能划为{best.label}")
    loan.judgements.append(Judgement(event.value_date, event.risk_class, event.reason))


@happen.register
def _lay_out_cost(event: CostAdvanced, loan: Running) -> None:
    loan.debt.cost_fen += event.fen
    loan.movements.append(moved.CostLaidOut(value_date=event.value_date, fen=event.fen))


@happen.register
def _repay(event: Repaid, loan: Running) -> None:
    if loan.state is WRITTEN_OFF:
        _recover(event, loan)
        return
    day, oldest, debt = event.value_date, loan.debt.oldest_due(), loan.debt
    if debt.overdue_fen() or loan.misused or loan.lines[StreamKind.COMPOUND].base_fen:
        loan.charge_overdue(day)
    late = oldest is not None and (day - oldest).days > NON_ACCRUAL_AFTER_DAYS
    order = loan.terms.late_order if late else loan.terms.early_order
    paid, left = allocate(event.fen, debt.owed(day), order)
    overdue_paid = 0
    for component, fen in paid.items():
        if fen:
            overdue_paid += debt.pay(component, fen)
    left, interest = _prepay_interest(loan, day, left, always=event.prepays is AHEAD)
    prepaid = loan.prepay(day, left, event.prepays)
    loan.excess += left - prepaid
    loan.movements.append(
        moved.PaidIn(
            value_date=day,
            cost_fen=paid[COST],
            paid=Unpaid(paid[INTEREST] + interest, paid[PENALTY], paid[COMPOUND]),
            overdue_fen=overdue_paid,
            normal_fen=paid[PRINCIPAL] - overdue_paid + prepaid,
            excess_fen=left - prepaid,
            state=loan.state,
        )
    )
    loan.run_on(day)
    loan.resume_if_cured(day)


def _prepay_interest(loan: Running, day: date, left: int, *, always: bool) -> tuple[int, int]:
    """When a payment would clear the principal (or always), charge what has accrued and pay it first (利随本清)."""
    undue = loan.debt.principal_fen()
    if undue == 0 or left == 0 or (left < undue and not always):
        return left, 0
    loan.charge(CONTRACT, day, day, regular=False, funds=left)
    interest = min(left, loan.debt.unpaid_interest_fen())
    loan.debt.pay(INTEREST, interest)
    return left - interest, interest


@happen.register
def _refund(event: Refunded, loan: Running) -> None:
    if event.fen > loan.excess:
        loan.refusals.append(f"退款 {yuan(event.fen)} 元超过暂收款 {yuan(loan.excess)} 元")
    loan.excess -= event.fen
    loan.movements.append(moved.ExcessRefunded(value_date=event.value_date, fen=event.fen))


@happen.register
def _write_off(event: WrittenOff, loan: Running) -> None:
    day = event.value_date
    for kind in StreamKind:
        loan.charge(kind, day, day, regular=False)
    principal, unpaid = loan.debt.principal_fen(), loan.debt.unpaid()
    if loan.state is not State.NON_ACCRUAL:
        loan.refusals.append("只有非应计贷款可以核销")
    if event.pool_fen > principal:
        loan.refusals.append("风险补偿款超过剩余本金")
    loan.movements.append(moved.LoanWrittenOff(value_date=day, principal_fen=principal, pool_fen=event.pool_fen, unpaid=unpaid))
    for lines in loan.lines.values():
        lines.cut(day)
    loan.debt.give_up()
    loan.given_up = principal + unpaid.total_fen
    loan.pool_share, loan.pool_lost = Fraction(event.pool_share_ppb, PPB), event.pool_fen
    loan.state = State.WRITTEN_OFF


def _recover(event: Repaid, loan: Running) -> None:
    cost = min(event.fen, loan.debt.cost_fen)
    net = min(event.fen - cost, loan.given_up)
    pool = min(split_in_two(net, loan.pool_share)[0], loan.pool_lost)  # until its payout is back
    excess = event.fen - cost - net
    loan.debt.cost_fen -= cost
    loan.given_up -= net
    loan.pool_lost -= pool
    loan.excess += excess
    loan.movements.append(
        moved.RecoveredAfterWriteOff(
            value_date=event.value_date, cost_fen=cost, pool_fen=pool, bank_fen=net - pool, excess_fen=excess, memo_fen=net
        )
    )
