"""Funding (对应贷款): what the books know, at a close, of the loans that draws fund or may fund.

A loan may be funded up to its principal while it is not written off and its rate is no higher than the cap (domain.md 2).
What was known at a close is what its night accrued on, book by book: later events wait for the next night.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from loans.relending.allocation import Fundable
from loans.relending.rules import rule_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """A close as books know it: the day, and each book's sequence when the day's night accrued."""

    day: date
    seqs: Mapping[int, int]

    @property
    def values(self) -> dict[str, object]:
        """What the queries below are told of it."""
        cap = rule_on(self.day).cap_ppb(self.day)
        return {"books": list(self.seqs), "seqs": list(self.seqs.values()), "closing": self.day, "cap": cap}


class Row(NamedTuple):
    """An allocation as stored, from the close of its first day up to that of the day on which it ends."""

    book_id: int
    id: int
    number: str
    loan_id: int
    fen: int
    rate_ppb: int
    start: date
    end: date | None


_KNOWN = """
WITH known AS (
    SELECT s.book_id, s.loan_id, s.principal_fen, s.state, r.seq
      FROM unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS r (book_id, seq)
      JOIN loans.standing s ON s.book_id = r.book_id AND s.known_to_seq IS NULL AND s.known_from_seq <= r.seq
     UNION ALL
    SELECT s.book_id, s.loan_id, s.principal_fen, s.state, r.seq
      FROM unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS r (book_id, seq)
      JOIN loans.standing s ON s.book_id = r.book_id AND s.known_to_seq > r.seq AND s.known_from_seq <= r.seq
), used AS (
    SELECT a.book_id, a.loan_id, sum(a.fen)::bigint AS fen, min(a.rate_ppb) AS lowest, max(a.rate_ppb) AS highest
      FROM loans.draw_allocation a WHERE a.book_id = ANY(:books) AND {live} GROUP BY a.book_id, a.loan_id
)
"""
"""Loans as known at the close, and what is allocated of them."""

_RATED = """
LEFT JOIN LATERAL (
    SELECT known_rates.rate_ppb FROM (
        SELECT t.start_date, t.rate_ppb FROM loans.stream t
         WHERE t.book_id = k.book_id AND t.loan_id = k.loan_id AND t.known_to_seq IS NULL AND t.known_from_seq <= k.seq
           AND t.kind = 'contract' AND t.start_date <= :closing
         UNION ALL
        SELECT t.start_date, t.rate_ppb FROM loans.stream t
         WHERE t.book_id = k.book_id AND t.loan_id = k.loan_id AND t.known_to_seq > k.seq AND t.known_from_seq <= k.seq
           AND t.kind = 'contract' AND t.start_date <= :closing
    ) AS known_rates ORDER BY start_date DESC, rate_ppb DESC LIMIT 1
) AS rated ON true
"""
"""The rate that a loan bears on the closing day, or bore last if its term is over."""

_NOW = "a.end_date IS NULL"
_THEN = "a.start_date <= :closing AND (a.end_date IS NULL OR a.end_date > :closing)"
_FUNDABLE = "CASE WHEN k.state <> 'written_off' AND rated.rate_ppb <= :cap THEN k.principal_fen ELSE 0 END"

_USED = f"""
{_KNOWN}
SELECT u.book_id, u.loan_id, u.fen AS used_fen, {_FUNDABLE} AS fen, coalesce(rated.rate_ppb, 0) AS rate_ppb,
       l.household IS NOT NULL AS of_household
  FROM used u JOIN known k USING (book_id, loan_id) {_RATED}
  JOIN loans.loan l ON l.book_id = u.book_id AND l.id = u.loan_id
 WHERE {{which}}
"""
_TROUBLED = f"""
       u.fen > {_FUNDABLE} OR u.lowest <> rated.rate_ppb OR u.highest <> rated.rate_ppb
    OR EXISTS (SELECT FROM loans.draw_allocation a JOIN unnest(CAST(:over_books AS bigint[]), CAST(:over_numbers AS text[]))
                      AS o (book_id, number) USING (book_id, number)
                WHERE a.book_id = u.book_id AND a.loan_id = u.loan_id AND a.end_date IS NULL)
"""
_SPARE = f"u.fen < {_FUNDABLE} AND u.book_id = ANY(:short)"

_UNUSED = f"""
{_KNOWN}, free AS (
    SELECT k.book_id, k.loan_id, k.principal_fen AS fen, rated.rate_ppb, l.household IS NOT NULL AS of_household,
           sum(k.principal_fen) OVER (PARTITION BY k.book_id ORDER BY l.household IS NULL, k.loan_id) - k.principal_fen AS before
      FROM known k JOIN loans.loan l ON l.book_id = k.book_id AND l.id = k.loan_id {_RATED}
     WHERE k.principal_fen > 0 AND k.state <> 'written_off' AND rated.rate_ppb <= :cap
       AND NOT EXISTS (SELECT FROM used u WHERE u.book_id = k.book_id AND u.loan_id = k.loan_id)
)
SELECT f.book_id, f.loan_id, f.fen, f.rate_ppb, f.of_household
  FROM free f JOIN unnest(CAST(:want_books AS bigint[]), CAST(:want_fen AS bigint[])) AS w (book_id, fen) USING (book_id)
 WHERE f.before < w.fen
"""


def allocated(session: Session, books: list[int], day: date | None = None) -> list[Row]:
    """Return the allocations of books that hold now, or those that held at the close of a day."""
    return [
        Row(*row)
        for row in session.execute(
            text(
                "SELECT book_id, id, number, loan_id, fen, rate_ppb, start_date, end_date FROM loans.draw_allocation a "
                f"WHERE book_id = ANY(:books) AND {_NOW if day is None else _THEN} ORDER BY book_id, number, loan_id"
            ),
            {"books": books, **({} if day is None else {"closing": day})},
        )
    ]


def allocated_sums(session: Session, books: list[int]) -> dict[tuple[int, str], int]:
    """Return what is allocated to each draw now, in fen, by (book id, number)."""
    sums = (
        "SELECT book_id, number, sum(fen)::bigint FROM loans.draw_allocation a WHERE book_id = ANY(:books) AND {} GROUP BY 1, 2"
    )
    rows = session.execute(text(sums.format(_NOW)), {"books": books})
    return {(book_id, number): fen for book_id, number, fen in rows}


def troubled(session: Session, at: Close, over: list[tuple[int, str]]) -> dict[int, list[Fundable]]:
    """Return, by book, the funded loans whose allocations can't stay as they are.

    These have less left than is allocated of them, or another rate, or are under a draw that has too much.
    """
    values = {**at.values, "over_books": [book_id for book_id, _ in over], "over_numbers": [number for _, number in over]}
    return _by_book(session, _USED.format(live=_NOW, which=_TROUBLED), values)


def spare(session: Session, at: Close, short: list[int]) -> dict[int, list[Fundable]]:
    """Return, for some books, the funded loans that could take more."""
    return _by_book(session, _USED.format(live=_NOW, which=_SPARE), {**at.values, "short": short}) if short else {}


def unused(session: Session, at: Close, wanted: Mapping[int, int]) -> dict[int, list[Fundable]]:
    """Return, by book, loans of which nothing is allocated, the first in order that make up so many fen."""
    if not wanted:
        return {}
    values = {**at.values, "want_books": list(wanted), "want_fen": list(wanted.values())}
    return _by_book(session, _UNUSED.format(live=_NOW), values)


def overused(session: Session, at: Close) -> list[tuple[int, int, int, int]]:
    """Return (book id, loan id, fen allocated, fen that could be) of loans that had too much at a close, as known at it."""
    rows = session.execute(text(_USED.format(live=_THEN, which=f"u.fen > {_FUNDABLE}")), at.values)
    return [(row.book_id, row.loan_id, row.used_fen, row.fen) for row in rows]


def _by_book(session: Session, sql: str, values: Mapping[str, object]) -> dict[int, list[Fundable]]:
    found: dict[int, list[Fundable]] = {}
    for row in session.execute(text(sql), dict(values)):
        found.setdefault(row.book_id, []).append(Fundable(row.loan_id, row.fen, row.rate_ppb, row.of_household))
    return found
