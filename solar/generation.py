"""Generation (上网电量): what a station fed into the grid month by month, from what was read of its meter.

A reading gives a month's kWh, or what the meter's register (表底示数) stood at when the month ended; then the month has what the
register moved since the last one, less what was stated for months between. A swap of the meter (换表) joins two registers. All
readings and swaps together give all months, so the order in which they came does not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read for a month: kWh, or the register at its end."""

    kwh: Decimal | None = None
    register: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A meter replaced within a month: where the old register ended and the new one began."""

    month: date
    old_end: Decimal
    new_start: Decimal


class RegisterFalls(ValueError):
    """A register that stands lower than the one before it allows; `month` is where."""

    def __init__(self, month: date, kwh: Decimal) -> None:
        self.month, self.kwh = month, kwh
        super().__init__(f"{month:%Y-%m} 表底示数低于前次示数（加已登记的电量），相差 {-kwh} kWh；换表请先登记")


def months_of(
    reads: Mapping[date, Read], swaps: Sequence[Swap] = (), first_register: Decimal = Decimal(0)
) -> dict[date, Decimal]:
    """Return the kWh of each month that was read.

    Args:
        reads: by month.
        swaps: of the meter.
        first_register: where the first meter's register stood at connection.

    Raises:
        RegisterFalls: a register moves backwards.
    """
    found: dict[date, Decimal] = {}
    before, stated = first_register, Decimal(0)
    for month, one in sorted(reads.items()):
        if one.register is None:
            found[month] = one.kwh or Decimal(0)
            stated += found[month]
            continue
        through = one.register + sum((swap.old_end - swap.new_start for swap in swaps if swap.month <= month), Decimal(0))
        found[month] = through - before - stated
        if found[month] < 0:
            raise RegisterFalls(month, found[month])
        before, stated = through, Decimal(0)
    return found
