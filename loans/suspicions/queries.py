"""Questions to the hits: those of a book, and those that hold a loan back."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from loans.queries import UNDONE
from loans.suspicions.rules import Decision, Hit, Key

_HITS = (
    "SELECT b.code AS book, h.book_id, h.id, h.loan_id, l.contract, h.rule, h.subject, h.occasion, h.day, h.facts, d.decision, "
    "d.reason, d.actor AS decided_by FROM loans.hit h JOIN loans.loan l ON l.book_id = h.book_id AND l.id = h.loan_id "
    "JOIN ledger.book b ON b.id = h.book_id LEFT JOIN LATERAL (SELECT d.decision, d.reason, d.actor FROM loans.decision d "
    "  WHERE d.book_id = h.book_id AND d.hit_id = h.id ORDER BY d.id DESC LIMIT 1) AS d ON true "
)
_OPEN = (
    "d.decision IS DISTINCT FROM 'cleared' AND (d.decision = 'confirmed' OR NOT EXISTS (SELECT FROM loans.hit n "
    "  WHERE n.book_id = h.book_id AND n.loan_id = h.loan_id AND n.rule = h.rule AND n.subject = h.subject AND n.id > h.id))"
)
"""Confirmed, or not yet decided for good and not asked anew since on other facts."""
_MADE = f"strpos(l.contract, '{UNDONE}/') = 0"


def hits(session: Session, book_id: int | None = None, *, number: int | None = None, only_open: bool = False) -> list[Hit]:
    """Return the hits of a book, or of all, in the order in which they were raised; loans that never were left out.

    Args:
        session: the transaction.
        book_id: only of this book.
        number: only the one that bears this number.
        only_open: without those that are cleared or asked anew on other facts.
    """
    given = {name: value for name, value in (("book_id", book_id), ("id", number)) if value is not None}
    conditions = [_MADE, *(f"h.{name} = :{name}" for name in given), *([_OPEN] if only_open else [])]
    return _read(session, f"{_HITS} WHERE {' AND '.join(conditions)} ORDER BY h.book_id, h.id", given)


def hits_of(session: Session, numbers: Collection[tuple[int, int]]) -> list[Hit]:
    """Return hits by (book id, number), in their order."""
    books, ids = zip(*numbers, strict=True) if numbers else ((), ())
    asked = "(h.book_id, h.id) IN (SELECT * FROM unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[])))"
    return _read(session, f"{_HITS} WHERE {asked} ORDER BY h.book_id, h.id", {"books": list(books), "ids": list(ids)})


def open_hits(session: Session, keys: Collection[Key]) -> dict[Key, list[Hit]]:
    """Return, by loan, the hits that speak against paying for it: confirmed, pending or not yet decided."""
    if not keys:
        return {}
    books, loans = zip(*keys, strict=True)
    asked = "(h.book_id, h.loan_id) IN (SELECT * FROM unnest(CAST(:books AS bigint[]), CAST(:loans AS bigint[])))"
    sql = f"{_HITS} WHERE {asked} AND {_OPEN} ORDER BY h.book_id, h.id"
    found: dict[Key, list[Hit]] = {}
    for one in _read(session, sql, {"books": list(books), "loans": list(loans)}):
        found.setdefault(one.key, []).append(one)
    return found


def makers(session: Session, key: Key) -> set[str]:
    """Return who paid a loan out."""
    return set(
        session.scalars(
            text("SELECT actor FROM loans.event WHERE book_id = :book AND loan_id = :loan AND kind = 'disbursed'"),
            {"book": key[0], "loan": key[1]},
        )
    )


def _read(session: Session, sql: str, given: dict[str, Any]) -> list[Hit]:
    return [
        Hit(**{**row._asdict(), "decision": Decision(row.decision) if row.decision else None})
        for row in session.execute(text(sql), given)
    ]
