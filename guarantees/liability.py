"""The pools' liability (风险补偿责任) in the night: share × covered principal, posted by difference to 9101/9102."""

from datetime import date

from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.queries import NO_LOAD, Loads, pools
from ledger.journal import Dimensions, JournalEntry, Posting
from ledger.posting import post_many
from ledger.queries import NOTHING, turnovers


def follow(session: Session, closing: date, found: Loads) -> int:
    """Bring every pool's 9101 to the sum of its rounded shares, as the night found it; return the fen posted."""
    all_pools = pools(session, closing).values()
    held = turnovers(session, books={one.book.id for one in all_pools}, accounts=[entries.LIABILITY], by=("bank",))
    lines: dict[int, list[Posting]] = {}
    mine = {}
    total = 0
    for one in all_pools:
        mine[one.book.id] = one.book
        target = found.get((one.book.id, one.bank), NO_LOAD).liability_fen
        fen = target - held.get((one.book.id, entries.LIABILITY, one.bank), NOTHING).balance_fen
        if fen:
            total += fen
            lines.setdefault(one.book.id, []).extend(
                entries.liability_changed(fen, Dimensions(county=one.book.county, bank=one.bank))
            )
    post_many(
        session,
        [
            JournalEntry(
                book=mine[book_id].code, reference=f"night/liability/{closing}", kind="guarantees.liability",
                value_date=closing, narration=f"{closing:%Y-%m-%d} 风险补偿责任变动", postings=tuple(postings),
                event=f"night/{closing}",
            )
            for book_id, postings in sorted(lines.items())
        ],
    )  # fmt: skip
    return total
