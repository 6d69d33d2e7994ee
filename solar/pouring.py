"""Pouring (分配还贷): the waterfall of stations on a day, from facts to rungs, and what that moves in books, funds and loans.

A night pours what came that day; a correction pours days anew. Both book the same: what the rungs get now less what they had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from ledger.business_day import business_date
from ledger.calendar import DAY
from ledger.journal import JournalEntry
from ledger.periods import posting_date
from ledger.posting import post_many, take_sequence
from loans.contract import Contract
from loans.dues import Dues
from loans.events import Prepayment, Repaid
from loans.terms import GraceKind
from solar import entries
from solar.advance import Advance, InstalmentAdvance
from solar.agreement import Agreement
from solar.queries import Amounts, Stand
from solar.stations import Station, dimensions
from solar.tables import rung as rung_table
from solar.waterfall import TO_THE_BANK, Position, Rung, pour

Grace = tuple[Contract, str, date, GraceKind, date]
"""What `loans.servicing.grant_graces` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a station's waterfall of a day is made of; what has come is in fen, `late_fen` of it the share of late subsidy."""

    station: Station
    contract: Contract
    day: date
    agreement: Agreement
    dues: Dues
    came_fen: int
    late_fen: int
    room_fen: int

    def position(self, stand: Stand) -> Position:
        """Return what the waterfall starts from."""
        late = self.late_fen if self.agreement.late_subsidy_refills else 0
        until = self.agreement.deferred_until
        return Position(
            share_fen=stand.held_fen + self.came_fen - late,
            late_fen=late,
            interest_fen=self.dues.interest_fen,
            principal_fen=self.dues.principal_fen,
            ahead_fen=self.dues.ahead_fen,
            reserve_fen=stand.reserve_fen,
            company_fen=stand.company_fen,
            room_fen=self.room_fen,
            company_open_fen=stand.company_open_fen,
            pool_open_fen=stand.pool_open_fen,
            falls_due=self.dues.falls_due,
            deferrable_fen=self.dues.falling_fen if until is not None and self.day <= until else 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pour:
    """A station's waterfall of a day, and what its rungs had got of that day before; `version` counts how often it was booked."""

    facts: Facts
    rungs: Amounts
    before: Amounts
    version: int = 1

    @property
    def delta(self) -> Amounts:
        """What is to be booked: the difference, rung by rung."""
        nothing = (0, 0, 0)
        found: Amounts = {}
        for rung in Rung:
            now, then = self.rungs.get(rung, nothing), self.before.get(rung, nothing)
            if now != then:
                found[rung] = now[0] - then[0], now[1] - then[1], now[2] - then[2]
        return found

    @property
    def loan_fen(self) -> int:
        """What the loan gets."""
        return sum(self.rungs.get(rung, (0, 0, 0))[0] for rung in TO_THE_BANK)

    @property
    def advanced_fen(self) -> int:
        """What the pool advances, less what it gets back."""
        nothing = (0, 0, 0)
        return self.rungs.get(Rung.POOL, nothing)[0] - self.rungs.get(Rung.REFILL_POOL, nothing)[0]

    @property
    def event(self) -> str:
        """What links the entries of its books."""
        return f"solar/{self.facts.station.meter}/swept/{self.facts.day}"

    @property
    def repayment(self) -> str:
        """What the repayment of its loan is named."""
        return f"solar/{self.facts.station.meter}/{self.facts.day}"

    def repaid(self, reference: str) -> Repaid:
        """Return the repayment of its loan."""
        surplus = self.facts.agreement.surplus
        how = Prepayment.AHEAD if surplus is None or Rung.DEFERRED in self.rungs else surplus
        return Repaid(reference=reference, value_date=self.facts.day, fen=self.loan_fen, prepays=how)

    def grace(self, reference: str) -> Grace | None:
        """Return the grace (宽限) that moves what is deferred to later instalments, if anything is."""
        nominal = self.facts.dues.nominal
        if nominal is None or Rung.DEFERRED not in self.rungs:
            return None
        return self.facts.contract, reference, nominal - DAY, GraceKind.PRINCIPAL_DEFERRED, nominal


def poured(facts: Facts, stand: Stand, version: int = 1) -> Pour:
    """Return a station's waterfall of a day, and let its stand move on."""
    steps = pour(facts.agreement, facts.position(stand))
    rungs: Amounts = {
        step.rung: (step.fen, step.interest_fen, step.principal_fen) for step in steps if step.rung is not Rung.HELD
    }
    held = sum(step.fen for step in steps if step.rung is Rung.HELD) - stand.held_fen
    if held:
        rungs[Rung.HELD] = (held, 0, 0)
    stand.move(rungs)
    return Pour(facts=facts, rungs=rungs, before=stand.poured.get(facts.day, {}), version=version)


def book(session: Session, made: Sequence[Pour], advance: InstalmentAdvance, also: Sequence[JournalEntry] = ()) -> None:
    """Book what pours change: the rungs, the stations' money and the funds' advances; `also` are entries that belong to the same
    cause and are judged with them. The loans are the caller's.
    """
    today = business_date(session)
    changed = [one for one in made if one.delta]
    _store(session, changed)
    entries_made = [_entry(session, one, today) for one in changed]
    post_many(session, [*also, *(entry for entry in entries_made if entry is not None)])
    advanced, refilled = _advances(changed, Rung.POOL, "advanced"), _advances(changed, Rung.REFILL_POOL, "refilled")
    if advanced:
        advance.advance(session, advanced)
    if refilled:
        advance.refill(session, refilled)


def _store(session: Session, changed: Sequence[Pour]) -> None:
    counts: dict[int, int] = {}
    for one in changed:
        counts[one.facts.station.book.id] = counts.get(one.facts.station.book.id, 0) + 1
    free = take_sequence(session, dict(sorted(counts.items())))
    rows, sweeps = [], []
    for one in changed:
        book_id = one.facts.station.book.id
        key = {"book_id": book_id, "meter": one.facts.station.meter}
        seq, free[book_id] = free[book_id], free[book_id] + 1
        for rung, (fen, interest, principal) in one.delta.items():
            amounts = {"fen": fen, "interest_fen": interest, "principal_fen": principal}
            rows.append(key | {"seq": seq, "rung": rung.value, "poured_on": one.facts.day} | amounts)
        sent = entries.bank_fen({rung: fen for rung, (fen, *_) in one.rungs.items()})
        if sent or one.version > 1:
            sweeps.append(key | {"swept_on": one.facts.day, "fen": sent})
    if rows:
        session.execute(insert(rung_table).inline(), rows)
    if sweeps:
        session.execute(text(_SENT), sweeps)


_SENT = """
INSERT INTO solar.sweep (book_id, meter, swept_on, fen) VALUES (:book_id, :meter, :swept_on, :fen)
ON CONFLICT (book_id, meter, swept_on) DO UPDATE SET fen = excluded.fen
"""


def _entry(session: Session, one: Pour, today: date) -> JournalEntry | None:
    """Return what a pour moves in its station's book, if anything: on its day, or today if that month is closed."""
    station = one.facts.station
    lines = entries.poured({rung: fen for rung, (fen, *_) in one.delta.items()}, dimensions(station))
    if not lines:
        return None
    again = f"~{one.version}" if one.version > 1 else ""
    return JournalEntry(
        book=station.book.code, reference=f"{one.event}{again}", kind="solar.swept", event=one.event, postings=lines,
        value_date=posting_date(session, station.book.id, one.facts.day, today),
        narration=f"光伏收益划转还贷{'（更正）' if again else ''} {station.meter}",
    )  # fmt: skip


def _advances(changed: Sequence[Pour], rung: Rung, what: str) -> list[Advance]:
    return [
        Advance(
            contract=one.facts.contract, value_date=one.facts.day, fen=one.delta[rung][0], event=one.event,
            reference=f"{one.repayment}/{what}{f'~{one.version}' if one.version > 1 else ''}", meter=one.facts.station.meter,
        )
        for one in changed
        if rung in one.delta and one.delta[rung][0]
    ]  # fmt: skip
