"""Books on several machines: the catalogue shows that every table has a place, and every key can be held in one."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import distribution
from app.distribution import LOCAL, REFERENCE, REGION, SPANNING, Kind, SpansBooks, keys, place_of, plan, tables, within_one_place
from loans.subsidy import ties


def test_every_large_table_leads_its_keys_with_the_book(session: Session) -> None:
    """What is not reference, local or of a region by a named reason is a book's: keys lead with it, and so do references to it."""
    for key in keys(session):
        own = place_of(key.table)
        if own.column is None or key.name in SPANNING:
            continue
        assert key.columns[0] == own.column, key
        if key.target is not None:
            assert key.target_columns[0] == place_of(key.target).column, key


def test_every_table_is_distributed_reference_or_local_by_a_named_reason(session: Session) -> None:
    found = tables(session)
    assert {*REFERENCE, *REGION, *LOCAL} <= set(found), "no reason is given for what is not there"
    assert all(place_of(table).reason for table in found)
    primary = {key.table: key.columns for key in keys(session) if key.name.startswith("pk_") or key.name == "migration_pkc"}
    assert set(primary) == set(found), "every table has a primary key"
    mine = [table for table in found if place_of(table).kind is Kind.BOOK]
    assert "ledger.posting" in mine
    assert "loans.stream" in mine
    assert [table for table in mine if primary[table][0] != place_of(table).column] == []


def test_the_only_keys_over_several_books_are_those_with_a_reason(session: Session) -> None:
    assert {key.name for key in keys(session) if not within_one_place(key)} == set(SPANNING)


@pytest.mark.parametrize(
    ("ddl", "key"),
    [
        ("CREATE UNIQUE INDEX uq_across ON loans.loan (contract)", "uq_across"),
        (
            "ALTER TABLE solar.station ADD CONSTRAINT fk_across FOREIGN KEY (loan_book_id, loan_id) REFERENCES loans.loan",
            "fk_across",
        ),
        ("ALTER TABLE ledger.seal ADD CONSTRAINT fk_across FOREIGN KEY (position) REFERENCES ledger.audit", "fk_across"),
        ("ALTER TABLE loans.policy ADD CONSTRAINT fk_across FOREIGN KEY (id) REFERENCES ledger.book", "fk_across"),
        (
            "ALTER TABLE ledger.seal ADD CONSTRAINT fk_across FOREIGN KEY (chain, chain) REFERENCES registry.borrower",
            "fk_across",
        ),
    ],
)
def test_a_new_key_over_several_books_is_found(url: str, session: Session, ddl: str, key: str) -> None:
    session.execute(text("SET LOCAL ROLE NONE"))
    session.execute(text(ddl))
    with pytest.raises(SpansBooks, match=key):
        list(plan(tables(session), keys(session)))


def test_the_plan_puts_every_table_after_those_it_refers_to(session: Session) -> None:
    found, held = tables(session), keys(session)
    statements = list(plan(found, held))
    dropped = [name for name in SPANNING if any(f"DROP CONSTRAINT {name};" in one for one in statements)]
    assert dropped == list(SPANNING)
    order = [
        next(n for n, one in enumerate(statements) if f"'{table}'" in one.split(",")[0] or f"-- {table} " in one)
        for table in found
    ]
    at = dict(zip(found, order, strict=True))
    assert len(set(order)) == len(found), "each table once"
    for key in held:
        if key.target is not None and key.name not in SPANNING and key.target != key.table:
            assert at[key.target] < at[key.table], key
    assert "SELECT create_reference_table('registry.bank');" in statements
    assert "SELECT create_distributed_table('ledger.book', 'id', colocate_with => 'none');" in statements
    assert "SELECT create_distributed_table('ledger.posting', 'book_id', colocate_with => 'ledger.book');" in statements
    assert "SELECT create_distributed_table('registry.household', 'county', colocate_with => 'registry.borrower');" in statements


def test_what_a_spanning_key_held_a_tie_holds(session: Session) -> None:
    session.execute(text("SET LOCAL ROLE NONE"))
    for key in keys(session):
        if key.name in SPANNING and key.target is not None:
            session.execute(text(f"ALTER TABLE {key.table} DROP CONSTRAINT {key.name}"))
    (first, *_) = ties.checks(session)
    assert first.ok
    session.execute(text("SET LOCAL session_replication_role = replica"))
    columns = "book_id, number, loan_book_id, loan_id"
    needed = session.scalars(
        text(
            "SELECT attname || ' ' || format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'loans.subsidy_line'::regclass "
            "AND attnum > 0 AND attnotnull AND NOT atthasdef AND attname <> ALL(string_to_array(:known, ', '))"
        ),
        {"known": columns},
    ).all()
    names = [name.split()[0] for name in needed]
    empty = ["'2017-01-01'" if "date" in name else "'0'" for name in needed]
    session.execute(
        text(
            f"INSERT INTO loans.subsidy_line ({', '.join([columns, *names])}) VALUES ({', '.join(['1', '1', '2', '3', *empty])})"
        )
    )
    (first, *_) = ties.checks(session)
    assert (first.check, first.expected, first.actual) == ("loans: subsidy lines that name no loan", "0", "1")


def test_a_place_is_told_by_both_columns_of_a_key() -> None:
    key = distribution.Key("loans.event", "fk", ("book_id", "loan_id"), "loans.loan", ("book_id", "id"))
    assert within_one_place(key)
    assert not within_one_place(replace(key, target_columns=("id", "book_id")))
    assert within_one_place(replace(key, columns=("loan_id", "book_id"), target_columns=("id", "book_id")))
