CREATE TABLE app.staff (
    name text NOT NULL,
    added_by text NOT NULL,
    added_at timestamptz NOT NULL,
    link_mark bytea,
    link_until timestamptz,
    disabled_at timestamptz,
    CONSTRAINT pk_staff PRIMARY KEY (name),
    CONSTRAINT ck_staff_link CHECK (num_nulls(link_mark, link_until) IN (0, 2))
);
CREATE UNIQUE INDEX ix_staff_link_mark ON app.staff (link_mark);

CREATE TABLE app.role_grant (
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    role text NOT NULL,
    bank text,
    since timestamptz NOT NULL,
    granted_by text NOT NULL,
    until timestamptz,
    ended_by text,
    CONSTRAINT pk_role_grant PRIMARY KEY (id),
    CONSTRAINT fk_role_grant_name FOREIGN KEY (name) REFERENCES app.staff (name),
    CONSTRAINT ck_role_grant_role CHECK (role IN ('maker', 'checker', 'supervisor', 'office-clerk', 'office-head', 'bank-clerk',
        'system-admin', 'security-admin', 'auditor')),
    CONSTRAINT ck_role_grant_bank CHECK ((role = 'bank-clerk') = (bank IS NOT NULL)),
    CONSTRAINT ck_role_grant_ended CHECK (num_nulls(until, ended_by) IN (0, 2) AND (until IS NULL OR until >= since)),
    CONSTRAINT ck_role_grant_not_oneself CHECK (granted_by <> name)
);
CREATE UNIQUE INDEX ix_role_grant_current ON app.role_grant (name, role) WHERE until IS NULL;

-- The law of the three administrators, said a second time: such a role stands alone, whoever grants it.
CREATE FUNCTION app.check_role_stands_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM app.staff WHERE name = NEW.name FOR NO KEY UPDATE;
    IF (SELECT count(*) > 1 AND bool_or(role IN ('system-admin', 'security-admin', 'auditor'))
          FROM app.role_grant WHERE name = NEW.name AND until IS NULL) THEN
        RAISE EXCEPTION 'an administrative role stands alone (三员不兼任): %', NEW.name;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER role_stands_alone AFTER INSERT OR UPDATE ON app.role_grant
    FOR EACH ROW EXECUTE FUNCTION app.check_role_stands_alone();

CREATE TABLE app.password (
    name text NOT NULL,
    set_at timestamptz NOT NULL,
    hash text NOT NULL,
    CONSTRAINT pk_password PRIMARY KEY (name, set_at),
    CONSTRAINT fk_password_name FOREIGN KEY (name) REFERENCES app.staff (name)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON app.password
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TABLE app.second_factor (
    name text NOT NULL,
    sealed bytea NOT NULL,
    confirmed_at timestamptz,
    last_step bigint,
    CONSTRAINT pk_second_factor PRIMARY KEY (name),
    CONSTRAINT fk_second_factor_name FOREIGN KEY (name) REFERENCES app.staff (name)
);

CREATE TABLE app.web_session (
    mark bytea NOT NULL,
    name text NOT NULL,
    stage text NOT NULL,
    address text NOT NULL,
    begun_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_web_session PRIMARY KEY (mark),
    CONSTRAINT fk_web_session_name FOREIGN KEY (name) REFERENCES app.staff (name),
    CONSTRAINT ck_web_session_stage CHECK (stage IN ('code', 'enrol', 'password', 'full'))
);
CREATE INDEX ix_web_session_name ON app.web_session (name, begun_at);

CREATE TABLE app.failed_sign_in (
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    address text NOT NULL,
    failed_at timestamptz NOT NULL,
    CONSTRAINT pk_failed_sign_in PRIMARY KEY (id)
);
CREATE INDEX ix_failed_sign_in_name ON app.failed_sign_in (name, failed_at);
CREATE INDEX ix_failed_sign_in_address ON app.failed_sign_in (address, failed_at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON app.failed_sign_in
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT SELECT, INSERT, UPDATE (link_mark, link_until, disabled_at) ON app.staff TO fupin_app;
GRANT SELECT, INSERT, UPDATE (until, ended_by) ON app.role_grant TO fupin_app;
GRANT SELECT, INSERT ON app.password, app.failed_sign_in TO fupin_app;
GRANT SELECT, INSERT, UPDATE (sealed, confirmed_at, last_step) ON app.second_factor TO fupin_app;
GRANT SELECT, INSERT, UPDATE (seen_at, ended_at) ON app.web_session TO fupin_app
