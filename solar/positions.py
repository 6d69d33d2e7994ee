"""Positions (往来) of stations: by month and part what is due, paid and open; what is over, and what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy.orm import Session

from ledger.calendar import next_month
from solar.matching import match
from solar.receivable import Due
from solar.records import BookedDue, Cash, Version, booked_dues, cash_of, versions_of
from solar.stations import Station
from solar.tariffs import Late, tariffs


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPosition:
    """What of a month's dues is paid, in fen."""

    month: date
    kwh: Decimal
    estimated: bool
    due: Due
    paid: Due

    @property
    def open(self) -> Due:
        """What is not paid yet."""
        return self.due - self.paid


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A station's months, and the cash beyond all that is due (多收), which waits for the next months."""

    station: Station
    months: tuple[MonthPosition, ...]
    over: Due

    @property
    def open(self) -> Due:
        """What is open of all months."""
        return sum((one.open for one in self.months), Due())


class Lack(StrEnum):
    """What is missing, as staff read it."""

    READING = "未抄表"
    ACTUAL = "估算待实抄"
    COAL = "标杆电费未到账"
    SUBSIDY = "国家补贴未到账"
    DUE = "到账超过应收"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something missing of a station: for which month, how much in fen, and since when it is missed."""

    lack: Lack
    station: Station
    month: date | None = None
    fen: int = 0
    since: date | None = None


def positions(session: Session, known: Mapping[str, Station]) -> list[Position]:
    """Return the position of each station as booked now."""
    due, cash, read = booked_dues(session, known, known), cash_of(session, known), versions_of(session, known)
    return [_position(station, due[meter], cash.get(meter, ()), read[meter]) for meter, station in known.items()]


def missing(session: Session, known: Mapping[str, Station], today: date) -> list[Missing]:
    """Return what is missing of stations on a day: readings of months that are over, and cash by the rule of each part."""
    late = tariffs().late
    read = versions_of(session, known)
    found: list[Missing] = []
    for position in positions(session, known):
        found += _unread(position.station, read[position.station.meter], today)
        found += _unpaid(position, late, today)
        for fen in (position.over.coal_fen, position.over.subsidy_fen):
            if fen:
                found.append(Missing(lack=Lack.DUE, station=position.station, fen=fen))
    return found


def _position(
    station: Station,
    due: Mapping[date, BookedDue],
    cash: Sequence[Cash],
    read: Mapping[date, Sequence[Version]],
) -> Position:
    coal = match({month: one.due.coal_fen for month, one in due.items()}, [(c.month, c.coal_fen) for c in cash])
    subsidy = match({month: one.due.subsidy_fen for month, one in due.items()}, [(c.month, c.subsidy_fen) for c in cash])
    months = tuple(
        MonthPosition(
            month=month, kwh=one.kwh, estimated=month in read and read[month][-1].estimated, due=one.due,
            paid=Due(coal.paid[month], subsidy.paid[month]),
        )
        for month, one in sorted(due.items())
    )  # fmt: skip
    return Position(station=station, months=months, over=Due(coal.over_fen, subsidy.over_fen))


def _unread(station: Station, read: Mapping[date, Sequence[Version]], today: date) -> Iterator[Missing]:
    """Yield the months after that of connection which are over and not read, or only estimated."""
    month = next_month(station.connected_on)
    while next_month(month) <= today:
        versions = read.get(month, ())
        if not versions or versions[-1].withdrawn:
            yield Missing(lack=Lack.READING, station=station, month=month, since=next_month(month))
        elif versions[-1].estimated:
            yield Missing(lack=Lack.ACTUAL, station=station, month=month, since=next_month(month))
        month = next_month(month)


def _unpaid(position: Position, late: Late, today: date) -> Iterator[Missing]:
    for one in position.months:
        for lack, fen, since in (
            (Lack.COAL, one.open.coal_fen, late.coal_missed_from(one.month)),
            (Lack.SUBSIDY, one.open.subsidy_fen, late.subsidy_missed_from(one.month)),
        ):
            if fen and today >= since:
                yield Missing(lack=lack, station=position.station, month=one.month, fen=fen, since=since)
