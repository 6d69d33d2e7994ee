"""Mass ageing (批量逾期): plain loans fall overdue, or stop accruing, by statements over all of them instead of by replay.

It is `Running.age` said in SQL for loans whose contract was never changed, the great majority of a night on which a village
misses its day; the tie of stored and replayed rows guards that both stay the same. All others are replayed (`loans.ageing`).
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from ledger.journal import Dimensions
from loans import tables
from loans.events import CostAdvanced, Disbursed, Reclassified, Refunded, Repaid, TakenOver
from loans.movements import FellOverdue, Movement, State, StoppedAccruing, Unpaid
from loans.terms import last_settlement_before

PLAIN_EVENTS = tuple(event.kind for event in (Disbursed, TakenOver, Repaid, Refunded, CostAdvanced, Reclassified))
"""What may have happened to a plain loan: nothing that changes its contract, and nothing undone."""

PLAIN = """
NOT CAST(l.terms ->> 'flat' AS boolean)
AND NOT l.terms -> 'graces' @> '[{"kind": "interest_free"}]' AND NOT l.terms -> 'rates' @> '[{"rate_ppb": 0}]'
AND NOT EXISTS (SELECT FROM loans.instalment n
                 WHERE n.book_id = l.book_id AND n.loan_id = l.id AND n.known_to_seq IS NULL AND n.principal_fen < 0)
AND NOT EXISTS (SELECT FROM loans.event e WHERE e.book_id = l.book_id AND e.loan_id = l.id AND e.kind <> ALL(:plain_events))
"""
"""Whether a loan `l` ages by the statements here: it bears interest on every day, on what is owed, and none is added to it."""

Moved = tuple[int, Dimensions, Movement]
"""(book id, the loan's dimensions, what the close did to it)."""

_STREAM, _STANDING, _INSTALMENT = (
    ", ".join(column.name for column in table.columns if column.name not in ("id", "known_to_seq"))
    for table in (tables.stream, tables.standing, tables.instalment)
)

_KEYS = """
keys AS MATERIALIZED (
    SELECT l.book_id, l.id AS loan_id, k.seq, l.product, l.county, l.terms -> 'rates' AS rates,
           l.terms ->> 'compound_base' AS base, CAST(l.terms ->> 'drawn_on' AS date) AS drawn_on,
           CAST(l.terms ->> 'penalty_percent' AS bigint) AS percent,
           CASE WHEN l.terms ->> 'day_count' IN ('act/365', 'act/act') THEN l.terms ->> 'day_count' ELSE 'act/360' END AS counted
      FROM unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[]), CAST(:seqs AS bigint[])) AS k (book_id, id, seq)
      JOIN loans.loan l USING (book_id, id)
)"""

_FALL = f"""
WITH {_KEYS}, fallen AS (
    UPDATE loans.instalment i SET known_to_seq = k.seq
      FROM keys k, unnest(CAST(:codes AS text[]), CAST(:dates AS date[])) AS f (rolling, nominal_date)
     WHERE i.book_id = k.book_id AND i.loan_id = k.loan_id AND i.known_to_seq IS NULL
       AND i.rolling = f.rolling AND i.nominal_date = f.nominal_date AND NOT i.overdue AND i.paid_fen < i.principal_fen
    RETURNING i.*
), late AS (
    INSERT INTO loans.instalment ({_INSTALMENT})
    SELECT book_id, loan_id, number, nominal_date, rolling, counts_nominal, charges, principal_fen, paid_fen, true, known_to_seq
      FROM fallen
), sums AS (
    SELECT book_id, loan_id, sum(principal_fen - paid_fen) AS fen FROM fallen GROUP BY book_id, loan_id
), owed AS (
    SELECT k.book_id, k.loan_id, sum(c.whole_fen - c.gov_fen - c.paid_fen) AS fen
      FROM keys k JOIN loans.charge c ON c.book_id = k.book_id AND c.loan_id = k.loan_id AND c.known_to_seq IS NULL
     WHERE c.whole_fen - c.gov_fen - c.paid_fen > 0 AND c.due_date <= :closing AND (c.kind <> 'penalty' OR k.base = 'B')
     GROUP BY k.book_id, k.loan_id
), aged AS MATERIALIZED (
    SELECT s.*, k.seq, k.rates, k.drawn_on, k.counted, k.percent, coalesce(sums.fen, 0)::bigint AS fallen,
           coalesce(owed.fen, 0)::bigint AS interest
      FROM keys k JOIN loans.standing s ON s.book_id = k.book_id AND s.loan_id = k.loan_id AND s.known_to_seq IS NULL
      LEFT JOIN sums ON sums.book_id = k.book_id AND sums.loan_id = k.loan_id
      LEFT JOIN owed ON owed.book_id = k.book_id AND owed.loan_id = k.loan_id
), ended AS (
    UPDATE loans.standing s SET known_to_seq = a.seq FROM aged a
     WHERE (s.book_id, s.known_from_seq, s.id) = (a.book_id, a.known_from_seq, a.id) AND (a.fallen > 0 OR a.oldest_due IS NULL)
    RETURNING s.*, a.fallen
), stands AS (
    INSERT INTO loans.standing ({_STANDING})
    SELECT book_id, loan_id, product, county, principal_fen, overdue_fen + fallen, coalesce(oldest_due, :closing), state,
           cost_fen, excess_fen, given_up_fen, known_to_seq FROM ended
), ahead AS MATERIALIZED (
    SELECT s.*, a.seq, a.fallen
      FROM aged a JOIN loans.stream s ON s.book_id = a.book_id AND s.loan_id = a.loan_id AND s.known_to_seq IS NULL
     WHERE s.end_date IS NULL OR s.end_date > :closing
), compounded AS MATERIALIZED (
    SELECT a.*, s.base_fen
      FROM aged a LEFT JOIN ahead s
        ON s.book_id = a.book_id AND s.loan_id = a.loan_id AND s.kind = 'compound' AND s.end_date IS NULL
), renewed AS MATERIALIZED (
    SELECT book_id, loan_id, 'contract' AS kind FROM aged WHERE fallen > 0
     UNION ALL SELECT book_id, loan_id, 'penalty' FROM aged WHERE fallen > 0
     UNION ALL
    SELECT book_id, loan_id, 'compound' FROM compounded
     WHERE coalesce(base_fen, 0) <> interest
        OR interest > 0 AND percent <> 100 AND (principal_fen = overdue_fen + fallen) <> (principal_fen = overdue_fen)
), cut AS (
    UPDATE loans.stream s SET known_to_seq = a.seq
      FROM ahead a JOIN renewed USING (book_id, loan_id, kind)
     WHERE (s.book_id, s.known_from_seq, s.id) = (a.book_id, a.known_from_seq, a.id)
    RETURNING s.*
), late_runs AS (
    SELECT a.book_id, a.loan_id, 'penalty' AS kind, a.overdue_fen + a.fallen AS base_fen, a.percent, a.seq, a.rates, a.drawn_on,
           a.counted, a.product, a.county, a.state
      FROM aged a WHERE a.fallen > 0
     UNION ALL
    SELECT book_id, loan_id, kind, interest, CASE WHEN principal_fen = overdue_fen + fallen THEN percent ELSE 100 END, seq,
           rates, drawn_on, counted, product, county, state
      FROM compounded JOIN renewed USING (book_id, loan_id) WHERE kind = 'compound' AND interest > 0
), begun AS (
    INSERT INTO loans.stream ({_STREAM})
    SELECT book_id, loan_id, kind, base_fen, rate_ppb, gov_ppb, day_count, anchor, own_dates, start_date, CAST(:closing AS date),
           product, county, state, known_to_seq
      FROM cut WHERE start_date < :closing
     UNION ALL
    SELECT s.book_id, s.loan_id, s.kind, s.base_fen - a.fallen, s.rate_ppb, s.gov_ppb, s.day_count, s.anchor, s.own_dates,
           greatest(s.start_date, CAST(:closing AS date)), s.end_date, s.product, s.county, s.state, s.known_to_seq
      FROM cut s JOIN aged a USING (book_id, loan_id) WHERE s.kind = 'contract' AND s.base_fen > a.fallen
     UNION ALL
    SELECT r.book_id, r.loan_id, r.kind, r.base_fen, rate.rate_ppb * r.percent / 100, 0, r.counted,
           r.drawn_on, false, greatest(rate.start, CAST(:closing AS date)), rate.ends, r.product,
           r.county, r.state, r.seq
      FROM late_runs r CROSS JOIN LATERAL (
        SELECT x.start, lead(x.start) OVER (ORDER BY x.start) AS ends, x.rate_ppb
          FROM jsonb_to_recordset(r.rates) AS x (start date, rate_ppb bigint)
      ) AS rate
     WHERE rate.ends IS NULL OR rate.ends > :closing
)
SELECT book_id, loan_id, product, county, state, fallen FROM aged WHERE fallen > 0 ORDER BY book_id, loan_id
"""
"""What was due on the day and is unpaid becomes overdue: instalment and standing, principal at the penalty rate, interest
compounded; every stream that changes is cut on the day and begun anew."""

_STOP = f"""
WITH {_KEYS}, unpaid AS (
    SELECT k.book_id, k.loan_id, c.kind, sum(c.whole_fen - c.gov_fen - c.paid_fen)::bigint AS fen
      FROM keys k JOIN loans.charge c ON c.book_id = k.book_id AND c.loan_id = k.loan_id AND c.known_to_seq IS NULL
     WHERE c.whole_fen - c.gov_fen - c.paid_fen > 0
     GROUP BY k.book_id, k.loan_id, c.kind
), stopped AS (
    UPDATE loans.standing s SET known_to_seq = k.seq
      FROM keys k WHERE s.book_id = k.book_id AND s.loan_id = k.loan_id AND s.known_to_seq IS NULL
    RETURNING s.*
), stands AS (
    INSERT INTO loans.standing ({_STANDING})
    SELECT book_id, loan_id, product, county, principal_fen, overdue_fen, oldest_due, 'non_accrual', cost_fen, excess_fen,
           given_up_fen, known_to_seq FROM stopped
), uncharged AS MATERIALIZED (
    SELECT s.book_id, s.known_from_seq, s.id, k.seq,
           greatest(x.until_date, CASE WHEN NOT s.own_dates THEN CAST(:since AS date) END) AS charged
      FROM keys k JOIN loans.stream s ON s.book_id = k.book_id AND s.loan_id = k.loan_id AND s.known_to_seq IS NULL
      LEFT JOIN loans.charged_until x
        ON x.book_id = s.book_id AND x.loan_id = s.loan_id AND x.kind = s.kind AND x.known_to_seq IS NULL
), restated AS (
    UPDATE loans.stream s SET known_to_seq = u.seq FROM uncharged u
     WHERE (s.book_id, s.known_from_seq, s.id) = (u.book_id, u.known_from_seq, u.id)
       AND (s.end_date IS NULL OR u.charged IS NULL OR s.end_date > u.charged)
    RETURNING s.*, u.charged
), begun AS (
    INSERT INTO loans.stream ({_STREAM})
    SELECT book_id, loan_id, kind, base_fen, rate_ppb, gov_ppb, day_count, anchor, own_dates, start_date, charged, product,
           county, state, known_to_seq FROM restated WHERE start_date < charged
     UNION ALL
    SELECT book_id, loan_id, kind, base_fen, rate_ppb, gov_ppb, day_count, anchor, own_dates, greatest(start_date, charged),
           end_date, product, county, 'non_accrual', known_to_seq FROM restated
)
SELECT s.book_id, s.loan_id, s.product, s.county, s.principal_fen, s.overdue_fen,
       coalesce(sum(u.fen) FILTER (WHERE u.kind = 'contract'), 0)::bigint AS interest_fen,
       coalesce(sum(u.fen) FILTER (WHERE u.kind = 'penalty'), 0)::bigint AS penalty_fen,
       coalesce(sum(u.fen) FILTER (WHERE u.kind = 'compound'), 0)::bigint AS compound_fen
  FROM stopped s LEFT JOIN unpaid u USING (book_id, loan_id)
 GROUP BY s.book_id, s.loan_id, s.product, s.county, s.principal_fen, s.overdue_fen ORDER BY s.book_id, s.loan_id
"""
"""The loan is non-accrual: its days that are not yet charged are restated, so that their interest leaves income."""


def fall_overdue(
    session: Session,
    loans: Mapping[int, Sequence[int]],
    seqs: Mapping[int, int],
    closing: date,
    falling: Sequence[tuple[str, date]],
) -> list[Moved]:
    """Let what was due on a day and is unpaid become overdue, for plain loans by book id; return what that moved.

    Args:
        session: holds the books.
        loans: ids by book id; none of them stops accruing at this close.
        seqs: what the change is known from, by book id.
        closing: the day.
        falling: the (rolling code, nominal date) that fall due on it.
    """
    values = {
        **_arrays(loans, seqs), "closing": closing,
        "codes": [code for code, _ in falling], "dates": [nominal for _, nominal in falling],
    }  # fmt: skip
    return [
        (
            row.book_id,
            Dimensions(county=row.county, product=row.product, loan_id=row.loan_id),
            FellOverdue(value_date=closing, fen=row.fallen, state=State(row.state)),
        )
        for row in session.execute(text(_FALL), values)
    ]


def stop_accruing(session: Session, loans: Mapping[int, Sequence[int]], seqs: Mapping[int, int], closing: date) -> list[Moved]:
    """Let plain loans become non-accrual at the close of a day on which nothing of theirs falls due; return what that moved."""
    values = {**_arrays(loans, seqs), "since": last_settlement_before(closing) + DAY}
    return [
        (
            row.book_id,
            Dimensions(county=row.county, product=row.product, loan_id=row.loan_id),
            StoppedAccruing(
                value_date=closing,
                normal_fen=row.principal_fen - row.overdue_fen,
                overdue_fen=row.overdue_fen,
                unpaid=Unpaid(row.interest_fen, row.penalty_fen, row.compound_fen),
            ),
        )
        for row in session.execute(text(_STOP), values)
    ]


def _arrays(loans: Mapping[int, Sequence[int]], seqs: Mapping[int, int]) -> dict[str, object]:
    keys = [(book_id, loan_id, seqs[book_id]) for book_id, ids in loans.items() for loan_id in ids]
    return {"books": [key[0] for key in keys], "ids": [key[1] for key in keys], "seqs": [key[2] for key in keys]}
