"""Questions to the relending tables: draws, and the pledges for them, as the folds of their events."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, select
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books, hold_books
from loans.errors import RelendingRefused
from loans.relending.draw import Draw, Form, Repayment
from loans.relending.pledge import Asset, Pledge
from loans.relending.tables import draw_event

DrawKey = tuple[int, str]
"""(book id, number)."""
_OF_PLEDGES = frozenset(("pledged", "released"))


def any_drawn(session: Session) -> bool:
    """Tell whether any book ever drew relending, undone draws included."""
    return bool(session.scalar(select(exists().select_from(draw_event))))


def draws(session: Session, of: Collection[int] | None = None, known: Mapping[int, int] | None = None) -> list[Draw]:
    """Return draws with what became of them; those that were undone are left out.

    Args:
        session: the session.
        of: ids of the books asked for; all if None.
        known: per book id, the last sequence that counts ("as known at"); a book that is not named has no draws then.
    """
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    found: dict[DrawKey, Draw] = {}
    for row in _events_in_effect(session, _in(mine if of is None else of), known):
        if row.kind in _OF_PLEDGES:
            continue
        key = (row.book_id, row.number)
        found[key] = _drawn(mine, row) if row.kind == "drawn" else _followed(found[key], row)
    return sorted(found.values(), key=lambda one: (one.book.id, one.drawn_on, one.number))


def pledges(session: Session, of: Collection[int], known: Mapping[int, int] | None = None) -> list[Pledge]:
    """Return the pledges of some books, released ones too, in the order in which they came; those undone are left out."""
    found: dict[tuple[int, str, str], Pledge] = {}
    for row in _events_in_effect(session, _in(of), known):
        key = (row.book_id, row.number, str(row.body.get("serial")))
        if row.kind == "pledged":
            found[key] = Pledge(
                book_id=row.book_id, draw=row.number, serial=row.body["serial"], asset=Asset(row.body["asset"]),
                face_fen=row.body["face_fen"], rate_ppb=row.body["rate_ppb"], start=row.value_date,
                end=date.fromisoformat(row.body["end"]),
            )  # fmt: skip
        elif row.kind == "released":
            found[key] = replace(found[key], released_on=row.value_date)
    return list(found.values())


def held(session: Session, one: Draw) -> Draw:
    """Return a draw as it is now, its book held, so that neither the night nor another verb changes it before the end.

    Raises:
        RelendingRefused: it is there no more.
    """
    hold_books(session, [one.book.id])
    found = next((other for other in draws(session, [one.book.id]) if other.key == one.key), None)
    if found is None:
        raise RelendingRefused(one.number, "没有这笔借款")
    return found


def latest_step(session: Session, one: Draw) -> str:
    """Return the reference of the newest step of a draw that is in effect, what was pledged for it left aside."""
    mine = (draw_event.c.book_id == one.book.id) & (draw_event.c.number == one.number)
    return str([row for row in _events_in_effect(session, mine) if row.kind not in _OF_PLEDGES][-1].reference)


def _in(of: Collection[int]) -> ColumnElement[bool]:
    return draw_event.c.book_id.in_(list(of))


def _events_in_effect(session: Session, condition: ColumnElement[bool], known: Mapping[int, int] | None = None) -> list[Row[Any]]:
    """Return the events of draws in their order; one that was undone is left out with what undid it."""
    found = session.execute(select(draw_event).where(condition).order_by(draw_event.c.book_id, draw_event.c.seq)).all()
    rows = [row for row in found if known is None or row.seq <= known.get(row.book_id, 0)]
    undone = {(row.book_id, row.body["of"]) for row in rows if row.kind == "undone"}
    return [row for row in rows if row.kind != "undone" and (row.book_id, row.reference) not in undone]


def _drawn(mine: Mapping[int, Book], row: Row[Any]) -> Draw:
    return Draw(
        book=mine[row.book_id], number=row.number, fen=row.body["fen"], rate_ppb=row.body["rate_ppb"], drawn_on=row.value_date,
        due_on=date.fromisoformat(row.body["due_on"]), form=Form(row.body.get("form", Form.CREDIT)),
        reported_on=date.fromisoformat(row.body["reported_on"]),
    )  # fmt: skip


def _followed(one: Draw, row: Row[Any]) -> Draw:
    """Return a draw after an event that follows its drawing."""
    if row.kind == "extended":
        return replace(one, extensions=(*one.extensions, date.fromisoformat(row.body["due_on"])))
    reported_on = date.fromisoformat(row.body.get("reported_on", row.value_date.isoformat()))
    paid = Repayment(day=row.value_date, fen=row.body["fen"], serial=row.body.get("serial"), reported_on=reported_on)
    return replace(one, repayments=(*one.repayments, paid))
