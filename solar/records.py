"""The three records (三本账) of a station, read: what was read of its meter, what is due, and the cash that came."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import ColumnElement, Table, and_, func, select, text
from sqlalchemy.orm import Session

from solar.generation import Read, Swap, months_of
from solar.receivable import Due, dues_of
from solar.stations import Station
from solar.tables import reading, receipt, receivable, swap
from solar.tariffs import tariffs


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a month's reading; with neither kWh nor register the month is withdrawn. `stated` is the statement's dues."""

    version: int
    kwh: Decimal | None = None
    register: Decimal | None = None
    stated: Due | None = None
    estimated: bool = False

    @property
    def withdrawn(self) -> bool:
        """Whether the month counts as not read."""
        return self.kwh is None and self.register is None

    def says(self, other: "Version") -> bool:
        """Tell whether another version says the same."""
        return self.numbered(0) == other.numbered(0)

    def numbered(self, version: int) -> "Version":
        """Return the same under another number."""
        return replace(self, version=version)


Versions = dict[str, dict[date, list[Version]]]
"""All versions by meter and month, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedDue:
    """What is booked as due for a month in as many versions, for the kWh of the last one."""

    versions: int
    kwh: Decimal
    due: Due


@dataclass(frozen=True, slots=True)
class Cash:
    """Cash that came for a month, or (none) for several."""

    month: date | None
    coal_fen: int
    subsidy_fen: int


def versions_of(session: Session, known: Mapping[str, Station]) -> Versions:
    """Return what was read of stations."""
    found: Versions = {meter: {} for meter in known}
    rows = session.execute(select(reading).where(_of(reading, known, known)).order_by(reading.c.version))
    for row in rows:
        stated = None if row.coal_fen is None else Due(row.coal_fen, row.subsidy_fen)
        found[row.meter].setdefault(row.month, []).append(
            Version(version=row.version, kwh=row.kwh, register=row.register, estimated=row.estimated, stated=stated)
        )
    return found


def swaps_of(session: Session, known: Mapping[str, Station], meters: Collection[str]) -> dict[str, list[Swap]]:
    """Return the swaps of stations' meters."""
    found: dict[str, list[Swap]] = {}
    for row in session.execute(select(swap).where(_of(swap, known, meters))):
        found.setdefault(row.meter, []).append(Swap(month=row.month, old_end=row.old_end, new_start=row.new_start))
    return found


def booked_dues(session: Session, known: Mapping[str, Station], meters: Collection[str]) -> dict[str, dict[date, BookedDue]]:
    """Return what is booked as due, by meter and month."""
    r = receivable.c
    rows = session.execute(
        select(
            r.meter, r.month, func.max(r.version).label("versions"), func.sum(r.coal_fen).label("coal"),
            func.sum(r.subsidy_fen).label("subsidy"), func.array_agg(r.kwh).label("kwh"),
            func.array_agg(r.version).label("numbers"),
        )
        .where(_of(receivable, known, meters))
        .group_by(r.meter, r.month)
    )  # fmt: skip
    found: dict[str, dict[date, BookedDue]] = {meter: {} for meter in meters}
    for row in rows:
        kwh = max(zip(row.numbers, row.kwh, strict=True))[1]
        due = Due(int(row.coal), int(row.subsidy))
        found[row.meter][row.month] = BookedDue(versions=row.versions, kwh=kwh, due=due)
    return found


def cash_of(session: Session, known: Mapping[str, Station]) -> dict[str, list[Cash]]:
    """Return the cash that came for stations."""
    found: dict[str, list[Cash]] = {}
    for row in session.execute(select(receipt).where(_of(receipt, known, known))):
        found.setdefault(row.meter, []).append(Cash(row.month, row.coal_fen, row.subsidy_fen))
    return found


def station_dues(
    station: Station, versions: Mapping[date, Sequence[Version]], swaps: Sequence[Swap]
) -> dict[date, tuple[Decimal, Due]]:
    """Return the kWh and dues of each month that is read and not withdrawn, from all that was read.

    Raises:
        RegisterFalls: a register moves backwards.
        NoTariff: no coal price is known for a month.
    """
    live = {month: found[-1] for month, found in versions.items() if not found[-1].withdrawn}
    reads = {month: Read(kwh=one.kwh, register=one.register) for month, one in live.items()}
    kwh = months_of(reads, swaps, station.first_register)
    if station.tariff is None:
        return {month: (kwh[month], one.stated or Due()) for month, one in live.items()}
    book = tariffs()
    dues = dues_of(kwh, book.tariff(station.tariff, station.connected_on), station.watts, station.connected_on, book)
    return {month: (kwh[month], due) for month, due in dues.items()}


def _of(table: Table, known: Mapping[str, Station], meters: Collection[str]) -> ColumnElement[bool]:
    books = sorted({known[meter].book.id for meter in meters})
    return and_(
        table.c.book_id == text("ANY(:books)").bindparams(books=books),
        table.c.meter == text("ANY(:meters)").bindparams(meters=sorted(meters)),
    )
