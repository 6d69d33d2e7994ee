"""Interest subsidy (贴息): schemes of counties, batches with their lines and steps, and the banks' own lists."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
