"""Recoveries due (应划回追偿款): when each must have reached the pool, what has, and which are late (逾期划回)."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from guarantees.claims.claim import Claim
from ledger.calendar import working_days_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The pool's share of what was collected on a day; amounts in fen."""

    claim: Claim
    collected_on: date
    due_on: date  # the last working day on which it may come
    fen: int
    open_fen: int
    passed_on: date | None  # when the last of it reached the pool
    days_late: int  # calendar days after the due day, to the day on which it arrived, or to that of the question


def shared_by_day(one: Claim, as_of: date = date.max) -> Counter[date]:
    """Return the pool's share by day of collection, as recorded up to a day; a bounced payment's is taken from its own day."""
    found: Counter[date] = Counter()
    for step in one.steps:
        if step.kind == "shared" and step.value_date <= as_of:
            found[step.collected_on or step.value_date] += step.fen
    return found


def recoveries(one: Claim, as_of: date) -> list[Recovery]:
    """Return a claim's recoveries as of a day; what is passed on settles the oldest first."""
    passed = deque((s.value_date, s.fen) for s in one.steps if s.kind == "passed" and s.value_date <= as_of)
    shares = sorted(shared_by_day(one, as_of).items())
    return [_settled(one, day, fen, passed, as_of) for day, fen in shares if fen > 0]


def late(found: Sequence[Recovery]) -> list[Recovery]:
    """Return those that came, or still have not come, after their due day."""
    return [one for one in found if one.days_late]


def _settled(one: Claim, day: date, fen: int, passed: deque[tuple[date, int]], as_of: date) -> Recovery:
    """Take from what was passed on, oldest first, as much as a share needs."""
    left, last = fen, None
    while left and passed:
        last, there = passed.popleft()
        if there > left:
            passed.appendleft((last, there - left))
        left = max(0, left - there)
    due_on = working_days_after(day, one.pool.terms.pass_on_days)
    arrived = as_of if left or last is None else last
    return Recovery(
        claim=one, collected_on=day, due_on=due_on, fen=fen, open_fen=left, passed_on=None if left else last,
        days_late=max(0, (arrived - due_on).days),
    )  # fmt: skip
