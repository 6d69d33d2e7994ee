"""Metering (抄表): what is read of meters, corrected and estimated, and the receivables that follow from all of it.

A reading is never overwritten: a correction, an actual reading after an estimate, and the undo of a file are new versions of its
month. After each, the station's dues are computed anew from all that is read, and only differences are booked, in red where they
fall; so what is due never depends on the order in which readings came.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import hold_books
from ledger.business_day import business_date_from
from ledger.calendar import month_of
from ledger.journal import JournalEntry
from ledger.money import decimal_yuan
from ledger.posting import post_many
from ledger.queries import free_references
from solar import entries
from solar.errors import SettlementRefused
from solar.generation import RegisterFalls
from solar.receivable import Due
from solar.records import Version, Versions, booked_dues, station_dues, swaps_of, versions_of
from solar.stations import Station, dimensions, stations, swapped_meters
from solar.tables import reading, receipt, receivable, swap


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a meter for a month: its kWh, or where the register stood at its end.

    Attributes:
        coal_fen: with `subsidy_fen`, what the grid's statement says is due; of a station with a tariff class it must agree.
        estimated: the grid estimated it; an actual reading replaces it.
        corrects: it replaces what was read.
    """

    meter: str
    month: date
    kwh: Decimal | None = None
    register: Decimal | None = None
    coal_fen: int | None = None
    subsidy_fen: int | None = None
    estimated: bool = False
    corrects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSwap:
    """A meter replaced by another in a month: the old register's end, the new one's start, the new number."""

    meter: str
    month: date
    old_end: Decimal
    new_start: Decimal
    new_meter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A reading that is new, and its version."""

    meter: str
    month: date
    version: int


def read(session: Session, readings: Sequence[Reading], actor: str) -> list[Booked]:
    """Book readings and what follows from them; one booked already stays as it is. Return the new ones.

    Raises:
        SettlementRefused: the meter is unknown, a figure is negative, missing or not what the tariff makes it, a register moves
            backwards, or the month was read otherwise and this is no correction.
        NoTariff: no coal price is known for the month.
        FutureDate: a month has not begun.
    """
    today = business_date_from(session, (one.month for one in readings))
    known = stations(session, {one.meter for one in readings})
    hold_books(session, {one.book.id for one in known.values()})
    history = versions_of(session, known)
    fresh: list[Booked] = []
    rows = []
    for one in readings:
        _require(one.meter in known, one.meter, "没有登记的电站")
        station = known[one.meter]
        _require_sound(station, one)
        versions = history.setdefault(one.meter, {}).setdefault(one.month, [])
        made = _version(station, one, len(versions) + 1)
        if not _is_new(made, versions, one):
            continue
        versions.append(made)
        fresh.append(Booked(meter=one.meter, month=one.month, version=made.version))
        rows.append(_row(station, one.month, made, actor))
    if rows:
        session.execute(insert(reading).inline(), rows)
    dues = follow(session, known, history, {one.meter for one in fresh}, today)
    for one in readings:
        if known[one.meter].tariff is not None and (one.meter, one.month) in dues:
            _require_as_stated(one, dues[(one.meter, one.month)])
    return fresh


def undo(session: Session, keys: Sequence[tuple[str, date, int | None]], actor: str) -> None:
    """Take readings (meter, month, version) back: what held before them holds again, as a new version.

    Raises:
        SettlementRefused: there is a later version, or nothing held before and cash has come for the month.
    """
    today = business_date_from(session, ())
    known = stations(session, {meter for meter, *_ in keys})
    hold_books(session, {one.book.id for one in known.values()})
    history = versions_of(session, known)
    rows = []
    for meter, month, version in reversed(keys):
        station, versions = known[meter], history[meter][month]
        last = versions[-1].version
        _require(version in (None, last), meter, f"{month:%Y-%m} 其后已有更正，不能撤销")
        before = versions[-2] if len(versions) > 1 and not versions[-2].withdrawn else Version(version=0)
        paid = select(receipt.c.reference).where(
            receipt.c.book_id == station.book.id, receipt.c.meter == meter, receipt.c.month == month
        )
        _require(not before.withdrawn or session.scalar(paid.limit(1)) is None, meter, f"{month:%Y-%m} 已有到账，不能撤销")
        versions.append(before.numbered(last + 1))
        rows.append(_row(station, month, versions[-1], actor))
    session.execute(insert(reading).inline(), rows)
    follow(session, known, history, set(known), today)


def replace_meter(session: Session, one: MeterSwap, actor: str) -> bool:
    """Book the swap of a meter and what it makes of registers read since; return whether it is new.

    Raises:
        SettlementRefused: the meter is unknown, the new number is taken, a figure is negative, the month lies before connection
            or has another swap, or a register would move backwards.
        FutureDate: the month has not begun.
    """
    today = business_date_from(session, [one.month])
    known = stations(session, [one.meter])
    _require(one.meter in known, one.meter, "没有登记的电站")
    station = known[one.meter]
    hold_books(session, [station.book.id])
    _require(min(one.old_end, one.new_start) >= 0, one.meter, "示数不得为负")
    _require(one.month >= month_of(station.connected_on), one.meter, f"{station.connected_on} 并网，此前不可能换表")
    facts = {"old_end": one.old_end, "new_start": one.new_start, "new_meter": one.new_meter}
    columns = (swap.c.old_end, swap.c.new_start, swap.c.new_meter)
    there = session.execute(
        select(*columns).where(swap.c.book_id == station.book.id, swap.c.meter == one.meter, swap.c.month == one.month)
    ).one_or_none()
    if there is not None:
        _require(dict(there._mapping) == facts, one.meter, f"{one.month:%Y-%m} 已登记换表，且内容不同")  # noqa: SLF001 - its API
        return False
    taken = {**stations(session, [one.new_meter]), **swapped_meters(session, [one.new_meter])}
    _require(not taken, one.meter, f"新电表号 {one.new_meter} 已在使用")
    session.execute(insert(swap).values(book_id=station.book.id, meter=one.meter, month=one.month, actor=actor, **facts))
    audit.record(session, actor, "meter replaced", f"{station.book.code}/{one.meter}", {"new_meter": one.new_meter})
    follow(session, known, versions_of(session, known), {one.meter}, today)
    return True


def follow(
    session: Session, known: Mapping[str, Station], history: Versions, meters: Collection[str], today: date
) -> dict[tuple[str, date], Due]:
    """Book the difference between what is due of stations by all that is read and what is booked; return what is due.

    Raises:
        SettlementRefused: a register moves backwards.
        NoTariff: no coal price is known for a month.
    """
    booked = booked_dues(session, known, meters)
    swaps = swaps_of(session, known, meters)
    rows, made, due_now = [], [], {}
    for meter in sorted(meters):
        try:
            wanted = station_dues(known[meter], history[meter], swaps.get(meter, ()))
        except RegisterFalls as falls:
            raise SettlementRefused(meter, str(falls)) from None
        for month in sorted(history[meter]):
            kwh, due = wanted.get(month, (Decimal(0), Due()))
            due_now[(meter, month)] = due
            there = booked[meter].get(month)
            if there is not None and (there.kwh, there.due) == (kwh, due):
                continue
            version, change = (1, due) if there is None else (there.versions + 1, due - there.due)
            rows.append(
                {
                    "book_id": known[meter].book.id, "meter": meter, "month": month, "version": version, "kwh": kwh,
                    "coal_fen": change.coal_fen, "subsidy_fen": change.subsidy_fen,
                }
            )  # fmt: skip
            made.append((known[meter], month, version, change))
    if rows:
        session.execute(insert(receivable).inline(), rows)
    _post(session, made, today)
    return due_now


def _post(session: Session, made: Sequence[tuple[Station, date, int, Due]], today: date) -> None:
    names = {
        (station.meter, month): f"solar/{station.meter}/{month:%Y-%m}/generated{f'/{version}' if version > 1 else ''}"
        for station, month, version, _ in made
    }
    free = free_references(session, ((station.book.id, names[(station.meter, month)]) for station, month, *_ in made))
    post_many(
        session,
        [
            JournalEntry(
                book=station.book.code, reference=free[(station.book.id, names[(station.meter, month)])],
                kind="solar.generated" if version == 1 else "solar.corrected", value_date=today, postings=lines,
                narration=f"{'光伏发电应收电费' if version == 1 else f'更正 {month:%Y-%m} 光伏应收电费'} {station.meter}",
                event=names[(station.meter, month)],
            )
            for station, month, version, change in made
            if (lines := entries.generated(change.coal_fen, change.subsidy_fen, dimensions(station)))
        ],
    )  # fmt: skip


def _require_sound(station: Station, one: Reading) -> None:
    since = station.connected_on
    _require(one.month >= month_of(since), one.meter, f"{since} 并网，{one.month:%Y-%m} 不可能有电量")
    _require((one.kwh is None) != (one.register is None), one.meter, "电量和表底示数须填写其中一项")
    figures = (one.kwh, one.register, one.coal_fen, one.subsidy_fen)
    _require(all(figure is None or figure >= 0 for figure in figures), one.meter, "电量和电费不得为负")
    stated = one.coal_fen is not None and one.subsidy_fen is not None
    _require(stated or station.tariff is not None, one.meter, "电站没有电价类别，须填写标杆电费和国家补贴")


def _require_as_stated(one: Reading, due: Due) -> None:
    for name, stated, fen in (("标杆电费", one.coal_fen, due.coal_fen), ("国家补贴", one.subsidy_fen, due.subsidy_fen)):
        said = f"{one.month:%Y-%m} 结算单的{name}与按电价计算的不符：应为 {decimal_yuan(fen)} 元"
        _require(stated in (None, fen), one.meter, said)


def _version(station: Station, one: Reading, number: int) -> Version:
    """Return a reading as it is kept; what a tariff makes due is not kept beside it."""
    by_tariff = station.tariff is not None
    return Version(
        version=number, kwh=one.kwh, register=one.register, estimated=one.estimated,
        stated=None if by_tariff else Due(one.coal_fen or 0, one.subsidy_fen or 0),
    )  # fmt: skip


def _is_new(made: Version, versions: Sequence[Version], one: Reading) -> bool:
    """Tell whether a reading says something new; refuse one that contradicts what was read and is no correction."""
    live: list[Version] = []
    for version in versions:
        live = [] if version.withdrawn else [*live, version]
    if not live:
        return True
    if made.says(live[-1]):
        return False
    if one.corrects:
        return True
    if any(made.says(version) for version in live):
        return False
    replaces = live[-1].estimated and not made.estimated
    _require(replaces, one.meter, f"{one.month:%Y-%m} 已登记，且数字不同；确为更正的，请注明更正")
    return True


def _row(station: Station, month: date, one: Version, actor: str) -> dict[str, Any]:
    return {
        "book_id": station.book.id, "meter": station.meter, "month": month, "version": one.version, "kwh": one.kwh,
        "register": one.register, "estimated": one.estimated, "actor": actor,
        "coal_fen": one.stated.coal_fen if one.stated else None, "subsidy_fen": one.stated.subsidy_fen if one.stated else None,
    }  # fmt: skip


def _require(condition: bool, meter: str, reason: str) -> None:  # noqa: FBT001
    if not condition:
        raise SettlementRefused(meter, reason)
