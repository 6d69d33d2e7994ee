"""What is due (应日终日): business days that are over at a moment, closed in order, the missed ones first."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ledger.errors import NoBusinessDay
from scheduling.close import Step, close_through, next_to_close


def last_over(moment: datetime, closing_hour: int) -> date:
    """Return the last business day that is over at a moment (Chinese time); every calendar day is a business day.

    The hour counts from the day's first midnight: 24 is the midnight that ends it, 20 eight in the evening, 26 two at night.
    """
    return (moment - timedelta(hours=closing_hour)).date()


def close_due(
    engine: Engine, steps: Sequence[Step], through: date, rests: Callable[[Session, date], bool] | None = None
) -> dict[str, int]:
    """Close every open day up to one, in order, and return how many nights that were; before the books begin, none.

    Raises:
        CloseRunning: somebody else is closing; and what a step raises.
    """
    try:
        if next_to_close(engine) > through:
            return {"nights": 0}
    except NoBusinessDay:
        return {"nights": 0}
    return {"nights": sum(1 for _ in close_through(engine, steps, through, rests=rests))}
