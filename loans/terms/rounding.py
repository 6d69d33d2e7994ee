"""Rounding (舍入): to which unit and how a schedule's figures are rounded, and which instalment takes the residue.

Without a rounding a schedule is exact, in fractions of a fen, for comparison with standards; only loans with one are booked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from loans.errors import BadTerms

Fen: TypeAlias = int | Fraction
"""An amount in fen: whole under a rounding, exact without one."""


class Mode(StrEnum):
    """Where what lies between two units goes."""

    HALF_UP = "half_up"  # 四舍五入: a half goes away from zero
    HALF_EVEN = "half_even"  # 四舍六入五成双
    DOWN = "down"  # 舍去: towards zero
    UP = "up"  # 进位: away from zero


class Place(StrEnum):
    """At which figure interest is rounded."""

    CHARGE = "charge"  # each period's interest, once (the house's rule)
    LIFE = "life"  # the sum since the start; a period's interest is what it adds, so that the whole is rounded once


class Residue(StrEnum):
    """Which instalment takes what rounding leaves over."""

    LAST = "last"  # the last pays the balance and its own interest
    LAST_INTEREST = "last_interest"  # the last pays the balance and stays an equal instalment: its interest is the rest
    FIRST = "first"  # the first pays more or less, so that the last is an equal one (equal principal)
    SPREAD = "spread"  # the equal instalment is nudged, at most three times, until the last differs least


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _half_even(numerator: int, denominator: int) -> int:
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))


def _down(numerator: int, denominator: int) -> int:
    return numerator // denominator


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


_MODES: Mapping[Mode, Callable[[int, int], int]] = {
    Mode.HALF_UP: _half_up,
    Mode.HALF_EVEN: _half_even,
    Mode.DOWN: _down,
    Mode.UP: _up,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """A schedule's rounding.

    Attributes:
        mode: where what lies between two units goes.
        unit_fen: the unit of interest, in fen.
        instalment_unit_fen: the unit of an equal instalment or an equal part of principal, in fen (100 = whole yuan).
        place: at which figure interest is rounded.
        residue: which instalment takes what is left over.

    Raises:
        BadTerms: a unit that is not positive.
    """

    mode: Mode = Mode.HALF_UP
    unit_fen: int = 1
    instalment_unit_fen: int = 1
    place: Place = Place.CHARGE
    residue: Residue = Residue.LAST

    def __post_init__(self) -> None:
        if self.unit_fen < 1 or self.instalment_unit_fen < 1:
            raise BadTerms("舍入单位必须大于零")

    def to(self, unit_fen: int, numerator: int, denominator: int) -> int:
        """Return a fraction of fen rounded to a multiple of a unit, in fen; the denominator is positive."""
        return self.rounder(unit_fen, denominator)(numerator)

    def rounder(self, unit_fen: int, denominator: int) -> Callable[[int], int]:
        """Return what rounds numerators over a denominator to multiples of a unit, in fen."""
        quotient, size = _MODES[self.mode], denominator * unit_fen

        def rounded(numerator: int) -> int:
            return quotient(numerator, size) * unit_fen if numerator >= 0 else -quotient(-numerator, size) * unit_fen

        return rounded


TO_FEN = Rounding()
"""Half up to the fen, once per charge; the last instalment takes the residue (house.md 3.2)."""
