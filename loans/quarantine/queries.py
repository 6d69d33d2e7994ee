"""Questions to the quarantine: which loans are set aside, since when and why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.journal import BookCode
from loans.life import Horizon
from loans.queries import Key


def sound(row: str, loan: str = "loan_id") -> str:
    """Return the SQL condition that the loan of a row is not set aside; the table is empty but for bad nights."""
    return (
        f"NOT EXISTS (SELECT FROM loans.quarantine q WHERE q.book_id = {row}.book_id AND q.loan_id = {row}.{loan} "
        "AND q.known_to_seq IS NULL)"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A loan that is set aside since the close of a day; its rows are those of its own horizon."""

    book: BookCode
    key: Key
    contract: str
    since: date
    step: str
    error: str
    horizon: Horizon
    known_from_seq: int
    at: datetime


def set_aside_now(session: Session, keys: Collection[Key] | None = None) -> list[SetAside]:
    """Return the loans that are set aside, of some or of all."""
    books, ids = zip(*keys, strict=True) if keys else ((), ())
    only = "" if keys is None else (
        "AND (q.book_id, q.loan_id) IN (SELECT * FROM unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[])))"
    )  # fmt: skip
    rows = session.execute(
        text(
            "SELECT q.*, l.contract, b.code FROM loans.quarantine q "
            "JOIN loans.loan l ON l.book_id = q.book_id AND l.id = q.loan_id "
            f"JOIN ledger.book b ON b.id = q.book_id WHERE q.known_to_seq IS NULL {only} ORDER BY q.book_id, q.loan_id"
        ),
        {"books": list(books), "ids": list(ids)} if only else {},
    )
    return [
        SetAside(
            book=BookCode(row.code), key=(row.book_id, row.loan_id), contract=row.contract, since=row.since_date, step=row.step,
            error=row.error, horizon=Horizon(row.charged_through, row.aged_through), known_from_seq=row.known_from_seq,
            at=row.set_aside_at,
        )
        for row in rows
    ]  # fmt: skip
