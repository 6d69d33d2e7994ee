"""What must tie in the ledger (accounting.md, ties 1 and 6), re-derived from the journal itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger import snapshots
from ledger.books import books


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `fupin verify`: what is checked, what it should be, what it is."""

    check: str
    expected: str
    actual: str

    @property
    def ok(self) -> bool:
        """Whether they are the same."""
        return self.expected == self.actual


_RUNNING = (
    "SELECT book_id, account, whose, value_date AS day, "
    "sum(sum(fen)) OVER (PARTITION BY book_id, account, whose ORDER BY value_date) AS fen "
    "FROM (SELECT p.book_id, p.account, ledger.whose(a.needs, p.bank, p.project) AS whose, p.value_date, "
    "CASE p.side WHEN a.side THEN p.fen ELSE -p.fen END AS fen FROM ledger.posting p JOIN ledger.account a "
    "ON a.book_id = p.book_id AND a.code = p.account WHERE a.limited) AS moved GROUP BY book_id, account, whose, value_date"
)

_NONE_LEFT = (
    (
        "entries out of balance",
        "SELECT count(*) FROM (SELECT FROM ledger.posting GROUP BY book_id, seq "
        "HAVING sum(CASE side WHEN 'D' THEN fen ELSE -fen END) <> 0) AS unbalanced",
    ),
    (
        "entries whose postings are not all there",
        "SELECT count(*) FROM ledger.journal_entry e WHERE e.lines <> "
        "(SELECT count(*) FROM ledger.posting p WHERE p.book_id = e.book_id AND p.seq = e.seq AND p.value_date = e.value_date)",
    ),
    (
        "gaps in voucher numbers per book, month and word",
        "SELECT count(*) FROM (SELECT count(*) AS held, max(number) AS last, min(number) AS first "
        "FROM ledger.journal_entry GROUP BY book_id, month, word) AS series WHERE held <> last OR first <> 1",
    ),
    (
        "days on which an account that may not is overdrawn",
        "SELECT count(*) FROM (" + _RUNNING + ") AS daily WHERE fen < 0",
    ),
    (
        "running balances of such accounts that differ from the journal",
        "SELECT count(*) FROM (" + _RUNNING + ") AS daily FULL JOIN ledger.running_balance AS r "
        "USING (book_id, account, whose, day) WHERE daily.fen IS DISTINCT FROM r.fen",
    ),
    (
        "red entries that differ from what they reverse",
        "SELECT count(*) FROM (SELECT e.book_id, e.seq FROM ledger.journal_entry e "
        "JOIN ledger.posting p ON p.book_id = e.book_id AND p.seq IN (e.seq, e.reverses_seq) "
        "WHERE e.reverses_seq IS NOT NULL GROUP BY e.book_id, e.seq, p.account, p.side HAVING sum(p.fen) <> 0) AS differing",
    ),
)


def checks(session: Session) -> Iterator[Check]:
    """Yield the ledger's checks: balance, completeness, numbers, cash, trial balances and memo pairs."""
    for name, query in _NONE_LEFT:
        yield Check(check=f"ledger: {name}", expected="0", actual=str(session.scalar(text(query))))
    for code, residue in session.execute(
        text(
            "SELECT b.code, coalesce(sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END), 0) "
            "FROM ledger.book b LEFT JOIN ledger.posting p ON p.book_id = b.id GROUP BY b.id, b.code ORDER BY b.id"
        )
    ):
        yield Check(check=f"ledger: trial balance of {code}", expected="0", actual=str(residue))
    for code, account, pair, held, mirrored in session.execute(
        text(
            "WITH held AS (SELECT book_id, account, sum(CASE side WHEN 'D' THEN fen ELSE -fen END) AS fen "
            "FROM ledger.posting GROUP BY book_id, account) "
            "SELECT b.code, a.code, a.pair, coalesce(h.fen, 0), coalesce(-m.fen, 0) FROM ledger.account a "
            "JOIN ledger.book b ON b.id = a.book_id "
            "LEFT JOIN held h ON h.book_id = a.book_id AND h.account = a.code "
            "LEFT JOIN held m ON m.book_id = a.book_id AND m.account = a.pair "
            "WHERE a.pair IS NOT NULL AND a.side = 'D' AND b.kind <> 'ARC' ORDER BY b.id, a.code"
        )
    ):
        yield Check(check=f"ledger: memo pair {account}/{pair} of {code}", expected=str(held), actual=str(mirrored))
    differing = dict(reversed(list(snapshots.differences(session))))
    for one in books(session):
        actual = differing.get(one.id, "as the journal says")
        yield Check(check=f"ledger: snapshots (余额快照) of {one.code}", expected="as the journal says", actual=actual)
