"""Turnover sources: where turnovers are read from, the journal or snapshots (余额快照) and the rest of the journal.

A snapshot holds what a book booked between two sequences, by month of the value date. Snapshots add up, so what was known
at a sequence is three sums: whole months of the snapshots up to it, the postings after the last of these snapshots, and the
snapped postings of the odd days at both ends of the time asked for. Pure: SQL comes out, its values are bound by the caller.
"""

from collections.abc import Collection, Sequence
from datetime import date

from ledger.calendar import DAY, next_month

SNAPPED = ("county", "bank", "product", "payer", "kind", "project")
"""The dimensions that snapshots keep. Loans are not among them: sums per loan are hardly fewer than postings."""

Days = tuple[date | None, date | None]
"""Half-open; None is no limit."""

_END = 2**63 - 1
_FEN = "CASE p.side WHEN 'D' THEN p.fen ELSE 0 END AS debit_fen, CASE p.side WHEN 'C' THEN p.fen ELSE 0 END AS credit_fen"
_KNOWN = "unnest(CAST(:known_books AS bigint[]), CAST(:known_seqs AS bigint[])) AS k (book_id, seq)"
_CONDITIONS = {
    "books": "p.book_id = ANY(:books)",
    "accounts": "p.account = ANY(:accounts)",
    "since": "p.value_date >= :since",
    "until": "p.value_date <= :until",
    "entry_kinds": "e.kind = ANY(:entry_kinds)",
}


def from_journal(asked: Collection[str], by: Sequence[str]) -> str:
    """Return the SQL of lines (book_id, account, dimensions in `by`, debit_fen, credit_fen) that reads postings only.

    Args:
        asked: the values that the question binds: books, accounts, since, until, entry_kinds, known_books with known_seqs.
        by: dimensions.
    """
    joined = " JOIN ledger.journal_entry e USING (book_id, seq)" if "entry_kinds" in asked else ""
    joined += f" JOIN {_KNOWN} ON k.book_id = p.book_id AND p.seq <= k.seq" if "known_books" in asked else ""
    conditions = [condition for name, condition in _CONDITIONS.items() if name in asked]
    return _lines("ledger.posting p" + joined, by, _FEN, conditions)


def from_snapshots(
    asked: Collection[str], by: Sequence[str], since: date | None, until: date | None
) -> tuple[str, dict[str, date]]:
    """Return the SQL of the same lines that reads snapshots where it can, and what it binds besides.

    PostgreSQL must read each book on its own (OFFSET 0): how far it is snapped is known only when the query runs, and a plan
    for all books at once would read the whole journal.
    """
    months, odd_days = split_days((since, until + DAY if until else None))
    filters = [_CONDITIONS[name] for name in ("accounts", "since", "until") if name in asked]
    after = "p.book_id = k.book_id AND p.seq > k.through AND p.seq <= k.asked"
    sources = [_lateral("known k", _lines("ledger.posting p", by, _FEN, [after, *filters]))]
    values: dict[str, date] = {}
    if months is not None:
        snapped = ["p.book_id = k.book_id AND p.through_seq <= k.through", *filters[: int("accounts" in asked)]]
        snapped += _between("p.month", "months", months, values)
        sources.append(_lateral("known k", _lines("ledger.snapshot_turnover p", by, "p.debit_fen, p.credit_fen", snapped)))
    for number, days in enumerate(odd_days):
        odd = ["p.book_id = k.book_id AND p.account = a.code AND p.seq <= k.through"]
        odd += _between("p.value_date", f"days{number}", days, values)
        outer = "known k JOIN ledger.account a ON k.through > 0 AND a.book_id = k.book_id"
        outer += " AND a.code = ANY(:accounts)" if "accounts" in asked else ""
        sources.append(_lateral(outer, _lines("ledger.posting p", by, _FEN, odd)))
    return f"WITH {_known(asked)} {' UNION ALL '.join(sources)}", values


def split_days(days: Days) -> tuple[Days | None, list[Days]]:
    """Return the whole months in a time, if there are any, and the odd days before and after them."""
    since, end = days
    first = since if since is None or since.day == 1 else next_month(since)
    last = None if end is None else end.replace(day=1)
    if first is not None and last is not None and first >= last:
        return None, [days]
    return (first, last), [odd for odd in ((since, first), (last, end)) if odd[0] != odd[1]]


def _known(asked: Collection[str]) -> str:
    """Return the SQL of the books asked for, with the last sequence that counts and the last snapshot up to it."""
    seq = "k.seq" if "known_books" in asked else str(_END)
    joined = f" JOIN {_KNOWN} ON k.book_id = b.id" if "known_books" in asked else ""
    where = " WHERE b.id = ANY(:books)" if "books" in asked else ""
    last = f"SELECT max(s.through_seq) FROM ledger.snapshot s WHERE s.book_id = b.id AND s.through_seq <= {seq}"
    return (
        f"known AS MATERIALIZED (SELECT b.id AS book_id, {seq} AS asked, coalesce(({last}), 0) AS through "
        f"FROM ledger.book b{joined}{where})"
    )


def _lateral(outer: str, lines: str) -> str:
    return f"SELECT lines.* FROM {outer} CROSS JOIN LATERAL ({lines} OFFSET 0) AS lines"


def _lines(source: str, by: Sequence[str], fen: str, conditions: Sequence[str]) -> str:
    columns = ", ".join(["p.book_id", "p.account", *(f"p.{name}" for name in by)])
    return f"SELECT {columns}, {fen} FROM {source}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")


def _between(column: str, name: str, days: Days, values: dict[str, date]) -> list[str]:
    """Return the conditions that a column lies in half-open days, and bind them."""
    bound = {f"{name}_from": (">=", days[0]), f"{name}_to": ("<", days[1])}
    values |= {key: day for key, (_, day) in bound.items() if day is not None}
    return [f"{column} {sign} :{key}" for key, (sign, day) in bound.items() if day is not None]
