"""What every step of a subsidy batch does: hold its books, ask for a person and a date in order, record, and post."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.business_day import business_date_from
from ledger.journal import Dimensions, JournalEntry, Posting, first_free, merged
from ledger.posting import post_many, take_sequence
from ledger.queries import free_reference
from loans.errors import SubsidyBatchRefused
from loans.subsidy.batch import Batch, Line, by_tier
from loans.subsidy.queries import SYSTEM, batches, steps
from loans.subsidy.tables import step


def held(session: Session, one: Batch, day: date, actor: str) -> Batch:
    """Return a batch as it is once its books are held, for a person's step on a day not before the last one.

    Raises:
        SubsidyBatchRefused: it was undone, the day lies before the last step, or the actor is the machine.
        FutureDate: the day has not come.
    """
    business_date_from(session, [day])
    require_person(one.number, actor)
    hold_books(session, [one.book.id, one.loan_book.id])
    now = next((other for other in batches(session, [one.loan_book.id]) if other.number == one.number), None)
    if now is None:
        raise SubsidyBatchRefused(one.number, "编制已撤销")
    before = max(taken.value_date for taken in steps(session, [one.book.id])[(one.book.id, one.number)])
    if day < before:
        raise SubsidyBatchRefused(one.number, f"日期 {day} 早于上一环节 {before}")
    return now


def require_person(number: str, actor: str) -> None:
    """Refuse the machine.

    Raises:
        SubsidyBatchRefused: the actor is it.
    """
    if actor == SYSTEM or not actor:
        raise SubsidyBatchRefused(number, "须由经办人办理")


def record(session: Session, book: Book, number: str, name: str, day: date, body: Mapping[str, Any], actor: str) -> str:
    """Record a step under what tells it from others of its kind (approved, returned/3 …); return its reference."""
    mine = (step.c.book_id == book.id) & (step.c.number == number) & (step.c.kind == "undone")
    undone = set(session.scalars(select(step.c.body["of"].astext).where(mine)))
    reference = first_free(f"{number}/{name}", undone.__contains__)
    seq = take_sequence(session, {book.id: 1})[book.id]
    session.execute(
        insert(step).values(
            book_id=book.id, seq=seq, number=number, kind=name.partition("/")[0], value_date=day, reference=reference,
            body=dict(body), actor=actor,
        )
    )  # fmt: skip
    return reference


def post(
    session: Session,
    one: Batch,
    reference: str,
    day: date,
    narration: str,
    actor: str,
    fund: Sequence[Posting],
    bank: Sequence[Posting] = (),
) -> None:
    """Post what a step does in the fund's book and in the bank's, linked by the step's reference; nothing for nothing."""
    post_both(session, (one.book, one.loan_book), reference, day, f"{narration} {one.number}", actor, fund, bank)


def post_both(
    session: Session,
    books: tuple[Book, Book],
    reference: str,
    day: date,
    narration: str,
    actor: str,
    fund: Sequence[Posting],
    bank: Sequence[Posting],
) -> None:
    """Post one event in a fund's book and a loan book."""
    kind = reference.split("/")[1].partition("~")[0]
    post_many(
        session,
        [
            JournalEntry(
                book=book.code, reference=free_reference(session, book.id, f"subsidy/{reference}"), kind=f"subsidy.{kind}",
                value_date=day, narration=narration, postings=postings, event=f"subsidy/{reference}", maker=actor,
            )
            for book, lines in zip(books, (fund, bank), strict=True)
            if (postings := merged(lines))
        ],
    )  # fmt: skip


def fund_of(one: Batch) -> Dimensions:
    """Return what the fund's postings say of a batch."""
    return Dimensions(county=one.book.county, bank=one.loan_book.bank)


def borne(one: Batch, lines: Sequence[tuple[Line, int]]) -> Sequence[tuple[int, Dimensions]]:
    """Return what lines of a batch ask as the tiers bear it: (fen, whose)."""
    return [(fen, replace(fund_of(one), payer=name)) for name, fen in by_tier(lines).items() if fen]
