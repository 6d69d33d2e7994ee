"""Tracing (溯源): whatever posted an entry, what stands behind it is found again, and adds up to it."""

from datetime import date

import pytest
from sqlalchemy.orm import Session
from test_loan_life import bullet_loan, close_nights

from app.screen import print_trace
from app.tracing import trace
from ledger.books import Book
from ledger.errors import UnknownEntry
from ledger.journal import Side
from ledger.money import yuan
from loans import servicing
from loans.events import Repaid

DRAWN = date(2017, 1, 2)


@pytest.fixture
def lent(session: Session, city: dict[str, Book]) -> Book:
    """Two loans, one half subsidised and paid late; every night closed to 2017-07-01."""
    close_nights(session, date(2017, 1, 1), date(2017, 1, 1))
    bullet_loan(session, city["LB"], DRAWN, 5_000_000, gov_ppb=20_000_000)
    other = bullet_loan(session, city["LB"], DRAWN, 3_000_000, name="C2")
    close_nights(session, DRAWN, date(2017, 4, 10))
    servicing.repay(session, [(other, Repaid(reference="r", value_date=date(2017, 4, 11), fen=40_000))], "银行经办")
    servicing.reverse(session, other, "r", date(2017, 4, 11), "银行经办")
    close_nights(session, date(2017, 4, 11), date(2017, 7, 1))
    return city["LB"]


def test_a_settlement_is_traced_to_the_charge_of_every_loan(session: Session, lent: Book) -> None:
    found = trace(session, lent, "night/charged/2017-03-20")
    _, charges = found.sources
    assert [row[0] for row in charges.rows] == ["C1", "C2"]
    assert found.stored.entry.event == "night/2017-03-20"
    debit = sum(p.fen for p in found.stored.entry.postings if p.side is Side.DEBIT)
    assert charges.note.startswith(f"2 charges, {yuan(debit)} yuan, of it government")
    assert sum(int(row[4].replace(",", "").replace(".", "")) for row in charges.rows) == debit


def test_a_night_is_traced_to_the_interest_that_ran_and_to_the_loans_that_stop_accruing(session: Session, lent: Book) -> None:
    _, interest = trace(session, lent, "night/accrued/2017-02-01").sources
    assert [row[4:] for row in interest.rows] == [("1", "30,000.00"), ("1", "50,000.00")]
    day_91 = trace(session, lent, "night/aged/2017-06-20")
    assert [(row[0], row[3], row[4]) for row in day_91.sources[1].rows] == [
        ("C1", "2017-03-21", "non_accrual"),
        ("C2", "2017-03-21", "non_accrual"),
    ]


def test_an_entry_is_traced_to_its_event_and_to_what_took_it_back(
    session: Session, lent: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    found = trace(session, lent, "loan/r")
    assert found.sources[0].rows[0][:3] == ("C2", "repaid", "r")
    print_trace(found)
    said = capsys.readouterr().out
    assert "loan/r, loans.repaid" in said
    assert "银行经办" in said


def test_an_unknown_entry_is_refused(session: Session, lent: Book) -> None:
    with pytest.raises(UnknownEntry):
        trace(session, lent, "night/charged/2017-03-21")
