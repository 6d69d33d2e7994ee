"""What corrections need: a claim filed again after a cancelled one, and borrowers whose loans never were let go."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE guarantees.claim DROP CONSTRAINT uq_claim_book_id_loan_book_id_loan_id")
    op.execute("CREATE INDEX ix_claim_book_id_loan_book_id_loan_id ON guarantees.claim (book_id, loan_book_id, loan_id)")
    op.execute("GRANT UPDATE (household, id_hmac) ON registry.borrower TO fupin_app")
