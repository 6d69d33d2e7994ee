"""Correcting (更正) cash that was already poured: the days it touched are poured anew from facts, and the difference is booked.

A settlement file that was wrong is replaced, not undone: what the household, the sources, the pool and the loan had too much or
too little of moves, in red or black, with the corrected cash in one posting. The loan replays: its repayment of a day is undone
and booked anew under the next reference. What later receipts gave a household for its floor stays as it was split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from ledger.books import hold_books
from ledger.business_day import business_date, business_date_from
from ledger.entries import reversed_in_red
from ledger.journal import JournalEntry
from ledger.periods import posting_date
from ledger.queries import entry_referenced, free_reference
from loans import servicing
from loans.contract import Contract
from loans.dues import dues_on
from loans.events import GraceGranted, LoanEvent, Repaid, in_effect
from loans.queries import contracts, events_of, free_references
from solar import entries
from solar.advance import InstalmentAdvance, NoAdvance
from solar.errors import CorrectionRefused
from solar.pouring import Facts, Pour, book, poured
from solar.queries import agreed_on, agreements, later_contributions, stands
from solar.sharing import Sharing
from solar.stations import Station, dimensions, stations
from solar.sweeping import CAME, alone
from solar.tables import receipt
from solar.waterfall import Rung


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What a receipt should have said, in fen; its month and serial number stay."""

    meter: str
    reference: str
    received_on: date
    coal_fen: int
    subsidy_fen: int


def correct(session: Session, one: Corrected, actor: str, advance: InstalmentAdvance | None = None) -> list[Pour]:
    """Replace a receipt by what it should have said and pour the days since anew; return the pours that changed.

    Raises:
        CorrectionRefused: no such receipt, nothing changes, or negative amounts.
        FutureDate: it is said to have come on a day that has not.
        Overdrawn: the household, a source or the station was paid money that it would not have had.
        EventRefused: the loan was written off, or closed, on what the cash paid.
    """
    alone(session)
    advance = advance or NoAdvance()
    station = stations(session, [one.meter]).get(one.meter)
    if station is None:
        raise CorrectionRefused(one.meter, "没有登记的电站")
    contract = contracts(session, [key := (station.loan_book_id, station.loan_id)])[key] if station.loan_id else None
    rooms = advance.rooms(session, [(contract.county, contract.bank)]) if contract else {}
    hold_books(session, {station.book.id, station.loan_book_id, *(book_id for book_id, _ in rooms.values())} - {0})
    old = _require_sound(session, station, one)
    also = _replaced(session, station, one, old, actor)
    if contract is None:
        book(session, [], advance, also)
        return []
    since = min(old.received_on, one.received_on)
    room = sum(fen for _, fen in rooms.values())
    made = repour(session, station, contract, since, room)
    book(session, made, advance, also)
    _replay(session, contract, made, actor)
    return made


def repour(session: Session, station: Station, contract: Contract, since: date, room_fen: int) -> list[Pour]:
    """Pour a station's days from one on anew, as facts now say, and return those whose rungs change. Nothing is booked."""
    stand = stands(session, [station], since)[station.meter]
    later, agreed = later_contributions(session, station, since), agreements(session, [station])[station.meter]
    mine = f"solar/{station.meter}/"
    happened: list[LoanEvent] = [
        event
        for event in in_effect(events_of(session, [contract.key])[contract.key])
        if not (event.reference.startswith(mine) and event.value_date >= min(stand.poured, default=since))
    ]
    came, counts = _came(session, station, since), _versions(session, station)
    made = []
    for day in sorted(stand.poured):
        for value_date, source, fen in [one for one in later if one[0] <= day]:
            stand.add(source, fen)
            later.remove((value_date, source, fen))
        advanced = stand.poured[day].get(Rung.POOL, (0, 0, 0))[0]
        fen, late = came.get(day, (0, 0))
        facts = Facts(
            station=station, contract=contract, day=day, agreement=agreed_on(station, agreed, day),
            dues=dues_on(contract.terms, happened, day), came_fen=fen, late_fen=late, room_fen=advanced + room_fen,
        )  # fmt: skip
        pour = poured(facts, stand, counts[day] + 1)
        room_fen += advanced - pour.rungs.get(Rung.POOL, (0, 0, 0))[0]
        happened += _loan_events(pour)
        if pour.delta:
            made.append(pour)
    return made


@dataclass(frozen=True, slots=True)
class _Old:
    """What a receipt said until now, and in which night it was poured."""

    month: date | None
    received_on: date
    swept_on: date | None


def _require_sound(session: Session, station: Station, one: Corrected) -> _Old:
    """Return what the receipt says now.

    Raises:
        CorrectionRefused: what `correct` says.
    """
    business_date_from(session, [one.received_on])
    mine = {"book": station.book.id, "meter": one.meter, "reference": one.reference}
    found = session.execute(text(_RECEIPT), mine).one_or_none()
    if found is None:
        raise CorrectionRefused(one.meter, f"没有流水号为 {one.reference} 的到账")
    if (one.received_on, one.coal_fen, one.subsidy_fen) == (found.received_on, found.coal_fen, found.subsidy_fen):
        raise CorrectionRefused(one.meter, f"流水号 {one.reference} 与原记录相同，无需更正")
    if min(one.coal_fen, one.subsidy_fen) < 0:
        raise CorrectionRefused(one.meter, "到账金额不得为负")
    return _Old(found.month, found.received_on, found.swept_on)


_RECEIPT = """
SELECT month, received_on, swept_on, coal_fen, subsidy_fen FROM solar.receipt
 WHERE book_id = :book AND meter = :meter AND reference = :reference
"""


def _replaced(session: Session, station: Station, one: Corrected, old: _Old, actor: str) -> list[JournalEntry]:
    """Replace a receipt's row, and return its entry in red and its new one; without money it never came."""
    where = (receipt.c.book_id == station.book.id) & (receipt.c.meter == one.meter) & (receipt.c.reference == one.reference)
    session.execute(delete(receipt).where(where))
    today, base = business_date(session), f"solar/{one.meter}/received/{one.reference}"
    latest = free_reference(session, station.book.id, base)
    stored = entry_referenced(session, station.book.id, latest)
    red_on = posting_date(session, station.book.id, stored.entry.value_date, today)
    made = [reversed_in_red(stored, red_on, actor, "更正到账")]
    if not one.coal_fen + one.subsidy_fen:
        return made
    parts = Sharing(session, [station], [one]).split(one.meter, one.received_on, one.coal_fen + one.subsidy_fen)
    nights = [day for day in sorted(stands(session, [station], one.received_on)[one.meter].poured) if old.swept_on is not None]
    session.execute(
        insert(receipt).values(
            book_id=station.book.id, meter=one.meter, reference=one.reference, month=old.month, received_on=one.received_on,
            coal_fen=one.coal_fen, subsidy_fen=one.subsidy_fen, swept_on=nights[0] if nights else None,
            **{f"{share}_fen": fen for share, fen in parts.items()},
        )
    )  # fmt: skip
    number = int(latest.rpartition("~")[2]) if "~" in latest else 1
    new = JournalEntry(
        book=station.book.code, reference=f"{base}~{number + 1}", kind="solar.received", maker=actor, event=base,
        value_date=posting_date(session, station.book.id, one.received_on, today), narration=f"更正电费到账 {one.meter}",
        postings=entries.received(one.coal_fen, one.subsidy_fen, parts, dimensions(station)),
    )  # fmt: skip
    return [*made, new]


def _came(session: Session, station: Station, since: date) -> dict[date, tuple[int, int]]:
    """Return what came for the loan in the nights from a day on, and of it late subsidy, by night."""
    rows = session.execute(text(_BY_NIGHT), {"book": station.book.id, "meter": station.meter, "since": since})
    return {row.swept_on: (row.fen, row.late_fen) for row in rows}


_BY_NIGHT = f"""
SELECT swept_on, {CAME} FROM solar.receipt
 WHERE book_id = :book AND meter = :meter AND swept_on >= :since GROUP BY swept_on
"""
_VERSIONS = "SELECT poured_on, count(DISTINCT seq) AS times FROM solar.rung WHERE book_id = :book AND meter = :meter GROUP BY 1"


def _versions(session: Session, station: Station) -> dict[date, int]:
    """Return how often each day of a station was booked."""
    rows = session.execute(text(_VERSIONS), {"book": station.book.id, "meter": station.meter})
    return {row.poured_on: row.times for row in rows}


def _loan_events(pour: Pour) -> list[LoanEvent]:
    """Return what a pour does to its loan, under the names it would have at first."""
    made: list[LoanEvent] = []
    grace = pour.grace(f"{pour.repayment}/deferred")
    if grace is not None:
        made.append(GraceGranted(reference=grace[1], value_date=grace[2], grace=grace[3], until=grace[4]))
    if pour.loan_fen:
        made.append(pour.repaid(pour.repayment))
    return made


def _replay(session: Session, contract: Contract, made: Sequence[Pour], actor: str) -> None:
    """Undo what the changed days did to the loan, the latest first, and book anew what they do now."""
    booked = {
        event.reference.partition("~")[0]: event
        for event in in_effect(events_of(session, [contract.key])[contract.key])
        if event.reference.startswith("solar/")
    }
    wanted = [event for pour in made for event in _loan_events(pour)]
    names = {event.reference for event in wanted} | {
        name for pour in made for name in (pour.repayment, f"{pour.repayment}/deferred")
    }
    same = {event.reference for event in wanted if booked.get(event.reference) in (event, _named(event, booked))}
    for name in sorted(names & booked.keys() - same, key=lambda one: booked[one].order, reverse=True):
        servicing.undo(session, contract, booked[name].reference, booked[name].value_date, actor)
    fresh = [event for event in wanted if event.reference not in same]
    free = free_references(session, ((contract.book_id, event.reference) for event in fresh))
    for event in fresh:
        reference = free[(contract.book_id, event.reference)]
        if isinstance(event, GraceGranted):
            servicing.grant_graces(session, [(contract, reference, event.value_date, event.grace, event.until)], actor)
        elif isinstance(event, Repaid):
            servicing.repay(session, [(contract, replace(event, reference=reference))], actor)


def _named(event: LoanEvent, booked: Mapping[str, LoanEvent]) -> LoanEvent:
    """Return an event under the name under which its like is booked."""
    found = booked.get(event.reference)
    return replace(event, reference=found.reference) if found is not None else event
