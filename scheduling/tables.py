"""Tables of the close: a run per business date and where it is, rows of its finished steps and failures; and runs of jobs."""

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

job_run = Table(
    "job_run",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("job", Text, nullable=False),
    Column("scheduler", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("error", Text),
    CheckConstraint("num_nulls(finished_at, outcome) IN (0, 2)", name="ended"),
    CheckConstraint("outcome IN ('done', 'failed', 'cut') AND (outcome = 'done') = (error IS NULL)", name="outcome"),
    Index("ix_job_run_job_id", "job", "id"),
    Index("ix_job_run_running", "id", postgresql_where=text("finished_at IS NULL")),
    schema="scheduling",
)
