"""Schedules of Apache Fineract's features as our terms: half-even at two decimals; the first schedule of a case is compared."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ledger.money import parse_yuan
from loans.schedule import schedule
from loans.terms import (
    NEVER,
    Cycle,
    DayCount,
    Grace,
    GraceKind,
    LoanTerms,
    Method,
    Mode,
    MonthEnd,
    RateStep,
    Residue,
    Rounding,
    Unit,
)

UNITS = {"DAYS": (1, Unit.DAYS), "WEEKS": (7, Unit.DAYS), "MONTHS": (1, Unit.MONTHS), "YEARS": (1, Unit.YEARS)}


def terms_of(case: Mapping[str, Any]) -> LoanTerms:
    """Return the terms that a case means."""
    t, product, tags = case["loan_terms"], case.get("product_terms", {}), case["tags"]
    drawn = date.fromisoformat(_disbursed(case))
    times, unit = UNITS[t["repayment_frequency"]]
    cycle = Cycle(
        anchor=drawn,
        every=times * int(t["repayment_every"]),
        unit=unit,
        month_end=MonthEnd.NEXT_MONTH if t.get("month_end_due_date_strategy") == "FIRST_DAY_OF_NEXT_MONTH" else MonthEnd.SAME_DAY,
    )
    ends = [day for day, _ in zip(cycle.after(drawn), range(int(t["number_of_repayments"])), strict=False)]
    graces = [
        Grace(kind, drawn, ends[int(t.get(name, 0)) - 1])
        for name, kind in (
            ("grace_on_principal_payment", GraceKind.PRINCIPAL_DEFERRED),
            ("grace_on_interest_payment", GraceKind.INTEREST_DEFERRED),
        )
        if int(t.get(name) or 0)
    ]
    equal = "equal_principal_payments" in tags
    return LoanTerms(
        product="FINERACT",
        principal_fen=parse_yuan(t["principal"]),
        drawn_on=drawn,
        maturity=ends[-1],
        method=Method.EQUAL_PRINCIPAL if equal else Method.EQUAL_INSTALMENT,
        rates=(RateStep(drawn, parse_rate(t["annual_rate_pct"])),),
        day_count=_day_count(tags, t),
        interest=cycle,
        rolling=NEVER,
        graces=tuple(graces),
        flat=t.get("interest_type") == "FLAT",
        rounding=Rounding(
            mode=Mode.HALF_EVEN,
            instalment_unit_fen=1 if equal else 100 * int(product.get("installmentAmountInMultiplesOf") or 0) or 1,
            residue=Residue.SPREAD if "progressive" in tags else Residue.LAST,
        ),
    )


def differences(case: Mapping[str, Any]) -> Iterator[str]:
    """Yield each line of a case's first schedule that ours does not have."""
    rows = [row for row in case["expected"][0]["rows"] if row["nr"]]
    lines = schedule(terms_of(case))
    if len(lines) != len(rows):
        yield f"{len(lines)} lines for {len(rows)}"
    for line, row in zip(lines, rows, strict=False):
        theirs = (date.fromisoformat(row["date"]), parse_yuan(row["principal_due"]), parse_yuan(row["interest"]))
        ours = (line.due, line.principal, line.interest)
        if ours != theirs:
            yield f"{row['nr']}: {ours} for {theirs}"


def parse_rate(percent: str) -> int:
    """Return ppb for a rate in percent."""
    whole, _, decimals = percent.partition(".")
    return int(whole + decimals.ljust(7, "0"))


def _disbursed(case: Mapping[str, Any]) -> str:
    return next(
        (event["date"] for event in case["events"] if event["type"] == "disburse"), case["loan_terms"].get("submitted_on")
    )


def _day_count(tags: list[str], t: Mapping[str, Any]) -> DayCount:
    if "calc_same_as_repayment_period" in tags or "diy_DAYS360_dim_DAYS30" in tags:
        return DayCount.MONTHS
    if "diy_DAYS365_dim_ACTUAL" in tags:
        return DayCount.ACT_365
    if "diy_DAYS360_dim_ACTUAL" in tags:
        return DayCount.ACT_360
    return DayCount.ACT_ACT
