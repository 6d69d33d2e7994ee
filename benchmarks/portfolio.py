"""A portfolio (贷款组合): as many loans as one asks for, over a country's counties and banks, each with all that follows from it.

A hundred patterns are loans as the engine makes them: terms, events, and the life that replay gives them. Every loan is a copy
of one, so that its rows are what its events say and `verify` holds at any size; the copies come in by one statement a table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection, Engine, Table, create_engine, insert, text
from sqlalchemy.orm import Session

from app.opening import Bank, County, Plan, open_books
from ledger.books import Book, BookKind, books
from ledger.calendar import DAY, add_months
from ledger.db import unit_of_work
from ledger.journal import JournalEntry, merged
from ledger.posting import post_many, take_sequence
from loans import projection, tables
from loans.booking import difference
from loans.contract import Contract, terms_to_json
from loans.events import Disbursed, LoanEvent, Repaid, facts
from loans.life import Horizon, Life
from loans.products import product_on
from loans.replay import replay
from loans.subsidy.schemes import nationwide, scheme_on
from loans.terms import LoanTerms
from registry.tables import region

FIRST = date(2018, 12, 17)
"""The first business day; the nights up to the year's end hold all that a night can bring."""
DUE = date(2018, 12, 25)
"""On this day a fifth of all loans is due, and nobody pays."""
PATTERNS = 100
RATES = (43_500_000, 47_500_000)


@dataclass(frozen=True, slots=True)
class Country:
    """Counties and banks, each bank in each county."""

    counties: int
    banks: int


CITY, PROVINCE = Country(7, 5), Country(100, 20)


def lend(engine: Engine, address: str, country: Country, loans: int) -> int:
    """Open a country's books and fill them with loans; return how many there are (a multiple of a hundred)."""
    owner = create_engine(address)
    with unit_of_work(engine) as session:
        open_books(session, _plan(session, country))
        mine = books(session, BookKind.LOANS)
        copies = _copies(mine, loans // PATTERNS)
        made = _write_patterns(session, mine[0])
        _open_balances(session, mine, copies, made)
    with owner.begin() as connection:
        _copy(connection, mine, copies, len([event for _, _, events in made for event in events]))
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    owner.dispose()
    return sum(copies.values()) * PATTERNS


def _plan(session: Session, country: Country) -> Plan:
    """Return the plan of fictitious counties, which the registry learns here."""
    names = [f"示例{number:03}县" for number in range(1, country.counties + 1)]
    session.execute(
        insert(region),
        [
            {"code": f"99{n:04}", "name": name, "gb2260": False, "valid_from": date(2000, 1, 1)}
            for n, name in enumerate(names, start=1)
        ],
    )
    banks = tuple(Bank(code=f"BANK{number:02}", name=f"示例{number:02}银行（演示）") for number in range(1, country.banks + 1))
    counties = tuple(County(name=name, banks=tuple(bank.code for bank in banks)) for name in names)
    return Plan(first=FIRST, banks=banks, counties=counties)


def _copies(mine: Sequence[Book], total: int) -> dict[int, int]:
    """Return how many copies of the patterns each book gets; the first book at least one, which is the patterns themselves."""
    share, rest = divmod(max(1, total), len(mine))
    return {book.id: share + (number < rest) for number, book in enumerate(mine)}


def _patterns(county: str) -> Iterator[tuple[LoanTerms, list[LoanEvent], str]]:
    """Yield a hundred loans: 2 solar, 5 overdue, 20 that fall due on one day, 5 closed, 68 that run on."""
    for number in range(PATTERNS):
        product, drawn, months, repaid = _dates(number)
        principal = 1_000_000 + number * 40_000
        scheme = scheme_on(nationwide(), product, county, drawn)
        maturity = add_months(drawn, months)
        terms = product_on(product, drawn).terms(principal, RATES[number % 2], drawn, maturity, scheme)
        happened: list[LoanEvent] = [Disbursed(reference=f"P{number}", value_date=drawn, fen=principal)]
        unpaid = replay(terms, happened, Horizon(FIRST - DAY, FIRST - DAY)).charges
        late = number in range(2, 7)
        happened += [
            Repaid(reference=f"P{number}/{charge.due}", value_date=charge.due, fen=charge.unpaid_fen)
            for charge in unpaid
            if charge.unpaid_fen and not (late and charge.due >= maturity)
        ]
        if repaid:
            happened.append(Repaid(reference=f"P{number}/whole", value_date=repaid, fen=_owed(terms, happened, repaid)))
        yield terms, happened, product


def _owed(terms: LoanTerms, happened: Sequence[LoanEvent], day: date) -> int:
    """Return what clears a loan on a day: a payment of the double settles all, what is left over is not owed."""
    double = Repaid(reference="all", value_date=day, fen=2 * int(terms.principal_fen))
    life = replay(terms, [*happened, double], Horizon(FIRST - DAY, FIRST - DAY))
    return double.fen - life.standing.excess_fen


def _dates(number: int) -> tuple[str, date, int, date | None]:
    """Return a pattern's product, first day, months, and the day on which it was repaid as a whole, if it was."""
    if number < 2:
        return "GFNH", date(2017, 3, 10 + number), 120, None
    if number < 7:
        maturity = FIRST - (130 - 30 * (number - 2)) * DAY
        return "XEXD", add_months(maturity, -12), 12, None
    if number < 27:
        return "XEXD", add_months(DUE, -12), 12, None
    if number < 32:
        return "XEXD", date(2017, 9, number - 20), 36, date(2018, 11, number - 20)
    return "XEXD", date(2018, 1, 5) + (number * 4) * DAY, 36, None


Made = tuple[Contract, Life, list[LoanEvent]]


def _write_patterns(session: Session, book: Book) -> list[Made]:
    """Write the patterns into a book as they are: its loans 1 to 100."""
    made: list[Made] = []
    for number, (terms, happened, product) in enumerate(_patterns(book.county or ""), start=1):
        contract = Contract(
            book=book.code, book_id=book.id, id=number, contract=f"{number:03}", product=product, county=book.county or "",
            household=None, borrower="示例", terms=terms,
        )  # fmt: skip
        made.append((contract, replay(terms, happened, Horizon(FIRST - DAY, FIRST - DAY)), happened))
    session.execute(
        insert(tables.loan),
        [
            {"book_id": book.id, "id": one.id, "contract": one.contract, "product": one.product, "county": one.county,
             "borrower": one.borrower, "terms": terms_to_json(one.terms)}
            for one, _, _ in made
        ],
    )  # fmt: skip
    seq = take_sequence(session, {book.id: sum(len(happened) for _, _, happened in made)})[book.id]
    rows, lives = [], []
    for contract, life, happened in made:
        for event in happened:
            rows.append(
                {"book_id": book.id, "seq": seq, "loan_id": contract.id, "kind": event.kind, "value_date": event.value_date,
                 "reference": event.reference, "body": facts(event), "business_date": FIRST, "actor": "system"}
            )  # fmt: skip
            seq += 1
        lives.append((contract, life, seq - 1))
    session.execute(insert(tables.event), rows)
    projection.save(session, lives, {contract.key for contract, _, _ in made})
    return made


def _open_balances(session: Session, mine: Sequence[Book], copies: dict[int, int], made: Sequence[Made]) -> None:
    """Post, one entry a book, all that its loans' lives moved."""
    moved = [posting for contract, life, _ in made for posting in difference((), life.movements, contract)]
    entries = []
    for book in mine:
        own = [
            replace(
                posting,
                fen=posting.fen * copies[book.id],
                dimensions=replace(posting.dimensions, county=book.county, loan_id=None),
            )
            for posting in moved
        ]
        if copies[book.id]:
            entries.append(
                JournalEntry(
                    book=book.code, reference="portfolio", kind="loans.disbursed", value_date=FIRST, narration="示例贷款组合",
                    postings=merged(own),
                )
            )  # fmt: skip
    post_many(session, entries)


# --- copies ----------------------------------------------------------------------------------------------------------

_TARGETS = """
CREATE TEMPORARY TABLE target ON COMMIT DROP AS
SELECT c.book_id, b.county, k, b.last_seq + (k - c.mine) * :events AS seq, c.mine
  FROM unnest(CAST(:books AS bigint[]), CAST(:copies AS bigint[]), CAST(:first AS bigint[])) AS c (book_id, copies, mine)
  JOIN ledger.book b ON b.id = c.book_id CROSS JOIN generate_series(c.mine, c.copies - 1) AS k
"""
"""`k` is a copy's number in its book, from 1 in the book that holds the patterns; `seq` the last sequence before its events."""

_SEQUENCES = """
UPDATE ledger.book b SET last_seq = t.seq + :events
  FROM (SELECT book_id, max(seq) AS seq FROM target GROUP BY book_id) AS t WHERE t.book_id = b.id
"""

_INDEXES = """
SELECT indrelid::regclass::text AS of, format('DROP INDEX loans.%I', relname) AS drop, pg_get_indexdef(indexrelid) AS add
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
 WHERE indrelid = ANY(CAST(:tables AS regclass[])) AND NOT indisprimary
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def _copy(connection: Connection, mine: Sequence[Book], copies: dict[int, int], events: int) -> None:
    """Copy the patterns of the first book, past the laws, into all books; indexes are built after."""
    home = mine[0].id
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(
        text(_TARGETS),
        {"events": events, "books": list(copies), "copies": list(copies.values()), "first": [int(i == home) for i in copies]},
    )
    before = connection.scalar(text("SELECT min(seq) - 1 FROM loans.event WHERE book_id = :home"), {"home": home})
    values = {"home": home, "patterns": PATTERNS, "before": before}
    copied = [tables.loan, tables.event, *(one.table for one in projection.PROJECTIONS)]
    indexes = connection.execute(text(_INDEXES), {"tables": [table.fullname for table in copied]}).all()
    for index in indexes:
        connection.execute(text(index.drop))
    for table in copied:
        statement = _copying(table)
        connection.execute(text(statement), {name: value for name, value in values.items() if f":{name}" in statement})
    connection.execute(text(_SEQUENCES), {"events": events})
    for index in indexes:
        connection.execute(text(index.add))


def _copying(table: Table) -> str:
    """Return the statement that copies a table's rows: other keys, sequences and counties, all else the same."""
    anew = {
        "book_id": "t.book_id",
        "county": "t.county",
        "loan_id": "r.loan_id + t.k * :patterns",
        "seq": "t.seq + r.seq - :before",
        "known_from_seq": "t.seq + r.known_from_seq - :before",
        "contract": "r.contract || '-' || t.k",
        "reference": "r.reference || '-' || t.k",
    }
    if table is tables.loan:
        anew["id"] = "r.id + t.k * :patterns"
    kept = [column.name for column in table.columns if column.identity is None]
    chosen = ", ".join(anew.get(name, f"r.{name}") for name in kept)
    rows = f"(SELECT * FROM {table.fullname} WHERE book_id = :home) AS r CROSS JOIN target AS t"
    return f"INSERT INTO {table.fullname} ({', '.join(kept)}) SELECT {chosen} FROM {rows} ORDER BY t.book_id, t.k"
