"""The first schema: all packages' tables, the laws of the journal, and what the application may do."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

HERE = Path(__file__).parent


def upgrade() -> None:
    for name in ("0001_tables.sql", "0001_ledger_laws.sql", "0001_grants.sql"):
        op.get_bind().exec_driver_sql((HERE / name).read_text(encoding="utf-8").replace("%", "%%"))
