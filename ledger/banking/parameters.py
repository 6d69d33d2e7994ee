"""Parameters of bank reconciliation (对账参数), from `parameters.toml`."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path


class MonthNeeds(StrEnum):
    """What a month needs before it closes, each including the ones before."""

    NOTHING = "nothing"
    BALANCED = "balanced"
    SIGNED = "signed"
    NOTHING_OPEN = "nothing_open"

    def include(self, need: "MonthNeeds") -> bool:
        """Tell whether a need is among what is needed."""
        order = list(MonthNeeds)
        return order.index(need) <= order.index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How far apart, how many, how long, how strict."""

    window_days: int
    most_candidates: int
    overdue_days: int
    month_needs: MonthNeeds


FILE = Path(__file__).with_name("parameters.toml")


@cache
def parameters(path: Path = FILE) -> Parameters:
    """Return the parameters of a file."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return Parameters(**{**found, "month_needs": MonthNeeds(found["month_needs"])})
