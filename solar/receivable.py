"""A receivable (应收电费): what is due for the kWh of a month, the coal part from the grid and the subsidy part from the nation.

The coal part is rounded to the fen, the whole is rounded to the fen, and the subsidy is their difference (E8): no part is
rounded twice. Subsidy ends with the station's life: what a month generates beyond it bears the coal part alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from ledger.money import round_half_up
from solar.tariffs import Tariff, Tariffs

FEN = 100


@dataclass(frozen=True, slots=True)
class Due:
    """What is due for a month, in fen."""

    coal_fen: int = 0
    subsidy_fen: int = 0

    def __add__(self, other: "Due") -> "Due":
        return Due(self.coal_fen + other.coal_fen, self.subsidy_fen + other.subsidy_fen)

    def __sub__(self, other: "Due") -> "Due":
        return Due(self.coal_fen - other.coal_fen, self.subsidy_fen - other.subsidy_fen)


def due_for(kwh: Decimal, coal: Decimal, subsidy: Decimal, subsidised_kwh: Fraction | None = None) -> Due:
    """Return what is due for kWh at prices in yuan, of which some bear subsidy (none given: all)."""
    bearing = Fraction(kwh) if subsidised_kwh is None else subsidised_kwh
    exact_coal = Fraction(kwh) * Fraction(coal) * FEN
    coal_fen = round_half_up(exact_coal)
    whole_fen = round_half_up(exact_coal + bearing * Fraction(subsidy) * FEN)
    return Due(coal_fen, whole_fen - coal_fen)


def dues_of(kwh: Mapping[date, Decimal], tariff: Tariff, watts: int, connected_on: date, book: Tariffs) -> dict[date, Due]:
    """Return what is due for each month of a station's generation; the oldest months use up the kWh that bear subsidy.

    Raises:
        NoTariff: no coal price is known for a month.
    """
    left, ends = book.life.most_kwh(watts), book.life.ends_on(connected_on)
    found = {}
    for month, amount in sorted(kwh.items()):
        coal = book.coal_in(month)
        bearing = min(Fraction(amount), left) if month < ends else Fraction(0)
        left -= min(Fraction(amount), left)
        found[month] = due_for(amount, coal, tariff.subsidy_at(coal), bearing)
    return found
