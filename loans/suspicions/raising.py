"""Raising suspicions (提出疑点): rules are asked about loans on an occasion; what is new becomes a hit, nothing is refused."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from loans.suspicions.finding import FINDERS
from loans.suspicions.queries import hits_of
from loans.suspicions.rules import DRAWDOWN, REVIEW, Hit, Key, rules
from loans.suspicions.tables import hit


def raise_for(session: Session, keys: Collection[Key], occasion: str, day: date, actor: str) -> list[Hit]:
    """Ask the rules about loans and return the hits that are new; the same facts are never raised twice.

    Args:
        session: the transaction.
        keys: the loans, all of a batch at once.
        occasion: `DRAWDOWN` asks the rules of a drawdown only, anything else (`REVIEW`, `subsidy batch …`) all of them.
        day: as of when lists and periods are looked at.
        actor: who does what is the occasion.
    """
    if not keys:
        return []
    asked = [rule.code for rule in rules().values() if rule.drawdown or occasion != DRAWDOWN]
    found = [suspicion for code in asked for suspicion in FINDERS[code](session, keys, day)]
    if not found:
        return []
    rows = [
        {
            "book_id": one.key[0], "loan_id": one.key[1], "rule": one.rule, "subject": one.subject, "occasion": occasion,
            "day": day, "facts": dict(one.facts), "fingerprint": one.fingerprint, "actor": actor,
        }
        for one in found
    ]  # fmt: skip
    stored = session.execute(upsert(hit).on_conflict_do_nothing().returning(hit.c.book_id, hit.c.id), rows)
    return hits_of(session, [(row.book_id, row.id) for row in stored])


def review(session: Session, book_id: int, day: date, actor: str) -> list[Hit]:
    """Ask every rule about the loans of a book that owe anything (全面排查); return the hits that are new."""
    owing = session.execute(
        text(
            "SELECT book_id, loan_id FROM loans.standing WHERE book_id = :book AND known_to_seq IS NULL "
            "AND principal_fen + given_up_fen > 0 ORDER BY loan_id"
        ),
        {"book": book_id},
    )
    return raise_for(session, [(row.book_id, row.loan_id) for row in owing], REVIEW, day, actor)
