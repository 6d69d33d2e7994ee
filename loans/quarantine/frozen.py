"""Frozen interest (冻结利息): what a loan that is set aside had run up by its last good close stays in 1132.09 and 9201.

So the night's explanation holds for the sound loans alone: what they had at the last close is all that was known then, less
the share of those set aside. A share that can't be calculated any more, because its rows are what is broken, is what the
last close knew less what all others had.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import insert, text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from ledger.money import round_half_up
from loans.errors import is_of_one_loan
from loans.exact_interest import NOTHING, Group, Units, arrays, group_of, run_up
from loans.quarantine.queries import SetAside
from loans.quarantine.tables import quarantine_figure
from loans.queries import Key
from loans.terms import interest_fen
from loans.terms.daycount import COMMON_YEAR

Figures = dict[Group, Units]
Answer = TypeVar("Answer")

MOST_ALONE = 100
"""So many loans of a night have their shares calculated one by one."""

EXEMPT = (
    "EXISTS (SELECT FROM loans.quarantine q WHERE q.book_id = {0}.book_id AND q.loan_id = {0}.loan_id "
    "AND (q.known_to_seq IS NULL OR q.known_to_seq > r.seq))"
)
"""Whether a row's loan is set aside, or was released since a sequence `r.seq`: the facts since then do not explain it."""

_SINCE = "loans.quarantine q JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS r (book_id, seq) USING (book_id)"
_ALONE = "s.book_id = :alone_book AND s.loan_id = :alone_loan"
_LISTED = "({0}) IN (SELECT * FROM unnest(CAST(:key_books AS bigint[]), CAST(:key_loans AS bigint[])))"

_MOVED = f"""
SELECT * FROM (
    SELECT q.book_id, q.loan_id, q.known_from_seq, q.known_to_seq IS NULL AS live, q.known_from_seq > r.seq AS fresh,
           row_number() OVER (PARTITION BY q.book_id ORDER BY q.loan_id, q.known_from_seq) AS number, count(*) OVER () AS loans
      FROM {_SINCE} WHERE q.known_to_seq > r.seq OR q.known_to_seq IS NULL AND q.known_from_seq > r.seq
) AS moved WHERE NOT live OR number <= {MOST_ALONE} ORDER BY book_id, loan_id, known_from_seq
"""
"""Loans set aside, or released, since the last close; of very many that are tried out, the first of each book."""

_HELD = f"""
SELECT f.book_id, f.product, f.county, f.kind, f.state, sum(f.whole_units) AS whole, sum(f.gov_units) AS gov
  FROM {_SINCE} JOIN loans.quarantine_figure f USING (book_id, loan_id, known_from_seq)
 WHERE q.known_from_seq <= r.seq AND (q.known_to_seq IS NULL {{or_released}})
 GROUP BY f.book_id, f.product, f.county, f.kind, f.state
"""
_OR_RELEASED = "OR q.known_to_seq > r.seq"

_CHARGED = f"""
SELECT c.book_id, c.product, c.county, c.kind, c.state,
       sum(sign * c.whole_units * (1603080 / loans.year_ticks(c.day_count))) AS whole,
       sum(sign * c.gov_units * (1603080 / loans.year_ticks(c.day_count))) AS gov
  FROM {_SINCE} JOIN loans.charge c USING (book_id, loan_id)
 CROSS JOIN LATERAL (SELECT CASE WHEN c.known_to_seq IS NULL THEN 1 ELSE -1 END AS sign) AS x
 WHERE q.known_to_seq IS NULL AND c.whole_units > 0 AND {_LISTED.format("c.book_id, c.loan_id")}
   AND (c.known_from_seq > r.seq AND c.known_to_seq IS NULL OR c.known_from_seq <= r.seq AND c.known_to_seq > r.seq)
 GROUP BY c.book_id, c.product, c.county, c.kind, c.state
"""
"""What was charged to some loans since the last close."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What quarantine does to a night: the last close's figures of the sound loans, and what is frozen of the others."""

    then: Figures
    figures: Figures = field(default_factory=dict)
    loans: int = 0
    touched: bool = False  # a loan is set aside, or was released since the last close


def at_close(session: Session, closing: date, seqs: Mapping[int, int], then: Figures) -> Frozen:
    """Return what the sound loans had at the last close, and what is frozen of those set aside; new shares are kept.

    Args:
        session: holds the books.
        closing: the day that is closed; the last close was of its eve.
        seqs: what each book knew at the last close.
        then: the exact figures of then, of all loans.
    """
    loans = session.scalar(text("SELECT count(*) FROM loans.quarantine WHERE known_to_seq IS NULL")) or 0
    moved = session.execute(text(_MOVED), arrays(seqs)).all()
    if not loans and not moved:
        return Frozen(then)
    sound, kept = _less(then, frozen(session, seqs)), _figures(session, _HELD.format(or_released=""), arrays(seqs))
    if any(row.fresh for row in moved):
        found, _ = run_up(session, closing - DAY, seqs, "NOT " + EXEMPT.format("s"))
        kept, sound = plus(kept, _freeze(session, closing - DAY, seqs, moved, _less(sound, found))), found
    live = {_key(row) for row in moved if row.live}
    returned = list({_key(row) for row in moved} - live)
    if returned:
        caught_up, _ = run_up(session, closing - DAY, None, _LISTED.format("s.book_id, s.loan_id"), **_keys(returned))
        sound = plus(sound, caught_up)
    return Frozen({group: units for group, units in sound.items() if units != NOTHING}, kept, loans, touched=True)


def frozen(session: Session, seqs: Mapping[int, int]) -> Figures:
    """Return what was frozen, as the books knew it at their sequences."""
    return _figures(session, _HELD.format(or_released=_OR_RELEASED), arrays(seqs))


def frozen_fen(session: Session, one: SetAside) -> int:
    """Return what is frozen of one loan, in fen; nothing before the night in which it was set aside has accrued."""
    units = session.scalar(
        text(
            "SELECT sum(whole_units) FROM loans.quarantine_figure WHERE (book_id, loan_id, known_from_seq) = (:book, :loan, :seq)"
        ),
        {"book": one.key[0], "loan": one.key[1], "seq": one.known_from_seq},
    )
    return round_half_up(interest_fen(int(units or 0), COMMON_YEAR))


def _freeze(session: Session, eve: date, seqs: Mapping[int, int], moved: Sequence[Row[Any]], shares: Figures) -> Figures:
    """Keep the figures of loans newly set aside, and return their sum.

    Each has its own, as known now, as far as it can be calculated; of the others the first of each book takes what is left
    of the shares, less what was charged since.
    """
    made: dict[Key, Figures] = {}
    few = moved[0].loans <= MOST_ALONE
    for row in moved if few else ():
        alone = _alone(session, eve, seqs, _key(row)) if row.fresh else None
        if alone is not None:
            made[_key(row)] = alone[0]
            shares = _less(shares, alone[1])
    fresh = {_key(row): row.known_from_seq for row in moved if row.live}
    others = [key for key in fresh if key not in made]
    if others:
        shares = _less(shares, _attempted(session, lambda: _figures(session, _CHARGED, {**arrays(seqs), **_keys(others)})) or {})
    for book_id in {key[0] for key in others}:
        first = min(key for key in others if key[0] == book_id)
        made[first] = {group: units for group, units in shares.items() if group.book_id == book_id}
    rows = [
        {
            **group._asdict(), "loan_id": key[1], "known_from_seq": fresh[key],
            "whole_units": units.whole, "gov_units": units.gov,
        }
        for key in fresh.keys() & made.keys()
        for group, units in made[key].items()
    ]  # fmt: skip
    if rows:
        session.execute(insert(quarantine_figure).inline(), rows)
    total: Figures = {}
    for key in fresh.keys() & made.keys():
        total = plus(total, made[key])
    return total


def _alone(session: Session, eve: date, seqs: Mapping[int, int], key: Key) -> tuple[Figures, Figures] | None:
    """Return what one loan had run up at the eve, as known now and as known at the last close; None if that can't be said."""
    only = {"alone_book": key[0], "alone_loan": key[1]}
    return _attempted(
        session, lambda: (run_up(session, eve, None, _ALONE, **only)[0], run_up(session, eve, seqs, _ALONE, **only)[0])
    )


def _attempted(session: Session, calculate: Callable[[], Answer]) -> Answer | None:
    """Return what is calculated, or None if the loan's data break it."""
    try:
        with session.begin_nested():
            return calculate()
    except Exception as error:
        if not is_of_one_loan(error):
            raise
        return None


def _figures(session: Session, sql: str, values: Mapping[str, object]) -> Figures:
    return {group_of(row): Units(int(row.whole), int(row.gov)) for row in session.execute(text(sql), values)}


def _key(row: Row[Any]) -> Key:
    return row.book_id, row.loan_id


def _keys(keys: Sequence[Key]) -> dict[str, list[int]]:
    return {"key_books": [key[0] for key in keys], "key_loans": [key[1] for key in keys]}


def plus(some: Figures, more: Figures, sign: int = 1) -> Figures:
    """Return the sum of figures (or difference), group by group."""
    return {key: some.get(key, NOTHING).plus(more.get(key, NOTHING), sign) for key in some.keys() | more.keys()} if more else some


def _less(some: Figures, other: Figures) -> Figures:
    return plus(some, other, -1)
