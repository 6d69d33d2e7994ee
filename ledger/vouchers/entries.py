"""What a voucher posts: its own entry, the red one of what it takes back, or both (订正)."""

from dataclasses import replace
from datetime import date

from ledger.entries import reversed_in_red
from ledger.journal import BookCode, JournalEntry, Posting
from ledger.queries import StoredEntry
from ledger.vouchers.voucher import Voucher

KIND = "ledger.voucher"
"""The economic event of an entry that people wrote; of every other kind the module that made it takes it back."""


def posted(voucher: Voucher, original: StoredEntry | None, red_on: date | None) -> list[JournalEntry]:
    """Return the entries of an approved voucher.

    Args:
        voucher: what is approved.
        original: the entry that it corrects; none: it corrects nothing.
        red_on: the day of the red entry; none: the original is of an earlier year and stays as it is.

    Raises:
        EmptyEntry, UnbalancedEntry: its lines are no entry.
    """
    content, checker = voucher.content, voucher.checker or ""
    made = []
    if original is not None and red_on is not None:
        red = reversed_in_red(original, red_on, voucher.maker, content.narration)
        made.append(replace(red, checker=checker, event=voucher.event))
    if content.postings:
        narration = content.narration
        if original is not None:
            narration = f"订正 {original.entry.value_date:%Y-%m} {original.entry.word}字{original.number}号凭证：{narration}"
        made.append(
            JournalEntry(
                book=BookCode(voucher.book.code), reference=voucher.event, kind=KIND, value_date=content.value_date,
                narration=narration, postings=tuple(_of_book(voucher, p) for p in content.postings), event=voucher.event,
                word=content.word, maker=voucher.maker, checker=checker,
            )
        )  # fmt: skip
    return made


def _of_book(voucher: Voucher, posting: Posting) -> Posting:
    """Return a line with the county and the bank of its book, where it names none."""
    dims, book = posting.dimensions, voucher.book
    return replace(posting, dimensions=replace(dims, county=dims.county or book.county, bank=dims.bank or book.bank))
