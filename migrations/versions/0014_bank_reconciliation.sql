CREATE TABLE ledger.bank_account (
    book_id bigint NOT NULL,
    bank text NOT NULL,
    number_sealed bytea NOT NULL,
    number_hmac bytea NOT NULL,
    number_masked text NOT NULL,
    holds_unnamed boolean NOT NULL,
    actor text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_bank_account PRIMARY KEY (book_id, bank),
    CONSTRAINT fk_bank_account_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);
CREATE UNIQUE INDEX ix_bank_account_number ON ledger.bank_account (book_id, number_hmac);
CREATE UNIQUE INDEX ix_bank_account_unnamed ON ledger.bank_account (book_id) WHERE holds_unnamed;

CREATE TABLE ledger.bank_statement (
    book_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    bank text NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    opening_fen bigint NOT NULL,
    closing_fen bigint NOT NULL,
    source text NOT NULL,
    actor text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_bank_statement PRIMARY KEY (book_id, id),
    CONSTRAINT fk_bank_statement_book_id FOREIGN KEY (book_id, bank) REFERENCES ledger.bank_account (book_id, bank),
    CONSTRAINT ck_bank_statement_period CHECK (start_date < end_date)
);
CREATE INDEX ix_bank_statement_book_id_bank_end_date ON ledger.bank_statement (book_id, bank, end_date);

CREATE TABLE ledger.bank_line (
    book_id bigint NOT NULL,
    statement_id bigint NOT NULL,
    number integer NOT NULL,
    day date NOT NULL,
    fen bigint NOT NULL,
    serial text NOT NULL,
    reference text NOT NULL,
    counterparty text NOT NULL,
    text text NOT NULL,
    CONSTRAINT pk_bank_line PRIMARY KEY (book_id, statement_id, number),
    CONSTRAINT fk_bank_line_book_id FOREIGN KEY (book_id, statement_id) REFERENCES ledger.bank_statement (book_id, id),
    CONSTRAINT ck_bank_line_fen CHECK (fen <> 0)
);

CREATE TABLE ledger.bank_statement_undo (
    book_id bigint NOT NULL,
    statement_id bigint NOT NULL,
    actor text NOT NULL,
    undone_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_bank_statement_undo PRIMARY KEY (book_id, statement_id),
    CONSTRAINT fk_bank_statement_undo_book_id FOREIGN KEY (book_id, statement_id) REFERENCES ledger.bank_statement (book_id, id)
);

CREATE TABLE ledger.bank_match (
    book_id bigint NOT NULL,
    match_id bigint GENERATED ALWAYS AS IDENTITY,
    bank text NOT NULL,
    rule text NOT NULL,
    reason text NOT NULL,
    members integer NOT NULL,
    actor text NOT NULL,
    matched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_bank_match PRIMARY KEY (book_id, match_id),
    CONSTRAINT fk_bank_match_book_id FOREIGN KEY (book_id, bank) REFERENCES ledger.bank_account (book_id, bank)
);
CREATE INDEX ix_bank_match_book_id_bank ON ledger.bank_match (book_id, bank);

CREATE TABLE ledger.bank_match_member (
    book_id bigint NOT NULL,
    match_id bigint NOT NULL,
    position integer NOT NULL,
    seq bigint,
    line smallint,
    statement_id bigint,
    number integer,
    CONSTRAINT pk_bank_match_member PRIMARY KEY (book_id, match_id, position),
    CONSTRAINT fk_bank_match_member_book_id FOREIGN KEY (book_id, match_id) REFERENCES ledger.bank_match (book_id, match_id),
    CONSTRAINT fk_bank_match_member_posting FOREIGN KEY (book_id, seq, line) REFERENCES ledger.posting (book_id, seq, line),
    CONSTRAINT fk_bank_match_member_line FOREIGN KEY (book_id, statement_id, number)
        REFERENCES ledger.bank_line (book_id, statement_id, number),
    CONSTRAINT ck_bank_match_member_one_side CHECK (
        num_nonnulls(seq, line) = 2 AND num_nonnulls(statement_id, number) = 0
        OR num_nonnulls(seq, line) = 0 AND num_nonnulls(statement_id, number) = 2)
);
CREATE INDEX ix_bank_match_member_posting ON ledger.bank_match_member (book_id, seq, line);
CREATE INDEX ix_bank_match_member_line ON ledger.bank_match_member (book_id, statement_id, number);

CREATE TABLE ledger.bank_unmatch (
    book_id bigint NOT NULL,
    match_id bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    unmatched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_bank_unmatch PRIMARY KEY (book_id, match_id),
    CONSTRAINT fk_bank_unmatch_book_id FOREIGN KEY (book_id, match_id) REFERENCES ledger.bank_match (book_id, match_id)
);

CREATE TABLE ledger.bank_sheet (
    book_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    bank text NOT NULL,
    as_of date NOT NULL,
    sha256 bytea NOT NULL,
    figures jsonb NOT NULL,
    maker text NOT NULL,
    checks bigint,
    checker text,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_bank_sheet PRIMARY KEY (book_id, id),
    CONSTRAINT fk_bank_sheet_book_id FOREIGN KEY (book_id, bank) REFERENCES ledger.bank_account (book_id, bank),
    CONSTRAINT fk_bank_sheet_checks FOREIGN KEY (book_id, checks) REFERENCES ledger.bank_sheet (book_id, id),
    CONSTRAINT ck_bank_sheet_two_people CHECK (num_nulls(checks, checker) <> 1 AND checker <> maker)
);
CREATE INDEX ix_bank_sheet_book_id_bank_as_of ON ledger.bank_sheet (book_id, bank, as_of);

CREATE TABLE app.bank_layout (
    id bigint GENERATED ALWAYS AS IDENTITY,
    bank text NOT NULL,
    columns jsonb NOT NULL,
    actor text NOT NULL,
    remembered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_bank_layout PRIMARY KEY (id)
);
CREATE INDEX ix_bank_layout_bank ON app.bank_layout (bank);

-- A match is complete when made, comes to nothing between both sides, and holds nothing that another standing match holds.
CREATE FUNCTION ledger.check_bank_match() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    arrived bigint;
    residue numeric;
    twice bigint;
BEGIN
    SELECT count(*),
           coalesce(sum(CASE p.side WHEN 'D' THEN p.fen WHEN 'C' THEN -p.fen END), 0) - coalesce(sum(l.fen), 0),
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM ledger.bank_match_member AS o
                WHERE o.book_id = m.book_id AND (o.match_id, o.position) <> (m.match_id, m.position)
                  AND (o.seq = m.seq AND o.line = m.line OR o.statement_id = m.statement_id AND o.number = m.number)
                  AND NOT EXISTS (SELECT FROM ledger.bank_unmatch AS u WHERE u.book_id = o.book_id AND u.match_id = o.match_id)))
      INTO arrived, residue, twice
      FROM ledger.bank_match_member AS m
      LEFT JOIN ledger.posting AS p ON p.book_id = m.book_id AND p.seq = m.seq AND p.line = m.line
      LEFT JOIN ledger.bank_line AS l ON l.book_id = m.book_id AND l.statement_id = m.statement_id AND l.number = m.number
     WHERE m.book_id = NEW.book_id AND m.match_id = NEW.match_id;
    IF arrived <> NEW.members OR arrived < 2 OR residue <> 0 OR twice > 0 THEN
        RAISE EXCEPTION 'bank match %: % members of %, both sides leave % fen, % of them matched twice',
            NEW.match_id, arrived, NEW.members, residue, twice USING ERRCODE = 'FP005';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER match_holds AFTER INSERT ON ledger.bank_match
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.check_bank_match();

CREATE FUNCTION ledger.refuse_late_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM arrived AS a JOIN ledger.bank_match AS m USING (book_id, match_id) WHERE a.position NOT BETWEEN 1 AND m.members
    ) THEN
        RAISE EXCEPTION 'a bank match is complete when made; nothing may be added to it' USING ERRCODE = 'FP001';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER complete_when_made AFTER INSERT ON ledger.bank_match_member
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_late_members();

DO $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY['ledger.bank_account', 'ledger.bank_statement', 'ledger.bank_line',
        'ledger.bank_statement_undo', 'ledger.bank_match', 'ledger.bank_match_member', 'ledger.bank_unmatch',
        'ledger.bank_sheet', 'app.bank_layout'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', named);
        EXECUTE format('GRANT SELECT, INSERT ON %s TO fupin_app', named);
    END LOOP;
END $$;
