"""Schedules worked out by hand: plain Decimal arithmetic with the days written down, nothing shared with the engine.

Run `python tests/hand.py` to read them; `tests/test_schedule.py` compares each with `loans.schedule`. Amounts are yuan. A row is
(principal, interest, balance) of a date; days between dates are counted on a calendar and given as figures.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, getcontext

getcontext().prec = 40
D = Decimal
Row = tuple[Decimal, Decimal, Decimal]


def fen(exact: Decimal, mode: str = ROUND_HALF_UP) -> Decimal:
    return exact.quantize(D("0.01"), mode)


def yuan(exact: Decimal) -> Decimal:
    return exact.quantize(D("1"), ROUND_HALF_UP)


def annuity(principal: Decimal, monthly: Decimal, months: int) -> Decimal:
    """P·i·(1+i)ⁿ ÷ ((1+i)ⁿ − 1)."""
    growth = (1 + monthly) ** months
    return principal * monthly * growth / (growth - 1)


def pay_down(principal: Decimal, interests: Iterable[Decimal], payment: Decimal, mode: str = ROUND_HALF_UP) -> list[Row]:
    """Return rows of equal payments; `interests` are what a yuan of balance bears in each period; the last pays the rest."""
    rows, balance, factors = [], principal, list(interests)
    for number, factor in enumerate(factors, start=1):
        interest = fen(balance * factor, mode)
        part = balance if number == len(factors) else payment - interest
        balance -= part
        rows.append((part, interest, balance))
    return rows


def parts(principal: Decimal, parts_: Sequence[Decimal], interests: Sequence[Decimal]) -> list[Row]:
    """Return rows of given parts of principal."""
    rows, balance = [], principal
    for part, factor in zip(parts_, interests, strict=True):
        interest = fen(balance * factor)
        balance -= part
        rows.append((part, interest, balance))
    return rows


def quarters(rate: str, days: Sequence[int], year: int = 360) -> list[Decimal]:
    return [D(rate) * n / year for n in days]


P = D(50000)
I12 = D("0.0475") / 12
NOTHING = D(0)

EXAMPLES: dict[str, list[Row]] = {}
# 等额本息, a twelfth of the year each month
EXAMPLES["annuity 36 months"] = pay_down(P, [I12] * 36, fen(annuity(P, I12, 36)))
EXAMPLES["annuity 12 months"] = pay_down(P, [I12] * 12, fen(annuity(P, I12, 12)))
EXAMPLES["annuity 120 months"] = pay_down(P, [I12] * 120, fen(annuity(P, I12, 120)))
EXAMPLES["annuity without interest"] = pay_down(P, [NOTHING] * 12, fen(P / 12))
EXAMPLES["annuity half even"] = pay_down(P, [I12] * 12, fen(annuity(P, I12, 12), ROUND_HALF_EVEN), ROUND_HALF_EVEN)
EXAMPLES["annuity in whole yuan"] = pay_down(P, [I12] * 12, yuan(annuity(P, I12, 12)))
equal = fen(annuity(P, I12, 12))
rows = pay_down(P, [I12] * 12, equal)
EXAMPLES["annuity whose last interest is the rest"] = [*rows[:-1], (rows[-1][0], equal - rows[-1][0], NOTHING)]
quarterly = D("0.0475") / 4
EXAMPLES["annuity by the quarter"] = pay_down(P, [quarterly] * 12, fen(annuity(P, quarterly, 12)))
EXAMPLES["annuity after six months of interest only"] = [
    *[(NOTHING, fen(P * I12), P)] * 6,
    *pay_down(P, [I12] * 6, fen(annuity(P, I12, 6))),
]
EXAMPLES["annuity with three months deferred"] = [
    *[(NOTHING, NOTHING, P)] * 3,
    (NOTHING, fen(P * I12 * 4), P),
    *pay_down(P, [I12] * 8, fen(annuity(P, I12, 8))),
]
grown = P + fen(P * I12)
grown += fen(grown * I12)
first_month = P + fen(P * I12)
EXAMPLES["annuity after two months capitalised"] = [
    (-fen(P * I12), fen(P * I12), first_month),
    (-fen(first_month * I12), fen(first_month * I12), grown),
    *pay_down(grown, [I12] * 10, fen(annuity(grown, I12, 10))),
]
# Two months free: their growth is 1, so the payment is (P ÷ annuity of the ten that follow) with two payments before them.
bearing = sum((1 + I12) ** -n for n in range(1, 11))
EXAMPLES["annuity with two months free"] = pay_down(P, [NOTHING, NOTHING, *[I12] * 10], fen(P / (2 + bearing)))
balloon = fen(annuity(P, I12, 36))
EXAMPLES["balloon: as of 36 months, due after 12"] = pay_down(P, [I12] * 12, balloon)
# Steps: months 1–6 weigh 1, months 7–12 weigh 1.5.
weights = [D(1)] * 6 + [D("1.5")] * 6
worth = sum(weight * (1 + I12) ** -n for n, weight in enumerate(weights, start=1))
base = fen(P / worth)
stepped, balance = [], P
for number, weight in enumerate(weights, start=1):
    interest = fen(balance * I12)
    part = balance if number == 12 else fen(base * weight) - interest
    balance -= part
    stepped.append((part, interest, balance))
EXAMPLES["annuity that rises by half after six months"] = stepped
# The rate falls from 4.75 % to 3.60 % after the sixth month: the instalment is made anew from the balance.
low = D("0.036") / 12
before = pay_down(P, [I12] * 12, fen(annuity(P, I12, 12)))[:6]
EXAMPLES["annuity made anew at a lower rate"] = [
    *before,
    *pay_down(before[-1][2], [low] * 6, fen(annuity(before[-1][2], low, 6))),
]
# 等额本金
EXAMPLES["equal principal 12 months"] = parts(P, [fen(P / 12)] * 11 + [P - 11 * fen(P / 12)], [I12] * 12)
EXAMPLES["equal principal, the first takes the residue"] = parts(P, [P - 11 * fen(P / 12)] + [fen(P / 12)] * 11, [I12] * 12)
EXAMPLES["equal principal in whole yuan"] = parts(P, [yuan(P / 12)] * 11 + [P - 11 * yuan(P / 12)], [I12] * 12)
EXAMPLES["equal principal after six months of grace"] = parts(
    P, [NOTHING] * 6 + [fen(P / 6)] * 5 + [P - 5 * fen(P / 6)], [I12] * 12
)
EXAMPLES["equal principal of an agreed part"] = parts(P, [D(4000)] * 11 + [D(6000)], [I12] * 12)
EXAMPLES["等本等息: flat"] = [
    (fen(P / 12) if n < 12 else P - 11 * fen(P / 12), fen(P * I12), P - n * fen(P / 12) if n < 12 else NOTHING)
    for n in range(1, 13)
]
# Seasonal: nothing from December to February. Drawn 2017-03-15; interest each month, principal in the nine others.
EXAMPLES["seasonal equal principal"] = parts(P, [fen(P / 9)] * 8 + [NOTHING] * 3 + [P - 8 * fen(P / 9)], [I12] * 12)
# 固定还款额: 100 a month does not pay the interest of 197.92, so the balance grows; capped, it stays at 50,200.
growing, balance = [], P
for number in range(1, 13):
    interest = fen(balance * I12)
    part = balance if number == 12 else D(100) - interest
    balance -= part
    growing.append((part, interest, balance))
EXAMPLES["fixed payment below its interest"] = growing
capped, balance = [], P
for number in range(1, 13):
    interest = fen(balance * I12)
    part = balance if number == 12 else max(D(100) - interest, balance - D(50200))
    balance -= part
    capped.append((part, interest, balance))
EXAMPLES["fixed payment, balance capped"] = capped
# 按期付息到期还本, real days: 2017-03-15 to 2018-03-15 by the month, 31 30 31 30 31 31 30 31 30 31 31 28 days.
MONTHS = [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28]
EXAMPLES["bullet, months of real days over 360"] = parts(P, [NOTHING] * 11 + [P], quarters("0.0435", MONTHS))
EXAMPLES["bullet, months of real days over 365"] = parts(P, [NOTHING] * 11 + [P], quarters("0.0435", MONTHS, 365))
EXAMPLES["bullet, thirty days a month"] = parts(P, [NOTHING] * 11 + [P], [D("0.0435") * 30 / 360] * 12)
# Each day's interest counts; only the sum since the start is rounded (一次舍入).
total, charged, once = D(0), D(0), []
for number, n in enumerate(MONTHS, start=1):
    total += P * D("0.0435") * n / 360
    interest = fen(total) - charged
    charged += interest
    once.append((P if number == 12 else NOTHING, interest, NOTHING if number == 12 else P))
EXAMPLES["bullet, rounded once over its life"] = once
# ISDA over a leap year: 2015-12-15 to 2016-03-15 is 17 days of 2015 and 74 of 2016; to 2016-06-15, 92 of 2016.
EXAMPLES["bullet over a leap year by ISDA"] = parts(
    P, [NOTHING, P], [D("0.0435") * (D(17) / 365 + D(74) / 366), D("0.0435") * D(92) / 366]
)
# 利随本清 by 逐笔: 2017-03-15 to 2018-04-25 is 13 whole months and 10 odd days.
EXAMPLES["at maturity, months and odd days"] = [(P, fen(P * D("0.0435") * (13 * 30 + 10) / 360), NOTHING)]
EXAMPLES["at maturity, real days"] = [(P, fen(P * D("0.0435") * 406 / 360), NOTHING)]
EXAMPLES["one day"] = [(P, fen(P * D("0.0435") / 360), NOTHING)]
# 自定义: 20,000 on 2017-06-15 (92 days), 10,000 on 2017-12-15 (183 days), the rest on 2018-03-15 (90 days).
EXAMPLES["a table of dates"] = parts(P, [D(20000), D(10000), D(20000)], quarters("0.0435", [92, 183, 90]))
# Stubs: 2017-03-15 to 2017-06-01 by the month: 31 and 30 days and 17 odd ones; long, 31 and 47.
EXAMPLES["a short last period"] = parts(P, [NOTHING, NOTHING, P], quarters("0.0435", [31, 30, 17]))
EXAMPLES["a long last period"] = parts(P, [NOTHING, P], quarters("0.0435", [31, 47]))
# 2017-09-30 (a Saturday at work) to 2018-01-01 (a holiday), rolled to 2018-01-02: 92 + 2 days, or 92 + 1 by the nominal date.
EXAMPLES["a maturity on a holiday"] = [(P, fen(P * D("0.0435") * 94 / 360), NOTHING)]
EXAMPLES["a maturity on a holiday, counted to its date"] = [(P, fen(P * D("0.0435") * 93 / 360), NOTHING)]

if __name__ == "__main__":
    for name, rows in EXAMPLES.items():
        print(name)
        for principal, interest, balance in rows:
            print(f"    {principal:>12} {interest:>10} {balance:>12}")
