"""Tables of what is loaded: charts, loads with their entries, and what people decided about them; all insert-only."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

loaded_chart = Table(
    "loaded_chart",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rows", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    schema="ledger",
)

load = Table(
    "load",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("maker", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "id"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    CheckConstraint("kind IN ('opening', 'journal')", name="kind"),
    schema="ledger",
)

loaded_entry = Table(
    "loaded_entry",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("load_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("body", JSONB, nullable=False),
    PrimaryKeyConstraint("book_id", "load_id", "number"),
    ForeignKeyConstraint(["book_id", "load_id"], ["ledger.load.book_id", "ledger.load.id"]),
    schema="ledger",
)

load_step = Table(
    "load_step",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("load_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "load_id", "kind"),
    ForeignKeyConstraint(["book_id", "load_id"], ["ledger.load.book_id", "ledger.load.id"]),
    CheckConstraint("kind IN ('approved', 'discarded', 'undone')", name="kind"),
    schema="ledger",
)
