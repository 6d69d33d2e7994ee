"""An application (贷款申请): the facts of a loan to be made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import TypeAdapter

from ledger.books import Book
from loans.products import product_on
from loans.subsidy.schemes import Scheme
from loans.suspicions.contacts import Contact
from loans.terms import Floating, LoanTerms
from registry.households import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A loan to be made: its contract, who borrows, and how much in fen."""

    book: Book
    contract: str
    product: str
    household: str | None
    borrower: str
    fen: int
    rate_ppb: int
    drawn_on: date
    maturity: date
    purpose: str = ""
    born_on: date | None = None  # of a person, for rules of age; never stored
    first_fen: int | None = None  # what is drawn of it at first (分次放款); none: all
    renews: str | None = None  # the contract that it repays (无还本续贷)
    floating: Floating | None = None  # what its rate follows (浮动利率); none: it is fixed
    subsidised: bool = True  # as its scheme says; not where a household borrows beyond what policy subsidises
    covered: bool = True  # by the compensation pool, likewise
    contact: Contact | None = None  # where its money goes and how its borrower is reached, if its file says so

    @property
    def drawn_fen(self) -> int:
        """What is drawn of it at first."""
        return self.fen if self.first_fen is None else self.first_fen

    @property
    def number(self) -> tuple[int, str]:
        """Its contract number with its book's id: banks number their contracts each for itself."""
        return self.book.id, self.contract

    @property
    def home(self) -> Home | None:
        """Its household with its county."""
        return (self.book.county, self.household) if self.household else None

    def terms(self, scheme: Scheme | None) -> LoanTerms:
        """Return the contract's terms under the product of the day and a subsidy scheme; government pays none of it without one,
        or where it is not to be subsidised.
        """
        agreed = scheme if self.subsidised else None
        product = product_on(self.product, self.drawn_on)
        return product.terms(self.fen, self.rate_ppb, self.drawn_on, self.maturity, agreed, self.floating)


_FACTS = TypeAdapter(Application)
_NOT_STORED = {"book", "born_on", "contact"}


def facts_of(application: Application) -> dict[str, Any]:
    """Return an application as JSON values, without its book, the birthday, and where the money goes."""
    facts: dict[str, Any] = _FACTS.dump_python(application, mode="json", exclude=_NOT_STORED, exclude_defaults=True)
    return facts


def application_from(book: Book, facts: Mapping[str, Any]) -> Application:
    """Return the application of a book that `facts_of` stored."""
    return _FACTS.validate_python({**facts, "book": book})
