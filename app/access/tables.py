"""Tables of access: staff, their dated roles, passwords ever used, second factors, sessions and failed sign-ins."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from app.access.roles import Role
from ledger.db import metadata

staff = Table(
    "staff",
    metadata,
    Column("name", Text, primary_key=True),
    Column("added_by", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("link_mark", LargeBinary),
    Column("link_until", DateTime(timezone=True)),
    Column("disabled_at", DateTime(timezone=True)),
    CheckConstraint("num_nulls(link_mark, link_until) IN (0, 2)", name="link"),
    Index("ix_staff_link_mark", "link_mark", unique=True),
    schema="app",
)

role_grant = Table(
    "role_grant",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("bank", Text),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("granted_by", Text, nullable=False),
    Column("until", DateTime(timezone=True)),
    Column("ended_by", Text),
    ForeignKeyConstraint(["name"], ["app.staff.name"]),
    CheckConstraint(f"role IN ({', '.join(repr(role.value) for role in Role)})", name="role"),
    CheckConstraint("(role = 'bank-clerk') = (bank IS NOT NULL)", name="bank"),
    CheckConstraint("num_nulls(until, ended_by) IN (0, 2) AND (until IS NULL OR until >= since)", name="ended"),
    CheckConstraint("granted_by <> name", name="not_oneself"),
    Index("ix_role_grant_current", "name", "role", unique=True, postgresql_where=text("until IS NULL")),
    schema="app",
)

password = Table(
    "password",
    metadata,
    Column("name", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("name", "set_at"),
    ForeignKeyConstraint(["name"], ["app.staff.name"]),
    schema="app",
)

second_factor = Table(
    "second_factor",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("last_step", BigInteger),
    ForeignKeyConstraint(["name"], ["app.staff.name"]),
    schema="app",
)

web_session = Table(
    "web_session",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    ForeignKeyConstraint(["name"], ["app.staff.name"]),
    CheckConstraint("stage IN ('code', 'enrol', 'password', 'full')", name="stage"),
    Index("ix_web_session_name", "name", "begun_at"),
    schema="app",
)

failed_sign_in = Table(
    "failed_sign_in",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Index("ix_failed_sign_in_name", "name", "failed_at"),
    Index("ix_failed_sign_in_address", "address", "failed_at"),
    schema="app",
)
