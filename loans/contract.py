"""A loan contract (借据) as stored: whose book, which terms, which household; people stay in the registry."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from ledger.journal import BookCode, Dimensions
from loans.terms import Component, CompoundBase, LoanTerms, Method, RateStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One loan: (`book_id`, `id`) is its key; `contract` is its number on paper, unique in its book."""

    book: BookCode
    book_id: int
    id: int
    contract: str
    product: str
    county: str
    household: str | None  # the register's number (建档立卡号); no foreign key, the registry is keyed by region
    borrower: str  # the registry's code of the person or enterprise, never a name
    terms: LoanTerms
    purpose: str = ""

    @property
    def key(self) -> tuple[int, int]:
        """The key of its rows."""
        return self.book_id, self.id

    @property
    def dimensions(self) -> Dimensions:
        """What its postings say of it."""
        return Dimensions(county=self.county, product=self.product, loan_id=self.id)


def terms_to_json(terms: LoanTerms) -> dict[str, Any]:
    """Return terms as JSON values."""
    return {name: _plain(value) for name, value in asdict(terms).items()}


def terms_from_json(stored: Mapping[str, Any]) -> LoanTerms:
    """Return the terms that `terms_to_json` stored."""
    return LoanTerms(
        product=stored["product"],
        principal_fen=stored["principal_fen"],
        drawn_on=date.fromisoformat(stored["drawn_on"]),
        maturity=date.fromisoformat(stored["maturity"]),
        method=Method(stored["method"]),
        rates=tuple(RateStep(date.fromisoformat(s["start"]), s["rate_ppb"], s["gov_ppb"]) for s in stored["rates"]),
        penalty_percent=stored["penalty_percent"],
        compound_base=CompoundBase(stored["compound_base"]),
        grace_until=date.fromisoformat(stored["grace_until"]) if stored["grace_until"] else None,
        basis=stored["basis"],
        early_order=tuple(Component(name) for name in stored["early_order"]),
        late_order=tuple(Component(name) for name in stored["late_order"]),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value
