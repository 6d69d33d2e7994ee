"""Loan products (贷款产品) as dated data: `products.toml` beside this module."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from ledger.calendar import add_months
from loans.errors import BadTerms, UnknownProduct
from loans.subsidy.schemes import Mode, Scheme
from loans.terms import (
    AT_MATURITY,
    QUARTERS,
    Component,
    CompoundBase,
    Convention,
    Cycle,
    DayCount,
    Floating,
    Grace,
    GraceKind,
    LoanTerms,
    Method,
    RateStep,
    Rolling,
    Stub,
)
from loans.terms.loan import OVER_90_DAYS, UP_TO_90_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """How a product's contracts are made; who may borrow how much, how long and how dear is policy.

    Attributes:
        small_loan: it counts towards the article's small loans.
        every_months: interest falls due every so many months from the drawing; none: with everybody's on the 20th.
        season: the months in which principal falls due; none: in all (a roof earns little in winter).
        stub: what becomes of the odd days before maturity, for principal; none: as for interest.
        graces: what is spared for how many months from the drawing.
        floats: a contract's rate may follow a reference.
    """

    code: str
    name: str
    valid_from: date
    borrower: str
    small_loan: bool
    method: Method
    penalty_percent: int
    misuse_percent: int
    compound_base: CompoundBase
    day_count: DayCount = DayCount.ACT_360
    every_months: int | None = None
    season: tuple[int, ...] = ()
    stub: Stub | None = None
    rolling: Rolling = AT_MATURITY
    graces: tuple[tuple[GraceKind, int], ...] = ()
    floats: bool = False
    early_order: tuple[Component, ...] = UP_TO_90_DAYS
    late_order: tuple[Component, ...] = OVER_90_DAYS

    def terms(
        self,
        principal_fen: int,
        rate_ppb: int,
        drawn_on: date,
        maturity: date,
        scheme: Scheme | None,
        floating: Floating | None = None,
    ) -> LoanTerms:
        """Return a contract's terms under a subsidy scheme; whether they may be agreed is for the policy of the day.

        Raises:
            BadTerms: terms that no loan can have, or a floating rate where the product's is fixed.
        """
        if floating and not self.floats:
            raise BadTerms(f"{self.name}在合同期内利率固定")
        return LoanTerms(
            product=self.code,
            principal_fen=principal_fen,
            drawn_on=drawn_on,
            maturity=maturity,
            method=self.method,
            rates=scheme.rate_steps(rate_ppb, drawn_on) if scheme else (RateStep(drawn_on, rate_ppb, 0),),
            household_first=scheme is not None and scheme.mode is Mode.HOUSEHOLD_FIRST,
            floating=floating,
            penalty_percent=self.penalty_percent,
            misuse_percent=self.misuse_percent,
            compound_base=self.compound_base,
            day_count=self.day_count,
            interest=(interest := self._interest(drawn_on)),
            principal=self._principal(interest),
            rolling=self.rolling,
            graces=tuple(Grace(kind, drawn_on, add_months(drawn_on, months)) for kind, months in self.graces),
            early_order=self.early_order,
            late_order=self.late_order,
        )

    def _interest(self, drawn_on: date) -> Cycle:
        if self.every_months is None:
            return QUARTERS
        return Cycle(anchor=add_months(drawn_on, self.every_months), every=self.every_months)

    def _principal(self, interest: Cycle) -> Cycle | None:
        """Return the cycle of principal, none if it falls due as interest does."""
        own = replace(interest, stub=self.stub or interest.stub, months=self.season)
        return None if own == interest else own


@cache
def products() -> tuple[Product, ...]:
    """Return all dated product rows, in order of code and date."""
    with (Path(__file__).parent / "products.toml").open("rb") as file:
        rows = tomllib.load(file)["product"]
    return tuple(
        sorted(
            (
                product_from(row) for row in rows
            ),
            key=lambda product: (product.code, product.valid_from),
        )
    )  # fmt: skip


def product_from(row: Mapping[str, Any]) -> Product:
    """Return the product of a row of the file.

    Raises:
        ValueError: a word that stands for nothing.
        TypeError: a name that is no field.
    """
    read: dict[str, Callable[[Any], Any]] = {
        "method": Method, "compound_base": CompoundBase, "day_count": DayCount, "stub": Stub, "season": tuple,
        "graces": lambda graces: tuple((GraceKind(kind), months) for kind, months in graces.items()),
        "rolling": lambda given: Rolling(**{**given, "convention": Convention(given["convention"])}),
        "early_order": _components, "late_order": _components,
    }  # fmt: skip
    return Product(**{name: read[name](value) if name in read else value for name, value in row.items()})


def _components(names: Sequence[str]) -> tuple[Component, ...]:
    return tuple(Component(name) for name in names)


def product_on(code: str, day: date) -> Product:
    """Return the product row in force on a day.

    Raises:
        UnknownProduct: there is none.
    """
    rows = [product for product in products() if product.code == code and product.valid_from <= day]
    if not rows:
        raise UnknownProduct(code, day)
    return rows[-1]


def small_loan_codes() -> tuple[str, ...]:
    """Return the products that together make the article's small loans (1.57 亿)."""
    return tuple(sorted({product.code for product in products() if product.small_loan}))


def product_name(code: str) -> str:
    """Return a product's name as papers print it; the code itself if it is not ours."""
    return next((product.name for product in products() if product.code == code), code)
