"""Officers (会计主管): who answers for a book, since when. Months are opened again by them alone, vouchers bear their name."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import Book
from ledger.errors import AppointmentRefused, NotSupervisor
from ledger.tables import officer


def appoint(session: Session, book: Book, supervisor: str, since: date, actor: str) -> None:
    """Appoint the chief accountant of a book from a day on; the same again changes nothing.

    Raises:
        AppointmentRefused: nobody is named, or somebody else was appointed for that day.
    """
    supervisor = supervisor.strip()
    if not supervisor:
        raise AppointmentRefused(book.code, "须写明会计主管姓名")
    stored = upsert(officer).values(book_id=book.id, since=since, supervisor=supervisor, actor=actor)
    if session.scalar(stored.on_conflict_do_nothing().returning(officer.c.supervisor)) is not None:
        audit.record(session, actor, "chief accountant appointed", book.code, {"name": supervisor, "since": since.isoformat()})
    elif supervisor_on(session, book, since) != supervisor:
        raise AppointmentRefused(book.code, f"{since} 已任命 {supervisor_on(session, book, since)}")


def supervisor_on(session: Session, book: Book, day: date) -> str | None:
    """Return who is chief accountant of a book on a day; None: nobody was appointed by then."""
    newest = (
        select(officer.c.supervisor)
        .where(officer.c.book_id == book.id, officer.c.since <= day)
        .order_by(officer.c.since.desc())
        .limit(1)
    )
    return session.scalar(newest)


def require_supervisor(session: Session, book: Book, day: date, actor: str, deed: str) -> None:
    """Refuse a deed to anybody but the chief accountant of a book.

    Raises:
        NotSupervisor: the actor is somebody else.
    """
    if actor != supervisor_on(session, book, day):
        raise NotSupervisor(book.code, actor, deed)
