"""Sizing (测算): can this roof carry this loan? Year by year from the sun to the last fen, pure and exact.

A year's yield times the tariff is cash, rounded to the fen; the share of the loan pays the interest on the opening balance,
rounded to the fen, and then principal. In subsidised years government pays the interest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ledger.money import PPB, round_half_up, split_in_two
from solar.errors import SizingRefused
from solar.sun import Sun

LIFE_YEARS = 25
"""How long a plant lives (domain.md 3.2): what is not repaid by then never is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A roof with its loan and contract.

    Attributes:
        sun, watts: what the roof yields.
        tariff: in ten-thousandths of a yuan for a kWh; 8,500 is 0.85 元.
        loan_fen, rate_ppb: the loan.
        share: of cash that goes to the loan, in per cent.
        subsidised_years: in which government pays the interest; `LIFE_YEARS` is all of them.
        grace_years: in which no principal falls due.
    """

    sun: Sun
    watts: int
    tariff: int
    loan_fen: int
    rate_ppb: int
    share: int = 85
    subsidised_years: int = 0
    grace_years: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no case.

        Raises:
            SizingRefused: an amount, a share or a number of years that can't be.
        """
        if min(self.watts, self.tariff, self.loan_fen) <= 0 or self.rate_ppb < 0:
            raise SizingRefused("容量、电价和贷款金额必须大于零，利率不得为负")
        if not 0 < self.share <= 100 or min(self.subsidised_years, self.grace_years) < 0:
            raise SizingRefused("还贷比例应在 1% 到 100% 之间，年数不得为负")


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """One year: what the roof brings and what becomes of the loan; amounts in fen, the balance at its end."""

    number: int
    kwh: Fraction
    cash_fen: int
    share_fen: int
    interest_fen: int
    government_fen: int
    principal_fen: int
    balance_fen: int


def repayment(case: Case) -> list[Year]:
    """Return the years until the loan is repaid, all the loan's share paying it; of the plant's whole life if it never is."""
    found, balance = [], case.loan_fen
    for number in range(1, LIFE_YEARS + 1):
        cash, share, interest = _income(case, number, balance)
        government = interest if number <= case.subsidised_years else 0
        principal = min(balance, share - (interest - government))
        balance -= principal
        found.append(
            Year(
                number=number, kwh=case.sun.yearly_kwh(case.watts, number), cash_fen=cash, share_fen=share, interest_fen=interest,
                government_fen=government, principal_fen=principal, balance_fen=balance,
            )
        )  # fmt: skip
        if balance <= 0:
            break
    return found


def years_to_repay(case: Case) -> int | None:
    """Return how many years it takes, None if the plant does not live so long."""
    path = repayment(case)
    return len(path) if path[-1].balance_fen <= 0 else None


def government_fen(case: Case) -> int:
    """Return what government pays of the interest until the loan is repaid."""
    return sum(year.government_fen for year in repayment(case))


def carries(case: Case, term_years: int) -> bool:
    """Tell whether the roof pays every year of a contract of so many years, with equal principal after the grace.

    What a year leaves is kept for later ones.

    Raises:
        SizingRefused: the term leaves no year for principal.
    """
    return min(_kept(case, term_years)) >= 0


def least_share(case: Case, term_years: int) -> int | None:
    """Return the least share in whole per cent that carries a contract of so many years; None if not even all income does."""
    return next((share for share in range(1, 101) if carries(replace(case, share=share), term_years)), None)


def least_term(case: Case) -> int | None:
    """Return the shortest contract in years that the roof carries at its share, None if none of its life does."""
    return next((years for years in range(case.grace_years + 1, LIFE_YEARS + 1) if carries(case, years)), None)


def _kept(case: Case, term_years: int) -> Sequence[int]:
    """Return what is kept after each year of a contract; below zero is what is lacking."""
    parts = term_years - case.grace_years
    if parts < 1:
        raise SizingRefused("期限须长于宽限期")
    balance, kept, found = case.loan_fen, 0, []
    each = round_half_up(Fraction(case.loan_fen, parts))
    for number in range(1, term_years + 1):
        _, share, interest = _income(case, number, balance)
        due = balance if number == term_years else each if number > case.grace_years else 0
        kept += share - due - (0 if number <= case.subsidised_years else interest)
        balance -= due
        found.append(kept)
    return found


def _income(case: Case, number: int, balance: int) -> tuple[int, int, int]:
    """Return a year's cash, the loan's share of it, and the interest on its opening balance."""
    cash = round_half_up(case.sun.yearly_kwh(case.watts, number) * case.tariff / 100)
    share, _ = split_in_two(cash, Fraction(case.share, 100))
    return cash, share, round_half_up(Fraction(balance * case.rate_ppb, PPB))
