"""Relending: interest by balance, early and partial repayment, pledges, and the allocation of loans to draws."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_loan_life import balances, close_nights, failing

from ledger.books import Book, BookKind
from ledger.business_day import flip
from ledger.errors import FutureDate
from ledger.journal import BookCode
from loans.errors import RelendingRefused
from loans.relending.draw import Draw, Repayment, interest_periods, payable
from loans.relending.drawing import draw, undo_draw
from loans.relending.extension import extend, undo_extension
from loans.relending.queries import draws
from loans.relending.repayment import repay, undo_repayment

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
