"""Policy rows of counties and banks; loans that no pool covers; monitored households (监测户); suspicions (疑点)."""

from alembic import op

revision = "0011"
down_revision = "0010"

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
DROP INDEX loans.ix_loan_household;
CREATE INDEX ix_loan_county_household ON loans.loan (county, household);
CREATE INDEX ix_loan_county_borrower ON loans.loan (county, borrower)
"""

_MONITORED = """
INSERT INTO registry.standard (code, name, line_fen, credit_eligible, valid_from)
SELECT 'monitored', '监测户（边缘、脱贫不稳定）', 500000, true, '2020-07-01' WHERE EXISTS (SELECT FROM registry.standard)
"""


_LOOKED_AT = """
CREATE TABLE loans.contact (
    book_id bigint NOT NULL,
    loan_id bigint NOT NULL,
    payee text,
    account_sealed bytea,
    account_hmac bytea,
    account_masked text,
    phone_sealed bytea,
    phone_hmac bytea,
    phone_masked text,
    CONSTRAINT pk_contact PRIMARY KEY (book_id, loan_id),
    CONSTRAINT fk_contact_book_id_loan_id FOREIGN KEY (book_id, loan_id) REFERENCES loans.loan (book_id, id)
);
CREATE INDEX ix_contact_account ON loans.contact (account_hmac) WHERE account_hmac IS NOT NULL;
CREATE INDEX ix_contact_phone ON loans.contact (phone_hmac) WHERE phone_hmac IS NOT NULL;
CREATE TABLE loans.listed (
    id_hmac bytea NOT NULL,
    kind text NOT NULL,
    since_date date NOT NULL,
    until_date date,
    id_sealed bytea NOT NULL,
    id_masked text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    actor text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_listed PRIMARY KEY (id_hmac, kind, since_date)
);
CREATE TABLE loans.dunning (
    book_id bigint NOT NULL,
    serial text NOT NULL,
    loan_id bigint NOT NULL,
    day date NOT NULL,
    way text NOT NULL,
    result text NOT NULL,
    actor text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_dunning PRIMARY KEY (book_id, serial),
    CONSTRAINT fk_dunning_book_id_loan_id FOREIGN KEY (book_id, loan_id) REFERENCES loans.loan (book_id, id)
);
CREATE INDEX ix_dunning_book_id_loan_id ON loans.dunning (book_id, loan_id);
GRANT SELECT, INSERT, DELETE ON loans.contact, loans.listed, loans.dunning TO fupin_app
"""

_HITS = """
CREATE TABLE loans.hit (
    book_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    loan_id bigint NOT NULL,
    rule text NOT NULL,
    subject text NOT NULL,
    occasion text NOT NULL,
    day date NOT NULL,
    facts jsonb NOT NULL,
    fingerprint text NOT NULL,
    actor text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_hit PRIMARY KEY (book_id, id),
    CONSTRAINT uq_hit_book_id_loan_id_rule_subject_fingerprint UNIQUE (book_id, loan_id, rule, subject, fingerprint),
    CONSTRAINT fk_hit_book_id_loan_id FOREIGN KEY (book_id, loan_id) REFERENCES loans.loan (book_id, id)
);
CREATE TABLE loans.decision (
    book_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    hit_id bigint NOT NULL,
    decision text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_decision PRIMARY KEY (book_id, id),
    CONSTRAINT fk_decision_book_id_hit_id FOREIGN KEY (book_id, hit_id) REFERENCES loans.hit (book_id, id)
);
CREATE INDEX ix_decision_book_id_hit_id ON loans.decision (book_id, hit_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.hit
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.decision
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT, INSERT ON loans.hit, loans.decision TO fupin_app
"""


def upgrade() -> None:
    for script in (_POLICY, _COVER, _MONITORED, _LOOKED_AT, _HITS):
        op.execute(script)
