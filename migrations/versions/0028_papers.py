"""Papers (单证): the register of what was issued, numbered without a gap per bank and year, and of every copy printed."""

from alembic import op

revision = "0028"
down_revision = "0027"

_PAPERS = """
CREATE TABLE app.paper_number (
    bank text NOT NULL,
    year integer NOT NULL,
    last integer NOT NULL,
    CONSTRAINT pk_paper_number PRIMARY KEY (bank, year)
);
CREATE TABLE app.paper (
    bank text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    question jsonb NOT NULL,
    figures_sha256 bytea NOT NULL,
    known jsonb NOT NULL,
    heads jsonb NOT NULL,
    supersedes_year integer,
    supersedes_number integer,
    issued_on date NOT NULL,
    issued_by text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_paper PRIMARY KEY (bank, year, number),
    CONSTRAINT fk_paper_bank_supersedes_year_supersedes_number
        FOREIGN KEY (bank, supersedes_year, supersedes_number) REFERENCES app.paper (bank, year, number),
    CONSTRAINT ck_paper_supersedes CHECK (num_nulls(supersedes_year, supersedes_number) IN (0, 2)),
    CONSTRAINT ck_paper_number CHECK (number > 0)
);
CREATE UNIQUE INDEX ix_paper_supersedes ON app.paper (bank, supersedes_year, supersedes_number)
    WHERE supersedes_number IS NOT NULL;
CREATE INDEX ix_paper_bank_kind ON app.paper (bank, kind);
CREATE TABLE app.paper_copy (
    bank text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL,
    copy integer NOT NULL,
    sha256 bytea NOT NULL,
    printed_by text NOT NULL,
    printed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_paper_copy PRIMARY KEY (bank, year, number, copy),
    CONSTRAINT fk_paper_copy_bank_year_number FOREIGN KEY (bank, year, number) REFERENCES app.paper (bank, year, number),
    CONSTRAINT ck_paper_copy_copy CHECK (copy > 0)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON app.paper
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON app.paper_copy
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT, INSERT, UPDATE (last) ON app.paper_number TO fupin_app;
GRANT SELECT, INSERT ON app.paper, app.paper_copy TO fupin_app
"""


def upgrade() -> None:
    op.execute(_PAPERS)
