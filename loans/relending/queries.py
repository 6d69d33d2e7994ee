"""Questions to the relending tables: draws as the fold of their events."""

from dataclasses import replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.books import BookKind, books
from loans.relending.draw import Draw
from loans.relending.tables import draw_event


def draws(session: Session) -> list[Draw]:
    """Return all draws with what became of them, those that were undone left out."""
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    rows = session.execute(select(draw_event).order_by(draw_event.c.book_id, draw_event.c.seq)).all()
    undone = {(row.book_id, row.body["of"]) for row in rows if row.kind == "undone"}
    found: dict[tuple[int, str], Draw] = {}
    for row in rows:
        key = (row.book_id, row.number)
        if (row.book_id, row.reference) in undone:
            continue
        match row.kind:
            case "drawn":
                found[key] = Draw(
                    book=mine[row.book_id], number=row.number, fen=row.body["fen"], rate_ppb=row.body["rate_ppb"],
                    drawn_on=row.value_date, due_on=date.fromisoformat(row.body["due_on"]),
                    reported_on=date.fromisoformat(row.body["reported_on"]),
                )  # fmt: skip
            case "extended":
                found[key] = replace(found[key], extensions=(*found[key].extensions, date.fromisoformat(row.body["due_on"])))
            case "repaid":
                found[key] = replace(found[key], repaid_on=row.value_date)
            case _:
                pass
    return sorted(found.values(), key=lambda one: (one.book.id, one.drawn_on, one.number))
