"""Tables of relending. Keys lead with `book_id`; events are append-only."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

draw_event = Table(
    "draw_event",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "reference"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="loans",
)
