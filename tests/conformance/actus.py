"""ACTUS cases (PAM, LAM, NAM, ANN) as our terms, and our schedules as ACTUS events; amounts and times unrounded."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from ledger.money import PPB
from loans.schedule import schedule
from loans.terms import (
    NEVER,
    OPEN_END,
    Calendar,
    Convention,
    Cycle,
    DayCount,
    Grace,
    GraceKind,
    LoanTerms,
    Method,
    MonthEnd,
    RateStep,
    Reset,
    Rolling,
    Stub,
    Unit,
    floating_steps,
)

TOLERANCE = Fraction(1, 10**6)

DAY_COUNTS = {
    "A360": DayCount.ACT_360,
    "A365": DayCount.ACT_365,
    "AA": DayCount.ACT_ACT,
    "30E360": DayCount.THIRTY_360,
}
METHODS = {
    "PAM": Method.BULLET,
    "LAM": Method.EQUAL_PRINCIPAL,
    "NAM": Method.FIXED_PAYMENT,
    "ANN": Method.EQUAL_INSTALMENT,
}
CONVENTIONS = {
    "F": Convention.FOLLOWING,
    "MF": Convention.MODIFIED_FOLLOWING,
    "P": Convention.PRECEDING,
    "MP": Convention.MODIFIED_PRECEDING,
}
UNITS = {
    "D": (1, Unit.DAYS),
    "W": (7, Unit.DAYS),
    "M": (1, Unit.MONTHS),
    "Q": (3, Unit.MONTHS),
    "H": (6, Unit.MONTHS),
    "Y": (1, Unit.YEARS),
}


class Event(NamedTuple):
    """An ACTUS event: payoff and notional after it, in whole currency units."""

    day: date
    kind: str
    payoff: Fraction
    notional: Fraction


def terms_of(case: Mapping[str, Any]) -> LoanTerms:
    """Return the terms that an ACTUS case means; one currency unit is a hundred fen."""
    t = case["terms"]
    drawn = _day(t["initialExchangeDate"])
    ends = [_day(t[name]) for name in ("maturityDate", "amortizationDate") if t.get(name)]
    payment = t.get("nextPrincipalRedemptionPayment")
    graces = ()
    if t.get("capitalizationEndDate"):
        graces = (Grace(GraceKind.INTEREST_CAPITALISED, drawn, _day(t["capitalizationEndDate"])),)
    method = METHODS[t["contractType"]]
    if method is Method.BULLET and not t.get("cycleOfInterestPayment"):
        method = Method.AT_MATURITY
    return LoanTerms(
        product="ACTUS",
        principal_fen=_fen(t["notionalPrincipal"]),
        drawn_on=drawn,
        maturity=ends[0] if ends else OPEN_END,
        method=method,
        rates=_rates(case, drawn, ends[0] if ends else OPEN_END),
        day_count=DAY_COUNTS[t["dayCountConvention"]],
        interest=_cycle(t, "InterestPayment", drawn),
        principal=None if t["contractType"] == "PAM" else _cycle(t, "PrincipalRedemption", drawn),
        rolling=_rolling(t),
        graces=graces,
        payment_fen=None if payment is None else _fen(payment),
        flat=t.get("interestCalculationBase") == "NTIED",
        amortised_until=ends[-1] if len(ends) > 1 and ends[1] > ends[0] else None,
        rounding=None,
    )


def events_of(case: Mapping[str, Any]) -> list[Event]:
    """Return the principal, interest, capitalisation and maturity events of our schedule of a case."""
    terms = terms_of(case)
    found = []
    lines = schedule(terms)
    for line in lines:
        principal, interest, balance = (Fraction(fen) / 100 for fen in (line.principal, line.interest, line.balance))
        if line is lines[-1]:
            found.append(Event(line.due, "IP", interest, balance + principal))
            found.append(Event(line.due, "MD", principal, balance))
            continue
        if line.capitalises and not line.payment:
            found.append(Event(line.due, "IPCI", Fraction(0), balance))
            continue
        if principal:
            found.append(Event(line.due, "PR", principal, balance))
        if interest:
            found.append(Event(line.due, "IP", interest, balance))
    return found


def differences(case: Mapping[str, Any]) -> Iterator[str]:
    """Yield each of a case's events that ours do not have at 1e-6."""
    ours = {(e.day, e.kind): e for e in events_of(case)}
    end = _day(case["to"]) if case.get("to") else date.max
    for row in case["results"]:
        kind, day = row["eventType"], _day(row["eventDate"])
        payoff, notional = Fraction(str(row["payoff"])), Fraction(str(row["notionalPrincipal"]))
        if kind not in ("PR", "IP", "IPCI", "MD") or day > end or (kind == "IP" and not payoff):
            continue
        if kind == "IPCI" and day == _day(case["terms"]["initialExchangeDate"]):
            continue
        if kind == "PR" and not payoff:
            continue
        mine = ours.get((day, kind)) or (ours.get((day, "MD")) if kind == "PR" else None)
        if mine is None:
            yield f"{day} {kind} {payoff}: we have none"
        elif abs(mine.payoff - payoff) > TOLERANCE or abs(mine.notional - notional) > TOLERANCE:
            yield f"{day} {kind} payoff {mine.payoff} for {payoff}, notional {mine.notional} for {notional}"


def _rates(case: Mapping[str, Any], drawn: date, end: date) -> tuple[RateStep, ...]:
    t = case["terms"]
    first = RateStep(drawn, _ppb(t.get("nominalInterestRate", "0")))
    if not t.get("cycleOfRateReset"):
        return (first,)
    cycle = _cycle(t, "RateReset", drawn)
    assert cycle is not None
    observed = [
        (_day(point["timestamp"]), _ppb(point["value"])) for series in case["observed"].values() for point in series["data"]
    ]
    bounds = {name: _ppb(t[key]) if t.get(key) not in (None, "") else None for name, key in (
        ("floor_ppb", "lifeFloor"), ("cap_ppb", "lifeCap"), ("most_down_ppb", "periodFloor"), ("most_up_ppb", "periodCap"),
        ("next_ppb", "nextResetRate"),
    )}  # fmt: skip
    reset = Reset(
        cycle=cycle, multiplier_ppb=_ppb(t.get("rateMultiplier", "1")), spread_ppb=_ppb(t.get("rateSpread", "0")), **bounds
    )
    return floating_steps(first, reset, observed, end)


def _cycle(t: Mapping[str, Any], of: str, drawn: date) -> Cycle | None:
    written = t.get(f"cycleOf{of}")
    if not written:
        return None
    match = re.fullmatch(r"P(\d+)([DWMQHY])(?:L([01]))?", written)
    assert match, written
    (times, unit), every = UNITS[match[2]], int(match[1])
    anchor = t.get(f"cycleAnchorDateOf{of}")
    cycle = Cycle(anchor=_day(anchor) if anchor else drawn, every=every * times, unit=unit)
    return Cycle(
        anchor=cycle.anchor,
        every=cycle.every,
        unit=unit,
        stub=Stub.SHORT if match[3] == "1" else Stub.LONG,
        month_end=MonthEnd.LAST_DAY if t.get("endOfMonthConvention") == "EOM" else MonthEnd.SAME_DAY,
    )


def _rolling(t: Mapping[str, Any]) -> Rolling:
    written = t.get("businessDayConvention") or "NULL"
    if written in ("NULL", "NOS") or t.get("calendar", "NC") == "NC":
        return NEVER
    return Rolling(convention=CONVENTIONS[written[2:]], calendar=Calendar.WEEKDAYS, calculates_nominal=written.startswith("CS"))


def _day(written: str) -> date:
    return date.fromisoformat(written[:10])


def _fen(written: Any) -> Fraction:
    return 100 * Fraction(str(written).strip())


def _ppb(written: Any) -> Fraction:
    return PPB * Fraction(str(written).strip())
