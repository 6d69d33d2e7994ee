"""五级分类: the class of a loan by dated rule sets; it falls by itself with the days past due and rises only by a person.

The class is a pure function of what a loan's life records: since when what was due has been unpaid (arrears), and what
people found (judgements). A grace changes neither, so it never changes the class (domain.md 4).
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ledger.calendar import DAY, add_months


class RiskClass(StrEnum):
    """The five classes, best first."""

    NORMAL = "normal"
    SPECIAL_MENTION = "special_mention"
    SUBSTANDARD = "substandard"
    DOUBTFUL = "doubtful"
    LOSS = "loss"

    @property
    def label(self) -> str:
        """Its name on paper."""
        return _TITLES[self]

    def worse_than(self, other: "RiskClass") -> bool:
        """Tell whether it stands below another."""
        return _ORDER.index(self) > _ORDER.index(other)


_TITLES = dict(zip(RiskClass, ("正常", "关注", "次级", "可疑", "损失"), strict=True))
_ORDER = tuple(RiskClass)


class Arrears(NamedTuple):
    """From the close of `day` on, `oldest_due` is the oldest unpaid due date; none: nothing is unpaid."""

    day: date
    oldest_due: date | None


class Judgement(NamedTuple):
    """What a person found on a day: a class with its reason; none: the loan was restructured and is watched (重组观察)."""

    day: date
    risk_class: RiskClass | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The rules of a document from a date on.

    Attributes:
        document: where they stand.
        floors: (days past due to exceed, class), the worst first.
        restructured: the best class of a restructured loan while it is watched.
        watched_months: how long that is.
    """

    valid_from: date
    document: str
    floors: tuple[tuple[int, RiskClass], ...]
    restructured: RiskClass
    watched_months: int

    def floor(self, days_past_due: int) -> tuple[RiskClass, int]:
        """Return the best class of a loan that is some days past due, and the days that had to be exceeded for it."""
        return next(((found, over) for over, found in self.floors if days_past_due > over), (RiskClass.NORMAL, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """A class, since when, and why."""

    risk_class: RiskClass
    since: date
    reason: str


@cache
def rule_sets() -> tuple[RuleSet, ...]:
    """Return the dated rule sets of `classification.toml`, oldest first."""
    with (Path(__file__).parent / "classification.toml").open("rb") as file:
        rows = tomllib.load(file)["rule_set"]
    return tuple(
        RuleSet(
            valid_from=row["valid_from"], document=row["document"],
            floors=tuple((floor["over_days"], RiskClass(floor["class"])) for floor in reversed(row["floors"])),
            restructured=RiskClass(row["restructured"]), watched_months=row["watched_months"],
        )
        for row in sorted(rows, key=lambda row: row["valid_from"])
    )  # fmt: skip


def rules_on(day: date) -> RuleSet:
    """Return the rule set in force on a day; before the first one, the first."""
    return next((rules for rules in reversed(rule_sets()) if rules.valid_from <= day), rule_sets()[0])


def floor_on(day: date, oldest_due: date | None) -> RiskClass:
    """Return the best class that the days past due allow at the close of a day."""
    return rules_on(day).floor((day - oldest_due).days)[0] if oldest_due else RiskClass.NORMAL


def best_class(day: date, oldest_due: date | None, judgements: Sequence[Judgement]) -> RiskClass:
    """Return the best class that a person may give on a day: by days past due, and while a restructured loan is watched."""
    bounds = [floor_on(day, oldest_due)]
    for judged in judgements:
        rules = rules_on(judged.day)
        if judged.risk_class is None and day < add_months(judged.day, rules.watched_months):
            bounds.append(rules.restructured)
    return max(bounds, key=_ORDER.index)


def classify(drawn_on: date, arrears: Sequence[Arrears], judgements: Sequence[Judgement], closed: date) -> Classification:
    """Return a loan's class at the close of a day.

    Args:
        drawn_on: its first day, on which it is 正常.
        arrears: what was unpaid since when, by day.
        judgements: what people found, by day; one of a day counts before that day's close.
        closed: the day whose close is asked for.
    """
    held = Classification(risk_class=RiskClass.NORMAL, since=drawn_on, reason="发放")
    days = {drawn_on, *(a.day for a in arrears), *(j.day for j in judgements), *(rules.valid_from for rules in rule_sets())}
    starts = sorted(day for day in days if drawn_on <= day <= closed)
    for start, end in zip(starts, [*starts[1:], closed + DAY], strict=True):
        for judged in (j for j in judgements if j.day == start):
            found = judged.risk_class or rules_on(start).restructured
            if judged.risk_class or found.worse_than(held.risk_class):
                held = Classification(risk_class=found, since=start, reason=judged.reason)
        oldest = next((a.oldest_due for a in reversed(arrears) if a.day <= start), None)
        held = _fallen(held, rules_on(start), oldest, start, end - DAY)
    return held


def _fallen(held: Classification, rules: RuleSet, oldest_due: date | None, first: date, last: date) -> Classification:
    """Return the class after the closes from `first` to `last`, over which the oldest unpaid due date stays."""
    if oldest_due is None:
        return held
    found, over = rules.floor((last - oldest_due).days)
    if not found.worse_than(held.risk_class):
        return held
    since = max(first, oldest_due + (over + 1) * DAY)
    return Classification(risk_class=found, since=since, reason=f"逾期超过 {over} 天（{rules.document}）" if over else "逾期")
