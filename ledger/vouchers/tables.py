"""Tables of vouchers: what people did with them, and the files that hang on them, both insert-only."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

voucher_step = Table(
    "voucher_step",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("serial", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    Index(None, "book_id", "serial"),
    schema="ledger",
)

attachment = Table(
    "attachment",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("book_id", "sha256"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="ledger",
)
