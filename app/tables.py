"""Tables of the composition root: imported files."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

import_batch = Table(
    "import_batch",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("made", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("undone", Boolean, nullable=False, server_default=text("false")),
    Column("imported_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Index("ix_import_batch_content", "kind", "sha256", unique=True, postgresql_where=text("NOT undone")),
    schema="app",
)
