"""The waterfall (还贷瀑布): agreements and money for their sources, what each rung got, and the pool's interest-free advances."""

from alembic import op

revision = "0025"
down_revision = "0024"

_SHARES = """
ALTER TABLE solar.receipt ADD COLUMN maintenance_fen bigint NOT NULL DEFAULT 0, ADD COLUMN cooperative_fen bigint NOT NULL DEFAULT 0,
    ADD COLUMN village_fen bigint NOT NULL DEFAULT 0;
GRANT UPDATE (fen) ON solar.sweep TO fupin_app
"""

_WATERFALL = """
CREATE TABLE solar.agreement (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    meter text NOT NULL,
    valid_from date NOT NULL,
    document text NOT NULL,
    why text NOT NULL,
    body jsonb NOT NULL,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_agreement PRIMARY KEY (book_id, seq),
    CONSTRAINT fk_agreement_book_id_meter FOREIGN KEY (book_id, meter) REFERENCES solar.station (book_id, meter)
);
CREATE INDEX ix_agreement_book_id_meter ON solar.agreement (book_id, meter);
CREATE TABLE solar.contribution (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    meter text NOT NULL,
    reference text NOT NULL,
    source text NOT NULL,
    value_date date NOT NULL,
    business_date date NOT NULL,
    fen bigint NOT NULL,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_contribution PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_contribution_book_id_meter_reference UNIQUE (book_id, meter, reference),
    CONSTRAINT fk_contribution_book_id_meter FOREIGN KEY (book_id, meter) REFERENCES solar.station (book_id, meter)
);
CREATE TABLE solar.rung (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    rung text NOT NULL,
    meter text NOT NULL,
    poured_on date NOT NULL,
    fen bigint NOT NULL,
    interest_fen bigint NOT NULL,
    principal_fen bigint NOT NULL,
    CONSTRAINT pk_rung PRIMARY KEY (book_id, seq, rung),
    CONSTRAINT fk_rung_book_id_meter FOREIGN KEY (book_id, meter) REFERENCES solar.station (book_id, meter)
);
CREATE INDEX ix_rung_book_id_meter_poured_on ON solar.rung (book_id, meter, poured_on);
GRANT SELECT, INSERT ON solar.agreement, solar.contribution, solar.rung TO fupin_app
"""

_ADVANCES = """
ALTER TABLE guarantees.pool ADD COLUMN advances_solar boolean NOT NULL DEFAULT false;
CREATE TABLE guarantees.advance (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    bank text NOT NULL,
    loan_book_id bigint NOT NULL,
    loan_id bigint NOT NULL,
    kind text NOT NULL,
    value_date date NOT NULL,
    fen bigint NOT NULL,
    reference text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_advance PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_advance_book_id_reference UNIQUE (book_id, reference),
    CONSTRAINT fk_advance_book_id_bank FOREIGN KEY (book_id, bank) REFERENCES guarantees.pool (book_id, bank)
);
CREATE INDEX ix_advance_book_id_loan_book_id_loan_id ON guarantees.advance (book_id, loan_book_id, loan_id);
GRANT SELECT, INSERT ON guarantees.advance TO fupin_app
"""


def upgrade() -> None:
    for script in (_SHARES, _WATERFALL, _ADVANCES):
        op.execute(script)
