"""Red-ink reversal (红字冲销): the only way to undo what is posted; once only, into an open month."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import Book, book_named
from ledger.entries import reversed_in_red
from ledger.errors import AlreadyReversed, ReversalOfReversal
from ledger.journal import BookCode
from ledger.periods import posting_date
from ledger.posting import Posted, post
from ledger.queries import entry_referenced, free_reference, is_posted
from ledger.tables import journal_entry

FILE_UNDONE = "撤销导入"
"""Why an entry is reversed when the file that brought it is undone."""


def reverse(session: Session, book: BookCode, reference: str, value_date: date, actor: str, reason: str) -> Posted:
    """Post the red entry of an entry, with a link to it.

    Raises:
        UnknownEntry: the reference names no entry of the book.
        AlreadyReversed: it was reversed before.
        ReversalOfReversal: it is a reversal itself.
        PeriodClosed: the month of `value_date` is closed.
    """
    book_id = book_named(session, book).id
    original = entry_referenced(session, book_id, reference)
    if original.entry.reverses is not None:
        raise ReversalOfReversal(book, reference)
    earlier = session.scalar(
        select(journal_entry.c.seq).where(journal_entry.c.book_id == book_id, journal_entry.c.reverses_seq == original.seq)
    )
    if earlier is not None:
        raise AlreadyReversed(book, reference)
    posted = post(session, reversed_in_red(original, value_date, actor, reason))
    audit.record(session, actor, "reversed", f"{book}/{reference}", {"reason": reason, "seq": posted.seq})
    return posted


def take_back(session: Session, book: Book, reference: str, today: date, actor: str) -> None:
    """Reverse what an undone file brought under a reference, if anything: in its own month if that is open, else today."""
    latest = free_reference(session, book.id, reference)
    if is_posted(session, book.id, latest):
        day = entry_referenced(session, book.id, latest).entry.value_date
        reverse(session, book.code, latest, posting_date(session, book.id, day, today), actor, FILE_UNDONE)
