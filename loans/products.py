"""Loan products (贷款产品) as dated data: `products.toml` beside this module."""

import tomllib
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

from ledger.calendar import add_months
from loans.errors import BadTerms, UnknownProduct
from loans.subsidy.schemes import Mode, Scheme
from loans.terms import QUARTERS, CompoundBase, Cycle, Floating, Grace, GraceKind, LoanTerms, Method, RateStep, Stub


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """How a product's contracts are made; who may borrow how much, how long and how dear is policy."""

    code: str
    name: str
    valid_from: date
    borrower: str
    small_loan: bool
    method: Method
    principal: Cycle | None
    grace_months: int
    floats: bool
    penalty_percent: int
    misuse_percent: int
    compound_base: CompoundBase

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
            principal=self.principal,
            graces=self._graces(drawn_on),
        )

    def _graces(self, drawn_on: date) -> tuple[Grace, ...]:
        if not self.grace_months:
            return ()
        return (Grace(GraceKind.PRINCIPAL_DEFERRED, drawn_on, add_months(drawn_on, self.grace_months)),)


@cache
def products() -> tuple[Product, ...]:
    """Return all dated product rows, in order of code and date."""
    with (Path(__file__).parent / "products.toml").open("rb") as file:
        rows = tomllib.load(file)["product"]
    return tuple(
        sorted(
            (
                Product(
                    code=row["code"], name=row["name"], valid_from=row["valid_from"], borrower=row["borrower"],
                    small_loan=row["small_loan"], method=Method(row["method"]),
                    principal=replace(QUARTERS, stub=Stub(row["stub"])) if "stub" in row else None,
                    grace_months=row.get("grace_months", 0),
                    floats=row.get("floats", False),
                    penalty_percent=row["penalty_percent"], misuse_percent=row["misuse_percent"],
                    compound_base=CompoundBase(row["compound_base"]),
                )
                for row in rows
            ),
            key=lambda product: (product.code, product.valid_from),
        )
    )  # fmt: skip


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
