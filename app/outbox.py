"""The outbox (待发文件夹): banks' statements (对账单) as files for who hands them over, each written once its period is closed.

A period is listed for every bank first, and each listed paper is then tried until it is written; so a paper that fails holds up
no other, and none is forgotten. Periods end with a month, and on each settlement day (结息日).
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.issuing import files
from app.tables import outgoing_paper
from app.wiring import System
from ledger.books import BookKind, books
from ledger.calendar import DAY, add_months, days, is_month_end, month_of
from ledger.db import unit_of_work
from loans.terms.quarters import is_settlement_day
from scheduling.close import last_closed
from scheduling.errors import LeadLost
from scheduling.job import sentence_of
from statements.errors import NothingToState

MONTH, SETTLEMENT = "month", "settlement"
LONGEST_PERIOD = 100 * DAY
"""More than a quarter: so long before the last closed day the latest period of each kind has surely ended."""


class PapersFailed(Exception):
    """Papers that could not be written; they stay listed."""

    def __init__(self, failed: int, first: str, written: int) -> None:
        super().__init__(
            f"{failed} papers not written, tried again later (未能生成，稍后重试), {written} written; the first: {first}"
        )


@dataclass(frozen=True, slots=True)
class Period:
    """What a statement states: its first and its last day, both included."""

    kind: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Paper:
    """A listed paper that is not written yet, and why not if it was tried."""

    bank: str
    period: Period
    attempts: int
    error: str | None


def state_periods(system: System, folder: Path) -> dict[str, int]:
    """List the papers of all periods that are closed by now, write those never tried, and return counts.

    Raises:
        PapersFailed: some could not be written.
    """
    with unit_of_work(system.engine) as session:
        listed = list_papers(session)
        waiting = [paper for paper in open_papers(session) if not paper.attempts]
    return {"listed": listed, **_write_all(system, waiting, folder)}


def retry(system: System, folder: Path) -> dict[str, int]:
    """Try again each paper that failed, and return counts.

    Raises:
        PapersFailed: some could not be written.
    """
    with unit_of_work(system.engine) as session:
        waiting = [paper for paper in open_papers(session) if paper.attempts]
    return _write_all(system, waiting, folder)


def list_papers(session: Session) -> int:
    """List, for every bank, the periods that ended since the last one listed (at first the latest); return how many papers."""
    closed = last_closed(session)
    if closed is None:
        return 0
    banks = sorted({book.bank for book in books(session, BookKind.LOANS) if book.bank})
    known = dict(
        session.execute(select(outgoing_paper.c.kind, func.max(outgoing_paper.c.last_day)).group_by(outgoing_paper.c.kind)).all()
    )
    count = 0
    for kind in (MONTH, SETTLEMENT):
        after = known.get(kind)
        ended = list(periods(kind, after or closed - LONGEST_PERIOD, closed))
        for period in ended if after else ended[-1:]:
            rows = [{"bank": bank, "kind": kind, "first_day": period.first, "last_day": period.last} for bank in banks]
            made = (
                session.execute(insert(outgoing_paper).on_conflict_do_nothing().returning(outgoing_paper.c.bank), rows)
                if rows
                else ()
            )
            count += sum(1 for _ in made)
    return count


def periods(kind: str, after: date, through: date) -> Iterator[Period]:
    """Yield the periods of a kind that end after a day and on another at the latest."""
    for day in days(after + DAY, through + DAY):
        if kind == MONTH and is_month_end(day):
            yield Period(kind, month_of(day), day)
        elif kind == SETTLEMENT and is_settlement_day(day):
            yield Period(kind, add_months(day, -3) + DAY, day)


def open_papers(session: Session) -> list[Paper]:
    """Return what is listed and not written, the oldest period first."""
    c = outgoing_paper.c
    rows = session.execute(select(outgoing_paper).where(c.outcome.is_(None)).order_by(c.last_day, c.first_day, c.bank))
    return [Paper(row.bank, Period(row.kind, row.first_day, row.last_day), row.attempts, row.error) for row in rows]


def _write_all(system: System, waiting: list[Paper], folder: Path) -> dict[str, int]:
    errors = [error for paper in waiting if (error := _write(system, paper, folder)) is not None]
    written = len(waiting) - len(errors)
    if errors:
        raise PapersFailed(len(errors), errors[0], written)
    return {"written": written}


def _write(system: System, paper: Paper, folder: Path) -> str | None:
    """Write one paper and record how it went; return why it failed.

    Raises:
        LeadLost, DBAPIError: the database is away, or this scheduler leads no more; nothing is recorded.
    """
    error = None
    done: dict[str, object] = {}
    try:
        done = _written(system, paper, folder)
    except NothingToState:
        done = {"outcome": "nothing"}
    except (LeadLost, DBAPIError):
        raise
    except Exception as failure:  # noqa: BLE001 - one bank's paper must not hold up the others
        error = sentence_of(failure)
    if done:
        done["finished_at"] = text("clock_timestamp()")
    c = outgoing_paper.c
    this = (c.bank == paper.bank, c.first_day == paper.period.first, c.last_day == paper.period.last, c.outcome.is_(None))
    with unit_of_work(system.engine) as session:
        session.execute(update(outgoing_paper).where(*this).values(attempts=c.attempts + 1, error=error, **done))
    return None if error is None else f"{paper.bank} {paper.period.first}～{paper.period.last}：{error}"


def _written(system: System, paper: Paper, folder: Path) -> dict[str, object]:
    """Write a statement beside its place and move it there whole, so that nobody ever takes half a file."""
    period = paper.period
    made = files.write_statement(system, paper.bank, period.first, period.last, folder / ".making")
    body = made.read_bytes()
    with made.open("rb") as file:
        os.fsync(file.fileno())
    place = folder / f"{period.last:%Y-%m}" / made.name
    place.parent.mkdir(parents=True, exist_ok=True)
    made.replace(place)
    return {"outcome": "written", "file": str(place.relative_to(folder)), "sha256": hashlib.sha256(body).digest()}
