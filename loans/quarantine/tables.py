"""Tables of quarantine: which loans were set aside between which sequences, and what interest they had run up by then."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from ledger.db import metadata

quarantine = Table(
    "quarantine",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("known_from_seq", BigInteger, nullable=False),
    Column("known_to_seq", BigInteger),
    Column("since_date", Date, nullable=False),
    Column("step", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("charged_through", Date, nullable=False),
    Column("aged_through", Date, nullable=False),
    Column("set_aside_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("released_at", DateTime(timezone=True)),
    Column("released_by", Text),
    PrimaryKeyConstraint("book_id", "loan_id", "known_from_seq"),
    ForeignKeyConstraint(["book_id", "loan_id"], ["loans.loan.book_id", "loans.loan.id"]),
    Index("ix_quarantine_live", "book_id", "loan_id", unique=True, postgresql_where=text("known_to_seq IS NULL")),
    schema="loans",
)

quarantine_figure = Table(
    "quarantine_figure",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("known_from_seq", BigInteger, nullable=False),
    Column("product", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("whole_units", Numeric, nullable=False),
    Column("gov_units", Numeric, nullable=False),
    PrimaryKeyConstraint("book_id", "loan_id", "known_from_seq", "product", "county", "kind", "state"),
    ForeignKeyConstraint(
        ["book_id", "loan_id", "known_from_seq"],
        ["loans.quarantine.book_id", "loans.quarantine.loan_id", "loans.quarantine.known_from_seq"],
    ),
    schema="loans",
)
