"""Tables of the loan package. Keys lead with `book_id`; derived rows carry the sequences between which they were known.

`known_to_seq` null means "known now". A change ends a row's knowledge and inserts a successor; nothing derived is
changed in place, so a statement re-checked years later finds what was believed then. Derived rows are keyed by when they
became known; that they are those of their loans' events, and of no others, is a tie and not a look-up for every row.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

loan = Table(
    "loan",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("contract", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("household", Text),
    Column("borrower", Text, nullable=False),
    Column("purpose", Text, nullable=False, server_default=text("''")),
    Column("terms", JSONB, nullable=False),
    Column("covered", Boolean, nullable=False, server_default=text("true")),
    Column("next_reset", Date),
    PrimaryKeyConstraint("book_id", "id"),
    UniqueConstraint("book_id", "contract"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    Index(None, "county", "household"),
    Index(None, "county", "borrower"),
    Index("ix_loan_uncovered", "book_id", "id", postgresql_where=text("NOT covered")),
    Index("ix_loan_next_reset", "next_reset", postgresql_where=text("next_reset IS NOT NULL")),
    schema="loans",
)

event = Table(
    "event",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("actor", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "reference"),
    ForeignKeyConstraint(["book_id", "loan_id"], ["loans.loan.book_id", "loans.loan.id"]),
    Index(None, "book_id", "loan_id"),
    schema="loans",
)


def _knowledge() -> list[Column[int]]:
    return [Column("known_from_seq", BigInteger, nullable=False), Column("known_to_seq", BigInteger)]


_LIVE = text("known_to_seq IS NULL")

stream = Table(
    "stream",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("base_fen", BigInteger, nullable=False),
    Column("rate_ppb", BigInteger, nullable=False),
    Column("gov_ppb", BigInteger, nullable=False),
    Column("day_count", Text, nullable=False),
    Column("anchor", Date, nullable=False),
    Column("own_dates", Boolean, nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date),
    Column("product", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("state", Text, nullable=False),
    *_knowledge(),
    PrimaryKeyConstraint("book_id", "known_from_seq", "id"),
    Index("ix_stream_live", "book_id", "loan_id", postgresql_where=_LIVE),
    Index(
        "ix_stream_running",
        text("coalesce(end_date, 'infinity'::date)"),
        postgresql_where=text("known_to_seq IS NULL AND NOT own_dates"),
    ),
    Index("ix_stream_own_dates", "book_id", "loan_id", postgresql_where=text("known_to_seq IS NULL AND own_dates")),
    Index("ix_stream_known_to", "book_id", "known_to_seq", postgresql_where=text("known_to_seq IS NOT NULL")),
    schema="loans",
)

charge = Table(
    "charge",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    Column("due_date", Date, nullable=False),
    Column("whole_fen", BigInteger, nullable=False),
    Column("gov_fen", BigInteger, nullable=False),
    Column("whole_units", Numeric, nullable=False),
    Column("gov_units", Numeric, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("day_count", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("state", Text, nullable=False),
    *_knowledge(),
    PrimaryKeyConstraint("book_id", "known_from_seq", "id"),
    Index("ix_charge_live", "book_id", "loan_id", postgresql_where=_LIVE),
    Index(
        "ix_charge_owed",
        "book_id",
        "loan_id",
        postgresql_where=text("known_to_seq IS NULL AND whole_fen - gov_fen - paid_fen > 0"),
    ),
    Index(
        "ix_charge_unpaid",
        "due_date",
        postgresql_where=text("known_to_seq IS NULL AND whole_fen - gov_fen - paid_fen > 0"),
    ),
    Index("ix_charge_known_to", "book_id", "known_to_seq", postgresql_where=text("known_to_seq IS NOT NULL")),
    schema="loans",
)

instalment = Table(
    "instalment",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("nominal_date", Date, nullable=False),
    Column("rolling", Text, nullable=False),
    Column("counts_nominal", Boolean, nullable=False),
    Column("charges", Boolean, nullable=False),
    Column("principal_fen", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("overdue", Boolean, nullable=False),
    *_knowledge(),
    PrimaryKeyConstraint("book_id", "known_from_seq", "id"),
    Index("ix_instalment_live", "book_id", "loan_id", postgresql_where=_LIVE),
    Index(
        "ix_instalment_due",
        "nominal_date",
        postgresql_where=text("known_to_seq IS NULL AND (charges OR NOT overdue AND paid_fen <> principal_fen)"),
    ),
    schema="loans",
)

charged_until = Table(
    "charged_until",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("until_date", Date, nullable=False),
    *_knowledge(),
    PrimaryKeyConstraint("book_id", "known_from_seq", "id"),
    Index("ix_charged_until_live", "book_id", "loan_id", "kind", unique=True, postgresql_where=_LIVE),
    Index("ix_charged_until_date", "until_date", postgresql_where=_LIVE),
    schema="loans",
)

standing = Table(
    "standing",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("loan_id", BigInteger, nullable=False),
    Column("product", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("principal_fen", BigInteger, nullable=False),
    Column("overdue_fen", BigInteger, nullable=False),
    Column("oldest_due", Date),
    Column("state", Text, nullable=False),
    Column("cost_fen", BigInteger, nullable=False),
    Column("excess_fen", BigInteger, nullable=False),
    Column("given_up_fen", BigInteger, nullable=False),
    *_knowledge(),
    PrimaryKeyConstraint("book_id", "known_from_seq", "id"),
    Index("ix_standing_live", "book_id", "loan_id", unique=True, postgresql_where=_LIVE),
    Index(
        "ix_standing_open",
        "book_id",
        postgresql_where=text(
            "known_to_seq IS NULL AND (principal_fen <> 0 OR cost_fen <> 0 OR excess_fen <> 0 OR given_up_fen <> 0)"
        ),
    ),
    Index(
        "ix_standing_non_accrual",
        "book_id",
        "loan_id",
        postgresql_where=text("known_to_seq IS NULL AND state = 'non_accrual'"),
    ),
    Index(
        "ix_standing_overdue",
        "oldest_due",
        postgresql_where=text("known_to_seq IS NULL AND oldest_due IS NOT NULL AND state = 'accruing'"),
    ),
    Index("ix_standing_known_to", "book_id", "known_to_seq", postgresql_where=text("known_to_seq IS NOT NULL")),
    schema="loans",
)

horizon = Table(
    "horizon",
    metadata,
    Column("only", Boolean, primary_key=True, server_default=text("true")),
    Column("charged_through", Date, nullable=False),
    Column("aged_through", Date, nullable=False),
    schema="loans",
)

accrual_run = Table(
    "accrual_run",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("closed_seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "business_date"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="loans",
)

accrual_figure = Table(
    "accrual_figure",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("product", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("whole_units", Numeric, nullable=False),
    Column("gov_units", Numeric, nullable=False),
    Column("whole_tonight", Numeric),
    Column("gov_tonight", Numeric),
    PrimaryKeyConstraint("book_id", "business_date", "product", "county", "kind", "state"),
    ForeignKeyConstraint(["book_id", "business_date"], ["loans.accrual_run.book_id", "loans.accrual_run.business_date"]),
    schema="loans",
)
