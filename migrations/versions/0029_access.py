"""Access (访问控制): staff, dated roles, passwords, second factors, sessions and failed sign-ins."""

from pathlib import Path

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
