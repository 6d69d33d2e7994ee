"""A load (导入批): the entries of one file for one book, read by one person, approved and posted by another.

It is waiting until it is approved or discarded; once posted it can be undone as a whole while nothing stands on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from ledger.books import Book
from ledger.journal import Posting


class LoadKind(StrEnum):
    """What a file brings."""

    OPENING = "opening"
    JOURNAL = "journal"

    @property
    def label(self) -> str:
        """What staff call it."""
        return {"opening": "期初余额", "journal": "历史凭证"}[self]

    @property
    def entry_kind(self) -> str:
        """The economic event of its entries."""
        return {"opening": "ledger.opening", "journal": "ledger.loaded"}[self]


ENTRY_KINDS = tuple(kind.entry_kind for kind in LoadKind)


class Stage(StrEnum):
    """Where a load is: the last step that was taken with it."""

    WAITING = "waiting"
    POSTED = "approved"
    DISCARDED = "discarded"
    UNDONE = "undone"

    @property
    def label(self) -> str:
        """What staff call it."""
        return {"waiting": "待审核", "approved": "已审核记账", "discarded": "已作废", "undone": "已撤销"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedEntry:
    """An entry of a load before it has its people and its place.

    Attributes:
        line: where it begins in the file.
        lines: where its postings stand there; with `line` if empty.
        seq: its sequence in the file, if other entries of it name it.
        reverses: the sequence in the file of the entry that it reverses.
    """

    line: int
    day: date
    reference: str
    narration: str
    postings: tuple[Posting, ...]
    word: str = "记"
    seq: int | None = None
    reverses: int | None = None
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Where a load comes from."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load and what stands of it."""

    book: Book
    id: int
    kind: LoadKind
    file: File
    entries: int
    maker: str
    stage: Stage = Stage.WAITING
    checker: str | None = None

    @property
    def event(self) -> str:
        """What links the entries that it posts."""
        return f"load/{self.id}"


_ENTRY = TypeAdapter(LoadedEntry)


def facts_of(entry: LoadedEntry) -> dict[str, Any]:
    """Return an entry as JSON values."""
    facts: dict[str, Any] = _ENTRY.dump_python(entry, mode="json", exclude_defaults=True)
    return facts


def entry_from(facts: Mapping[str, Any]) -> LoadedEntry:
    """Return the entry that `facts_of` stored."""
    return _ENTRY.validate_python(facts)
