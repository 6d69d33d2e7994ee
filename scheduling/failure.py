"""A failure (失败): why a step of the night could not be done, recorded in a transaction of its own, until somebody resumes."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from ledger.db import unit_of_work
from scheduling.tables import failure

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """A recorded failure. A passing one (暂时性) is of the machine, not of the books: a lock, a timeout, a lost connection."""

    position: int
    name: str
    reason: str
    passing: bool
    failed_at: datetime


def is_passing(error: Exception) -> bool:
    """Tell whether an error may be gone at the next try."""
    return isinstance(error, OperationalError | InterfaceError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def reason_of(error: Exception) -> str:
    """Return an error as one sentence: of the database's, what it said, without the statement and its values."""
    lines = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    said = lines[0] if lines else "no reason given"
    own = type(error).__module__.partition(".")[0] not in {"builtins", "sqlalchemy", "psycopg", "pydantic_core"}
    return (said if own or isinstance(error, DBAPIError | RuntimeError) else f"{type(error).__name__}: {said}")[:LONGEST_REASON]


def record(engine: Engine, connection: Connection, closing: date, position: int, name: str, error: Exception) -> None:
    """Record a failure, on the close's own connection or, if that is lost, on another; without a database it is not recorded."""
    made = {
        "business_date": closing, "position": position, "name": name, "reason": reason_of(error), "passing": is_passing(error),
    }  # fmt: skip
    number = select(func.count() + 1).where(failure.c.business_date == closing).scalar_subquery()
    for door in (connection, engine):
        with suppress(DBAPIError):
            with unit_of_work(door) as session:
                session.execute(insert(failure).values(**made, number=number))
                session.execute(text("SET LOCAL synchronous_commit = on"))
            return


def open_failure(session: Session, closing: date) -> Failure | None:
    """Return the failure of a day's close that nobody has resumed after, if there is one."""
    mine = select(failure).where(failure.c.business_date == closing, failure.c.resumed_at.is_(None))
    row = session.execute(mine.order_by(failure.c.number.desc()).limit(1)).one_or_none()
    return Failure(row.position, row.name, row.reason, row.passing, row.failed_at) if row is not None else None


def resume(session: Session, closing: date) -> None:
    """Write down that the close goes on after its failures."""
    mine = update(failure).where(failure.c.business_date == closing, failure.c.resumed_at.is_(None))
    session.execute(mine.values(resumed_at=text("clock_timestamp()")))
