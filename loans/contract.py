"""A loan contract (借据) as stored: whose book, which terms, which household; people stay in the registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from ledger.journal import BookCode, Dimensions
from loans.terms import LoanTerms


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
    covered: bool = True  # by the compensation pool, if its product is (风险补偿)

    @property
    def key(self) -> tuple[int, int]:
        """The key of its rows."""
        return self.book_id, self.id

    @property
    def bank(self) -> str:
        """Its bank's code, which ends its book's."""
        return self.book.rsplit("-", 1)[-1]

    @property
    def dimensions(self) -> Dimensions:
        """What its postings say of it."""
        return Dimensions(county=self.county, product=self.product, loan_id=self.id)


_TERMS = TypeAdapter(LoanTerms)


def terms_to_json(terms: LoanTerms) -> dict[str, Any]:
    """Return terms as JSON values."""
    stored: dict[str, Any] = _TERMS.dump_python(terms, mode="json")
    return stored


def terms_from_json(stored: Mapping[str, Any]) -> LoanTerms:
    """Return the terms that `terms_to_json` stored."""
    return _TERMS.validate_python(stored)
