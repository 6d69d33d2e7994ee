"""Questions to the loads of a book: what stands of them, what they hold, and whether the book is still being initialised."""

from collections.abc import Iterator

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ledger.banking.tables import bank_match_member, bank_unmatch
from ledger.books import Book
from ledger.errors import LoadRefused
from ledger.initialisation.load import ENTRY_KINDS, File, Load, LoadedEntry, LoadKind, Stage, entry_from
from ledger.initialisation.tables import load, load_step, loaded_entry
from ledger.tables import journal_entry


def loads(session: Session, book: Book) -> list[Load]:
    """Return the loads of a book in their order."""
    steps: dict[int, dict[str, str]] = {}
    for row in session.execute(select(load_step).where(load_step.c.book_id == book.id).order_by(load_step.c.taken_at)):
        steps.setdefault(row.load_id, {})[row.kind] = row.actor
    found = []
    for row in session.execute(select(load).where(load.c.book_id == book.id).order_by(load.c.id)):
        taken = steps.get(row.id, {})
        stage = next((s for s in (Stage.UNDONE, Stage.POSTED, Stage.DISCARDED) if s in taken), Stage.WAITING)
        file = File(name=row.file_name, sha256=row.sha256)
        found.append(
            Load(
                book=book, id=row.id, kind=LoadKind(row.kind), file=file, entries=row.entries, maker=row.maker, stage=stage,
                checker=taken.get(Stage.POSTED),
            )
        )  # fmt: skip
    return found


def load_numbered(session: Session, book: Book, number: int) -> Load:
    """Return a load of a book.

    Raises:
        LoadRefused: there is none of that number.
    """
    found = next((one for one in loads(session, book) if one.id == number), None)
    if found is None:
        raise LoadRefused(book.code, f"没有导入批 {number}")
    return found


def held_by(session: Session, one: Load) -> Iterator[LoadedEntry]:
    """Yield the entries of a load in their order."""
    mine = (loaded_entry.c.book_id == one.book.id) & (loaded_entry.c.load_id == one.id)
    for body in session.scalars(select(loaded_entry.c.body).where(mine).order_by(loaded_entry.c.number)):
        yield entry_from(body)


def has_own_entries(session: Session, book: Book) -> bool:
    """Tell whether a module or a person has posted in a book, so that its initialisation is over."""
    mine = (journal_entry.c.book_id == book.id) & journal_entry.c.kind.not_in(ENTRY_KINDS)
    return bool(session.scalar(select(exists().where(mine))))


def stands(session: Session, book: Book) -> bool:
    """Tell whether anything posted in a book stands, loads that were undone left aside."""
    return bool(last_event(session, book))


def last_event(session: Session, book: Book) -> str | None:
    """Return the event of the last entry of a book that stands, loads that were undone left aside; None if there is none."""
    undone = [one.event for one in loads(session, book) if one.stage is Stage.UNDONE]
    mine = (journal_entry.c.book_id == book.id) & journal_entry.c.event.not_in(undone)
    last = select(journal_entry.c.kind, journal_entry.c.event).where(mine).order_by(journal_entry.c.seq.desc()).limit(1)
    row = session.execute(last).one_or_none()
    return None if row is None else row.event or row.kind


def is_matched(session: Session, book: Book, event: str) -> bool:
    """Tell whether a posting of an event is matched with a bank's line (勾对)."""
    m, u = bank_match_member.c, bank_unmatch.c
    seqs = select(journal_entry.c.seq).where(journal_entry.c.book_id == book.id, journal_entry.c.event == event)
    taken_back = exists().where(u.book_id == m.book_id, u.match_id == m.match_id)
    return bool(session.scalar(select(exists().where(m.book_id == book.id, m.seq.in_(seqs), ~taken_back))))
