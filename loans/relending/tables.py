"""Tables of relending. Keys lead with `book_id`; events are append-only.

An allocation holds at the closes `[start_date, end_date)`: a change ends a row and begins another, so that the register of a
past day shows what was allocated then. On `look_on` the loan's rate changes by contract.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

draw_event = Table(
    "draw_event",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "reference"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="loans",
)

_LIVE = text("end_date IS NULL")

draw_allocation = Table(
    "draw_allocation",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("number", Text, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("rate_ppb", BigInteger, nullable=False),
    Column("look_on", Date),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date),
    PrimaryKeyConstraint("book_id", "id"),
    ForeignKeyConstraint(["book_id", "loan_id"], ["loans.loan.book_id", "loans.loan.id"]),
    Index("ix_draw_allocation_live", "book_id", "loan_id", "number", unique=True, postgresql_where=_LIVE),
    Index("ix_draw_allocation_look_on", "look_on", postgresql_where=text("end_date IS NULL AND look_on IS NOT NULL")),
    Index("ix_draw_allocation_number", "book_id", "number"),
    schema="loans",
)
