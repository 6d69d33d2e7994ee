"""Recording (登记环节): how a step of a claim is held, written down and posted; all entries of a step are linked by its event."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from guarantees.claims.claim import SYSTEM, Claim
from guarantees.claims.queries import claims
from guarantees.errors import ClaimRefused
from guarantees.pool import Pool
from guarantees.queries import lock
from guarantees.tables import claim_event
from guarantees.terms import LossBasis
from ledger.books import book_named
from ledger.business_day import business_date_from
from ledger.journal import BookCode, Dimensions, JournalEntry, Posting, first_free
from ledger.posting import post_many, take_sequence
from ledger.queries import free_reference
from loans.life import Life
from loans.queries import horizon_now, lives
from loans.terms import StreamKind


def basis_fen(life: Life, covers: LossBasis, filed_on: date) -> int:
    """Return what a claim filed on a day covers: principal and, if so agreed, the borrower's own contract interest that was due
    by then and is unpaid (domain.md 8). What falls due later is not claimed, and keeps no claim from being paid.
    """
    if covers is LossBasis.PRINCIPAL:
        return life.standing.principal_fen
    due = (c.unpaid_fen for c in life.charges if c.kind is StreamKind.CONTRACT and c.due <= filed_on)
    return life.standing.principal_fen + sum(due)


def dims(one: Pool) -> Dimensions:
    """Return what the entries of a pool bear."""
    return Dimensions(county=one.book.county, bank=one.bank)


def life_of(session: Session, one: Claim) -> Life:
    """Return the life of a claim's loan as the nights have it."""
    return lives(session, [one.loan], horizon_now(session))[one.loan]


def held(session: Session, one: Claim, day: date, actor: str) -> Claim:
    """Return a claim as it is once its pool is held, for a person's step on a day that does not lie before the last one.

    Raises:
        ClaimRefused: it does, the claim was undone, or the actor is the machine.
        FutureDate: the day has not come.
    """
    business_date_from(session, [day])
    require_person(one.number, actor)
    lock(session, [one.pool])
    now = claims(session, [one.key]).get(one.key)
    if now is None:
        raise ClaimRefused(one.number, "申请已撤销")
    before = max((taken.value_date for taken in now.steps if taken.actor != SYSTEM), default=day)
    if day < before:
        raise ClaimRefused(one.number, f"日期 {day} 早于上一环节 {before}")
    return now


def require_person(number: str, actor: str) -> None:
    """Refuse the machine's name, and nobody's, as a person's.

    Raises:
        ClaimRefused: it is.
    """
    if actor == SYSTEM:
        raise ClaimRefused(number, f"经办人不能是 {SYSTEM}")
    if not actor.strip():
        raise ClaimRefused(number, "须写明经办人")


def require_same_debt(session: Session, one: Claim) -> None:
    """Refuse a claim whose loan owes something else by now.

    Raises:
        ClaimRefused: it does.
    """
    if basis_fen(life_of(session, one), one.pool.terms.loss_basis, one.filed_on) != one.basis_fen:
        raise ClaimRefused(one.number, "借款人已还款，申请金额与现欠不符，请撤销后重新申请")


def record(
    session: Session,
    one: Pool,
    number: str,
    step: str,
    day: date,
    fen: int,
    actor: str,
    *,
    of: str = "",
    note: str | None = None,
    findings: Mapping[str, Any] | None = None,
    collected_on: date | None = None,
) -> None:
    """Record a step under its kind's name and what tells it from others of that kind; or that one (`of`) never was."""
    mine = select(claim_event.c.reference).where(claim_event.c.book_id == one.book.id, claim_event.c.number == number)
    undone = set(session.scalars(mine.where(claim_event.c.kind == "undone")))
    reference = f"{of}/undone" if of else first_free(f"{number}/{step}", lambda taken: f"{taken}/undone" in undone)
    seq = take_sequence(session, {one.book.id: 1})[one.book.id]
    session.execute(
        insert(claim_event).values(
            book_id=one.book.id, seq=seq, number=number, kind=step.partition("/")[0], value_date=day, fen=fen,
            reference=reference, actor=actor, note=note or None, findings=findings, collected_on=collected_on,
        )
    )  # fmt: skip


def post(
    session: Session,
    book: BookCode,
    number: str,
    step: str,
    day: date,
    narration: str,
    lines: tuple[Posting, ...],
    actor: str,
    kind: str = "",
) -> None:
    """Post one entry of a claim in one of its books."""
    event = f"claim/{number}/{step}"
    entry = JournalEntry(
        book=book, reference=free_reference(session, book_named(session, book).id, event),
        kind=f"guarantees.{kind or step.partition('/')[0]}", value_date=day,
        narration=f"{narration} {number}", postings=lines, event=event, maker=actor,
    )  # fmt: skip
    post_many(session, [entry])
