"""Settlement (结息) in the night: charges for every stream that falls due tomorrow, one set-based statement.

On a settlement day that is every loan; on another day, the loans whose principal falls due tomorrow (利随本清). It is
`Replay._charge` said in SQL; the tie of stored and replayed charges guards that they stay the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from ledger.calendar import DAY
from ledger.db import forget
from ledger.journal import Dimensions, JournalEntry, Posting, merged
from ledger.money import round_half_up
from ledger.posting import post_many, take_sequence
from loans import entries
from loans.movements import InterestCharged, State
from loans.quarantine.queries import sound
from loans.queries import HORIZON
from loans.tables import charge, horizon
from loans.terms import DayCount, StreamKind, interest_fen, is_settlement_day, last_settlement_before
from loans.terms.rolling import falling_due_on


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement did: charges made, and their sum in fen."""

    charges: int
    fen: int


FALLING = """
  FROM unnest(CAST(:codes AS text[]), CAST(:dates AS date[])) AS f (rolling, nominal_date)
 CROSS JOIN LATERAL (
    SELECT * FROM loans.instalment t
     WHERE t.nominal_date = f.nominal_date AND t.rolling = f.rolling
       AND t.known_to_seq IS NULL AND (t.charges OR NOT t.overdue AND t.paid_fen <> t.principal_fen) OFFSET 0
 ) AS i
"""
"""The instalments that fall due, date by date along their index, however many others there are."""

_DUE = f"""
SELECT i.book_id, i.loan_id, bool_or(i.charges) AS charges,
       max(CASE WHEN i.counts_nominal THEN i.nominal_date ELSE :until END) AS until_date
  {FALLING}
 GROUP BY i.book_id, i.loan_id
"""

_COLUMNS = ", ".join(column.name for column in charge.columns if column.name not in ("id", "known_to_seq"))
_SEQS = "unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS q (book_id, seq)"
_CHARGED_UNTIL = "ON x.book_id = s.book_id AND x.loan_id = s.loan_id AND x.kind = s.kind AND x.known_to_seq IS NULL"
_TICKS = """
CASE WHEN s.day_count IN ('act/360', 'act/365') THEN last_end - first_day
     ELSE loans.ticks(s.day_count, s.anchor, first_day, last_end) END AS ticks
"""


def _insert(parts: str) -> str:
    """Return the SQL that writes charges: exact units are rounded here, once; of the whole, the borrower's is the rest."""
    return f"""
    INSERT INTO loans.charge ({_COLUMNS})
    SELECT book_id, loan_id, kind, first_day, until_date, :until, round(whole_units / fen_units), round(gov_units / fen_units),
           whole_units, gov_units, 0, day_count, product, county, state, seq
      FROM ({parts}) AS parts
     CROSS JOIN LATERAL (SELECT 1000000000 * loans.year_ticks(day_count)::numeric AS fen_units) AS year
    """


_DATED = f"""
SELECT s.*, {_TICKS}
  FROM (
    SELECT s.*, q.seq, CAST(:until AS date) AS until_date, least(s.end_date, CAST(:until AS date)) AS last_end,
           greatest(s.start_date, x.until_date, CAST(:since AS date)) AS first_day,
           s.start_date <= greatest(x.until_date, CAST(:since AS date)) AND (s.end_date IS NULL OR s.end_date >= :until) AS alone
      FROM loans.stream s JOIN {_SEQS} USING (book_id)
      LEFT JOIN loans.charged_until x {_CHARGED_UNTIL} AND x.until_date > :since
     WHERE s.known_to_seq IS NULL AND NOT s.own_dates AND coalesce(s.end_date, 'infinity') > :since AND s.start_date < :until
       AND s.base_fen > 0 AND s.rate_ppb > 0 AND {sound("s")} AND {{which}}
  ) AS s
 WHERE last_end > first_day
"""
_WHOLE, _GOV = "base_fen::numeric * ticks * rate_ppb", "base_fen::numeric * ticks * gov_ppb"
_SUMMED = f"""
SELECT book_id, loan_id, kind, min(first_day) AS first_day, until_date, sum({_WHOLE}) AS whole_units, sum({_GOV}) AS gov_units,
       day_count, product, county, state, seq
"""
_GROUPED = "GROUP BY book_id, loan_id, kind, until_date, day_count, product, county, state, seq HAVING sum(ticks) > 0"

_EVERYBODY = _insert(f"""
    SELECT book_id, loan_id, kind, first_day, until_date, {_WHOLE} AS whole_units, {_GOV} AS gov_units, day_count, product,
           county, state, seq
      FROM ({_DATED.format(which="(s.end_date IS NULL OR s.end_date >= :until)")}) AS dated WHERE alone
     UNION ALL
    {_SUMMED} FROM ({_DATED.format(which="(s.start_date > :since OR s.end_date < :until)")}) AS dated WHERE NOT alone {_GROUPED}
""")
"""Everybody's charges: a stream that runs through all uncharged days is one of its own, others are added up by loan."""

_DUE_PARTS = f"""
{_SUMMED}
  FROM (
    SELECT s.*, {_TICKS}
      FROM (
        SELECT s.*, q.seq, d.until_date, least(s.end_date, d.until_date) AS last_end,
               greatest(s.start_date, x.until_date, CASE WHEN NOT s.own_dates THEN CAST(:since AS date) END) AS first_day
          FROM due d JOIN loans.stream s ON s.book_id = d.book_id AND s.loan_id = d.loan_id AND s.known_to_seq IS NULL
          JOIN {_SEQS} ON q.book_id = d.book_id
          LEFT JOIN loans.charged_until x {_CHARGED_UNTIL}
         WHERE s.kind = 'contract' AND (d.charges OR NOT s.own_dates) AND (s.own_dates OR NOT :everyone)
           AND s.start_date < d.until_date AND s.base_fen > 0 AND s.rate_ppb > 0 AND {sound("s")}
      ) AS s
     WHERE last_end > first_day
  ) AS dated {_GROUPED}
"""

_DUES = f"""
WITH due AS ({_DUE}), charged AS (
    {_insert(_DUE_PARTS)}
    RETURNING book_id, loan_id, kind, end_date, known_from_seq
), excepted AS (
    UPDATE loans.charged_until x SET known_to_seq = c.known_from_seq FROM charged c
     WHERE x.book_id = c.book_id AND x.loan_id = c.loan_id AND x.kind = c.kind AND x.known_to_seq IS NULL
    RETURNING x.id
)
INSERT INTO loans.charged_until (book_id, loan_id, kind, until_date, known_from_seq)
SELECT book_id, loan_id, kind, end_date, known_from_seq FROM charged WHERE (SELECT count(*) FROM excepted) >= 0
"""
"""Charges of contracts with which something falls due tomorrow, and until when they are charged, out of everybody's turn."""

_MADE = f"""
SELECT c.book_id, c.kind, c.day_count, c.product, c.county, c.state, count(*) AS charges, sum(c.whole_fen)::bigint AS whole_fen,
       sum(c.gov_fen)::bigint AS gov_fen, sum(c.whole_units) AS whole_units, sum(c.gov_units) AS gov_units
  FROM {_SEQS} JOIN loans.charge c ON c.book_id = q.book_id AND c.known_from_seq = q.seq
 GROUP BY c.book_id, c.kind, c.day_count, c.product, c.county, c.state
 ORDER BY c.book_id, c.product, c.county, c.kind, c.state
"""


def settle(session: Session, closing: date) -> Settled:
    """Charge, at the close of a day, what falls due the next day, and post it per book, product, county, payer and kind."""
    session.execute(update(horizon).values(charged_through=closing))
    forget(session, HORIZON)
    if not charges(session, closing):
        return Settled(0, 0)
    return _charge(session, closing, {"until": closing + DAY, **_falling(closing)}, everyone=is_settlement_day(closing))


def charges(session: Session, closing: date) -> bool:
    """Tell whether the close of a day would charge anything."""
    return is_settlement_day(closing) or bool(session.scalar(text(f"SELECT EXISTS (SELECT {FALLING})"), _falling(closing)))


def _falling(closing: date) -> dict[str, object]:
    """Return what falls due the next day, as FALLING takes it."""
    falling = falling_due_on(closing + DAY)
    return {"codes": [code for code, _ in falling], "dates": [nominal for _, nominal in falling]}


def _charge(session: Session, closing: date, values: dict[str, object], *, everyone: bool) -> Settled:
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    seqs = take_sequence(session, dict.fromkeys(mine, 1))
    run = {"books": list(seqs), "seqs": list(seqs.values())}
    dated = {"since": last_settlement_before(closing) + DAY, "until": closing + DAY, **run}
    if everyone:
        session.execute(text(_EVERYBODY), dated)
    session.execute(text(_DUES), {**values, **dated, "everyone": everyone})
    rows = session.execute(text(_MADE), run).all()
    lines: dict[int, list[Posting]] = {}
    adjustments: dict[int, list[Posting]] = {}
    for row in rows:
        kind, state = StreamKind(row.kind), State(row.state)
        group = Dimensions(county=row.county, product=row.product)
        charged = InterestCharged(value_date=closing, kind=kind, whole_fen=row.whole_fen, gov_fen=row.gov_fen, state=state)
        lines.setdefault(row.book_id, []).extend(entries.postings(charged, group))
        adjustments.setdefault(row.book_id, []).extend(_rounding(row, kind, state, group))
    post_many(
        session,
        [
            *_vouchers(mine, lines, closing, "charged", "结息"),
            *_vouchers(mine, adjustments, closing, "rounded", "结息四舍五入差额"),
        ],
    )
    return Settled(sum(row.charges for row in rows), sum(row.whole_fen for row in rows))


def _rounding(row: Row[Any], kind: StreamKind, state: State, group: Dimensions) -> tuple[Posting, ...]:
    """Return Σ rounded − Σ exact of a charge run per payer, to the fen (accounting.md)."""
    lines: tuple[Posting, ...] = ()
    whole_units, gov_units, year = int(row.whole_units), int(row.gov_units), DayCount(row.day_count).year
    government = row.gov_fen - round_half_up(interest_fen(gov_units, year))
    borrower = row.whole_fen - row.gov_fen - round_half_up(interest_fen(whole_units - gov_units, year))
    if government:
        lines += entries.accrued(kind, entries.GOVERNMENT, government, group)
    if borrower and state is State.ACCRUING:
        lines += entries.accrued(kind, entries.BORROWER, borrower, group)
    return lines


def _vouchers(
    mine: Mapping[int, Book], lines: Mapping[int, list[Posting]], closing: date, step: str, narration: str
) -> list[JournalEntry]:
    """Return one voucher per book of a step's postings, for the books that have any."""
    return [
        JournalEntry(
            book=mine[book_id].code,
            reference=f"night/{step}/{closing}",
            kind=f"loans.{step}",
            value_date=closing,
            narration=f"{closing:%Y-%m-%d} {narration}",
            postings=postings,
            event=f"night/{closing}",
        )
        for book_id, found in sorted(lines.items())
        if (postings := merged(found))
    ]
