"""Tables of suspicions: what they look at (contacts, lists, dunnings), the hits and what people decided about them.

Account, phone and identity numbers are ciphertext and fingerprint (decision 0011); a hit's facts show masks only.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata


def _when(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))


def _of_loan() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["book_id", "loan_id"], ["loans.loan.book_id", "loans.loan.id"])


contact = Table(
    "contact",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("payee", Text),
    Column("account_sealed", LargeBinary),
    Column("account_hmac", LargeBinary),
    Column("account_masked", Text),
    Column("phone_sealed", LargeBinary),
    Column("phone_hmac", LargeBinary),
    Column("phone_masked", Text),
    PrimaryKeyConstraint("book_id", "loan_id"),
    _of_loan(),
    Index("ix_contact_account", "account_hmac", postgresql_where=text("account_hmac IS NOT NULL")),
    Index("ix_contact_phone", "phone_hmac", postgresql_where=text("phone_hmac IS NOT NULL")),
    schema="loans",
)

listed = Table(
    "listed",
    metadata,
    Column("id_hmac", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("since_date", Date, nullable=False),
    Column("until_date", Date),
    Column("id_sealed", LargeBinary, nullable=False),
    Column("id_masked", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _when("loaded_at"),
    PrimaryKeyConstraint("id_hmac", "kind", "since_date"),
    schema="loans",
)

dunning = Table(
    "dunning",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    _when("recorded_at"),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "reference"),
    _of_loan(),
    Index(None, "book_id", "loan_id"),
    schema="loans",
)

hit = Table(
    "hit",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _when("raised_at"),
    PrimaryKeyConstraint("book_id", "id"),
    UniqueConstraint("book_id", "loan_id", "rule", "subject", "fingerprint"),
    _of_loan(),
    schema="loans",
)

decision = Table(
    "decision",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("hit_id", BigInteger, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _when("decided_at"),
    PrimaryKeyConstraint("book_id", "id"),
    ForeignKeyConstraint(["book_id", "hit_id"], ["loans.hit.book_id", "loans.hit.id"]),
    Index(None, "book_id", "hit_id"),
    schema="loans",
)
