"""Migrations: from nothing to the declared schema, once, as the owner; and the schema's own rules."""

import json
from datetime import date

import pytest
from conftest import fresh_database
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app import migrate as migrations
from ledger.db import APP_ROLE, OWNER_ROLE, SCHEMAS, engine_as, ensure_roles, unit_of_work
from ledger.errors import RolesMissing
from loans.events import Prepayment, Repaid
from loans.instalments import lay_out
from loans.queries import contracts_of_book, events_of
from loans.relending.draw import Form
from loans.relending.queries import draws
from loans.schedule import Position
from loans.terms import AT_MATURITY, DayCount, Method
from solar.positions import positions
from solar.receivable import Due
from solar.stations import stations


def test_the_schema_is_what_the_tables_declare(server_url: str) -> None:
    address = fresh_database(server_url, "migrated")
    assert migrations.migrate(address) == (None, migrations.newest())
    assert migrations.migrate(address) == (migrations.newest(), migrations.newest())
    migrations.check(address)


def test_draws_booked_before_their_events_held_their_facts_keep_them(server_url: str) -> None:
    address = fresh_database(server_url, "migrated")
    migrations.migrate(address, "0002")
    owner = create_engine(address)
    with owner.begin() as connection:
        for statement in (
            "INSERT INTO ledger.book (id, code, kind, name, county, bank, chart) "
            "VALUES (1, 'LB-371621-HMRCB', 'LB', '备查账', '371621', 'HMRCB', 'loan-2016')",
            "INSERT INTO loans.draw VALUES (1, 'Z1', 100000000, 17500000, '2017-01-01', '2018-01-01')",
            "INSERT INTO loans.draw_event VALUES (1, 1, 'Z1', 'drawn', '2017-01-01', 'Z1/drawn', '{\"fen\": 100000000}')",
            "INSERT INTO loans.draw_event VALUES (1, 2, 'Z1', 'extended', '2017-12-01', 'Z1/extended/2018-06-01', "
            '\'{"due_on": "2018-06-01"}\')',
        ):
            connection.execute(text(statement))
    owner.dispose()
    migrations.migrate(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        (one,) = draws(session)
    assert one.agreed == (100_000_000, 17_500_000, date(2017, 1, 1), date(2018, 1, 1), Form.CREDIT)
    assert (one.reported_on, one.ends_on) == (date(2017, 1, 1), date(2018, 6, 1))
    with engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("DELETE FROM loans.draw_event"))
    engine.dispose()


OLD_TERMS = {
    "product": "GFNH", "principal_fen": 4_000_000, "drawn_on": "2017-05-10", "maturity": "2019-09-20", "method": "equal_principal",
    "rates": [{"start": "2017-05-10", "rate_ppb": 49_000_000, "gov_ppb": 0}], "penalty_percent": 150, "compound_base": "A",
    "grace_until": "2019-01-10", "basis": 360, "early_order": ["cost", "penalty", "compound", "interest", "principal"],
    "late_order": ["cost", "principal", "interest", "compound", "penalty"],
}  # fmt: skip


def test_loans_booked_before_terms_were_data_keep_their_terms(server_url: str) -> None:
    address = fresh_database(server_url, "migrated")
    migrations.migrate(address, "0003")
    owner = create_engine(address)
    bullet = OLD_TERMS | {"method": "bullet", "grace_until": None, "basis": 365}
    with owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ledger.book (id, code, kind, name, county, bank, chart) "
                "VALUES (1, 'LB-371621-HMRCB', 'LB', '备查账', '371621', 'HMRCB', 'loan-2016')"
            )
        )
        for number, terms in ((1, OLD_TERMS), (2, bullet)):
            connection.execute(
                text(
                    "INSERT INTO loans.loan (book_id, id, contract, product, county, borrower, terms) "
                    "VALUES (1, :id, 'C' || :id, 'GFNH', '371621', 'P1', CAST(:terms AS jsonb))"
                ),
                {"id": number, "terms": json.dumps(terms)},
            )
        for statement in (
            "INSERT INTO loans.event (book_id, seq, loan_id, kind, value_date, reference, body, business_date, actor) "
            """VALUES (1, 1, 2, 'repaid', '2017-06-01', 'r', '{"fen": 100, "ahead": true}', '2017-06-01', 'x')""",
            "INSERT INTO loans.stream (book_id, loan_id, kind, base_fen, rate_ppb, gov_ppb, basis, start_date, product, county, "
            "state, known_from_seq) VALUES (1, 2, 'contract', 5, 5, 0, 365, '2017-05-10', 'GFNH', '371621', 'accruing', 1)",
            "INSERT INTO loans.instalment (book_id, loan_id, number, nominal_date, rolls, principal_fen, paid_fen, overdue, "
            "known_from_seq) VALUES (1, 2, 1, '2019-09-20', true, 5, 0, false, 1)",
        ):
            connection.execute(text(statement))
    owner.dispose()
    migrations.migrate(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        kept, second = (found.terms for found in contracts_of_book(session, 1))
        parts = [
            (i.nominal, i.rolling.code, i.fen) for i in lay_out(kept, Position(day=kept.drawn_on, balance=4_000_000)).instalments
        ]
        assert parts == [
            (date(2019, 3, 21), "same", 1_333_333), (date(2019, 6, 21), "same", 1_333_333), (date(2019, 9, 21), "same", 1_333_334)
        ]  # fmt: skip
        assert (second.method, second.day_count, second.rolling) == (Method.BULLET, DayCount.ACT_365, AT_MATURITY)
        ((paid,),) = events_of(session, [(1, 2)]).values()
        assert paid == Repaid(reference="r", value_date=date(2017, 6, 1), fen=100, prepays=Prepayment.AHEAD)
        row = session.execute(text("SELECT day_count, anchor, own_dates FROM loans.stream")).one()
        assert tuple(row) == ("act/365", date(2017, 5, 10), False)
        assert tuple(session.execute(text("SELECT rolling, charges FROM loans.instalment")).one()) == ("following/chinese", False)
    engine.dispose()


def test_readings_booked_before_they_had_versions_stay_due(server_url: str) -> None:
    address = fresh_database(server_url, "migrated")
    migrations.migrate(address, "0023")
    owner = create_engine(address)
    with owner.begin() as connection:
        for statement in (
            "INSERT INTO ledger.book (id, code, kind, name, county, chart) "
            "VALUES (1, 'PVA-371621', 'PVA', '光伏收益代管专账', '371621', 'fund-2016')",
            "INSERT INTO solar.station VALUES (1, 'M1', 'H1', 2, 3, 5000, '2016-12-15', 85)",
            "INSERT INTO solar.reading VALUES (1, 'M1', '2017-01-01', 400, 15796, 18204)",
            "INSERT INTO solar.receipt VALUES (1, 'M1', 'R1', '2017-01-01', '2017-02-01', 15796, 0, 13427, 2369)",
        ):
            connection.execute(text(statement))
    owner.dispose()
    migrations.migrate(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        (found,) = positions(session, stations(session, ["M1"]))
        (month,) = found.months
        assert (month.kwh, month.due, month.open, found.over) == (400, Due(15_796, 18_204), Due(0, 18_204), Due())
    engine.dispose()


@pytest.mark.parametrize("entries", [0, 300])
@pytest.mark.parametrize(
    "lookup",
    [
        "SELECT 1 FROM ONLY ledger.journal_entry x WHERE book_id = $1 AND seq = $2",
        "SELECT p.seq FROM ledger.posting AS p WHERE p.book_id = $1 AND p.seq BETWEEN $2 AND $2 AND p.line = 1 "
        "ORDER BY p.seq LIMIT 1",
        "SELECT o.seq FROM ledger.journal_entry AS o WHERE o.book_id = $1 AND o.seq BETWEEN $2 AND $2 ORDER BY o.book_id, o.seq",
    ],
)
def test_a_young_journal_is_looked_up_by_its_own_key(server_url: str, lookup: str, entries: int) -> None:
    """Foreign keys and laws keep the plan that they make, in a call of post_many, while the journal is small: it must not read all
    that a book has, though other keys look as cheap then.
    """
    address = fresh_database(server_url, "young")
    migrations.migrate(address)
    owner = create_engine(address)
    with owner.connect() as connection:
        settings = connection.scalar(text("SELECT proconfig FROM pg_proc WHERE proname = 'post_many'")) or []
        for statement in (
            "SET LOCAL session_replication_role = replica",
            "INSERT INTO ledger.journal_entry (book_id, seq, reference, kind, value_date, month, word, number, narration, event, "
            "maker, checker, body_sha256, lines) SELECT 1, n, n::text, '', '2017-01-01', '2017-01-01', '记', n, '', '', 'system', "
            f"'system', '', 1 FROM generate_series(1, {entries}) AS n",
            "INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date) "
            f"SELECT 1, n, 1, '1004', 'D', 1, '2017-01-01' FROM generate_series(1, {entries}) AS n",
            *(f"SET LOCAL {setting}" for setting in settings),
            f"PREPARE look (bigint, bigint) AS {lookup}",
        ):
            connection.execute(text(statement))
        plan = "\n".join(connection.scalars(text("EXPLAIN EXECUTE look (1, 1)")))
    owner.dispose()
    assert "Sort" not in plan, plan
    assert "using pk_" in plan


def test_tables_belong_to_the_owner_and_the_application_may_not_make_any(url: str) -> None:
    engine = engine_as(url, APP_ROLE)
    with engine.connect() as connection:
        owners = connection.scalars(
            text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = ANY(:schemas)"), {"schemas": list(SCHEMAS)}
        ).all()
        assert owners == [OWNER_ROLE]
        assert connection.scalar(text("SELECT current_user")) == APP_ROLE
        for schema in SCHEMAS:
            assert not connection.scalar(text("SELECT has_schema_privilege(current_user, :s, 'CREATE')"), {"s": schema})
    engine.dispose()


def test_a_login_that_may_not_make_roles_is_told_what_an_administrator_must_run(server_url: str) -> None:
    address = fresh_database(server_url, "foreign_one")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP ROLE IF EXISTS plain_login"))
        connection.execute(text("CREATE ROLE plain_login LOGIN"))
    plain = admin.url.set(username="plain_login").render_as_string(hide_password=False)
    with pytest.raises(RolesMissing) as refusal:
        ensure_roles(plain)
    for statement in refusal.value.statements.splitlines():
        assert statement.endswith(";")
    with admin.connect() as connection:
        for statement in refusal.value.statements.splitlines():
            connection.execute(text(statement))
    assert migrations.migrate(plain)[1] == migrations.newest()
    with admin.connect() as connection:
        connection.execute(text("REVOKE fupin_owner, fupin_app FROM plain_login"))
        connection.execute(text("DROP ROLE plain_login"))
    admin.dispose()
