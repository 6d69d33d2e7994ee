"""What a loan costs its borrower (借款人成本): interest after subsidy, and the yearly rate that it comes to (年化利率, IRR).

For showing, never for booking: the rate is the effective one at which what is paid is worth what was received, days over 365.
A loan whose interest government pays costs nothing, whatever its contract rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext

from ledger.money import PPB
from loans.schedule import Line, schedule
from loans.terms import LoanTerms

MOST_YEARLY = 100
"""Rates are looked for up to this multiple a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowerCost:
    """What a schedule costs: the borrower's interest and government's in fen, and the effective yearly rate in ppb."""

    interest_fen: int
    gov_fen: int
    yearly_ppb: int


def borrower_cost(terms: LoanTerms, lines: Sequence[Line]) -> BorrowerCost:
    """Return what a schedule costs its borrower, if all is paid as it falls due.

    What government pays back to a household that pays first (先收后贴) counts as if it came back on the day of its payment.
    """
    subsidised = schedule(replace(terms, household_first=False)) if terms.household_first else lines
    paid = [(line.due, int(line.payment - other.gov)) for line, other in zip(lines, subsidised, strict=True)]
    gov = int(sum(line.gov for line in subsidised))
    return BorrowerCost(
        interest_fen=int(sum(line.interest for line in lines)) - gov,
        gov_fen=gov,
        yearly_ppb=yearly_ppb(int(terms.principal_fen), terms.drawn_on, paid),
    )


def yearly_ppb(received_fen: int, received_on: date, paid: Sequence[tuple[date, int]]) -> int:
    """Return the effective yearly rate in ppb at which payments are worth what was received; nothing if they are no more.

    Found by halving, to the ppb; where payments change sign more than once the lowest rate is not sought after.
    """
    if sum(fen for _, fen in paid) <= received_fen:
        return 0
    with localcontext() as context:
        context.prec = 28
        years = [(Decimal((day - received_on).days) / 365, fen) for day, fen in paid]
        low, high = 0, MOST_YEARLY * PPB
        while high - low > 1:
            middle = (low + high) // 2
            growth = 1 + Decimal(middle) / PPB
            worth = sum((fen / growth**time for time, fen in years), Decimal(0))
            low, high = (middle, high) if worth > received_fen else (low, middle)
        return high
