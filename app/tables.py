"""Tables of the composition root: imported files, papers to be written, reminders."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
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

outgoing_paper = Table(
    "outgoing_paper",
    metadata,
    Column("bank", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("listed_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("outcome", Text),
    Column("file", Text),
    Column("sha256", LargeBinary),
    Column("error", Text),
    Column("finished_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("bank", "first_day", "last_day"),
    CheckConstraint("kind IN ('month', 'settlement')", name="kind"),
    CheckConstraint(
        "outcome IS NULL OR outcome IN ('written', 'nothing') AND finished_at IS NOT NULL AND error IS NULL", name="outcome"
    ),
    CheckConstraint("(outcome IS NOT DISTINCT FROM 'written') = (num_nulls(file, sha256) = 0)", name="written"),
    Index("ix_outgoing_paper_kind", "kind", "last_day"),
    Index("ix_outgoing_paper_open", "last_day", postgresql_where=text("outcome IS NULL")),
    schema="app",
)

reminder = Table(
    "reminder",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("bank", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("raised_on", Date, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("settled_on", Date),
    PrimaryKeyConstraint("book_id", "bank", "kind", "raised_on"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    Index("ix_reminder_open", "book_id", "bank", "kind", unique=True, postgresql_where=text("settled_on IS NULL")),
    schema="app",
)

paper_number = Table(
    "paper_number",
    metadata,
    Column("bank", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    PrimaryKeyConstraint("bank", "year"),
    schema="app",
)

paper = Table(
    "paper",
    metadata,
    Column("bank", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("question", JSONB, nullable=False),
    Column("figures_sha256", LargeBinary, nullable=False),
    Column("known", JSONB, nullable=False),
    Column("heads", JSONB, nullable=False),
    Column("supersedes_year", Integer),
    Column("supersedes_number", Integer),
    Column("issued_on", Date, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("bank", "year", "number"),
    ForeignKeyConstraint(
        ["bank", "supersedes_year", "supersedes_number"], ["app.paper.bank", "app.paper.year", "app.paper.number"]
    ),
    CheckConstraint("num_nulls(supersedes_year, supersedes_number) IN (0, 2)", name="supersedes"),
    CheckConstraint("number > 0", name="number"),
    Index(
        "ix_paper_supersedes", "bank", "supersedes_year", "supersedes_number", unique=True,
        postgresql_where=text("supersedes_number IS NOT NULL"),
    ),
    Index(None, "bank", "kind"),
    schema="app",
)  # fmt: skip

paper_copy = Table(
    "paper_copy",
    metadata,
    Column("bank", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("copy", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("printed_by", Text, nullable=False),
    Column("printed_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("bank", "year", "number", "copy"),
    ForeignKeyConstraint(["bank", "year", "number"], ["app.paper.bank", "app.paper.year", "app.paper.number"]),
    CheckConstraint("copy > 0", name="copy"),
    schema="app",
)
