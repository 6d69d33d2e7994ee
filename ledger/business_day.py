"""The business date (营业日): the one day that is open for events. Writers hold its row shared; the close flips it alone."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from ledger.db import forget, remembered
from ledger.errors import FutureDate, NoBusinessDay
from ledger.tables import business_day


def begin(session: Session, first: date) -> None:
    """Open the first business day; nothing changes if there is one."""
    if session.execute(select(business_day.c.business_date)).one_or_none() is None:
        session.execute(insert(business_day).values(business_date=first))
        forget(session, "business date")


def business_date(session: Session) -> date:
    """Return the business date, held so that no close can flip it before this transaction ends.

    Raises:
        NoBusinessDay: the books were not begun.
    """
    held = select(business_day.c.business_date).with_for_update(read=True)
    found: date | None = remembered(session, "business date", lambda: session.scalar(held))
    if found is None:
        raise NoBusinessDay
    return found


def business_date_from(session: Session, days: Iterable[date]) -> date:
    """Return the business date, held, once none of these days lies after it.

    Raises:
        NoBusinessDay: the books were not begun.
        FutureDate: one of the days has not come.
    """
    today = business_date(session)
    for day in days:
        if day > today:
            raise FutureDate(day, today)
    return today


def flip(session: Session, to: date) -> None:
    """Move to the next business day, once every writer of the old one has committed: the update waits for them."""
    session.execute(update(business_day).values(business_date=to))
    forget(session, "business date")


def peek(session: Session) -> date | None:
    """Return the business date without holding it, or None if the books were not begun."""
    return session.scalar(select(business_day.c.business_date))
