CREATE TABLE loans.subsidy_scheme (
    county text NOT NULL,
    product text NOT NULL,
    valid_from date NOT NULL,
    source text NOT NULL,
    mode text NOT NULL,
    cadence text NOT NULL,
    year_begins integer NOT NULL,
    shares jsonb NOT NULL,
    when_extended boolean NOT NULL,
    tiers jsonb NOT NULL,
    actor text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_subsidy_scheme PRIMARY KEY (county, product, valid_from)
);
CREATE TABLE loans.subsidy_batch (
    book_id bigint NOT NULL,
    number text NOT NULL,
    loan_book_id bigint NOT NULL,
    mode text NOT NULL,
    label text NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    tiers jsonb NOT NULL,
    CONSTRAINT pk_subsidy_batch PRIMARY KEY (book_id, number),
    CONSTRAINT fk_subsidy_batch_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id),
    CONSTRAINT fk_subsidy_batch_loan_book_id FOREIGN KEY (loan_book_id) REFERENCES ledger.book (id)
);
CREATE TABLE loans.subsidy_line (
    book_id bigint NOT NULL,
    number text NOT NULL,
    loan_book_id bigint NOT NULL,
    loan_id bigint NOT NULL,
    fen bigint NOT NULL,
    whole_fen bigint NOT NULL,
    principal_fen bigint NOT NULL,
    days integer NOT NULL,
    late_days integer NOT NULL,
    flags jsonb NOT NULL,
    CONSTRAINT pk_subsidy_line PRIMARY KEY (book_id, number, loan_id),
    CONSTRAINT fk_subsidy_line_book_id_number FOREIGN KEY (book_id, number) REFERENCES loans.subsidy_batch (book_id, number),
    CONSTRAINT fk_subsidy_line_loan_book_id_loan_id FOREIGN KEY (loan_book_id, loan_id) REFERENCES loans.loan (book_id, id)
);
CREATE INDEX ix_subsidy_line_loan_book_id_loan_id ON loans.subsidy_line (loan_book_id, loan_id);
CREATE TABLE loans.subsidy_step (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    number text NOT NULL,
    kind text NOT NULL,
    value_date date NOT NULL,
    reference text NOT NULL,
    body jsonb NOT NULL,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_subsidy_step PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_subsidy_step_book_id_reference UNIQUE (book_id, reference),
    CONSTRAINT fk_subsidy_step_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);
CREATE INDEX ix_subsidy_step_book_id_number ON loans.subsidy_step (book_id, number);
CREATE TABLE loans.subsidy_bank_line (
    book_id bigint NOT NULL,
    loan_book_id bigint NOT NULL,
    label text NOT NULL,
    contract text NOT NULL,
    principal_fen bigint NOT NULL,
    interest_fen bigint NOT NULL,
    subsidy_fen bigint NOT NULL,
    late_days integer NOT NULL,
    actor text NOT NULL,
    CONSTRAINT pk_subsidy_bank_line PRIMARY KEY (book_id, loan_book_id, label, contract),
    CONSTRAINT fk_subsidy_bank_line_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id),
    CONSTRAINT fk_subsidy_bank_line_loan_book_id FOREIGN KEY (loan_book_id) REFERENCES ledger.book (id)
);
CREATE INDEX ix_borrower_id_hmac ON registry.borrower (id_hmac);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.subsidy_batch
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.subsidy_line
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.subsidy_step
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT, INSERT ON loans.subsidy_batch, loans.subsidy_line, loans.subsidy_step TO fupin_app;
GRANT SELECT, INSERT, DELETE ON loans.subsidy_scheme, loans.subsidy_bank_line TO fupin_app;
