"""Undoing (撤销): a step of an application never was, while nothing stands on it."""

from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.business_day import business_date
from loans.applications.queries import drawn, steps_of, steps_referenced
from loans.applications.record import write
from loans.applications.state import Step, StepKind, state_after
from loans.errors import ApplicationRefused
from loans.queries import UNDONE


def undo(session: Session, book: Book, reference: str, actor: str) -> Step:
    """Undo the step that a reference names, so that it may be used again; return the step that never was.

    Raises:
        ApplicationRefused: a loan was drawn, or another step came after it.
    """
    hold_books(session, [book.id])
    step = steps_referenced(session, [(book.id, reference)])[(book.id, reference)]
    state = state_after(book, steps_of(session, [step.number])[step.number])
    if drawn(session, [step.number]):
        raise ApplicationRefused(step.contract, "已放款，不能撤销")
    if state is None or state.last != step:
        raise ApplicationRefused(step.contract, f"流水号 {reference} 之后已有审批、撤回或新的申请，不能撤销")
    never = Step(
        book_id=book.id, contract=step.contract, kind=StepKind.UNDONE, day=business_date(session),
        reference=f"{reference}{UNDONE}", actor=actor, body={"of": reference},
    )  # fmt: skip
    write(session, [never])
    return step
