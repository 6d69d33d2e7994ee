"""Partitions (分区): a book above a size gets a part of every large table for itself, the others share one.

PostgreSQL can't turn a table into a partitioned one, so it is made anew, in one transaction, from what the catalogue says of
it: columns, keys, laws, grants and numbers stay what they were. Whoever reads or writes names the whole table and notices
nothing; the parts are nobody's to write.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ledger.db import APP_ROLE

LARGE = (
    "ledger.journal_entry", "ledger.posting", "ledger.seal", "ledger.snapshot_turnover", "loans.loan", "loans.event",
    "loans.stream", "loans.charge", "loans.charged_until", "loans.instalment", "loans.standing",
)  # fmt: skip
"""What grows with loans and with nights."""

PATIENCE = "10s"
"""How long the rewrite waits for somebody who works."""

PART = "_book_"
OTHERS = "_others"


class BooksInUse(Exception):
    """Somebody works with the tables that are to be made anew."""

    def __init__(self) -> None:
        super().__init__("the books are in use (正在使用): stop every fupin that works with them; nothing was changed")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the catalogue says of a table, as statements that say it again of the table made anew."""

    columns: str
    options: str
    identities: Sequence[tuple[str, str, int, bool]]
    """Column, its sequence, the last number, and whether it was given."""
    after: Sequence[str]


def large_books(session: Session, above: int) -> list[int]:
    """Return the ids of the books that have more rows than a number in all large tables together."""
    union = " UNION ALL ".join(f"SELECT book_id, count(*) AS held FROM {table} GROUP BY book_id" for table in LARGE)
    query = f"SELECT book_id FROM ({union}) AS counted GROUP BY book_id HAVING sum(held) > :above ORDER BY book_id"
    return list(session.scalars(text(query), {"above": above}))


def partitioned_books(session: Session) -> list[int] | None:
    """Return the ids of the books that have parts of their own, None if the large tables are not partitioned."""
    if session.scalar(text("SELECT relkind FROM pg_class WHERE oid = CAST(:table AS regclass)"), {"table": LARGE[0]}) == "r":
        return None
    return sorted(int(name.rpartition(PART)[2]) for name in _parts(session, LARGE[0]) if PART in name)


def _parts(session: Session, table: str) -> list[str]:
    """Return the names of a table's parts, without their schema."""
    query = (
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST(:table AS regclass)"
    )
    return list(session.scalars(text(query), {"table": table}))


def partition(session: Session, books: Sequence[int]) -> None:
    """Make the large tables anew, with a part for each of these books and one for the others. The session is the owner's.

    Raises:
        BooksInUse: somebody works with them.
    """
    session.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
    try:
        session.execute(text(f"LOCK TABLE {', '.join(LARGE)} IN ACCESS EXCLUSIVE MODE"))
    except OperationalError as refusal:
        raise BooksInUse from refusal
    foreign = _foreign_keys(session)
    for table, name, _ in foreign:
        session.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
    for table in LARGE:
        _make_anew(session, table, books)
    for table, name, definition in foreign:
        session.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))
    for table in LARGE:
        session.execute(text(f"ANALYZE {table}"))


def _foreign_keys(session: Session) -> list[tuple[str, str, str]]:
    """Return every foreign key from or to a large table: its table, name and definition."""
    rows = session.execute(
        text(
            "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'f' AND conparentid = 0 AND (conrelid = ANY(CAST(:large AS regclass[])) "
            "OR confrelid = ANY(CAST(:large AS regclass[]))) ORDER BY 1, 2"
        ),
        {"large": list(LARGE)},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _make_anew(session: Session, table: str, books: Sequence[int]) -> None:
    shape = _shape(session, table)
    schema, _, name = table.partition(".")
    session.execute(text(f"ALTER TABLE {table} RENAME TO {name}_before"))
    for part in _parts(session, f"{table}_before"):
        session.execute(text(f"ALTER TABLE {schema}.{part} RENAME TO {part}_before"))
    session.execute(
        text(
            f"CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS "
            "INCLUDING STORAGE INCLUDING COMMENTS) PARTITION BY LIST (book_id)"
        )
    )
    for book_id in books:
        part = f"{table}{PART}{int(book_id)}"
        session.execute(text(f"CREATE TABLE {part} PARTITION OF {table} FOR VALUES IN ({int(book_id)}){shape.options}"))
    session.execute(text(f"CREATE TABLE {table}{OTHERS} PARTITION OF {table} DEFAULT{shape.options}"))
    session.execute(
        text(f"INSERT INTO {table} ({shape.columns}) OVERRIDING SYSTEM VALUE SELECT {shape.columns} FROM {table}_before")
    )
    session.execute(text(f"DROP TABLE {table}_before"))
    for part in _parts(session, table):  # read it may whoever reads the table: a refusal by a key then names what it refused
        session.execute(text(f"GRANT SELECT ON {schema}.{part} TO {APP_ROLE}"))
    for column, sequence, last, given in shape.identities:
        made = session.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table, "column": column})
        if made != sequence:
            session.execute(text(f"ALTER SEQUENCE {made} RENAME TO {sequence.partition('.')[2]}"))
        session.execute(
            text("SELECT setval(CAST(:sequence AS regclass), :last, :given)"),
            {"sequence": sequence, "last": last, "given": given},
        )
    for statement in shape.after:
        session.execute(text(statement.replace(":", "\\:")))


def _shape(session: Session, table: str) -> Shape:
    def listed(query: str) -> list[str]:
        return list(session.scalars(text(query), {"table": table}))

    columns = listed(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum"
    )
    options = listed(
        "SELECT unnest(reloptions) FROM pg_class WHERE oid = (SELECT coalesce(min(inhrelid::oid), CAST(:table AS regclass)) "
        "FROM pg_inherits WHERE inhparent = CAST(:table AS regclass))"
    )
    identities = []
    for column in listed("SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attidentity <> ''"):
        sequence = session.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table, "column": column})
        last, given = session.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()
        identities.append((column, str(sequence), last, given))
    keys = listed(
        f"SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', '{table}', conname, pg_get_constraintdef(oid)) FROM pg_constraint "
        "WHERE conrelid = CAST(:table AS regclass) AND contype IN ('p', 'u') ORDER BY contype DESC, conname"
    )
    indexes = listed(
        "SELECT replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') FROM pg_index "
        "WHERE indrelid = CAST(:table AS regclass) "
        "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')) ORDER BY 1"
    )
    triggers = listed(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal "
        "ORDER BY tgname"
    )
    grants = listed(
        f"SELECT format('GRANT %s ON %s TO %I', privilege_type, '{table}', grantee::regrole::text) "
        "FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = CAST(:table AS regclass) AND grantee <> relowner "
        f"UNION ALL SELECT format('GRANT %s (%I) ON %s TO %I', privilege_type, attname, '{table}', grantee::regrole::text) "
        "FROM pg_attribute, aclexplode(attacl) WHERE attrelid = CAST(:table AS regclass)"
    )
    given = f" WITH ({', '.join(options)})" if options else ""
    return Shape(", ".join(columns), given, identities, (*indexes, *keys, *triggers, *grants))
