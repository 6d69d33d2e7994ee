"""Tables of the compensation pools, keyed by the county's fund book."""

from sqlalchemy import (
    BigInteger,
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

pool = Table(
    "pool",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("bank", Text, nullable=False),
    Column("share_ppb", BigInteger, nullable=False),
    Column("leverage", Integer, nullable=False),
    Column("claim_after_days", Integer, nullable=False),
    PrimaryKeyConstraint("book_id", "bank"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="guarantees",
)

claim = Table(
    "claim",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("bank", Text, nullable=False),
    Column("loan_book_id", BigInteger, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "number"),
    Index(None, "book_id", "loan_book_id", "loan_id"),
    ForeignKeyConstraint(["book_id", "bank"], ["guarantees.pool.book_id", "guarantees.pool.bank"]),
    schema="guarantees",
)

claim_event = Table(
    "claim_event",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    Column("note", Text),
    Column("findings", JSONB(none_as_null=True)),
    Column("collected_on", Date),
    UniqueConstraint("book_id", "reference"),
    Index(None, "book_id", "number"),
    ForeignKeyConstraint(["book_id", "number"], ["guarantees.claim.book_id", "guarantees.claim.number"]),
    schema="guarantees",
)

filing_rule = Table(
    "filing_rule",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("bank", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("dunnings", Integer, nullable=False),
    Column("papers", JSONB, nullable=False),
    Column("source", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id", "bank"], ["guarantees.pool.book_id", "guarantees.pool.bank"]),
    schema="guarantees",
)

claim_paper = Table(
    "claim_paper",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("loan_book_id", BigInteger, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("paper", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "reference"),
    Index(None, "book_id", "loan_book_id", "loan_id"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="guarantees",
)
