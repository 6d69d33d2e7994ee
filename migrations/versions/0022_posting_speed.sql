-- Plans of these functions live as long as a connection, as made in its first call; they must be good for one row and for ten
-- thousand. So nothing of what came is joined: what came and what it belongs to are two parts of one set, grouped by its key; and
-- ranges of the journal are read in the order that only their own key has.

-- Entries, once per statement: their months are open; people's were approved, and those of a load with the load, or are red as it
-- is undone. Where each has its first posting, the law of postings has seen them; else they are looked at again at the end.
CREATE OR REPLACE FUNCTION ledger.check_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
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
           bool_or((SELECT p.seq FROM ledger.posting AS p
                     WHERE p.book_id = a.book_id AND p.seq BETWEEN a.seq AND a.seq AND p.line = 1
                     ORDER BY p.seq LIMIT 1) IS NULL)
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
-- Postings, once per statement: those of an entry balance and bear its date, or are looked at again at the end; none is added to
-- an entry that is complete; what is limited stays at zero or above.
CREATE OR REPLACE FUNCTION ledger.check_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    late boolean;
    complete boolean;
    limited boolean;
    moved record;
    held record;
    behind boolean;
    short record;
BEGIN
    SELECT bool_or(b.first < 1 OR b.last > b.lines),
           bool_and(b.held = b.lines AND b.residue = 0 AND b.since = b.until),
           (SELECT bool_or((SELECT c.limited FROM ledger.account AS c WHERE c.book_id = d.book_id AND c.code = d.account))
              FROM (SELECT DISTINCT book_id, account FROM arrived) AS d)
      INTO late, complete, limited
      FROM (
        SELECT max(u.lines) AS lines, count(u.line) AS held, sum(u.fen) AS residue, min(u.line) AS first, max(u.line) AS last,
               min(u.value_date) AS since, max(u.value_date) AS until
          FROM (
            SELECT a.book_id, a.seq, NULL::smallint AS lines, a.line, CASE a.side WHEN 'D' THEN a.fen ELSE -a.fen END AS fen,
                   a.value_date
              FROM arrived AS a
            UNION ALL
            SELECT e.book_id, e.seq, e.lines, NULL, NULL, e.value_date
              FROM (SELECT book_id, min(seq) AS first, max(seq) AS last FROM arrived GROUP BY book_id) AS s
             CROSS JOIN LATERAL (
                SELECT o.book_id, o.seq, o.lines, o.value_date FROM ledger.journal_entry AS o
                 WHERE o.book_id = s.book_id AND o.seq BETWEEN s.first AND s.last ORDER BY o.book_id, o.seq
             ) AS e
          ) AS u
         GROUP BY u.book_id, u.seq HAVING count(u.line) > 0
      ) AS b;
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
    FOR moved IN
        SELECT m.*, b.code, sum(m.fen) OVER w AS by_fen, lead(m.day, 1, 'infinity') OVER w AS until
          FROM (
            SELECT a.book_id, a.account, ledger.whose(c.needs, a.bank, a.project) AS whose, a.value_date AS day,
                   sum(CASE a.side WHEN c.side THEN a.fen ELSE -a.fen END) AS fen
              FROM arrived AS a JOIN ledger.account AS c ON c.book_id = a.book_id AND c.code = a.account WHERE c.limited
             GROUP BY 1, 2, 3, 4
          ) AS m JOIN ledger.book AS b ON b.id = m.book_id
        WINDOW w AS (PARTITION BY m.book_id, m.account, m.whose ORDER BY m.day)
         ORDER BY b.code, m.account, m.whose, m.day
    LOOP
        SELECT r.day, r.fen INTO held FROM ledger.running_balance AS r
         WHERE r.book_id = moved.book_id AND r.account = moved.account AND r.whose = moved.whose ORDER BY r.day DESC LIMIT 1;
        behind := held.day > moved.day;
        IF behind THEN
            SELECT r.day, r.fen INTO held FROM ledger.running_balance AS r
             WHERE r.book_id = moved.book_id AND r.account = moved.account AND r.whose = moved.whose AND r.day <= moved.day
             ORDER BY r.day DESC LIMIT 1;
        END IF;

        -- A row of an earlier day has the days before this one in it already; one of this day has none of them yet.
        INSERT INTO ledger.running_balance AS r (book_id, account, whose, day, fen)
        VALUES (moved.book_id, moved.account, moved.whose, moved.day,
                coalesce(held.fen, 0) + CASE held.day WHEN moved.day THEN moved.by_fen ELSE moved.fen END)
        ON CONFLICT (book_id, account, whose, day) DO UPDATE SET fen = excluded.fen
        RETURNING r.day, r.fen INTO short;
        IF behind AND moved.by_fen <> 0 THEN
            UPDATE ledger.running_balance AS r SET fen = r.fen + moved.by_fen
             WHERE r.book_id = moved.book_id AND r.account = moved.account AND r.whose = moved.whose
               AND r.day > moved.day AND r.day < moved.until;
            IF short.fen >= 0 AND moved.by_fen < 0 THEN
                SELECT r.day, r.fen INTO short FROM ledger.running_balance AS r
                 WHERE r.book_id = moved.book_id AND r.account = moved.account AND r.whose = moved.whose
                   AND r.day > moved.day AND r.day < moved.until AND r.fen < 0 ORDER BY r.day LIMIT 1;
            END IF;
        END IF;
        IF short.fen < 0 AND moved.by_fen < 0 THEN
            RAISE EXCEPTION '%|%|%|%|%|%', moved.code, moved.account, moved.whose, short.day, short.fen - moved.by_fen,
                -moved.by_fen USING ERRCODE = 'FP008';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- Who comes without any posting has none.
CREATE OR REPLACE FUNCTION ledger.check_unfinished_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
DECLARE
    one record;
BEGIN
    SELECT e.reference, e.lines, count(p.line) AS arrived, sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END) AS residue,
           count(*) FILTER (WHERE p.value_date <> e.value_date) AS strangers
      INTO one
      FROM ledger.journal_entry AS e LEFT JOIN ledger.posting AS p USING (book_id, seq)
     WHERE e.book_id = NEW.book_id AND e.seq = NEW.seq GROUP BY e.reference, e.lines;
    IF one.arrived <> one.lines OR one.residue IS DISTINCT FROM 0 OR one.strangers > 0 THEN
        RAISE EXCEPTION 'entry %: % postings of %, debits less credits leave % fen, % with another value date',
            one.reference, one.arrived, one.lines, coalesce(one.residue, 0), one.strangers USING ERRCODE = 'FP002';
    END IF;
    DELETE FROM ledger.unfinished_entry AS u WHERE u.book_id = NEW.book_id AND u.seq = NEW.seq;
    RETURN NULL;
END $$;

-- Posts a batch, all laws on. Entries whose reference is already posted with the same body are left as they are; `fresh` tells
-- which were new; where a book is unknown, nothing is written and nothing returned. Few entries are numbered one by one, many by
-- sets and taken for new: if a key says that one is not, all is undone and each reference looked up first. All of a batch is
-- written by one statement. What an entry or a line needs of another set it takes from arrays by its place, never by a join.
DROP FUNCTION ledger.post_many(text[], text[], text[], date[], text[], text[], text[], bigint[], text[], text[], text[], smallint[],
                               integer[], smallint[], text[], text[], bigint[], text[], text[], text[], text[], text[], bigint[],
                               text[]);
CREATE FUNCTION ledger.post_many(
    p_book text[], p_reference text[], p_kind text[], p_value_date date[], p_word text[], p_narration text[],
    p_event text[], p_reverses bigint[], p_maker text[], p_checker text[], p_sha256 text[], p_lines smallint[],
    q_entry integer[], q_line smallint[], q_account text[], q_side text[], q_fen bigint[], q_county text[], q_bank text[],
    q_product text[], q_payer text[], q_kind text[], q_loan_id bigint[], q_project text[], p_new boolean
) RETURNS TABLE (entry_seq bigint, entry_number integer, fresh boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
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
            INSERT INTO ledger.voucher_series AS s (book_id, month, word, last_number)
            SELECT home.book_id, date_trunc('month', p_value_date[i]::timestamp)::date, p_word[i], 1
             WHERE p_reference[i] IS DISTINCT FROM (
                SELECT o.reference FROM ledger.journal_entry AS o WHERE o.book_id = home.book_id AND o.reference >= p_reference[i]
                 ORDER BY o.reference LIMIT 1)
            ON CONFLICT (book_id, month, word) DO UPDATE SET last_number = s.last_number + 1
            RETURNING NULL::bigint AS old, home.seq AS seq, s.last_number AS number INTO one;
            IF NOT FOUND THEN
                SELECT e.seq AS old, e.seq, e.number, e.body_sha256 INTO one FROM ledger.journal_entry AS e
                 WHERE e.book_id = home.book_id AND e.reference = p_reference[i];
                IF one.body_sha256 <> decode(p_sha256[i], 'hex') THEN
                    RAISE EXCEPTION '%', p_reference[i] USING ERRCODE = 'FP004';
                END IF;
                UPDATE ledger.book AS b SET last_seq = home.seq - 1 WHERE b.id = home.book_id;
            END IF;
            v_book[i] := home.book_id;
            v_old[i] := one.old;
            v_seq[i] := one.seq;
            v_number[i] := one.number;
        END LOOP;
    ELSE
        IF p_new THEN
            SELECT array_agg(b.id ORDER BY u.ord) INTO v_book
              FROM unnest(p_book) WITH ORDINALITY AS u (code, ord) JOIN ledger.book AS b USING (code);
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

    FOR i IN 1 .. cardinality(p_book) LOOP
        entry_seq := v_seq[i];
        entry_number := v_number[i];
        fresh := v_old[i] IS NULL;
        RETURN NEXT;
    END LOOP;
END $$;

-- Posts many that look new: a key tells when one is not, which takes back all of it, and then each reference is looked up.
CREATE FUNCTION ledger.post_new(
    p_book text[], p_reference text[], p_kind text[], p_value_date date[], p_word text[], p_narration text[],
    p_event text[], p_reverses bigint[], p_maker text[], p_checker text[], p_sha256 text[], p_lines smallint[],
    q_entry integer[], q_line smallint[], q_account text[], q_side text[], q_fen bigint[], q_county text[], q_bank text[],
    q_product text[], q_payer text[], q_kind text[], q_loan_id bigint[], q_project text[]
) RETURNS TABLE (entry_seq bigint, entry_number integer, fresh boolean) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM ledger.post_many(
        p_book, p_reference, p_kind, p_value_date, p_word, p_narration, p_event, p_reverses, p_maker, p_checker, p_sha256, p_lines,
        q_entry, q_line, q_account, q_side, q_fen, q_county, q_bank, q_product, q_payer, q_kind, q_loan_id, q_project, true);
EXCEPTION WHEN unique_violation THEN
    RETURN QUERY SELECT * FROM ledger.post_many(
        p_book, p_reference, p_kind, p_value_date, p_word, p_narration, p_event, p_reverses, p_maker, p_checker, p_sha256, p_lines,
        q_entry, q_line, q_account, q_side, q_fen, q_county, q_bank, q_product, q_payer, q_kind, q_loan_id, q_project, false);
END $$;
