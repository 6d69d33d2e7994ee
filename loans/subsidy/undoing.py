"""Undoing (撤销): the last step of a batch never was: its entries in red, and what it refused borrowers for good with it."""

from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.business_day import business_date
from ledger.reversal import take_back
from loans import servicing
from loans.errors import SubsidyBatchRefused
from loans.queries import contracts, free_references
from loans.subsidy.batch import Batch
from loans.subsidy.payment import require_left
from loans.subsidy.queries import SYSTEM, Step, steps
from loans.subsidy.stepping import record


def undo(session: Session, one: Batch, reference: str, actor: str) -> None:
    """Take the last step of a batch back; with its preparation go the objections that were found at once.

    Raises:
        SubsidyBatchRefused: the step was not taken, or another one after it.
    """
    hold_books(session, [one.book.id, one.loan_book.id])
    taken = steps(session, [one.book.id]).get((one.book.id, one.number), [])
    last = [step for step in taken if step.actor != SYSTEM][-1:]
    if not last or last[0].reference != reference:
        raise SubsidyBatchRefused(one.number, "其后已有其他环节，不能撤销")
    if last[0].kind == "prepared":
        for step in taken[1:]:
            _undo(session, one.book, one.number, step, actor)
    _undo(session, one.book, one.number, last[0], actor)
    if last[0].kind == "rejected" and last[0].body["final"] and one.to_bank:
        _take_refusals_back(session, one, last[0], actor)
    today = business_date(session)
    for book in (one.book, one.loan_book):
        take_back(session, book, f"subsidy/{reference}", today, actor)


def undo_ahead(session: Session, book: Book, loan_book: Book, reference: str, actor: str) -> None:
    """Take a payment in advance back, as long as batches have not used it.

    Raises:
        SubsidyBatchRefused: it is used, or a return would leave less than nothing.
    """
    hold_books(session, [book.id, loan_book.id])
    bank = loan_book.bank or ""
    taken = next((step for step in steps(session, [book.id]).get((book.id, bank), ()) if step.reference == reference), None)
    if taken is None:
        raise SubsidyBatchRefused(bank, "没有这笔预拨")
    require_left(session, book, loan_book, -taken.body["fen"])
    _undo(session, book, bank, taken, actor)
    today = business_date(session)
    for each in (book, loan_book):
        take_back(session, each, f"subsidy/{reference}", today, actor)


def _undo(session: Session, book: Book, number: str, step: Step, actor: str) -> None:
    name = step.reference.removeprefix(f"{number}/")
    record(session, book, number, f"undone/{name}", business_date(session), {"of": step.reference}, actor)


def _take_refusals_back(session: Session, one: Batch, step: Step, actor: str) -> None:
    keys = {line.loan for line in one.lines if str(line.loan[1]) in step.body["loans"]}
    for key, contract in sorted(contracts(session, keys).items()):
        named = (key[0], f"{contract.contract}/{step.reference}")
        servicing.undo(session, contract, free_references(session, [named])[named], step.value_date, actor)
