"""Tables of the ledger. Every large one leads its key with `book_id`: the book is the tenant and the unit of distribution."""

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
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata

book = Table(
    "book",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("code", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("county", Text, nullable=False),
    Column("bank", Text),
    Column("chart", Text, nullable=False),
    Column("last_seq", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("kind IN ('RCF', 'ISF', 'PVA', 'LB', 'ARC')", name="kind"),
    schema="ledger",
)

account = Table(
    "account",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("pair", Text),
    Column("closes_to", Text),
    Column("manual", Boolean, nullable=False, server_default=text("false")),
    Column("needs", Text),
    Column("limited", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("book_id", "code"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    CheckConstraint("side IN ('D', 'C', 'B')", name="side"),
    schema="ledger",
)

period = Table(
    "period",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("month", Date, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("closed_seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "month"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    CheckConstraint("extract(day FROM month) = 1", name="first_day"),
    schema="ledger",
)

reopening = Table(
    "reopening",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("month", Date, nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column("reopened_by", Text, nullable=False),
    Column("reopened_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "month", "closed_at"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="ledger",
)

officer = Table(
    "officer",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("since", Date, nullable=False),
    Column("supervisor", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("appointed_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "since"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="ledger",
)

voucher_series = Table(
    "voucher_series",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("month", Date, nullable=False),
    Column("word", Text, nullable=False),
    Column("last_number", Integer, nullable=False),
    PrimaryKeyConstraint("book_id", "month", "word"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="ledger",
)

journal_entry = Table(
    "journal_entry",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("month", Date, nullable=False),
    Column("word", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("narration", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("reverses_seq", BigInteger),
    Column("maker", Text, nullable=False),
    Column("checker", Text, nullable=False),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("lines", SmallInteger, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("book_id", "seq"),
    UniqueConstraint("book_id", "reference"),
    UniqueConstraint("book_id", "month", "word", "number"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    ForeignKeyConstraint(["book_id", "reverses_seq"], ["ledger.journal_entry.book_id", "ledger.journal_entry.seq"]),
    CheckConstraint("month = date_trunc('month', value_date::timestamp)::date", name="month"),
    CheckConstraint("maker = 'system' OR maker <> checker", name="two_people"),
    Index(
        "uq_journal_entry_book_id_reverses_seq",
        "book_id",
        "reverses_seq",
        unique=True,
        postgresql_where=text("reverses_seq IS NOT NULL"),
    ),
    schema="ledger",
)

posting = Table(
    "posting",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("line", SmallInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("value_date", Date, nullable=False),
    Column("county", Text),
    Column("bank", Text),
    Column("product", Text),
    Column("payer", Text),
    Column("kind", Text),
    Column("loan_id", BigInteger),
    Column("project", Text),
    PrimaryKeyConstraint("book_id", "seq", "line"),
    ForeignKeyConstraint(["book_id", "seq"], ["ledger.journal_entry.book_id", "ledger.journal_entry.seq"]),
    ForeignKeyConstraint(["book_id", "account"], ["ledger.account.book_id", "ledger.account.code"]),
    CheckConstraint("side IN ('D', 'C')", name="side"),
    CheckConstraint("fen <> 0", name="fen"),
    Index(None, "book_id", "account", "value_date"),
    schema="ledger",
)

running_balance = Table(
    "running_balance",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("whose", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "account", "whose", "day"),
    ForeignKeyConstraint(["book_id", "account"], ["ledger.account.book_id", "ledger.account.code"]),
    schema="ledger",
)

unfinished_entry = Table(
    "unfinished_entry",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    schema="ledger",
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("through_seq", BigInteger, nullable=False),
    Column("booked_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("book_id", "through_seq"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    schema="ledger",
)

snapshot_turnover = Table(
    "snapshot_turnover",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("through_seq", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("month", Date, nullable=False),
    Column("account", Text, nullable=False),
    Column("county", Text),
    Column("bank", Text),
    Column("product", Text),
    Column("payer", Text),
    Column("kind", Text),
    Column("project", Text),
    Column("debit_fen", BigInteger, nullable=False),
    Column("credit_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "through_seq", "line"),
    ForeignKeyConstraint(
        ["book_id", "through_seq"], ["ledger.snapshot.book_id", "ledger.snapshot.through_seq"], ondelete="CASCADE"
    ),
    schema="ledger",
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    schema="ledger",
)

business_day = Table(
    "business_day",
    metadata,
    Column("only", Boolean, primary_key=True, server_default=text("true")),
    Column("business_date", Date, nullable=False),
    CheckConstraint('"only"', name="only"),
    schema="ledger",
)
