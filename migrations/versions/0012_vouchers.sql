CREATE TABLE ledger.voucher_step (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    serial text NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    actor text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_voucher_step PRIMARY KEY (book_id, seq),
    CONSTRAINT fk_voucher_step_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);
CREATE INDEX ix_voucher_step_book_id_serial ON ledger.voucher_step (book_id, serial);

CREATE TABLE ledger.attachment (
    book_id bigint NOT NULL,
    sha256 text NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT pk_attachment PRIMARY KEY (book_id, sha256),
    CONSTRAINT fk_attachment_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);

CREATE TABLE ledger.officer (
    book_id bigint NOT NULL,
    since date NOT NULL,
    supervisor text NOT NULL,
    actor text NOT NULL,
    appointed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_officer PRIMARY KEY (book_id, since),
    CONSTRAINT fk_officer_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);

CREATE TABLE ledger.reopening (
    book_id bigint NOT NULL,
    month date NOT NULL,
    closed_at timestamptz NOT NULL,
    reason text NOT NULL,
    reopened_by text NOT NULL,
    reopened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_reopening PRIMARY KEY (book_id, month, closed_at),
    CONSTRAINT fk_reopening_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.voucher_step
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.attachment
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.officer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reopening
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT, INSERT ON ledger.voucher_step, ledger.attachment, ledger.officer, ledger.reopening TO fupin_app;

-- Who wrote any of a voucher can't approve it, and a checker is another person than the maker.
CREATE FUNCTION ledger.refuse_own_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger.voucher_step AS s
         WHERE s.book_id = NEW.book_id AND s.serial = NEW.serial AND s.actor = NEW.actor
           AND s.kind IN ('drafted', 'edited', 'attached', 'detached', 'submitted')
    ) THEN
        RAISE EXCEPTION '% had a hand in voucher % and can''t approve it (制单人不得审核)', NEW.actor, NEW.serial
            USING ERRCODE = 'FP005';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER another_person BEFORE INSERT ON ledger.voucher_step
    FOR EACH ROW WHEN (NEW.kind = 'approved') EXECUTE FUNCTION ledger.refuse_own_approval();
ALTER TABLE ledger.journal_entry ADD CONSTRAINT ck_journal_entry_two_people CHECK (maker = 'system' OR maker <> checker);

-- An entry that people wrote is posted only as its checker approved it last.
CREATE FUNCTION ledger.refuse_unapproved_voucher() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unapproved text;
BEGIN
    SELECT a.event INTO unapproved FROM arrived AS a
     WHERE a.kind = 'ledger.voucher' AND NOT EXISTS (
        SELECT FROM (
            SELECT s.kind, s.actor FROM ledger.voucher_step AS s
             WHERE s.book_id = a.book_id AND 'voucher/' || s.serial = a.event ORDER BY s.seq DESC LIMIT 1
        ) AS last WHERE last.kind = 'approved' AND last.actor = a.checker
     ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is not approved (未经审核)', unapproved USING ERRCODE = 'FP005';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER approved AFTER INSERT ON ledger.journal_entry
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_unapproved_voucher();

-- A month is opened again only where a chief accountant said why.
CREATE FUNCTION ledger.refuse_quiet_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger.reopening AS r
         WHERE r.book_id = OLD.book_id AND r.month = OLD.month AND r.closed_at = OLD.closed_at
    ) THEN
        RAISE EXCEPTION 'month % is closed; only a reopening with a reason opens it (已结账)', OLD.month USING ERRCODE = 'FP006';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER reopened BEFORE DELETE ON ledger.period FOR EACH ROW EXECUTE FUNCTION ledger.refuse_quiet_reopening();
GRANT DELETE ON ledger.period TO fupin_app;

-- Accounts on which people may write vouchers, and the dimension that a line on them must name.
ALTER TABLE ledger.account ADD COLUMN manual boolean NOT NULL DEFAULT false, ADD COLUMN needs text;
UPDATE ledger.account AS a SET manual = true, needs = m.needs
  FROM ledger.book AS b, (VALUES
    ('RCF ISF', '1004', 'bank'), ('PVA', '1004', 'project'), ('RCF', '1036.07', 'bank'), ('RCF ISF', '4007.02', 'bank'),
    ('RCF ISF', '5007.03', 'bank'), ('RCF ISF', '5007.04', 'bank'), ('RCF ISF', '3007', NULL),
    ('PVA', '2017.03', 'project'), ('PVA', '2017.06', 'project'), ('PVA', '2017.07', 'project'), ('PVA', '2017.09', 'project'),
    ('LB', '1304', NULL), ('LB', '3001', NULL), ('LB', '6701', NULL), ('LB', '4104', NULL)
  ) AS m (kinds, code, needs)
 WHERE b.id = a.book_id AND a.code = m.code AND b.kind = ANY (string_to_array(m.kinds, ' '));
