"""Events of a draw: a step is recorded under the draw's number and its own name, and taken back by another event."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.journal import first_free
from ledger.posting import take_sequence
from loans.relending.tables import draw_event


def record(session: Session, book: Book, number: str, step: str, day: date, body: Mapping[str, object]) -> None:
    """Record a step such as `drawn` or `extended/2017-07-01`; the part before the slash is the event's kind."""
    _insert(session, book, number, step.partition("/")[0], day, in_effect(session, book, number, step), body)


def record_undone(session: Session, book: Book, number: str, step: str, day: date, actor: str) -> str:
    """Record that a step never was; return the record's reference."""
    of = in_effect(session, book, number, step)
    _insert(session, book, number, "undone", day, f"{of}/undone", {"of": of, "actor": actor})
    return f"{of}/undone"


def in_effect(session: Session, book: Book, number: str, step: str) -> str:
    """Return the first reference of a step that was not undone: what it is booked under, or is to be."""
    mine = select(draw_event.c.reference).where(draw_event.c.book_id == book.id, draw_event.c.number == number)
    undone = set(session.scalars(mine.where(draw_event.c.kind == "undone")))
    return first_free(f"{number}/{step}", lambda reference: f"{reference}/undone" in undone)


def _insert(session: Session, book: Book, number: str, kind: str, day: date, reference: str, body: Mapping[str, object]) -> None:
    seq = take_sequence(session, {book.id: 1})[book.id]
    session.execute(
        insert(draw_event).values(
            book_id=book.id, seq=seq, number=number, kind=kind, value_date=day, reference=reference, body=dict(body)
        )
    )
