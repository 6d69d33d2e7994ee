"""Opening balances (期初余额): one balanced entry on the day before a book's first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger.initialisation.load import LoadedEntry
from ledger.journal import NONE, Dimensions, Posting, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningLine:
    """What an account holds as a book begins: its debit or its credit balance, in fen, and by which dimensions."""

    line: int
    account: str
    side: Side
    fen: int
    dimensions: Dimensions = NONE


def opening(day: date, lines: Sequence[OpeningLine]) -> LoadedEntry:
    """Return the entry that brings balances as of the end of a day."""
    return LoadedEntry(
        line=0, day=day, reference=f"opening/{day}", narration="期初余额",
        postings=tuple(Posting(one.account, one.side, one.fen, one.dimensions) for one in lines),
        lines=tuple(one.line for one in lines),
    )  # fmt: skip
