"""Snapshots (余额快照): what a book booked between two sequences, summed; a cache that can be dropped and taken anew."""

from alembic import op

revision = "0017"
down_revision = "0016"

_SNAPSHOTS = """
CREATE TABLE ledger.snapshot (
    book_id bigint NOT NULL,
    through_seq bigint NOT NULL,
    booked_at timestamptz,
    CONSTRAINT pk_snapshot PRIMARY KEY (book_id, through_seq),
    CONSTRAINT fk_snapshot_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);
CREATE TABLE ledger.snapshot_turnover (
    book_id bigint NOT NULL,
    through_seq bigint NOT NULL,
    line integer NOT NULL,
    month date NOT NULL,
    account text NOT NULL,
    county text,
    bank text,
    product text,
    payer text,
    kind text,
    project text,
    debit_fen bigint NOT NULL,
    credit_fen bigint NOT NULL,
    CONSTRAINT pk_snapshot_turnover PRIMARY KEY (book_id, through_seq, line),
    CONSTRAINT fk_snapshot_turnover_book_id_through_seq FOREIGN KEY (book_id, through_seq)
        REFERENCES ledger.snapshot (book_id, through_seq) ON DELETE CASCADE
);
GRANT SELECT, INSERT, DELETE ON ledger.snapshot, ledger.snapshot_turnover TO fupin_app
"""


def upgrade() -> None:
    op.execute(_SNAPSHOTS)
