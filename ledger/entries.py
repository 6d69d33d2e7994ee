"""The ledger's own entries: red-ink reversal and the year end. One pure function per economic event."""

from collections.abc import Mapping
from datetime import date

from ledger.journal import BookCode, JournalEntry, Posting, Side, in_red
from ledger.queries import StoredEntry, Turnover

YEAR_CLOSED = "ledger.year_closed"
"""The economic event of a year end, and of its taking back."""


def reversed_in_red(original: StoredEntry, value_date: date, maker: str, reason: str) -> JournalEntry:
    """Undo an entry for good: the same postings as negative amounts (红字冲销, domain.md 5.3).

    It is of the same kind, so that turnovers by kind fall with it.
    """
    entry = original.entry
    return JournalEntry(
        book=entry.book,
        reference=f"reversal/{entry.reference}",
        kind=entry.kind,
        value_date=value_date,
        narration=f"注销 {entry.value_date:%Y-%m} {entry.word}字{original.number}号凭证：{reason}",
        postings=in_red(entry.postings),
        event=entry.event,
        maker=maker,
        reverses=original.seq,
    )


def year_closed(
    book: BookCode, year: int, reference: str, balances: Mapping[str, Turnover], closes_to: Mapping[str, str]
) -> JournalEntry:
    """Carry the balances of income and expense accounts to where their chart closes them (结转), on 31 December."""
    postings: list[Posting] = []
    for account, turnover in sorted(balances.items()):
        residue = turnover.balance_fen
        side, other = (Side.CREDIT, Side.DEBIT) if residue > 0 else (Side.DEBIT, Side.CREDIT)
        postings += [Posting(account, side, abs(residue)), Posting(closes_to[account], other, abs(residue))]
    return JournalEntry(
        book=book,
        reference=reference,
        kind=YEAR_CLOSED,
        value_date=date(year, 12, 31),
        narration=f"{year}年度结转",
        postings=tuple(postings),
        event=f"year/{year}",
    )
