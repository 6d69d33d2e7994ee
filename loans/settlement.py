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
from loans.tables import horizon
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

_CHARGE = f"""
WITH due AS ({_DUE}), counted AS (
    SELECT s.book_id, s.loan_id, s.kind, s.day_count, s.anchor, s.product, s.county, s.state, s.base_fen, s.rate_ppb, s.gov_ppb,
           greatest(s.start_date, x.until_date, CASE WHEN NOT s.own_dates THEN CAST(:since AS date) END) AS first_day,
           least(s.end_date, u.until_date) AS last_end, u.until_date, u.regular
      FROM loans.stream s
      LEFT JOIN due d
        ON d.book_id = s.book_id AND d.loan_id = s.loan_id AND s.kind = 'contract' AND (d.charges OR NOT s.own_dates)
      LEFT JOIN loans.charged_until x
        ON x.book_id = s.book_id AND x.loan_id = s.loan_id AND x.kind = s.kind AND x.known_to_seq IS NULL
     CROSS JOIN LATERAL (
        SELECT {{everyone}} AND NOT s.own_dates AS regular,
               CASE WHEN {{everyone}} AND NOT s.own_dates THEN CAST(:until AS date) ELSE d.until_date END AS until_date
     ) AS u
     WHERE s.known_to_seq IS NULL AND ({{everyone}} AND NOT s.own_dates OR d.loan_id IS NOT NULL) AND s.start_date < u.until_date
       AND (s.own_dates OR s.end_date IS NULL OR s.end_date > :since) AND {sound("s")}
), dated AS (
    SELECT *, CASE WHEN day_count IN ('act/360', 'act/365') THEN last_end - first_day
                   ELSE loans.ticks(day_count, anchor, first_day, last_end) END AS ticks,
           1000000000 * loans.year_ticks(day_count)::numeric AS fen_units
      FROM counted WHERE last_end > first_day AND base_fen > 0 AND rate_ppb > 0
), charged AS (
    INSERT INTO loans.charge (book_id, loan_id, kind, start_date, end_date, due_date, whole_fen, gov_fen, whole_units,
                              gov_units, paid_fen, day_count, product, county, state, known_from_seq)
    SELECT c.book_id, c.loan_id, c.kind, min(first_day), until_date, :until,
           round(sum(base_fen::numeric * rate_ppb * ticks) / fen_units),
           round(sum(base_fen::numeric * gov_ppb * ticks) / fen_units),
           sum(base_fen::numeric * rate_ppb * ticks),
           sum(base_fen::numeric * gov_ppb * ticks),
           0, day_count, product, county, state, q.seq
      FROM dated c JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS q (book_id, seq) USING (book_id)
     GROUP BY c.book_id, c.loan_id, c.kind, until_date, day_count, fen_units, product, county, state, q.seq
    HAVING sum(ticks) > 0
     ORDER BY c.book_id, c.loan_id, c.kind
    RETURNING book_id, loan_id, kind, end_date, day_count, product, county, state, whole_fen, gov_fen, whole_units, gov_units
), grouped AS (
    SELECT book_id, kind, day_count, product, county, state, count(*) AS charges, sum(whole_fen)::bigint AS whole_fen,
           sum(gov_fen)::bigint AS gov_fen, sum(whole_units) AS whole_units, sum(gov_units) AS gov_units
      FROM charged GROUP BY book_id, kind, day_count, product, county, state
), irregular AS (
    SELECT c.book_id, c.loan_id, c.kind, c.end_date, q.seq
      FROM charged c JOIN (SELECT DISTINCT book_id, loan_id, kind FROM dated WHERE NOT regular) d USING (book_id, loan_id, kind)
      JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS q (book_id, seq) USING (book_id)
), excepted AS (
    UPDATE loans.charged_until x SET known_to_seq = c.seq
      FROM irregular c
     WHERE x.book_id = c.book_id AND x.loan_id = c.loan_id AND x.kind = c.kind AND x.known_to_seq IS NULL
    RETURNING x.id
), exceptions AS (
    INSERT INTO loans.charged_until (book_id, loan_id, kind, until_date, known_from_seq)
    SELECT book_id, loan_id, kind, end_date, seq FROM irregular WHERE (SELECT count(*) FROM excepted) >= 0
)
SELECT * FROM grouped ORDER BY book_id, product, county, kind, state
"""


def settle(session: Session, closing: date) -> Settled:
    """Charge, at the close of a day, what falls due the next day, and post it per book, product, county, payer and kind."""
    until, everyone = closing + DAY, is_settlement_day(closing)
    falling = falling_due_on(until)
    values = {"until": until, "codes": [code for code, _ in falling], "dates": [nominal for _, nominal in falling]}
    session.execute(update(horizon).values(charged_through=closing))
    forget(session, HORIZON)
    if everyone or session.scalar(text(f"SELECT EXISTS (SELECT {FALLING})"), {name: values[name] for name in ("codes", "dates")}):
        return _charge(session, closing, values, everyone=everyone)
    return Settled(0, 0)


def _charge(session: Session, closing: date, values: dict[str, object], *, everyone: bool) -> Settled:
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    seqs = take_sequence(session, dict.fromkeys(mine, 1))
    since = last_settlement_before(closing) + DAY
    rows = session.execute(
        text(_CHARGE.format(everyone=everyone)),
        {**values, "since": since, "books": list(seqs), "seqs": list(seqs.values())},
    ).all()
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
