"""Applying (申请、审批): files of applications and of verdicts on them, and their undo."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from app.imports.batch import Desk, Made
from app.imports.cells import Record
from app.imports.lending import loans_wanted, release_borrower
from app.imports.lookup import CONTRACT, DAY, SERIAL, Lookup
from ledger.books import BookKind, book_named, hold_books
from ledger.journal import BookCode
from loans.applications import filing, undoing, verdict
from loans.applications.state import Step

VERDICTS = {"批准": verdict.approve, "拒绝": verdict.decline, "撤回": verdict.withdraw}


def applications(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """File applications, and add their borrowers where they are new."""
    wanted = loans_wanted(session, desk, records)
    hold_books(session, {application.book.id for _, application in wanted})
    made: Made = []
    for actor, rows in groupby(wanted, lambda one: str(one[0]["经办人"])):
        filings = [
            filing.Filing(application=application, reference=f"{r['申请编号']}/applied", day=r["申请日期"])
            for r, application in rows
        ]
        made += _made(filing.apply(session, filings, actor))
    return made


def undo_applications(session: Session, desk: Desk, made: Made) -> None:
    """Take applications back, newest first, and let go of borrowers whom nothing else names."""
    for county, step in _undone(session, desk, made):
        release_borrower(session, county, step.body["borrower"])


def approvals(session: Session, _: Desk, records: Sequence[Record]) -> Made:
    """Give verdicts in the order of the file, those of one person and kind in a row as one batch."""
    look = Lookup(session, records)
    books = {r.number: look.book(r, BookKind.LOANS, r[DAY]) for r in records}
    hold_books(session, {book.id for book in books.values()})
    made: Made = []
    for (give, actor), rows in groupby(records, lambda r: (r["结论"], str(r["审批人"]))):
        verdicts = [
            verdict.Verdict(
                book=books[r.number], contract=r[CONTRACT], reference=f"{r[SERIAL]}/decided", day=r[DAY], reason=r["理由"] or ""
            )
            for r in rows
        ]
        made += _made(give(session, verdicts, actor))
    return made


def undo_approvals(session: Session, desk: Desk, made: Made) -> None:
    """Take verdicts back, newest first."""
    for _ in _undone(session, desk, made):
        pass


def _undone(session: Session, desk: Desk, made: Made) -> Iterator[tuple[str, Step]]:
    """Undo what a batch made, and yield each step that never was, with its county."""
    books = {m["book"]: book_named(session, BookCode(m["book"])) for m in made}
    hold_books(session, {book.id for book in books.values()})
    for m in reversed(made):
        book = books[m["book"]]
        yield book.county, undoing.undo(session, book, m["reference"], desk.actor)


def _made(considered: Sequence[filing.Considered]) -> list[dict[str, Any]]:
    return [{"book": one.state.application.book.code, "reference": one.state.last.reference} for one in considered]
