"""Preview = booking: whoever pays by the schedule owes exactly what it says, day by day, whatever the terms."""

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger.calendar import DAY
from loans.errors import BadTerms
from loans.events import Disbursed, Repaid
from loans.life import Horizon, Life
from loans.replay import replay
from loans.schedule import Line, schedule
from loans.terms import (
    AT_MATURITY,
    NEVER,
    QUARTERS,
    Convention,
    Cycle,
    DayCount,
    Grace,
    GraceKind,
    LoanTerms,
    Method,
    RateStep,
    Rolling,
    StreamKind,
)
from loans.terms.cycles import MonthEnd, Stub
from loans.terms.loan import Step

DRAWN = date(2017, 3, 15)


@st.composite
def bookable_terms(draw: st.DrawFn) -> LoanTerms:
    """Terms under which a loan may be made, of every kind."""
    drawn = draw(st.dates(date(2015, 1, 1), date(2019, 12, 31)))
    method = draw(st.sampled_from(Method))
    length = draw(st.integers(2, 1_500))
    fen = draw(st.integers(100_000, 10**8))
    cycles = st.builds(
        Cycle, anchor=st.dates(drawn, drawn + 60 * DAY), every=st.integers(1, 12), stub=st.sampled_from(Stub),
        month_end=st.sampled_from(MonthEnd),
    )  # fmt: skip
    rate = draw(st.integers(0, 2 * 10**8))
    share = draw(st.sampled_from([0, 0, 30, 50, 100]))
    rates = [RateStep(drawn, rate, rate * share // 100)]
    if draw(st.booleans()):
        later = draw(st.integers(0, 2 * 10**8))
        rates.append(RateStep(drawn + draw(st.integers(1, 900)) * DAY, later, later * draw(st.sampled_from([0, 50])) // 100))
    own: dict[str, Any] = {}
    if method is Method.FIXED_PAYMENT:
        own["payment_fen"] = draw(st.integers(1, fen))
    if method is Method.CUSTOM:
        at = draw(st.lists(st.integers(1, length - 1), min_size=1, max_size=3, unique=True))
        own["table"] = tuple((drawn + day * DAY, max(1, fen // 5)) for day in sorted(at))
    if method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT) and draw(st.booleans()):
        own["steps"] = (Step(draw(st.integers(2, 5)), draw(st.integers(1, 300))),)
    if method is Method.FIXED_PAYMENT and draw(st.booleans()):
        own["balance_cap_fen"] = fen + draw(st.integers(0, fen))
    if method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT) and draw(st.booleans()):
        own["amortised_until"] = drawn + (length + draw(st.integers(0, 900))) * DAY
    own["flat"] = method is Method.EQUAL_PRINCIPAL and draw(st.booleans())
    kinds = draw(st.lists(st.sampled_from(GraceKind), max_size=2, unique=True))
    principal = draw(st.none() | cycles) if method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT) else None
    rolling = st.sampled_from([NEVER, AT_MATURITY, *(Rolling(convention=one) for one in Convention)])
    try:
        return LoanTerms(
            product="XEXD", principal_fen=fen, drawn_on=drawn, maturity=drawn + length * DAY, method=method,
            rates=tuple(rates), day_count=draw(st.sampled_from(DayCount)), interest=draw(cycles | st.just(QUARTERS)),
            principal=principal, rolling=draw(rolling),
            graces=tuple(Grace(kind, drawn, drawn + draw(st.integers(1, 300)) * DAY) for kind in kinds), **own,
        )  # fmt: skip
    except BadTerms:
        assume(False)
        raise


def lived(terms: LoanTerms, lines: tuple[Line, ...]) -> Life:
    """Return the life of a loan whose borrower pays each line on its due day."""
    events: list[Any] = [Disbursed(reference="d", value_date=terms.drawn_on, fen=int(terms.principal_fen))]
    for line in lines:
        fen = int(line.principal + line.interest - line.gov)
        if fen > 0:
            events.append(Repaid(reference=f"r{line.number:05}", value_date=line.due, fen=fen))
    end = lines[-1].due + 400 * DAY
    return replay(terms, events, Horizon(end, end))


def require_as_foreseen(terms: LoanTerms) -> None:
    """Compare a schedule with what becomes of a loan that is paid by it."""
    try:
        lines = schedule(terms)
    except BadTerms:
        return
    life = lived(terms, lines)
    assert not life.refusals
    foreseen: Counter[tuple[date, str]] = Counter()
    for line in lines:
        foreseen[line.due, "whole"] += int(line.interest)
        foreseen[line.due, "gov"] += int(line.gov)
    booked: Counter[tuple[date, str]] = Counter()
    for charge in life.charges:
        assert charge.kind is StreamKind.CONTRACT, "nothing is ever overdue"
        booked[charge.due, "whole"] += charge.whole_fen
        booked[charge.due, "gov"] += charge.gov_fen
    assert +booked == +foreseen
    assert not life.arrears
    standing = life.standing
    assert (standing.principal_fen, standing.excess_fen, standing.overdue_fen) == (0, 0, 0)
    assert all(charge.unpaid_fen == 0 for charge in life.charges)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(bookable_terms())
def test_who_pays_by_the_schedule_owes_what_it_says(terms: LoanTerms) -> None:
    assume(terms.unbookable is None)
    require_as_foreseen(terms)


def plain(method: Method = Method.BULLET, months: int = 8, **changes: Any) -> LoanTerms:
    """A loan of 50,000 yuan with monthly dates of its own."""
    maturity = date(DRAWN.year + (DRAWN.month + months - 1) // 12, (DRAWN.month + months - 1) % 12 + 1, DRAWN.day)
    terms = LoanTerms(
        product="XEXD", principal_fen=5_000_000, drawn_on=DRAWN, maturity=maturity, method=method,
        rates=(RateStep(DRAWN, 48_000_000),), day_count=DayCount.ACT_360, interest=Cycle(anchor=DRAWN), rolling=NEVER,
        **({"payment_fen": 10_000} if method is Method.FIXED_PAYMENT else {}),
    )  # fmt: skip
    return replace(terms, **changes)


def test_interest_capitalised_from_the_start_becomes_principal_and_changes_no_class() -> None:
    terms = plain(graces=(Grace(GraceKind.INTEREST_CAPITALISED, DRAWN, date(2017, 7, 15)),))
    lines = schedule(terms)
    assert [line.principal for line in lines[:2]] == [-20_667, -20_083]
    unpaid = replay(
        terms, [Disbursed(reference="d", value_date=DRAWN, fen=5_000_000)], Horizon(date(2017, 7, 31), date(2017, 7, 31))
    )
    assert unpaid.standing.principal_fen == 5_000_000 - sum(int(line.principal) for line in lines if line.principal < 0)
    assert unpaid.standing.oldest_due is None
    assert unpaid.classified(date(2017, 7, 31)).risk_class.label == "正常"
    require_as_foreseen(terms)


def test_a_fixed_payment_below_its_interest_raises_the_balance() -> None:
    terms = plain(Method.FIXED_PAYMENT)
    require_as_foreseen(terms)
    life = lived(terms, schedule(terms)[:-1])
    assert life.standing.principal_fen > 5_000_000
