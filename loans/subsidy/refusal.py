"""Refusal (不予贴息、停止贴息): interest that government was charged with becomes the borrower's, and subsidy may end."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from loans.booking import Booked, book_events
from loans.contract import Contract
from loans.errors import EventRefused
from loans.events import SubsidyRefused
from loans.queries import events_referenced, horizon_now, lives
from loans.subsidy.owed import government_fen_since


def refuse(
    session: Session, refused: Sequence[tuple[Contract, str, int]], day: date, reason: str, actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Let borrowers bear, from a day on, interest that was charged to government (不予贴息): (contract, reference, fen).

    Raises:
        EventRefused: more than government was charged, or a loan that is written off.
    """
    events = [
        (contract, SubsidyRefused(reference=name, value_date=day, fen=fen, stops=False, reason=reason))
        for contract, name, fen in refused
    ]
    return book_events(session, events, actor, lambda c, _: f"不予贴息 {c.contract}", dry_run=dry_run)


def stop(
    session: Session,
    contract: Contract,
    reference: str,
    day: date,
    since: date,
    reason: str,
    actor: str,
    *,
    dry_run: bool = False,
) -> list[Booked]:
    """End a loan's subsidy on the day of a finding (停止贴息); what government was charged for days since it should have ended
    becomes the borrower's, and what it has paid of that is reclaimed with the next batch (domain.md 1.3).

    Raises:
        EventRefused: no reason, a day of the end after the finding, or a loan that is written off.
        EventReused: the reference names another event.
    """
    if not reason.strip() or since > day:
        raise EventRefused(contract.contract, "停止贴息须说明理由，不符起始日不得晚于认定日")
    known = events_referenced(session, [(contract.book_id, reference)]).get((contract.book_id, reference))
    if known is not None and isinstance(known[1], SubsidyRefused) and (known[1].value_date, known[1].since) == (day, since):
        fen = known[1].fen
    else:
        life = lives(session, [contract.key], horizon_now(session))[contract.key]
        fen = government_fen_since(contract, life, since)
    event = SubsidyRefused(reference=reference, value_date=day, fen=fen, stops=True, reason=reason.strip(), since=since)
    return book_events(session, [(contract, event)], actor, lambda c, _: f"停止贴息 {c.contract}", dry_run=dry_run)
