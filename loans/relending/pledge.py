"""A pledge (质押): an asset that secures a draw and counts for a part of its face; no account of the books (domain.md 2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ledger.money import PPB
from loans.relending.draw import Draw, Form


class Asset(StrEnum):
    """What may be pledged: bonds, or credit claims that the central bank's rating admits."""

    BOND = "bond"
    CREDIT_CLAIM = "credit_claim"

    @property
    def label(self) -> str:
        """The Chinese name."""
        return {Asset.BOND: "债券", Asset.CREDIT_CLAIM: "央行评级合格信贷资产"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """An asset under its own number, pledged for one draw from a day until it is released or comes to its end."""

    book_id: int
    draw: str
    serial: str
    asset: Asset
    face_fen: int
    rate_ppb: int  # the part of the face that counts
    start: date
    end: date
    released_on: date | None = None

    @property
    def agreed(self) -> tuple[str, Asset, int, date, date]:
        """What it was pledged under."""
        return self.draw, self.asset, self.face_fen, self.start, self.end

    @property
    def until(self) -> date:
        """The first day on which it counts no more."""
        return self.released_on or self.end

    @property
    def fen(self) -> int:
        """What it counts for, fractions of a fen cut off."""
        return self.face_fen * self.rate_ppb // PPB


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A day at whose close what is pledged is less than the draw's balance, in fen."""

    day: date
    pledged_fen: int
    balance_fen: int


def pledged_fen(pledges: Iterable[Pledge], day: date) -> int:
    """Return what the assets in pledge count for at the close of a day."""
    return sum(one.fen for one in pledges if one.start <= day < one.until)


def shortfall(draw: Draw, pledges: Iterable[Pledge]) -> Shortfall | None:
    """Return the first day of its term on which a pledged draw is not covered; none for one on credit."""
    if draw.form is not Form.PLEDGED:
        return None
    assets = list(pledges)
    changes = {draw.drawn_on, *(one.start for one in assets), *(one.until for one in assets)}
    for day in sorted(changes):
        value, balance = pledged_fen(assets, day), draw.balance_on(day)
        if value < balance:
            return Shortfall(day, value, balance)
    return None
