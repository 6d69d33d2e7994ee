"""A loan may go to an heir (继承): its row names whose it is now."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("GRANT UPDATE (borrower, household) ON loans.loan TO fupin_app")
