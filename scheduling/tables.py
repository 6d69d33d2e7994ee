"""Tables of the close: a run per business date, a row per finished step."""

from sqlalchemy import Column, Date, DateTime, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

run = Table(
    "run",
    metadata,
    Column("business_date", Date, primary_key=True),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("finished_at", DateTime(timezone=True)),
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
