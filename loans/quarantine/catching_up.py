"""Catching up (补齐): a loan that was set aside is repaired, replayed from its own horizon to that of all, and let go.

Interest is a pure function of (terms, events, horizon). What the missed nights would have made of the loan is the difference
between its lives at the two horizons, posted as one entry of today's: nothing twice, no day left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import hold_books
from ledger.business_day import business_date
from ledger.journal import JournalEntry
from ledger.posting import post_many, take_sequence
from loans import projection
from loans.contract import Contract
from loans.entries import difference
from loans.errors import LoanError, StillBroken, is_of_one_loan
from loans.life import Horizon, Life
from loans.projection import CHARGES, STANDING, stored_rows
from loans.quarantine.queries import SetAside
from loans.quarantine.tables import quarantine
from loans.queries import contracts, events_of, horizon_now
from loans.replay import replay


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """A loan that is set aside no more, and the entry of what it missed, None if that moved no account."""

    loan: SetAside
    entry: JournalEntry | None


def catch_up(session: Session, behind: Sequence[SetAside], actor: str) -> list[CaughtUp]:
    """Bring loans that are set aside up to date, each with an entry of its own, and let them go.

    Raises:
        StillBroken: a loan can't be replayed, or is not what it was when it was set aside.
    """
    if not behind:
        return []
    today, at = business_date(session), horizon_now(session)
    hold_books(session, {one.key[0] for one in behind})
    found = [_caught_up(session, one, at, today, actor) for one in behind]
    post_many(session, [one.entry for one in found if one.entry is not None])
    return found


def _caught_up(session: Session, one: SetAside, at: Horizon, today: date, actor: str) -> CaughtUp:
    contract, before, after = _lives(session, one, at)
    seq = take_sequence(session, {contract.book_id: 1})[contract.book_id]
    projection.save(session, [(contract, after, seq)])
    ended = update(quarantine).where(quarantine.c.book_id == one.key[0], quarantine.c.loan_id == one.key[1])
    session.execute(
        ended.where(quarantine.c.known_to_seq.is_(None)).values(
            known_to_seq=seq, released_at=text("clock_timestamp()"), released_by=actor
        )
    )
    audit.record(
        session, actor, "loan released from quarantine", contract.contract, {"book": contract.book, "since": str(one.since)}
    )
    lines = difference(before.movements, after.movements, contract)
    entry = None
    if lines:
        reference = f"quarantine/{contract.contract}/{one.since}/{one.known_from_seq}"
        entry = JournalEntry(
            book=contract.book, reference=reference, kind="loans.caught_up", value_date=today, postings=lines, event=reference,
            narration=f"借据 {contract.contract} 补齐 {one.since} 起隔离期间的日终", maker=actor,
        )  # fmt: skip
    return CaughtUp(loan=one, entry=entry)


def _lives(session: Session, one: SetAside, at: Horizon) -> tuple[Contract, Life, Life]:
    """Return a loan's contract, its life at its own horizon, which is what the books have, and that at the horizon of all.

    Raises:
        StillBroken: it can't be replayed, or the books have something else.
    """
    try:
        contract = contracts(session, [one.key])[one.key]
        happened = events_of(session, [one.key])[one.key]
        before, after = (replay(contract.terms, happened, horizon) for horizon in (one.horizon, at))
    except Exception as error:
        if not is_of_one_loan(error):
            raise
        raise StillBroken(one.contract, one.since, said(error)) from error
    for kept, columns, name in (
        (STANDING, None, "余额和状态"),
        (CHARGES, ("kind", "due_date", "whole_fen", "gov_fen", "paid_fen"), "结息"),
    ):
        places = [place for place, column in enumerate(kept.columns) if columns is None or column in columns]
        stored = Counter(tuple(row[p] for p in places) for _, _, row in stored_rows(session, kept, [one.key]).get(one.key, ()))
        if stored != Counter(tuple(row[p] for p in places) for row in kept.rows(contract, before)):
            raise StillBroken(one.contract, one.since, f"修复后重算的{name}与隔离前已入账的不一致")
    return contract, before, after


def said(error: Exception) -> str:
    """Return what an error says, in one line that staff can read."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    text_of = lines[0] if lines else type(error).__name__
    return text_of if isinstance(error, LoanError) else f"数据有误（{type(error).__name__}: {text_of}）"
