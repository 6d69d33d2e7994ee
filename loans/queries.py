"""Questions to the loan tables: contracts, their events and lives, and the horizon of the nights."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError
from sqlalchemy import cast, func, insert, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.db import forget, remembered
from ledger.errors import NoBusinessDay
from ledger.journal import BookCode
from ledger.tables import book
from loans.contract import Contract, terms_from_json
from loans.errors import BadTerms, LoanUnreadable, NotLentYet
from loans.events import LoanEvent, WrittenOff, event_from, in_effect
from loans.life import Horizon, Life
from loans.replay import replay
from loans.tables import event, horizon, loan
from loans.terms import LoanTerms
from registry.households import Home

Key = tuple[int, int]
"""(book id, loan id)."""
HORIZON = "horizon"
"""What a transaction remembers the horizon by."""
UNDONE = "/undone"
"""What an undone event's reversal adds to its reference."""


def begin(session: Session, first: date) -> None:
    """Set the horizon before the first business day; nothing changes if it is set."""
    if session.execute(select(horizon.c.only)).one_or_none() is None:
        session.execute(insert(horizon).values(charged_through=first, aged_through=first))
        forget(session, HORIZON)


def horizon_now(session: Session) -> Horizon:
    """Return how far the nights have come, held so that no night step can move it before this transaction ends.

    Raises:
        NoBusinessDay: the books were not begun.
    """
    held = select(horizon.c.charged_through, horizon.c.aged_through).with_for_update(read=True)
    row = remembered(session, HORIZON, lambda: session.execute(held).one_or_none())
    if row is None:
        raise NoBusinessDay
    return Horizon(row.charged_through, row.aged_through)


def contracts(session: Session, keys: Collection[Key]) -> dict[Key, Contract]:
    """Return contracts by key."""
    if not keys:
        return {}
    return {found.key: found for found in _contracts(session, _in(loan.c.book_id, loan.c.id, keys))}


def contracts_numbered(session: Session, numbers: Collection[str], books: Collection[int] | None = None) -> list[Contract]:
    """Return the contracts that bear these numbers, in one of the books if given."""
    condition = loan.c.contract == text("ANY(:numbers)").bindparams(numbers=list(numbers))
    found = _contracts(session, condition)
    return found if books is None else [contract for contract in found if contract.book_id in books]


def contracts_of_households(session: Session, homes: Collection[Home], product: str) -> list[Contract]:
    """Return the contracts of one product of these households, in all books."""
    return _contracts(session, _in(loan.c.county, loan.c.household, homes) & (loan.c.product == product))


def borrows(session: Session, county: str, borrower: str) -> bool:
    """Tell whether a borrower has any loan, those that never were left out."""
    mine = (loan.c.county == county) & (loan.c.borrower == borrower) & ~loan.c.contract.contains(f"{UNDONE}/", autoescape=True)
    return session.execute(select(loan.c.id).where(mine).limit(1)).one_or_none() is not None


def contracts_of_book(session: Session, book_id: int, without: Collection[Key] = ()) -> list[Contract]:
    """Return all contracts of a book, or all but some, in order of their ids."""
    condition = loan.c.book_id == book_id
    if without:
        condition &= ~_in(loan.c.book_id, loan.c.id, without)
    return sorted(_contracts(session, condition), key=lambda contract: contract.id)


def events_of(session: Session, keys: Collection[Key], known: Mapping[int, int] | None = None) -> dict[Key, list[LoanEvent]]:
    """Return the events of loans in the order in which they came; `known` gives each book's last sequence that counts."""
    found: dict[Key, list[LoanEvent]] = {key: [] for key in keys}
    if not found:
        return found
    rows = session.execute(
        select(
            event.c.book_id, event.c.loan_id, event.c.kind, event.c.reference, event.c.value_date, event.c.body, event.c.seq
        )
        .where(_in(event.c.book_id, event.c.loan_id, found))
        .order_by(event.c.book_id, event.c.seq)
    )  # fmt: skip
    for book_id, loan_id, kind, reference, value_date, body, seq in rows:
        if known is None or seq <= known[book_id]:
            found[(book_id, loan_id)].append(event_from(kind, reference, value_date, body))
    return found


def written_off_on(session: Session, keys: Collection[Key], day: date) -> set[Key]:
    """Return those of some loans that are written off on a day."""
    rows = session.execute(
        select(event.c.book_id, event.c.loan_id)
        .where(_in(event.c.book_id, event.c.loan_id, keys), event.c.kind == WrittenOff.kind, event.c.value_date == day)
        .distinct()
    )
    found = {(row.book_id, row.loan_id) for row in rows}
    return {key for key, events in events_of(session, found).items() if any(isinstance(e, WrittenOff) for e in in_effect(events))}


def events_referenced(session: Session, references: Iterable[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, LoanEvent]]:
    """Return (loan id, event) by (book id, reference), for the references that name one."""
    wanted = set(references)
    if not wanted:
        return {}
    rows = session.execute(
        select(event.c.book_id, event.c.loan_id, event.c.kind, event.c.reference, event.c.value_date, event.c.body).where(
            _in(event.c.book_id, event.c.reference, wanted)
        )
    )
    return {
        (row.book_id, row.reference): (row.loan_id, event_from(row.kind, row.reference, row.value_date, row.body)) for row in rows
    }


def free_references(
    session: Session,
    references: Iterable[tuple[int, str]],
    referenced: Callable[[Session, Iterable[tuple[int, str]]], Collection[tuple[int, str]]] = events_referenced,
) -> dict[tuple[int, str], str]:
    """Return what to book events under, by (book id, reference): the reference, or another if its event was undone."""
    free = {key: key[1] for key in references}
    number = 1
    undone = referenced(session, ((book_id, name + UNDONE) for (book_id, _), name in free.items()))
    while undone:
        number += 1
        taken = [key for key, name in free.items() if (key[0], name + UNDONE) in undone]
        free.update({key: f"{key[1]}~{number}" for key in taken})
        undone = referenced(session, ((key[0], free[key] + UNDONE) for key in taken))
    return free


def release_number(session: Session, contract: Contract) -> None:
    """Let go of the contract number of a loan that never was, so that a corrected roster may use it."""
    session.execute(
        update(loan)
        .where(loan.c.book_id == contract.book_id, loan.c.id == contract.id)
        .values(contract=f"{contract.contract}{UNDONE}/{contract.id}")
    )


def lives(session: Session, keys: Collection[Key], at: Horizon) -> dict[Key, Life]:
    """Return the lives of loans, replayed from their events to a horizon."""
    found = contracts(session, keys)
    happened = events_of(session, keys)
    return {key: replay(found[key].terms, happened[key], at) for key in found}


def life_as_of(session: Session, contract: Contract, day: date, at: Horizon) -> Life:
    """Return a loan's life as of the close of a day (截至): facts dated up to it, and the nights up to it that are closed.

    Raises:
        NotLentYet: the loan begins later.
    """
    if day < contract.terms.drawn_on:
        raise NotLentYet(contract.contract, day, contract.terms.drawn_on)
    happened = [event for event in events_of(session, [contract.key])[contract.key] if event.value_date <= day]
    return replay(contract.terms, happened, Horizon(min(at.charged_through, day), min(at.aged_through, day)))


def principals(session: Session, keys: Collection[Key]) -> dict[Key, int]:
    """Return the outstanding principal of loans, in fen."""
    books, ids = zip(*keys, strict=True) if keys else ((), ())
    rows = session.execute(
        text(
            "SELECT s.book_id, s.loan_id, s.principal_fen FROM loans.standing s "
            "JOIN unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[])) AS k (book_id, loan_id) USING (book_id, loan_id) "
            "WHERE s.known_to_seq IS NULL"
        ),
        {"books": list(books), "ids": list(ids)},
    )
    return {(row.book_id, row.loan_id): row.principal_fen for row in rows}


def live_rows(session: Session, table: str, columns: Sequence[str], keys: Collection[Key]) -> Sequence[Row[Any]]:
    """Return the rows of a derived table that are known now, for some loans."""
    books, ids = zip(*keys, strict=True) if keys else ((), ())
    return session.execute(
        text(
            f"SELECT r.book_id, r.loan_id, r.id, {', '.join('r.' + column for column in columns)} FROM loans.{table} r "
            "JOIN unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[])) AS k (book_id, loan_id) USING (book_id, loan_id) "
            "WHERE r.known_to_seq IS NULL ORDER BY r.book_id, r.loan_id, r.id"
        ),
        {"books": list(books), "ids": list(ids)},
    ).all()


def _in(first: Any, second: Any, keys: Collection[tuple[Any, Any]]) -> Any:
    """Return the condition that two columns are one of some pairs, however many they are."""
    firsts, seconds = zip(*keys, strict=True) if keys else ((), ())
    arrays = cast(list(firsts), ARRAY(first.type)), cast(list(seconds), ARRAY(second.type))
    pairs = func.unnest(*arrays).table_valued("a", "b").render_derived()
    return tuple_(first, second).in_(select(pairs.c.a, pairs.c.b))


def _contracts(session: Session, condition: Any) -> list[Contract]:
    rows = session.execute(select(loan, book.c.code).join(book, book.c.id == loan.c.book_id).where(condition))
    return [
        Contract(
            book=BookCode(row.code), book_id=row.book_id, id=row.id, contract=row.contract, product=row.product,
            county=row.county, household=row.household, borrower=row.borrower, terms=_terms(row), purpose=row.purpose,
            covered=row.covered,
        )
        for row in rows
    ]  # fmt: skip


def _terms(row: Row[Any]) -> LoanTerms:
    """Return a loan's terms.

    Raises:
        LoanUnreadable: what is stored are none.
    """
    try:
        return terms_from_json(row.terms)
    except (ValidationError, BadTerms) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        said = f"{'.'.join(map(str, first['loc']))} {first['msg']}" if first else str(error)
        raise LoanUnreadable(row.contract, said) from error
