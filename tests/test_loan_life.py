"""A loan in the books: posted, closed night by night, compared with tables written by hand."""

from datetime import date

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app import wiring
from ledger.books import Book
from ledger.business_day import flip
from ledger.calendar import DAY
from ledger.queries import trial_balance
from loans.booking import book_events
from loans.contract import Contract, terms_to_json
from loans.events import Disbursed
from loans.tables import loan
from loans.terms import LoanTerms, Method, RateStep

DRAWN = date(2017, 3, 15)


def close_nights(session: Session, first: date, last: date) -> None:
    """Close days in this session, as scheduling does with transactions of its own."""
    day = first
    while day <= last:
        flip(session, day + DAY)
        for step in wiring.night_steps():
            step.work(session, day)
        day += DAY


def balances(session: Session, book: Book) -> dict[str, int]:
    return {
        line.account: line.turnover.balance_fen for line in trial_balance(session, books=[book.id]) if line.turnover.balance_fen
    }


def failing(session: Session) -> list[str]:
    return [f"{c.check}: {c.expected} != {c.actual}" for c in wiring.verify(session) if not c.ok]


def test_one_loan_through_its_nights(session: Session, city: dict[str, Book]) -> None:
    book = city["LB"]
    close_nights(session, date(2017, 1, 1), date(2017, 3, 14))
    terms = LoanTerms(
        product="XEXD", principal_fen=5_000_000, drawn_on=DRAWN, maturity=date(2018, 3, 15), method=Method.BULLET,
        rates=(RateStep(DRAWN, 43_500_000, 0),),
    )  # fmt: skip
    contract = Contract(
        book=book.code, book_id=book.id, id=1, contract="C1", product="XEXD", county="371621", household=None,
        borrower="B1", terms=terms,
    )  # fmt: skip
    session.execute(
        insert(loan).values(
            book_id=book.id,
            id=1,
            contract="C1",
            product="XEXD",
            county="371621",
            borrower="B1",
            terms=terms_to_json(terms),
        )
    )
    book_events(session, [(contract, Disbursed(reference="d", value_date=DRAWN, fen=5_000_000))], "t", lambda c, e: "放款")
    close_nights(session, DRAWN, date(2017, 3, 20))
    print(balances(session, book))
    close_nights(session, date(2017, 3, 21), date(2018, 6, 18))
    print(balances(session, book))
    print("\n".join(failing(session)))
    assert not failing(session)
