"""Stations (电站): a household's plant on its roof, tied to the loan that built it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select, text, tuple_
from sqlalchemy.orm import Session

from ledger.books import Book, books
from ledger.business_day import business_date_from
from ledger.journal import Dimensions
from loans.queries import Key, contracts
from solar.errors import StationRefused
from solar.tables import station

SOLAR_PRODUCT = "GFNH"
"""光伏农户贷: the one product that a station repays."""
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


def register(session: Session, wanted: Sequence[Station]) -> list[Station]:
    """Register stations and return those that are new; one that is there with the same facts stays as it is.

    Raises:
        StationRefused: capacity or share out of range, the meter or the loan belongs to another station, or the loan is
            not this household's 光伏农户贷.
        FutureDate: one is connected after the business date.
    """
    business_date_from(session, (one.connected_on for one in wanted))
    known = stations(session, [one.meter for one in wanted])
    loans = contracts(session, {(one.loan_book_id, one.loan_id) for one in wanted})
    taken = on_loans(session, loans)
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
        loan = loans[(one.loan_book_id, one.loan_id)]
        if loan.product != SOLAR_PRODUCT:
            raise StationRefused(one.meter, f"借据 {loan.contract} 不是光伏农户贷")
        if loan.household != one.household:
            raise StationRefused(one.meter, f"借据 {loan.contract} 是户 {loan.household} 的，不是户 {one.household} 的")
        if loan.key in taken:
            raise StationRefused(one.meter, f"借据 {loan.contract} 已有电站 {taken[loan.key]}")
        taken[loan.key] = one.meter
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
    return fresh


def on_loans(session: Session, loans: Collection[Key]) -> dict[Key, str]:
    """Return the meters of the stations that repay loans, by (book id, loan id)."""
    rows = session.execute(
        select(station.c.loan_book_id, station.c.loan_id, station.c.meter).where(
            tuple_(station.c.loan_book_id, station.c.loan_id).in_(list(loans))
        )
    )
    return {(row.loan_book_id, row.loan_id): row.meter for row in rows}


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


def dimensions(one: Station) -> Dimensions:
    """Return what a station's postings say of it."""
    return Dimensions(county=one.book.county, project=one.meter)
