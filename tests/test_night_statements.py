"""The night's statements over many loans do to each what replay does, and none reads what is over."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text, update
from sqlalchemy.orm import Session
from test_preview import bookable_terms

from app import wiring
from benchmarks import portfolio
from benchmarks.portfolio import Country
from ledger.books import Book, BookKind, books
from ledger.calendar import DAY
from ledger.journal import merged
from ledger.posting import take_sequence
from ledger.queries import entry_referenced, is_posted, turnovers
from loans import accrual, ageing, projection, rest, settlement, tables
from loans.booking import difference
from loans.contract import Contract, terms_to_json
from loans.events import Disbursed, LoanEvent, Repaid, facts
from loans.exact_interest import NOTHING, Group, Units, run_up
from loans.life import Horizon, Life
from loans.replay import replay
from loans.terms import DayCount, LoanTerms, Method, RateStep
from scheduling.close import close


def stored(session: Session, contract: Contract) -> dict[str, Counter[projection.Row]]:
    """What is stored of a loan, table by table."""
    return {
        one.table.name: Counter(row for _, _, row in projection.stored_rows(session, one, [contract.key]).get(contract.key, ()))
        for one in projection.PROJECTIONS
    }


def derived(contract: Contract, life: Life) -> dict[str, Counter[projection.Row]]:
    """What a life says must be stored."""
    return {one.table.name: Counter(one.rows(contract, life)) for one in projection.PROJECTIONS}


def written(session: Session, book: Book, terms: LoanTerms, events: list[LoanEvent], at: Horizon) -> Contract:
    """A loan as its events and the nights so far made it, in a book and at the horizon of the nights."""
    seq = take_sequence(session, {book.id: len(events) + 1})[book.id]
    contract = Contract(
        book=book.code, book_id=book.id, id=seq, contract=f"C{seq}", product="XEXD", county=book.county, household=None,
        borrower="B1", terms=terms,
    )  # fmt: skip
    session.execute(
        insert(tables.loan).values(
            book_id=book.id, id=seq, contract=contract.contract, product="XEXD", county=book.county, borrower="B1",
            terms=terms_to_json(terms),
        )
    )  # fmt: skip
    for number, one in enumerate(events, start=1):
        session.execute(
            insert(tables.event).values(
                book_id=book.id, seq=seq + number, loan_id=seq, kind=one.kind, value_date=one.value_date, reference=one.reference,
                body=facts(one), business_date=one.value_date, actor="t",
            )
        )  # fmt: skip
    projection.save(session, [(contract, replay(terms, events, at), seq + len(events))], {contract.key})
    session.execute(update(tables.horizon).values(charged_through=at.charged_through, aged_through=at.aged_through))
    session.info.clear()
    return contract


@st.composite
def late_loans(draw: st.DrawFn) -> tuple[LoanTerms, list[LoanEvent], date]:
    """A loan of any kind, a few payments of any amount, and a day on which ageing has something to do."""
    terms = draw(bookable_terms())
    assume(terms.unbookable is None)
    events: list[LoanEvent] = [Disbursed(reference="d", value_date=terms.drawn_on, fen=int(terms.principal_fen))]
    length = (terms.maturity - terms.drawn_on).days
    for number in range(draw(st.integers(0, 3))):
        day = terms.drawn_on + draw(st.integers(1, length + 200)) * DAY
        events.append(Repaid(reference=f"r{number}", value_date=day, fen=draw(st.integers(1, int(terms.principal_fen)))))
    end = terms.maturity + 400 * DAY
    life = replay(terms, events, Horizon(end, end))
    days = {line.instalment.due for line in life.instalments} | {charge.due for charge in life.charges}
    days |= {one.oldest_due + 91 * DAY for one in life.arrears if one.oldest_due}
    day = draw(st.sampled_from(sorted(days)))
    return terms, [one for one in events if one.value_date <= day], day


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(late=late_loans())
def test_a_night_by_statements_is_a_night_by_replay(
    session: Session, city: dict[str, Book], late: tuple[LoanTerms, list[LoanEvent], date]
) -> None:
    """Ageing and settlement leave the rows, and ageing the postings, that the loan's replay to the close has."""
    terms, events, day = late
    eve = Horizon(day - DAY, day - DAY)
    before, aged, charged = (replay(terms, events, at) for at in (eve, Horizon(eve.charged_through, day), Horizon(day, day)))
    with session.begin_nested() as savepoint:
        contract = written(session, city["LB"], terms, events, eve)
        ageing.age(session, day)
        assert stored(session, contract) == derived(contract, aged)
        name, book = f"night/aged/{day}", city["LB"]
        posted = entry_referenced(session, book.id, name).entry.postings if is_posted(session, book.id, name) else ()
        assert Counter(posted) == Counter(merged(difference(before.movements, aged.movements, contract)))
        settlement.settle(session, day)
        assert stored(session, contract) == derived(contract, charged)
        savepoint.rollback()
    session.info.clear()


def closed(session: Session, closing: date) -> None:
    """The accounts and figures as a close leaves them, whatever made the loans."""
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    now, tonight = run_up(session, closing)
    wanted = accrual._targets(session, now, None)
    accrual._post(session, mine, closing, accrual._differences(wanted, {}))
    accrual._remember(session, mine, closing, now, tonight)


@st.composite
def lending_days(draw: st.DrawFn) -> tuple[LoanTerms, list[LoanEvent], date]:
    """A loan of any kind, a few payments of any amount, and any day of its life or after."""
    terms, events, _ = draw(late_loans())
    day = terms.drawn_on + draw(st.integers(2, (terms.maturity - terms.drawn_on).days + 200)) * DAY
    return terms, [one for one in events if one.value_date < day], day


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(lent=lending_days())
def test_a_night_at_rest_accrues_what_a_whole_one_does(
    session: Session, city: dict[str, Book], lent: tuple[LoanTerms, list[LoanEvent], date]
) -> None:
    """Where a night rests, going on from the last close is what all streams say, figure by figure and on the accounts."""
    terms, events, day = lent
    with session.begin_nested() as savepoint:
        written(session, city["LB"], terms, events, Horizon(day - DAY, day - DAY))
        closed(session, day - DAY)
        rested = rest.rests(session, day)
        if rested:
            rest.rest(session, day)
            whole, tonight = run_up(session, day)
            row = tables.accrual_figure.c
            figures = {
                Group(*found[:5]): (Units(int(found[5]), int(found[6])), Units(int(found[7]), int(found[8])))
                for found in session.execute(
                    select(
                        *(row[name] for name in Group._fields), row.whole_units, row.gov_units, row.whole_tonight, row.gov_tonight
                    ).where(row.business_date == day)
                )
            }
            assert figures == {
                group: (units, tonight[group]) for group, units in whole.items() if (units, tonight[group]) != (NOTHING, NOTHING)
            }
            wanted = accrual.targets(session, day, accrual.closed_seqs(session, day))
            held = turnovers(session, accounts=["1132.09", "9201"], by=("product", "county", "kind", "payer"))
            posted = {accrual.Account(*key): found.balance_fen for key, found in held.items()}
            assert {key: fen for key, fen in posted.items() if fen} == {key: fen for key, fen in wanted.items() if fen}
        savepoint.rollback()
    session.info.clear()
    assume(rested)


@pytest.mark.parametrize("news", ["none", "event", "due", "bend", "quarantine", "no close"])
def test_a_night_with_news_does_not_rest(session: Session, city: dict[str, Book], news: str) -> None:
    """Whatever moves a loan, or is not known to the last close, keeps the night from resting."""
    drawn = date(2017, 3, 15)
    terms = LoanTerms(
        product="XEXD", principal_fen=5_000_000, drawn_on=drawn, maturity=date(2018, 3, 15), method=Method.BULLET,
        rates=(RateStep(drawn, 43_500_000, 43_500_000),),
        day_count=DayCount.THIRTY_360 if news == "bend" else DayCount.ACT_360,
    )  # fmt: skip
    day = date(2018, 3, 14) if news == "due" else date(2017, 4, 3)
    contract = written(
        session,
        city["LB"],
        terms,
        [Disbursed(reference="d", value_date=terms.drawn_on, fen=5_000_000)],
        Horizon(day - DAY, day - DAY),
    )
    if news != "no close":
        closed(session, day - DAY)
    if news == "event":
        take_sequence(session, {contract.book_id: 1})
    elif news == "quarantine":
        session.execute(
            text(
                "INSERT INTO loans.quarantine (book_id, loan_id, known_from_seq, since_date, step, error, charged_through, "
                "aged_through) VALUES (:book, :loan, 1, :day, 'age', 'e', :day, :day)"
            ),
            {"book": contract.book_id, "loan": contract.id, "day": day},
        )
    assert rest.rests(session, day) == (news == "none")


LARGE = (
    "loans.stream", "loans.charge", "loans.instalment", "loans.charged_until", "loans.standing",
    "ledger.journal_entry", "ledger.posting", "solar.receipt",
)  # fmt: skip
OVER = 150_000
HISTORY = f"""
SET LOCAL session_replication_role = replica;
INSERT INTO loans.stream (book_id, loan_id, kind, base_fen, rate_ppb, gov_ppb, day_count, anchor, own_dates, start_date, end_date,
                          product, county, state, known_from_seq, known_to_seq)
SELECT book_id, 9000000 + n, kind, base_fen, rate_ppb, gov_ppb, day_count, anchor, n % 3 = 0, '2015-01-01', '2016-01-01', product,
       county, state, 1, CASE WHEN n % 2 = 0 THEN 1 END
  FROM (SELECT * FROM loans.stream ORDER BY book_id, id LIMIT 1) AS one CROSS JOIN generate_series(1, {OVER}) AS n;
INSERT INTO loans.charge (book_id, loan_id, kind, start_date, end_date, due_date, whole_fen, gov_fen, whole_units, gov_units,
                          paid_fen, day_count, product, county, state, known_from_seq, known_to_seq)
SELECT book_id, 9000000 + n, kind, '2015-01-01', '2015-03-21', '2015-03-21', 5, 5, 5, 5, 0, day_count, product, county, state, 1,
       CASE WHEN n % 2 = 0 THEN 1 END
  FROM (SELECT * FROM loans.charge ORDER BY book_id, id LIMIT 1) AS one CROSS JOIN generate_series(1, {OVER}) AS n;
INSERT INTO loans.instalment (book_id, loan_id, number, nominal_date, rolling, counts_nominal, charges, principal_fen, paid_fen,
                              overdue, known_from_seq)
SELECT book_id, 9000000 + n, 1, '2016-01-01', rolling, counts_nominal, charges, 5, 5, false, 1
  FROM (SELECT * FROM loans.instalment ORDER BY book_id, id LIMIT 1) AS one CROSS JOIN generate_series(1, {OVER}) AS n;
INSERT INTO loans.charged_until (book_id, loan_id, kind, until_date, known_from_seq)
SELECT 1, 9000000 + n, 'contract', '2016-01-01', 1 FROM generate_series(1, {OVER}) AS n;
INSERT INTO loans.standing (book_id, loan_id, product, county, principal_fen, overdue_fen, state, cost_fen, excess_fen, given_up_fen,
                            known_from_seq)
SELECT book_id, 9000000 + n, product, county, 0, 0, 'accruing', 0, 0, 0, 1
  FROM (SELECT * FROM loans.standing ORDER BY book_id, id LIMIT 1) AS one CROSS JOIN generate_series(1, {OVER}) AS n;
INSERT INTO solar.receipt (book_id, meter, reference, month, received_on, coal_fen, subsidy_fen, loan_fen, household_fen, swept_on)
SELECT 1, n, n, '2016-01-01', '2016-02-01', 5, 5, 5, 5, '2016-02-01' FROM generate_series(1, {OVER}) AS n;
INSERT INTO ledger.journal_entry (book_id, seq, reference, kind, value_date, month, word, number, narration, event, maker, checker,
                                  body_sha256, lines)
SELECT b.id, -n, 'over/' || n, 'over', '2016-01-01', '2016-01-01', '史', n, '', '', 'system', 'system', '', 1
  FROM (SELECT id FROM ledger.book WHERE kind = 'LB' ORDER BY id LIMIT 1) AS b CROSS JOIN generate_series(1, {OVER}) AS n;
INSERT INTO ledger.posting (book_id, seq, line, account, side, fen, value_date)
SELECT b.id, -n, 1, '3001', 'D', 5, '2016-01-01'
  FROM (SELECT id FROM ledger.book WHERE kind = 'LB' ORDER BY id LIMIT 1) AS b CROSS JOIN generate_series(1, {OVER}) AS n
"""
"""Closed loans, and what was once known of them, many times as much as runs."""


@contextmanager
def statements_of(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Collect what is sent through an engine, with its values."""
    sent: list[tuple[str, Any]] = []

    def note(_: Connection, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """The large tables that a plan reads from end to end."""
    name = f"{plan.get('Schema')}.{plan.get('Relation Name')}"
    if plan["Node Type"] == "Seq Scan" and name in LARGE:
        yield name
    for part in plan.get("Plans", ()):
        yield from scanned(part)


def rows_read(owner: Engine) -> Counter[str]:
    """Rows that were read of each large table so far, or looked at in its indexes."""
    with owner.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT t.schemaname || '.' || t.relname AS name, t.seq_tup_read + coalesce(max(i.idx_tup_read), 0) AS read "
                "FROM pg_stat_user_tables t LEFT JOIN pg_stat_user_indexes i USING (relid) GROUP BY 1, t.seq_tup_read"
            )
        )
        return Counter({row.name: int(row.read) for row in rows if row.name in LARGE})


@pytest.mark.parametrize("closing", [date(2018, 12, 18), date(2018, 12, 20), date(2018, 12, 25)])
def test_no_step_reads_closed_loans_or_history(server_url: str, own_engine: Engine, closing: date) -> None:
    """An ordinary night, a settlement, and a day on which a fifth of the loans is due and unpaid: along indexes, all of it."""
    address = own_engine.url.render_as_string(hide_password=False)
    portfolio.lend(own_engine, address, Country(1, 2), 2_000)
    steps = wiring.night_steps()
    day = portfolio.FIRST
    while day < closing:
        close(own_engine, steps, day)
        day += DAY
    owner = create_engine(address)
    with owner.begin() as connection:
        for statement in HISTORY.split(";\n"):
            connection.execute(text(statement))
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    own_engine.dispose()  # a backend tells what it has read when it ends
    before = rows_read(owner)
    with statements_of(own_engine) as sent:
        close(own_engine, steps, closing)
    own_engine.dispose()
    most = max((rows_read(owner) - before).items(), key=lambda one: one[1])
    read: list[tuple[str, str]] = []
    with owner.connect() as connection:
        for statement, values in sent:
            if statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE")):
                one = values[0] if isinstance(values, list) else values
                (plan,) = connection.exec_driver_sql(f"EXPLAIN (VERBOSE, FORMAT JSON) {statement}", one).scalar_one()
                read += [(name, statement) for name in scanned(plan["Plan"])]
    owner.dispose()
    assert not read
    assert most[1] < OVER // 2, most
