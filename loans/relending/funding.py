"""Funding (对应贷款): what the books know, at a close, of the loans that draws fund or may fund.

A loan may be funded up to its principal while it is not written off and its rate is no higher than the cap (domain.md 2).
What was known at a close is what its night accrued on, book by book: later events wait for the next night.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from loans.relending.allocation import Fundable
from loans.relending.draw import Draw
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
    look_on: date | None = None


_CLOSE = "unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS r (book_id, seq)"

_RATED = """
LEFT JOIN LATERAL (
    SELECT known_rates.rate_ppb FROM (
        SELECT t.start_date, t.rate_ppb FROM loans.stream t
         WHERE t.book_id = {of}.book_id AND t.loan_id = {of}.loan_id AND t.known_to_seq IS NULL AND t.known_from_seq <= r.seq
           AND t.kind = 'contract' AND t.start_date <= :closing
         UNION ALL
        SELECT t.start_date, t.rate_ppb FROM loans.stream t
         WHERE t.book_id = {of}.book_id AND t.loan_id = {of}.loan_id AND t.known_to_seq > r.seq AND t.known_from_seq <= r.seq
           AND t.kind = 'contract' AND t.start_date <= :closing
    ) AS known_rates ORDER BY start_date DESC, rate_ppb DESC LIMIT 1
) AS rated ON true
"""
"""The rate that a loan bears on the closing day, or bore last if its term is over."""

_NEXT = """
LEFT JOIN LATERAL (
    SELECT min(t.start_date) AS look_on FROM loans.stream t
     WHERE t.book_id = {of}.book_id AND t.loan_id = {of}.loan_id AND t.known_to_seq IS NULL AND t.kind = 'contract'
       AND t.start_date > :closing
) AS coming ON true
"""
"""The next day on which its rate changes by contract."""

_NOW = "a.end_date IS NULL"
_THEN = "a.start_date <= :closing AND (a.end_date IS NULL OR a.end_date > :closing)"
_FUNDABLE = "CASE WHEN k.state <> 'written_off' AND rated.rate_ppb <= :cap THEN k.principal_fen ELSE 0 END"

_USED = f"""
SELECT u.book_id, u.loan_id, u.fen AS used_fen, {_FUNDABLE} AS fen, coalesce(rated.rate_ppb, 0) AS rate_ppb,
       l.household IS NOT NULL AS of_household, coming.look_on
  FROM {_CLOSE}
  JOIN (SELECT a.book_id, a.loan_id, sum(a.fen)::bigint AS fen, min(a.rate_ppb) AS lowest, max(a.rate_ppb) AS highest,
               min(a.look_on) AS look_on
          FROM loans.draw_allocation a WHERE a.book_id = ANY(:books) AND {{live}} {{looked}} GROUP BY a.book_id, a.loan_id
       ) AS u USING (book_id)
  LEFT JOIN LATERAL (
    SELECT s.principal_fen, s.state FROM loans.standing s
     WHERE s.book_id = u.book_id AND s.loan_id = u.loan_id AND s.known_to_seq IS NULL AND s.known_from_seq <= r.seq
     UNION ALL
    SELECT s.principal_fen, s.state FROM loans.standing s
     WHERE s.book_id = u.book_id AND s.loan_id = u.loan_id AND s.known_to_seq > r.seq AND s.known_from_seq <= r.seq
  ) AS k ON true
  {_RATED.format(of="u")} {_NEXT.format(of="u")}
  JOIN loans.loan l ON l.book_id = u.book_id AND l.id = u.loan_id
 WHERE {{which}}
"""
"""Loans of which something is allocated, looked up one by one: as many as draws fund, whatever else the book holds."""

_LOOKED = """
AND (a.book_id, a.loan_id) IN (
    SELECT c.book_id, s.loan_id FROM unnest(CAST(:books AS bigint[]), CAST(:since AS bigint[])) AS c (book_id, seq)
     CROSS JOIN LATERAL (SELECT x.loan_id FROM loans.standing x
                          WHERE x.book_id = c.book_id AND x.known_from_seq > c.seq ORDER BY x.known_from_seq OFFSET 0) AS s
     UNION
    SELECT c.book_id, t.loan_id FROM unnest(CAST(:books AS bigint[]), CAST(:since AS bigint[])) AS c (book_id, seq)
     CROSS JOIN LATERAL (SELECT x.loan_id FROM loans.stream x
                          WHERE x.book_id = c.book_id AND x.known_from_seq > c.seq ORDER BY x.known_from_seq OFFSET 0) AS t
     UNION
    SELECT d.book_id, d.loan_id FROM loans.draw_allocation d WHERE d.end_date IS NULL AND d.look_on <= :closing
     UNION
    SELECT d.book_id, d.loan_id FROM loans.draw_allocation d
      JOIN unnest(CAST(:over_books AS bigint[]), CAST(:over_numbers AS text[])) AS o (book_id, number) USING (book_id, number)
     WHERE d.end_date IS NULL)
"""
"""Loans of which something became known since the last close, whose rate changes by contract, or whose draw has too much."""

_TROUBLED = f"""
       u.fen > {_FUNDABLE} OR u.lowest <> rated.rate_ppb OR u.highest <> rated.rate_ppb
    OR coming.look_on IS DISTINCT FROM u.look_on
    OR EXISTS (SELECT FROM loans.draw_allocation a JOIN unnest(CAST(:over_books AS bigint[]), CAST(:over_numbers AS text[]))
                      AS o (book_id, number) USING (book_id, number)
                WHERE a.book_id = u.book_id AND a.loan_id = u.loan_id AND a.end_date IS NULL)
"""
_SPARE = f"u.fen < {_FUNDABLE} AND u.book_id = ANY(:short)"

_UNUSED = f"""
WITH free AS (
    SELECT k.book_id, k.loan_id, k.principal_fen AS fen, rated.rate_ppb, l.household IS NOT NULL AS of_household,
           sum(k.principal_fen) OVER (PARTITION BY k.book_id ORDER BY l.household IS NULL, k.loan_id) - k.principal_fen AS before
      FROM {_CLOSE}
      JOIN LATERAL (
        SELECT s.book_id, s.loan_id, s.principal_fen, s.state FROM loans.standing s
         WHERE s.book_id = r.book_id AND s.known_to_seq IS NULL AND s.known_from_seq <= r.seq
         UNION ALL
        SELECT s.book_id, s.loan_id, s.principal_fen, s.state FROM loans.standing s
         WHERE s.book_id = r.book_id AND s.known_to_seq > r.seq AND s.known_from_seq <= r.seq
      ) AS k ON k.principal_fen > 0 AND k.state <> 'written_off'
      JOIN loans.loan l ON l.book_id = k.book_id AND l.id = k.loan_id
      {_RATED.format(of="k")}
     WHERE r.book_id = ANY(:want_books) AND rated.rate_ppb <= :cap
       AND NOT EXISTS (SELECT FROM loans.draw_allocation a WHERE a.book_id = k.book_id AND a.loan_id = k.loan_id AND {_NOW})
)
SELECT f.book_id, f.loan_id, f.fen, f.rate_ppb, f.of_household, coming.look_on
  FROM free f JOIN unnest(CAST(:want_books AS bigint[]), CAST(:want_fen AS bigint[])) AS w (book_id, fen) USING (book_id)
  {_NEXT.format(of="f")}
 WHERE f.before < w.fen
"""
"""Loans of which nothing is allocated, the first in order up to what is wanted."""

_COLUMNS = "a.book_id, a.id, a.number, a.loan_id, a.fen, a.rate_ppb, a.start_date, a.end_date, a.look_on"
_ROWS = f"SELECT {_COLUMNS} FROM loans.draw_allocation a"
_KEYS = "JOIN unnest(CAST(:books AS bigint[]), CAST(:keys AS {kind}[])) AS k (book_id, {name}) USING (book_id, {name})"


def allocated(session: Session, books: Collection[int], day: date) -> list[Row]:
    """Return the allocations of books that held at the close of a day."""
    found = session.execute(
        text(f"{_ROWS} WHERE a.book_id = ANY(:books) AND {_THEN} ORDER BY a.book_id, a.number, a.loan_id"),
        {"books": list(books), "closing": day},
    )
    return [Row(*row) for row in found]


def allocated_of(session: Session, loans: Collection[tuple[int, int]]) -> list[Row]:
    """Return the allocations that hold now of loans, named by (book id, loan id)."""
    if not loans:
        return []
    book_ids, ids = zip(*loans, strict=True)
    keys = _KEYS.format(kind="bigint", name="loan_id")
    found = session.execute(text(f"{_ROWS} {keys} WHERE {_NOW}"), {"books": list(book_ids), "keys": list(ids)})
    return [Row(*row) for row in found]


def history(session: Session, of: Collection[Draw], day: date) -> dict[tuple[int, str], list[Row]]:
    """Return all that was ever allocated to draws up to the close of a day, by (book id, number).

    A number may have been another draw's that was undone: what was allocated before a draw came into the books is not its own.
    """
    if not of:
        return {}
    reported = {one.key: one.reported_on or one.drawn_on for one in of}
    book_ids, numbers = zip(*reported, strict=True)
    keys = _KEYS.format(kind="text", name="number")
    values = {"books": list(book_ids), "keys": list(numbers), "closing": day}
    rows: dict[tuple[int, str], list[Row]] = {}
    for found in session.execute(text(f"{_ROWS} {keys} WHERE a.start_date <= :closing ORDER BY a.start_date, a.loan_id"), values):
        row = Row(*found)
        since = max(row.start, reported[(row.book_id, row.number)])
        if row.end is None or since < row.end:
            rows.setdefault((row.book_id, row.number), []).append(row._replace(start=since))
    return rows


def allocated_sums(session: Session, books: Collection[int], day: date | None = None) -> dict[tuple[int, str], int]:
    """Return what is allocated to each draw now, or was at the close of a day, in fen, by (book id, number)."""
    which = _NOW if day is None else _THEN
    sums = f"SELECT book_id, number, sum(fen)::bigint AS fen FROM loans.draw_allocation a WHERE book_id = ANY(:books) AND {which}"
    values = {"books": list(books), **({} if day is None else {"closing": day})}
    rows = session.execute(text(f"{sums} GROUP BY book_id, number"), values)
    return {(row.book_id, row.number): row.fen for row in rows}


def troubled(session: Session, at: Close, before: Close | None, over: list[tuple[int, str]]) -> dict[int, list[Fundable]]:
    """Return, by book, the funded loans whose allocations can't stay as they are.

    These have less left than is allocated of them, or another rate, or are under a draw that has too much. Only what changed
    since the close before is looked at; everything, if there was none or the cap was another.
    """
    known = before.seqs if before is not None and before.values["cap"] == at.values["cap"] else {}
    values = {
        **at.values, "since": [known.get(book_id, 0) for book_id in at.seqs], "over_books": [book_id for book_id, _ in over],
        "over_numbers": [number for _, number in over],
    }  # fmt: skip
    return _by_book(session, _USED.format(live=_NOW, looked=_LOOKED, which=_TROUBLED), values)


def spare(session: Session, at: Close, short: list[int]) -> dict[int, list[Fundable]]:
    """Return, for some books, the funded loans that could take more."""
    return _by_book(session, _USED.format(live=_NOW, looked="", which=_SPARE), {**at.values, "short": short}) if short else {}


def unused(session: Session, at: Close, wanted: Mapping[int, int]) -> dict[int, list[Fundable]]:
    """Return, by book, loans of which nothing is allocated, the first in order that make up so many fen."""
    if not wanted:
        return {}
    values = {**at.values, "want_books": list(wanted), "want_fen": list(wanted.values())}
    return _by_book(session, _UNUSED, values)


def overused(session: Session, at: Close) -> list[tuple[int, int, int, int]]:
    """Return (book id, loan id, fen allocated, fen that could be) of loans that had too much at a close, as known at it."""
    rows = session.execute(text(_USED.format(live=_THEN, looked="", which=f"u.fen > {_FUNDABLE}")), at.values)
    return [(row.book_id, row.loan_id, row.used_fen, row.fen) for row in rows]


def _by_book(session: Session, sql: str, values: Mapping[str, object]) -> dict[int, list[Fundable]]:
    found: dict[int, list[Fundable]] = {}
    for row in session.execute(text(sql), dict(values)):
        found.setdefault(row.book_id, []).append(Fundable(row.loan_id, row.fen, row.rate_ppb, row.of_household, row.look_on))
    return found
