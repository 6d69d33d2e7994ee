"""What the demo's borrowers do, day by day, in amounts that a bank's own system would ask: previews of the same engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from app.demo.portfolio import LAST, DemoLoan
from app.imports.cells import percent_ppb_cell
from ledger.calendar import DAY, add_months, following_working_day, working_days_after
from loans.events import Disbursed, Extended, LoanEvent, Repaid, Reversed
from loans.life import Horizon
from loans.products import product_on
from loans.replay import replay
from loans.subsidy.schemes import nationwide, scheme_on
from loans.terms import LoanTerms, settlement_days

PLENTY = 10**12


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a bank reports of a loan on a day: a line of its repayment, extension or claim file."""

    day: date
    loan: DemoLoan
    kind: str  # 还款 冲正 垫付费用 退款 展期 催收, or a claim's 材料 申请 审核 批准 拨付 划回 核销
    serial: str
    fen: int
    maturity: date | None = None
    actor: str = ""


def acts(loan: DemoLoan, number: int) -> Iterator[Act]:
    """Yield what happens to one loan within the demo; `number` picks the rarer stories."""
    terms = demo_terms(loan)
    events: list[LoanEvent] = [Disbursed(reference="d", value_date=loan.drawn_on, fen=loan.yuan * 100)]
    match loan.ending:
        case "on time" if number % 120 == 0 and loan.acts_on is not None:
            yield from _bounced(loan, terms, events, loan.acts_on)
        case "early" if number % 60 == 0 and loan.acts_on is not None:
            yield from _overpaid(loan, terms, events, loan.acts_on)
        case "on time" | "early" | "late" if loan.acts_on is not None and loan.acts_on <= LAST:
            yield _repaid(loan, "1", loan.acts_on, payoff(terms, events, loan.acts_on))
        case "extended" if loan.acts_on is not None:
            yield from _extended(loan, terms, events, loan.acts_on)
        case "defaulted":
            yield from _defaulted(loan, number)
        case "payer" | "late payer":
            yield from _interest_payments(loan, terms, events, 15 if loan.ending == "late payer" else 0)
        case _:
            return


def demo_terms(loan: DemoLoan) -> LoanTerms:
    """Return a demo loan's terms under its product."""
    rate = percent_ppb_cell(loan.rate)
    scheme = scheme_on(nationwide(), loan.product, "", loan.drawn_on)
    return product_on(loan.product, loan.drawn_on).terms(loan.yuan * 100, rate, loan.drawn_on, loan.maturity, scheme)


def payoff(terms: LoanTerms, events: list[LoanEvent], day: date) -> int:
    """Return what would clear a loan on a day, in fen."""
    life = replay(terms, [*events, Repaid(reference="~", value_date=day, fen=PLENTY)], Horizon(day - DAY, day - DAY))
    return PLENTY - life.standing.excess_fen


def dues(terms: LoanTerms, events: list[LoanEvent], day: date) -> int:
    """Return what is due of interest on a day, in fen, principal left alone."""
    life = replay(terms, [*events, Repaid(reference="~", value_date=day, fen=1)], Horizon(day - DAY, day - DAY))
    return sum(charge.unpaid_fen for charge in life.charges) + 1


def _repaid(loan: DemoLoan, serial: str, day: date, fen: int) -> Act:
    return Act(day, loan, "还款", f"{loan.contract}-{serial}", fen)


def _bounced(loan: DemoLoan, terms: LoanTerms, events: list[LoanEvent], day: date) -> Iterator[Act]:
    first = _repaid(loan, "1", day, payoff(terms, events, day))
    yield first
    bounced = working_days_after(day, 2)
    yield Act(bounced, loan, "冲正", first.serial, first.fen)
    again = working_days_after(bounced, 2)
    events = [
        *events,
        Repaid(reference="1", value_date=day, fen=first.fen),
        Reversed(reference="2", value_date=bounced, of="1"),
    ]
    yield _repaid(loan, "3", again, payoff(terms, events, again))


def _overpaid(loan: DemoLoan, terms: LoanTerms, events: list[LoanEvent], day: date) -> Iterator[Act]:
    yield _repaid(loan, "1", day, payoff(terms, events, day) + 10_000)
    yield Act(working_days_after(day, 5), loan, "退款", f"{loan.contract}-2", 10_000)


def _extended(loan: DemoLoan, terms: LoanTerms, events: list[LoanEvent], day: date) -> Iterator[Act]:
    maturity = add_months(loan.maturity, 6)
    yield Act(day, loan, "展期", f"{loan.contract}-1", 0, maturity=maturity)
    due = following_working_day(maturity)
    rate = percent_ppb_cell("4.75")
    extended = Extended(reference="1", value_date=day, maturity=maturity, rate_ppb=rate, gov_ppb=rate)
    if due <= LAST:
        yield _repaid(loan, "2", due, payoff(terms, [*events, extended], due))


def _defaulted(loan: DemoLoan, number: int) -> Iterator[Act]:
    """More than 90 days past due: dunned twice, a claim, in most cases a part recovered, in some the rest given up."""
    filed = following_working_day(loan.maturity + timedelta(days=100))
    approved, paid = working_days_after(filed, 5), working_days_after(filed, 8)
    claim = f"DC-{loan.contract}"
    for time, days in enumerate((30, 60), start=1):
        dunned = following_working_day(loan.maturity + timedelta(days=days))
        yield Act(dunned, loan, "催收", f"CS-{loan.contract}-{time}", 0, actor="银行经办01")
    yield Act(filed, loan, "材料", claim, 0)
    yield Act(filed, loan, "申请", claim, 0, actor="银行经办01")
    yield Act(working_days_after(filed, 3), loan, "审核", claim, 0, actor="扶贫办复核02")
    yield Act(approved, loan, "批准", claim, 0, actor="财政审批04")
    yield Act(paid, loan, "拨付", claim, 0, actor="财政拨付03")
    collected = working_days_after(paid, 15)
    if number % 3 == 0:
        return
    yield Act(collected, loan, "垫付费用", f"{loan.contract}-1", 50_000)
    yield _repaid(loan, "2", collected, 2_000_000)
    passed = working_days_after(collected, 3)
    yield Act(passed, loan, "划回", claim, (2_000_000 - 50_000) * 7 // 10, actor="银行经办01")
    if number % 3 == 1:
        yield Act(working_days_after(passed, 20), loan, "核销", claim, 0, actor="财政审批04")


def _interest_payments(loan: DemoLoan, terms: LoanTerms, events: list[LoanEvent], late_days: int) -> Iterator[Act]:
    for number, settled in enumerate(settlement_days(loan.drawn_on, LAST), start=1):
        day = settled + DAY + timedelta(days=late_days if number % 3 == 0 else 0)
        if day > LAST:
            return
        act = _repaid(loan, str(number), day, dues(terms, events, day))
        yield act
        events = [*events, Repaid(reference=act.serial, value_date=day, fen=act.fen)]
