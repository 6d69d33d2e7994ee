"""Runs of the night know the step they are at and why one failed; loans can be set aside (隔离); no day count is guessed."""

from alembic import op

revision = "0021"
down_revision = "0020"

_PROGRESS = """
ALTER TABLE scheduling.run ADD COLUMN position integer, ADD COLUMN position_at timestamptz;
CREATE TABLE scheduling.failure (
    business_date date NOT NULL,
    number integer NOT NULL,
    position integer NOT NULL,
    name text NOT NULL,
    reason text NOT NULL,
    passing boolean NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    resumed_at timestamptz,
    CONSTRAINT pk_failure PRIMARY KEY (business_date, number),
    CONSTRAINT fk_failure_business_date FOREIGN KEY (business_date) REFERENCES scheduling.run (business_date)
);
GRANT UPDATE (position, position_at) ON scheduling.run TO fupin_app;
GRANT SELECT, INSERT, UPDATE (resumed_at) ON scheduling.failure TO fupin_app
"""

_QUARANTINE = """
CREATE TABLE loans.quarantine (
    book_id bigint NOT NULL,
    loan_id bigint NOT NULL,
    known_from_seq bigint NOT NULL,
    known_to_seq bigint,
    since_date date NOT NULL,
    step text NOT NULL,
    error text NOT NULL,
    charged_through date NOT NULL,
    aged_through date NOT NULL,
    set_aside_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_at timestamptz,
    released_by text,
    CONSTRAINT pk_quarantine PRIMARY KEY (book_id, loan_id, known_from_seq),
    CONSTRAINT fk_quarantine_book_id_loan_id FOREIGN KEY (book_id, loan_id) REFERENCES loans.loan (book_id, id)
);
CREATE UNIQUE INDEX ix_quarantine_live ON loans.quarantine (book_id, loan_id) WHERE known_to_seq IS NULL;
CREATE TABLE loans.quarantine_figure (
    book_id bigint NOT NULL,
    loan_id bigint NOT NULL,
    known_from_seq bigint NOT NULL,
    product text NOT NULL,
    county text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    whole_units numeric NOT NULL,
    gov_units numeric NOT NULL,
    CONSTRAINT pk_quarantine_figure PRIMARY KEY (book_id, loan_id, known_from_seq, product, county, kind, state),
    CONSTRAINT fk_quarantine_figure_book_id_loan_id_known_from_seq FOREIGN KEY (book_id, loan_id, known_from_seq)
        REFERENCES loans.quarantine (book_id, loan_id, known_from_seq)
);
GRANT SELECT, INSERT, UPDATE (known_to_seq, released_at, released_by) ON loans.quarantine TO fupin_app;
GRANT SELECT, INSERT ON loans.quarantine_figure TO fupin_app
"""

_DAY_COUNT = """
CREATE OR REPLACE FUNCTION loans.year_ticks(day_count text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN day_count IN ('act/360', '30e/360', 'months/360') THEN 360 WHEN day_count = 'act/365' THEN 365
                WHEN day_count = 'act/act' THEN 133590 ELSE ('unknown day count ' || day_count)::integer END
$$
"""
"""The cast of an unknown one fails with the name in the message; a function of SQL is inlined, one that raises is not."""


def upgrade() -> None:
    for script in (_PROGRESS, _QUARANTINE, _DAY_COUNT):
        op.execute(script)
