"""Advances (垫付) of solar instalments by a pool, interest-free, where its terms allow them: money lent to a roof in the dark.

It is misuse unless the county's document says otherwise, so a pool advances nothing by default. A separate 光伏保障金 is a pool
in a fund book of its own: of several that may advance between a county and a bank, the one that covers no loans comes first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.errors import AdvanceRefused
from guarantees.pool import Pool
from guarantees.queries import NO_LOAD, Place, available_fen, behind_loans, loads, lock, pools
from guarantees.tables import advance as advance_table
from guarantees.terms import Advances
from ledger.books import hold_books
from ledger.business_day import business_date
from ledger.journal import Dimensions, JournalEntry
from ledger.periods import posting_date
from ledger.posting import post_many, take_sequence
from loans.contract import Contract
from loans.queries import Key

ADVANCED, REFILLED = "advanced", "refilled"


class Wanted(Protocol):
    """Money for a loan's instalment, or back from it: negative fen take an earlier one back."""

    @property
    def contract(self) -> Contract:
        """The loan."""
        ...

    @property
    def reference(self) -> str:
        """What it is named in the pool's book, for good."""
        ...

    @property
    def value_date(self) -> date:
        """The day."""
        ...

    @property
    def fen(self) -> int:
        """How much."""
        ...

    @property
    def event(self) -> str:
        """What links the entries of its books."""
        ...

    @property
    def meter(self) -> str:
        """The station."""
        ...


def may_advance(session: Session) -> dict[Place, list[Pool]]:
    """Return the pools whose terms allow advances (可垫付光伏还贷), by county and bank, the one to be asked first in front."""
    covering = behind_loans(session)
    found: dict[Place, list[Pool]] = {}
    for one in pools(session).values():
        place = (one.book.county, one.bank)
        if one.terms.advances is Advances.SOLAR:
            found.setdefault(place, []).insert(len(found.get(place, ())) if one == covering[place] else 0, one)
    return found


@dataclass(frozen=True, slots=True)
class PoolAdvance:
    """The pools' answer to `solar.InstalmentAdvance`."""

    def rooms(self, session: Session, places: Collection[Place]) -> Mapping[Place, tuple[int, int]]:
        """Hold the pools of some places that may advance; return each one's book id and what it may still advance, in fen: its
        available cash, less what the loans that it covers need.
        """
        mine = {place: found[0] for place, found in may_advance(session).items() if place in places}
        if not mine:
            return {}
        lock(session, mine.values())
        behind = loads(session)
        needed = {place: behind.get((one.book.id, one.bank), NO_LOAD).principal_fen for place, one in mine.items()}
        return {place: (one.book.id, self._room(session, one, needed[place])) for place, one in mine.items()}

    def advance(self, session: Session, made: Sequence[Wanted]) -> None:
        """Book what pools pay to the banks: 1036.02 against cash.

        Raises:
            AdvanceRefused: no pool's terms allow it.
            Overdrawn: a pool has not so much.
        """
        self._book(session, made, ADVANCED)

    def refill(self, session: Session, made: Sequence[Wanted]) -> None:
        """Book what comes back to them: first to the pool that has most outstanding of the loan."""
        self._book(session, made, REFILLED)

    @staticmethod
    def _room(session: Session, one: Pool, principal_fen: int) -> int:
        return max(0, available_fen(session, one) - -(-principal_fen // one.terms.leverage))

    @staticmethod
    def _book(session: Session, made: Sequence[Wanted], kind: str) -> None:
        """Book advances or refills, in red where they are negative, each in the book of the pool that it concerns."""
        today, open_of = business_date(session), open_advances(session, [one.contract.key for one in made])
        all_pools, asked = pools(session), may_advance(session)
        placed: list[tuple[Wanted, Pool]] = []
        for one in made:
            held = open_of.get(one.contract.key, {})
            lending = max(held, key=lambda key: held[key], default=None) if kind == REFILLED or one.fen < 0 else None
            choice = [all_pools[lending]] if lending else asked.get((one.contract.county, one.contract.bank), [])
            if not choice:
                raise AdvanceRefused(one.contract.contract)
            placed.append((one, choice[0]))
        hold_books(session, {pool.book.id for _, pool in placed})
        counts = {book_id: sum(p.book.id == book_id for _, p in placed) for book_id in sorted({p.book.id for _, p in placed})}
        free = take_sequence(session, counts)
        rows, entries_made = [], []
        for one, pool in placed:
            seq, free[pool.book.id] = free[pool.book.id], free[pool.book.id] + 1
            rows.append(
                {
                    "book_id": pool.book.id, "seq": seq, "bank": pool.bank, "loan_book_id": one.contract.book_id,
                    "loan_id": one.contract.id, "kind": kind, "value_date": one.value_date, "fen": one.fen,
                    "reference": one.reference,
                }
            )  # fmt: skip
            entries_made.append(_entry(session, one, pool, kind, today))
        session.execute(insert(advance_table).inline(), rows)
        post_many(session, entries_made)


def _entry(session: Session, one: Wanted, pool: Pool, kind: str, today: date) -> JournalEntry:
    place = Dimensions(county=pool.book.county, bank=pool.bank, loan_id=one.contract.id, project=one.meter)
    advanced = kind == ADVANCED
    return JournalEntry(
        book=pool.book.code, reference=one.reference, kind=f"guarantees.{kind}", event=one.event,
        value_date=posting_date(session, pool.book.id, one.value_date, today),
        narration=f"{'垫付光伏还贷' if advanced else '收回光伏垫付'} {one.contract.contract}",
        postings=entries.advanced(one.fen, place) if advanced else entries.advance_refilled(one.fen, place),
    )  # fmt: skip


def open_advances(session: Session, loans: Collection[Key] | None = None) -> dict[Key, dict[tuple[int, str], int]]:
    """Return what pools have advanced and not got back, in fen, by loan and then by (book id, bank); of some loans, or of all."""
    books, ids = zip(*loans, strict=True) if loans else ((), ())
    rows = session.execute(
        text(
            "SELECT a.loan_book_id, a.loan_id, a.book_id, a.bank, "
            "sum(CASE a.kind WHEN 'advanced' THEN a.fen ELSE -a.fen END)::bigint AS fen FROM guarantees.advance a "
            "WHERE :all OR (a.loan_book_id, a.loan_id) IN "
            "(SELECT * FROM unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[]))) GROUP BY 1, 2, 3, 4"
        ),
        {"all": loans is None, "books": list(books), "ids": list(ids)},
    )
    found: dict[Key, dict[tuple[int, str], int]] = {}
    for row in rows:
        found.setdefault((row.loan_book_id, row.loan_id), {})[(row.book_id, row.bank)] = int(row.fen)
    return found
