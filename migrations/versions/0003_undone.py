"""What undoing needs: a draw's and a claim's facts are those of their events; solar records may be taken back."""

from alembic import op

revision = "0003"
down_revision = "0002"

_FACTS = """
UPDATE loans.draw_event AS e
   SET body = jsonb_build_object('fen', d.fen, 'rate_ppb', d.rate_ppb, 'due_on', d.due_on, 'reported_on', e.value_date) || e.body
  FROM loans.draw AS d WHERE e.kind = 'drawn' AND d.book_id = e.book_id AND d.number = e.number
"""


def upgrade() -> None:
    op.execute("ALTER TABLE loans.draw_event DISABLE TRIGGER append_only")
    op.execute(_FACTS)
    op.execute("ALTER TABLE loans.draw_event ENABLE TRIGGER append_only")
    op.execute("ALTER TABLE loans.draw_event DROP CONSTRAINT fk_draw_event_book_id_number")
    op.execute(
        "ALTER TABLE loans.draw_event ADD CONSTRAINT fk_draw_event_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)"
    )
    op.execute("DROP TABLE loans.draw")
    op.execute("ALTER TABLE guarantees.claim DROP COLUMN basis_fen, DROP COLUMN gov_fen")
    op.execute("GRANT UPDATE (bank, loan_book_id, loan_id) ON guarantees.claim TO fupin_app")
    op.execute("GRANT DELETE ON solar.reading, solar.receipt TO fupin_app")
