"""Review of loads (审核): another person approves a load, which posts it, or discards it; what is posted may be undone whole."""

from collections.abc import Iterator, Sequence
from itertools import count, islice

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import Book, hold_books
from ledger.entries import reversed_in_red
from ledger.errors import LoadRefused
from ledger.initialisation.load import Load, LoadedEntry, Stage
from ledger.initialisation.queries import held_by, is_matched, last_event, load_numbered
from ledger.initialisation.tables import load_step
from ledger.initialisation.taking import AT_A_TIME, faults_of
from ledger.journal import BookCode, JournalEntry
from ledger.posting import post_many
from ledger.queries import entries
from ledger.reversal import FILE_UNDONE
from ledger.tables import book as book_table
from ledger.tables import journal_entry


def approve(session: Session, one: Load, actor: str) -> Load:
    """Approve a load that somebody else brought, and post it: all of its entries, in their order (审核、记账).

    Raises:
        LoadRefused: it does not wait, the actor brought it, or something speaks against it by now.
    """
    now = _require(session, one, "审核", Stage.WAITING)
    if actor == now.maker:
        raise LoadRefused(now.book.code, f"{actor} 导入了批 {now.id}，不能审核")
    held = list(held_by(session, now))
    if faults := list(faults_of(session, now.book, now.kind, held)):
        raise LoadRefused(now.book.code, "不能审核", faults)
    _step(session, now, Stage.POSTED, actor, "")
    first = int(session.scalar(select(book_table.c.last_seq).where(book_table.c.id == now.book.id)) or 0) + 1
    made = _entries(now, held, actor, first, _mark(session, now.book, held))
    for batch in _batches(made):
        posted = post_many(session, batch)
        if [place.seq for place in posted] != list(range(first, first + len(batch))):
            raise RuntimeError(f"load {now.id}: entries were not posted in their order")
        first += len(batch)
    return load_numbered(session, now.book, now.id)


def discard(session: Session, one: Load, reason: str, actor: str) -> Load:
    """Give a load up before it is approved (作废).

    Raises:
        LoadRefused: it does not wait, or there is no reason.
    """
    now = _require(session, one, "作废", Stage.WAITING)
    if not reason.strip():
        raise LoadRefused(now.book.code, "作废须说明理由")
    _step(session, now, Stage.DISCARDED, actor, reason.strip())
    return load_numbered(session, now.book, now.id)


def undo(session: Session, one: Load, reason: str, actor: str) -> Load:
    """Reverse a posted load in red as a whole, while nothing stands on it (撤销导入).

    Raises:
        LoadRefused: it is not posted, there is no reason, or something was posted or matched after it.
        PeriodClosed: a month of it is closed.
    """
    now = _require(session, one, "撤销", Stage.POSTED)
    if not reason.strip():
        raise LoadRefused(now.book.code, "撤销须说明理由")
    if last_event(session, now.book) != now.event:
        raise LoadRefused(now.book.code, f"导入批 {now.id} 之后已有凭证，不能撤销")
    if is_matched(session, now.book, now.event):
        raise LoadRefused(now.book.code, f"导入批 {now.id} 的分录已与银行对账单勾对，请先取消勾对")
    _step(session, now, Stage.UNDONE, actor, reason.strip())
    for batch in _batches(iter(list(_in_red(session, now, actor)))):
        post_many(session, batch)
    return load_numbered(session, now.book, now.id)


def _entries(one: Load, held: Sequence[LoadedEntry], checker: str, first: int, mark: str) -> Iterator[JournalEntry]:
    """Yield the entries of a load; `first` is the sequence of the first, so that red ones find what they reverse."""
    places = {entry.seq: place for place, entry in enumerate(held, start=first) if entry.seq is not None}
    for entry in held:
        yield JournalEntry(
            book=BookCode(one.book.code), reference=entry.reference + mark, kind=one.kind.entry_kind, value_date=entry.day,
            narration=entry.narration, postings=entry.postings, event=one.event, word=entry.word, maker=one.maker,
            checker=checker, reverses=None if entry.reverses is None else places[entry.reverses],
        )  # fmt: skip


def _in_red(session: Session, one: Load, actor: str) -> Iterator[JournalEntry]:
    """Yield the red entries of a posted load; what it reversed itself is done with."""
    mine = [stored for stored in entries(session, one.book.id) if stored.entry.event == one.event]
    settled = {stored.entry.reverses for stored in mine}
    for stored in mine:
        if stored.entry.reverses is None and stored.seq not in settled:
            yield reversed_in_red(stored, stored.entry.value_date, actor, FILE_UNDONE)


def _mark(session: Session, book: Book, held: Sequence[LoadedEntry]) -> str:
    """Return what tells the references of a load from those of one that was undone: nothing, or ~2, ~3 …"""
    for number in count(1):
        mark = "" if number == 1 else f"~{number}"
        named = [entry.reference + mark for entry in held]
        taken = any(
            session.scalar(
                select(journal_entry.c.seq)
                .where(journal_entry.c.book_id == book.id, journal_entry.c.reference.in_(named[at : at + AT_A_TIME]))
                .limit(1)
            )
            for at in range(0, len(named), AT_A_TIME)
        )
        if not taken:
            return mark
    raise AssertionError


def _batches(made: Iterator[JournalEntry]) -> Iterator[list[JournalEntry]]:
    while batch := list(islice(made, AT_A_TIME)):
        yield batch


def _require(session: Session, one: Load, deed: str, stage: Stage) -> Load:
    hold_books(session, [one.book.id])
    now = load_numbered(session, one.book, one.id)
    if now.stage is not stage:
        raise LoadRefused(now.book.code, f"导入批 {now.id} {now.stage.label}，不能{deed}")
    return now


def _step(session: Session, one: Load, stage: Stage, actor: str, reason: str) -> None:
    if not actor.strip():
        raise LoadRefused(one.book.code, "须由经办人办理")
    session.execute(insert(load_step).values(book_id=one.book.id, load_id=one.id, kind=stage.value, reason=reason, actor=actor))
    audit.record(session, actor, f"load {stage}", f"{one.book.code}/{one.file.name}", {"load": one.id, "reason": reason})
