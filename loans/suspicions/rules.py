"""Rules of suspicion (疑点规则): what is asked, why and when; dated parameters; what a hit is and how a person may decide it."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

Key = tuple[int, int]
"""(book id, loan id)."""

DRAWDOWN = "drawdown"
REVIEW = "review"
"""Occasions on which rules are asked; a subsidy batch names itself (`subsidy batch …`)."""


class Decision(StrEnum):
    """What a person found: nothing to it, true, or still to be looked into."""

    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    PENDING = "pending"

    @property
    def label(self) -> str:
        """The decision as staff read it."""
        return {"cleared": "排除", "confirmed": "属实", "pending": "待查"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One question: its name and source as staff read them, and whether it is asked when a loan is made."""

    code: str
    name: str
    source: str
    drawdown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A rule's answer about one loan: what it is about within the rule, and the rows behind it, people masked."""

    key: Key
    rule: str
    facts: Mapping[str, Any]
    subject: str = ""

    @property
    def fingerprint(self) -> str:
        """What the same facts share: a question answered is not asked again until they change."""
        return hashlib.sha256(json.dumps(self.facts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A suspicion as raised, and what was decided last; `decision` none: nobody has."""

    book: str
    book_id: int
    id: int
    loan_id: int
    contract: str
    rule: str
    subject: str
    occasion: str
    day: date
    facts: Mapping[str, Any]
    decision: Decision | None
    reason: str | None
    decided_by: str | None

    @property
    def key(self) -> Key:
        """The loan it is about."""
        return self.book_id, self.loan_id

    @property
    def sentence(self) -> str:
        """What it says against paying for its loan, as staff read it."""
        return f"疑点：{rules()[self.rule].name}（{self.decision.label if self.decision else '未处理'}）"


@cache
def _file() -> dict[str, Any]:
    with (Path(__file__).parent / "suspicions.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def rules() -> Mapping[str, Rule]:
    """Return the rules by code, in the order of the file."""
    return {row["code"]: Rule(**row) for row in _file()["rule"]}


def parameter(name: str, day: date) -> int:
    """Return a parameter as of a day."""
    rows = [row for row in _file()["parameter"] if row["name"] == name and row["valid_from"] <= day]
    return int(max(rows, key=lambda row: row["valid_from"])["value"])


@cache
def changes(name: str) -> tuple[tuple[date, int], ...]:
    """Return a parameter's values with the days from which they hold, in order."""
    return tuple(sorted((row["valid_from"], row["value"]) for row in _file()["parameter"] if row["name"] == name))
