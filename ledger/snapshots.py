"""Snapshots (余额快照): what a book booked between two sequences, summed by month, account and dimensions.

They are a cache of the journal and never the truth. A snapshot is of sequences, not of a period: what is posted up to a
sequence never changes, whichever months are closed or opened again and whatever is posted back into them later. So none is
ever changed, and together those up to a sequence are what was known at it.
"""

from collections.abc import Iterator

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from ledger.money import yuan
from ledger.tables import snapshot
from ledger.turnover_sources import SNAPPED

EVERY = 2048
"""Sequence numbers in a snapshot: fewer make more snapshots to add up, more leave more postings after the last one."""

LOCK = 0x73_6E_61_70

_KEYS = f"account, {', '.join(SNAPPED)}"
_SUMMED = (
    f"SELECT date_trunc('month', p.value_date::timestamp)::date AS month, {_KEYS}, "
    "coalesce(sum(p.fen) FILTER (WHERE p.side = 'D'), 0) AS debit_fen, "
    "coalesce(sum(p.fen) FILTER (WHERE p.side = 'C'), 0) AS credit_fen "
    "FROM ledger.posting p WHERE p.book_id = s.book_id AND p.seq > s.after_seq AND p.seq <= s.through_seq "
    f"GROUP BY date_trunc('month', p.value_date::timestamp), {_KEYS}"
)
_BOOKED = (
    "SELECT max(e.booked_at) AS booked_at FROM ledger.journal_entry e "
    "WHERE e.book_id = s.book_id AND e.seq > s.after_seq AND e.seq <= s.through_seq"
)

_TAKE = text(f"""
WITH due AS (
    SELECT b.id AS book_id, n AS through_seq, n - :every AS after_seq, last.booked_at
      FROM ledger.book b
      LEFT JOIN LATERAL (SELECT through_seq, booked_at FROM ledger.snapshot WHERE book_id = b.id
                         ORDER BY through_seq DESC LIMIT 1) AS last ON true
      CROSS JOIN generate_series(coalesce(last.through_seq, 0) + :every, b.last_seq, :every) AS n
), taken AS (
    INSERT INTO ledger.snapshot (book_id, through_seq, booked_at)
    SELECT s.book_id, s.through_seq,
           greatest(s.booked_at, max(latest.booked_at) OVER (PARTITION BY s.book_id ORDER BY s.through_seq))
      FROM due s CROSS JOIN LATERAL ({_BOOKED}) AS latest
    RETURNING book_id, through_seq
), lines AS (
    INSERT INTO ledger.snapshot_turnover (book_id, through_seq, line, month, {_KEYS}, debit_fen, credit_fen)
    SELECT s.book_id, s.through_seq, row_number() OVER (PARTITION BY s.book_id, s.through_seq ORDER BY month, {_KEYS}), summed.*
      FROM due s JOIN taken USING (book_id, through_seq) CROSS JOIN LATERAL ({_SUMMED}) AS summed
)
SELECT count(*) FROM taken
""")

_SPAN = (
    "span AS (SELECT book_id, through_seq, lag(through_seq, 1, 0::bigint) OVER (PARTITION BY book_id ORDER BY through_seq) "
    "AS after_seq, booked_at FROM ledger.snapshot)"
)
_DIFFERING_LINES = text(f"""
WITH {_SPAN}, line AS (
    SELECT book_id, through_seq, month, {_KEYS}, debit_fen AS kept_debit, credit_fen AS kept_credit, 0 AS debit, 0 AS credit,
           1 AS surplus
      FROM ledger.snapshot_turnover
    UNION ALL
    SELECT s.book_id, s.through_seq, summed.month, {", ".join(f"summed.{key}" for key in ("account", *SNAPPED))},
           0, 0, summed.debit_fen, summed.credit_fen, -1
      FROM span s CROSS JOIN LATERAL ({_SUMMED}) AS summed
), compared AS (
    SELECT book_id, through_seq, month, {_KEYS}, sum(debit) AS debit, sum(credit) AS credit,
           sum(kept_debit) AS kept_debit, sum(kept_credit) AS kept_credit
      FROM line GROUP BY book_id, through_seq, month, {_KEYS}
    HAVING sum(debit) <> sum(kept_debit) OR sum(credit) <> sum(kept_credit) OR sum(surplus) <> 0
)
SELECT DISTINCT ON (book_id) * FROM compared ORDER BY book_id, through_seq, month, {_KEYS}
""")
_DIFFERING_TIMES = text(f"""
WITH {_SPAN}, compared AS (
    SELECT s.book_id, s.through_seq, s.booked_at, max(latest.booked_at) OVER (PARTITION BY s.book_id ORDER BY s.through_seq) AS at
      FROM span s CROSS JOIN LATERAL ({_BOOKED}) AS latest
)
SELECT DISTINCT ON (book_id) book_id, through_seq FROM compared WHERE booked_at IS DISTINCT FROM at ORDER BY book_id, through_seq
""")


def take(session: Session, every: int = EVERY) -> int:
    """Take the snapshots that are due in all books and return their number; the cost is that of the new postings.

    It takes no lock that a poster waits for: what is at or below a book's last sequence as committed is there or never
    will be. A second taker waits for the first to end, and goes on where that one left off.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    return int(session.execute(_TAKE, {"every": every}).scalar_one())


def drop(session: Session) -> None:
    """Drop all snapshots: every answer stays the same, and `take` makes them anew."""
    session.execute(delete(snapshot))


def differences(session: Session) -> Iterator[tuple[int, str]]:
    """Yield, for each book whose snapshots are not what the journal says, its id and the first difference, in yuan."""
    for row in session.execute(_DIFFERING_LINES):
        dims = "".join(f" {value}" for value in (getattr(row, name) for name in SNAPPED) if value is not None)
        kept = f"借 {yuan(int(row.kept_debit))} 贷 {yuan(int(row.kept_credit))}"
        derived = f"借 {yuan(int(row.debit))} 贷 {yuan(int(row.credit))}"
        yield row.book_id, f"序号 {row.through_seq} {row.month:%Y-%m} {row.account}{dims}：快照 {kept}，分录 {derived}"
    for row in session.execute(_DIFFERING_TIMES):
        yield row.book_id, f"序号 {row.through_seq}：记账时间与凭证不符"
