"""Projections: the rows derived from lives. Saving ends the knowledge of what changed and inserts its successors."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, insert, text
from sqlalchemy.orm import Session

from loans import tables
from loans.contract import Contract
from loans.life import Life
from loans.queries import Key, live_rows
from loans.terms import StreamKind

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """A derived table: its content columns, and the rows that a contract's life gives it."""

    table: Table
    columns: tuple[str, ...]
    rows: Callable[[Contract, Life], list[Row]]


def _streams(contract: Contract, life: Life) -> list[Row]:
    terms, own = life.terms, not life.terms.settles_quarterly
    return [
        (
            s.kind.value,
            s.base_fen,
            s.rate_ppb,
            s.gov_ppb,
            terms.count_of(s.kind).value,
            terms.drawn_on,
            own and s.kind is StreamKind.CONTRACT,
            s.start,
            s.end,
            contract.product,
            contract.county,
            s.state.value,
        )
        for s in life.streams
    ]


def _charges(contract: Contract, life: Life) -> list[Row]:
    count_of = life.terms.count_of
    return [
        (
            c.kind.value, c.start, c.end, c.due, c.whole_fen, c.gov_fen, c.whole_units, c.gov_units, c.paid_fen,
            count_of(c.kind).value, contract.product, contract.county, c.state.value,
        )
        for c in life.charges
    ]  # fmt: skip


def _instalments(_: Contract, life: Life) -> list[Row]:
    return [
        (
            made.number, made.nominal, made.rolling.code, made.rolling.calculates_nominal, made.charges, made.fen, line.paid_fen,
            line.overdue,
        )
        for line in life.instalments
        for made in (line.instalment,)
    ]  # fmt: skip


def _charged_until(_: Contract, life: Life) -> list[Row]:
    return [(kind.value, until) for kind, until in life.charged_until]


def _standing(contract: Contract, life: Life) -> list[Row]:
    s = life.standing
    return [
        (
            contract.product, contract.county, s.principal_fen, s.overdue_fen, s.oldest_due, s.state.value, s.cost_fen,
            s.excess_fen, s.given_up_fen,
        )
    ]  # fmt: skip


def _content(table: Table) -> tuple[str, ...]:
    own = {"book_id", "id", "loan_id", "known_from_seq", "known_to_seq"}
    return tuple(column.name for column in table.columns if column.name not in own)


PROJECTIONS = tuple(
    Projection(table, _content(table), rows)
    for table, rows in (
        (tables.stream, _streams),
        (tables.charge, _charges),
        (tables.instalment, _instalments),
        (tables.charged_until, _charged_until),
        (tables.standing, _standing),
    )
)

STANDING = next(one for one in PROJECTIONS if one.table is tables.standing)
CHARGES = next(one for one in PROJECTIONS if one.table is tables.charge)


def save(session: Session, lives: Sequence[tuple[Contract, Life, int]], new: Collection[Key] = ()) -> None:
    """Make the derived rows of loans those of their lives; each change is known from its sequence (the third part).

    Loans named as new have no rows yet.
    """
    running = [contract.key for contract, _, _ in lives if contract.key not in new]
    for projection in PROJECTIONS:
        stored = stored_rows(session, projection, running) if running else {}
        ended: list[tuple[int, int, int, int]] = []
        begun: list[dict[str, Any]] = []
        for contract, life, seq in lives:
            wanted = Counter(projection.rows(contract, life))
            for known_from, row_id, row in stored.get(contract.key, ()):
                if wanted[row]:
                    wanted[row] -= 1
                else:
                    ended.append((contract.book_id, known_from, row_id, seq))
            begun += [
                {
                    "book_id": contract.book_id, "loan_id": contract.id, "known_from_seq": seq,
                    **dict(zip(projection.columns, row, strict=True)),
                }
                for row in wanted.elements()
            ]  # fmt: skip
        if ended:
            _end(session, projection.table, ended)
        if begun:
            session.execute(insert(projection.table).inline(), begun)


def stored_rows(session: Session, projection: Projection, keys: Collection[Key]) -> dict[Key, list[tuple[int, int, Row]]]:
    """Return (sequence since which it is known, row id, content) of the rows known now, by loan."""
    found: dict[Key, list[tuple[int, int, Row]]] = {}
    for row in live_rows(session, projection.table.name, ("known_from_seq", *projection.columns), keys):
        values: Row = tuple(row)
        found.setdefault((values[0], values[1]), []).append((values[3], values[2], values[4:]))
    return found


def _end(session: Session, table: Table, ended: list[tuple[int, int, int, int]]) -> None:
    books, since, ids, seqs = zip(*ended, strict=True)
    session.execute(
        text(
            f"UPDATE {table.fullname} AS r SET known_to_seq = e.seq FROM unnest(CAST(:books AS bigint[]), "
            "CAST(:since AS bigint[]), CAST(:ids AS bigint[]), CAST(:seqs AS bigint[])) AS e (book_id, since, id, seq) "
            "WHERE r.book_id = e.book_id AND r.known_from_seq = e.since AND r.id = e.id"
        ),
        {"books": list(books), "since": list(since), "ids": list(ids), "seqs": list(seqs)},
    )
