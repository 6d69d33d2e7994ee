"""The waterfall: E8 to the fen, as a pure table and through the books; its laws; and what a correction leaves."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from conftest import open_city
from roofs import E8, METER, START, comes, held, pool_that_advances, reads, roof, rungs
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_loan_life import close_nights, failing

from guarantees.advance import PoolAdvance
from ledger.books import Book
from ledger.calendar import DAY
from ledger.journal import journal_text
from ledger.money import yuan
from ledger.queries import entry_referenced
from loans.contract import Contract
from loans.queries import horizon_now, lives
from solar.agreeing import Contribution, contribute
from solar.agreement import Agreement, Source
from solar.correcting import Corrected, correct
from solar.errors import CorrectionRefused
from solar.waterfall import Position, Rung, Step, pour


@pytest.fixture
def city(session: Session) -> dict[str, Book]:
    """One county's books, begun before the first instalment of E8."""
    return open_city(session, START)


def got(steps: tuple[Step, ...]) -> dict[Rung, int]:
    return {step.rung: step.fen for step in steps}


def test_e8_the_rungs_of_three_dark_months_and_the_late_subsidy() -> None:
    """The table of E8, month by month: what the share pays, what the reserve and the fund add, and what the subsidy refills."""
    november = pour(E8, Position(share_fen=13_427, interest_fen=16_878, principal_fen=41_667, reserve_fen=60_000, falls_due=True))
    assert got(november) == {Rung.SHARE: 13_427, Rung.RESERVE: 45_118}
    assert [(s.interest_fen, s.principal_fen) for s in november] == [(13_427, 0), (3_451, 41_667)]
    assert november[1].why == "可用 600.00，尚欠 0.00"
    december = pour(
        E8,
        Position(share_fen=11_916, interest_fen=16_163, principal_fen=41_667, reserve_fen=14_882, room_fen=10**6, falls_due=True),
    )
    assert got(december) == {Rung.SHARE: 11_916, Rung.RESERVE: 14_882, Rung.POOL: 31_032}
    january = pour(
        E8,
        Position(
            share_fen=12_755, interest_fen=16_526, principal_fen=41_667, room_fen=10**6, pool_open_fen=31_032, falls_due=True
        ),
    )
    assert got(january) == {Rung.SHARE: 12_755, Rung.POOL: 45_438}
    assert yuan(31_032 + 45_438) == "764.70"
    late = pour(E8, Position(late_fen=43_906, ahead_fen=3_874_999, pool_open_fen=76_470))
    assert got(late) == {Rung.REFILL_POOL: 43_906}
    assert late[0].why == "应补 764.70，尚缺 325.64"


def test_e8_through_the_books(session: Session, city: dict[str, Book]) -> None:
    """The same months in the books of county, pool and bank, night by night."""
    pool_that_advances(session, city)
    contract = roof(session, city)
    contribute(session, [Contribution(meter=METER, source=Source.RESERVE, reference="Z1", paid_on=START, fen=60_000)], "甲")
    day = START
    for month, kwh, coal in ((date(2018, 11, 1), 400, 15_796), (date(2018, 12, 1), 355, 14_019), (date(2019, 1, 1), 380, 15_006)):
        close_nights(session, day, date(month.year, month.month, 17))
        reads(session, month, kwh)
        day = date(month.year, month.month, 18)
        comes(session, month, day, coal=coal)
        close_nights(session, day, date(month.year, month.month, 20))
        day = date(month.year, month.month, 21)
        assert not failing(session)
    assert rungs(session) == [
        (date(2018, 11, 18), "held", 13_427),
        (date(2018, 11, 20), "share", 13_427), (date(2018, 11, 20), "reserve", 45_118), (date(2018, 11, 20), "held", -13_427),
        (date(2018, 12, 18), "held", 11_916),
        (date(2018, 12, 20), "share", 11_916), (date(2018, 12, 20), "reserve", 14_882), (date(2018, 12, 20), "pool", 31_032),
        (date(2018, 12, 20), "held", -11_916),
        (date(2019, 1, 18), "held", 12_755),
        (date(2019, 1, 20), "share", 12_755), (date(2019, 1, 20), "pool", 45_438), (date(2019, 1, 20), "held", -12_755),
    ]  # fmt: skip
    standing = lives(session, [contract.key], horizon_now(session))[contract.key].standing
    assert (standing.principal_fen, standing.overdue_fen, standing.oldest_due) == (3_874_999, 0, None)
    assert (held(session, city["RCF"], "1036.02"), held(session, city["PVA"], "2017.05")) == (76_470, 0)
    for month, subsidy in ((date(2018, 11, 1), 18_204), (date(2018, 12, 1), 16_156), (date(2019, 1, 1), 17_294)):
        comes(session, month, date(2019, 1, 21), subsidy=subsidy)
    close_nights(session, day, date(2019, 1, 21))
    assert not failing(session)
    assert rungs(session)[-1] == (date(2019, 1, 21), "refill_pool", 43_906)
    assert held(session, city["RCF"], "1036.02") == 32_564
    assert (held(session, city["PVA"], "2017.05"), held(session, city["PVA"], "2017.04")) == (0, 0)
    assert held(session, city["PVA"], "2017.03") == 2_369 + 2_103 + 2_251 + 7_748
    december = entry_referenced(session, city["PVA"].id, "solar/M1/swept/2018-12-20")
    assert journal_text(december.entry) == (
        "2018-12-20 PVA-371621 光伏收益划转还贷 M1\n  Dr 2017.05 148.82\n    Cr 2017.04 148.82\n  Dr 2017.04 267.98\n    Cr 1004 267.98"
    )
    advanced = entry_referenced(session, city["RCF"].id, "solar/M1/2018-12-20/advanced")
    assert journal_text(advanced.entry) == "2018-12-20 RCF-371621 垫付光伏还贷 G1\n  Dr 1036.02 310.32\n    Cr 1004 310.32"
    assert advanced.entry.event == december.entry.event


class _Over(Exception):
    """Ends a run whose traces are rolled back."""


def of_books(session: Session) -> dict[tuple[str, ...], int]:
    """Every balance by book, account, bank and station."""
    rows = session.execute(
        text(
            "SELECT b.code, account, p.bank, p.project, sum(CASE side WHEN 'D' THEN fen ELSE -fen END)::bigint FROM ledger.posting p "
            "JOIN ledger.book b ON b.id = p.book_id GROUP BY 1, 2, 3, 4"
        )
    )
    return {tuple(row[:-1]): row[-1] for row in rows if row[-1]}


MONTHS = ((date(2018, 11, 1), 400, 15_796), (date(2018, 12, 1), 355, 14_019), (date(2019, 1, 1), 380, 15_006))


def winter(session: Session, city: dict[str, Book], terms: Agreement | None, first_coal: int, first_on: date) -> Contract:
    """E8's three months, the cash of the first being so much, come on a day."""
    pool_that_advances(session, city)
    contract = roof(session, city, terms)
    if terms is not None and terms.reserve_fen:
        contribute(session, [Contribution(meter=METER, source=Source.RESERVE, reference="Z1", paid_on=START, fen=60_000)], "甲")
    day = START
    for month, kwh, coal in MONTHS:
        on = first_on if month == MONTHS[0][0] else date(month.year, month.month, 18)
        close_nights(session, day, on - DAY)
        reads(session, month, kwh)
        comes(session, month, on, coal=first_coal if month == MONTHS[0][0] else coal)
        close_nights(session, on, date(month.year, month.month, 20))
        day = date(month.year, month.month, 21)
    return contract


def as_it_is(session: Session, contract: Contract) -> list[object]:
    life = lives(session, [contract.key], horizon_now(session))[contract.key]
    return [rungs(session), of_books(session), life.standing, life.charges, life.instalments]


@pytest.mark.parametrize(
    ("terms", "wrong", "on"),
    [
        pytest.param(E8, 10_000, date(2018, 11, 18), id="too little"),
        pytest.param(E8, 15_796, date(2018, 11, 10), id="another day"),
        pytest.param(replace(E8, sources=(Source.POOL,), reserve_fen=0), 15_000, date(2018, 11, 18), id="only the pool"),
        pytest.param(None, 10_000, date(2018, 11, 18), id="paid ahead on arrival"),
        pytest.param(replace(E8, sources=(), reserve_fen=0, deferred_until=date(2018, 12, 31)), 9_000, date(2018, 11, 18), id="deferred"),
    ],
)  # fmt: skip
def test_corrected_cash_leaves_the_books_as_if_it_had_been_right_at_once(
    session: Session, city: dict[str, Book], terms: Agreement | None, wrong: int, on: date
) -> None:
    made: list[object] = []
    with suppress(_Over), session.begin_nested():
        contract = winter(session, city, terms, 15_796, date(2018, 11, 18))
        close_nights(session, date(2019, 1, 21), date(2019, 1, 21))
        assert not failing(session)
        made += as_it_is(session, contract)
        raise _Over
    session.info.clear()
    contract = winter(session, city, terms, wrong, on)
    right = Corrected(meter=METER, reference="201811A", received_on=date(2018, 11, 18), coal_fen=15_796, subsidy_fen=0)
    changed = correct(session, right, "乙", PoolAdvance())
    assert not failing(session)
    with pytest.raises(CorrectionRefused, match="无需更正"):
        correct(session, right, "乙", PoolAdvance())
    close_nights(session, date(2019, 1, 21), date(2019, 1, 21))
    assert not failing(session)
    found = as_it_is(session, contract)
    if on == date(2018, 11, 18):
        assert changed
        assert found == made
    else:  # it was held longer; all else is the same
        assert found[1:] == made[1:]
