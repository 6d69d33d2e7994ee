-- What the application may do outside the journal: facts are inserted, derived rows end their knowledge, nothing else.
GRANT USAGE ON SCHEMA registry, loans, guarantees, solar, scheduling, statements, app TO fupin_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA registry, loans, guarantees, solar, scheduling, statements, app TO fupin_app;
GRANT UPDATE (known_to_seq) ON loans.stream, loans.charge, loans.instalment, loans.charged_until, loans.standing TO fupin_app;
GRANT UPDATE (contract) ON loans.loan TO fupin_app;
GRANT UPDATE (charged_through, aged_through) ON loans.horizon TO fupin_app;
GRANT UPDATE (finished_at) ON scheduling.run TO fupin_app;
GRANT UPDATE (undone) ON app.import_batch TO fupin_app;
GRANT UPDATE (leverage) ON guarantees.pool TO fupin_app;
GRANT UPDATE (persons), DELETE ON registry.household TO fupin_app;
GRANT DELETE ON solar.station TO fupin_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.draw_event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantees.claim_event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
