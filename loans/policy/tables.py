"""Policy rows of counties and banks: insert-only. A correction is a newer row, what was wrong is withdrawn by another."""

from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKeyConstraint, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

policy = Table(
    "policy",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("county", Text, nullable=False),
    Column("bank", Text),
    Column("product", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("source", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("withdraws", BigInteger),
    Column("actor", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    ForeignKeyConstraint(["withdraws"], ["loans.policy.id"]),
    Index(None, "county"),
    Index("ix_policy_withdraws", "withdraws", unique=True, postgresql_where=text("withdraws IS NOT NULL")),
    schema="loans",
)
