"""Partitions: the tables made anew are what they were, hold the same books to the byte, and post, close and restore as before."""

from pathlib import Path

import pytest
from conftest import fresh_database
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_backup import LAST, at, broken, exports, exports_of, fill

from app import distribution, partitioning, wiring
from app.backup import backup
from app.migrate import METADATA
from app.partitioning import LARGE, BooksInUse, large_books, partition, partitioned_books
from app.restore import restore
from ledger.calendar import DAY
from ledger.db import APP_ROLE, OWNER_ROLE, engine_as, unit_of_work
from ledger.sealing.verify import verify as recompute
from scheduling.close import close

CATALOGUE = {
    "columns": "SELECT attrelid::regclass::text, attname, row_number() OVER (PARTITION BY attrelid ORDER BY attnum), format_type(atttypid, atttypmod), attnotnull, attidentity, "
    "attstorage, attacl::text, (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum) "
    "FROM pg_attribute WHERE attrelid = ANY(CAST(:large AS regclass[])) AND attnum > 0 AND NOT attisdropped ORDER BY 1, 3",
    "keys": "SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid), condeferrable, condeferred, convalidated "
    "FROM pg_constraint WHERE (conrelid = ANY(CAST(:large AS regclass[])) OR confrelid = ANY(CAST(:large AS regclass[]))) "
    "AND conparentid = 0 ORDER BY 1, 2",
    "indexes": "SELECT replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON '), indisvalid FROM pg_index "
    "WHERE indrelid = ANY(CAST(:large AS regclass[])) ORDER BY 1",
    "triggers": "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid = ANY(CAST(:large AS regclass[])) "
    "AND NOT tgisinternal ORDER BY 1",
    "tables": "SELECT oid::regclass::text, relowner::regrole::text, relacl::text FROM pg_class "
    "WHERE oid = ANY(CAST(:large AS regclass[])) ORDER BY 1",
    "sequences": "SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE schemaname = 'loans' ORDER BY 1, 2",
}


def catalogue(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """Everything that the schema says of the large tables."""
    return {
        what: [tuple(row) for row in session.execute(text(query), {"large": list(LARGE)})] for what, query in CATALOGUE.items()
    }


@pytest.fixture(scope="module")
def url(server_url: str) -> str:
    """A city's books in partitioned tables; the loan book has parts of its own."""
    address = fresh_database(server_url, "parted")
    fill(address)
    return address


@pytest.fixture(scope="module")
def before_and_after(url: str) -> tuple[tuple[object, list[str]], tuple[object, list[str]]]:
    owner = engine_as(url, OWNER_ROLE)
    with unit_of_work(owner) as session:
        before = catalogue(session), exports(session)
    with unit_of_work(owner) as session:
        assert partitioned_books(session) is None
        partition(session, large_books(session, 20))
    with unit_of_work(owner) as session:
        after = catalogue(session), exports(session)
        mine = session.scalar(text("SELECT id FROM ledger.book WHERE kind = 'LB'"))
        assert partitioned_books(session) == [mine]
        assert session.scalar(text(f"SELECT count(*) FROM loans.stream_book_{mine}")) == 5
        assert session.scalar(text("SELECT count(*) FROM loans.stream_others")) == 0
    owner.dispose()
    return before, after


def test_the_tables_made_anew_are_what_they_were(before_and_after: tuple[tuple[dict[str, object], object], ...]) -> None:
    (before, written), (after, written_after) = before_and_after
    for what in CATALOGUE:
        assert after[what] == before[what], what
    assert written_after == written


def test_books_in_parts_post_close_verify_and_keep_their_laws(url: str, before_and_after: object) -> None:
    engine = engine_as(url, APP_ROLE)
    close(engine, wiring.night_steps(), LAST + DAY)
    with unit_of_work(engine) as session:
        assert not [one for one in wiring.verify(session) if not one.ok]
        assert not [finding for chain in recompute(session, wiring.CHAINS) for finding in chain.findings]
        assert list(distribution.plan(distribution.tables(session), distribution.keys(session)))
        parts = session.scalars(
            text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY(CAST(:large AS regclass[]))"),
            {"large": list(LARGE)},
        ).all()
    assert len(parts) == 2 * len(LARGE)
    for part in parts:  # past the table there would be no law
        with engine.connect() as connection, pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text(f"DELETE FROM {part}"))
    owner = engine_as(url, OWNER_ROLE)
    for statement in ("UPDATE ledger.posting SET fen = fen", "DELETE FROM loans.event"):
        with owner.connect() as connection, pytest.raises(DBAPIError, match="insert-only"):
            connection.execute(text(statement))
    owner.dispose()
    engine.dispose()


def test_books_in_parts_are_backed_up_and_restored(server_url: str, url: str, before_and_after: object, tmp_path: Path) -> None:
    made = backup(at(url, tmp_path), tmp_path / "backups")
    empty = fresh_database(server_url, "restored")
    assert not broken(restore(at(empty, tmp_path), made))
    assert exports_of(empty) == exports_of(url)


def test_parts_are_made_anew_and_nobody_is_waited_for_for_ever(
    url: str, before_and_after: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioning, "PATIENCE", "100ms")
    owner, reader = engine_as(url, OWNER_ROLE), create_engine(url)
    with unit_of_work(owner) as session:
        before = catalogue(session)
        ids = list(session.scalars(text("SELECT id FROM ledger.book ORDER BY id LIMIT 2")))
    with reader.connect() as connection:
        connection.execute(text("SELECT FROM ledger.posting LIMIT 1"))
        with pytest.raises(BooksInUse), unit_of_work(owner) as session:
            partition(session, ids)
    reader.dispose()
    with unit_of_work(owner) as session:
        assert partitioned_books(session) != ids
        partition(session, ids)
    with unit_of_work(owner) as session:
        assert (partitioned_books(session), catalogue(session)) == (ids, before)
    owner.dispose()


def test_every_large_table_belongs_to_books() -> None:
    for table in LARGE:
        assert next(iter(METADATA.tables[table].primary_key.columns)).name == "book_id"
        assert distribution.place_of(table).kind is distribution.Kind.BOOK
