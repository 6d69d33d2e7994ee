"""Seals (封签): hash chains over what was recorded, insert-only as the rows that they seal."""

from alembic import op

revision = "0013"
down_revision = "0012"

_SEALS = """
CREATE TABLE ledger.seal (
    book_id bigint NOT NULL,
    chain text NOT NULL,
    position bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT pk_seal PRIMARY KEY (book_id, chain, position),
    CONSTRAINT uq_seal_book_id_chain_seq UNIQUE (book_id, chain, seq),
    CONSTRAINT fk_seal_book_id FOREIGN KEY (book_id) REFERENCES ledger.book (id),
    CONSTRAINT ck_seal_hash CHECK (octet_length(hash) = 32)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.seal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
GRANT SELECT, INSERT ON ledger.seal TO fupin_app
"""


def upgrade() -> None:
    op.execute(_SEALS)
