"""The table of seals: one row per sealed row, insert-only. Positions count from 1 in each chain of a book."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from ledger.db import metadata

seal = Table(
    "seal",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("chain", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("book_id", "chain", "position"),
    UniqueConstraint("book_id", "chain", "seq"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    CheckConstraint("octet_length(hash) = 32", name="hash"),
    schema="ledger",
)
