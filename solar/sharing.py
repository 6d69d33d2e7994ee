"""Sharing (收益分成): whose part of a receipt is how much, by the station's agreement, its phase, and the household's floor."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

from loans.queries import principals
from solar.agreement import Share, split
from solar.queries import agreed_on, agreements, stands
from solar.stations import Station

Parts = dict[Share, int]
"""What of a receipt is whose, in fen."""

_GOT = """
SELECT meter, extract(year FROM received_on)::integer AS year, sum(household_fen)::bigint AS fen FROM solar.receipt
 WHERE book_id = ANY(:books) AND meter = ANY(:meters) AND extract(year FROM received_on) = ANY(:years) GROUP BY 1, 2
"""


class Received(Protocol):
    """Cash that is to be split."""

    @property
    def received_on(self) -> date:
        """The day on which it came."""
        ...


class Sharing:
    """The splitting of a batch of receipts: each counts what the household has got of its year with those before it."""

    def __init__(self, session: Session, known: Iterable[Station], receipts: Collection[Received]) -> None:
        """Read what was agreed on the stations, whether loans and help for them are repaid, and what households have got."""
        self._stations = {one.meter: one for one in known}
        self._agreed = agreements(session, self._stations.values())
        keys = {one.meter: (one.loan_book_id, one.loan_id) for one in self._stations.values()}
        owed = principals(session, keys.values())
        standing = stands(session, self._stations.values(), date.max)
        self._repaid = {meter for meter, key in keys.items() if owed.get(key) == 0 and not standing[meter].open_fen}
        books = sorted({one.book.id for one in self._stations.values()})
        values = {"books": books, "meters": list(keys), "years": sorted({one.received_on.year for one in receipts})}
        self._got = {(row.meter, row.year): int(row.fen) for row in session.execute(text(_GOT), values)}

    def split(self, meter: str, day: date, whole_fen: int) -> Parts:
        """Return the parts of cash that came on a day, in fen."""
        one = self._stations[meter]
        agreed = agreed_on(one, self._agreed[meter], day)
        got = self._got.get((meter, day.year), 0)
        phase = agreed.phase_on(one.connected_on, day, repaid=meter in self._repaid)
        parts = split(whole_fen, phase, agreed.floor_by(one.connected_on, day) - got)
        self._got[(meter, day.year)] = got + parts[Share.HOUSEHOLD]
        return parts
