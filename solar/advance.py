"""Advances (垫付) of instalments by a fund, interest-free: what the waterfall asks of whoever may advance; nobody, by default.

The funds are another package's; `app/wiring.py` hands them in.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sqlalchemy.orm import Session

from loans.contract import Contract

Place = tuple[str, str]
"""(county, bank), between which a fund stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Money of a fund for a loan's instalment, or back from it; negative fen take an earlier one back (红字)."""

    contract: Contract
    reference: str
    value_date: date
    fen: int
    event: str
    meter: str


class InstalmentAdvance(Protocol):
    """Who may advance solar instalments."""

    def rooms(self, session: Session, places: Collection[Place]) -> Mapping[Place, tuple[int, int]]:
        """Hold the funds of some places; return each one's book id and what it may still advance, in fen. Others are left out."""
        ...

    def advance(self, session: Session, made: Sequence[Advance]) -> None:
        """Book what the funds pay to the banks."""
        ...

    def refill(self, session: Session, made: Sequence[Advance]) -> None:
        """Book what comes back to them."""
        ...


class NoAdvance:
    """Nobody advances anything: it is misuse unless a county's document allows it."""

    def rooms(self, session: Session, places: Collection[Place]) -> Mapping[Place, tuple[int, int]]:  # noqa: ARG002 - the protocol's
        """Return no room."""
        return {}

    def advance(self, session: Session, made: Sequence[Advance]) -> None:
        """Refuse: there is no room, so nobody asks."""
        raise NotImplementedError

    def refill(self, session: Session, made: Sequence[Advance]) -> None:
        """Refuse likewise."""
        raise NotImplementedError
