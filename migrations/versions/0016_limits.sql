-- Accounts that may not fall below zero on any day, for each value of the dimension that the chart demands of them.
ALTER TABLE ledger.account ADD COLUMN limited boolean NOT NULL DEFAULT false;
UPDATE ledger.account AS a SET limited = true, needs = m.needs
  FROM ledger.book AS b, (VALUES
    ('RCF ISF', '1004', 'bank'), ('PVA', '1004', 'project'), ('RCF', '2015.01', 'bank'), ('ISF', '2015.02', 'bank'),
    ('ISF', '2015.03', 'bank'), ('PVA', '2017.03', 'project'), ('PVA', '2017.04', 'project'), ('PVA', '2017.05', 'project'),
    ('PVA', '2017.06', 'project'), ('PVA', '2017.07', 'project'), ('PVA', '2017.09', 'project')
  ) AS m (kinds, code, needs)
 WHERE b.id = a.book_id AND a.code = m.code AND b.kind = ANY (string_to_array(m.kinds, ' '));

-- What such an account holds at the end of each day on which it moved; the posting trigger alone writes here.
CREATE TABLE ledger.running_balance (
    book_id bigint NOT NULL,
    account text NOT NULL,
    whose text NOT NULL,
    day date NOT NULL,
    fen bigint NOT NULL,
    CONSTRAINT pk_running_balance PRIMARY KEY (book_id, account, whose, day),
    CONSTRAINT fk_running_balance_book_id_account FOREIGN KEY (book_id, account) REFERENCES ledger.account (book_id, code)
) WITH (fillfactor = 70);
GRANT SELECT ON ledger.running_balance TO fupin_app;

-- Whose money a line moves: the bank or the project that its account asks for; nobody's in particular is ''.
CREATE FUNCTION ledger.whose(needs text, bank text, project text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(CASE needs WHEN 'bank' THEN bank WHEN 'project' THEN project END, '') $$;

INSERT INTO ledger.running_balance (book_id, account, whose, day, fen)
SELECT book_id, account, whose, value_date, sum(sum(fen)) OVER (PARTITION BY book_id, account, whose ORDER BY value_date)
  FROM (SELECT p.book_id, p.account, ledger.whose(c.needs, p.bank, p.project) AS whose, p.value_date,
               CASE p.side WHEN c.side THEN p.fen ELSE -p.fen END AS fen
          FROM ledger.posting AS p JOIN ledger.account AS c ON c.book_id = p.book_id AND c.code = p.account WHERE c.limited) AS m
 GROUP BY book_id, account, whose, value_date;

-- Few entries reverse another: only they stand in that key. The primary key is made last: while the table is small every key of
-- the book costs a look-up the same, and the planner then goes by the youngest; foreign keys would go by the month's numbers, and
-- a connection keeps such a plan.
ALTER TABLE ledger.posting DROP CONSTRAINT fk_posting_book_id_seq;
ALTER TABLE ledger.journal_entry
    DROP CONSTRAINT uq_journal_entry_book_id_reverses_seq,
    DROP CONSTRAINT fk_journal_entry_book_id_reverses_seq,
    DROP CONSTRAINT pk_journal_entry;
CREATE UNIQUE INDEX uq_journal_entry_book_id_reverses_seq ON ledger.journal_entry (book_id, reverses_seq)
    WHERE reverses_seq IS NOT NULL;
ALTER TABLE ledger.journal_entry
    ADD CONSTRAINT pk_journal_entry PRIMARY KEY (book_id, seq),
    ADD CONSTRAINT fk_journal_entry_book_id_reverses_seq
        FOREIGN KEY (book_id, reverses_seq) REFERENCES ledger.journal_entry (book_id, seq);
ALTER TABLE ledger.posting ADD CONSTRAINT fk_posting_book_id_seq
    FOREIGN KEY (book_id, seq) REFERENCES ledger.journal_entry (book_id, seq);

-- Entries whose postings did not all come in one statement with them: looked at when the transaction ends.
CREATE TABLE ledger.unfinished_entry (
    book_id bigint NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT pk_unfinished_entry PRIMARY KEY (book_id, seq)
);

GRANT SELECT ON ledger.unfinished_entry TO fupin_app;

DROP TRIGGER entry_balances ON ledger.journal_entry;
DROP FUNCTION ledger.check_entry_balances();
CREATE FUNCTION ledger.check_unfinished_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
DECLARE
    one record;
BEGIN
    SELECT e.reference, e.lines, count(*) AS arrived, sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END) AS residue,
           count(*) FILTER (WHERE p.value_date <> e.value_date) AS strangers
      INTO one
      FROM ledger.journal_entry AS e LEFT JOIN ledger.posting AS p USING (book_id, seq)
     WHERE e.book_id = NEW.book_id AND e.seq = NEW.seq GROUP BY e.reference, e.lines;
    IF one.arrived <> one.lines OR one.residue IS DISTINCT FROM 0 OR one.strangers > 0 THEN
        RAISE EXCEPTION 'entry %: % postings of %, debits less credits leave % fen, % with another value date',
            one.reference, one.arrived, one.lines, one.residue, one.strangers USING ERRCODE = 'FP002';
    END IF;
    DELETE FROM ledger.unfinished_entry AS u WHERE u.book_id = NEW.book_id AND u.seq = NEW.seq;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON ledger.unfinished_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.check_unfinished_entry();

-- Plans of these functions live as long as a connection. Made while the tables are small they would read them whole for ever
-- after; so they look up by key row by row, and post_many, in whose call they are made, has them read no table whole. What is
-- looked up is asked for as the first not below it: that order only its own key has, while "equal to it" may be sought along
-- another key of the book.

-- Entries, once per statement: their months are open; people's were approved, and those of a load with the load, or are red as it
-- is undone; their postings are there or come by the end.
DROP TRIGGER open_month ON ledger.journal_entry;
DROP TRIGGER approved ON ledger.journal_entry;
DROP FUNCTION ledger.refuse_closed_month();
DROP FUNCTION ledger.refuse_unapproved_voucher();
CREATE FUNCTION ledger.check_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    closed text;
    unapproved text;
    bare boolean;
BEGIN
    SELECT (SELECT min(b.code || '|' || p.month) FROM (SELECT DISTINCT book_id, month FROM arrived) AS d
              JOIN ledger.period AS p USING (book_id, month) JOIN ledger.book AS b ON b.id = d.book_id),
           min(a.event) FILTER (WHERE a.kind = 'ledger.voucher' AND NOT EXISTS (
               SELECT FROM (
                   SELECT s.kind, s.actor FROM ledger.voucher_step AS s
                    WHERE s.book_id = a.book_id AND 'voucher/' || s.serial = a.event ORDER BY s.seq DESC LIMIT 1
               ) AS last WHERE last.kind = 'approved' AND last.actor = a.checker)
               OR a.kind IN ('ledger.opening', 'ledger.loaded') AND NOT EXISTS (
               SELECT FROM ledger.load AS l JOIN ledger.load_step AS s ON s.book_id = l.book_id AND s.load_id = l.id
                WHERE l.book_id = a.book_id AND 'load/' || l.id = a.event
                  AND (s.kind = 'approved' AND s.actor = a.checker AND l.maker = a.maker
                       OR s.kind = 'undone' AND s.actor = a.maker AND a.reverses_seq IS NOT NULL))),
           bool_or((SELECT p.seq FROM ledger.posting AS p WHERE p.book_id = a.book_id AND p.seq >= a.seq
                     ORDER BY p.seq, p.line LIMIT 1) IS DISTINCT FROM a.seq)
      INTO closed, unapproved, bare FROM arrived AS a;
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION '%', closed USING ERRCODE = 'FP003';
    END IF;
    IF unapproved IS NOT NULL THEN
        RAISE EXCEPTION '% is not approved (未经审核)', unapproved USING ERRCODE = 'FP005';
    END IF;
    IF bare THEN
        INSERT INTO ledger.unfinished_entry (book_id, seq) SELECT a.book_id, a.seq FROM arrived AS a ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lawful AFTER INSERT ON ledger.journal_entry
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_entries();

-- Postings, once per statement: those of an entry balance and bear its date, or are looked at again at the end; none is added to
-- an entry that is complete; what is limited stays at zero or above.
DROP TRIGGER complete_when_posted ON ledger.posting;
DROP FUNCTION ledger.refuse_late_postings();
CREATE FUNCTION ledger.check_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    late boolean;
    complete boolean;
    limited boolean;
    short record;
BEGIN
    SELECT bool_or(b.first < 1 OR b.last > e.lines),
           bool_and(b.lines = e.lines AND b.residue = 0 AND b.since = e.value_date AND b.until = e.value_date),
           (SELECT bool_or((SELECT c.limited FROM ledger.account AS c WHERE c.book_id = d.book_id AND c.code = d.account))
              FROM (SELECT DISTINCT book_id, account FROM arrived) AS d)
      INTO late, complete, limited
      FROM (SELECT a.book_id, a.seq, count(*) AS lines, sum(CASE a.side WHEN 'D' THEN a.fen ELSE -a.fen END) AS residue,
                   min(a.line) AS first, max(a.line) AS last, min(a.value_date) AS since, max(a.value_date) AS until
              FROM arrived AS a GROUP BY a.book_id, a.seq) AS b
     CROSS JOIN LATERAL (SELECT o.lines, o.value_date FROM ledger.journal_entry AS o
                          WHERE o.book_id = b.book_id AND o.seq >= b.seq ORDER BY o.seq LIMIT 1) AS e;
    IF late THEN
        RAISE EXCEPTION 'an entry is complete when posted; no posting may be added to it' USING ERRCODE = 'FP001';
    END IF;
    IF complete IS NOT TRUE THEN
        INSERT INTO ledger.unfinished_entry (book_id, seq) SELECT DISTINCT a.book_id, a.seq FROM arrived AS a
        ON CONFLICT DO NOTHING;
    END IF;
    IF limited IS NOT TRUE THEN
        RETURN NULL;
    END IF;

    -- Who inserts without the book's lock gets it here: what follows reads the balances as they are under it.
    PERFORM FROM ledger.book AS b WHERE b.id IN (SELECT book_id FROM arrived) ORDER BY b.id FOR NO KEY UPDATE;
    WITH moved AS (
        SELECT a.book_id, a.account, ledger.whose(c.needs, a.bank, a.project) AS whose, a.value_date AS day,
               sum(CASE a.side WHEN c.side THEN a.fen ELSE -a.fen END) AS fen
          FROM arrived AS a JOIN ledger.account AS c ON c.book_id = a.book_id AND c.code = a.account WHERE c.limited
         GROUP BY 1, 2, 3, 4
    ), shifted AS (
        SELECT m.*, sum(fen) OVER w AS by_fen, lead(day, 1, 'infinity') OVER w AS until
          FROM moved AS m WINDOW w AS (PARTITION BY book_id, account, whose ORDER BY day)
    ), on_day AS MATERIALIZED (
        SELECT s.book_id, s.account, s.whose, s.day, s.by_fen + coalesce((
                   SELECT b.fen FROM ledger.running_balance AS b
                    WHERE b.book_id = s.book_id AND b.account = s.account AND b.whose = s.whose AND b.day <= s.day
                    ORDER BY b.day DESC LIMIT 1), 0) AS fen, s.by_fen
          FROM shifted AS s
    ), kept AS (
        INSERT INTO ledger.running_balance (book_id, account, whose, day, fen)
        SELECT book_id, account, whose, day, fen FROM on_day
        ON CONFLICT (book_id, account, whose, day) DO UPDATE SET fen = excluded.fen
    ), later AS (
        UPDATE ledger.running_balance AS r SET fen = r.fen + s.by_fen
          FROM shifted AS s
         WHERE r.book_id = s.book_id AND r.account = s.account AND r.whose = s.whose
           AND r.day > s.day AND r.day < s.until AND s.by_fen <> 0
        RETURNING r.book_id, r.account, r.whose, r.day, r.fen, s.by_fen
    )
    SELECT b.code, l.account, l.whose, l.day, l.fen - l.by_fen AS available, -l.by_fen AS asked INTO short
      FROM (SELECT * FROM on_day UNION ALL SELECT * FROM later) AS l
      JOIN ledger.book AS b ON b.id = l.book_id
     WHERE l.fen < 0 AND l.by_fen < 0
     ORDER BY b.code, l.account, l.whose, l.day LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%|%|%|%|%|%', short.code, short.account, short.whose, short.day, short.available, short.asked
            USING ERRCODE = 'FP008';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lawful AFTER INSERT ON ledger.posting
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_postings();

-- Posts a batch, all laws on. Entries whose reference is already posted with the same body are left as they are; `fresh` tells
-- which were new; where a book is unknown, nothing is written and nothing returned. Few entries are numbered one by one, many by
-- sets; all of a batch is written by one statement. What an entry or a line needs of another set it takes from arrays by its
-- place, never by a join: a plan made for ten rows is then as good for ten thousand, and none is made for the arrays of one call.
DROP FUNCTION ledger.post_many(bigint[], text[], text[], date[], text[], text[], text[], bigint[], text[], text[], bytea[],
                               integer[], text[], text[], bigint[], text[], text[], text[], text[], text[], bigint[], text[]);
CREATE FUNCTION ledger.post_many(
    p_book text[], p_reference text[], p_kind text[], p_value_date date[], p_word text[], p_narration text[],
    p_event text[], p_reverses bigint[], p_maker text[], p_checker text[], p_sha256 text[], p_lines smallint[],
    q_entry integer[], q_line smallint[], q_account text[], q_side text[], q_fen bigint[], q_county text[], q_bank text[],
    q_product text[], q_payer text[], q_kind text[], q_loan_id bigint[], q_project text[]
) RETURNS TABLE (entry_seq bigint, entry_number integer, fresh boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_refused text;
    v_book bigint[] := '{}';
    v_old bigint[] := '{}';
    v_seq bigint[];
    v_number integer[] := '{}';
    home record;
    one record;
BEGIN
    IF cardinality(p_book) > 1 THEN
        PERFORM FROM ledger.book AS b WHERE b.code = ANY (p_book) ORDER BY b.id FOR NO KEY UPDATE;
        IF EXISTS (SELECT FROM unnest(p_book) AS u (code) WHERE u.code NOT IN (SELECT b.code FROM ledger.book AS b)) THEN
            RETURN;
        END IF;
    END IF;

    IF cardinality(p_book) <= 20 THEN
        FOR i IN 1 .. cardinality(p_book) LOOP
            UPDATE ledger.book AS b SET last_seq = b.last_seq + 1 WHERE b.code = p_book[i]
            RETURNING b.id AS book_id, b.last_seq AS seq INTO home;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            SELECT e.seq, e.number, e.body_sha256 INTO one
              FROM (SELECT * FROM ledger.journal_entry AS o WHERE o.book_id = home.book_id AND o.reference >= p_reference[i]
                     ORDER BY o.reference LIMIT 1) AS e
             WHERE e.reference = p_reference[i];
            IF one.body_sha256 <> decode(p_sha256[i], 'hex') THEN
                RAISE EXCEPTION '%', p_reference[i] USING ERRCODE = 'FP004';
            END IF;
            v_book[i] := home.book_id;
            v_old[i] := one.seq;
            v_seq[i] := coalesce(one.seq, home.seq);
            IF one.seq IS NOT NULL THEN
                UPDATE ledger.book AS b SET last_seq = home.seq - 1 WHERE b.id = home.book_id;
            ELSE
                INSERT INTO ledger.voucher_series AS s (book_id, month, word, last_number)
                VALUES (home.book_id, date_trunc('month', p_value_date[i]::timestamp)::date, p_word[i], 1)
                ON CONFLICT (book_id, month, word) DO UPDATE SET last_number = s.last_number + 1
                RETURNING home.seq AS seq, s.last_number AS number INTO one;
            END IF;
            v_number[i] := one.number;
        END LOOP;
    ELSE
        SELECT min(u.reference) FILTER (WHERE e.body_sha256 <> decode(u.sha256, 'hex')), array_agg(b.id ORDER BY u.ord),
               array_agg(e.seq ORDER BY u.ord), array_agg(e.number ORDER BY u.ord)
          INTO v_refused, v_book, v_old, v_number
          FROM unnest(p_book, p_reference, p_sha256) WITH ORDINALITY AS u (code, reference, sha256, ord)
          JOIN ledger.book AS b USING (code)
          LEFT JOIN LATERAL (
            SELECT * FROM ledger.journal_entry AS e WHERE e.book_id = b.id AND e.reference >= u.reference
             ORDER BY e.reference LIMIT 1
          ) AS e ON e.reference = u.reference;
        IF v_refused IS NOT NULL THEN
            RAISE EXCEPTION '%', v_refused USING ERRCODE = 'FP004';
        END IF;

        WITH given AS MATERIALIZED (
            SELECT v_book[u.ord] AS book_id, date_trunc('month', u.value_date::timestamp)::date AS month, u.word, u.ord,
                   v_old[u.ord] AS old
              FROM unnest(p_value_date, p_word) WITH ORDINALITY AS u (value_date, word, ord)
        ), series AS (
            INSERT INTO ledger.voucher_series AS s (book_id, month, word, last_number)
            SELECT book_id, month, word, count(*)::integer FROM given WHERE old IS NULL
             GROUP BY book_id, month, word ORDER BY book_id, month, word
            ON CONFLICT (book_id, month, word) DO UPDATE SET last_number = s.last_number + excluded.last_number
            RETURNING s.book_id, s.month, s.word, s.last_number
        ), books AS (
            UPDATE ledger.book AS b SET last_seq = b.last_seq + n.fresh
              FROM (SELECT book_id, count(*) AS fresh FROM given WHERE old IS NULL GROUP BY book_id) AS n
             WHERE b.id = n.book_id
            RETURNING b.id AS book_id, b.last_seq
        ), numbered AS (
            SELECT n.ord, b.last_seq + 1 - row_number() OVER (PARTITION BY n.book_id ORDER BY n.ord DESC) AS seq,
                   s.last_number + 1 - row_number() OVER (PARTITION BY n.book_id, n.month, n.word ORDER BY n.ord DESC) AS number
              FROM given AS n JOIN books AS b USING (book_id) JOIN series AS s USING (book_id, month, word)
             WHERE n.old IS NULL
            UNION ALL SELECT n.ord, n.old, v_number[n.ord] FROM given AS n WHERE n.old IS NOT NULL
        )
        SELECT array_agg(n.seq ORDER BY n.ord), array_agg(n.number ORDER BY n.ord) INTO v_seq, v_number FROM numbered AS n;
    END IF;

    WITH entries AS (
        INSERT INTO ledger.journal_entry (book_id, seq, reference, kind, value_date, month, word, number, narration,
                                          event, reverses_seq, maker, checker, body_sha256, lines)
        SELECT v_book[u.ord], v_seq[u.ord], u.reference, u.kind, u.value_date,
               date_trunc('month', u.value_date::timestamp)::date, u.word, v_number[u.ord], u.narration, u.event, u.reverses,
               u.maker, u.checker, decode(u.sha256, 'hex'), u.lines
          FROM unnest(p_reference, p_kind, p_value_date, p_word, p_narration, p_event, p_reverses, p_maker, p_checker, p_sha256,
                      p_lines) WITH ORDINALITY
               AS u (reference, kind, value_date, word, narration, event, reverses, maker, checker, sha256, lines, ord)
         WHERE v_old[u.ord] IS NULL
    )
    INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date, county, bank, product, payer, kind,
                                loan_id, project)
    SELECT v_book[q.entry], v_seq[q.entry], q.line, q.account, q.side, q.fen, p_value_date[q.entry], q.county, q.bank, q.product,
           q.payer, q.kind, q.loan_id, q.project
      FROM unnest(q_entry, q_line, q_account, q_side, q_fen, q_county, q_bank, q_product, q_payer, q_kind, q_loan_id, q_project)
           AS q (entry, line, account, side, fen, county, bank, product, payer, kind, loan_id, project)
     WHERE v_old[q.entry] IS NULL;

    RETURN QUERY SELECT r.seq, r.number, r.old IS NULL FROM unnest(v_seq, v_number, v_old) AS r (seq, number, old);
END $$;
