"""Tables of applications: their steps, insert-only."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

application_event = Table(
    "application_event",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("contract", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "reference"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    Index(None, "book_id", "contract"),
    schema="loans",
)
