"""The waterfall: E8 to the fen, as a pure table and through the books; its laws; and what a correction leaves."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from conftest import open_city
from hypothesis import given
from hypothesis import strategies as st
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
from loans.events import Prepayment
from loans.queries import horizon_now, lives
from solar.agreeing import Contribution, contribute
from solar.agreement import Agreement, Phase, Settles, Share, Source, split
from solar.correcting import Corrected, correct
from solar.errors import CorrectionRefused
from solar.queries import Amounts, Stand
from solar.waterfall import HELPS, REFILLS, Position, Rung, Step, pour


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


MONTHS = ((date(2018, 11, 1), 400, 15_796), (date(2018, 12, 1), 355, 14_019))


def winter(session: Session, city: dict[str, Book], terms: Agreement | None, first_coal: int, first_on: date) -> Contract:
    """E8's first two months, the cash of the first being so much, come on a day."""
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
        close_nights(session, date(2018, 12, 21), date(2018, 12, 21))
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
    close_nights(session, date(2018, 12, 21), date(2018, 12, 21))
    assert not failing(session)
    found = as_it_is(session, contract)
    if on == date(2018, 11, 18):
        assert changed
        assert found == made
    else:  # it was held longer; all else is the same
        assert found[1:] == made[1:]


FEN = st.integers(0, 200_000)
TERMS = st.builds(
    Agreement,
    phases=st.just(E8.phases), sources=st.permutations(list(Source)).flatmap(lambda o: st.integers(0, 3).map(lambda n: tuple(o[:n]))),
    reserve_fen=FEN, settles=st.sampled_from(Settles), late_subsidy_refills=st.booleans(),
    surplus=st.sampled_from([None, *Prepayment]),
)  # fmt: skip
POSITIONS = st.builds(
    Position, share_fen=FEN, late_fen=FEN, interest_fen=FEN, principal_fen=FEN, ahead_fen=FEN, reserve_fen=FEN, company_fen=FEN,
    room_fen=FEN, company_open_fen=FEN, pool_open_fen=FEN, falls_due=st.booleans(), deferrable_fen=FEN,
)  # fmt: skip


@given(TERMS, POSITIONS)
def test_what_comes_in_is_what_goes_out_and_what_is_held(terms: Agreement, at: Position) -> None:
    steps = Counter(got(pour(terms, at)))
    out = (Rung.SHARE, *REFILLS.values(), Rung.EXTRA, Rung.HOUSEHOLD, Rung.HELD)
    assert sum(steps[rung] for rung in out) == at.cash_fen
    assert sum(steps[rung] for rung in (Rung.SHARE, *HELPS.values(), Rung.DEFERRED, Rung.OVERDUE)) == at.due_fen
    for step in pour(terms, at):
        if step.rung in (Rung.SHARE, *HELPS.values(), Rung.DEFERRED, Rung.OVERDUE):
            assert step.interest_fen + step.principal_fen == step.fen > 0
    assert steps[Rung.RESERVE] <= at.reserve_fen
    assert steps[Rung.COMPANY] <= at.company_fen
    assert steps[Rung.POOL] <= at.room_fen


@given(TERMS, POSITIONS)
def test_no_rung_gets_a_fen_while_one_above_it_wants_any(terms: Agreement, at: Position) -> None:
    steps = Counter(got(pour(terms, at)))
    has = {Source.RESERVE: at.reserve_fen, Source.COMPANY: at.company_fen, Source.POOL: at.room_fen}
    gives = [(steps[Rung.SHARE], at.cash_fen), *((steps[HELPS[source]], has[source]) for source in terms.sources)]
    for above, below in pairwise(gives):
        assert not below[0] or above[0] == above[1], "a source helps only when the one before it is spent"
    if steps[Rung.OVERDUE] or steps[Rung.DEFERRED]:
        assert all(fen == most for fen, most in gives)
    if any(steps[rung] for rung in (*REFILLS.values(), Rung.EXTRA, Rung.HOUSEHOLD, Rung.HELD)):
        assert at.due_fen == steps[Rung.SHARE], "nothing goes lower while anything is due"
    others = [source for source in Source if source not in terms.sources]
    wants = {
        Source.RESERVE: max(0, terms.reserve_fen - at.reserve_fen), Source.COMPANY: at.company_open_fen,
        Source.POOL: at.pool_open_fen,
    }  # fmt: skip
    takes = [(steps[REFILLS[source]], wants[source]) for source in reversed([*terms.sources, *others])]
    takes += [(steps[Rung.EXTRA], 0 if terms.surplus is None else at.ahead_fen), (steps[Rung.HOUSEHOLD], 10**9)]
    for above, below in pairwise(takes):
        assert not below[0] or above[0] == above[1], "a source is refilled only when the one after it is whole"


@given(
    st.lists(st.tuples(FEN, st.booleans()), max_size=6).flatmap(lambda came: st.tuples(st.just(came), st.permutations(came))),
    POSITIONS,
)
def test_in_whatever_order_cash_and_subsidy_come_the_due_date_finds_the_same(
    came: tuple[list[tuple[int, bool]], list[tuple[int, bool]]], due: Position
) -> None:
    """Where the agreement holds the share for the due date, coal price and subsidy alike."""
    terms = replace(E8, late_subsidy_refills=False)

    def after(order: list[tuple[int, bool]]) -> tuple[object, ...]:
        stand = Stand(reserve_fen=due.reserve_fen, company_fen=due.company_fen, pool_open_fen=due.pool_open_fen)
        for fen, _ in order:
            _pour_on(
                stand,
                terms,
                replace(due, share_fen=stand.held_fen + fen, late_fen=0, interest_fen=0, principal_fen=0, falls_due=False),
            )
        _pour_on(stand, terms, replace(due, share_fen=stand.held_fen, late_fen=0, falls_due=True))
        return stand.held_fen, stand.reserve_fen, stand.company_fen, stand.company_open_fen, stand.pool_open_fen

    assert after(came[0]) == after(came[1])


def _pour_on(stand: Stand, terms: Agreement, at: Position) -> None:
    """Let a stand go through one day."""
    steps = got(pour(terms, at))
    rungs: Amounts = {rung: (fen, 0, 0) for rung, fen in steps.items() if rung is not Rung.HELD}
    rungs[Rung.HELD] = steps.get(Rung.HELD, 0) - stand.held_fen, 0, 0
    stand.move(rungs)


@pytest.mark.parametrize(
    ("phase", "floor", "parts"),
    [
        pytest.param(E8.phases[0], 0, (13_427, 0, 0, 0, 2_369), id="85/15 of E8"),
        pytest.param(E8.phases[1], 0, (0, 0, 1_580, 1_580, 12_636), id="10/80/10 afterwards"),
        pytest.param(E8.phases[0], 10_000, (5_796, 0, 0, 0, 10_000), id="the household lacks 100 元 of its floor"),
        pytest.param(E8.phases[0], 99_999, (0, 0, 0, 0, 15_796), id="the floor takes no more than the loan's share"),
        pytest.param(
            Phase(percents={Share.HOUSEHOLD: 52, Share.VILLAGE: 38, Share.MAINTENANCE: 10}), 0, (0, 1_580, 0, 6_002, 8_214), id="52/38/10"
        ),
        pytest.param(Phase(percents={Share.LOAN: 60, Share.VILLAGE: 40}), 0, (9_478, 0, 0, 6_318, 0), id="no household"),
    ],
)  # fmt: skip
def test_cash_is_split_by_phase_and_floor(phase: Phase, floor: int, parts: tuple[int, ...]) -> None:
    assert tuple(split(15_796, phase, floor).values()) == parts


def test_phases_change_with_the_years_and_with_the_loan() -> None:
    sixty = Phase(percents={Share.LOAN: 60, Share.HOUSEHOLD: 40})
    later = Phase(percents={Share.HOUSEHOLD: 52, Share.VILLAGE: 38, Share.MAINTENANCE: 10}, from_year=6)
    terms, since = Agreement(phases=(sixty, later, E8.phases[1])), date(2016, 1, 15)
    assert terms.phase_on(since, date(2021, 1, 14), repaid=False) is sixty
    assert terms.phase_on(since, date(2021, 1, 15), repaid=False) is later
    assert terms.phase_on(since, date(2018, 1, 1), repaid=True) is E8.phases[1]
    floor = replace(terms, floor_fen=120_000)
    assert [floor.floor_by(since, date(2017, month, 5)) for month in (1, 2, 12)] == [10_000, 20_000, 120_000]
    assert floor.floor_by(date(2016, 11, 3), date(2016, 12, 9)) == 20_000


def test_what_was_granted_in_writing_is_deferred_and_the_rest_is_overdue() -> None:
    """Only principal that falls due on the day moves on; interest and older arrears stay due."""
    at = Position(share_fen=10_000, interest_fen=16_878, principal_fen=50_000, deferrable_fen=41_667, falls_due=True)
    assert got(pour(replace(E8, sources=()), at)) == {Rung.SHARE: 10_000, Rung.DEFERRED: 41_667, Rung.OVERDUE: 15_211}
