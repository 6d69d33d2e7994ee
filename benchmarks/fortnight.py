"""A fortnight (半月): a small city's nights from 17 to 31 December 2018, and what people do between them, always the same.

In it are a settlement (20th), principal that falls due (25th) and is missed by some, a draw of relending that ends, repayments,
a bounced one, and the year's end. A place is an embedded server whose database is made anew from the same template for each run.
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import create_engine

from app import cli
from app.migrate import migrate
from benchmarks.portfolio import FIRST, Country, lend
from ledger import server
from ledger.books import Book, BookKind, books
from ledger.business_day import business_date
from ledger.calendar import DAY
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.server import DATABASE, embedded
from loans.events import Repaid
from loans.queries import contracts_of_book
from loans.relending.draw import Draw
from loans.relending.drawing import draw
from loans.servicing import repay, reverse
from registry.cipher import load_cipher

LOANS = 200
STOPS = (date(2018, 12, 18), date(2018, 12, 20), date(2018, 12, 22), date(2018, 12, 25), date(2018, 12, 28), date(2018, 12, 31))
"""The days through which nights are closed in one go; in the mornings after, people work."""
ACTOR = "operator"
TEMPLATE = "lent"
_PEOPLE = (
    "UPDATE registry.bank SET rural = true",
    "INSERT INTO registry.borrower (county, code, kind, name, id_sealed, id_hmac, id_masked) "
    "SELECT DISTINCT county, borrower, 'enterprise', '示例合作社（演示）', ''::bytea, ''::bytea, '****' FROM loans.loan",
)
"""What the portfolio leaves out: who borrows, by name, and that the banks may draw relending."""


@dataclass(frozen=True, slots=True)
class Place:
    """An embedded server with the template of a city in one folder, and files beside it in another."""

    folder: Path
    data: Path
    address: str

    @property
    def key(self) -> Path:
        """The file of the key to identity numbers."""
        return self.folder / "key"

    @property
    def said(self) -> Path:
        """The file of what the last command said."""
        return self.folder / "said"

    def renew(self) -> None:
        """Make the database anew from the template, whatever became of the server."""
        with embedded(self.data):
            self.ask(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE}")

    def ask(self, *statements: str, within: str = "postgres") -> list[tuple[object, ...]]:
        """Do what only the server's owner may, each statement by itself; return the rows of the last."""
        owner = create_engine(self.address, isolation_level="AUTOCOMMIT")
        inside = create_engine(owner.url.set(database=within), isolation_level="AUTOCOMMIT")
        rows: list[tuple[object, ...]] = []
        try:
            with inside.connect() as connection:
                for statement in statements:
                    made = connection.exec_driver_sql(statement)
                    rows = [tuple(row) for row in made] if made.returns_rows else []
        finally:
            inside.dispose()
            owner.dispose()
        return rows

    def postmaster(self) -> int:
        """Return the server's process."""
        return int((server.layout_of(self.data).data / "postmaster.pid").read_text().split()[0])


@contextmanager
def place(folder: Path, disk: Path | None = None) -> Iterator[Place]:
    """Make a place in an empty folder, its server on another disk if one is named; its server and data are gone after."""
    data = (disk or folder) / "data"
    try:
        with embedded(data) as address:
            made = Place(folder, data, address)
            migrate(address)
            engine = engine_as(address, APP_ROLE)
            lend(engine, address, Country(1, 2), LOANS)
            engine.dispose()
            load_cipher(made.key, create=True)
            made.ask(*_PEOPLE, within=DATABASE)
            made.ask(f"CREATE DATABASE {TEMPLATE} TEMPLATE {DATABASE}")
            yield made
    finally:
        server.discard(data)


def start(at: Place, *arguments: str, harm: Callable[[], None] | None = None) -> int:
    """Start a command of `fupin` in a process of its own and return it; `harm` is done in it first.

    It ends with the command's exit code, or 70 if it ended by an exception that no operator should see.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        voice = os.open(at.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(voice, 1)
        os.dup2(voice, 2)
        os.environ.pop("DATABASE_URL", None)
        os.environ |= {"FUPIN_DATA": str(at.data), "FUPIN_KEY_FILE": str(at.key)}
        sys.argv = ["fupin", *arguments]
        if harm is not None:
            harm()
        cli.main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # noqa: BLE001 - whatever it is, the other process must read it
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def outcome(pid: int) -> int:
    """Wait for a command and return its exit code, or less than 0 for the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def closed(at: Place, through: date) -> bool:
    """Tell whether every night up to a day is closed."""
    with embedded(at.data):
        ((done,),) = at.ask(
            f"SELECT count(*) FROM scheduling.run WHERE finished_at IS NOT NULL AND business_date <= '{through}'", within=DATABASE
        )
    return done == (through - FIRST).days + 1


def work(at: Place, stop: date) -> None:
    """Do what people do in the morning after a stop, once: some repay, one of these bounces later, a bank draws relending."""
    number = STOPS.index(stop)
    with embedded(at.data) as address:
        engine = engine_as(address, APP_ROLE)
        try:
            with unit_of_work(engine) as session:
                today = business_date(session)
                assert today == stop + DAY, f"the business date is {today} and not the day after {stop}"
                mine = books(session, BookKind.LOANS)
                for book in mine:
                    running = contracts_of_book(session, book.id)
                    paying = [
                        one for n, one in enumerate(running) if 2 <= n < 85 and n % len(STOPS) == number and not 27 <= n < 32
                    ]
                    payments = [
                        (one, Repaid(reference=f"M{number}/{one.contract}", value_date=today, fen=7_777 * (1 + n)))
                        for n, one in enumerate(paying)
                    ]
                    repay(session, payments, ACTOR)
                    if number == 3:
                        reverse(session, paying[0], payments[0][1].reference, today, ACTOR)
                if number == 0:
                    draw(session, [_drawn(mine[0])], ACTOR)
        finally:
            engine.dispose()


def _drawn(book: Book) -> Draw:
    """Return a draw that is due on the 21st."""
    return Draw(
        book=book, number="R1", fen=5_000_000, rate_ppb=17_500_000, drawn_on=date(2018, 9, 21), due_on=date(2018, 12, 21)
    )  # fmt: skip


def live(at: Place, close: Callable[[date], None]) -> None:
    """Live the fortnight in a new database, closing the nights up to each stop by `close`, which must come to their end."""
    at.renew()
    for stop in STOPS:
        close(stop)
        assert closed(at, stop), f"the nights up to {stop} are not closed"
        work(at, stop)


def resuming(at: Place) -> list[str]:
    """Return the option that goes on after a failure, if there is one that asks for it."""
    with embedded(at.data):
        failed = at.ask(
            "SELECT FROM scheduling.failure f JOIN scheduling.run r USING (business_date) "
            "WHERE f.resumed_at IS NULL AND NOT f.passing AND r.finished_at IS NULL",
            within=DATABASE,
        )
    return ["--resume"] if failed else []


def close_in_peace(at: Place, through: date) -> None:
    """Close the nights up to a day, going on after a failed step if there is one; it must succeed at once.

    Raises:
        AssertionError: it did not.
    """
    code = outcome(start(at, "close", "--through", str(through), *resuming(at)))
    assert code == 0, f"exit {code}: {at.said.read_text()}"
