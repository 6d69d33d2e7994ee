"""A roof to try the sun's money on: the loan of E8, its station, agreement and pool, and what the meter and the grid say of it."""

from dataclasses import replace
from datetime import date

from sqlalchemy import insert, text
from sqlalchemy.orm import Session
from test_loan_life import paid_in

from guarantees.agreement import agree as agree_terms
from guarantees.agreement import open_pool
from guarantees.queries import pools
from guarantees.terms import Advances
from ledger.books import Book
from ledger.business_day import flip, peek
from ledger.posting import take_sequence
from ledger.queries import turnovers
from loans.booking import book_events
from loans.contract import Contract, terms_to_json
from loans.events import Disbursed
from loans.tables import loan
from loans.terms import NEVER, Cycle, Grace, GraceKind, LoanTerms, Method, RateStep
from solar.agreeing import Agreed, agree
from solar.agreement import Agreement, Phase, Settles, Share, Source
from solar.metering import Reading, read
from solar.settlement import Receipt, receive
from solar.stations import Station, register

DRAWN, ENDS = date(2015, 10, 20), date(2018, 10, 20)
START = date(2018, 11, 1)
METER = "M1"
E8 = Agreement(
    phases=(
        Phase(percents={Share.LOAN: 85, Share.HOUSEHOLD: 15}),
        Phase(percents={Share.COOPERATIVE: 10, Share.HOUSEHOLD: 80, Share.VILLAGE: 10}, after_loan=True),
    ),
    sources=(Source.RESERVE, Source.COMPANY, Source.POOL), reserve_fen=60_000, settles=Settles.DUE, late_subsidy_refills=True,
)  # fmt: skip


def e8_terms() -> LoanTerms:
    """40,000 元 at 4.90 % over 96 months after a grace of three years in which government pays the interest."""
    return LoanTerms(
        product="GFNH", principal_fen=4_000_000, drawn_on=DRAWN, maturity=date(2026, 10, 20), method=Method.EQUAL_PRINCIPAL,
        rates=(RateStep(DRAWN, 49_000_000, 49_000_000), RateStep(ENDS, 49_000_000, 0)), rolling=NEVER,
        interest=Cycle(anchor=date(2015, 11, 20)), graces=(Grace(GraceKind.PRINCIPAL_DEFERRED, DRAWN, ENDS),),
    )  # fmt: skip


def lend(session: Session, book: Book, terms: LoanTerms, name: str = "G1", household: str = "H1") -> Contract:
    """Lend, past all checks, on the day of the terms."""
    loan_id, today = take_sequence(session, {book.id: 1})[book.id], peek(session)
    contract = Contract(
        book=book.code, book_id=book.id, id=loan_id, contract=name, product="GFNH", county=book.county, household=household,
        borrower="B1", terms=terms,
    )  # fmt: skip
    session.execute(
        insert(loan).values(
            book_id=book.id, id=loan_id, contract=name, product="GFNH", county=book.county, household=household, borrower="B1",
            terms=terms_to_json(terms),
        )
    )  # fmt: skip
    drawn = Disbursed(reference=f"{name}/d", value_date=terms.drawn_on, fen=int(terms.principal_fen))
    book_events(session, [(contract, drawn)], "t", lambda c, e: e.kind)
    assert today is not None
    flip(session, today)
    return contract


def roof(session: Session, city: dict[str, Book], terms: Agreement | None = E8, meter: str = METER, name: str = "G1") -> Contract:
    """Lend, register the station of 5 kW, and agree."""
    contract = lend(session, city["LB"], e8_terms(), name, f"H{meter}")
    one = Station(
        book=city["PVA"], meter=meter, household=f"H{meter}", loan_book_id=contract.book_id, loan_id=contract.id, watts=5_000,
        connected_on=date(2016, 1, 15),
    )  # fmt: skip
    register(session, [one])
    if terms is not None:
        today = peek(session)
        assert today is not None
        agree(session, [Agreed(meter=meter, valid_from=today, document="惠光扶〔2018〕1号", why="签订", terms=terms)], "甲")
    return contract


def pool_that_advances(session: Session, city: dict[str, Book], fen: int = 1_000_000) -> None:
    """Open the county's pool, its document allowing advances, with so much in it."""
    open_pool(session, city["RCF"], "HMRCB", share_ppb=700_000_000, leverage=10)
    today = peek(session)
    assert today is not None
    paid_in(session, city["RCF"], fen, today)
    allow_advances(session)


def allow_advances(session: Session) -> None:
    """Let all pools advance."""
    today = peek(session)
    assert today is not None
    for one in pools(session).values():
        terms = replace(one.terms, from_date=today, advances=Advances.SOLAR, document="惠光扶〔2018〕2号", reason="允许垫付")
        agree_terms(session, one, terms, "甲")


def reads(session: Session, month: date, kwh: int, meter: str = METER) -> None:
    """Read the meter: 0.3949 of the grid and 0.4551 of the nation for each kWh."""
    coal, subsidy = (kwh * 3949 + 50) // 100, (kwh * 4551 + 50) // 100
    read(session, [Reading(meter=meter, month=month, kwh=kwh, coal_fen=coal, subsidy_fen=subsidy)], "t")  # type: ignore[arg-type]


def comes(session: Session, month: date, on: date, coal: int = 0, subsidy: int = 0, ref: str = "", meter: str = METER) -> None:
    """Let cash come."""
    name = ref or f"{month:%Y%m}{'A' if coal else 'B'}"
    receive(session, [Receipt(meter=meter, month=month, reference=name, received_on=on, coal_fen=coal, subsidy_fen=subsidy)])


def rungs(session: Session, meter: str = METER) -> list[tuple[date, str, int]]:
    """What the rungs got, by day."""
    rows = session.execute(
        text(
            "SELECT poured_on, rung, sum(fen)::bigint FROM solar.rung WHERE meter = :meter GROUP BY 1, 2 HAVING sum(fen) <> 0 "
            "ORDER BY poured_on, min(seq), array_position(CAST(:order AS text[]), rung)"
        ),
        {
            "meter": meter,
            "order": [
                "share",
                "reserve",
                "company",
                "pool",
                "deferred",
                "overdue",
                "refill_pool",
                "refill_company",
                "refill_reserve",
                "extra",
                "household",
                "held",
            ],
        },
    )
    return [tuple(row) for row in rows]


def held(session: Session, book: Book, account: str) -> int:
    """The balance of an account on its own side."""
    found = turnovers(session, books=[book.id], accounts=[account])
    return abs(sum(one.balance_fen for one in found.values()))
