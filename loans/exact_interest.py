"""Exact interest (应计未结利息): what has run up on streams and is not yet charged, by group, as base × rate × ticks.

Every stream counts from everybody's last settlement; what of one was charged out of turn since then is taken off again, and
streams with dates of their own count from their own last charge. So an ordinary night reads the running streams once.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from loans.terms import last_settlement_before


class Group(NamedTuple):
    """What an accrual figure is kept by."""

    book_id: int
    product: str
    county: str
    kind: str
    state: str


class Units(NamedTuple):
    """Exact interest as base × rate × days: of the whole, and of government's part."""

    whole: int
    gov: int

    def plus(self, other: "Units", sign: int = 1) -> "Units":
        """Return the sum (or difference)."""
        return Units(self.whole + sign * other.whole, self.gov + sign * other.gov)


NOTHING = Units(0, 0)


def _part(source: str, which: str, first: str, last: str, sign: int, tonight: int) -> str:
    """Return the SQL of some streams' bases × ticks from a first to before a last day, and of bases × the ticks of tonight."""
    return f"""
SELECT s.book_id, s.product, s.county, s.kind, s.state, s.rate_ppb, s.gov_ppb, s.day_count,
       {sign} * sum(s.base_fen * CASE
           WHEN {last} <= {first} THEN 0
           WHEN s.day_count IN ('act/360', 'act/365') THEN {last} - {first}
           ELSE loans.ticks(s.day_count, s.anchor, {first}, {last}) END) AS base_ticks,
       {tonight} * sum(s.base_fen * CASE
           WHEN s.end_date < :until THEN 0
           WHEN s.day_count IN ('act/360', 'act/365') THEN 1
           ELSE loans.ticks(s.day_count, s.anchor, CAST(:until AS date) - 1, :until) END) AS base_tonight
  FROM {source}
 WHERE {{s}} AND s.start_date < :until AND {which} {{which}}
 GROUP BY s.book_id, s.product, s.county, s.kind, s.state, s.rate_ppb, s.gov_ppb, s.day_count"""


_REGULAR = "NOT s.own_dates AND coalesce(s.end_date, 'infinity') > least(CAST(:since AS date), CAST(:until AS date) - 1)"
_EXCEPTED = "loans.charged_until x ON x.book_id = s.book_id AND x.loan_id = s.loan_id AND x.kind = s.kind AND {x}"
_SETTLED, _END = "greatest(s.start_date, CAST(:since AS date))", "least(s.end_date, CAST(:until AS date))"
_PARTS = (
    _part("loans.stream s {seen}", _REGULAR, _SETTLED, _END, 1, 1),
    _part(
        f"loans.stream s {{seen}} JOIN {_EXCEPTED} AND x.until_date > :since",
        _REGULAR,
        _SETTLED,
        f"least({_END}, x.until_date)",
        -1,
        0,
    ),
    _part(
        f"loans.stream s {{seen}} LEFT JOIN {_EXCEPTED}", "s.own_dates {open}", "greatest(s.start_date, x.until_date)", _END, 1, 1
    ),
)
"""Streams since everybody's last settlement; less what of them was charged out of turn; streams with dates of their own."""

_LIVE = f"""
SELECT book_id, product, county, kind, state,
       sum(base_ticks * rate_ppb * (1603080 / loans.year_ticks(day_count))) AS whole,
       sum(base_ticks * gov_ppb * (1603080 / loans.year_ticks(day_count))) AS gov,
       sum(base_tonight * rate_ppb * (1603080 / loans.year_ticks(day_count))) AS whole_tonight,
       sum(base_tonight * gov_ppb * (1603080 / loans.year_ticks(day_count))) AS gov_tonight
  FROM ({" UNION ALL ".join(_PARTS)}) AS live
 GROUP BY book_id, product, county, kind, state
"""
"""Bases are added up rate by rate, as whole numbers, before they are multiplied."""

_OPEN = """
AND EXISTS (SELECT FROM loans.standing o
             WHERE o.book_id = s.book_id AND o.loan_id = s.loan_id AND o.known_to_seq IS NULL AND o.principal_fen > 0)
"""
"""A loan of which no principal is left has no contract interest that is not charged."""


def run_up(
    session: Session, closing: date, seqs: Mapping[int, int] | None = None, which: str | None = None, **values: object
) -> tuple[dict[Group, Units], dict[Group, Units]]:
    """Return the interest that is not charged at a close, and what of it is of the closing day; zeroes may be left out.

    Args:
        session: the session.
        closing: the day, included.
        seqs: as known at these sequences of the books; none: as known now.
        which: an SQL condition on streams `s`, and `r.seq` if sequences are given; none: of loans that are not set aside.
        values: of the condition.
    """
    since = last_settlement_before(closing + DAY) + DAY
    if which is None:
        which = _sound(session, seqs)
    sql = as_known(_LIVE, seqs, f"AND {which}" if which else "")
    rows = session.execute(text(sql), {"until": closing + DAY, "since": since, **arrays(seqs), **values}).all()
    whole = {group_of(row): Units(int(row.whole), int(row.gov)) for row in rows}
    return whole, {group_of(row): Units(int(row.whole_tonight), int(row.gov_tonight)) for row in rows}


def _sound(session: Session, seqs: Mapping[int, int] | None) -> str:
    """Return the condition that a stream's loan is not set aside, now or as known then; none if there never was such a loan."""
    if not session.scalar(text("SELECT EXISTS (SELECT FROM loans.quarantine)")):
        return ""
    then = "q.known_from_seq <= r.seq AND (q.known_to_seq IS NULL OR q.known_to_seq > r.seq)"
    known = "q.known_to_seq IS NULL" if seqs is None else then
    return f"NOT EXISTS (SELECT FROM loans.quarantine q WHERE q.book_id = s.book_id AND q.loan_id = s.loan_id AND {known})"


def as_known(sql: str, seqs: Mapping[int, int] | None, which: str = "") -> str:
    """Fill in what a query may know: what is known now, or what was at sequences of the books; and of which loans."""
    if seqs is None:
        return sql.format(seen="", open=_OPEN, which=which, **{name: f"{name}.known_to_seq IS NULL" for name in "sxc"})
    seen = "JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS r (book_id, seq) ON r.book_id = s.book_id"
    known = "{0}.known_from_seq <= r.seq AND ({0}.known_to_seq IS NULL OR {0}.known_to_seq > r.seq)"
    return sql.format(seen=seen, open="", which=which, **{name: known.format(name) for name in "sxc"})


def arrays(seqs: Mapping[int, int] | None) -> dict[str, list[int]]:
    """Return sequences as a query takes them, by book id."""
    return {} if seqs is None else {"books": list(seqs), "seqs": list(seqs.values())}


def group_of(row: Row[Any]) -> Group:
    """Return the group of a row of sums."""
    return Group(row.book_id, row.product, row.county, row.kind, row.state)
