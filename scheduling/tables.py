"""Tables of the close: a run per business date with where it is, a row per finished step, a row per failure."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

run = Table(
    "run",
    metadata,
    Column("business_date", Date, primary_key=True),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("finished_at", DateTime(timezone=True)),
    Column("position", Integer),
    Column("position_at", DateTime(timezone=True)),
    schema="scheduling",
)

step = Table(
    "step",
    metadata,
    Column("business_date", Date, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("microseconds", Integer, nullable=False),
    Column("finished_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("business_date", "position"),
    ForeignKeyConstraint(["business_date"], ["scheduling.run.business_date"]),
    schema="scheduling",
)

failure = Table(
    "failure",
    metadata,
    Column("business_date", Date, nullable=False),
    Column("number", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("passing", Boolean, nullable=False),
    Column("failed_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("resumed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("business_date", "number"),
    ForeignKeyConstraint(["business_date"], ["scheduling.run.business_date"]),
    schema="scheduling",
)
