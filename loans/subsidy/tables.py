"""Tables of interest subsidy, keyed by the county's fund book (ISF); lines and steps are never changed."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

scheme = Table(
    "subsidy_scheme",
    metadata,
    Column("county", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("source", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("cadence", Text, nullable=False),
    Column("year_begins", Integer, nullable=False),
    Column("shares", JSONB, nullable=False),
    Column("when_extended", Boolean, nullable=False),
    Column("tiers", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("county", "product", "valid_from"),
    schema="loans",
)

batch = Table(
    "subsidy_batch",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("loan_book_id", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    Column("tiers", JSONB, nullable=False),
    PrimaryKeyConstraint("book_id", "number"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    ForeignKeyConstraint(["loan_book_id"], ["ledger.book.id"]),
    schema="loans",
)

line = Table(
    "subsidy_line",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("loan_book_id", BigInteger, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("whole_fen", BigInteger, nullable=False),
    Column("principal_fen", BigInteger, nullable=False),
    Column("days", Integer, nullable=False),
    Column("late_days", Integer, nullable=False),
    Column("flags", JSONB, nullable=False),
    PrimaryKeyConstraint("book_id", "number", "loan_id"),
    ForeignKeyConstraint(["book_id", "number"], ["loans.subsidy_batch.book_id", "loans.subsidy_batch.number"]),
    ForeignKeyConstraint(["loan_book_id", "loan_id"], ["loans.loan.book_id", "loans.loan.id"]),
    Index(None, "loan_book_id", "loan_id"),
    schema="loans",
)

step = Table(
    "subsidy_step",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "reference"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    Index(None, "book_id", "number"),
    schema="loans",
)

bank_line = Table(
    "subsidy_bank_line",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("loan_book_id", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("principal_fen", BigInteger, nullable=False),
    Column("interest_fen", BigInteger, nullable=False),
    Column("subsidy_fen", BigInteger, nullable=False),
    Column("late_days", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    PrimaryKeyConstraint("book_id", "loan_book_id", "label", "contract"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    ForeignKeyConstraint(["loan_book_id"], ["ledger.book.id"]),
    schema="loans",
)
