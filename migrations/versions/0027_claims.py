"""Claims (代偿): dunnings become facts that stay, what a filing asks for is agreed by date, a claim's papers, its check."""

from alembic import op

revision = "0027"
down_revision = "0026"

_DUNNINGS = """
ALTER TABLE loans.dunning RENAME TO dunning_old;
ALTER TABLE loans.dunning_old RENAME CONSTRAINT pk_dunning TO pk_dunning_old;
ALTER INDEX loans.ix_dunning_book_id_loan_id RENAME TO ix_dunning_old_book_id_loan_id;
CREATE TABLE loans.dunning (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    loan_id bigint NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    value_date date NOT NULL,
    body jsonb NOT NULL,
    actor text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_dunning PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_dunning_book_id_reference UNIQUE (book_id, reference),
    CONSTRAINT fk_dunning_book_id_loan_id_loan FOREIGN KEY (book_id, loan_id) REFERENCES loans.loan (book_id, id)
);
INSERT INTO loans.dunning (book_id, seq, loan_id, kind, reference, value_date, body, actor, recorded_at)
SELECT o.book_id, b.last_seq + row_number() OVER (PARTITION BY o.book_id ORDER BY o.recorded_at, o.serial), o.loan_id, 'dunned',
       o.serial, o.day,
       jsonb_build_object('way', o.way, 'result', o.result, 'dunned_by', '', 'signed', o.result LIKE '%签收%' AND o.result !~ '(未|拒|无人|没有|不).*签收',
                          'document', NULL, 'sha256', NULL), o.actor, o.recorded_at
  FROM loans.dunning_old o JOIN ledger.book b ON b.id = o.book_id;
UPDATE ledger.book b SET last_seq = d.seq
  FROM (SELECT book_id, max(seq) AS seq FROM loans.dunning GROUP BY book_id) d WHERE d.book_id = b.id;
DROP TABLE loans.dunning_old;
ALTER TABLE loans.dunning RENAME CONSTRAINT fk_dunning_book_id_loan_id_loan TO fk_dunning_book_id_loan_id;
CREATE INDEX ix_dunning_book_id_loan_id ON loans.dunning (book_id, loan_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.dunning
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT, INSERT ON loans.dunning TO fupin_app
"""

_CLAIMS = """
ALTER TABLE guarantees.claim_event ADD COLUMN note text, ADD COLUMN findings jsonb, ADD COLUMN collected_on date;
CREATE INDEX ix_claim_event_book_id_number ON guarantees.claim_event (book_id, number);
CREATE TABLE guarantees.filing_rule (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    bank text NOT NULL,
    valid_from date NOT NULL,
    dunnings integer NOT NULL,
    papers jsonb NOT NULL,
    source text NOT NULL,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_filing_rule PRIMARY KEY (book_id, seq),
    CONSTRAINT fk_filing_rule_book_id_bank FOREIGN KEY (book_id, bank) REFERENCES guarantees.pool (book_id, bank)
);
CREATE TABLE guarantees.claim_paper (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    loan_book_id bigint NOT NULL,
    loan_id bigint NOT NULL,
    paper text NOT NULL,
    value_date date NOT NULL,
    sha256 text NOT NULL,
    pages integer NOT NULL,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_claim_paper PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_claim_paper_book_id_reference UNIQUE (book_id, reference),
    CONSTRAINT fk_claim_paper_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);
CREATE INDEX ix_claim_paper_book_id_loan_book_id_loan_id ON guarantees.claim_paper (book_id, loan_book_id, loan_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantees.filing_rule
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantees.claim_paper
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT, INSERT ON guarantees.filing_rule, guarantees.claim_paper TO fupin_app
"""


def upgrade() -> None:
    for script in (_DUNNINGS, _CLAIMS):
        op.execute(script)
