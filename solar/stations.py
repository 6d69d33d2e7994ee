"""Stations (电站): a household's plant on its roof, tied to the loan that built it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from ledger.books import Book, books
from solar.errors import StationRefused
from solar.tables import station

LEAST_WATTS, MOST_WATTS = 3_000, 7_000
"""A household plant is 3 to 7 kW (domain.md 3.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A plant: its meter, household, loan, capacity, connection date, and the percentage of its income that repays."""

    book: Book
    meter: str
    household: str
    loan_book_id: int
    loan_id: int
    watts: int
    connected_on: date
    loan_percent: int = 85


def register(session: Session, wanted: Sequence[Station]) -> int:
    """Register stations and return how many are new; one that is there with the same facts stays as it is.

    Raises:
        StationRefused: capacity or share out of range, or the meter or the loan belongs to another station.
    """
    known = stations(session, [one.meter for one in wanted])
    fresh = []
    for one in wanted:
        if not LEAST_WATTS <= one.watts <= MOST_WATTS:
            raise StationRefused(one.meter, f"容量 {one.watts / 1000:g} kW，户用电站应为 3—7 kW")
        if not 0 < one.loan_percent <= 100:
            raise StationRefused(one.meter, "还贷比例应在 1% 到 100% 之间")
        if one.meter in known:
            if known[one.meter] != one:
                raise StationRefused(one.meter, "电表号已登记，且内容不同")
            continue
        known[one.meter] = one
        fresh.append(one)
    if fresh:
        session.execute(
            insert(station).inline(),
            [
                {
                    "book_id": one.book.id, "meter": one.meter, "household": one.household, "loan_book_id": one.loan_book_id,
                    "loan_id": one.loan_id, "watts": one.watts, "connected_on": one.connected_on,
                    "loan_percent": one.loan_percent,
                }
                for one in fresh
            ],
        )  # fmt: skip
    return len(fresh)


def stations(session: Session, meters: Collection[str]) -> dict[str, Station]:
    """Return stations by meter."""
    mine = {book.id: book for book in books(session)}
    rows = session.execute(select(station).where(station.c.meter == text("ANY(:meters)").bindparams(meters=list(meters))))
    return {
        row.meter: Station(
            book=mine[row.book_id], meter=row.meter, household=row.household, loan_book_id=row.loan_book_id,
            loan_id=row.loan_id, watts=row.watts, connected_on=row.connected_on, loan_percent=row.loan_percent,
        )
        for row in rows
    }  # fmt: skip
