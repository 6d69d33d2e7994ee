"""Sources (业务来源): what of loans stands behind an entry of the journal, read as it was known when the entry was posted.

A person's entry names its event. An entry of the night stands for many loans at once: these are their charges, the interest
that ran, or the loans whose days past due changed.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from loans.tables import event, loan


class EventBehind(NamedTuple):
    """The loan event that an entry books: whose it is, when it took effect, and who booked it on which business date."""

    contract: str
    kind: str
    reference: str
    value_date: date
    business_date: date
    actor: str


class ChargeBehind(NamedTuple):
    """A loan's interest of the days `[start, end)` in a settlement (结息), in fen."""

    contract: str
    kind: str
    start: date
    end: date
    whole_fen: int
    gov_fen: int


class InterestBehind(NamedTuple):
    """All lines of one rate on which interest ran on a day: how many, and the sum of their bases, in fen."""

    kind: str
    rate_ppb: int
    gov_ppb: int
    state: str
    lines: int
    base_fen: int


class LoanBehind(NamedTuple):
    """A loan that a night's ageing touched, as it stood after it; amounts in fen."""

    contract: str
    principal_fen: int
    overdue_fen: int
    oldest_due: date | None
    state: str


_KNOWN = "r.book_id = :book AND r.known_from_seq < :seq AND (r.known_to_seq IS NULL OR r.known_to_seq > :seq)"

_CHARGES = text(f"""
    SELECT l.contract, r.kind, r.start_date AS start, r.end_date AS end, r.whole_fen, r.gov_fen
      FROM loans.charge r JOIN loans.loan l ON l.book_id = r.book_id AND l.id = r.loan_id
     WHERE {_KNOWN} AND r.due_date = :due AND r.end_date = :due ORDER BY l.contract, r.kind
""")

_INTEREST = text(f"""
    SELECT r.kind, r.rate_ppb, r.gov_ppb, r.state, count(*) AS lines, sum(r.base_fen)::bigint AS base_fen
      FROM loans.stream r
     WHERE {_KNOWN} AND r.start_date <= :day AND (r.end_date IS NULL OR r.end_date > :day) AND r.rate_ppb > 0
     GROUP BY r.kind, r.rate_ppb, r.gov_ppb, r.state ORDER BY r.kind, r.rate_ppb, r.gov_ppb, r.state
""")

_TOUCHED = text(f"""
    SELECT l.contract, r.principal_fen, r.overdue_fen, r.oldest_due, r.state
      FROM loans.standing r JOIN loans.loan l ON l.book_id = r.book_id AND l.id = r.loan_id
     WHERE {_KNOWN} AND r.known_from_seq > greatest(
           (SELECT coalesce(max(seq), 0) FROM ledger.journal_entry WHERE book_id = :book AND seq < :seq),
           (SELECT coalesce(max(seq), 0) FROM loans.event WHERE book_id = :book AND seq < :seq))
     ORDER BY l.contract
""")


def event_behind(session: Session, book_id: int, reference: str) -> EventBehind | None:
    """Return the loan event that bears a reference, or None."""
    row = session.execute(
        select(loan.c.contract, event.c.kind, event.c.reference, event.c.value_date, event.c.business_date, event.c.actor)
        .join(loan, (loan.c.book_id == event.c.book_id) & (loan.c.id == event.c.loan_id))
        .where(event.c.book_id == book_id, event.c.reference == reference)
    ).one_or_none()
    return EventBehind._make(row) if row else None


def charges_behind(session: Session, book_id: int, closing: date, seq: int) -> list[ChargeBehind]:
    """Return the charges of a settlement at the close of a day, as known when its entry got its sequence."""
    due = closing + DAY
    return [ChargeBehind._make(row) for row in _rows(session, _CHARGES, book_id, seq, due=due)]


def interest_behind(session: Session, book_id: int, closing: date, seq: int) -> list[InterestBehind]:
    """Return on what interest ran on a day, rate by rate, as known when the night's entry got its sequence."""
    return [InterestBehind._make(row) for row in _rows(session, _INTEREST, book_id, seq, day=closing)]


def touched_behind(session: Session, book_id: int, seq: int) -> list[LoanBehind]:
    """Return the loans that a night's ageing touched just before its entry got its sequence."""
    return [LoanBehind._make(row) for row in _rows(session, _TOUCHED, book_id, seq)]


def _rows(session: Session, query: Any, book_id: int, seq: int, **values: Any) -> Sequence[Row[Any]]:
    return session.execute(query, {"book": book_id, "seq": seq, **values}).all()
