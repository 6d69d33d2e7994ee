"""Questions of the pages to the database: plain functions that return frozen values and take no locks.

A page reads in a transaction that can't write and that gives up rather than keep the books' server busy.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from ledger.db import unit_of_work

PER_PAGE = 50
PATIENCE = "10s"
"""How long the database may think about one statement of a page."""

COUNTY_OF_BOOK = """
    coalesce((SELECT r.name FROM registry.region r WHERE r.code = b.county ORDER BY r.valid_from DESC LIMIT 1), b.county)
"""
"""SQL for the name of a book's county; the book is `b`."""


@contextmanager
def reading(engine: Engine, patience: str | None = None) -> Iterator[Session]:
    """Give a session that sees one state of the books, can't write, and gives up after a while; '0': never, none: PATIENCE."""
    with unit_of_work(engine) as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        session.execute(text(f"SET LOCAL statement_timeout = '{patience or PATIENCE}'"))
        yield session
