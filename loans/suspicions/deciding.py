"""Deciding a suspicion (疑点处理): a person answers it with a reason; answers are added, never changed."""

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ledger import audit
from loans.errors import DecisionRefused
from loans.suspicions.queries import makers
from loans.suspicions.rules import Decision, Hit
from loans.suspicions.tables import decision as decisions


def decide(session: Session, hit: Hit, decision: Decision, reason: str, actor: str) -> None:
    """Record what a person found of a hit; the last answer counts, the same one again changes nothing.

    Raises:
        DecisionRefused: no reason, nobody named, or the person who paid the loan out.
    """
    reason, actor = reason.strip(), actor.strip()
    if not reason or not actor:
        raise DecisionRefused(hit.id, "须写明处理人和理由")
    if actor in makers(session, hit.key):
        raise DecisionRefused(hit.id, f"{actor} 经办了这笔贷款的发放，不能处理其疑点")
    if (hit.decision, hit.reason, hit.decided_by) == (decision, reason, actor):
        return
    session.execute(insert(decisions).values(book_id=hit.book_id, hit_id=hit.id, decision=decision, reason=reason, actor=actor))
    audit.record(session, actor, f"suspicion {decision}", f"hit {hit.id}", {"contract": hit.contract, "rule": hit.rule})
