"""Forecast (代偿预测): what a pool may have to pay in the next twelve months, and how long its money lasts.

Roll rates (迁徙率) are counted from the month ends of the past: of the principal that stood in a class of days past due, what
stood in each class a month later; the rest was repaid. A loan that passes the agreed days is expected to be claimed with all
of its principal. Nothing is lent anew, nothing is recovered, and a class in which nothing ever stood is taken to get worse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sqlalchemy import text
from sqlalchemy.orm import Session

from guarantees.claims.queries import claims
from guarantees.errors import ForecastRefused
from guarantees.pool import COVERED_PRODUCTS, Pool
from guarantees.queries import available_fen
from ledger.books import BookKind, books
from ledger.calendar import DAY, add_months, is_month_end, next_month
from ledger.money import round_half_up

MONTHS, HISTORY = 12, 12
"""How far a forecast looks, and how many steps from month end to month end it counts."""
_BOUNDS = (30, 60)

_STATES = """
WITH state AS (
    SELECT k.n, s.loan_id, s.principal_fen,
           (k.day > s.oldest_due)::integer + (SELECT count(*) FROM unnest(CAST(:bounds AS integer[])) AS b (days)
                                               WHERE k.day - s.oldest_due > b.days)::integer AS late
      FROM unnest(CAST(:days AS date[]), CAST(:seqs AS bigint[])) WITH ORDINALITY AS k (day, seq, n)
      JOIN loans.standing s ON s.book_id = :book AND s.known_from_seq <= k.seq
       AND (s.known_to_seq IS NULL OR s.known_to_seq > k.seq) AND s.principal_fen > 0 AND s.product = ANY(:products)
      JOIN loans.loan l ON l.book_id = s.book_id AND l.id = s.loan_id AND l.covered
)"""
_ROLLS = text(
    f"{_STATES} SELECT coalesce(a.late, 0) AS before, CASE WHEN b.loan_id IS NOT NULL THEN coalesce(b.late, 0) END AS after, "
    "sum(a.principal_fen)::bigint AS whole, sum(least(a.principal_fen, b.principal_fen))::bigint AS stayed "
    "FROM state a LEFT JOIN state b ON b.n = a.n + 1 AND b.loan_id = a.loan_id WHERE a.n < :last GROUP BY 1, 2 ORDER BY 1, 2"
)
_NOW = text(
    f"{_STATES} SELECT coalesce(late, 0) AS late, sum(principal_fen)::bigint AS fen FROM state "
    "WHERE n = :last AND NOT loan_id = ANY(:claimed) GROUP BY 1"
)
_CLOSES = text(
    "SELECT business_date AS day, closed_seq AS seq FROM loans.accrual_run WHERE book_id = :book ORDER BY business_date DESC"
)

Rates = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True, slots=True)
class Month:
    """A month to come, in fen: principal expected to be claimed, the pool's part of it, and its money afterwards."""

    ends_on: date
    defaults_fen: int
    payout_fen: int
    left_fen: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of a pool from a month end on; `rates` by class before and after, the last class is claimed."""

    pool: Pool
    since: date
    steps: int  # from month end to month end, out of which the rates were counted
    available_fen: int
    classes_fen: tuple[int, ...]
    rates: Rates
    months: tuple[Month, ...]

    @property
    def lasts(self) -> int | None:
        """For how many months the pool pays all that is expected of it; None: for all that were looked at."""
        return next((number for number, one in enumerate(self.months) if one.left_fen < 0), None)

    @property
    def payout_fen(self) -> int:
        """What is expected to be paid altogether."""
        return sum(one.payout_fen for one in self.months)


def forecast(session: Session, one: Pool, stress: Fraction = Fraction(1)) -> Forecast:
    """Return what is expected of a pool if defaults are `stress` times those that the roll rates tell.

    Raises:
        ForecastRefused: fewer than two month ends are closed, or a stress of less than nothing.
    """
    if stress < 0:
        raise ForecastRefused(one.bank, "压力倍数不能小于 0")
    book_id = next((b.id for b in books(session, BookKind.LOANS) if (b.county, b.bank) == (one.book.county, one.bank)), None)
    closes = [] if book_id is None else [(row.day, row.seq) for row in session.execute(_CLOSES, {"book": book_id})]
    ends = [close for close in closes if is_month_end(close[0])][: HISTORY + 1][::-1]
    if len(ends) <= 1:
        raise ForecastRefused(one.bank, "至少要有两个已日终的月末")
    bounds = classes_of(one.terms.claim_after_days)
    asked: dict[str, object] = {
        "book": book_id, "days": [day for day, _ in ends], "seqs": [seq for _, seq in ends], "bounds": list(bounds),
        "products": list(COVERED_PRODUCTS), "last": len(ends),
        "claimed": [c.loan_id for c in claims(session).values() if c.loan_book_id == book_id and (c.approved_by or c.paid_on)
                    and not c.cancelled],
    }  # fmt: skip
    rolls = [(row.before, row.after, row.whole, row.stayed or 0) for row in session.execute(_ROLLS, asked)]
    held = {row.late: row.fen for row in session.execute(_NOW, asked)}
    now = tuple(held.get(place, 0) for place in range(len(bounds) + 2))
    rates = rates_of(rolls, len(now))
    free = available_fen(session, one)
    months = look_ahead(one, ends[-1][0], free, now, rates, stress)
    return Forecast(one, ends[-1][0], len(ends) - 1, free, now, rates, months)


def classes_of(claim_after_days: int) -> tuple[int, ...]:
    """Return the days past due that the classes of late loans exceed; the last is the agreed one, after which is claimed."""
    return (*(days for days in _BOUNDS if days < claim_after_days), claim_after_days)


def rates_of(rolls: Sequence[tuple[int, int | None, int, int]], classes: int) -> Rates:
    """Return roll rates from (class before, class after or None, principal before, of that still owed) of each step."""
    whole: dict[int, int] = {}
    moved: dict[tuple[int, int], int] = {}
    for before, after, fen, stayed in rolls:
        whole[before] = whole.get(before, 0) + fen
        if after is not None:
            moved[before, after] = moved.get((before, after), 0) + stayed
    return tuple(
        tuple(
            Fraction(moved.get((before, after), 0), whole[before]) if whole.get(before) else Fraction(after == before + 1)
            for after in range(classes)
        )
        for before in range(classes - 1)
    )


def look_ahead(
    one: Pool, since: date, free_fen: int, now: Sequence[int], rates: Rates, stress: Fraction
) -> tuple[Month, ...]:  # fmt: skip
    """Return the months to come; what may be claimed already is claimed in the first."""
    standing, waiting, left = list(now[:-1]), now[-1], free_fen
    made = []
    for number in range(1, MONTHS + 1):
        rolled = [
            sum((standing[before] * rates[before][after] for before in range(len(standing))), Fraction(0))
            for after in range(len(now))
        ]
        standing = [round_half_up(fen) for fen in rolled[:-1]]
        told = round_half_up(rolled[-1])
        wanted = min(round_half_up(told * stress), told + sum(standing))
        standing = without(standing, wanted - told)
        defaults = wanted + waiting
        payout = one.payout_fen(defaults)
        left -= payout
        made.append(Month(_end(since, number), defaults, payout, left))
        waiting = 0
    return tuple(made)


def without(standing: Sequence[int], fen: int) -> list[int]:
    """Return classes less what defaults besides, the soundest first; less than nothing goes back to them."""
    made = list(standing)
    for place, held in enumerate(made):
        taken = min(held, fen)
        made[place] -= taken
        fen -= taken
    return made


def _end(since: date, number: int) -> date:
    """Return the end of a month that lies some months after another month end."""
    return next_month(add_months(since.replace(day=1), number)) - DAY


def as_lines(found: Mapping[str, Forecast]) -> list[tuple[str, tuple[int, ...]]]:
    """Return each forecast's name with the pool's money at its start and after each month, for a chart."""
    return [(name, (one.available_fen, *(month.left_fen for month in one.months))) for name, one in found.items()]
