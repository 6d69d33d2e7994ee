"""Tables of bank reconciliation: facts only. An undo or an unmatch is a row of its own, so nothing here is ever changed."""

from typing import Any

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.db import metadata


def _when(name: str) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))


def _of_account() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["book_id", "bank"], ["ledger.bank_account.book_id", "ledger.bank_account.bank"])


def _of_match() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["book_id", "match_id"], ["ledger.bank_match.book_id", "ledger.bank_match.match_id"])


bank_account = Table(
    "bank_account",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("bank", Text, nullable=False),
    Column("number_sealed", LargeBinary, nullable=False),
    Column("number_hmac", LargeBinary, nullable=False),
    Column("number_masked", Text, nullable=False),
    Column("holds_unnamed", Boolean, nullable=False),
    Column("actor", Text, nullable=False),
    _when("registered_at"),
    PrimaryKeyConstraint("book_id", "bank"),
    ForeignKeyConstraint(["book_id"], ["ledger.book.id"]),
    Index("ix_bank_account_number", "book_id", "number_hmac", unique=True),
    Index("ix_bank_account_unnamed", "book_id", unique=True, postgresql_where=text("holds_unnamed")),
    schema="ledger",
)

bank_statement = Table(
    "bank_statement",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("bank", Text, nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    Column("opening_fen", BigInteger, nullable=False),
    Column("closing_fen", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _when("taken_at"),
    PrimaryKeyConstraint("book_id", "id"),
    _of_account(),
    CheckConstraint("start_date < end_date", name="period"),
    Index(None, "book_id", "bank", "end_date"),
    schema="ledger",
)

bank_line = Table(
    "bank_line",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("statement_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("serial", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("counterparty", Text, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("book_id", "statement_id", "number"),
    ForeignKeyConstraint(["book_id", "statement_id"], ["ledger.bank_statement.book_id", "ledger.bank_statement.id"]),
    CheckConstraint("fen <> 0", name="fen"),
    schema="ledger",
)

bank_statement_undo = Table(
    "bank_statement_undo",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("statement_id", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    _when("undone_at"),
    PrimaryKeyConstraint("book_id", "statement_id"),
    ForeignKeyConstraint(["book_id", "statement_id"], ["ledger.bank_statement.book_id", "ledger.bank_statement.id"]),
    schema="ledger",
)

bank_match = Table(
    "bank_match",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("match_id", BigInteger, Identity(always=True), nullable=False),
    Column("bank", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("members", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    _when("matched_at"),
    PrimaryKeyConstraint("book_id", "match_id"),
    _of_account(),
    Index(None, "book_id", "bank"),
    schema="ledger",
)

bank_match_member = Table(
    "bank_match_member",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("match_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("seq", BigInteger),
    Column("line", SmallInteger),
    Column("statement_id", BigInteger),
    Column("number", Integer),
    PrimaryKeyConstraint("book_id", "match_id", "position"),
    _of_match(),
    ForeignKeyConstraint(["book_id", "seq", "line"], ["ledger.posting.book_id", "ledger.posting.seq", "ledger.posting.line"]),
    ForeignKeyConstraint(
        ["book_id", "statement_id", "number"],
        ["ledger.bank_line.book_id", "ledger.bank_line.statement_id", "ledger.bank_line.number"],
    ),
    CheckConstraint("num_nonnulls(seq, line) = 2 AND num_nonnulls(statement_id, number) = 0 OR "
                    "num_nonnulls(seq, line) = 0 AND num_nonnulls(statement_id, number) = 2", name="one_side"),
    Index("ix_bank_match_member_posting", "book_id", "seq", "line"),
    Index("ix_bank_match_member_line", "book_id", "statement_id", "number"),
    schema="ledger",
)  # fmt: skip

bank_unmatch = Table(
    "bank_unmatch",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("match_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _when("unmatched_at"),
    PrimaryKeyConstraint("book_id", "match_id"),
    _of_match(),
    schema="ledger",
)

bank_sheet = Table(
    "bank_sheet",
    metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("bank", Text, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("figures", JSONB, nullable=False),
    Column("maker", Text, nullable=False),
    Column("checks", BigInteger),
    Column("checker", Text),
    _when("signed_at"),
    PrimaryKeyConstraint("book_id", "id"),
    _of_account(),
    ForeignKeyConstraint(["book_id", "checks"], ["ledger.bank_sheet.book_id", "ledger.bank_sheet.id"]),
    CheckConstraint("num_nulls(checks, checker) <> 1 AND checker <> maker", name="two_people"),
    Index(None, "book_id", "bank", "as_of"),
    schema="ledger",
)
