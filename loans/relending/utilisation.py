"""Utilisation (使用情况) of a draw: how much of it stands in loans, since when some of it does not, what it earns and costs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from sqlalchemy.orm import Session

from ledger.calendar import DAY
from ledger.money import round_half_up
from loans.accrual import closed_seqs, last_accrued
from loans.relending.draw import BASIS, Draw, interest_between, interest_periods
from loans.relending.funding import Row, allocated_sums, history
from loans.relending.queries import draws
from loans.relending.rules import rule_on
from loans.terms import interest_fen

WHOLE = 10_000
"""Utilisation is in hundredths of a per cent, cut off, so that 100.00 % is all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Money of a draw that no loan uses although the time to use it is over: so many fen, since a day."""

    draw: Draw
    fen: int
    since: date


def utilisation(allocated_fen: int, balance_fen: int) -> int:
    """Return what part of a draw's balance is allocated, in hundredths of a per cent, cut off; all of it if there is none."""
    return WHOLE * allocated_fen // balance_fen if balance_fen else WHOLE


def earned_fen(rows: Iterable[Row], through: date) -> int:
    """Return what the allocated amounts earned at their loans' rates up to a close, ACT/360, rounded half up once (E7)."""
    end = through + DAY
    units = sum(row.fen * row.rate_ppb * max((min(row.end or end, end) - row.start).days, 0) for row in rows)
    return round_half_up(interest_fen(units, BASIS))


def cost_fen(draw: Draw, through: date) -> int:
    """Return a draw's interest up to a close, each period rounded as it is paid."""
    end = through + DAY
    return sum(interest_between(draw, p.start, min(p.end, end)) for p in interest_periods(draw) if p.start < end)


def idle(draw: Draw, rows: Iterable[Row], day: date) -> Idle | None:
    """Return what of a draw is unused at a close, once the days to use it are over; since those were, or since it is short."""
    deadline = draw.drawn_on + rule_on(draw.drawn_on).use_within_days * DAY
    found = list(rows)
    unused = _unused(draw, found, day)
    if unused <= 0 or day < deadline:
        return None
    changes = {draw.drawn_on, *(one.day for one in draw.repayments), *(row.start for row in found), *(row.end for row in found)}
    past = sorted(change for change in changes if change is not None and draw.drawn_on <= change <= day)
    since = draw.drawn_on
    for before, change in pairwise(past):
        if _unused(draw, found, before) <= 0:
            since = change
    return Idle(draw=draw, fen=unused, since=max(since, deadline))


def idle_draws(session: Session, until: date) -> list[Idle]:
    """Return, as of the last close up to a day, the draws that are not used whole although their time to be used is over."""
    day = last_accrued(session, until)
    seqs = closed_seqs(session, day) if day else {}
    if day is None or not seqs:
        return []
    sums = allocated_sums(session, list(seqs), day)
    short = [one for one in draws(session, known=seqs) if one.balance_on(day) > sums.get(one.key, 0)]
    rows = history(session, short, day)
    return [found for one in short if (found := idle(one, rows.get(one.key, ()), day)) is not None]


def _unused(draw: Draw, rows: Iterable[Row], day: date) -> int:
    used = sum(row.fen for row in rows if row.start <= day and (row.end is None or day < row.end))
    return draw.balance_on(day) - used
