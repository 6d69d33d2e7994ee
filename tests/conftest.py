"""Fixtures: a real PostgreSQL for the session (the embedded one, or FUPIN_TEST_DATABASE_URL), a transaction per test."""

import os
import shutil
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from app import screen, wiring
from app.migrate import migrate
from app.partitioning import partition
from ledger import server
from ledger.books import Book, BookKind, open_book
from ledger.db import APP_ROLE, OWNER_ROLE, engine_as, unit_of_work
from ledger.journal import BookCode
from ledger.server import embedded
from registry import reference
from registry.cipher import Cipher, cipher_from

FIRST_DAY = date(2017, 1, 1)

# A shell that runs the tests in the background lets them, and all they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


LONGEST = ("test_demo.py", "test_hundred_thousand.py", "test_cli.py", "test_seals.py", "test_imports.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database server on which tests may make databases."""
    given = os.environ.get("FUPIN_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = tmp_path_factory.mktemp("server")
    with embedded(folder) as url:
        yield url
    forget(folder)


def forget(folder: Path) -> None:
    """Remove an embedded server's data wherever they lie."""
    shutil.rmtree(server.layout_of(folder).data, ignore_errors=True)


def widen(monkeypatch: pytest.MonkeyPatch, width: int = 300) -> None:
    """Let what the program says in this process be as wide as that, whatever terminal it was imported in."""
    for console in (screen.out, screen.err):
        monkeypatch.setattr(console, "_width", width)
        monkeypatch.setattr(console, "_height", 50)


def fresh_database(server_url: str, name: str) -> str:
    """Make an empty database on the server and return its address."""
    admin = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return admin.url.set(database=name).render_as_string(hide_password=False)


def prepare(address: str) -> None:
    """Migrate a database, and with FUPIN_TEST_PARTITIONED give its first books parts of their own in the large tables."""
    migrate(address)
    if os.environ.get("FUPIN_TEST_PARTITIONED"):
        owner = engine_as(address, OWNER_ROLE)
        with unit_of_work(owner) as session:
            partition(session, [1, 2, 4])
        owner.dispose()


@pytest.fixture(scope="session")
def url(server_url: str) -> str:
    """A migrated database."""
    address = fresh_database(server_url, "tests")
    prepare(address)
    return address


@pytest.fixture(scope="session")
def engine(url: str) -> Iterator[Engine]:
    """The application's engine on the migrated database."""
    made = engine_as(url, APP_ROLE)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose work is rolled back, and its deferred laws checked, at the end of the test."""
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", autoflush=False) as made:
            yield made
        transaction.rollback()


@pytest.fixture
def own_engine(server_url: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The application's engine on a database of the test's own, for tests that really commit."""
    address = fresh_database(server_url, "own")
    prepare(address)
    made = engine_as(address, APP_ROLE)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def cipher() -> Cipher:
    """A key for tests."""
    return cipher_from(bytes(32))


def open_city(session: Session, first: date = FIRST_DAY) -> dict[str, Book]:
    """Begin the books of one county with one rural bank: its three fund books and its loan book, by kind."""
    wiring.begin(session, first)
    reference.load(session)
    reference.add_bank(session, "HMRCB", "惠民农商行（演示）", rural=True)
    county = "371621"
    made = {
        kind: open_book(session, BookCode(f"{kind}-{county}"), BookKind(kind), f"惠民县{kind}", county, None, "fund-2016")
        for kind in ("RCF", "ISF", "PVA")
    }
    code = BookCode(f"LB-{county}-HMRCB")
    made["LB"] = open_book(session, code, BookKind.LOANS, "惠民农商行贷款备查账", county, "HMRCB", "loan-2016")
    return made


@pytest.fixture
def city(session: Session) -> dict[str, Book]:
    """One county's books, begun on 2017-01-01."""
    return open_city(session)


def needs(program: str) -> str:
    """Return the path of an outside program; without it the test is skipped locally and fails in CI."""
    path = shutil.which(program)
    if path is None:
        reason = f"{program} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


ROOT = Path(__file__).parent.parent
