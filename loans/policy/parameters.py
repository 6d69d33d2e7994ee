"""Policy rows (政策参数) as dated data, and what is in force for a product, a county and a bank on a day."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """What one document says from a day on: nationwide, for a county, or for one bank in a county.

    A parameter that is none is left to the less specific or the older row. `extension_limits` says by how much a loan's first
    maturity may move in all: for loans of up to so many months (0: any longer one) a percentage of the first term, or (0 %)
    so many months.
    """

    product: str
    valid_from: date
    source: str
    county: str | None = None
    bank: str | None = None
    assumed: bool = False
    registered: bool | None = None  # only a household of the national register
    cap_fen: int | None = None  # a household's balance in the product, or an enterprise's loan
    subsidised_cap_fen: int | None = None  # of that balance, what may be subsidised (贴息)
    covered_cap_fen: int | None = None  # of that balance, what the compensation pool may cover (风险补偿)
    max_months: int | None = None  # from the day of an agreement
    max_extensions: int | None = None  # extensions and renewals together (展期、续贷)
    extension_limits: tuple[tuple[int, int, int], ...] | None = None
    max_rate: int | str | None = None  # ppb, or the code of a reference rate
    penalty_percent: tuple[int, int] | None = None  # of the contract rate when overdue, from and to (逾期罚息)
    misuse_percent: tuple[int, int] | None = None  # when misused (挪用罚息)
    min_age: int | None = None
    max_age: int | None = None
    forbidden_purposes: tuple[str, ...] | None = None
    approval_required: bool | None = None  # a loan is drawn only under an application that another person approved

    def __post_init__(self) -> None:
        if self.bank and not self.county:
            raise ValueError("a bank's own policy is for a county")

    def covers(self, product: str, county: str, bank: str | None, day: date) -> bool:
        """Tell whether it speaks of a loan of this product, made there on that day."""
        return self.product == product and self.valid_from <= day and self.county in (None, county) and self.bank in (None, bank)

    @property
    def name(self) -> str:
        """Its place, product and first day."""
        return " ".join(part for part in (self.county, self.bank, self.product, f"{self.valid_from} 起") if part)

    @property
    def rank(self) -> tuple[bool, bool, date]:
        """The greater wins: a bank's own before its county's before the nation's, then the newer."""
        return self.bank is not None, self.county is not None, self.valid_from


@dataclass(frozen=True, slots=True)
class Limit(Generic[T]):
    """A parameter's value and the document that sets it."""

    value: T
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The limits in force for one product, county and bank on a day; a limit that is none does not exist."""

    registered: Limit[bool] | None
    cap_fen: Limit[int] | None
    subsidised_cap_fen: Limit[int] | None
    covered_cap_fen: Limit[int] | None
    max_months: Limit[int] | None
    max_extensions: Limit[int] | None
    extension_limits: Limit[tuple[tuple[int, int, int], ...]] | None
    max_rate: Limit[int | str] | None
    penalty_percent: Limit[tuple[int, int]] | None
    misuse_percent: Limit[tuple[int, int]] | None
    min_age: Limit[int] | None
    max_age: Limit[int] | None
    forbidden_purposes: Limit[tuple[str, ...]] | None
    approval_required: Limit[bool] | None


PARAMETERS = tuple(field.name for field in fields(Policy))


def policy_on(rows: Iterable[PolicyRow], product: str, county: str, bank: str | None, day: date) -> Policy:
    """Return the policy in force: each parameter by itself from the most specific, then newest row that sets it."""
    covering = sorted((row for row in rows if row.covers(product, county, bank, day)), key=lambda row: row.rank)
    found: dict[str, Any] = dict.fromkeys(PARAMETERS)
    for row in covering:
        source = f"{row.source}（推定，待核实）" if row.assumed else row.source
        for name in PARAMETERS:
            if (value := getattr(row, name)) is not None:
                found[name] = Limit(value, source)
    return Policy(**found)


def row_from(values: Mapping[str, Any]) -> PolicyRow:
    """Return a row of a policy file.

    Raises:
        TypeError: a name that is no parameter.
    """
    return PolicyRow(**{name: _frozen(value) for name, value in values.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


@cache
def nationwide() -> tuple[PolicyRow, ...]:
    """Return the rows of `policies.toml`, in the order of the file."""
    with (Path(__file__).parent / "policies.toml").open("rb") as file:
        return tuple(row_from(row) for row in tomllib.load(file)["policy"])
