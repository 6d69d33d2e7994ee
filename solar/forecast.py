"""Forecast (发电预测) beside fact: what each roof was read to yield, what it was expected to, and roofs that yield too little.

A month too little is weather; two in a row are a fault, a shadow or a theft, and somebody must look.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.calendar import add_months, month_of
from solar.stations import Station, stations
from solar.sun import sun_on

TOO_LITTLE = 80
"""Below so many per cent of what is expected a month is too little."""
STOPPED = 10
"""Below so many per cent a plant stands still."""
IN_A_ROW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A station's month: kWh read and expected; the month of connection is not whole and is left out."""

    station: Station
    month: date
    read_kwh: Decimal
    expected_kwh: Fraction

    @property
    def percent(self) -> int:
        """What was read, in whole per cent of what was expected."""
        return int(100 * Fraction(self.read_kwh) / self.expected_kwh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A station that yields too little up to now (发电异常): its latest months in a row, oldest first."""

    months: Sequence[Month]

    @property
    def reason(self) -> str:
        """What to look for first."""
        if self.months[-1].percent < STOPPED:
            return "停机或通信中断"
        if self.months[-1].percent < self.months[0].percent - STOPPED:
            return "出力继续下降：设备故障或窃电"
        return "出力持续偏低：遮挡、积灰或故障"


_READ = """
SELECT meter, month, kwh FROM (
    SELECT DISTINCT ON (d.meter, d.month) d.meter, d.month, d.kwh, r.kwh IS NULL AND r.register IS NULL AS withdrawn
      FROM solar.receivable d JOIN solar.reading r USING (book_id, meter, month)
     WHERE d.book_id = ANY(:books) AND d.month BETWEEN :first AND :last
       AND (CAST(:meters AS text[]) IS NULL OR d.meter = ANY(:meters))
     ORDER BY d.meter, d.month, d.version DESC, r.version DESC
) AS latest WHERE NOT withdrawn ORDER BY meter, month
"""


def months(
    session: Session, books: Collection[Book], first: date, last: date, meters: Collection[str] | None = None
) -> list[Month]:
    """Return what the stations of some books yielded in the months from one to another, by meter and month.

    Raises:
        NoSun: nothing is assumed of a region.
    """
    values = {"books": [book.id for book in books], "first": month_of(first), "last": month_of(last)}
    rows = session.execute(text(_READ), values | {"meters": None if meters is None else list(meters)}).all()
    known = stations(session, {row.meter for row in rows})
    return [
        Month(
            station=one, month=row.month, read_kwh=row.kwh,
            expected_kwh=sun_on(one.book.county, one.connected_on).monthly_kwh(one.watts, one.connected_on, row.month),
        )
        for row in rows
        if row.month > month_of((one := known[row.meter]).connected_on)
    ]  # fmt: skip


def alerts(session: Session, books: Collection[Book], through: date, below: int = TOO_LITTLE) -> list[Alert]:
    """Return the stations whose last months in a row were too little, up to the latest that was read of them.

    Args:
        session: the transaction.
        books: of which counties.
        through: months up to that of this day are looked at, half a year back.
        below: what is too little, in per cent of what is expected.

    Raises:
        NoSun: nothing is assumed of a region.
    """
    return list(too_little(months(session, books, add_months(month_of(through), -5), through), below))


def too_little(found: Sequence[Month], below: int) -> Iterator[Alert]:
    """Yield the stations among months, in order of meter and month, that end with too many in a row that are too little.

    A month that was not read breaks no row and makes none.
    """
    by_meter: dict[str, list[Month]] = {}
    for one in found:
        by_meter.setdefault(one.station.meter, []).append(one)
    for mine in by_meter.values():
        last: list[Month] = []
        for one in mine:
            last = [*last, one] if one.percent < below else []
        if len(last) >= IN_A_ROW:
            yield Alert(months=last)
