-- The laws of the journal, stated a second time where no program can forget them.

-- Posted is for ever: rows of the journal and of the audit log are only ever inserted.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is insert-only (已记账不得修改); correct it by red-ink reversal', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'FP001';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.journal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.posting
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.audit
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Deferred: an entry's postings arrive after it and must all be there, balance, and bear its value date at commit.
CREATE FUNCTION ledger.check_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    arrived bigint;
    residue numeric;
    strangers bigint;
BEGIN
    SELECT count(*), sum(CASE side WHEN 'D' THEN fen ELSE -fen END), count(*) FILTER (WHERE value_date <> NEW.value_date)
      INTO arrived, residue, strangers
      FROM ledger.posting WHERE book_id = NEW.book_id AND seq = NEW.seq;
    IF arrived <> NEW.lines OR residue <> 0 OR strangers > 0 THEN
        RAISE EXCEPTION 'entry %: % postings of %, debits less credits leave % fen, % with another value date',
            NEW.reference, arrived, NEW.lines, residue, strangers USING ERRCODE = 'FP002';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON ledger.journal_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.check_entry_balances();

-- An entry says how many postings it has, so none can be added to it later.
CREATE FUNCTION ledger.refuse_late_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM arrived AS a JOIN ledger.journal_entry AS e USING (book_id, seq) WHERE a.line NOT BETWEEN 1 AND e.lines
    ) THEN
        RAISE EXCEPTION 'an entry is complete when posted; no posting may be added to it' USING ERRCODE = 'FP001';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER complete_when_posted AFTER INSERT ON ledger.posting
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_late_postings();

-- A closed month refuses entries, whoever inserts them.
CREATE FUNCTION ledger.refuse_closed_month() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    closed record;
BEGIN
    SELECT b.code, p.month INTO closed
      FROM (SELECT DISTINCT book_id, month FROM arrived) AS a
      JOIN ledger.period AS p USING (book_id, month) JOIN ledger.book AS b ON b.id = a.book_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%|%', closed.code, closed.month USING ERRCODE = 'FP003';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER open_month AFTER INSERT ON ledger.journal_entry
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_closed_month();

-- Locks books in ascending order and gives each the sequence numbers it asks for; returns the first of each.
CREATE FUNCTION ledger.take_sequence(p_books bigint[], p_counts bigint[]) RETURNS TABLE (book_id bigint, first_seq bigint)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ledger.book AS b WHERE b.id = ANY (p_books) ORDER BY b.id FOR NO KEY UPDATE;
    RETURN QUERY
        UPDATE ledger.book AS b SET last_seq = b.last_seq + w.wanted
          FROM (SELECT u.id, sum(u.wanted)::bigint AS wanted FROM unnest(p_books, p_counts) AS u (id, wanted) GROUP BY u.id) AS w
         WHERE b.id = w.id
        RETURNING b.id, b.last_seq - w.wanted + 1;
END $$;

-- Posts a batch: one set-based insert, one range of numbers, all laws on. Entries whose reference is already posted
-- with the same body are left as they are; `fresh` tells which were new.
CREATE FUNCTION ledger.post_many(
    p_book bigint[], p_reference text[], p_kind text[], p_value_date date[], p_word text[], p_narration text[],
    p_event text[], p_reverses bigint[], p_maker text[], p_checker text[], p_sha256 bytea[],
    q_entry integer[], q_account text[], q_side text[], q_fen bigint[], q_county text[], q_bank text[],
    q_product text[], q_payer text[], q_kind text[], q_loan_id bigint[], q_project text[]
) RETURNS TABLE (entry_ord integer, entry_seq bigint, entry_number integer, fresh boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    reused text;
BEGIN
    PERFORM FROM ledger.book AS b WHERE b.id = ANY (p_book) ORDER BY b.id FOR NO KEY UPDATE;

    SELECT u.reference INTO reused
      FROM unnest(p_book, p_reference, p_sha256) AS u (book_id, reference, sha256)
      JOIN ledger.journal_entry AS e ON e.book_id = u.book_id AND e.reference = u.reference
     WHERE e.body_sha256 <> u.sha256 LIMIT 1;
    IF reused IS NULL THEN
        SELECT u.reference INTO reused FROM unnest(p_book, p_reference) AS u (book_id, reference)
         GROUP BY u.book_id, u.reference HAVING count(*) > 1 LIMIT 1;
    END IF;
    IF reused IS NOT NULL THEN
        RAISE EXCEPTION '%', reused USING ERRCODE = 'FP004';
    END IF;

    RETURN QUERY
    WITH given AS (
        SELECT u.*, date_trunc('month', u.value_date::timestamp)::date AS month, e.seq AS old_seq, e.number AS old_number
          FROM unnest(p_book, p_reference, p_kind, p_value_date, p_word, p_narration, p_event, p_reverses, p_maker,
                      p_checker, p_sha256) WITH ORDINALITY
               AS u (book_id, reference, kind, value_date, word, narration, event, reverses, maker, checker, sha256, ord)
          LEFT JOIN ledger.journal_entry AS e ON e.book_id = u.book_id AND e.reference = u.reference
    ), series AS (
        INSERT INTO ledger.voucher_series AS s (book_id, month, word, last_number)
        SELECT book_id, month, word, count(*)::integer FROM given WHERE old_seq IS NULL GROUP BY book_id, month, word
        ORDER BY book_id, month, word
        ON CONFLICT (book_id, month, word) DO UPDATE SET last_number = s.last_number + excluded.last_number
        RETURNING s.book_id, s.month, s.word, s.last_number
    ), books AS (
        UPDATE ledger.book AS b SET last_seq = b.last_seq + n.fresh
          FROM (SELECT book_id, count(*) AS fresh FROM given WHERE old_seq IS NULL GROUP BY book_id) AS n
         WHERE b.id = n.book_id
        RETURNING b.id AS book_id, b.last_seq
    ), numbered AS (
        SELECT g.*,
               b.last_seq - count(*) OVER (PARTITION BY g.book_id)
                   + row_number() OVER (PARTITION BY g.book_id ORDER BY g.ord) AS seq,
               (s.last_number - count(*) OVER (PARTITION BY g.book_id, g.month, g.word)
                   + row_number() OVER (PARTITION BY g.book_id, g.month, g.word ORDER BY g.ord))::integer AS number
          FROM given AS g JOIN books AS b USING (book_id) JOIN series AS s USING (book_id, month, word)
         WHERE g.old_seq IS NULL
    ), entries AS (
        INSERT INTO ledger.journal_entry (book_id, seq, reference, kind, value_date, month, word, number, narration,
                                          event, reverses_seq, maker, checker, body_sha256, lines)
        SELECT n.book_id, n.seq, n.reference, n.kind, n.value_date, n.month, n.word, n.number, n.narration, n.event,
               n.reverses, n.maker, n.checker, n.sha256, c.lines
          FROM numbered AS n JOIN (SELECT entry, count(*) AS lines FROM unnest(q_entry) AS entry GROUP BY entry) AS c
               ON c.entry = n.ord
         ORDER BY n.book_id, n.seq
    ), lines AS (
        INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date, county, bank, product, payer,
                                    kind, loan_id, project)
        SELECT n.book_id, n.seq, row_number() OVER (PARTITION BY n.ord ORDER BY q.line), q.account, q.side, q.fen,
               n.value_date, q.county, q.bank, q.product, q.payer, q.kind, q.loan_id, q.project
          FROM unnest(q_entry, q_account, q_side, q_fen, q_county, q_bank, q_product, q_payer, q_kind, q_loan_id,
                      q_project) WITH ORDINALITY
               AS q (entry, account, side, fen, county, bank, product, payer, kind, loan_id, project, line)
          JOIN numbered AS n ON n.ord = q.entry
    )
    SELECT ord::integer, seq, number, true FROM numbered
    UNION ALL
    SELECT ord::integer, old_seq, old_number, false FROM given WHERE old_seq IS NOT NULL;
END $$;

-- The application may add to the journal and never change it, by grant as well as by trigger.
GRANT USAGE ON SCHEMA ledger TO fupin_app;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO fupin_app;
GRANT INSERT ON ledger.book, ledger.account, ledger.period, ledger.voucher_series, ledger.journal_entry, ledger.posting,
    ledger.audit, ledger.business_day TO fupin_app;
GRANT UPDATE (last_seq) ON ledger.book TO fupin_app;
GRANT UPDATE (last_number) ON ledger.voucher_series TO fupin_app;
GRANT UPDATE (business_date) ON ledger.business_day TO fupin_app;
