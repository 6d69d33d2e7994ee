"""When a floating rate is set anew next (下次重定价日)."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE loans.loan ADD COLUMN next_reset date")
    op.execute("CREATE INDEX ix_loan_next_reset ON loans.loan (next_reset) WHERE next_reset IS NOT NULL")
    op.execute("GRANT UPDATE (next_reset) ON loans.loan TO fupin_app")
