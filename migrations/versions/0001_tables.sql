-- The tables of the first schema.

CREATE TABLE app.import_batch (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    file_name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    rows INTEGER NOT NULL,
    made JSONB NOT NULL,
    actor TEXT NOT NULL,
    undone BOOLEAN DEFAULT false NOT NULL,
    imported_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_import_batch PRIMARY KEY (id)
);

CREATE UNIQUE INDEX ix_import_batch_content ON app.import_batch (kind, sha256) WHERE NOT undone;

CREATE TABLE ledger.audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details JSONB NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (id)
);

CREATE TABLE ledger.book (
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    county TEXT NOT NULL,
    bank TEXT,
    chart TEXT NOT NULL,
    last_seq BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_book PRIMARY KEY (id),
    CONSTRAINT ck_book_kind CHECK (kind IN ('RCF', 'ISF', 'PVA', 'LB')),
    CONSTRAINT uq_book_code UNIQUE (code)
);

CREATE TABLE ledger.business_day (
    "only" BOOLEAN DEFAULT true NOT NULL,
    business_date DATE NOT NULL,
    CONSTRAINT pk_business_day PRIMARY KEY ("only"),
    CONSTRAINT ck_business_day_only CHECK ("only")
);

CREATE TABLE loans.horizon (
    "only" BOOLEAN DEFAULT true NOT NULL,
    charged_through DATE NOT NULL,
    aged_through DATE NOT NULL,
    CONSTRAINT pk_horizon PRIMARY KEY ("only")
);

CREATE TABLE registry.bank (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    rural BOOLEAN NOT NULL,
    CONSTRAINT pk_bank PRIMARY KEY (code)
);

CREATE TABLE registry.borrower (
    county TEXT NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    household TEXT,
    name TEXT NOT NULL,
    id_sealed BYTEA NOT NULL,
    id_hmac BYTEA NOT NULL,
    id_masked TEXT NOT NULL,
    CONSTRAINT pk_borrower PRIMARY KEY (county, code),
    CONSTRAINT ck_borrower_kind CHECK (kind IN ('household', 'enterprise'))
);

CREATE UNIQUE INDEX ix_borrower_county_id_hmac ON registry.borrower (county, id_hmac);

CREATE TABLE registry.household (
    county TEXT NOT NULL,
    number TEXT NOT NULL,
    village TEXT NOT NULL,
    persons INTEGER NOT NULL,
    standard TEXT NOT NULL,
    registered_on DATE NOT NULL,
    escaped_on DATE,
    head_name TEXT NOT NULL,
    head_id_sealed BYTEA NOT NULL,
    head_id_hmac BYTEA NOT NULL,
    account_sealed BYTEA,
    CONSTRAINT pk_household PRIMARY KEY (county, number),
    CONSTRAINT ck_household_persons CHECK (persons > 0)
);

CREATE UNIQUE INDEX ix_household_county_head_id_hmac ON registry.household (county, head_id_hmac);

CREATE INDEX ix_household_number ON registry.household (number);

CREATE TABLE registry.region (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    parent TEXT,
    gb2260 BOOLEAN NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    CONSTRAINT pk_region PRIMARY KEY (code, valid_from)
);

CREATE TABLE registry.standard (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    line_fen BIGINT NOT NULL,
    credit_eligible BOOLEAN NOT NULL,
    valid_from DATE NOT NULL,
    CONSTRAINT pk_standard PRIMARY KEY (code, valid_from)
);

CREATE TABLE scheduling.run (
    business_date DATE NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_run PRIMARY KEY (business_date)
);

CREATE TABLE guarantees.pool (
    book_id BIGINT NOT NULL,
    bank TEXT NOT NULL,
    share_ppb BIGINT NOT NULL,
    leverage INTEGER NOT NULL,
    claim_after_days INTEGER NOT NULL,
    CONSTRAINT pk_pool PRIMARY KEY (book_id, bank),
    CONSTRAINT fk_pool_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id)
);

CREATE TABLE ledger.account (
    book_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    title TEXT NOT NULL,
    side TEXT NOT NULL,
    pair TEXT,
    closes_to TEXT,
    CONSTRAINT pk_account PRIMARY KEY (book_id, code),
    CONSTRAINT fk_account_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id),
    CONSTRAINT ck_account_side CHECK (side IN ('D', 'C', 'B'))
);

CREATE TABLE ledger.journal_entry (
    book_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    reference TEXT NOT NULL,
    kind TEXT NOT NULL,
    value_date DATE NOT NULL,
    month DATE NOT NULL,
    word TEXT NOT NULL,
    number INTEGER NOT NULL,
    narration TEXT NOT NULL,
    event TEXT NOT NULL,
    reverses_seq BIGINT,
    maker TEXT NOT NULL,
    checker TEXT NOT NULL,
    body_sha256 BYTEA NOT NULL,
    lines SMALLINT NOT NULL,
    booked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_journal_entry PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_journal_entry_book_id_reference UNIQUE (book_id, reference),
    CONSTRAINT uq_journal_entry_book_id_month_word_number UNIQUE (book_id, month, word, number),
    CONSTRAINT uq_journal_entry_book_id_reverses_seq UNIQUE (book_id, reverses_seq),
    CONSTRAINT fk_journal_entry_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id),
    CONSTRAINT fk_journal_entry_book_id_reverses_seq FOREIGN KEY(book_id, reverses_seq) REFERENCES ledger.journal_entry (book_id, seq),
    CONSTRAINT ck_journal_entry_month CHECK (month = date_trunc('month', value_date::timestamp)::date)
);

CREATE TABLE ledger.period (
    book_id BIGINT NOT NULL,
    month DATE NOT NULL,
    closed_by TEXT NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    closed_seq BIGINT NOT NULL,
    CONSTRAINT pk_period PRIMARY KEY (book_id, month),
    CONSTRAINT fk_period_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id),
    CONSTRAINT ck_period_first_day CHECK (extract(day FROM month) = 1)
);

CREATE TABLE ledger.voucher_series (
    book_id BIGINT NOT NULL,
    month DATE NOT NULL,
    word TEXT NOT NULL,
    last_number INTEGER NOT NULL,
    CONSTRAINT pk_voucher_series PRIMARY KEY (book_id, month, word),
    CONSTRAINT fk_voucher_series_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id)
);

CREATE TABLE loans.accrual_run (
    book_id BIGINT NOT NULL,
    business_date DATE NOT NULL,
    closed_seq BIGINT NOT NULL,
    CONSTRAINT pk_accrual_run PRIMARY KEY (book_id, business_date),
    CONSTRAINT fk_accrual_run_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id)
);

CREATE TABLE loans.draw (
    book_id BIGINT NOT NULL,
    number TEXT NOT NULL,
    fen BIGINT NOT NULL,
    rate_ppb BIGINT NOT NULL,
    drawn_on DATE NOT NULL,
    due_on DATE NOT NULL,
    CONSTRAINT pk_draw PRIMARY KEY (book_id, number),
    CONSTRAINT fk_draw_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id)
);

CREATE TABLE loans.loan (
    book_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    contract TEXT NOT NULL,
    product TEXT NOT NULL,
    county TEXT NOT NULL,
    household TEXT,
    borrower TEXT NOT NULL,
    purpose TEXT DEFAULT '' NOT NULL,
    terms JSONB NOT NULL,
    CONSTRAINT pk_loan PRIMARY KEY (book_id, id),
    CONSTRAINT uq_loan_book_id_contract UNIQUE (book_id, contract),
    CONSTRAINT fk_loan_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id)
);

CREATE INDEX ix_loan_household ON loans.loan (household);

CREATE TABLE scheduling.step (
    business_date DATE NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    counts JSONB NOT NULL,
    microseconds INTEGER NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_step PRIMARY KEY (business_date, position),
    CONSTRAINT fk_step_business_date FOREIGN KEY(business_date) REFERENCES scheduling.run (business_date)
);

CREATE TABLE solar.station (
    book_id BIGINT NOT NULL,
    meter TEXT NOT NULL,
    household TEXT NOT NULL,
    loan_book_id BIGINT NOT NULL,
    loan_id BIGINT NOT NULL,
    watts INTEGER NOT NULL,
    connected_on DATE NOT NULL,
    loan_percent INTEGER NOT NULL,
    CONSTRAINT pk_station PRIMARY KEY (book_id, meter),
    CONSTRAINT uq_station_book_id_loan_book_id_loan_id UNIQUE (book_id, loan_book_id, loan_id),
    CONSTRAINT fk_station_book_id FOREIGN KEY(book_id) REFERENCES ledger.book (id)
);

CREATE TABLE guarantees.claim (
    book_id BIGINT NOT NULL,
    number TEXT NOT NULL,
    bank TEXT NOT NULL,
    loan_book_id BIGINT NOT NULL,
    loan_id BIGINT NOT NULL,
    basis_fen BIGINT NOT NULL,
    gov_fen BIGINT NOT NULL,
    CONSTRAINT pk_claim PRIMARY KEY (book_id, number),
    CONSTRAINT uq_claim_book_id_loan_book_id_loan_id UNIQUE (book_id, loan_book_id, loan_id),
    CONSTRAINT fk_claim_book_id_bank FOREIGN KEY(book_id, bank) REFERENCES guarantees.pool (book_id, bank)
);

CREATE TABLE ledger.posting (
    book_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    line SMALLINT NOT NULL,
    account TEXT NOT NULL,
    side TEXT NOT NULL,
    fen BIGINT NOT NULL,
    value_date DATE NOT NULL,
    county TEXT,
    bank TEXT,
    product TEXT,
    payer TEXT,
    kind TEXT,
    loan_id BIGINT,
    project TEXT,
    CONSTRAINT pk_posting PRIMARY KEY (book_id, seq, line),
    CONSTRAINT fk_posting_book_id_seq FOREIGN KEY(book_id, seq) REFERENCES ledger.journal_entry (book_id, seq),
    CONSTRAINT fk_posting_book_id_account FOREIGN KEY(book_id, account) REFERENCES ledger.account (book_id, code),
    CONSTRAINT ck_posting_side CHECK (side IN ('D', 'C')),
    CONSTRAINT ck_posting_fen CHECK (fen <> 0)
);

CREATE INDEX ix_posting_book_id_account_value_date ON ledger.posting (book_id, account, value_date);

CREATE TABLE loans.accrual_figure (
    book_id BIGINT NOT NULL,
    business_date DATE NOT NULL,
    product TEXT NOT NULL,
    county TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    whole_units NUMERIC NOT NULL,
    gov_units NUMERIC NOT NULL,
    CONSTRAINT pk_accrual_figure PRIMARY KEY (book_id, business_date, product, county, kind, state),
    CONSTRAINT fk_accrual_figure_book_id_business_date FOREIGN KEY(book_id, business_date) REFERENCES loans.accrual_run (book_id, business_date)
);

CREATE TABLE loans.charge (
    book_id BIGINT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    loan_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    start_date DATE NOT NULL,
    end_date DATE NOT NULL,
    due_date DATE NOT NULL,
    whole_fen BIGINT NOT NULL,
    gov_fen BIGINT NOT NULL,
    whole_units NUMERIC NOT NULL,
    gov_units NUMERIC NOT NULL,
    paid_fen BIGINT NOT NULL,
    basis SMALLINT NOT NULL,
    product TEXT NOT NULL,
    county TEXT NOT NULL,
    state TEXT NOT NULL,
    known_from_seq BIGINT NOT NULL,
    known_to_seq BIGINT,
    CONSTRAINT pk_charge PRIMARY KEY (book_id, id),
    CONSTRAINT fk_charge_book_id_loan_id FOREIGN KEY(book_id, loan_id) REFERENCES loans.loan (book_id, id)
);

CREATE INDEX ix_charge_known_from ON loans.charge (book_id, known_from_seq);

CREATE INDEX ix_charge_known_to ON loans.charge (book_id, known_to_seq) WHERE known_to_seq IS NOT NULL;

CREATE INDEX ix_charge_live ON loans.charge (book_id, loan_id) WHERE known_to_seq IS NULL;

CREATE INDEX ix_charge_unpaid ON loans.charge (due_date) WHERE known_to_seq IS NULL AND whole_fen - gov_fen - paid_fen > 0;

CREATE TABLE loans.charged_until (
    book_id BIGINT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    loan_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    until_date DATE NOT NULL,
    known_from_seq BIGINT NOT NULL,
    known_to_seq BIGINT,
    CONSTRAINT pk_charged_until PRIMARY KEY (book_id, id),
    CONSTRAINT fk_charged_until_book_id_loan_id FOREIGN KEY(book_id, loan_id) REFERENCES loans.loan (book_id, id)
);

CREATE UNIQUE INDEX ix_charged_until_live ON loans.charged_until (book_id, loan_id, kind) WHERE known_to_seq IS NULL;

CREATE TABLE loans.draw_event (
    book_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    value_date DATE NOT NULL,
    reference TEXT NOT NULL,
    body JSONB NOT NULL,
    CONSTRAINT pk_draw_event PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_draw_event_book_id_reference UNIQUE (book_id, reference),
    CONSTRAINT fk_draw_event_book_id_number FOREIGN KEY(book_id, number) REFERENCES loans.draw (book_id, number)
);

CREATE TABLE loans.event (
    book_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    loan_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    value_date DATE NOT NULL,
    reference TEXT NOT NULL,
    body JSONB NOT NULL,
    business_date DATE NOT NULL,
    actor TEXT NOT NULL,
    booked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_event PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_event_book_id_reference UNIQUE (book_id, reference),
    CONSTRAINT fk_event_book_id_loan_id FOREIGN KEY(book_id, loan_id) REFERENCES loans.loan (book_id, id)
);

CREATE INDEX ix_event_book_id_loan_id ON loans.event (book_id, loan_id);

CREATE TABLE loans.instalment (
    book_id BIGINT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    loan_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    nominal_date DATE NOT NULL,
    rolls BOOLEAN NOT NULL,
    principal_fen BIGINT NOT NULL,
    paid_fen BIGINT NOT NULL,
    overdue BOOLEAN NOT NULL,
    known_from_seq BIGINT NOT NULL,
    known_to_seq BIGINT,
    CONSTRAINT pk_instalment PRIMARY KEY (book_id, id),
    CONSTRAINT fk_instalment_book_id_loan_id FOREIGN KEY(book_id, loan_id) REFERENCES loans.loan (book_id, id)
);

CREATE INDEX ix_instalment_due ON loans.instalment (nominal_date) WHERE known_to_seq IS NULL AND NOT overdue AND paid_fen < principal_fen;

CREATE INDEX ix_instalment_live ON loans.instalment (book_id, loan_id) WHERE known_to_seq IS NULL;

CREATE TABLE loans.standing (
    book_id BIGINT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    loan_id BIGINT NOT NULL,
    product TEXT NOT NULL,
    county TEXT NOT NULL,
    principal_fen BIGINT NOT NULL,
    overdue_fen BIGINT NOT NULL,
    oldest_due DATE,
    state TEXT NOT NULL,
    cost_fen BIGINT NOT NULL,
    excess_fen BIGINT NOT NULL,
    given_up_fen BIGINT NOT NULL,
    known_from_seq BIGINT NOT NULL,
    known_to_seq BIGINT,
    CONSTRAINT pk_standing PRIMARY KEY (book_id, id),
    CONSTRAINT fk_standing_book_id_loan_id FOREIGN KEY(book_id, loan_id) REFERENCES loans.loan (book_id, id)
);

CREATE INDEX ix_standing_known_from ON loans.standing (book_id, known_from_seq);

CREATE UNIQUE INDEX ix_standing_live ON loans.standing (book_id, loan_id) WHERE known_to_seq IS NULL;

CREATE INDEX ix_standing_overdue ON loans.standing (oldest_due) WHERE known_to_seq IS NULL AND oldest_due IS NOT NULL AND state = 'accruing';

CREATE TABLE loans.stream (
    book_id BIGINT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    loan_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    base_fen BIGINT NOT NULL,
    rate_ppb BIGINT NOT NULL,
    gov_ppb BIGINT NOT NULL,
    basis SMALLINT NOT NULL,
    start_date DATE NOT NULL,
    end_date DATE,
    product TEXT NOT NULL,
    county TEXT NOT NULL,
    state TEXT NOT NULL,
    known_from_seq BIGINT NOT NULL,
    known_to_seq BIGINT,
    CONSTRAINT pk_stream PRIMARY KEY (book_id, id),
    CONSTRAINT fk_stream_book_id_loan_id FOREIGN KEY(book_id, loan_id) REFERENCES loans.loan (book_id, id)
);

CREATE INDEX ix_stream_known_from ON loans.stream (book_id, known_from_seq);

CREATE INDEX ix_stream_known_to ON loans.stream (book_id, known_to_seq) WHERE known_to_seq IS NOT NULL;

CREATE INDEX ix_stream_live ON loans.stream (book_id, loan_id) WHERE known_to_seq IS NULL;

CREATE TABLE solar.reading (
    book_id BIGINT NOT NULL,
    meter TEXT NOT NULL,
    month DATE NOT NULL,
    kwh NUMERIC NOT NULL,
    coal_fen BIGINT NOT NULL,
    subsidy_fen BIGINT NOT NULL,
    booked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_reading PRIMARY KEY (book_id, meter, month),
    CONSTRAINT fk_reading_book_id_meter FOREIGN KEY(book_id, meter) REFERENCES solar.station (book_id, meter)
);

CREATE TABLE solar.sweep (
    book_id BIGINT NOT NULL,
    meter TEXT NOT NULL,
    swept_on DATE NOT NULL,
    fen BIGINT NOT NULL,
    CONSTRAINT pk_sweep PRIMARY KEY (book_id, meter, swept_on),
    CONSTRAINT fk_sweep_book_id_meter FOREIGN KEY(book_id, meter) REFERENCES solar.station (book_id, meter)
);

CREATE TABLE guarantees.claim_event (
    book_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    value_date DATE NOT NULL,
    fen BIGINT NOT NULL,
    reference TEXT NOT NULL,
    actor TEXT NOT NULL,
    booked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_claim_event PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_claim_event_book_id_reference UNIQUE (book_id, reference),
    CONSTRAINT fk_claim_event_book_id_number FOREIGN KEY(book_id, number) REFERENCES guarantees.claim (book_id, number)
);

CREATE TABLE solar.receipt (
    book_id BIGINT NOT NULL,
    meter TEXT NOT NULL,
    reference TEXT NOT NULL,
    month DATE NOT NULL,
    received_on DATE NOT NULL,
    coal_fen BIGINT NOT NULL,
    subsidy_fen BIGINT NOT NULL,
    loan_fen BIGINT NOT NULL,
    household_fen BIGINT NOT NULL,
    CONSTRAINT pk_receipt PRIMARY KEY (book_id, meter, reference),
    CONSTRAINT fk_receipt_book_id_meter_month FOREIGN KEY(book_id, meter, month) REFERENCES solar.reading (book_id, meter, month)
);
