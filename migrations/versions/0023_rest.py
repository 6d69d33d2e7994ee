"""A night at rest (平静之夜) goes on from what the last close remembers: the exact figures, and what a day adds to them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    for name in ("whole_tonight", "gov_tonight"):
        op.add_column("accrual_figure", sa.Column(name, sa.Numeric()), schema="loans")
