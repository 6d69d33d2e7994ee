"""The night (日终) reads what runs, never what is over: indexes of running streams and open loans, and receipts know their sweep."""

from alembic import op

revision = "0019"
down_revision = "0018"

_INDEXES = """
CREATE INDEX ix_stream_running ON loans.stream (coalesce(end_date, 'infinity'::date)) WHERE known_to_seq IS NULL AND NOT own_dates;
CREATE INDEX ix_stream_own_dates ON loans.stream (book_id, loan_id) WHERE known_to_seq IS NULL AND own_dates;
CREATE INDEX ix_charged_until_date ON loans.charged_until (until_date) WHERE known_to_seq IS NULL;
CREATE INDEX ix_charge_owed ON loans.charge (book_id, loan_id) WHERE known_to_seq IS NULL AND whole_fen - gov_fen - paid_fen > 0;
CREATE INDEX ix_standing_non_accrual ON loans.standing (book_id, loan_id) WHERE known_to_seq IS NULL AND state = 'non_accrual';
CREATE INDEX ix_standing_open ON loans.standing (book_id)
    WHERE known_to_seq IS NULL AND (principal_fen <> 0 OR cost_fen <> 0 OR excess_fen <> 0 OR given_up_fen <> 0)
"""

_KEYS = """
ALTER TABLE loans.{0} DROP CONSTRAINT fk_{0}_book_id_loan_id, DROP CONSTRAINT pk_{0},
    ADD CONSTRAINT pk_{0} PRIMARY KEY (book_id, known_from_seq, id);
DROP INDEX IF EXISTS loans.ix_{0}_known_from;
ALTER SEQUENCE loans.{0}_id_seq CACHE 1000
"""
"""Derived rows come by the million in one statement: one key less, and no look-up of a foreign key for each of them."""

_SWEPT = """
ALTER TABLE solar.receipt ADD COLUMN swept_on date;
WITH held AS (
    SELECT r.book_id, r.meter, sum(r.loan_fen) - coalesce(
               (SELECT sum(w.fen) FROM solar.sweep w WHERE w.book_id = r.book_id AND w.meter = r.meter), 0) AS fen
      FROM solar.receipt r GROUP BY r.book_id, r.meter
), latest_first AS (
    SELECT book_id, meter, reference, received_on,
           sum(loan_fen) OVER (PARTITION BY book_id, meter ORDER BY received_on DESC, reference DESC) AS through
      FROM solar.receipt
)
UPDATE solar.receipt r
   SET swept_on = coalesce((SELECT min(w.swept_on) FROM solar.sweep w
                             WHERE w.book_id = r.book_id AND w.meter = r.meter AND w.swept_on >= r.received_on), r.received_on)
  FROM latest_first l JOIN held h USING (book_id, meter)
 WHERE (r.book_id, r.meter, r.reference) = (l.book_id, l.meter, l.reference) AND l.through > h.fen;
CREATE INDEX ix_receipt_held ON solar.receipt (book_id, meter) WHERE swept_on IS NULL AND loan_fen > 0;
GRANT UPDATE (swept_on) ON solar.receipt TO fupin_app
"""
"""Every sweep took all that was held; so what is held now are the latest receipts."""


def upgrade() -> None:
    for table in ("stream", "charge", "instalment", "charged_until", "standing"):
        op.execute(_KEYS.format(table))
    for script in (_INDEXES, _SWEPT):
        op.execute(script)
