"""Undoing (撤销环节): the latest step of a claim is taken back as if it had never been, its entries in red."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from guarantees.claims.claim import Claim, Step
from guarantees.claims.queries import claimed
from guarantees.claims.recording import held, record
from guarantees.errors import ClaimRefused
from guarantees.guarantors import require_nothing_received
from ledger.books import book_named
from ledger.business_day import business_date
from ledger.reversal import take_back
from loans import servicing
from loans.queries import contracts, free_references


def undo(session: Session, one: Claim, step: str, actor: str) -> None:
    """Take the latest step of a claim back as if it had never been: its entries in red, and a write-off of the loan with it.

    Raises:
        ClaimRefused: the step was not taken, or another one after it.
    """
    today = business_date(session)
    one = held(session, one, today, actor)
    last, later = _split(one, step)
    shared = sum(taken.fen for taken in later if taken.kind == "shared")
    # What the night shares does not stand on what was passed on; and nothing stands on shares that came to nothing.
    if any(taken.kind != "shared" for taken in later) or (shared and last.kind != "passed"):
        raise ClaimRefused(one.number, "其后已有其他环节，不能撤销")
    if last.kind == "shared":
        raise ClaimRefused(one.number, "分成随还款而定，请撤销还款")
    if last.kind == "cancelled" and claimed(session, *one.loan):
        raise ClaimRefused(one.number, "该借据已另行申请代偿，不能恢复")
    if last.kind == "paid":
        require_nothing_received(session, one)
    record(session, one.pool, one.number, "undone", today, last.fen, actor, of=last.reference)
    loan = contracts(session, [one.loan])[one.loan]
    if last.kind == "lost":
        key = (loan.book_id, f"{loan.contract}/written-off")
        servicing.undo(session, loan, free_references(session, [key])[key], last.value_date, actor)
    for book in (one.pool.book, book_named(session, loan.book)):
        take_back(session, book, f"claim/{one.number}/{step}", today, actor)


def _split(one: Claim, step: str) -> tuple[Step, Sequence[Step]]:
    """Return a step as taken last, and the steps after it.

    Raises:
        ClaimRefused: it was not taken.
    """
    for position in range(len(one.steps) - 1, -1, -1):
        if one.steps[position].reference.partition("~")[0] == f"{one.number}/{step}":
            return one.steps[position], one.steps[position + 1 :]
    raise ClaimRefused(one.number, f"没有环节 {step}")
