"""Schedules of Chinese microloan cores as our terms: half up to the fen, a twelfth of the annual rate per month."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ledger.calendar import add_months
from ledger.money import parse_yuan
from loans.schedule import Line, schedule
from loans.terms import NEVER, Cycle, DayCount, LoanTerms, Method, RateStep, Residue, Rounding
from tests.conformance.fineract import parse_rate

DRAWN = date(2022, 1, 15)


def terms_of(case: Mapping[str, Any]) -> LoanTerms:
    """Return the terms that a case means; it names no date, so a date is given to it."""
    t = case["terms"]
    every = int(t.get("freq", "1 MONTHS").split()[0]) if " " in t.get("freq", "") else 1
    equal = "等额本金" in case["description"]
    last_interest = "月供-余额" in case.get("convention", "")
    return LoanTerms(
        product="CHINA",
        principal_fen=parse_yuan(t["principal"]),
        drawn_on=DRAWN,
        maturity=add_months(DRAWN, every * int(t["n"])),
        method=Method.EQUAL_PRINCIPAL if equal else Method.EQUAL_INSTALMENT,
        rates=(RateStep(DRAWN, parse_rate(t["annual_rate_pct"])),),
        day_count=DayCount.MONTHS,
        interest=Cycle(anchor=DRAWN, every=every),
        rolling=NEVER,
        rounding=Rounding(residue=Residue.LAST_INTEREST if last_interest else Residue.LAST),
    )


def differences(case: Mapping[str, Any]) -> Iterator[str]:
    """Yield each figure of a case that ours does not have."""
    lines = schedule(terms_of(case))
    expected = case["expected"]
    if "instalment" in expected:
        expected = {"0": {"instalment": expected["instalment"]}}
    for index, row in expected.items():
        ours = _figures(lines[int(index)])
        for name, written in row.items():
            if ours[name] != parse_yuan(written):
                yield f"{index} {name}: {ours[name]} for {written}"


def _figures(line: Line) -> dict[str, Any]:
    return {
        "instalment": line.payment, "interest": line.interest, "principal": line.principal, "remainingPrincipal": line.balance
    }  # fmt: skip
