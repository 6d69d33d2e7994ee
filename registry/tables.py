"""Tables of the registry, keyed by region. Dated rows end where the next of their key begins."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from ledger.db import metadata

region = Table(
    "region",
    metadata,
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent", Text),
    Column("gb2260", Boolean, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    PrimaryKeyConstraint("code", "valid_from"),
    schema="registry",
)

bank = Table(
    "bank",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("rural", Boolean, nullable=False),
    schema="registry",
)

standard = Table(
    "standard",
    metadata,
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("line_fen", BigInteger, nullable=False),
    Column("credit_eligible", Boolean, nullable=False),
    Column("valid_from", Date, nullable=False),
    PrimaryKeyConstraint("code", "valid_from"),
    schema="registry",
)

household = Table(
    "household",
    metadata,
    Column("county", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("village", Text, nullable=False),
    Column("persons", Integer, nullable=False),
    Column("standard", Text, nullable=False),
    Column("registered_on", Date, nullable=False),
    Column("escaped_on", Date),
    Column("head_name", Text, nullable=False),
    Column("head_id_sealed", LargeBinary, nullable=False),
    Column("head_id_hmac", LargeBinary, nullable=False),
    Column("account_sealed", LargeBinary),
    PrimaryKeyConstraint("county", "number"),
    CheckConstraint("persons > 0", name="persons"),
    Index(None, "county", "head_id_hmac", unique=True),
    Index(None, "number"),
    schema="registry",
)

borrower = Table(
    "borrower",
    metadata,
    Column("county", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("household", Text),
    Column("name", Text, nullable=False),
    Column("id_sealed", LargeBinary, nullable=False),
    Column("id_hmac", LargeBinary, nullable=False),
    Column("id_masked", Text, nullable=False),
    PrimaryKeyConstraint("county", "code"),
    CheckConstraint("kind IN ('household', 'enterprise')", name="kind"),
    Index(None, "county", "id_hmac", unique=True),
    Index(None, "id_hmac"),
    schema="registry",
)
