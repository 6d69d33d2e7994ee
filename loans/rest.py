"""A night at rest (平静之夜): nothing falls due, and the books know nothing that their last close did not know.

Then no loan changes and interest moves on in a straight line. Of many missed nights most are such, so catching up asks for
it before it works a whole night; the last of the missed nights is always a whole one.
"""

from datetime import date

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from ledger.books import BookKind, books, hold_books
from ledger.calendar import DAY
from ledger.db import forget
from loans.accrual import Accrued, go_on
from loans.ageing import touches
from loans.queries import HORIZON
from loans.repricing import resets
from loans.settlement import charges
from loans.tables import horizon

_NEWS = """
SELECT EXISTS (SELECT FROM loans.quarantine WHERE known_to_seq IS NULL)
    OR EXISTS (
        SELECT FROM ledger.book b LEFT JOIN loans.accrual_run r ON r.book_id = b.id AND r.business_date = CAST(:before AS date)
         WHERE b.id = ANY(:books) AND (r.closed_seq IS NULL OR b.last_seq - r.closed_seq <> (
            SELECT count(*) FROM ledger.journal_entry e
             WHERE e.book_id = b.id AND e.seq > r.closed_seq AND e.event = 'night/' || CAST(:before AS date))))
    OR EXISTS (SELECT FROM loans.accrual_figure WHERE business_date = :before AND (whole_tonight IS NULL OR gov_tonight IS NULL))
"""
"""Whether the loan books know anything since their last close accrued but what that night itself wrote; or did not keep it."""

_BENDS = """
SELECT EXISTS (
    SELECT FROM loans.stream
     WHERE known_to_seq IS NULL AND base_fen > 0
       AND (start_date = :closing OR end_date = :closing
            OR day_count NOT IN ('act/360', 'act/365') AND coalesce(end_date, 'infinity') > :closing))
"""
"""Whether interest leaves its straight line: a stream begins or ends, or counts its days unevenly."""


def rests(session: Session, closing: date) -> bool:
    """Tell whether the night of a day rests; the loan books are held, so that it stays so until the transaction ends."""
    mine = [book.id for book in books(session, BookKind.LOANS)]
    hold_books(session, mine)
    due = charges(session, closing) or touches(session, closing) or resets(session, closing)
    return not (
        due
        or session.scalar(text(_NEWS), {"books": mine, "before": closing - DAY})
        or session.scalar(text(_BENDS), {"closing": closing})
    )


def rest(session: Session, closing: date) -> Accrued:
    """Let a night pass in which everything rests: all is aged and charged through its day, and interest goes on."""
    session.execute(update(horizon).values(charged_through=closing, aged_through=closing))
    forget(session, HORIZON)
    return go_on(session, closing)
