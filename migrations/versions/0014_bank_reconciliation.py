"""Bank reconciliation (银行对账): special accounts, statements, matches, sheets, and the layouts of banks' files."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
