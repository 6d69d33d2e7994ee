"""Applications for loans (贷款申请) and what became of them: insert-only, as every fact."""

from alembic import op

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE loans.application_event (
            book_id bigint NOT NULL,
            seq bigint NOT NULL,
            contract text NOT NULL,
            kind text NOT NULL,
            value_date date NOT NULL,
            reference text NOT NULL,
            body jsonb NOT NULL,
            business_date date NOT NULL,
            actor text NOT NULL,
            booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT pk_application_event PRIMARY KEY (book_id, seq),
            CONSTRAINT uq_application_event_book_id_reference UNIQUE (book_id, reference),
            CONSTRAINT fk_application_event_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id)
        )
    """)
    op.execute("CREATE INDEX ix_application_event_book_id_contract ON loans.application_event (book_id, contract)")
    op.execute("GRANT SELECT, INSERT ON loans.application_event TO fupin_app")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON loans.application_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()"
    )
