"""What the page of the night shows: the latest runs; where one of them is, scheduling tells."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

LATEST = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A night among others."""

    business_date: date
    started_at: datetime
    finished_at: datetime | None
    microseconds: int
    failures: int
    set_aside: int


def latest_runs(session: Session) -> list[RunLine]:
    """Return the latest runs, newest first."""
    rows = session.execute(
        text(
            """
            SELECT r.business_date, r.started_at, r.finished_at,
                   (SELECT coalesce(sum(s.microseconds), 0)::bigint FROM scheduling.step s
                     WHERE s.business_date = r.business_date) AS microseconds,
                   (SELECT count(*) FROM scheduling.failure f WHERE f.business_date = r.business_date) AS failures,
                   (SELECT coalesce(sum((s.counts ->> 'set_aside')::bigint), 0)::bigint FROM scheduling.step s
                     WHERE s.business_date = r.business_date) AS set_aside
              FROM scheduling.run r ORDER BY r.business_date DESC LIMIT :most
            """
        ),
        {"most": LATEST},
    )
    return [RunLine(**row._asdict()) for row in rows]
