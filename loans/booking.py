"""Booking events: append facts, replay their loans, and post what the change adds, in red what it takes away.

This is the one way by which a loan changes; every verb ends here. The same event under the same reference is booked
once; another event under it is refused.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from ledger.books import hold_books
from ledger.business_day import business_date
from ledger.calendar import DAY, month_of
from ledger.journal import JournalEntry
from ledger.periods import posting_date
from ledger.posting import post_many, take_sequence
from loans import projection
from loans.contract import Contract
from loans.entries import difference
from loans.errors import CloseUnderWay, EventRefused, EventReused, FutureEvent
from loans.events import (
    Disbursed,
    GraceGranted,
    LoanEvent,
    Restructured,
    Reversed,
    TakenOver,
    WrittenOff,
    facts,
    heir,
    in_effect,
)
from loans.life import Horizon, Life
from loans.quarantine.catching_up import catch_up
from loans.quarantine.queries import set_aside_now
from loans.queries import Key, events_of, events_referenced, horizon_now
from loans.replay import replay
from loans.tables import event as event_table
from loans.tables import loan


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What booking an event did: the loan's new life and the entry, which is None if no account moved."""

    contract: Contract
    event: LoanEvent
    life: Life
    entry: JournalEntry | None


@dataclass(slots=True)
class _Thread:
    """One loan while a batch is booked on it."""

    contract: Contract
    events: list[LoanEvent]
    life: Life
    last_seq: int = 0
    booked: list[Booked] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        """Whether this batch began the loan."""
        return len(self.events) == len(self.booked)


def book_events(
    session: Session,
    batch: Sequence[tuple[Contract, LoanEvent]],
    actor: str,
    narrate: Callable[[Contract, LoanEvent], str],
    *,
    dry_run: bool = False,
) -> list[Booked]:
    """Book a batch, in its order, and return what each new event did (known ones do nothing); a dry run writes nothing.

    Raises:
        FutureEvent: an event is dated after the business date.
        CloseUnderWay: the day before an event is flipped but not yet closed.
        EventReused: a reference already names another event of its book.
        EventRefused: an event can't happen to its loan.
        StillBroken: a loan is set aside (隔离), and can't be brought up to date first.
    """
    if not batch:
        return []
    today = business_date(session)
    at = horizon_now(session)
    for contract, event in batch:
        if event.value_date > today:
            raise FutureEvent(contract.contract, event.value_date, today)
        if event.value_date > min(at.charged_through, at.aged_through) + DAY:
            raise CloseUnderWay(contract.contract, event.value_date)
    book_ids = sorted({contract.book_id for contract, _ in batch})
    hold_books(session, book_ids)
    if not dry_run:
        catch_up(session, set_aside_now(session, {contract.key for contract, _ in batch}), actor)
    known = events_referenced(session, ((contract.book_id, event.reference) for contract, event in batch))
    threads = _threads(session, batch, at)
    fresh = []
    for contract, event in batch:
        if not _is_known(known, contract, event):
            known[(contract.book_id, event.reference)] = (contract.id, event)
            fresh.append((contract, event))
    seqs = {} if dry_run else _sequences(session, fresh)
    results = [
        _book(session, threads[contract.key], event, at, today, actor, narrate(contract, event)) for contract, event in fresh
    ]
    for contract, event in fresh:
        threads[contract.key].last_seq = seqs.get((contract.book_id, event.reference), 0)
    if not dry_run:
        _write(session, threads, fresh, seqs, today, actor)
        post_many(session, [booked.entry for booked in results if booked.entry is not None])
    return results


def foreseen(session: Session, contract: Contract, event: LoanEvent, actor: str, narration: str) -> Booked:
    """Return what booking the first event of a loan will do on its day, once the nights before it are over; nothing is written.

    Raises:
        EventRefused: the event can't happen to its loan.
    """
    at, eve = horizon_now(session), event.value_date - DAY
    then = Horizon(max(at.charged_through, eve), max(at.aged_through, eve))
    unborn = _Thread(contract, [], replay(contract.terms, [], then))
    return _book(session, unborn, event, then, max(event.value_date, business_date(session)), actor, narration)


def _is_known(known: dict[tuple[int, str], tuple[int, LoanEvent]], contract: Contract, event: LoanEvent) -> bool:
    """Tell whether an event is booked already.

    Raises:
        EventReused: its reference names another event.
    """
    found = known.get((contract.book_id, event.reference))
    if found is not None and found != (contract.id, event):
        raise EventReused(event.reference)
    return found is not None


def _threads(session: Session, batch: Sequence[tuple[Contract, LoanEvent]], at: Horizon) -> dict[Key, _Thread]:
    contracts = {contract.key: contract for contract, _ in batch}
    happened = events_of(session, contracts.keys())
    return {
        key: _Thread(contract, happened[key], replay(contract.terms, happened[key], at)) for key, contract in contracts.items()
    }


def _sequences(session: Session, fresh: Sequence[tuple[Contract, LoanEvent]]) -> dict[tuple[int, str], int]:
    """Take a sequence number of its book for every event."""
    counts = Counter(contract.book_id for contract, _ in fresh)
    firsts = take_sequence(session, counts)
    seqs = {}
    for contract, event in fresh:
        seqs[(contract.book_id, event.reference)] = firsts[contract.book_id]
        firsts[contract.book_id] += 1
    return seqs


def _book(session: Session, thread: _Thread, event: LoanEvent, at: Horizon, today: date, actor: str, narration: str) -> Booked:
    """Replay a loan with one more event and make the entry of the difference.

    Raises:
        EventRefused: the event, or one after it, can't happen any more.
    """
    contract = thread.contract
    if isinstance(event, Reversed) and event.of not in {other.reference for other in in_effect(thread.events)}:
        raise EventRefused(contract.contract, f"没有流水号为 {event.of} 的业务，或已冲正")
    if isinstance(event, Disbursed | TakenOver) and contract.terms.unbookable:
        raise EventRefused(contract.contract, contract.terms.unbookable)
    _require_write_off_last(contract, thread.events, event)
    events = [*thread.events, event]
    life = replay(contract.terms, events, at)
    if life.refusals:
        raise EventRefused(contract.contract, life.refusals[0])
    if isinstance(event, GraceGranted | Restructured) and life.terms.unbookable:
        raise EventRefused(contract.contract, life.terms.unbookable)
    lines = difference(thread.life.movements, life.movements, contract)
    entry = None
    if lines:
        entry = JournalEntry(
            book=contract.book,
            reference=f"loan/{event.reference}",
            kind=f"loans.{_economic_kind(event, events)}",
            value_date=_posting_date(session, contract.book_id, event.value_date, today),
            narration=narration,
            postings=lines,
            event=event.reference,
            maker=actor,
        )
    booked = Booked(contract=contract, event=event, life=life, entry=entry)
    thread.events, thread.life = events, life
    thread.booked.append(booked)
    return booked


def _require_write_off_last(contract: Contract, events: Sequence[LoanEvent], event: LoanEvent) -> None:
    """Refuse to change what a write-off stands on: its amounts were approved as they were.

    Raises:
        EventRefused: the event, or the one it reverses, is not after the loan's write-off, or a write-off not the last event.
    """
    counting = in_effect(events)
    if isinstance(event, WrittenOff) and any(other.order > event.order for other in counting):
        raise EventRefused(contract.contract, f"{event.value_date} 之后已有业务，核销日期不能早于它们")
    written_off = next((other for other in counting if isinstance(other, WrittenOff)), None)
    changed = next((o for o in counting if isinstance(event, Reversed) and o.reference == event.of), event)
    if written_off is not None and changed is not written_off and changed.order < written_off.order:
        raise EventRefused(contract.contract, "已核销，核销当日及以前的业务不能更改，请先撤销核销")


def _economic_kind(event: LoanEvent, events: Sequence[LoanEvent]) -> str:
    """Return what the entry is about: a reversal is about what it reverses, so that turnovers by kind fall with it."""
    if isinstance(event, Reversed):
        return next((other.kind for other in events if other.reference == event.of), event.kind)
    return event.kind


def _posting_date(session: Session, book_id: int, value_date: date, today: date) -> date:
    """Return the event's own date, or today if its month is closed; the business date's month is always open."""
    if month_of(value_date) == month_of(today):
        return value_date
    return posting_date(session, book_id, value_date, today)


def _write(
    session: Session,
    threads: dict[Key, _Thread],
    fresh: Sequence[tuple[Contract, LoanEvent]],
    seqs: dict[tuple[int, str], int],
    today: date,
    actor: str,
) -> None:
    """Store the events and the projections of the loans they touch."""
    if not fresh:
        return
    session.execute(
        insert(event_table).inline(),
        [
            {
                "book_id": contract.book_id, "seq": seqs[(contract.book_id, event.reference)], "loan_id": contract.id,
                "kind": event.kind, "value_date": event.value_date, "reference": event.reference, "body": facts(event),
                "business_date": today, "actor": actor,
            }
            for contract, event in fresh
        ],
    )  # fmt: skip
    touched = [thread for thread in threads.values() if thread.booked]
    for thread in touched:
        owner = heir(thread.events)
        if owner is not None and owner != (thread.contract.borrower, thread.contract.household):
            mine = (loan.c.book_id == thread.contract.book_id) & (loan.c.id == thread.contract.id)
            session.execute(update(loan).where(mine).values(borrower=owner[0], household=owner[1]))
    new = {thread.contract.key for thread in touched if thread.is_new}
    projection.save(session, [(thread.contract, thread.life, thread.last_seq) for thread in touched], new)
