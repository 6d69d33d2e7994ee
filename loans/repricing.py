"""Repricing (利率重定价) in the night: on the eve of a reset a floating rate is set anew from what it is tied to.

A loan's row holds the date of its next reset, so an ordinary night asks one question of an index. A loan that comes late
into the books has its resets made up for one by one, each on its own date.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from loans.contract import Contract
from loans.life import Life
from loans.movements import State
from loans.quarantine.queries import sound
from loans.queries import Key, contracts, horizon_now, lives
from loans.servicing import set_rates

SYSTEM = "system"
_DUE = (
    "SELECT l.book_id, l.id, l.next_reset FROM loans.loan l "
    f"WHERE l.next_reset <= :day AND {sound('l', 'id')} ORDER BY l.book_id, l.id"
)
_NEXT = """
UPDATE loans.loan l SET next_reset = n.day
  FROM unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[]), CAST(:days AS date[])) AS n (book_id, id, day)
 WHERE (l.book_id, l.id) = (n.book_id, n.id)
"""


@dataclass(frozen=True, slots=True)
class Repriced:
    """What the night's repricing did: resets that were due, and rates that changed."""

    resets: int
    changed: int


def reprice(session: Session, closing: date) -> Repriced:
    """Set, at the close of a day, the rates that begin on the next day, and those of resets that were missed.

    Raises:
        NoReferenceRate: a reference has no quote by then.
    """
    resets = changed = 0
    while due := session.execute(text(_DUE), {"day": closing + DAY}).all():
        keys: dict[Key, date] = {(row.book_id, row.id): row.next_reset for row in due}
        found, now = contracts(session, keys), lives(session, keys, horizon_now(session))
        wanted = [_reset(found[key], now[key], day) for key, day in keys.items()]
        booked = set_rates(session, [reset for reset in wanted if reset is not None], SYSTEM)
        following = [_following(found[key], now[key], day) for key, day in keys.items()]
        books, ids = zip(*keys, strict=True)
        session.execute(text(_NEXT), {"books": list(books), "ids": list(ids), "days": following})
        resets, changed = resets + len(keys), changed + len(booked)
    return Repriced(resets, changed)


def resets(session: Session, closing: date) -> bool:
    """Tell whether the close of a day would reset any rate."""
    return bool(session.scalar(text(f"SELECT EXISTS ({_DUE})"), {"day": closing + DAY}))


def _reset(contract: Contract, life: Life, day: date) -> tuple[Contract, str, date, int] | None:
    """Return the rate that a reset sets, None if nothing changes or the loan is past it."""
    terms = life.terms
    floating = terms.floating
    if floating is None or day >= terms.maturity or life.standing.state is State.WRITTEN_OFF or not life.instalments:
        return None
    before = terms.rate_on(day - DAY).rate_ppb
    rate = floating.rate(day, before, terms.drawn_on)
    return (contract, f"{contract.contract}/reset/{day}", day, rate) if rate != before else None


def _following(contract: Contract, life: Life, day: date) -> date | None:
    """Return the reset after one; none once the loan is over."""
    over = day >= life.terms.maturity and not life.standing.principal_fen
    if contract.terms.floating is None or over or life.standing.state is State.WRITTEN_OFF:
        return None
    return contract.terms.floating.first_reset(day)
