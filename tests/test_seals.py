"""Seals: every change of what is sealed is named, whoever makes it; sealing disturbs nobody and never parts from itself."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from conftest import ROOT, fresh_database, open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    create_engine,
    insert,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from app.migrate import migrate
from app.wiring import CHAINS
from ledger.books import BookKind, book_named, books, fund_book_code, open_book
from ledger.db import OWNER_ROLE, engine_as, unit_of_work
from ledger.journal import BookCode, JournalEntry, credit, debit
from ledger.posting import post
from ledger.sealing import queries
from ledger.sealing import seal as sealing
from ledger.sealing.canonical import canonical_sql
from ledger.sealing.chain import JOURNAL, Chain
from ledger.sealing.queries import heads
from ledger.sealing.seal import seal
from ledger.sealing.tables import seal as seal_table
from ledger.sealing.verify import Fault, off_chain, verify

RCF = BookCode("RCF-371621")
DOC = (ROOT / "docs" / "seals.md").read_text(encoding="utf-8")
TABLES = [(chain, table) for chain in CHAINS for table in chain.tables]
SEQS = (10, 20, 30, 40)
"""Where the rows of the world stand in their book, in each chain; between them there is room for more."""


# --- another program, written from docs/seals.md alone ------------------------------------------------------------


def plain(value: object) -> str:
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%fZ")
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            return str(value)


def canonical(table: str, row: dict[str, object]) -> bytes:
    fields = [("table", table), *((name, plain(row[name])) for name in sorted(row) if row[name] is not None)]
    return b"".join(b"%s %d %s\n" % (n.encode(), len(v.encode()), v.encode()) for n, v in fields)


def by_hand(session: Session, chain: Chain, code: str) -> list[tuple[int, int, bytes]]:
    """Return (position, sequence, hash) of every row of a chain of a book, as somebody else's program finds them."""
    digest, made = hashlib.sha256(f"fupin seal 1\n{chain.name}\n{code}\n".encode()).digest(), []
    for seq in session.scalars(text(f"SELECT seq FROM {chain.table} WHERE book_id = {BOOK} ORDER BY seq"), {"c": code}).all():
        written = b""
        for table in chain.tables:
            columns = ", ".join(f"{c.name}::text" if isinstance(c.type, JSONB) else c.name for c in table.columns)
            order = "line" if table is chain.lines else "seq"
            found = session.execute(
                text(f"SELECT {columns} FROM {table} WHERE book_id = {BOOK} AND seq = :s ORDER BY {order}"), {"c": code, "s": seq}
            )
            written += b"".join(canonical(str(table), dict(row)) for row in found.mappings())
        digest = hashlib.sha256(digest + written).digest()
        made.append((len(made) + 1, seq, digest))
    return made


BOOK = "(SELECT id FROM ledger.book WHERE code = :c)"


def stored(session: Session, chain: Chain, code: str) -> list[tuple[int, int, bytes]]:
    found = session.execute(
        text(f"SELECT position, seq, hash FROM ledger.seal WHERE book_id = {BOOK} AND chain = :n ORDER BY position"),
        {"c": code, "n": chain.name},
    )
    return [(row.position, row.seq, bytes(row.hash)) for row in found]


# --- a world in which every sealed table has rows, and its owner can do as he likes --------------------------------

VALUES = {
    Text: lambda n: f"文{n}",
    SmallInteger: lambda n: n % 30,
    Integer: lambda n: n,
    BigInteger: lambda n: n,
    Date: lambda n: date(2017, 1, 1) + timedelta(days=n),
    DateTime: lambda n: datetime(2017, 3, 15, 8, 30, n, 120000 + n, UTC),
    LargeBinary: lambda n: bytes([n % 256]) * 32,
    JSONB: lambda n: {"fen": n, "of": None, "甲": ["x", 1.5, {"b": True, "aa": ""}]},
}


def row_of(table: Table, n: int, **given: object) -> dict[str, object]:
    """Return a row with a value in every column; columns that may be null are null in every other row."""
    made = {c.name: None if c.nullable and n % 20 == 0 else VALUES[type(c.type)](n) for c in table.columns}
    return made | given


@dataclass(frozen=True)
class World:
    """The owner's connection: no trigger, no foreign key and no check stands in his way; two books are sealed."""

    connection: Connection
    session: Session
    first: int
    second: int

    def faults(self, chain: Chain | None = None) -> set[tuple[str, str, int | None, Fault]]:
        """Return what verifying finds, in one chain of each book or in everything."""
        chains, chosen = (CHAINS, [None]) if chain is None else ([chain], books(self.session))
        walks = (one for book in chosen for one in verify(self.session, chains, book))
        return {(f.book, f.chain, f.seq, f.fault) for one in walks for f in one.findings}

    def attempt(self, statement: str, chain: Chain | None = None) -> set[tuple[str, str, int | None, Fault]]:
        """Return what is found after a statement that touches one row, and take it back."""
        with self.connection.begin_nested() as savepoint:
            assert self.connection.execute(text(statement)).rowcount == 1, statement
            found = self.faults(chain)
            savepoint.rollback()
        return found


@pytest.fixture(scope="module")
def world(server_url: str) -> Iterator[World]:
    address = fresh_database(server_url, "migrated")  # its own, for a while: the owner's transaction locks every table
    migrate(address)
    owner = engine_as(address, OWNER_ROLE)
    with owner.connect() as connection:
        transaction = connection.begin()
        for name in {table.fullname for _, table in TABLES} | {"ledger.seal"}:
            connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
            for constraint in connection.scalars(
                text("SELECT conname FROM pg_constraint WHERE conrelid = CAST(:t AS regclass) AND contype IN ('f', 'c')"),
                {"t": name},
            ).all():
                connection.execute(text(f"ALTER TABLE {name} DROP CONSTRAINT {constraint} CASCADE"))
        with Session(connection, join_transaction_mode="create_savepoint", autoflush=False) as session:
            kind = BookKind.COMPENSATION
            first, second = (
                open_book(session, fund_book_code(kind, county), kind, county, county, None, "fund-2016").id
                for county in ("371621", "371622")
            )
            for book_id, seqs in ((first, SEQS), (second, SEQS[:2])):
                for chain in CHAINS:
                    for seq in seqs:
                        session.execute(insert(chain.table).values(row_of(chain.table, seq, book_id=book_id, seq=seq)))
                        if chain.lines is not None:
                            lines = (row_of(chain.lines, seq + n, book_id=book_id, seq=seq, line=n) for n in (1, 2))
                            session.execute(insert(chain.lines), list(lines))
                session.execute(text("UPDATE ledger.book SET last_seq = :s WHERE id = :b"), {"s": seqs[-1] + 5, "b": book_id})
            made = seal(session, CHAINS)
            assert made == {chain.name: len(SEQS) + 2 for chain in CHAINS}
            session.commit()
            assert not {f for one in verify(session, CHAINS) for f in one.findings}
            yield World(connection, session, first, second)
        transaction.rollback()
    owner.dispose()


# --- every change is named -----------------------------------------------------------------------------------------

CHANGES = {
    Text: ["'{c}' || coalesce({c}, '')", "coalesce({c}, '') || ' '", "''"],
    SmallInteger: ["coalesce({c}, 0) + 7"],
    Integer: ["-coalesce({c}, 3)"],
    BigInteger: ["coalesce({c}, 0) + 7", "-coalesce({c}, 3)"],
    Date: ["coalesce({c}, '2017-01-01') + 1", "({c}::text || ' BC')::date", "'infinity'"],
    DateTime: ["{c} + interval '1 microsecond'", "{c} + interval '8 hours'", "(({c})::text || ' BC')::timestamptz", "'-infinity'"],
    LargeBinary: ["set_byte({c}, 31, 7)", "substr({c}, 2)", "'\\x'"],
    JSONB: ["coalesce({c}, '{{}}') || '{{\"fen\": 1}}'", "{c} - 'of'", "jsonb_set({c}, '{{甲,1}}', '1.50')", "jsonb_set({c}, '{{of}}', '\"null\"')", "'null'"],
}  # fmt: skip
"""What the owner does to a column of each type, as SQL."""

KEYS = ("book_id", "seq")


def test_every_type_of_a_sealed_column_has_changes_to_try() -> None:
    assert {type(column.type) for _, table in TABLES for column in table.columns} <= CHANGES.keys()


@pytest.mark.parametrize(("chain", "table"), TABLES, ids=[str(table) for _, table in TABLES])
def test_a_change_of_any_column_of_a_sealed_row_names_the_row(world: World, chain: Chain, table: Table) -> None:
    for column in (column for column in table.columns if column.name not in KEYS):
        name, tried = f'"{column.name}"', 0
        for change in [*CHANGES[type(column.type)], *(["NULL"] if column.nullable else [])]:
            new = f"CAST({change.format(c=name)} AS {column.type.compile(world.connection.dialect)})"
            for seq in SEQS if not tried else SEQS[1:2]:
                mine = f"book_id = {world.first} AND seq = {seq}" + (" AND line = 1" if table is chain.lines else "")
                differs = f"{new}::text IS DISTINCT FROM {name}::text"
                if world.connection.scalar(text(f"SELECT {differs} FROM {table} WHERE {mine}")):
                    found = world.attempt(f"UPDATE {table} SET {name} = {new} WHERE {mine}", chain)
                    assert found == {(RCF, chain.name, seq, Fault.CHANGED)}, (column, change)
                    tried += 1
        assert tried >= len(SEQS), column


@pytest.mark.parametrize(("chain", "table"), TABLES, ids=[str(table) for _, table in TABLES])
def test_a_row_that_moved_is_named(world: World, chain: Chain, table: Table) -> None:
    is_line = table is chain.lines
    gone = Fault.CHANGED if is_line else Fault.MISSING
    for seq in SEQS:
        mine = f"book_id = {world.first} AND seq = {seq}" + (" AND line = 1" if is_line else "")
        for elsewhere in (9999, *([world.second] if seq in SEQS[2:] else [])):
            moved = world.attempt(f"UPDATE {table} SET book_id = {elsewhere} WHERE {mine}", chain)
            assert (RCF, chain.name, seq, gone) in moved
            assert len(moved) == (1 if elsewhere == 9999 else 2)
        renumbered = world.attempt(f"UPDATE {table} SET seq = {seq - 3} WHERE {mine}", chain)
        assert {(RCF, chain.name, seq - 3, Fault.ADDED), (RCF, chain.name, seq, gone)} <= renumbered


@pytest.mark.parametrize(("chain", "table"), TABLES, ids=[str(table) for _, table in TABLES])
def test_a_row_that_was_deleted_or_added_is_named(world: World, chain: Chain, table: Table) -> None:
    is_line = table is chain.lines
    for seq in SEQS:
        mine = f"book_id = {world.first} AND seq = {seq}" + (" AND line = 2" if is_line else "")
        deleted = Fault.CHANGED if is_line else Fault.MISSING
        assert world.attempt(f"DELETE FROM {table} WHERE {mine}", chain) == {(RCF, chain.name, seq, deleted)}
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    for seq in (-5, 0, 15, 35, SEQS[-1] + 6, 10**9):  # before, between and beyond what the book's sequence gave
        copied = ", ".join(
            {"seq": str(seq), "reference": "'added'", "number": "99", "reverses_seq": "NULL"}.get(column.name, f'"{column.name}"')
            for column in table.columns
        )
        mine = f"book_id = {world.first} AND seq = 20" + (" AND line = 1" if is_line else "")
        found = world.attempt(f"INSERT INTO {table} ({columns}) SELECT {copied} FROM {table} WHERE {mine}", chain)
        assert found == {(RCF, chain.name, seq, Fault.ADDED)}, seq
    if is_line:
        third = ", ".join("3" if column.name == "line" else f'"{column.name}"' for column in table.columns)
        found = world.attempt(f"INSERT INTO {table} ({columns}) SELECT {third} FROM {table} WHERE {mine}", chain)
        assert found == {(RCF, chain.name, 20, Fault.CHANGED)}


SEAL_CHANGES = {
    "book_id": ["{other}", "9999"],
    "chain": ["'nobody''s'", "chain || ' '"],
    "position": ["position + 1000", "-position", "0"],
    "seq": ["seq + 1", "seq - 1", "-seq", "1000000"],
    "hash": ["set_byte(hash, 0, 255 - get_byte(hash, 0))", "substr(hash, 2)", "'\\x'"],
}


def test_a_change_of_any_column_of_a_seal_names_its_row(world: World) -> None:
    assert SEAL_CHANGES.keys() == set(seal_table.c.keys())
    for chain in CHAINS:
        for column, changes in SEAL_CHANGES.items():
            for change in (change.format(other=world.second) for change in changes):
                for seq in SEQS if change != str(world.second) else SEQS[2:]:
                    mine = f"book_id = {world.first} AND chain = '{chain.name}' AND seq = {seq}"
                    statement = f"UPDATE ledger.seal SET {column} = {change} WHERE {mine}"
                    found = world.attempt(statement, chain if column in ("position", "seq", "hash") else None)
                    assert {s for _, _, s, _ in found} & {seq, seq + 1, seq - 1, -seq, 1000000}, (column, change, seq)
                    if column == "hash":
                        last = seq == SEQS[-1]  # nothing follows that could tell the row from its seal
                        assert found == {(RCF, chain.name, seq, Fault.CHANGED if last else Fault.SEAL)}


def test_a_seal_that_was_deleted_or_added_is_named(world: World) -> None:
    for chain in CHAINS:
        mine = f"book_id = {world.first} AND chain = '{chain.name}'"
        for seq, following in pairwise(SEQS):
            found = world.attempt(f"DELETE FROM ledger.seal WHERE {mine} AND seq = {seq}")
            assert found == {(RCF, chain.name, seq, Fault.ADDED), (RCF, chain.name, following, Fault.SEAL)}
        for seq in (-1, 15, 1_000_000):
            new = f"SELECT {world.first}, '{chain.name}', 77, {seq}, hash FROM ledger.seal WHERE {mine} AND seq = 20"
            assert (RCF, chain.name, seq, Fault.MISSING) in world.attempt(f"INSERT INTO ledger.seal {new}")
        stranger = f"SELECT {world.first}, 'other', 1, 20, hash FROM ledger.seal WHERE {mine} AND seq = 20"
        found = world.attempt(f"INSERT INTO ledger.seal {stranger}")
        assert found == {(f"book {world.first}", "other", 20, Fault.SEAL)}


def test_a_book_under_another_code_does_not_fit(world: World) -> None:
    world.session.info.clear()  # else books are what the transaction remembers of them
    found = world.attempt(f"UPDATE ledger.book SET code = 'RCF-999999' WHERE id = {world.first}")
    world.session.info.clear()
    assert found == {("RCF-999999", chain.name, SEQS[0], Fault.CHANGED) for chain in CHAINS}


def test_two_changes_are_both_named(world: World) -> None:
    with world.connection.begin_nested() as savepoint:
        for seq in SEQS[1:3]:
            world.connection.execute(
                text("UPDATE loans.event SET actor = 'x' WHERE book_id = :b AND seq = :s"), {"b": world.first, "s": seq}
            )
        assert world.faults() == {(RCF, "loans", seq, Fault.CHANGED) for seq in SEQS[1:3]}
        savepoint.rollback()


def test_what_waits_for_its_seal_is_counted_and_not_blamed(world: World) -> None:
    with world.connection.begin_nested() as savepoint:
        event = CHAINS[1].table
        world.connection.execute(insert(event).values(row_of(event, 44, book_id=world.first, seq=44)))
        assert not world.faults()
        assert sum(one.waiting for one in verify(world.session, CHAINS)) == 1
        savepoint.rollback()


def test_a_chain_made_anew_or_cut_is_shown_by_the_heads_that_were_written_down(world: World) -> None:
    written = heads(world.session, CHAINS)
    assert len(written) == 2 * len(CHAINS)
    assert not list(off_chain(world.session, CHAINS, written))
    with world.connection.begin_nested() as savepoint:
        mine = {"b": world.first}
        world.connection.execute(text("UPDATE ledger.posting SET fen = 1 WHERE book_id = :b AND seq = 20"), mine)
        world.connection.execute(text("DELETE FROM ledger.seal WHERE book_id = :b AND chain = 'journal'"), mine)
        seal(world.session, CHAINS)
        assert not world.faults(), "the owner made the chain anew, and it fits"
        (found,) = off_chain(world.session, CHAINS, written)
        assert (found.book, found.chain, found.reference, found.fault) == (RCF, "journal", "position 4", Fault.HEAD)
        savepoint.rollback()
    with world.connection.begin_nested() as savepoint:
        for table in ("loans.event", "ledger.seal"):
            chain = " AND chain = 'loans'" if table == "ledger.seal" else ""
            world.connection.execute(text(f"DELETE FROM {table} WHERE book_id = :b AND seq = 40{chain}"), mine)
        assert not world.faults(), "the owner cut the chain's end off, and the rest fits"
        assert [f.chain for f in off_chain(world.session, CHAINS, written)] == ["loans"]
        savepoint.rollback()


# --- canonical text -------------------------------------------------------------------------------------------------

hostile = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["", " ", "\n", "null", "seq 1 2\n", "table 12 ledger.audit\n", "x 3 a\nb", "2017-01-01"]
)
ANY = {
    Text: hostile,
    SmallInteger: st.integers(-(2**15), 2**15 - 1),
    Integer: st.integers(-(2**31), 2**31 - 1),
    BigInteger: st.integers(-(2**63), 2**63 - 1),
    Date: st.dates(),
    DateTime: st.datetimes(timezones=st.just(UTC)),
    LargeBinary: st.binary(max_size=40),
    JSONB: st.dictionaries(hostile, st.none() | st.booleans() | st.integers(-(2**63), 2**63) | hostile, max_size=3),
}
READ = {
    Text: str,
    SmallInteger: int,
    Integer: int,
    BigInteger: int,
    Date: date.fromisoformat,
    DateTime: lambda written: datetime.strptime(written, "%Y-%m-%d %H:%M:%S.%fZ").replace(tzinfo=UTC),
    LargeBinary: bytes.fromhex,
    JSONB: json.loads,
}


def read_back(table: Table, written: bytes) -> dict[str, object]:
    """Return the row that canonical bytes stand for; only one can."""
    found: dict[str, object] = {column.name: None for column in table.columns}
    rest, before = written, ""
    while rest:
        name, length, rest = rest.split(b" ", 2)
        value, rest = rest[: int(length)].decode(), rest[int(length) :]
        assert rest[:1] == b"\n"
        rest = rest[1:]
        if before == "":
            assert (name, value) == (b"table", table.fullname)
            before = " "
        else:
            assert before < name.decode(), "fields stand in the order of their names"
            before = name.decode()
            found[before] = READ[type(table.c[before].type)](value)
    return found


@pytest.mark.parametrize("table", [table for _, table in TABLES], ids=str)
def test_canonical_text_reads_back_to_its_row_so_no_two_rows_share_it(session: Session, table: Table) -> None:
    session.execute(text(f"CREATE TEMPORARY TABLE copied (LIKE {table})"))
    for column in table.columns:
        session.execute(text(f'ALTER TABLE copied ALTER "{column.name}" DROP NOT NULL'))
    types = {column.name: column.type for column in table.columns}
    copied = Table("copied", table.metadata.__class__(), *(column._copy() for column in table.columns))

    @settings(max_examples=60, deadline=None)
    @given(st.fixed_dictionaries({name: st.none() | ANY[type(kind)] for name, kind in types.items()}))
    def reads_back(row: dict[str, object]) -> None:
        session.execute(text("DELETE FROM copied"))
        session.execute(text("SET LOCAL search_path = pg_temp, pg_catalog"))
        session.execute(insert(copied).values({k: text("NULL") if v is None else v for k, v in row.items()}))
        written = session.scalar(text(f"SELECT {canonical_sql(table, 'r')} FROM copied r"))
        assert read_back(table, written.encode()) == row

    reads_back()


def test_a_type_without_a_canonical_form_is_refused() -> None:
    from sqlalchemy import Column, Float, MetaData

    with pytest.raises(TypeError, match="x is of a type"):
        canonical_sql(Table("t", MetaData(), Column("x", Float)), "r")


# --- sealing ---------------------------------------------------------------------------------------------------------


def contributed(number: int, fen: int = 100) -> JournalEntry:
    lines = (debit("1004", fen), credit("4007.01", fen))
    return JournalEntry(
        book=RCF, reference=f"fund/{number}", kind="fund.contributed", value_date=date(2017, 3, 15), narration="财政拨入",
        postings=lines, maker="张三", checker="李四",
    )  # fmt: skip


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_sealing_in_any_batches_makes_the_chain_that_another_program_makes(
    session: Session, city: object, batches: list[int]
) -> None:
    with session.begin_nested() as savepoint, pytest.MonkeyPatch.context() as patch:
        patch.setattr(queries, "PIECE", 2)
        number = 0
        for size in batches:
            for _ in range(size):
                number += 1
                post(session, contributed(number))
            assert seal(session, CHAINS) == ({"journal": size} if size else {})
            assert not seal(session, CHAINS)
        made = stored(session, JOURNAL, RCF)
        assert made == by_hand(session, JOURNAL, RCF)
        assert [(position, seq) for position, seq, _ in made] == [(n, n) for n in range(1, number + 1)]
        assert not [f for one in verify(session, CHAINS) for f in one.findings]
        savepoint.rollback()


def test_every_chain_is_as_another_program_makes_it(world: World) -> None:
    for chain in CHAINS:
        for code in (RCF, "RCF-371622"):
            assert stored(world.session, chain, code) == by_hand(world.session, chain, code) != []


def test_a_sealer_killed_in_the_middle_leaves_a_chain_that_goes_on(
    server_url: str, own_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unit_of_work(own_engine) as session:
        open_city(session)
        for number in range(4):
            post(session, contributed(number))
        seal(session, CHAINS)
        for number in range(4, 10):
            post(session, contributed(number))
    admin = create_engine(server_url, isolation_level="AUTOCOMMIT")
    read, turns = sealing.rows_between, []

    def killed(session: Session, *asked: object) -> object:
        turns.append(len(stored(session, JOURNAL, RCF)))
        found = read(session, *asked)
        if len(turns) == 3:
            pid = session.scalar(text("SELECT pg_backend_pid()"))
            with admin.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        return found

    with monkeypatch.context() as patch:
        patch.setattr(queries, "PIECE", 2)
        patch.setattr(sealing, "rows_between", killed)
        with pytest.raises((OperationalError, DBAPIError)), unit_of_work(own_engine) as session:
            seal(session, CHAINS)
    admin.dispose()
    own_engine.dispose()
    assert turns == [4, 6, 8], "seals made in the transaction that was killed"
    with unit_of_work(own_engine) as session:
        assert len(stored(session, JOURNAL, RCF)) == 4
        assert seal(session, CHAINS) == {"journal": 6}
        assert stored(session, JOURNAL, RCF) == by_hand(session, JOURNAL, RCF)


def test_a_sealer_waits_for_no_poster_and_seals_what_is_committed(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        open_city(session)
        post(session, contributed(1))
    with unit_of_work(own_engine) as poster:
        post(poster, contributed(2))  # holds the book's lock
        with unit_of_work(own_engine) as sealer:
            sealer.execute(text("SET LOCAL lock_timeout = '2s'"))
            assert seal(sealer, CHAINS) == {"journal": 1}
            assert [(v.sealed, v.waiting) for v in verify(sealer, [JOURNAL], book_named(sealer, RCF))] == [(1, 0)]
    with unit_of_work(own_engine) as session:
        assert [(v.sealed, v.waiting) for v in verify(session, [JOURNAL], book_named(session, RCF))] == [(1, 1)]
        assert seal(session, CHAINS) == {"journal": 1}


def test_sealers_verifiers_and_posters_at_once_make_one_chain(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        open_city(session)
    errors: list[object] = []

    def run(work: object, times: int) -> None:
        try:
            for turn in range(times):
                with unit_of_work(own_engine) as session:
                    work(session, turn)
        except BaseException as error:  # noqa: BLE001 - collected for the assertion
            errors.append(error)

    def check(session: Session, _: int) -> None:
        errors.extend(finding for one in verify(session, CHAINS) for finding in one.findings)

    works = [
        (lambda s, n: post(s, contributed(n)), 25),
        (lambda s, n: post(s, contributed(1000 + n)), 25),
        (lambda s, n: seal(s, CHAINS), 20),
        (lambda s, n: seal(s, CHAINS), 20),
        (check, 8),
    ]
    threads = [threading.Thread(target=run, args=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with unit_of_work(own_engine) as session:
        seal(session, CHAINS)
        made = stored(session, JOURNAL, RCF)
        assert len(made) == 50
        assert made == by_hand(session, JOURNAL, RCF)


# --- docs/seals.md ---------------------------------------------------------------------------------------------------


def test_the_worked_example_recomputes(world: World) -> None:
    example = re.search(r"```text\n(table .*?)```", DOC, re.DOTALL)
    hashes = re.findall(r"`([0-9a-f]{64})`", DOC)
    assert example
    began = hashlib.sha256(f"fupin seal 1\njournal\n{RCF}\n".encode()).digest()
    first = hashlib.sha256(began + example[1].encode()).hexdigest()
    assert hashes == [began.hex(), first]
    entry, *lines = (dict(record) for record in _records(example[1].encode()))
    with world.connection.begin_nested() as savepoint:
        for table in ("ledger.seal", "ledger.journal_entry", "ledger.posting"):
            world.connection.execute(text(f"DELETE FROM {table} WHERE book_id = {world.first}"))
        for record in (entry, *lines):
            names = [name for name in record if name != "table"]
            world.connection.execute(
                text(
                    f"INSERT INTO {record['table']} ({', '.join(names)}) SELECT {', '.join(names)} FROM "
                    f"jsonb_populate_record(NULL::{record['table']}, CAST(:r AS jsonb))"
                ),
                {"r": json.dumps({n: f"\\x{v}" if n == "body_sha256" else v for n, v in record.items() if n != "table"})},
            )
        assert seal(world.session, [JOURNAL]) == {"journal": 1}
        assert [(p, digest.hex()) for p, _, digest in stored(world.session, JOURNAL, RCF)] == [(1, first)]
        savepoint.rollback()


def _records(written: bytes) -> Iterator[list[tuple[str, str]]]:
    record: list[tuple[str, str]] = []
    while written:
        name, length, written = written.split(b" ", 2)
        if name == b"table" and record:
            yield record
            record = []
        record.append((name.decode(), written[: int(length)].decode()))
        written = written[int(length) + 1 :]
    yield record


def test_the_document_lists_every_chain_table_and_column() -> None:
    listed = dict(re.findall(r"^\| `(\w+\.\w+)` \| \w+ \| ([\w, ]+) \|", DOC, re.MULTILINE))
    assert listed == {table.fullname: ", ".join(sorted(table.columns.keys())) for _, table in TABLES}


def test_columns_that_sealed_tables_get_later_may_be_null() -> None:
    """A row that is sealed has no value for a column that comes later: not null with a default would change what it was."""
    common = {"book_id", "seq", "kind", "value_date", "reference"}
    event = common | {"body", "business_date", "actor", "booked_at"}
    filled = {
        "ledger.journal_entry": common | {
            "month", "word", "number", "narration", "event", "maker", "checker", "body_sha256", "lines", "booked_at"
        },
        "ledger.posting": {"book_id", "seq", "line", "account", "side", "fen", "value_date"},
        "loans.event": event | {"loan_id"},
        "loans.application_event": event | {"contract"},
        "ledger.voucher_step": {"book_id", "seq", "kind", "serial", "body", "actor", "taken_at"},
        "loans.draw_event": common | {"number", "body"},
        "loans.subsidy_step": common | {"number", "body", "actor", "booked_at"},
        "guarantees.claim_event": common | {"number", "fen", "actor", "booked_at"},
        "guarantees.pool_terms": {
            "book_id", "seq", "bank", "from_date", "shares", "leverage", "claim_after_days", "approval", "warn_ppb", "fuse_ppb",
            "worse_ppb", "loss_basis", "recovery_order", "pass_on_days", "advances", "interest", "document", "reason", "actor",
            "booked_at",
        },
        "guarantees.fuse_event": {
            "book_id", "seq", "bank", "kind", "value_date", "npl_fen", "outstanding_fen", "document", "reason", "actor", "booked_at"
        },
        "guarantees.guarantor_receipt": {
            "book_id", "seq", "number", "guarantor", "value_date", "fen", "reference", "actor", "booked_at"
        },
        "guarantees.advance": common | {"bank", "loan_book_id", "loan_id", "fen", "booked_at"},
        "solar.agreement": {"book_id", "seq", "meter", "valid_from", "document", "why", "body", "actor", "booked_at"},
        "solar.contribution": {
            "book_id", "seq", "meter", "reference", "source", "value_date", "business_date", "fen", "actor", "booked_at"
        },
        "guarantees.claim_paper": common | {"loan_book_id", "loan_id", "paper", "sha256", "pages", "actor", "booked_at"},
        "guarantees.filing_rule": {
            "book_id", "seq", "bank", "valid_from", "dunnings", "papers", "source", "actor", "booked_at"
        },
        "loans.dunning": common | {"loan_id", "body", "actor", "recorded_at"},
    }  # fmt: skip
    assert {table.fullname: {c.name for c in table.columns if not c.nullable} for _, table in TABLES} == filled
