"""Loans are allocated to the draws that fund them; how loans stood at a close is found by what ended after it."""

from alembic import op

revision = "0008"
down_revision = "0007"

_ALLOCATION = """
CREATE TABLE loans.draw_allocation (
    book_id BIGINT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    number TEXT NOT NULL,
    loan_id BIGINT NOT NULL,
    fen BIGINT NOT NULL,
    rate_ppb BIGINT NOT NULL,
    look_on DATE,
    start_date DATE NOT NULL,
    end_date DATE,
    CONSTRAINT pk_draw_allocation PRIMARY KEY (book_id, id),
    CONSTRAINT fk_draw_allocation_book_id_loan_id FOREIGN KEY (book_id, loan_id) REFERENCES loans.loan (book_id, id)
);
CREATE UNIQUE INDEX ix_draw_allocation_live ON loans.draw_allocation (book_id, loan_id, number) WHERE end_date IS NULL;
CREATE INDEX ix_draw_allocation_look_on ON loans.draw_allocation (look_on) WHERE end_date IS NULL AND look_on IS NOT NULL;
CREATE INDEX ix_draw_allocation_number ON loans.draw_allocation (book_id, number);
CREATE INDEX ix_standing_known_to ON loans.standing (book_id, known_to_seq) WHERE known_to_seq IS NOT NULL;
GRANT SELECT, INSERT, UPDATE (end_date) ON loans.draw_allocation TO fupin_app
"""


def upgrade() -> None:
    op.execute(_ALLOCATION)
