"""Policy rows of counties and banks; loans that no pool covers; monitored households (监测户)."""

from alembic import op

revision = "0009"
down_revision = "0006"

_POLICY = """
CREATE TABLE loans.policy (
    id bigint GENERATED ALWAYS AS IDENTITY,
    county text NOT NULL,
    bank text,
    product text NOT NULL,
    valid_from date NOT NULL,
    source text NOT NULL,
    parameters jsonb NOT NULL,
    withdraws bigint,
    actor text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_policy PRIMARY KEY (id),
    CONSTRAINT fk_policy_withdraws FOREIGN KEY (withdraws) REFERENCES loans.policy (id)
);
CREATE INDEX ix_policy_county ON loans.policy (county);
CREATE UNIQUE INDEX ix_policy_withdraws ON loans.policy (withdraws) WHERE withdraws IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.policy
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT, INSERT ON loans.policy TO fupin_app
"""

_COVER = """
ALTER TABLE loans.loan ADD COLUMN covered boolean NOT NULL DEFAULT true;
CREATE INDEX ix_loan_uncovered ON loans.loan (book_id, id) WHERE NOT covered;
CREATE INDEX ix_loan_county_borrower ON loans.loan (county, borrower)
"""

_MONITORED = """
INSERT INTO registry.standard (code, name, line_fen, credit_eligible, valid_from)
SELECT 'monitored', '监测户（边缘、脱贫不稳定）', 500000, true, '2020-07-01' WHERE EXISTS (SELECT FROM registry.standard)
"""


def upgrade() -> None:
    for script in (_POLICY, _COVER, _MONITORED):
        op.execute(script)
