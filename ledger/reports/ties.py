"""What must tie in reports: as of the business date every book's balance sheet balances, and its income ends at net assets."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from ledger.books import books
from ledger.business_day import peek
from ledger.calendar import DAY, month_of
from ledger.reports.catalogue import catalogue, make
from ledger.reports.question import Question
from ledger.ties import Check

STATEMENTS = ("balance-sheet", "income-statement")


def checks(session: Session) -> Iterator[Check]:
    """Yield the ties of each book's statements."""
    today = peek(session)
    if today is None:
        return
    reports = catalogue()
    for book in books(session):
        asked = Question(books=(book,), name=book.name, since=month_of(today), end=today + DAY)
        for name in STATEMENTS:
            if book.kind in reports[name][0].kinds:
                for check in make(session, reports, name, asked).checks:
                    yield Check(check=f"ledger: {book.code} {check.check}", expected=check.expected, actual=check.actual)
