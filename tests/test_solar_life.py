"""A 光伏农户贷 from its drawing to the day on which the roof is the household's own: three years of sun, night by night."""

from datetime import date
from decimal import Decimal

from conftest import open_city
from roofs import METER, allow_advances, held, lend
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_loan_life import failing, paid_in

from app import wiring
from guarantees.advance import open_advances
from guarantees.agreement import open_pool
from ledger.books import Book
from ledger.business_day import flip
from ledger.calendar import DAY, add_months, is_month_end, month_of
from ledger.money import round_half_up
from loans.events import Prepayment
from loans.queries import horizon_now, lives
from loans.terms import NEVER, Cycle, Grace, GraceKind, LoanTerms, Method, RateStep
from solar.agreeing import Agreed, Contribution, agree, contribute
from solar.agreement import Agreement, Phase, Settles, Share, Source
from solar.metering import Reading, read
from solar.settlement import Receipt, receive
from solar.stations import Station, register
from solar.sun import sun_on

DRAWN, CONNECTED, LAST = date(2017, 1, 20), date(2017, 2, 15), date(2019, 10, 31)
DARK = {date(2018, 12, 1), date(2019, 1, 1), date(2019, 2, 1)}
"""A winter of snow and smog: a third of the forecast."""
TERMS = LoanTerms(
    product="GFNH", principal_fen=800_000, drawn_on=DRAWN, maturity=date(2021, 1, 20), method=Method.EQUAL_PRINCIPAL,
    rates=(RateStep(DRAWN, 49_000_000, 49_000_000), RateStep(date(2020, 1, 20), 49_000_000, 24_500_000)), rolling=NEVER,
    interest=Cycle(anchor=date(2017, 2, 20)), graces=(Grace(GraceKind.PRINCIPAL_DEFERRED, DRAWN, date(2018, 1, 20)),),
)  # fmt: skip
AGREED = Agreement(
    phases=(
        Phase(percents={Share.LOAN: 85, Share.HOUSEHOLD: 15}),
        Phase(percents={Share.HOUSEHOLD: 80, Share.COOPERATIVE: 10, Share.VILLAGE: 10}, after_loan=True),
    ),
    floor_fen=60_000, sources=(Source.RESERVE, Source.POOL), reserve_fen=60_000, settles=Settles.DUE,
    late_subsidy_refills=True, surplus=Prepayment.SHORTER,
)  # fmt: skip
QUIET = ("age", "settle", "accrue")
"""What a day needs on which no money moves."""
FULL = ("sweep", *QUIET, "reprice", "pools", "tie")
"""Of a night, what moves money and what ties it: snapshots and seals have tests of their own."""


def night(session: Session, day: date) -> None:
    flip(session, day + DAY)
    names = FULL if day.day in (10, 18, 20) or is_month_end(day) else QUIET
    for step in wiring.night_steps():
        if step.name in names:
            step.work(session, day)


def kwh_of(month: date) -> int:
    """What the roof yields in a month: the forecast, a third of it in the dark winter."""
    whole = sun_on("371621", CONNECTED).monthly_kwh(5_000, CONNECTED, month)
    return round_half_up(whole / 3 if month in DARK else whole)


def sun_comes(session: Session, day: date) -> None:
    """On the 18th the last month is read and the grid pays for it; the nation pays a year at once, in the June after it, late."""
    last = add_months(month_of(day), -1)
    if day.day == 18 and last > month_of(CONNECTED):
        kwh = kwh_of(last)
        coal, subsidy = (kwh * 3949 + 50) // 100, (kwh * 4551 + 50) // 100
        read(session, [Reading(meter=METER, month=last, kwh=Decimal(kwh), coal_fen=coal, subsidy_fen=subsidy)], "t")
        receive(
            session, [Receipt(meter=METER, month=last, reference=f"A{last:%Y%m}", received_on=day, coal_fen=coal, subsidy_fen=0)]
        )
    if (day.month, day.day) == (6, 10):
        owed = session.execute(
            text("SELECT month, subsidy_fen FROM solar.reading WHERE extract(year FROM month) = :year ORDER BY month"),
            {"year": day.year - 1},
        ).all()
        receive(
            session,
            [
                Receipt(
                    meter=METER,
                    month=row.month,
                    reference=f"B{row.month:%Y%m}",
                    received_on=day,
                    coal_fen=0,
                    subsidy_fen=row.subsidy_fen,
                )
                for row in owed
            ],
        )


def prepared(session: Session) -> tuple[dict[str, Book], tuple[int, int]]:
    """The books, a pool that may advance, the loan drawn, the station agreed on, and the reserve paid in."""
    city = open_city(session, DRAWN)
    open_pool(session, city["RCF"], "HMRCB", share_ppb=700_000_000, leverage=10)
    paid_in(session, city["RCF"], 1_000_000, DRAWN)
    allow_advances(session)
    contract = lend(session, city["LB"], TERMS, household="H1")
    for day in (DRAWN + n * DAY for n in range((CONNECTED - DRAWN).days)):
        night(session, day)
    book_id, loan_id = contract.key
    one = Station(
        book=city["PVA"], meter=METER, household="H1", loan_book_id=book_id, loan_id=loan_id, watts=5_000, connected_on=CONNECTED
    )
    register(session, [one])
    agree(session, [Agreed(meter=METER, valid_from=CONNECTED, document="惠光扶〔2017〕1号", why="签订", terms=AGREED)], "甲")
    contribute(session, [Contribution(meter=METER, source=Source.RESERVE, reference="Z1", paid_on=CONNECTED, fen=60_000)], "甲")
    return city, contract.key


def test_a_roofs_loan_from_its_drawing_to_the_day_it_is_the_households_own(session: Session) -> None:
    city, key = prepared(session)
    advanced, repaid_on, day = 0, None, CONNECTED
    while day <= LAST:
        sun_comes(session, day)
        night(session, day)
        if day.day == 20:
            owing = lives(session, [key], horizon_now(session))[key].standing
            assert owing.oldest_due is None, "reserve and pool carry every dark month"
            advanced = max(advanced, sum(open_advances(session).get(key, {}).values()))
            open_fen = sum(open_advances(session).get(key, {}).values())
            repaid_on = repaid_on or (day if not owing.principal_fen + open_fen else None)
        if (day.month, day.day) == (12, 31):
            assert not failing(session)
        day += DAY
    assert not failing(session)
    assert advanced > 0, "the dark winter was darker than the reserve"
    assert open_advances(session)[key] == {(city["RCF"].id, "HMRCB"): 0}
    assert repaid_on is not None
    assert repaid_on < TERMS.maturity
    assert held(session, city["RCF"], "1036.02") == 0
    assert held(session, city["RCF"], "1004") == 1_000_000
    assert held(session, city["PVA"], "2017.04") == 0
    after = session.execute(
        text(
            "SELECT sum(loan_fen), sum(coal_fen + subsidy_fen), sum(village_fen), sum(cooperative_fen), sum(household_fen) "
            "FROM solar.receipt WHERE received_on > :day"
        ),
        {"day": repaid_on},
    ).one()
    assert after[0] == 0
    assert abs(after[1] - 10 * after[2]) < 10 * 120
    assert abs(after[2] - after[3]) < 120
    assert after[4] == after[1] - after[2] - after[3]
    years = session.execute(
        text("SELECT extract(year FROM received_on) AS year, sum(household_fen) AS fen FROM solar.receipt GROUP BY 1 ORDER BY 1")
    ).all()
    assert all(row.fen >= AGREED.floor_fen for row in years if row.year > 2017)
