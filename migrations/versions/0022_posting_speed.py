"""Posting (记账) looks up less: laws read what came in ranges, and a batch is taken for new until a key says that it is not."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
