"""Tables of the solar package, keyed by the county's book. Generation, receivable and cash are three records, never one.

`reading` is what was read, each version once, the highest one holds; without kWh and register it is withdrawn. `receivable` is
what each version of a month's dues adds to those before it. `receipt` is cash, for a month or (without one) for several.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

station = Table(
    "station",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="household"),
    Column("household", Text),
    Column("owner", Text),
    Column("loan_book_id", BigInteger),
    Column("loan_id", BigInteger),
    Column("watts", Integer, nullable=False),
    Column("connected_on", Date, nullable=False),
    Column("loan_percent", Integer, nullable=False),
    Column("tariff", Text),
    Column("first_register", Numeric, nullable=False, server_default="0"),
    Column("account_sealed", LargeBinary),
    Column("account_hmac", LargeBinary),
    Column("account_masked", Text),
    PrimaryKeyConstraint("book_id", "meter"),
    UniqueConstraint("book_id", "loan_book_id", "loan_id"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    CheckConstraint(
        "kind = 'household' AND num_nulls(household, loan_book_id, loan_id) = 0 OR kind = 'village' AND owner IS NOT NULL "
        "AND household IS NULL AND tariff IS NOT NULL AND num_nulls(loan_book_id, loan_id) IN (0, 2)",
        name="kind",
    ),
    CheckConstraint("num_nulls(account_sealed, account_hmac, account_masked) IN (0, 3)", name="account"),
    schema="solar",
)

swap = Table(
    "swap",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("old_end", Numeric, nullable=False),
    Column("new_start", Numeric, nullable=False),
    Column("new_meter", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "meter", "month"),
    UniqueConstraint("book_id", "new_meter"),
    ForeignKeyConstraint(["book_id", "meter"], ["solar.station.book_id", "solar.station.meter"]),
    schema="solar",
)

reading = Table(
    "reading",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kwh", Numeric),
    Column("register", Numeric),
    Column("coal_fen", BigInteger),
    Column("subsidy_fen", BigInteger),
    Column("estimated", Boolean, nullable=False, server_default=text("false")),
    Column("actor", Text, nullable=False, server_default=""),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "meter", "month", "version"),
    ForeignKeyConstraint(["book_id", "meter"], ["solar.station.book_id", "solar.station.meter"]),
    CheckConstraint("kwh IS NULL OR register IS NULL", name="one"),
    schema="solar",
)

receivable = Table(
    "receivable",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kwh", Numeric, nullable=False),
    Column("coal_fen", BigInteger, nullable=False),
    Column("subsidy_fen", BigInteger, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "meter", "month", "version"),
    ForeignKeyConstraint(["book_id", "meter"], ["solar.station.book_id", "solar.station.meter"]),
    schema="solar",
)

receipt = Table(
    "receipt",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("month", Date),
    Column("received_on", Date, nullable=False),
    Column("coal_fen", BigInteger, nullable=False),
    Column("subsidy_fen", BigInteger, nullable=False),
    Column("loan_fen", BigInteger, nullable=False),
    Column("household_fen", BigInteger, nullable=False),
    Column("swept_on", Date),
    Column("maintenance_fen", BigInteger, nullable=False, server_default=text("0")),
    Column("cooperative_fen", BigInteger, nullable=False, server_default=text("0")),
    Column("village_fen", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("book_id", "meter", "reference"),
    ForeignKeyConstraint(["book_id", "meter"], ["solar.station.book_id", "solar.station.meter"]),
    Index("ix_receipt_held", "book_id", "meter", postgresql_where=text("swept_on IS NULL AND loan_fen > 0")),
    schema="solar",
)

sweep = Table(
    "sweep",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("swept_on", Date, nullable=False),
    Column("fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "meter", "swept_on"),
    ForeignKeyConstraint(["book_id", "meter"], ["solar.station.book_id", "solar.station.meter"]),
    schema="solar",
)

agreement = Table(
    "agreement",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("document", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id", "meter"], ["solar.station.book_id", "solar.station.meter"]),
    Index(None, "book_id", "meter"),
    schema="solar",
)

contribution = Table(
    "contribution",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "meter", "reference"),
    ForeignKeyConstraint(["book_id", "meter"], ["solar.station.book_id", "solar.station.meter"]),
    schema="solar",
)

rung = Table(
    "rung",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("rung", Text, nullable=False),
    Column("meter", Text, nullable=False),
    Column("poured_on", Date, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("interest_fen", BigInteger, nullable=False),
    Column("principal_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "seq", "rung"),
    ForeignKeyConstraint(["book_id", "meter"], ["solar.station.book_id", "solar.station.meter"]),
    Index(None, "book_id", "meter", "poured_on"),
    schema="solar",
)
