"""Rules of relending (再贷款规定) as dated data: the rate cap of funded loans, the time to use a draw, the pledge rates."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from loans.relending.pledge import Asset
from loans.terms.rates import references


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds from a day on (domain.md 2)."""

    valid_from: date
    source: str
    cap: str  # the code of a reference rate
    cap_months: int
    use_within_days: int
    assumed: bool = False

    def cap_ppb(self, day: date) -> int:
        """Return the highest yearly rate, in ppb, of a loan that a draw may fund on a day."""
        return references()[self.cap].on(day, self.cap_months)

    @property
    def document(self) -> str:
        """The document that sets it, as papers print it."""
        return f"{self.source}（推定，待核实）" if self.assumed else self.source


def rule_on(day: date) -> Rule:
    """Return the rule in force on a day: the newest that has begun, or the first of all on a day before it."""
    rules = _rules()
    return max((rule for rule in rules if rule.valid_from <= day), key=lambda rule: rule.valid_from, default=rules[0])


def pledge_rate_ppb(asset: Asset, day: date) -> int:
    """Return what part of its face an asset pledged on a day counts for, in ppb: by the newest row begun, or the first."""
    rows = sorted((row for row in _data()["pledge"] if row["asset"] == asset), key=itemgetter("valid_from"))
    return int(([row for row in rows if row["valid_from"] <= day] or rows[:1])[-1]["rate_ppb"])


@cache
def _rules() -> tuple[Rule, ...]:
    return tuple(sorted((Rule(**row) for row in _data()["rule"]), key=lambda rule: rule.valid_from))


@cache
def _data() -> dict[str, list[dict[str, Any]]]:
    with (Path(__file__).parent / "rules.toml").open("rb") as file:
        return tomllib.load(file)
