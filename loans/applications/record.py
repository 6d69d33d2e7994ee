"""The record of applications: which steps are new, and writing them down. Its callers hold the books."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ledger import audit
from ledger.business_day import business_date
from ledger.posting import take_sequence
from loans.applications.queries import steps_referenced
from loans.applications.state import Step
from loans.applications.tables import application_event
from loans.errors import EventReused
from loans.queries import free_references


def not_taken(session: Session, wanted: Sequence[Step]) -> list[Step | None]:
    """Return each step, under a reference that names no other, or None in its place if it was taken already.

    Raises:
        EventReused: a reference names a step with other facts, or by somebody else.
    """
    names = free_references(session, ((step.book_id, step.reference) for step in wanted), steps_referenced)
    known = steps_referenced(session, ((book_id, name) for (book_id, _), name in names.items()))
    fresh: list[Step | None] = []
    for step in wanted:
        named = replace(step, reference=names[(step.book_id, step.reference)])
        found = known.setdefault((named.book_id, named.reference), named)
        if found != named:
            raise EventReused(step.reference)
        fresh.append(named if found is named else None)
    return fresh


def write(session: Session, steps: Sequence[Step]) -> None:
    """Append steps, all by one person, in their order."""
    if not steps:
        return
    today = business_date(session)
    firsts = take_sequence(session, Counter(step.book_id for step in steps))
    rows = []
    for step in steps:
        rows.append(
            {
                "book_id": step.book_id, "seq": firsts[step.book_id], "contract": step.contract, "kind": step.kind.value,
                "value_date": step.day, "reference": step.reference, "body": dict(step.body), "business_date": today,
                "actor": step.actor,
            }
        )  # fmt: skip
        firsts[step.book_id] += 1
    session.execute(insert(application_event).inline(), rows)
    audit.record(
        session, steps[0].actor, f"application {steps[0].kind}", "loans", {"references": [step.reference for step in steps]}
    )
