CREATE TABLE guarantees.pool_terms (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    bank text NOT NULL,
    from_date date NOT NULL,
    shares jsonb NOT NULL,
    leverage integer NOT NULL,
    claim_after_days integer NOT NULL,
    approval text NOT NULL,
    warn_ppb bigint NOT NULL,
    fuse_ppb bigint NOT NULL,
    worse_ppb bigint NOT NULL,
    loss_basis text NOT NULL,
    recovery_order text NOT NULL,
    pass_on_days integer NOT NULL,
    advances text NOT NULL,
    interest text NOT NULL,
    document text NOT NULL,
    reason text NOT NULL,
    withdraws_seq bigint,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_pool_terms PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_pool_terms_book_id_withdraws_seq UNIQUE (book_id, withdraws_seq),
    CONSTRAINT fk_pool_terms_book_id_bank FOREIGN KEY (book_id, bank) REFERENCES guarantees.pool (book_id, bank)
);
CREATE TABLE guarantees.fuse_event (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    bank text NOT NULL,
    kind text NOT NULL,
    value_date date NOT NULL,
    npl_fen bigint NOT NULL,
    outstanding_fen bigint NOT NULL,
    document text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_fuse_event PRIMARY KEY (book_id, seq),
    CONSTRAINT fk_fuse_event_book_id_bank FOREIGN KEY (book_id, bank) REFERENCES guarantees.pool (book_id, bank)
);
CREATE INDEX ix_fuse_event_book_id_bank_seq ON guarantees.fuse_event (book_id, bank, seq);
CREATE TABLE guarantees.guarantor_receipt (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    number text NOT NULL,
    guarantor text NOT NULL,
    value_date date NOT NULL,
    fen bigint NOT NULL,
    reference text NOT NULL,
    undoes_seq bigint,
    actor text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_guarantor_receipt PRIMARY KEY (book_id, seq),
    CONSTRAINT uq_guarantor_receipt_book_id_undoes_seq UNIQUE (book_id, undoes_seq),
    CONSTRAINT fk_guarantor_receipt_book_id_number FOREIGN KEY (book_id, number) REFERENCES guarantees.claim (book_id, number)
);
CREATE INDEX ix_guarantor_receipt_book_id_number ON guarantees.guarantor_receipt (book_id, number);

-- What was agreed when a pool was opened becomes its first terms, under sequences of its book.
INSERT INTO guarantees.pool_terms (
    book_id, seq, bank, from_date, shares, leverage, claim_after_days, approval, warn_ppb, fuse_ppb, worse_ppb, loss_basis,
    recovery_order, pass_on_days, advances, interest, document, reason, actor)
SELECT p.book_id, b.last_seq + row_number() OVER (PARTITION BY p.book_id ORDER BY p.bank), p.bank,
       coalesce((SELECT min(e.value_date) FROM ledger.journal_entry e WHERE e.book_id = p.book_id), d.day, date '2000-01-01'),
       jsonb_build_array(jsonb_build_array('县级', p.share_ppb, true)), p.leverage, p.claim_after_days, '', 30000000, 50000000,
       0, 'principal+interest', 'pro-rata', 5, CASE WHEN p.advances_solar THEN 'solar' ELSE 'none' END, 'fund', '启用时约定', '启用时约定', 'system'
  FROM guarantees.pool p JOIN ledger.book b ON b.id = p.book_id
  LEFT JOIN (SELECT max(business_date) AS day FROM ledger.business_day) AS d ON true;
UPDATE ledger.book b SET last_seq = b.last_seq + p.pools
  FROM (SELECT book_id, count(*) AS pools FROM guarantees.pool GROUP BY book_id) AS p WHERE p.book_id = b.id;
ALTER TABLE guarantees.pool DROP COLUMN share_ppb, DROP COLUMN leverage, DROP COLUMN claim_after_days,
    DROP COLUMN advances_solar;

-- Interest of a special account may be due to the treasury.
INSERT INTO ledger.account (book_id, code, title, side, manual, needs, limited)
SELECT a.book_id, '2015.04', '应付财政专户利息', 'C', false, 'bank', true
  FROM ledger.account a JOIN ledger.book b ON b.id = a.book_id
 WHERE b.kind IN ('RCF', 'ISF') AND a.code = '4007.02'
   AND NOT EXISTS (SELECT FROM ledger.account o WHERE o.book_id = a.book_id AND o.code = '2015.04');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantees.pool_terms
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantees.fuse_event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantees.guarantor_receipt
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
-- A pool is held by locking its row, which needs a column that may be changed; the trigger lets nobody change it.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guarantees.pool
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT UPDATE (bank) ON guarantees.pool TO fupin_app;
GRANT SELECT, INSERT ON guarantees.pool_terms, guarantees.fuse_event, guarantees.guarantor_receipt TO fupin_app;
