"""Limits (不得透支): running balances of accounts that may not fall below zero; the journal's laws checked once per statement."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
