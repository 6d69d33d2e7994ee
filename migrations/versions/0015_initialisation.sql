CREATE TABLE ledger.loaded_chart (
    name text NOT NULL,
    rows jsonb NOT NULL,
    actor text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_loaded_chart PRIMARY KEY (name)
);

CREATE TABLE ledger.load (
    book_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    file_name text NOT NULL,
    sha256 text NOT NULL,
    entries integer NOT NULL,
    maker text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_load PRIMARY KEY (book_id, id),
    CONSTRAINT fk_load_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id),
    CONSTRAINT ck_load_kind CHECK (kind IN ('opening', 'journal'))
);

CREATE TABLE ledger.loaded_entry (
    book_id bigint NOT NULL,
    load_id bigint NOT NULL,
    number integer NOT NULL,
    body jsonb NOT NULL,
    CONSTRAINT pk_loaded_entry PRIMARY KEY (book_id, load_id, number),
    CONSTRAINT fk_loaded_entry_book_id FOREIGN KEY (book_id, load_id) REFERENCES ledger.load (book_id, id)
);

CREATE TABLE ledger.load_step (
    book_id bigint NOT NULL,
    load_id bigint NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_load_step PRIMARY KEY (book_id, load_id, kind),
    CONSTRAINT fk_load_step_book_id FOREIGN KEY (book_id, load_id) REFERENCES ledger.load (book_id, id),
    CONSTRAINT ck_load_step_kind CHECK (kind IN ('approved', 'discarded', 'undone'))
);

DO $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY['loaded_chart', 'load', 'loaded_entry', 'load_step'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', named);
        EXECUTE format('GRANT SELECT, INSERT ON ledger.%s TO fupin_app', named);
    END LOOP;
END $$;

-- Whoever brought a file can't approve it.
CREATE FUNCTION ledger.refuse_own_load() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger.load AS l WHERE l.book_id = NEW.book_id AND l.id = NEW.load_id AND l.maker = NEW.actor
    ) THEN
        RAISE EXCEPTION '% brought load % and can''t approve it (制单人不得审核)', NEW.actor, NEW.load_id
            USING ERRCODE = 'FP005';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER another_person BEFORE INSERT ON ledger.load_step
    FOR EACH ROW WHEN (NEW.kind = 'approved') EXECUTE FUNCTION ledger.refuse_own_load();

-- An archive book (存档账套) holds what an earlier program kept; no module posts into it.
ALTER TABLE ledger.book DROP CONSTRAINT ck_book_kind,
    ADD CONSTRAINT ck_book_kind CHECK (kind IN ('RCF', 'ISF', 'PVA', 'LB', 'ARC'));
