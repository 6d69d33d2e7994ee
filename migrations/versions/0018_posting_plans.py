"""Plans of posting: what post_many and the laws in its call look up, they find by its own key, whatever else looks as cheap.

A journal of a few hundred postings looks to the planner as if a lower index with a sort behind it were as good; the plan then
lives as long as the connection, and reads all that a book has for every entry of a long transaction.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

_POST_MANY = (
    "ledger.post_many(text[], text[], text[], date[], text[], text[], text[], bigint[], text[], text[], text[], smallint[], "
    "integer[], smallint[], text[], text[], bigint[], text[], text[], text[], text[], text[], bigint[], text[])"
)


def upgrade() -> None:
    op.execute(f"ALTER FUNCTION {_POST_MANY} SET enable_sort = off")
