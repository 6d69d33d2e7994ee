"""The equal instalment (等额本息的月供): the payment that ends the balance with the last date, exact.

Along the dates the balance and the interest that has run up stay linear in the instalment: (p − q·a) ÷ scale. The instalment
is where the last balance is nothing, so one walk serves any day count, stub, grace, and instalments that weigh differently.
With equal periods it is P·i·(1+i)ⁿ ÷ ((1+i)ⁿ − 1) (domain.md 4).
"""

from collections.abc import Sequence
from math import gcd

from loans.due_dates import DueDate
from loans.terms.rates import Ppb
from loans.terms.rounding import Fen


def instalment(
    dates: Sequence[DueDate],
    balance: Fen,
    units: tuple[Fen, Fen],
    rate: Ppb,
    whole: int,
    weights: Sequence[int],
    flat_base: Fen | None = None,
) -> tuple[Fen, Fen]:
    """Return the equal instalment in fen as (numerator, denominator).

    Args:
        dates: the dates that are left. The first counts with its own factor; of later ones the rate is taken to stay.
        balance: principal owed, fen.
        units: interest run up before the first date's days and not due, and government's part, in fen · ppb · ticks.
        rate: the rate from then on, ppb.
        whole: units that make one fen of interest: PPB × ticks of a year.
        weights: what each of the dates weighs, in percent.
        flat_base: the principal on which interest runs whatever the balance; none: the balance.
    """
    p: Fen = balance * whole
    q: Fen = 0
    ip, gp, scale = units[0], units[1], whole
    iq: Fen = 0
    gq: Fen = 0
    subsidised = any(on.capitalises for on in dates) and (bool(gp) or any(on.gov_factor for on in dates))
    for index, (on, weight) in enumerate(zip(dates, weights, strict=True)):
        factor = rate * on.ticks if index else on.factor
        shared = 1 if subsidised or not isinstance(factor, int) else gcd(whole, factor)
        factor, grown = factor // shared if shared > 1 else factor, whole // shared
        if subsidised:
            gp, gq = gp * grown + p * on.gov_factor, gq * grown + q * on.gov_factor
        if flat_base is None:
            ip, iq = ip * grown + p * factor, iq * grown + q * factor
        else:
            ip, iq = ip * grown + flat_base * scale * factor, iq * grown
        p, q, scale = p * grown, q * grown, scale * grown
        if on.principal:
            p, q = p + ip, q + iq + scale * weight
        elif on.capitalises:
            p, q = p + ip - gp, q + iq - gq
        if on.interest:
            ip = iq = gp = gq = 0
    return 100 * p, q
