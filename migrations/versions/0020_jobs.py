"""Jobs (定时任务): their runs, papers to be written for banks, and reminders that staff see."""

from alembic import op

revision = "0020"
down_revision = "0019"

_JOBS = """
CREATE TABLE scheduling.job_run (
    id bigint GENERATED ALWAYS AS IDENTITY,
    job text NOT NULL,
    scheduler text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text,
    counts jsonb NOT NULL DEFAULT '{}',
    error text,
    CONSTRAINT pk_job_run PRIMARY KEY (id),
    CONSTRAINT ck_job_run_ended CHECK (num_nulls(finished_at, outcome) IN (0, 2)),
    CONSTRAINT ck_job_run_outcome CHECK (outcome IN ('done', 'failed', 'cut') AND (outcome = 'done') = (error IS NULL))
);
CREATE INDEX ix_job_run_job_id ON scheduling.job_run (job, id);
CREATE INDEX ix_job_run_running ON scheduling.job_run (id) WHERE finished_at IS NULL;

CREATE TABLE app.outgoing_paper (
    bank text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    kind text NOT NULL,
    listed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    outcome text,
    file text,
    sha256 bytea,
    error text,
    finished_at timestamptz,
    CONSTRAINT pk_outgoing_paper PRIMARY KEY (bank, first_day, last_day),
    CONSTRAINT ck_outgoing_paper_kind CHECK (kind IN ('month', 'settlement')),
    CONSTRAINT ck_outgoing_paper_outcome
        CHECK (outcome IS NULL OR outcome IN ('written', 'nothing') AND finished_at IS NOT NULL AND error IS NULL),
    CONSTRAINT ck_outgoing_paper_written CHECK ((outcome IS NOT DISTINCT FROM 'written') = (num_nulls(file, sha256) = 0))
);
CREATE INDEX ix_outgoing_paper_kind ON app.outgoing_paper (kind, last_day);
CREATE INDEX ix_outgoing_paper_open ON app.outgoing_paper (last_day) WHERE outcome IS NULL;

CREATE TABLE app.reminder (
    book_id bigint NOT NULL,
    bank text NOT NULL,
    kind text NOT NULL,
    raised_on date NOT NULL,
    sentence text NOT NULL,
    settled_on date,
    CONSTRAINT pk_reminder PRIMARY KEY (book_id, bank, kind, raised_on),
    CONSTRAINT fk_reminder_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);
CREATE UNIQUE INDEX ix_reminder_open ON app.reminder (book_id, bank, kind) WHERE settled_on IS NULL;

GRANT SELECT, INSERT, UPDATE (finished_at, outcome, counts, error) ON scheduling.job_run TO fupin_app;
GRANT SELECT, INSERT, UPDATE (attempts, outcome, file, sha256, error, finished_at) ON app.outgoing_paper TO fupin_app;
GRANT SELECT, INSERT, UPDATE (sentence, settled_on) ON app.reminder TO fupin_app
"""


def upgrade() -> None:
    op.execute(_JOBS)
