"""Verifying (验签): recomputes every chain from the rows and names each row, or seal, that does not fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.books import Book, books
from ledger.sealing.chain import Chain, Head, follow, start
from ledger.sealing.queries import END, Row, Seal, last_sealed, rows, seals
from ledger.sealing.tables import seal
from ledger.tables import book as book_table


class Fault(StrEnum):
    """What is wrong with a row of a chain, or with a head."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"
    SEAL = "seal edited"
    HEAD = "not on the chain"

    @property
    def label(self) -> str:
        """What staff read."""
        return _LABELS[self]


_LABELS = {
    Fault.CHANGED: "内容被改",
    Fault.MISSING: "被删除",
    Fault.ADDED: "被添加",
    Fault.SEAL: "封签被改",
    Fault.HEAD: "链被重算或截断",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A row that does not fit: its sequence and its reference if they are known (of a head: its position), and the fault."""

    book: str
    chain: str
    tables: str
    seq: int | None
    reference: str | None
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A chain of a book recomputed: how many seals it has, how many rows wait for theirs, what does not fit."""

    book: str
    chain: str
    sealed: int
    waiting: int
    findings: tuple[Finding, ...]


def verify(session: Session, chains: Sequence[Chain], book: Book | None = None) -> Iterator[Verified]:
    """Recompute every chain of a book, or of all books, and yield what was found of each; memory is flat.

    A changed row spoils its own seal only: the next one is held against the seal as stored. Where the recomputed hash is
    what the next seal follows, it was the seal that was edited and not the row.
    """
    for one in books(session) if book is None else [book]:
        for chain in chains:
            yield _Walk(one, chain).walk(session)
    if book is None:
        yield from _strangers(session, chains)


def off_chain(session: Session, chains: Sequence[Chain], heads: Sequence[Head]) -> Iterator[Finding]:
    """Yield the heads written down earlier that do not lie on their chains any more: the chain was made anew, or cut."""
    known = {chain.name: chain for chain in chains}
    for head in heads:
        stored = session.execute(
            select(seal.c.hash, seal.c.seq)
            .join(book_table, book_table.c.id == seal.c.book_id)
            .where(book_table.c.code == head.book, seal.c.chain == head.chain, seal.c.position == head.position)
        ).one_or_none()
        if stored is None or stored.hash != head.hash:
            chain = known.get(head.chain)
            yield Finding(
                book=head.book, chain=head.chain, tables=_tables(chain) if chain else "", seq=stored.seq if stored else None,
                reference=f"position {head.position}", fault=Fault.HEAD,
            )  # fmt: skip


@dataclass(slots=True)
class _Walk:
    """One chain of one book while it is recomputed."""

    book: Book
    chain: Chain
    found: list[Finding] = field(default_factory=list)
    position: int = 0
    stored: bytes = b""  # the last seal, as stored
    doubt: tuple[Row, bytes] | None = None  # the last row, if it did not fit its seal, and the seal that would fit it

    def walk(self, session: Session) -> Verified:
        """Walk over rows and seals side by side, in order of sequence."""
        self.stored = start(self.chain.name, self.book.code)
        # What a seal stands for was committed before it, so later rows and seals don't disturb a walk that ends here.
        last = last_sealed(session, self.chain, self.book.id)
        sealed = 0
        if last is not None:
            here = rows(session, self.chain, self.book.id, upto=last)
            row = next(here, None)
            for one in seals(session, self.chain, self.book.id, last):
                sealed += 1
                while row is not None and row.seq < one.seq:
                    self._name(row.seq, row.reference, Fault.ADDED)
                    row = next(here, None)
                mine, row = (row, next(here, None)) if row is not None and row.seq == one.seq else (None, row)
                if mine is not None and mine.reference is not None:
                    self._hold(mine, one)
                else:
                    self._resolve(Fault.CHANGED)
                    self._name(one.seq, None, Fault.MISSING)
                self.position, self.stored = one.position, one.hash
            self._resolve(Fault.CHANGED)
        waiting = self._tail(session, -END if last is None else last)
        return Verified(book=self.book.code, chain=self.chain.name, sealed=sealed, waiting=waiting, findings=tuple(self.found))

    def _hold(self, row: Row, one: Seal) -> None:
        """Hold a row against its seal, and find out by it which was edited where the one before did not fit."""
        wanted = follow(self.stored, row.text)
        if self.doubt is not None and wanted != one.hash and follow(self.doubt[1], row.text) == one.hash:
            self._resolve(Fault.SEAL)
            wanted = one.hash
        self._resolve(Fault.CHANGED)
        if one.position != self.position + 1:
            self._name(row.seq, row.reference, Fault.SEAL)
        elif wanted != one.hash:
            self.doubt = (row, wanted)

    def _tail(self, session: Session, last: int) -> int:
        """Count the rows that wait for their seals; what belongs to nothing, or the book's sequence never gave, was added."""
        waiting, given = 0, self._given(session)
        for row in rows(session, self.chain, self.book.id, after=last, upto=given):
            waiting += 1
            if row.reference is None or row.seq <= 0:
                self._name(row.seq, row.reference, Fault.ADDED)
        beyond = [(row.seq, row.reference) for row in rows(session, self.chain, self.book.id, after=max(last, given))]
        given = self._given(session) if beyond else given
        for seq, reference in beyond:
            if seq > given:
                self._name(seq, reference, Fault.ADDED)
        return waiting

    def _given(self, session: Session) -> int:
        """Return the last number that the book's sequence gave: what bears it or a lower one is committed by now."""
        return session.scalar(select(book_table.c.last_seq).where(book_table.c.id == self.book.id)) or 0

    def _resolve(self, fault: Fault) -> None:
        if self.doubt is not None:
            self._name(self.doubt[0].seq, self.doubt[0].reference, fault)
            self.doubt = None

    def _name(self, seq: int, reference: str | None, fault: Fault) -> None:
        self.found.append(
            Finding(
                book=self.book.code, chain=self.chain.name, tables=_tables(self.chain), seq=seq, reference=reference, fault=fault
            )
        )


def _strangers(session: Session, chains: Sequence[Chain]) -> Iterator[Verified]:
    """Yield chains that belong to no book or that nobody keeps: each of their seals was put there."""
    known = {(one.id, chain.name) for one in books(session) for chain in chains}
    for book_id, name in session.execute(select(seal.c.book_id, seal.c.chain).distinct()):
        if (book_id, name) not in known:
            mine = select(seal.c.seq).where(seal.c.book_id == book_id, seal.c.chain == name).order_by(seal.c.seq)
            found = tuple(
                Finding(book=f"book {book_id}", chain=name, tables="", seq=seq, reference=None, fault=Fault.SEAL)
                for seq in session.scalars(mine)
            )
            yield Verified(book=f"book {book_id}", chain=name, sealed=len(found), waiting=0, findings=found)


def _tables(chain: Chain) -> str:
    return ", ".join(table.fullname for table in chain.tables)
