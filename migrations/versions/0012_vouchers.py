"""Vouchers that people write (凭证), two pairs of eyes in the database too; chief accountants; months reopened by them."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
