"""Stations of villages, their accounts and tariffs; readings, receivables and cash are three records, each insert-only but cash."""

from alembic import op

revision = "0024"
down_revision = "0023"

_STATION = """
ALTER TABLE solar.station ADD COLUMN kind text NOT NULL DEFAULT 'household', ADD COLUMN owner text, ADD COLUMN tariff text,
    ADD COLUMN first_register numeric NOT NULL DEFAULT 0, ADD COLUMN account_sealed bytea, ADD COLUMN account_hmac bytea,
    ADD COLUMN account_masked text, ALTER COLUMN household DROP NOT NULL, ALTER COLUMN loan_book_id DROP NOT NULL,
    ALTER COLUMN loan_id DROP NOT NULL,
    ADD CONSTRAINT ck_station_kind CHECK (kind = 'household' AND num_nulls(household, loan_book_id, loan_id) = 0
        OR kind = 'village' AND owner IS NOT NULL AND household IS NULL AND tariff IS NOT NULL
        AND num_nulls(loan_book_id, loan_id) IN (0, 2)),
    ADD CONSTRAINT ck_station_account CHECK (num_nulls(account_sealed, account_hmac, account_masked) IN (0, 3));
CREATE TABLE solar.swap (
    book_id bigint NOT NULL,
    meter text NOT NULL,
    month date NOT NULL,
    old_end numeric NOT NULL,
    new_start numeric NOT NULL,
    new_meter text NOT NULL,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_swap PRIMARY KEY (book_id, meter, month),
    CONSTRAINT uq_swap_book_id_new_meter UNIQUE (book_id, new_meter),
    CONSTRAINT fk_swap_book_id_meter FOREIGN KEY (book_id, meter) REFERENCES solar.station (book_id, meter)
)
"""

_RECORDS = """
ALTER TABLE solar.receipt DROP CONSTRAINT fk_receipt_book_id_meter_month, ALTER COLUMN month DROP NOT NULL,
    ADD CONSTRAINT fk_receipt_book_id_meter FOREIGN KEY (book_id, meter) REFERENCES solar.station (book_id, meter);
CREATE TABLE solar.receivable (
    book_id bigint NOT NULL,
    meter text NOT NULL,
    month date NOT NULL,
    version integer NOT NULL,
    kwh numeric NOT NULL,
    coal_fen bigint NOT NULL,
    subsidy_fen bigint NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_receivable PRIMARY KEY (book_id, meter, month, version),
    CONSTRAINT fk_receivable_book_id_meter FOREIGN KEY (book_id, meter) REFERENCES solar.station (book_id, meter)
);
INSERT INTO solar.receivable (book_id, meter, month, version, kwh, coal_fen, subsidy_fen, booked_at)
    SELECT book_id, meter, month, 1, kwh, coal_fen, subsidy_fen, booked_at FROM solar.reading;
ALTER TABLE solar.reading ADD COLUMN version integer NOT NULL DEFAULT 1, ADD COLUMN register numeric,
    ADD COLUMN estimated boolean NOT NULL DEFAULT false, ADD COLUMN actor text NOT NULL DEFAULT '',
    ALTER COLUMN kwh DROP NOT NULL, ALTER COLUMN coal_fen DROP NOT NULL, ALTER COLUMN subsidy_fen DROP NOT NULL,
    DROP CONSTRAINT pk_reading, ADD CONSTRAINT pk_reading PRIMARY KEY (book_id, meter, month, version),
    ADD CONSTRAINT ck_reading_one CHECK (kwh IS NULL OR register IS NULL);
ALTER TABLE solar.reading ALTER COLUMN version DROP DEFAULT
"""

_LAWS = """
REVOKE DELETE ON solar.reading FROM fupin_app;
GRANT SELECT, INSERT ON solar.swap, solar.receivable TO fupin_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON solar.reading
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON solar.receivable
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON solar.swap
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
"""


def upgrade() -> None:
    for script in (_STATION, _RECORDS, _LAWS):
        op.execute(script)
