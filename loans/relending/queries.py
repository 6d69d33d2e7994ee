"""Questions to the relending tables: draws as the fold of their events."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, select, text
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from loans.errors import RelendingRefused
from loans.relending.draw import Draw, Repayment
from loans.relending.tables import draw_event

DrawKey = tuple[int, str]
"""(book id, number)."""


def draws(session: Session, of: Collection[int] | None = None, known: Mapping[int, int] | None = None) -> list[Draw]:
    """Return draws with what became of them; those that were undone are left out.

    Args:
        session: the session.
        of: ids of the books asked for; all if None.
        known: per book id, the last sequence that counts ("as known at"); a book that is not named has no draws then.
    """
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    found: dict[DrawKey, Draw] = {}
    condition = draw_event.c.book_id.in_(list(mine if of is None else of))
    for row in _events_in_effect(session, condition, known):
        key = (row.book_id, row.number)
        found[key] = _drawn(mine, row) if row.kind == "drawn" else _followed(found[key], row)
    return sorted(found.values(), key=lambda one: (one.book.id, one.drawn_on, one.number))


def held(session: Session, one: Draw) -> Draw:
    """Return a draw as it is now, its book held, so that neither the night nor another verb changes it before the end.

    Raises:
        RelendingRefused: it is there no more.
    """
    hold(session, [one.book.id])
    found = next((other for other in draws(session, [one.book.id]) if other.key == one.key), None)
    if found is None:
        raise RelendingRefused(one.number, "没有这笔借款")
    return found


def hold(session: Session, book_ids: Collection[int]) -> None:
    """Hold books, in ascending order, until the transaction ends: whoever changes draws or what they fund does so."""
    session.execute(text("SELECT FROM ledger.book WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"), {"ids": list(book_ids)})


def latest_step(session: Session, one: Draw) -> str:
    """Return the reference of the newest event of a draw that is in effect."""
    mine = (draw_event.c.book_id == one.book.id) & (draw_event.c.number == one.number)
    return str(_events_in_effect(session, mine)[-1].reference)


def _events_in_effect(session: Session, condition: ColumnElement[bool], known: Mapping[int, int] | None = None) -> list[Row[Any]]:
    """Return the events of draws in their order; one that was undone is left out with what undid it."""
    found = session.execute(select(draw_event).where(condition).order_by(draw_event.c.book_id, draw_event.c.seq)).all()
    rows = [row for row in found if known is None or row.seq <= known.get(row.book_id, 0)]
    undone = {(row.book_id, row.body["of"]) for row in rows if row.kind == "undone"}
    return [row for row in rows if row.kind != "undone" and (row.book_id, row.reference) not in undone]


def _drawn(mine: Mapping[int, Book], row: Row[Any]) -> Draw:
    return Draw(
        book=mine[row.book_id], number=row.number, fen=row.body["fen"], rate_ppb=row.body["rate_ppb"], drawn_on=row.value_date,
        due_on=date.fromisoformat(row.body["due_on"]), reported_on=date.fromisoformat(row.body["reported_on"]),
    )  # fmt: skip


def _followed(one: Draw, row: Row[Any]) -> Draw:
    """Return a draw after an event that follows its drawing."""
    if row.kind == "extended":
        return replace(one, extensions=(*one.extensions, date.fromisoformat(row.body["due_on"])))
    reported_on = date.fromisoformat(row.body.get("reported_on", row.value_date.isoformat()))
    paid = Repayment(day=row.value_date, fen=row.body["fen"], serial=row.body.get("serial"), reported_on=reported_on)
    return replace(one, repayments=(*one.repayments, paid))
