"""Questions of reports to the journal: flows of accounts over a span, the lines of a page, and what came into a fund."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from ledger.entries import YEAR_CLOSED
from ledger.queries import NOTHING, turnovers
from ledger.reports.formula import Flow
from ledger.reports.question import Question

Group: TypeAlias = tuple[object, ...]
"""(book id, *dimensions)."""
Flows: TypeAlias = dict[Group, dict[str, Flow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTitle:
    """An account as the books asked have it."""

    code: str
    title: str
    side: str
    memo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedLine:
    """A posting on an account's page, in fen: its voucher, what it says, and the accounts on its other side (对方科目)."""

    book_id: int
    seq: int
    day: date
    word: str
    number: int
    narration: str
    account: str
    debit: int
    credit: int
    others: tuple[str, ...]
    dimensions: Mapping[str, str | None]


def account_titles(session: Session, books: Collection[int]) -> dict[str, AccountTitle]:
    """Return the accounts of books by code, in order."""
    rows = session.execute(
        text(
            "SELECT DISTINCT ON (code) code, title, side, pair IS NOT NULL AS memo FROM ledger.account "
            "WHERE book_id = ANY(:books) ORDER BY code, book_id"
        ),
        {"books": list(books)},
    )
    return {row.code: AccountTitle(**row._asdict()) for row in rows}


def flows(
    session: Session, asked: Question, since: date | None, end: date, *, by: Sequence[str] = (), kinds: Collection[str] = (),
    accounts: Collection[str] | None = None, with_year_end: bool = False,
) -> Flows:  # fmt: skip
    """Return what passed over accounts in `[since, end)`, by (book id, *dimensions) and account.

    Args:
        session: the session.
        asked: of which books, as known when.
        since: the first day; None: from the beginning.
        end: the first day after.
        by: dimensions that divide the figures.
        kinds: only entries of these kinds, whose balances are not told; none: all.
        accounts: codes; None: all.
        with_year_end: whether turnovers hold what the year end carries over (结转); balances always do.
    """
    common: dict[str, Any] = {"books": asked.ids, "accounts": accounts, "up_to_seq": asked.known_at, "by": by}
    found: Flows = {}
    within = turnovers(session, since=since, until=end - DAY, entry_kinds=list(kinds) or None, **common)
    before = turnovers(session, until=since - DAY, **common) if since is not None and not kinds else {}
    carried = {}
    if not with_year_end and not kinds:
        carried = turnovers(session, since=since, until=end - DAY, entry_kinds=[YEAR_CLOSED], **common)
    for key in sorted({*before, *within}, key=str):
        book_id, account, *dimensions = key
        opening = before.get(key, NOTHING).balance_fen
        passed, over = within.get(key, NOTHING), carried.get(key, NOTHING)
        found.setdefault((book_id, *dimensions), {})[str(account)] = Flow(
            opening=opening, debit=passed.debit_fen - over.debit_fen, credit=passed.credit_fen - over.credit_fen,
            closing=opening + passed.balance_fen,
        )  # fmt: skip
    return found


def months(session: Session, asked: Question, since: date, accounts: Collection[str]) -> dict[str, list[tuple[date, int, int]]]:
    """Return what passed over accounts month by month up to the end asked for: (month, debits, credits), by account."""
    rows = session.execute(
        text(
            "SELECT p.account, date_trunc('month', p.value_date::timestamp)::date AS month, "
            "coalesce(sum(p.fen) FILTER (WHERE p.side = 'D'), 0)::bigint AS debit, "
            "coalesce(sum(p.fen) FILTER (WHERE p.side = 'C'), 0)::bigint AS credit "
            f"FROM ledger.posting p {_KNOWN} WHERE {_ASKED} GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        _values(asked, since, accounts),
    )
    found: dict[str, list[tuple[date, int, int]]] = {}
    for row in rows:
        found.setdefault(row.account, []).append((row.month, row.debit, row.credit))
    return found


def posted_lines(
    session: Session, asked: Question, accounts: Collection[str], by: Sequence[str] = (), since: date | None = None
) -> Iterator[PostedLine]:
    """Yield the postings on accounts over the period asked for, or from another day on, in the order in which pages have them."""
    dimensions = "".join(f", p.{name}" for name in by)
    rows = session.execute(
        text(
            "SELECT p.book_id, p.seq, p.line, p.account, p.side, p.fen, p.value_date, e.word, e.number, e.narration"
            f"{dimensions}, ARRAY({_OTHERS}) AS others FROM ledger.posting p JOIN ledger.journal_entry e USING (book_id, seq) "
            f"JOIN ledger.account a ON a.book_id = p.book_id AND a.code = p.account {_KNOWN} "
            f"WHERE {_ASKED} ORDER BY p.value_date, p.book_id, p.seq, p.line"
        ),
        _values(asked, since or asked.since, accounts),
    )
    for row in rows:
        yield PostedLine(
            book_id=row.book_id, seq=row.seq, day=row.value_date, word=row.word, number=row.number, narration=row.narration,
            account=row.account, debit=row.fen if row.side == "D" else 0, credit=row.fen if row.side == "C" else 0,
            others=tuple(row.others), dimensions={name: _code(getattr(row, name)) for name in by},
        )  # fmt: skip


def _code(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """Money that came into a fund, in fen, negative where it was taken back in red: `reverses` names what that reverses."""

    book_id: int
    seq: int
    day: date
    account: str
    narration: str
    fen: int
    reverses: int | None


def incomes(session: Session, asked: Question, accounts: Collection[str]) -> list[Income]:
    """Return what was credited to accounts of income up to the end asked for, less what was debited, the year end left out."""
    rows = session.execute(
        text(
            "SELECT p.book_id, p.seq, p.value_date AS day, p.account, e.narration, e.reverses_seq AS reverses, "
            "sum(CASE p.side WHEN 'C' THEN p.fen ELSE -p.fen END)::bigint AS fen "
            f"FROM ledger.posting p JOIN ledger.journal_entry e USING (book_id, seq) {_KNOWN} "
            f"WHERE {_ASKED} AND e.kind <> :year_closed GROUP BY 1, 2, 3, 4, 5, 6 "
            "ORDER BY p.book_id, p.value_date, p.seq, p.account"
        ),
        {**_values(asked, date.min, accounts), "year_closed": YEAR_CLOSED},
    )
    return [Income(**row._asdict()) for row in rows]


_ASKED = (
    "p.book_id = ANY(:books) AND p.account = ANY(:accounts) AND p.value_date >= :since AND p.value_date < :end "
    "AND (k.last IS NULL OR p.seq <= k.last)"
)
_KNOWN = (
    "LEFT JOIN unnest(CAST(:known_books AS bigint[]), CAST(:known_seqs AS bigint[])) AS k (book_id, last) "
    "ON k.book_id = p.book_id"
)
_OTHERS = """
    SELECT DISTINCT o.account FROM ledger.posting o JOIN ledger.account oa ON oa.book_id = o.book_id AND oa.code = o.account
     WHERE o.book_id = p.book_id AND o.seq = p.seq AND o.account <> p.account AND (oa.pair IS NULL) = (a.pair IS NULL)
       AND sign(o.fen) * (CASE o.side WHEN 'D' THEN 1 ELSE -1 END) <> sign(p.fen) * (CASE p.side WHEN 'D' THEN 1 ELSE -1 END)
     ORDER BY o.account
"""
"""What stands on the other side: in red ink that may be the same side, the sign tells."""


def _values(asked: Question, since: date, accounts: Collection[str]) -> dict[str, object]:
    known = asked.known_at or {}
    return {
        "books": asked.ids, "accounts": list(accounts), "since": since, "end": asked.end, "known_books": list(known),
        "known_seqs": list(known.values()),
    }  # fmt: skip
