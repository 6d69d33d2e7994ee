"""Questions to the steps of applications: what stands of them, and which loans were drawn under them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import exists, select, text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from loans.applications.state import ApplicationState, Standing, Step, StepKind, state_after
from loans.applications.tables import application_event
from loans.queries import UNDONE

Number = tuple[int, str]
"""(book id, contract number)."""
_PAIRS = "unnest(CAST(:books AS bigint[]), CAST(:names AS text[])) AS k (book_id, name)"
_COLUMNS = "e.book_id, e.contract, e.kind, e.value_date, e.reference, e.actor, e.body"


def steps_of(session: Session, numbers: Iterable[Number]) -> dict[Number, list[Step]]:
    """Return the steps of contract numbers in the order in which they came; a number without any is left out."""
    found: dict[Number, list[Step]] = {}
    for step in _steps(session, numbers, "contract"):
        found.setdefault(step.number, []).append(step)
    return found


def steps_referenced(session: Session, references: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Step]:
    """Return steps by (book id, reference), for the references that name one."""
    return {(step.book_id, step.reference): step for step in _steps(session, references, "reference")}


def states_of(session: Session, numbers: Collection[Number]) -> dict[Number, ApplicationState]:
    """Return what stands of the applications of contract numbers; a number of which nothing stands is left out."""
    mine = _loan_books(session)
    states = {number: state_after(mine[number[0]], steps) for number, steps in steps_of(session, numbers).items()}
    return {number: state for number, state in states.items() if state is not None}


def applications(session: Session, day: date, book: Book | None = None) -> list[tuple[ApplicationState, Standing]]:
    """Return all applications, or a book's, with where each is on a day, in order of book and filing."""
    mine = _loan_books(session)
    rows = session.execute(
        select(application_event)
        .where(application_event.c.book_id == book.id if book else text("true"))
        .order_by(application_event.c.book_id, application_event.c.seq)
    ).all()
    steps: dict[Number, list[Step]] = {}
    for row in rows:
        steps.setdefault((row.book_id, row.contract), []).append(_step(row))
    taken = drawn(session, steps)
    states = {number: state for number, found in steps.items() if (state := state_after(mine[number[0]], found)) is not None}
    order = {(row.book_id, row.reference): at for at, row in enumerate(rows)}
    return [
        (state, Standing.DRAWN if number in taken else state.standing_on(day))
        for number, state in sorted(states.items(), key=lambda one: order[(one[0][0], one[1].filed.reference)])
    ]


def drawn(session: Session, numbers: Iterable[Number]) -> set[Number]:
    """Return those of contract numbers under which a loan was made."""
    rows = session.execute(
        text(f"SELECT l.book_id, l.contract FROM loans.loan l JOIN {_PAIRS} ON (l.book_id, l.contract) = (k.book_id, k.name)"),
        _arrays(numbers),
    )
    return {(row.book_id, row.contract) for row in rows}


def applies(session: Session, county: str, borrower: str) -> bool:
    """Tell whether a borrower of a county is named by any application, those undone left out."""
    mine = [book.id for book in books(session, BookKind.LOANS) if book.county == county]
    filed = application_event.alias()
    undone = application_event.alias()
    never_was = exists().where(undone.c.book_id == filed.c.book_id, undone.c.reference == filed.c.reference + UNDONE)
    his = filed.c.book_id.in_(mine) & (filed.c.kind == StepKind.APPLIED) & (filed.c.body["borrower"].astext == borrower)
    return session.execute(select(filed.c.seq).where(his, ~never_was).limit(1)).one_or_none() is not None


def _steps(session: Session, names: Iterable[tuple[int, str]], column: str) -> Sequence[Step]:
    rows = session.execute(
        text(
            f"SELECT {_COLUMNS} FROM loans.application_event e JOIN {_PAIRS} ON (e.book_id, e.{column}) = (k.book_id, k.name) "
            "ORDER BY e.book_id, e.seq"
        ),
        _arrays(names),
    )
    return [_step(row) for row in rows]


def _step(row: Row[Any]) -> Step:
    return Step(
        book_id=row.book_id, contract=row.contract, kind=StepKind(row.kind), day=row.value_date, reference=row.reference,
        actor=row.actor, body=row.body,
    )  # fmt: skip


def _loan_books(session: Session) -> dict[int, Book]:
    return {book.id: book for book in books(session, BookKind.LOANS)}


def _arrays(pairs: Iterable[tuple[int, str]]) -> dict[str, list[Any]]:
    wanted = sorted(set(pairs))
    return {"books": [book_id for book_id, _ in wanted], "names": [name for _, name in wanted]}
