"""Records (账面): all that a database holds and that leaves it, so that two runs can be compared to the byte.

Left out are moments of booking, how long a step took, how many ties a night held (one that was hurt is closed whole and may rest
in peace), numbers that the database counts up by itself (a try that is rolled back uses them up), and, because they hash
moments, the seals themselves; `verify` recomputes these.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest

from sqlalchemy import DateTime, LargeBinary, Table, text
from sqlalchemy.orm import Session

from app import wiring
from app.cli_export import WRITERS
from app.papers import bank_statement
from benchmarks.portfolio import FIRST
from ledger.books import BookKind, books
from ledger.db import metadata
from statements.figures import BankStatement
from statements.loan_statement import render_bank_statement

APART = {"scheduling.failure", "scheduling.job_run"}
"""What tells of faults, and not of books."""


@dataclass(frozen=True, slots=True)
class Records:
    """Rows of every table, the exports, the figures of every bank's statement and its PDF, and every check of `verify`."""

    rows: dict[str, Counter[str]]
    exports: dict[str, bytes]
    figures: dict[str, BankStatement]
    papers: dict[str, bytes]
    checks: tuple[tuple[str, str, str], ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Harm:
    """What a run lost, what it has twice or too much, how many bytes differ, and where."""

    lost: int = 0
    doubled: int = 0
    differing: int = 0
    where: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.differing or self.where)

    def __add__(self, other: "Harm") -> "Harm":
        return Harm(
            self.lost + other.lost, self.doubled + other.doubled, self.differing + other.differing, self.where + other.where
        )


def records(session: Session, last: date) -> Records:
    """Return the records of a database whose nights up to a day are closed."""
    statements = {
        bank: _without_hashes(bank_statement(session, bank, FIRST, last))
        for bank in sorted({book.bank for book in books(session, BookKind.LOANS) if book.bank})
    }
    checks = list(wiring.verify(session))
    return Records(
        rows={name: _rows(session, table) for name, table in sorted(metadata.tables.items()) if name not in APART},
        exports={name: "".join(write(session, books(session))).encode() for name, write in WRITERS.items()},
        figures=statements,
        papers={bank: render_bank_statement(figures) for bank, figures in statements.items()},
        checks=tuple((one.check, one.expected, one.actual) for one in checks),
        broken=tuple(f"{one.check}: expected {one.expected}, found {one.actual}" for one in checks if not one.ok),
    )


def _without_hashes(figures: BankStatement) -> BankStatement:
    return replace(figures, heads=tuple(replace(head, sha256="0" * 64) for head in figures.heads))


def _rows(session: Session, table: Table) -> Counter[str]:
    """Return a table's rows as text, without what differs between two runs that are the same."""
    apart = [
        column.name
        for column in table.columns
        if isinstance(column.type, DateTime | LargeBinary) or column.identity is not None or column.name == "microseconds"
    ]
    found = session.execute(
        text(f"SELECT (to_jsonb(t) - CAST(:apart AS text[]) #- '{{counts,ties}}')::text FROM {table.fullname} AS t"),
        {"apart": apart},
    )
    return Counter(found.scalars())


def balances(session: Session) -> Counter[str]:
    """Return every balance other than nought by account and dimensions, and every row known now that is derived of loans."""
    found = Counter(
        session.execute(
            text(
                "SELECT concat_ws('|', book_id, account, county, bank, product, kind, payer, "
                "sum(CASE side WHEN 'D' THEN fen ELSE -fen END)::bigint) FROM ledger.posting "
                "GROUP BY book_id, account, county, bank, product, kind, payer "
                "HAVING sum(CASE side WHEN 'D' THEN fen ELSE -fen END) <> 0"
            )
        ).scalars()
    )
    for table in ("stream", "charge", "instalment", "charged_until", "standing"):
        found.update(
            session.execute(
                text(
                    f"SELECT '{table} ' || (to_jsonb(t) - '{{id,known_from_seq,known_to_seq}}'::text[])::text "
                    f"FROM loans.{table} AS t WHERE known_to_seq IS NULL"
                )
            ).scalars()
        )
    return found


def harm(peace: Records, found: Records) -> Harm:
    """Hold records against those of a run that was never disturbed."""
    made = Harm(where=found.broken)
    for name, rows in peace.rows.items():
        made += _harm_of_rows(name, rows, found.rows[name])
    made += _harm_of_bytes("exports", peace.exports, found.exports)
    made += _harm_of_bytes("papers", peace.papers, found.papers)
    if found.figures != peace.figures:
        made += Harm(where=("the figures of a statement differ",))
    if found.checks != peace.checks:
        made += Harm(where=tuple(f"check {one}" for one in set(found.checks) ^ set(peace.checks)))
    return made


def harm_of_figures(peace: tuple[Counter[str], Records], found: tuple[Counter[str], Records]) -> Harm:
    """Hold balances, loans, statements' figures and checks against those of a run in which no loan was set aside.

    What a loan missed is booked when it is released, so entries stand on other days, and seals end elsewhere.
    """
    made = Harm(where=found[1].broken) + _harm_of_rows("balances and loans", peace[0], found[0])
    papers = [
        {bank: render_bank_statement(replace(figures, heads=())) for bank, figures in one.figures.items()}
        for one in (peace[1], found[1])
    ]
    return made + _harm_of_bytes("papers", *papers)


def _harm_of_rows(name: str, peace: Counter[str], found: Counter[str]) -> Harm:
    lost, more = peace - found, found - peace
    if not lost and not more:
        return Harm()
    seen = (f"{name} lost {list(lost)[:2]}", f"{name} more {list(more)[:2]}")
    return Harm(lost.total(), more.total(), where=seen)


def _harm_of_bytes(kind: str, peace: dict[str, bytes], found: dict[str, bytes]) -> Harm:
    made = Harm()
    for name in peace.keys() | found.keys():
        differing = sum(a != b for a, b in zip_longest(peace.get(name, b""), found.get(name, b"")))
        if differing:
            made += Harm(differing=differing, where=(f"{kind}: {name}",))
    return made
