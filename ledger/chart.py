"""The chart of accounts (科目表): dated files, so that another county or another year loads another.

A chart file is `charts/NAME.csv` with the columns books (kinds of book, separated by spaces), code, title,
side (D 借, C 贷, B either), pair (the other half of a memo pair, 表外), closes_to (where the year end carries it), manual
(yes: people may write vouchers on it; the others, 受控科目, are posted by the modules that must tie with them) and needs
(the dimension that a line on it must name, 辅助核算) and limited (yes: it may not fall below zero on any day, for each value of
that dimension; 不得透支).
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ledger.errors import BadChart

CHARTS = Path(__file__).parent / "charts"
COLUMNS = ["books", "code", "title", "side", "pair", "closes_to", "manual", "needs", "limited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account (科目) of a chart."""

    code: str
    title: str
    side: str
    pair: str | None
    closes_to: str | None
    manual: bool
    needs: str | None
    limited: bool

    @property
    def memo(self) -> bool:
        """Whether it stands off the balance sheet (表外)."""
        return self.pair is not None


@cache
def chart(name: str, book_kind: str, folder: Path = CHARTS) -> tuple[Account, ...]:
    """Return the accounts that a kind of book (RCF, ISF, PVA, LB) has in a chart file, in order of code.

    Raises:
        BadChart: no such file, wrong columns, or what `accounts_of` refuses.
    """
    return accounts_of(name, _rows(name, folder), book_kind)


def accounts_of(name: str, rows: Iterable[Mapping[str, str]], book_kind: str) -> tuple[Account, ...]:
    """Return the accounts that a kind of book has in the rows of a chart, in order of code.

    Raises:
        BadChart: a code twice, a side that is none, a pair or closing account that is not there, or no account at all.
    """
    accounts: dict[str, Account] = {}
    for row in rows:
        if book_kind not in row["books"].split():
            continue
        if row["code"] in accounts:
            raise BadChart(name, f"{row['code']} stands twice")
        if row["side"] not in ("D", "C", "B"):
            raise BadChart(name, f"{row['code']}: side must be D, C or B")
        accounts[row["code"]] = Account(
            code=row["code"], title=row["title"], side=row["side"],
            pair=row["pair"] or None, closes_to=row["closes_to"] or None, manual=row["manual"] == "yes",
            needs=row["needs"] or None, limited=row["limited"] == "yes",
        )  # fmt: skip
    for account in accounts.values():
        for other in (account.pair, account.closes_to):
            if other is not None and other not in accounts:
                raise BadChart(name, f"{account.code} names {other}, which is not in the chart")
    if not accounts:
        raise BadChart(name, f"has no accounts for a book of kind {book_kind}")
    return tuple(sorted(accounts.values(), key=lambda account: account.code))


def _rows(name: str, folder: Path) -> list[dict[str, str]]:
    path = folder / f"{name}.csv"
    if not path.exists():
        raise BadChart(name, "there is no such file")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise BadChart(name, f"columns must be {COLUMNS}")
        return list(reader)
