"""What must tie in bank reconciliation, re-derived from statements, lines and matches."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.ties import Check

_STANDING = """
    standing AS (SELECT s.* FROM ledger.bank_statement s WHERE NOT EXISTS (
        SELECT FROM ledger.bank_statement_undo u WHERE u.book_id = s.book_id AND u.statement_id = s.id)),
    member AS (SELECT m.* FROM ledger.bank_match_member m WHERE NOT EXISTS (
        SELECT FROM ledger.bank_unmatch u WHERE u.book_id = m.book_id AND u.match_id = m.match_id))
"""
_NONE_LEFT = (
    (
        "statements whose opening and lines don't come to their closing",
        "SELECT count(*) FROM standing s WHERE s.closing_fen <> s.opening_fen + coalesce((SELECT sum(l.fen) "
        "FROM ledger.bank_line l WHERE l.book_id = s.book_id AND l.statement_id = s.id AND l.number > 0), 0)",
    ),
    (
        "statements that don't continue the one before",
        "SELECT count(*) FROM (SELECT start_date, opening_fen, lag(end_date) OVER w AS ended, lag(closing_fen) OVER w AS closed "
        "FROM standing WINDOW w AS (PARTITION BY book_id, bank ORDER BY start_date)) AS s "
        "WHERE (start_date, opening_fen) <> (ended, closed)",
    ),
    (
        "matches whose sides differ",
        "SELECT count(*) FROM (SELECT FROM member m "
        "LEFT JOIN ledger.posting p ON p.book_id = m.book_id AND p.seq = m.seq AND p.line = m.line "
        "LEFT JOIN ledger.bank_line l ON l.book_id = m.book_id AND l.statement_id = m.statement_id AND l.number = m.number "
        "GROUP BY m.book_id, m.match_id HAVING coalesce(sum(CASE p.side WHEN 'D' THEN p.fen WHEN 'C' THEN -p.fen END), 0) "
        "<> coalesce(sum(l.fen), 0)) AS differing",
    ),
    (
        "postings or lines in two matches",
        "SELECT count(*) FROM (SELECT FROM member GROUP BY book_id, seq, line, statement_id, number HAVING count(*) > 1) AS t",
    ),
    (
        "matches of lines whose statement was undone",
        "SELECT count(*) FROM member m WHERE m.statement_id IS NOT NULL AND NOT EXISTS "
        "(SELECT FROM standing s WHERE s.book_id = m.book_id AND s.id = m.statement_id)",
    ),
)


def checks(session: Session) -> Iterator[Check]:
    """Yield the checks: statements add up and continue each other, matches are equal and hold nothing twice."""
    for name, query in _NONE_LEFT:
        yield Check(
            check=f"ledger: bank reconciliation: {name}",
            expected="0",
            actual=str(session.scalar(text(f"WITH {_STANDING} {query}"))),
        )
