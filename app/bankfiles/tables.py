"""The table of layouts (对账单格式): what the columns of a bank's files mean, as a person said."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

bank_layout = Table(
    "bank_layout",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("bank", Text, nullable=False),
    Column("columns", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("remembered_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Index(None, "bank"),
    schema="app",
)
