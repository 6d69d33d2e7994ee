"""Tracing (溯源): from an entry of the journal down to what it books: people, a loan's event, or the loans of a night.

Headings are English with the Chinese term beside it; amounts are yuan.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.money import percent, yuan
from ledger.queries import StoredEntry, entry_referenced, linked, reversals
from ledger.vouchers.entries import KIND
from ledger.vouchers.queries import steps
from loans import sources
from loans.terms import StreamKind
from scheduling.close import recorded

_NIGHT = re.compile(r"night/(\w+)/(\d{4}-\d{2}-\d{2})(?:~\d+)?")
_STEPS = {
    "charged": "settle", "rounded": "settle", "accrued": "accrue", "aged": "age", "liability": "pools", "relending": "relending",
}  # fmt: skip
"""The night's step (scheduling) that posts entries of a name."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table of what stands behind an entry; `note` sums it up."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """An entry, what stands behind it, and the entries that belong to it: reversed, reversing, of other books."""

    book: Book
    stored: StoredEntry
    sources: tuple[Source, ...]
    related: tuple[tuple[str, StoredEntry], ...]


def trace(session: Session, book: Book, reference: str) -> Trace:
    """Return what stands behind an entry of a book.

    Raises:
        UnknownEntry: no entry of the book bears the reference.
    """
    stored = entry_referenced(session, book.id, reference)
    related = [*reversals(session, book.id, stored)]
    if stored.entry.event:
        related += [("of the same event (同一业务)", other) for other in linked(session, stored.entry)]
    return Trace(book, stored, _sources(session, book, stored), tuple(related))


def _sources(session: Session, book: Book, stored: StoredEntry) -> tuple[Source, ...]:
    entry = stored.entry
    night = _NIGHT.fullmatch(entry.reference)
    if night:
        return _of_night(session, book, stored, night[1], date.fromisoformat(night[2]))
    if entry.kind == KIND:
        return _of_voucher(session, book, entry.event.removeprefix("voucher/"))
    found = sources.event_behind(session, book.id, entry.event)
    if found is None:
        return ()
    headings = (
        "contract (借据)",
        "event (业务)",
        "reference (流水号)",
        "takes effect (业务日期)",
        "booked on (营业日)",
        "by (经办人)",
    )
    row = (found.contract, found.kind, found.reference, str(found.value_date), str(found.business_date), found.actor)
    return (Source("loan event (贷款业务)", headings, (row,)),)


def _of_voucher(session: Session, book: Book, serial: str) -> tuple[Source, ...]:
    rows = [
        (f"{step.kind.label}", step.actor, str(step.body.get("reason", ""))) for step in steps(session, book, [serial])[serial]
    ]
    return (Source(f"voucher (凭证) {serial}", ("step (步骤)", "by (经办人)", "reason (理由)"), tuple(rows)),)


def _of_night(session: Session, book: Book, stored: StoredEntry, name: str, closing: date) -> tuple[Source, ...]:
    """Return the night's step with its counts, and the loans that it stands for in this book."""
    ran = [(step.name, key, f"{count:,}") for step in recorded(session, closing).steps if step.name == _STEPS.get(name)
           for key, count in step.counts.items()]  # fmt: skip
    night = Source(f"night (日终) of {closing}, all books", ("step (步骤)", "count (计数)", "figure (数量或分)"), tuple(ran))
    behind = _BEHIND.get(name)
    return (night, behind(session, book.id, closing, stored.seq)) if behind else (night,)


def _charges(session: Session, book_id: int, closing: date, seq: int) -> Source:
    found = sources.charges_behind(session, book_id, closing, seq)
    headings = ("contract (借据)", "kind (种类)", "from (起)", "to (止，不含)", "whole (利息)", "government (财政)")
    rows = [(one.contract, one.kind, str(one.start), str(one.end), yuan(one.whole_fen), yuan(one.gov_fen)) for one in found]
    whole, gov = sum(one.whole_fen for one in found), sum(one.gov_fen for one in found)
    note = f"{len(found)} charges, {yuan(whole)} yuan, of it government {yuan(gov)}"
    return Source("charges (结息明细)", headings, tuple(rows), note)


def _interest(session: Session, book_id: int, closing: date, seq: int) -> Source:
    found = sources.interest_behind(session, book_id, closing, seq)
    headings = ("kind (种类)", "rate (年利率)", "government (其中财政)", "state (状态)", "lines (笔数)", "base (计息本金)")
    rows = [
        (StreamKind(one.kind), percent(one.rate_ppb), percent(one.gov_ppb), one.state, f"{one.lines:,}", yuan(one.base_fen))
        for one in found
    ]
    return Source(f"interest that ran on {closing} (计息明细)", headings, tuple(rows))


def _touched(session: Session, book_id: int, _: date, seq: int) -> Source:
    found = sources.touched_behind(session, book_id, seq)
    headings = ("contract (借据)", "principal (本金)", "overdue (逾期)", "unpaid since (欠款起日)", "state (状态)")
    rows = [(one.contract, yuan(one.principal_fen), yuan(one.overdue_fen), str(one.oldest_due or ""), one.state) for one in found]
    return Source("loans that the night touched (当日变动的贷款)", headings, tuple(rows), f"{len(found)} loans")


_BEHIND: dict[str, Callable[[Session, int, date, int], Source]] = {
    "charged": _charges, "rounded": _charges, "accrued": _interest, "aged": _touched,
}  # fmt: skip
