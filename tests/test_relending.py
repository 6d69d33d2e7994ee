"""Relending: interest by balance, early and partial repayment, pledges, and the allocation of loans to draws."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from threading import Thread

import pytest
from conftest import open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from test_loan_life import balances, bullet_loan, close_nights, failing

from app import wiring
from app.cli_relending import hundredths, write_register
from ledger.books import Book, BookKind
from ledger.business_day import flip
from ledger.db import OWNER_ROLE, engine_as, unit_of_work
from ledger.errors import FutureDate
from ledger.journal import BookCode
from loans.booking import book_events
from loans.contract import Contract
from loans.errors import NotClosed, RelendingRefused
from loans.events import Extended, LoanEvent, RateSet, Repaid, Reversed
from loans.relending.allocation import Fundable, Need, Pair, allocate
from loans.relending.draw import Draw, Form, Repayment, interest_periods, payable
from loans.relending.drawing import draw, undo_draw
from loans.relending.events import record
from loans.relending.extension import extend, undo_extension
from loans.relending.funding import Row, allocated
from loans.relending.pledge import Asset, Pledge, shortfall
from loans.relending.pledging import pledge, release, undo_pledge, undo_release
from loans.relending.queries import draws
from loans.relending.register import DrawSheet, register
from loans.relending.repayment import repay, undo_repayment
from loans.relending.rules import pledge_rate_ppb
from loans.relending.utilisation import Idle, cost_fen, earned_fen, idle, idle_draws, utilisation
from loans.terms import RateStep

DAY = timedelta(days=1)
RATE = 17_500_000
BOOK = Book(id=1, code=BookCode("LB-371621-HMRCB"), kind=BookKind.LOANS, name="", county="371621", bank="HMRCB")
E7 = Draw(
    book=BOOK, number="Z1", fen=1_000_000_000, rate_ppb=RATE, drawn_on=date(2017, 4, 5), due_on=date(2018, 4, 5),
)  # fmt: skip


def by_hand(one: Draw, until: date) -> list[int]:
    """Return a draw's interest day by day in Decimal: one rounding on each 20th and at the end."""
    sums, running, day = [], Decimal(0), one.drawn_on
    while day < min(one.ends_on, until):
        balance = one.fen - sum(r.fen for r in one.repayments if r.day <= day)
        running += Decimal(balance) * one.rate_ppb / 10**9 / 360
        if (day.day == 20 and day.month % 3 == 0) or day + DAY == one.ends_on:
            sums.append(int(running.quantize(Decimal(1), ROUND_HALF_UP)))
            running = Decimal(0)
        day += DAY
    return sums


@st.composite
def repaid_draws(chosen: st.DrawFn) -> Draw:
    """A draw of a year with some repayments on any of its days, in any order, never more than there is."""
    fen = chosen(st.integers(1, 10**11))
    one = replace(E7, fen=fen, rate_ppb=chosen(st.integers(0, 60_000_000)))
    for number in range(chosen(st.integers(0, 5))):
        if one.left_fen:
            day = one.drawn_on + timedelta(days=chosen(st.integers(0, 365)))
            paid = Repayment(day=day, fen=chosen(st.integers(1, one.left_fen) | st.just(one.left_fen)), serial=str(number))
            one = replace(one, repayments=(*one.repayments, paid))
    return one


@given(repaid_draws())
def test_interest_is_that_of_each_days_balance_rounded_once_a_period(one: Draw) -> None:
    assert [period.fen for period in interest_periods(one) if period.end > period.start] == by_hand(one, date(2030, 1, 1))


@given(repaid_draws(), st.integers(-1, 370))
def test_what_is_payable_is_what_accrued_less_what_was_paid(one: Draw, days: int) -> None:
    """At the close of any day: the settled periods are paid the day after, the running one is rounded as it stands."""
    closing = one.drawn_on + timedelta(days=days)
    running = [p for p in interest_periods(one) if p.start <= closing < p.end]
    if not running:
        assert payable(one, closing) == 0
        return
    exact = Decimal(0)
    for n in range((closing - running[0].start).days + 1):
        balance = one.fen - sum(r.fen for r in one.repayments if r.day <= running[0].start + n * DAY)
        exact += Decimal(balance) * one.rate_ppb / 10**9 / 360
    assert payable(one, closing) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@given(repaid_draws(), st.integers(0, 400))
def test_the_balance_never_rises_and_is_never_negative(one: Draw, days: int) -> None:
    day = one.drawn_on + timedelta(days=days)
    assert 0 <= one.balance_on(day + DAY) <= one.balance_on(day) <= one.fen
    assert one.balance_on(one.drawn_on - DAY) == one.balance_on(one.ends_on) == 0


# --- repayment in the books ------------------------------------------------------------------------------------------


@pytest.fixture
def drawn(session: Session, city: dict[str, Book]) -> Draw:
    """E7's draw, on its first day."""
    flip(session, date(2017, 4, 5))
    (one,) = draw(session, [replace(E7, book=city["LB"])], "t")
    return one


def paid(day: date, fen: int, serial: str = "S1") -> Repayment:
    return Repayment(day=day, fen=fen, serial=serial)


def only(session: Session) -> Draw:
    (one,) = draws(session)
    return one


def test_part_of_a_draw_goes_back_early_and_the_night_repays_the_rest(session: Session, drawn: Draw) -> None:
    lb = drawn.book
    close_nights(session, date(2017, 4, 5), date(2017, 5, 4))
    repay(session, drawn, paid(date(2017, 5, 5), 400_000_000), "t")
    assert balances(session, lb) == {"1003": 600_000_000, "2004": -600_000_000, "2231": -1_458_333, "6411": 1_458_333}
    assert not failing(session)
    close_nights(session, date(2017, 5, 5), date(2017, 6, 21))
    # 10,000,000 for 30 days and 6,000,000 for 47 days at 1.75 %: 14,583.33 + 13,708.33 in one rounding.
    assert balances(session, lb)["1003"] == 600_000_000 - 2_829_167
    assert not failing(session)
    close_nights(session, date(2017, 6, 22), date(2018, 4, 5))
    cost = 2_829_167 + 2_683_333 + 2_654_167 + 2_625_000 + 437_500
    assert balances(session, lb) == {"1003": -cost, "6411": cost}
    assert only(session).left_fen == 0
    assert not failing(session)


def test_a_draw_repaid_whole_pays_its_interest_with_the_principal(session: Session, drawn: Draw) -> None:
    lb = drawn.book
    close_nights(session, date(2017, 4, 5), date(2017, 5, 4))
    one = repay(session, drawn, paid(date(2017, 5, 5), 1_000_000_000), "t")
    assert (one.repaid_on, one.ends_on) == (date(2017, 5, 5), date(2017, 5, 5))
    assert not failing(session)
    close_nights(session, date(2017, 5, 5), date(2017, 5, 5))
    assert balances(session, lb) == {"1003": -1_458_333, "6411": 1_458_333}, "30 days, paid on the same day"
    close_nights(session, date(2017, 5, 6), date(2018, 4, 6))
    assert balances(session, lb)["1003"] == -1_458_333
    assert not failing(session)


@pytest.mark.parametrize("fen", [400_000_000, 1_000_000_000])
def test_a_repayment_reported_late_mends_the_interest_at_once(session: Session, drawn: Draw, fen: int) -> None:
    lb = drawn.book
    close_nights(session, date(2017, 4, 5), date(2017, 5, 9))
    assert balances(session, lb)["2231"] == -1_701_389  # 35 days
    repay(session, drawn, paid(date(2017, 5, 5), fen), "t")
    exact = Decimal(1_000_000_000 * 30 + (1_000_000_000 - fen) * 5) * RATE / 10**9 / 360
    assert balances(session, lb)["2231"] == -int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert not failing(session)
    close_nights(session, date(2017, 5, 10), date(2017, 5, 10))
    assert balances(session, lb).get("2231", 0) == (0 if fen == 1_000_000_000 else -1_458_333 - 175_000)
    assert not failing(session)


def test_repayments_that_do_not_fit_are_refused(session: Session, drawn: Draw) -> None:
    close_nights(session, date(2017, 4, 5), date(2017, 6, 21))
    today = date(2017, 6, 22)
    for wrong, reason in (
        (paid(today, 1_000_000_001), "超过借款余额 10,000,000.00 元"), (paid(today, 0), "金额必须大于零"),
        (paid(date(2017, 4, 4), 1), "不能早于借款日 2017-04-05"), (paid(date(2017, 6, 20), 1), "2017-06-21 前的利息已付"),
    ):  # fmt: skip
        with pytest.raises(RelendingRefused, match=reason):
            repay(session, drawn, wrong, "t")
    with pytest.raises(FutureDate):
        repay(session, drawn, paid(date(2017, 6, 23), 1), "t")
    repay(session, drawn, paid(date(2017, 6, 21), 1), "t")
    assert repay(session, drawn, paid(date(2017, 6, 21), 1), "t").repayments == only(session).repayments
    with pytest.raises(RelendingRefused, match="流水号 S1 已用于另一笔归还"):
        repay(session, drawn, paid(date(2017, 6, 21), 2), "t")
    repay(session, drawn, paid(today, 999_999_999, "S2"), "t")
    with pytest.raises(RelendingRefused, match=r"超过借款余额 0\.00 元"):
        repay(session, drawn, paid(today, 1, "S3"), "t")
    with pytest.raises(RelendingRefused, match="已还清"):
        extend(session, only(session), today, date(2019, 4, 5), "t")
    assert not failing(session)


def test_an_undone_repayment_leaves_the_draw_as_it_was(session: Session, drawn: Draw) -> None:
    lb = drawn.book
    close_nights(session, date(2017, 4, 5), date(2017, 5, 9))
    before, untouched = balances(session, lb), only(session)
    for fen in (400_000_000, 1_000_000_000):
        repay(session, drawn, paid(date(2017, 5, 5), fen), "t")
        assert undo_repayment(session, drawn, "S1", "t") == only(session) == untouched
        assert balances(session, lb) == before
        assert not failing(session)
    repay(session, drawn, paid(date(2017, 5, 5), 400_000_000), "t")
    close_nights(session, date(2017, 5, 10), date(2017, 6, 21))
    with pytest.raises(RelendingRefused, match="已支付利息"):
        undo_repayment(session, drawn, "S1", "t")
    assert not failing(session)


@pytest.fixture
def aged(session: Session, drawn: Draw) -> Draw:
    """E7's draw on 2017-05-10, its interest accrued and none of it settled."""
    close_nights(session, date(2017, 4, 5), date(2017, 5, 9))
    return drawn


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 35), st.integers(1, 1_000_000_000)), min_size=1, max_size=4))
def test_repayments_undone_one_after_the_other_leave_no_trace_on_any_account(
    session: Session, aged: Draw, chosen: list[tuple[int, int]]
) -> None:
    before, untouched = balances(session, aged.book), only(session)
    with rolled_back(session):
        done: list[str] = []
        for number, (days, fen) in enumerate(chosen):
            left = only(session).left_fen
            if left:
                done.append(f"S{number}")
                repay(session, aged, paid(aged.drawn_on + days * DAY, min(fen, left), done[-1]), "t")
        assert balances(session, aged.book).get("2004", 0) == -only(session).left_fen
        assert not failing(session)
        for serial in reversed(done):
            undo_repayment(session, aged, serial, "t")
            assert not failing(session)
        assert (balances(session, aged.book), only(session)) == (before, untouched)


@contextmanager
def rolled_back(session: Session) -> Iterator[None]:
    """Forget what one example did."""
    example = session.begin_nested()
    try:
        yield
    finally:
        example.rollback()


def test_what_a_repayment_stands_on_is_not_undone(session: Session, drawn: Draw) -> None:
    day = date(2017, 4, 6)
    close_nights(session, date(2017, 4, 5), date(2017, 4, 5))
    extend(session, drawn, day, date(2018, 10, 5), "t")
    repay(session, drawn, paid(day, 1), "t")
    with pytest.raises(RelendingRefused, match="展期之后已有业务"):
        undo_extension(session, drawn, date(2018, 10, 5), "t")
    extend(session, drawn, day, date(2019, 4, 5), "t")
    with pytest.raises(RelendingRefused, match="流水号 S1 的归还之后已有业务"):
        undo_repayment(session, drawn, "S1", "t")
    undo_extension(session, drawn, date(2019, 4, 5), "t")
    undo_repayment(session, drawn, "S1", "t")
    undo_extension(session, drawn, date(2018, 10, 5), "t")
    repay(session, drawn, paid(day, 1), "t")
    with pytest.raises(RelendingRefused, match="已展期或已归还"):
        undo_draw(session, drawn, "t")
    undo_repayment(session, drawn, "S1", "t")
    undo_draw(session, drawn, "t")
    assert draws(session) == []
    assert balances(session, drawn.book) == {}
    assert session.scalar(text("SELECT count(*) FROM loans.draw_event WHERE kind = 'undone'")) == 5
    assert not failing(session)


def test_the_night_and_a_file_never_both_repay_a_draw(own_engine: Engine) -> None:
    """On the day it is due: the file waits for the night, which holds the book, and then finds nothing left."""
    due = date(2017, 4, 1)
    with unit_of_work(own_engine) as session:
        lb = open_city(session)["LB"]
        (one,) = draw(session, [replace(E7, book=lb, drawn_on=date(2017, 1, 1), due_on=due)], "t")
        close_nights(session, date(2017, 1, 1), due - DAY)
    refused: list[str] = []

    def bring() -> None:
        try:
            with unit_of_work(own_engine) as session:
                repay(session, one, paid(due, 1), "t")
        except RelendingRefused as refusal:
            refused.append(str(refusal))

    file = Thread(target=bring)
    with unit_of_work(own_engine) as session:
        flip(session, due + DAY)
    with unit_of_work(own_engine) as session:
        for step in wiring.night_steps():
            step.work(session, due)
            if step.name == "relending":
                file.start()
                file.join(0.5)
                assert file.is_alive(), "it waits for the book"
    file.join(10)
    assert refused == ["再贷款 Z1：归还 0.01 元，超过借款余额 0.00 元"]
    with unit_of_work(own_engine) as session:
        assert not failing(session)
        assert balances(session, lb).get("2004", 0) == 0


# --- allocation, as a function -----------------------------------------------------------------------------------------

needs = st.lists(st.integers(0, 100), min_size=1, max_size=4).map(lambda all_: [Need(f"Z{n}", fen) for n, fen in enumerate(all_)])
loans = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=8).map(
    lambda all_: [Fundable(n, fen, RATE, of_household) for n, (fen, of_household) in enumerate(all_)]
)


@given(st.lists(st.tuples(needs, loans), min_size=1, max_size=6))
def test_whatever_happens_no_draw_and_no_loan_gives_more_than_it_has(steps: list[tuple[list[Need], list[Fundable]]]) -> None:
    current: dict[Pair, int] = {}
    for draws_, loans_ in steps:
        found = allocate(draws_, loans_, current)
        assert all(fen > 0 for fen in found.values())
        of_draw = {d.number: sum(fen for (number, _), fen in found.items() if number == d.number) for d in draws_}
        of_loan = {one.loan_id: sum(fen for (_, loan), fen in found.items() if loan == one.loan_id) for one in loans_}
        assert all(of_draw[d.number] <= d.fen for d in draws_)
        assert all(of_loan[one.loan_id] <= one.fen for one in loans_)
        assert sum(found.values()) == min(sum(d.fen for d in draws_), sum(one.fen for one in loans_)), "as much as can be"
        assert allocate(draws_, loans_, found) == found, "what is allowed stays"
        current = found


@given(needs, loans, needs, loans)
def test_what_need_not_move_does_not(needs_: list[Need], loans_: list[Fundable], later: list[Need], left: list[Fundable]) -> None:
    """Looking at the troubled loans alone, as the night does, gives what looking at all of them gives."""
    before = allocate(needs_, loans_, {})
    whole = allocate(later, left, before)
    limit = {one.loan_id: one.fen for one in left}
    sums = {d.number: sum(fen for (number, _), fen in before.items() if number == d.number) for d in (*needs_, *later)}
    used: dict[int, int] = {}
    for (_, loan), fen in before.items():
        used[loan] = used.get(loan, 0) + fen
    needed = {d.number: d.fen for d in later}
    over = {number for number, fen in sums.items() if fen > needed.get(number, 0)}
    touched = {loan for (number, loan) in before if number in over or used[loan] > limit.get(loan, 0)}
    if touched or any(d.fen > sums.get(d.number, 0) for d in later):
        touched |= {loan for loan in used if used[loan] < limit.get(loan, 0)}
    played = {pair: fen for pair, fen in before.items() if pair[1] in touched}
    room = [
        Need(d.number, d.fen - sums.get(d.number, 0) + sum(fen for (number, _), fen in played.items() if number == d.number))
        for d in later
    ]
    part = allocate(room, [one for one in left if one.loan_id in touched or one.loan_id not in used], played)
    assert {pair: fen for pair, fen in before.items() if pair[1] not in touched} | part == whole


def test_households_are_funded_before_enterprises_and_older_loans_first() -> None:
    ordered = [Fundable(1, 50, RATE, of_household=False), Fundable(2, 40, RATE), Fundable(3, 40, RATE)]
    assert allocate([Need("Z1", 60), Need("Z2", 60)], ordered, {}) == {("Z1", 2): 40, ("Z1", 3): 20, ("Z2", 3): 20, ("Z2", 1): 40}


# --- allocation in the night ---------------------------------------------------------------------------------------------

FIRST = date(2017, 1, 1)


@dataclass
class World:
    """A bank with loans and draws, and the days that pass there."""

    session: Session
    book: Book
    loans: dict[str, Contract] = field(default_factory=dict)
    today: date = FIRST

    def lend(self, name: str, fen: int, later: Sequence[RateStep] = ()) -> None:
        self.loans[name] = bullet_loan(self.session, self.book, FIRST, fen, name=name, later=later)

    def draw(self, number: str, fen: int, months: int = 12) -> Draw:
        due = date(
            self.today.year + (self.today.month - 1 + months) // 12, (self.today.month - 1 + months) % 12 + 1, self.today.day
        )
        (one,) = draw(
            self.session, [Draw(book=self.book, number=number, fen=fen, rate_ppb=RATE, drawn_on=self.today, due_on=due)], "t"
        )
        return one

    def happen(self, name: str, event: LoanEvent) -> None:
        book_events(self.session, [(self.loans[name], event)], "t", lambda c, e: e.kind)

    def pay(self, name: str, fen: int) -> None:
        self.happen(name, Repaid(reference=f"{name}/{self.today}", value_date=self.today, fen=fen))

    def night(self, until: date | None = None) -> None:
        """Close nights, and hold every tie after the last."""
        until = until or self.today
        close_nights(self.session, self.today, until)
        self.today = until + DAY
        assert not failing(self.session)

    def found(self, day: date | None = None) -> dict[tuple[str, str], int]:
        """Return what was allocated at the close of a day, by default the last, by draw and contract."""
        names = {contract.id: name for name, contract in self.loans.items()}
        rows = allocated(self.session, [self.book.id], day or self.today - DAY)
        return {(row.number, names[row.loan_id]): row.fen for row in rows}


@pytest.fixture
def world(session: Session, city: dict[str, Book]) -> World:
    """Four loans of 50,000 at 4.35 % and a draw of 120,000, allocated in the night of the first day."""
    made = World(session, city["LB"])
    for name in ("A", "B", "C", "D"):
        made.lend(name, 5_000_000)
    made.draw("Z1", 12_000_000)
    made.night()
    assert made.found() == {("Z1", "A"): 5_000_000, ("Z1", "B"): 5_000_000, ("Z1", "C"): 2_000_000}
    return made


def test_an_ordinary_night_writes_no_allocation(world: World) -> None:
    rows = "SELECT count(*), max(id), max(xmin::text::bigint) FROM loans.draw_allocation"
    before = world.session.execute(text(rows)).one()
    world.night(date(2017, 1, 9))
    assert world.session.execute(text(rows)).one() == before


def test_a_repaid_loan_leaves_its_draw_to_the_next_ones_in_that_night(world: World) -> None:
    world.night(date(2017, 1, 4))
    world.pay("A", 5_010_000)
    assert world.found()["Z1", "A"] == 5_000_000, "by day nothing moves"
    world.night()
    assert world.found() == {("Z1", "B"): 5_000_000, ("Z1", "C"): 5_000_000, ("Z1", "D"): 2_000_000}
    world.pay("B", 1_000_000)
    world.night()
    assert world.found() == {("Z1", "B"): 4_000_000, ("Z1", "C"): 5_000_000, ("Z1", "D"): 3_000_000}
    assert world.found(date(2017, 1, 4)) == {("Z1", "A"): 5_000_000, ("Z1", "B"): 5_000_000, ("Z1", "C"): 2_000_000}
    assert world.found(date(2017, 1, 5))["Z1", "D"] == 2_000_000


def test_a_draw_that_shrinks_or_ends_lets_its_loans_go_to_others(world: World) -> None:
    (one,) = draws(world.session)
    world.draw("Z2", 9_000_000, 3)
    world.night()
    assert sum(world.found().values()) == 20_000_000, "the draws need more than there is"
    repay(world.session, one, paid(world.today, 6_000_000), "t")
    world.night()
    assert {n: sum(fen for (number, _), fen in world.found().items() if number == n) for n in ("Z1", "Z2")} == {
        "Z1": 6_000_000, "Z2": 9_000_000,
    }  # fmt: skip
    assert world.found()["Z1", "A"] == 5_000_000, "the first stay where they are"
    world.night(date(2017, 4, 2))
    assert {number for number, _ in world.found()} == {"Z1"}
    assert {number for number, _ in world.found(date(2017, 4, 1))} == {"Z1", "Z2"}, "drawn on the 2nd, due on the 2nd"


def test_a_loan_above_the_cap_is_never_allocated(world: World) -> None:
    """1-year benchmark 4.35 % (domain.md 2): a loan above it takes nothing, one that rises above it is let go."""
    for name, rate in (("A", 43_500_001), ("D", 43_500_001), ("D", 43_000_000)):
        world.happen(name, RateSet(reference=f"{name}/{rate}", value_date=world.today, rate_ppb=rate, gov_ppb=0))
        world.night()
        assert ("Z1", "A") not in world.found()
    rates = world.session.execute(text("SELECT rate_ppb FROM loans.draw_allocation WHERE end_date IS NULL ORDER BY 1")).all()
    assert [rate for (rate,) in rates] == [43_000_000, 43_500_000, 43_500_000]
    assert sum(world.found().values()) == 12_000_000


def test_a_rate_that_changes_by_contract_is_seen_on_its_day(session: Session, city: dict[str, Book]) -> None:
    world = World(session, city["LB"])
    up, down = RateStep(date(2017, 1, 4), 47_500_000), RateStep(date(2017, 1, 6), 43_000_000)
    world.lend("A", 5_000_000, [up, down])
    world.lend("B", 5_000_000)
    world.draw("Z1", 5_000_000)
    world.night(date(2017, 1, 3))
    assert world.found() == {("Z1", "A"): 5_000_000}
    world.night()
    assert world.found() == {("Z1", "B"): 5_000_000}
    world.draw("Z2", 5_000_000)
    world.night()
    assert world.found() == {("Z1", "B"): 5_000_000}
    world.night()
    assert world.found() == {("Z1", "B"): 5_000_000, ("Z2", "A"): 5_000_000}


def test_a_loan_that_never_was_and_a_draw_that_never_was_fund_nothing(world: World) -> None:
    world.happen("B", Reversed(reference="B/undone", value_date=FIRST, of="B/d"))
    world.night()
    assert world.found() == {("Z1", "A"): 5_000_000, ("Z1", "C"): 5_000_000, ("Z1", "D"): 2_000_000}
    undo_draw(world.session, draws(world.session)[0], "t")
    assert not failing(world.session), "the last close is held against what was known then"
    world.night()
    assert world.found() == {}


@pytest.mark.parametrize(
    "wrong",
    ["fen = fen + 1", "number = 'Z2'", "loan_id = (SELECT max(id) FROM loans.loan), fen = 5000001"],
)
def test_an_allocation_that_breaks_a_law_fails_its_tie(own_engine: Engine, wrong: str) -> None:
    with unit_of_work(own_engine) as session:
        made = World(session, open_city(session)["LB"])
        for name in ("A", "B", "C"):
            made.lend(name, 5_000_000)
        made.draw("Z1", 10_000_000)
        made.night()
    owner = engine_as(own_engine.url.render_as_string(hide_password=False), OWNER_ROLE)
    with owner.begin() as connection:
        connection.execute(
            text(f"UPDATE loans.draw_allocation SET {wrong} WHERE loan_id = (SELECT min(loan_id) FROM loans.draw_allocation)")
        )
    owner.dispose()
    with unit_of_work(own_engine) as session:
        assert len(failing(session)) == 1


# --- pledges -----------------------------------------------------------------------------------------------------------------


def bond(serial: str, fen: int, start: date, end: date = date(2019, 1, 1), number: str = "Z1", *, book: Book = BOOK) -> Pledge:
    """A bond that counts for nine tenths of its face."""
    return Pledge(
        book_id=book.id, draw=number, serial=serial, asset=Asset.BOND, face_fen=fen,
        rate_ppb=pledge_rate_ppb(Asset.BOND, start), start=start, end=end,
    )  # fmt: skip


@given(
    repaid_draws(),
    st.lists(st.tuples(st.integers(0, 10**11), st.integers(-9, 400), st.integers(-9, 400), st.none() | st.integers(-9, 400))),
)
def test_a_shortfall_is_the_first_day_on_which_a_pledged_draw_is_not_covered(
    one: Draw, chosen: list[tuple[int, int, int, int | None]]
) -> None:
    assets = [
        replace(
            bond(str(n), fen, E7.drawn_on + s * DAY, E7.drawn_on + e * DAY),
            released_on=None if r is None else E7.drawn_on + r * DAY,
        )
        for n, (fen, s, e, r) in enumerate(chosen)
    ]
    assert shortfall(one, assets) is None, "on credit"
    secured = replace(one, form=Form.PLEDGED)
    days = [E7.drawn_on + n * DAY for n in range(370)]
    bare = [day for day in days if sum(a.fen for a in assets if a.start <= day < a.until) < secured.balance_on(day)]
    found = shortfall(secured, assets)
    assert (found.day if found else None) == (bare[0] if bare else None)


def test_a_pledged_draw_is_covered_on_every_day_of_its_term(session: Session, city: dict[str, Book]) -> None:
    lb, today = city["LB"], date(2017, 4, 5)
    flip(session, today)
    wanted = Draw(book=lb, number="Z1", fen=900_000, rate_ppb=RATE, drawn_on=today, due_on=date(2017, 7, 5), form=Form.PLEDGED)
    assert pledge(session, lb, bond("P1", 999_999, today, book=lb), "t")
    with pytest.raises(RelendingRefused, match=r"2017-04-05 质押价值 8,999.99 元，低于借款余额 9,000.00 元"):
        draw(session, [wanted], "t")
    assert pledge(session, lb, bond("P2", 2, today, date(2017, 7, 5), book=lb), "t")
    assert not pledge(session, lb, bond("P2", 2, today, date(2017, 7, 5), book=lb), "t")
    (one,) = draw(session, [wanted], "t")
    for refused, reason in (
        (lambda: extend(session, one, today, date(2017, 10, 5), "t"), "2017-07-05 质押价值"),
        (lambda: undo_pledge(session, lb, "Z1", "P2", "t"), "质押价值"),
        (lambda: pledge(session, lb, bond("P1", 999_999, today, number="Z2", book=lb), "t"), "在 2019-01-01 前已质押给借款 Z1"),
        (lambda: pledge(session, lb, bond("P1", 1, today, book=lb), "t"), "质押编号 P1 已用于另一笔质押"),
        (lambda: release(session, lb, "Z1", "P9", today, "t"), "没有质押 P9"),
        (lambda: release(session, lb, "Z1", "P2", today, "t"), "在 2017-04-05 不能解押"),
    ):  # fmt: skip
        with pytest.raises(RelendingRefused, match=reason):
            refused()
    with pytest.raises(FutureDate):
        pledge(session, lb, bond("P3", 1, today + DAY, book=lb), "t")
    close_nights(session, today, today)
    repay(session, one, paid(today + DAY, 1), "t")
    assert release(session, lb, "Z1", "P2", today + DAY, "t")
    assert not release(session, lb, "Z1", "P2", today + DAY, "t")
    with pytest.raises(RelendingRefused, match="质押价值"):
        undo_repayment(session, one, "S1", "t")
    undo_release(session, lb, "Z1", "P2", "t")
    undo_repayment(session, one, "S1", "t")
    assert only(session) == replace(one, reported_on=today)
    assert not failing(session)
    (sheet,) = register(session, lb).sheets
    assert (sheet.pledged_fen, sheet.draw.form) == (900_000, Form.PLEDGED)


def test_an_uncovered_draw_fails_its_tie(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    pledge(session, lb, bond("P1", 2_000_000, FIRST, book=lb), "t")
    draw(session, [replace(E7, book=lb, fen=900_000, drawn_on=FIRST, due_on=date(2017, 4, 1), form=Form.PLEDGED)], "t")
    close_nights(session, FIRST, FIRST)
    assert not failing(session)
    record(session, lb, "Z1", "released/P1", date(2017, 1, 5), {"serial": "P1"})
    assert failing(session) == [f"loans: pledged draws of {lb.code} are covered: all != draw Z1 on 2017-01-05: 0 of 900000"]


# --- utilisation and the register ------------------------------------------------------------------------------------------


def funded(fen: int, start: date, end: date | None = None, rate_ppb: int = 43_500_000) -> Row:
    return Row(1, 1, "Z1", 1, fen, rate_ppb, start, end)


def test_e7_relending_is_used_to_98_per_cent_and_earns_its_spread() -> None:
    """E7 (domain.md 9): 9,800,000 of 10,000,000 stand in loans at 4.35 % for 365 days."""
    rows = [funded(980_000_000, date(2017, 4, 5), date(2018, 4, 5))]
    sheet = DrawSheet(
        draw=E7, balance_fen=E7.balance_on(date(2018, 4, 4)), pledged_fen=0, earned_fen=earned_fen(rows, date(2018, 4, 4)),
        cost_fen=cost_fen(E7, date(2018, 4, 4)), idle=idle(E7, rows, date(2018, 4, 4)), lines=(),
    )  # fmt: skip
    assert (sheet.earned_fen, sheet.cost_fen, sheet.spread_fen) == (43_222_083, 17_743_056, 25_479_027)
    assert hundredths(utilisation(980_000_000, sheet.balance_fen)) == "98.00"
    assert sheet.idle == Idle(draw=E7, fen=20_000_000, since=date(2017, 7, 4)), "90 days from 2017-04-05"


def test_all_but_a_fen_is_not_all() -> None:
    assert (utilisation(10_000_000 - 1, 10_000_000), utilisation(7, 7), utilisation(0, 0)) == (9_999, 10_000, 10_000)


def test_a_draw_is_idle_since_it_was_last_used_whole_but_not_before_its_time_is_over() -> None:
    full = funded(600_000_000, date(2017, 4, 5)), funded(400_000_000, date(2017, 4, 20), date(2017, 8, 1))
    assert idle(E7, full, date(2017, 4, 10)) is None, "there is time yet"
    assert idle(E7, full, date(2017, 7, 31)) is None, "all of it is used"
    assert idle(E7, full, date(2017, 9, 1)) == Idle(draw=E7, fen=400_000_000, since=date(2017, 8, 1))
    assert idle(E7, full[:1], date(2017, 7, 3)) is None
    assert idle(E7, full[:1], date(2017, 7, 4)) == Idle(draw=E7, fen=400_000_000, since=date(2017, 7, 4))
    less = replace(E7, repayments=(paid(date(2017, 9, 5), 400_000_000),))
    assert idle(less, full, date(2017, 9, 4)) is not None
    assert idle(less, full, date(2017, 9, 5)) is None


@given(st.lists(st.tuples(st.integers(0, 400), st.none() | st.integers(0, 400), st.integers(0, 10**10), st.integers(0, 10**8))))
def test_what_draws_earn_is_a_sum_over_days(chosen: list[tuple[int, int | None, int, int]]) -> None:
    first, through = date(2017, 4, 5), date(2017, 10, 1)
    rows = [funded(fen, first + s * DAY, None if e is None else first + max(s, e) * DAY, rate) for s, e, fen, rate in chosen]
    exact = Decimal(0)
    for n in range((through - first).days + 1):
        day = first + n * DAY
        exact += sum(Decimal(r.fen) * r.rate_ppb for r in rows if r.start <= day and (r.end is None or day < r.end))
    assert earned_fen(rows, through) == int((exact / 10**9 / 360).quantize(Decimal(1), ROUND_HALF_UP))


def test_the_register_of_a_past_day_shows_what_was_allocated_then(world: World) -> None:
    first = register(world.session, world.book)
    assert (first.day, first.balance_fen, first.allocated_fen, first.utilisation) == (FIRST, 12_000_000, 12_000_000, 10_000)
    (sheet,) = first.sheets
    assert [(line.contract, line.fen, line.balance_fen, line.since) for line in sheet.lines] == [
        ("A", 5_000_000, 5_000_000, FIRST), ("B", 5_000_000, 5_000_000, FIRST), ("C", 2_000_000, 5_000_000, FIRST),
    ]  # fmt: skip
    line = sheet.lines[0]
    assert (line.product, line.lent_fen, line.rate_ppb, line.drawn_on, line.maturity) == (
        "扶贫小额信贷", 5_000_000, 43_500_000, FIRST, date(2018, 1, 1),
    )  # fmt: skip
    assert (sheet.earned_fen, sheet.cost_fen) == (1_450, 583), "one day: 120,000 at 4.35 % and at 1.75 %"
    world.pay("A", 5_010_000)
    world.happen(
        "B", Extended(reference="B/x", value_date=world.today, maturity=date(2018, 7, 1), rate_ppb=43_500_000, gov_ppb=0)
    )
    repay(world.session, draws(world.session)[0], paid(world.today, 1_000_000), "t")
    world.night(date(2017, 1, 3))
    assert register(world.session, world.book, FIRST) == first
    (now,) = register(world.session, world.book).sheets
    assert [(one.contract, one.fen, one.since) for one in now.lines] == [
        ("B", 5_000_000, FIRST), ("C", 5_000_000, date(2017, 1, 2)), ("D", 1_000_000, date(2017, 1, 2)),
    ]  # fmt: skip
    assert (now.lines[0].maturity, now.balance_fen, now.unused_fen) == (date(2018, 7, 1), 11_000_000, 0)
    with pytest.raises(NotClosed, match="2017-01-04 没有日终记录（最近日终 2017-01-03）"):
        register(world.session, world.book, world.today)


def test_money_that_is_not_used_in_time_is_reported(world: World) -> None:
    world.draw("Z2", 9_000_000)
    world.night(date(2017, 4, 1))
    assert idle_draws(world.session, date(2017, 4, 1)) == [], "90 days from 2017-01-02 are over on 2017-04-02"
    world.night()
    (found,) = idle_draws(world.session, date(2018, 1, 1))
    assert (found.draw.number, found.fen, found.since) == ("Z2", 1_000_000, date(2017, 4, 2))
    assert register(world.session, world.book).sheets[1].idle == found
    assert idle_draws(world.session, date(2016, 12, 31)) == []


def test_the_register_is_written_for_excel_with_its_sums(world: World, tmp_path: Path) -> None:
    world.draw("Z2", 10_000_000)
    world.night()
    path = tmp_path / "台账.csv"
    write_register(register(world.session, world.book), path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["借款编号"], row["借据号"], row["对应金额(元)"], row["使用率(%)"]) for row in rows] == [
        ("Z1", "A", "50000.00", "100.00"), ("Z1", "B", "50000.00", "100.00"), ("Z1", "C", "20000.00", "100.00"),
        ("Z2", "C", "30000.00", "80.00"), ("Z2", "D", "50000.00", "80.00"), ("合计", "", "200000.00", "90.90"),
    ]  # fmt: skip
    assert (rows[0]["贷款利率(%)"], rows[0]["建档立卡"], rows[3]["未使用(元)"]) == ("4.35", "否", "20000.00")
