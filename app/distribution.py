"""Distribution (分布): where each table lies when the books outgrow one machine, and the statements that put it there.

A book is the unit: its rows lie together, whoever asks for a book asks one machine. Small tables that are read beside books
are copied to every machine; the rest stays with the coordinator, each for a reason that stands here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from graphlib import TopologicalSorter

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.db import SCHEMAS


class Kind(Enum):
    """How a table lies."""

    BOOK = "distributed by book"
    REGION = "distributed by region"
    REFERENCE = "reference"
    LOCAL = "local"


REFERENCE = {
    "registry.region": "names of regions, read beside households",
    "registry.bank": "names of banks, read beside books",
    "registry.standard": "standards of poverty by date, read beside households",
    "loans.policy": "rules by county and date, read beside loans",
    "loans.listed": "people whom a list names, read beside borrowers",
    "loans.subsidy_scheme": "rates of subsidy by county and date, read beside loans",
}
REGION = {
    "registry.household": "a household belongs to a county and may borrow from several books",
    "registry.borrower": "a borrower belongs to a county and may borrow from several books",
}
LOCAL = {
    "app.bank_layout": "headings of files; only imports read them, on the coordinator",
    "app.import_batch": "a file may bring rows of many books; its list is the coordinator's",
    "app.failed_sign_in": "people sign in over all books, at one place",
    "app.migration": "the schema's revision; the coordinator alone migrates",
    "app.outgoing_paper": "papers of a bank over many books; the scheduler writes them",
    "app.paper": "papers of a bank over many books; they are numbered in one place",
    "app.paper_copy": "copies lie with their papers",
    "app.paper_number": "papers of a bank are numbered in one place",
    "app.password": "people sign in over all books, at one place",
    "app.role_grant": "people and their roles stand over all books",
    "app.second_factor": "people sign in over all books, at one place",
    "app.staff": "people and their roles stand over all books",
    "app.web_session": "people sign in over all books, at one place",
    "ledger.audit": "who did what, over all books, in one order",
    "ledger.business_day": "one row that every writer holds and the close flips: it must be one",
    "ledger.loaded_chart": "read when a book is opened, on the coordinator",
    "loans.horizon": "one row that the night moves: it must be one",
    "scheduling.failure": "why a night stopped; a night is of all books",
    "scheduling.job_run": "what the scheduler did, over all books",
    "scheduling.run": "a night is of all books",
    "scheduling.step": "a night is of all books",
}

_LINE = "a fund's line names a bank's book and loan: 'fupin verify' counts those that name none"

SPANNING = {
    "uq_book_code": "books lie apart, so nobody compares their codes: open books from one place at a time",
    "fk_subsidy_bank_line_loan_book_id": _LINE,
    "fk_subsidy_batch_loan_book_id": _LINE,
    "fk_subsidy_line_loan_book_id_loan_id": _LINE,
}
"""Keys that no distributed database can hold, by name, and what holds instead."""

SETTINGS = {
    "citus.enable_unsafe_triggers": "the laws of the journal are triggers; all they read is of the same book and machine",
    "citus.allow_nested_distributed_execution": "those triggers ask by table, and are asked where the book lies",
}

_OURS = (
    "WITH ours AS (SELECT c.oid, n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n "
    "ON n.oid = c.relnamespace WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p') AND NOT c.relispartition)"
)


class SpansBooks(Exception):
    """A key over several books that nobody gave a reason for."""

    def __init__(self, key: "Key") -> None:
        super().__init__(f"{key.name} of {key.table} spans several books (跨账套) and no reason is given in app/distribution.py")


@dataclass(frozen=True, slots=True)
class Place:
    """How a table lies, by which column (None: whole), and why."""

    kind: Kind
    column: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Key:
    """A unique or foreign key as the catalogue has it; a unique one has no target."""

    table: str
    name: str
    columns: Sequence[str]
    target: str | None = None
    target_columns: Sequence[str] = ()


def place_of(table: str) -> Place:
    """Return where a table belongs; what is not named here is a book's."""
    if table in REFERENCE:
        return Place(Kind.REFERENCE, None, REFERENCE[table])
    if table in REGION:
        return Place(Kind.REGION, "county", REGION[table])
    if table in LOCAL:
        return Place(Kind.LOCAL, None, LOCAL[table])
    return Place(Kind.BOOK, "id" if table == "ledger.book" else "book_id", "rows of a book")


def tables(session: Session) -> list[str]:
    """Return all tables of the catalogue; a partition is part of its table."""
    return list(session.scalars(text(f"{_OURS} SELECT name FROM ours ORDER BY name"), {"schemas": list(SCHEMAS)}))


def keys(session: Session) -> list[Key]:
    """Return the unique and foreign keys of all tables, in order of their names."""
    found = session.execute(
        text(
            f"{_OURS}, named AS (SELECT attrelid, attnum, attname::text AS name FROM pg_attribute) "
            f"SELECT o.name, x.relname::text AS key, {_names('i.indkey::int2[]', 'o')}, NULL AS target, ARRAY[]::text[] "
            "FROM pg_index i JOIN ours o ON o.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indisunique "
            f"UNION ALL SELECT o.name, f.conname::text, {_names('f.conkey', 'o')}, t.name, {_names('f.confkey', 't')} "
            "FROM pg_constraint f JOIN ours o ON o.oid = f.conrelid JOIN ours t ON t.oid = f.confrelid "
            "WHERE f.contype = 'f' AND f.conparentid = 0 ORDER BY 1, 2"
        ),
        {"schemas": list(SCHEMAS)},
    )
    return [Key(*row) for row in found]


def _names(numbers: str, table: str) -> str:
    """Return SQL for the names of a table's columns by their numbers, in order; an expression is ''."""
    return (
        f"ARRAY(SELECT coalesce(a.name, '') FROM unnest({numbers}) WITH ORDINALITY AS k (n, ord) "
        f"LEFT JOIN named a ON a.attrelid = {table}.oid AND a.attnum = k.n ORDER BY k.ord)"
    )


def within_one_place(key: Key) -> bool:
    """Tell whether a key can be held without asking another machine."""
    own = place_of(key.table)
    if key.target is None:
        return own.column is None or own.column in key.columns
    other = place_of(key.target)
    if own.column is None or other.column is None:
        return other.kind is own.kind or other.kind is Kind.REFERENCE
    return own.kind is other.kind and (own.column, other.column) in zip(key.columns, key.target_columns, strict=True)


def plan(found_tables: Sequence[str], found_keys: Sequence[Key]) -> Iterator[str]:
    """Yield the statements that spread a database over Citus, in the order in which it takes them.

    Raises:
        SpansBooks: a key can't be held by one machine and no reason is given.
    """
    for setting, why in SETTINGS.items():
        yield f"-- {why}; also in postgresql.conf of every machine\nSET {setting} = on;"
    for key in found_keys:
        if not within_one_place(key):
            if key.name not in SPANNING:
                raise SpansBooks(key)
            yield f"-- {SPANNING[key.name]}\nALTER TABLE {key.table} DROP CONSTRAINT {key.name};"
    first: dict[Kind, str] = {}
    for table in _in_order(found_tables, [key for key in found_keys if within_one_place(key)]):
        place = place_of(table)
        match place.kind:
            case Kind.LOCAL:
                yield f"-- {table} stays local: {place.reason}"
            case Kind.REFERENCE:
                yield f"SELECT create_reference_table('{table}');"
            case _:
                beside = first.setdefault(place.kind, table)
                colocated = "'none'" if beside == table else f"'{beside}'"
                yield f"SELECT create_distributed_table('{table}', '{place.column}', colocate_with => {colocated});"


def _in_order(found_tables: Sequence[str], found_keys: Sequence[Key]) -> list[str]:
    """Return tables so that none comes before one that its keys refer to; copies come first, what stays local last."""
    ranks: Mapping[Kind, int] = {Kind.REFERENCE: 0, Kind.REGION: 1, Kind.BOOK: 2, Kind.LOCAL: 3}
    before: dict[str, set[str]] = {table: set() for table in found_tables}
    for key in found_keys:
        if key.target is not None and key.target != key.table:
            before[key.table].add(key.target)
    waiting = TopologicalSorter(before)
    waiting.prepare()
    ordered: list[str] = []
    while waiting.is_active():
        ready = sorted(waiting.get_ready())
        ordered += ready
        waiting.done(*ready)
    return sorted(ordered, key=lambda table: ranks[place_of(table).kind])
