"""What must tie between applications and loans: every loan that was applied for was drawn as approved."""

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy.orm import Session

from ledger.books import BookKind, books
from ledger.business_day import business_date
from ledger.ties import Check
from loans.applications.matching import approved
from loans.applications.queries import applications
from loans.applications.state import ApplicationState
from loans.contract import Contract
from loans.events import Disbursed, in_effect
from loans.queries import contracts_numbered, events_of


def checks(session: Session) -> Iterator[Check]:
    """Yield, for each loan book, whether its loans keep to their applications; who inherited one since is left aside."""
    day = business_date(session)
    for book in books(session, BookKind.LOANS):
        states = {state.application.contract: state for state, _ in applications(session, day, book)}
        lent = {c.key: c for c in contracts_numbered(session, list(states), [book.id])}
        broken = [
            lent[key].contract
            for key, happened in events_of(session, lent.keys()).items()
            if isinstance(next(iter(in_effect(happened)), None), Disbursed)
            and not _as_approved(lent[key], states[lent[key].contract])
        ]
        yield Check(
            check=f"loans: loans of {book.code} that were applied for = drawn as approved",
            expected="all",
            actual=f"{len(broken)} not: {', '.join(sorted(broken)[:3])}" if broken else "all",
        )


def _as_approved(contract: Contract, state: ApplicationState) -> bool:
    terms = contract.terms
    as_lent = replace(
        state.application, product=contract.product, fen=int(terms.principal_fen), rate_ppb=int(terms.rates[0].rate_ppb),
        drawn_on=terms.drawn_on, maturity=terms.maturity, floating=terms.floating,
    )  # fmt: skip
    return all(one.ok for one in approved(as_lent, state, None))
