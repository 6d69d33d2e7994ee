"""Sweeping (划转还贷) in the night: every station for whose loan money came, or something falls due, is poured once.

A station settles on arrival, so that a sunny month pays ahead for dark ones, or on its loan's due dates, as its agreement says.
"""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.books import hold_books
from loans import servicing
from loans.contract import Contract
from loans.dues import dues_on
from loans.quarantine.queries import set_aside_now
from loans.queries import Key, contracts, events_of, written_off_on
from loans.terms.rolling import falling_due_on
from solar.advance import InstalmentAdvance, NoAdvance, Place
from solar.pouring import Facts, Pour, book, poured
from solar.queries import agreed_on, agreements, stands
from solar.stations import Station, stations

CAME = (
    "sum(loan_fen)::bigint AS fen, "
    "sum(round(loan_fen::numeric * subsidy_fen / nullif(coal_fen + subsidy_fen, 0)))::bigint AS late_fen"
)
"""What came for a loan, and of it the share of late subsidy."""
_CAME = f"""
SELECT meter, {CAME}
  FROM solar.receipt WHERE swept_on IS NULL AND loan_fen > 0 AND received_on <= :closing GROUP BY book_id, meter
 ORDER BY book_id, meter
"""
_FALLING = """
SELECT s.meter FROM (SELECT DISTINCT book_id, meter FROM solar.agreement) AS a JOIN solar.station s USING (book_id, meter)
 WHERE EXISTS (
    SELECT FROM loans.instalment i JOIN unnest(CAST(:codes AS text[]), CAST(:dates AS date[])) AS f (rolling, nominal_date)
        ON i.rolling = f.rolling AND i.nominal_date = f.nominal_date
     WHERE i.book_id = s.loan_book_id AND i.loan_id = s.loan_id AND i.known_to_seq IS NULL
       AND (i.charges OR i.paid_fen <> i.principal_fen)
 ) OR EXISTS (
    SELECT FROM loans.charge c WHERE c.book_id = s.loan_book_id AND c.loan_id = s.loan_id AND c.known_to_seq IS NULL
       AND c.due_date = :closing AND c.whole_fen - c.gov_fen - c.paid_fen > 0
 ) UNION SELECT meter FROM solar.contribution WHERE business_date = :closing OR value_date = :closing
"""
_TAKE = """
UPDATE solar.receipt r SET swept_on = :closing
  FROM unnest(CAST(:books AS bigint[]), CAST(:meters AS text[])) AS k (book_id, meter)
 WHERE r.book_id = k.book_id AND r.meter = k.meter AND r.swept_on IS NULL AND r.received_on <= :closing
"""


def sweep_into_loans(session: Session, closing: date, advance: InstalmentAdvance | None = None) -> int:
    """In the night: pour what has come, and let sources help where something falls due; return the fen that reach the loans."""
    advance = advance or NoAdvance()
    alone(session)
    came = {row.meter: (row.fen, row.late_fen) for row in session.execute(text(_CAME), {"closing": closing})}
    known = stations(session, {*came, *session.scalars(text(_FALLING), _falling_on(closing))})
    found = _awake(session, list(known.values()), closing)
    if not found:
        return 0
    places = {(contract.county, contract.bank) for contract in found.values()}
    rooms = dict(advance.rooms(session, places))
    held = {known[meter].book.id for meter in found} | {contract.book_id for contract in found.values()}
    hold_books(session, held | {book_id for book_id, _ in rooms.values()})
    made = _poured(session, closing, [(known[meter], contract) for meter, contract in sorted(found.items())], came, rooms)
    keys = [(one.facts.station.book.id, one.facts.station.meter) for one in made]
    taken = {"closing": closing, "books": [book_id for book_id, _ in keys], "meters": [meter for _, meter in keys]}
    session.execute(text(_TAKE), taken)
    book(session, made, advance)
    graces = [grace for one in made if (grace := one.grace(f"{one.repayment}/deferred")) is not None]
    servicing.grant_graces(session, graces, "system")
    paying = [one for one in made if one.loan_fen]
    servicing.repay(session, [(one.facts.contract, one.repaid(one.repayment)) for one in paying], "system")
    return sum(one.loan_fen for one in paying)


def any_waiting(session: Session, closing: date) -> bool:
    """Tell whether the night of a day has any station to pour."""
    came, due = (f"SELECT EXISTS ({asked})" for asked in (_CAME, _FALLING))
    return bool(session.scalar(text(came), {"closing": closing}) or session.scalar(text(due), _falling_on(closing)))


def _falling_on(closing: date) -> dict[str, object]:
    falling = falling_due_on(closing)
    return {"codes": [code for code, _ in falling], "dates": [day for _, day in falling], "closing": closing}


def alone(session: Session) -> None:
    """Let nobody else sweep, take cash back or correct it until this transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('solar.sweep', 0))"))


def _awake(session: Session, known: list[Station], closing: date) -> dict[str, Contract]:
    """Return the loans of stations by meter, those that rest left out: they are set aside, and their money waits for the release,
    or written off today, and what comes on that day is a recovery of the next.
    """
    keys: dict[Key, str] = {(one.loan_book_id, one.loan_id): one.meter for one in known if one.loan_id}
    aside = {one.key for one in set_aside_now(session, keys.keys())}
    loans = contracts(session, keys.keys() - aside)
    resting = written_off_on(session, loans, closing)
    return {keys[key]: contract for key, contract in loans.items() if key not in resting}


def _poured(
    session: Session,
    closing: date,
    asked: list[tuple[Station, Contract]],
    came: Mapping[str, tuple[int, int]],
    rooms: dict[Place, tuple[int, int]],
) -> list[Pour]:
    """Pour stations one after the other; what one gets of a fund, the next can't."""
    agreed, happened = agreements(session, (one for one, _ in asked)), events_of(session, [c.key for _, c in asked])
    standing = stands(session, [one for one, _ in asked], closing)
    made = []
    for one, contract in asked:
        place = (contract.county, contract.bank)
        book_id, room = rooms.get(place, (0, 0))
        fen, late = came.get(one.meter, (0, 0))
        facts = Facts(
            station=one, contract=contract, day=closing, agreement=agreed_on(one, agreed[one.meter], closing),
            dues=dues_on(contract.terms, happened[contract.key], closing), came_fen=fen, late_fen=late, room_fen=room,
        )  # fmt: skip
        pour = poured(facts, standing[one.meter])
        if place in rooms:
            rooms[place] = book_id, room - pour.advanced_fen
        made.append(pour)
    return made
