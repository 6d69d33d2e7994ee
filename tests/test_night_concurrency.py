"""The night and the day at once: writers and readers go on while it runs, and whatever they do lands in exactly one date."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from conftest import open_city
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from test_loan_life import bullet_loan, failing
from test_vouchers import at_once, interest, through

import loans.ties
from app import wiring
from app.imports.batch import Desk, import_file
from app.imports.kinds import IMPORTERS
from app.status import status
from app.web.queries import reading
from guarantees.agreement import open_pool
from ledger.books import Book, BookKind, books
from ledger.business_day import business_date, flip, peek
from ledger.calendar import DAY
from ledger.db import unit_of_work
from loans.contract import Contract
from loans.errors import CloseUnderWay
from loans.events import Repaid
from loans.servicing import repay
from registry.cipher import Cipher
from scheduling.close import Step, close, close_through
from scheduling.errors import CloseRunning, StepFailed

START, LAST = date(2017, 3, 12), date(2017, 3, 22)
LOANS = 12


@pytest.fixture
def lent(own_engine: Engine) -> dict[str, Contract]:
    """Loans in a county that begins a week before a settlement; some fall due on its day."""
    with unit_of_work(own_engine) as session:
        city = open_city(session, START)
        open_pool(session, city["RCF"], "HMRCB", share_ppb=700_000_000, leverage=10)
        made = {
            f"C{n}": bullet_loan(
                session, city["LB"], date(2016, 3, 20) if n % 3 == 0 else date(2016, 11, n), 5_000_000, name=f"C{n}"
            )
            for n in range(1, LOANS + 1)
        }
        flip(session, START)
    return made


def book_of(session: Session, kind: BookKind) -> Book:
    return books(session, kind)[0]


@contextmanager
def going_on(*deeds: Callable[[int], None]) -> Iterator[list[int]]:
    """Do each of some things again and again, each in a thread of its own, until the block ends; then none of them has failed."""
    over, wrong, done = threading.Event(), [], [0] * len(deeds)

    def run(which: int) -> None:
        while not over.is_set():
            try:
                deeds[which](done[which])
                done[which] += 1
                time.sleep(0.02)  # a loan with thousands of payments would make the nights slow, not hard
            except CloseUnderWay:
                time.sleep(0.001)
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                wrong.append(error)
                return

    threads = [threading.Thread(target=run, args=(which,)) for which in range(len(deeds))]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong


def test_all_go_on_while_nights_run_and_each_deed_has_one_date(
    own_engine: Engine, lent: dict[str, Contract], cipher: Cipher, tmp_path: Path
) -> None:
    names = list(lent)

    def pay(number: int) -> None:
        with unit_of_work(own_engine) as session:
            event = Repaid(reference=f"r{number}", value_date=business_date(session), fen=1_000 + number)
            repay(session, [(lent[names[number % LOANS]], event)], "t")

    def write(number: int) -> None:
        with unit_of_work(own_engine) as session:
            through(session, book_of(session, BookKind.COMPENSATION), f"V{number}", interest(100, business_date(session)))

    def bring(number: int) -> None:
        file = tmp_path / f"{number}.csv"
        with unit_of_work(own_engine) as session:
            today = peek(session)
        file.write_text(f"县区,银行代码,资金,流水号,日期,金额(元)\n惠民县,HMRCB,风险补偿金,G{number},{today},100.00\n")
        outcome = import_file(own_engine, IMPORTERS["fund-receipts"], file, Desk(cipher, "t"))
        assert (outcome.errors, outcome.taken) == ((), 1)

    def look(_: int) -> None:
        with reading(own_engine) as session:
            assert status(session).loans == LOANS

    with going_on(pay, write, bring, look) as done:
        runs = list(close_through(own_engine, wiring.night_steps(), LAST))
    assert [run.business_date for run in runs] == [START + n * DAY for n in range((LAST - START).days + 1)]
    assert min(done) >= 5, done
    with unit_of_work(own_engine) as session:
        strays = session.execute(
            text(
                "SELECT e.reference, e.value_date, e.business_date, e.booked_at FROM loans.event e "
                "LEFT JOIN scheduling.run mine ON mine.business_date = e.business_date "
                "LEFT JOIN scheduling.run eve ON eve.business_date = e.business_date - 1 "
                "WHERE e.kind = 'repaid' AND (e.value_date <> e.business_date OR e.booked_at > mine.started_at "
                "OR e.booked_at < eve.started_at)"
            )
        ).all()
        assert not strays
        assert session.scalar(text("SELECT count(*) FROM loans.event WHERE kind = 'repaid'")) == done[0]
        assert session.scalar(text("SELECT count(*) FROM ledger.journal_entry WHERE kind = 'fund.contributed'")) == done[2]
        assert not failing(session)


def test_a_repayment_at_the_last_moment_is_of_its_own_day_and_the_close_waits_for_it(
    own_engine: Engine, lent: dict[str, Contract]
) -> None:
    eve = date(2017, 3, 20)
    list(close_through(own_engine, wiring.night_steps(), eve - DAY))
    ran: list[object] = []
    night = threading.Thread(target=lambda: ran.append(close(own_engine, wiring.night_steps(), eve)))
    with unit_of_work(own_engine) as session:
        assert business_date(session) == eve
        repay(session, [(lent["C1"], Repaid(reference="last", value_date=eve, fen=1_000_000))], "t")
        night.start()
        night.join(0.5)
        assert night.is_alive(), "the close waits for who has begun on its day"
        with unit_of_work(own_engine) as other:
            assert peek(other) == eve
    night.join(60)
    assert len(ran) == 1
    with unit_of_work(own_engine) as session:
        row = session.execute(text("SELECT value_date, business_date FROM loans.event WHERE reference = 'last'")).one()
        assert tuple(row) == (eve, eve)
        charged = session.scalar(
            text("SELECT sum(paid_fen) FROM loans.charge WHERE loan_id = :id AND known_to_seq IS NULL"), {"id": lent["C1"].id}
        )
        assert charged is not None
        assert not failing(session)


def test_who_comes_after_the_flip_is_of_the_next_day_and_waits_until_the_old_one_is_charged(
    own_engine: Engine, lent: dict[str, Contract]
) -> None:
    eve = date(2017, 3, 20)
    list(close_through(own_engine, wiring.night_steps(), eve - DAY))
    came: dict[str, str] = {}

    def come(name: str) -> None:
        with unit_of_work(own_engine) as session:
            day = business_date(session)
            assert day == eve + DAY
            try:
                repay(session, [(lent["C2"], Repaid(reference=name, value_date=day, fen=100))], "t")
            except CloseUnderWay:
                came[name] = "not yet"
            else:
                came[name] = "taken"

    def before(step: Step) -> Step:
        def work(session: Session, closing: date) -> dict[str, int]:
            come(step.name)
            return dict(step.work(session, closing))

        return replace(step, work=work)

    close(own_engine, [before(step) for step in wiring.night_steps()], eve)
    assert came == {
        "sweep": "not yet", "age": "not yet", "settle": "not yet", "reprice": "taken", "accrue": "taken", "relending": "taken",
        "pools": "taken", "tie": "taken", "snapshot": "taken", "seal": "taken",
    }  # fmt: skip
    close(own_engine, wiring.night_steps(), eve + DAY)
    with unit_of_work(own_engine) as session:
        days = session.scalars(text("SELECT DISTINCT business_date FROM loans.event WHERE kind = 'repaid'")).all()
        assert days == [eve + DAY]
        assert not failing(session)


def test_of_four_closes_at_once_one_works_and_the_others_say_so(own_engine: Engine, lent: dict[str, Contract]) -> None:
    worked: list[str] = []

    def counted(step: Step) -> Step:
        def work(session: Session, closing: date) -> dict[str, int]:
            worked.append(step.name)
            return dict(step.work(session, closing))

        return replace(step, work=work)

    steps = [counted(step) for step in wiring.night_steps()]
    outcome = at_once(4, lambda _: close(own_engine, steps, START))
    assert outcome.count(None) >= 1
    assert {type(error) for error in outcome if error} <= {CloseRunning}
    assert worked == [step.name for step in steps]
    with unit_of_work(own_engine) as session:
        assert peek(session) == START + DAY
        assert not failing(session)


def test_a_step_that_waits_too_long_for_a_lock_fails_in_passing_and_nothing_of_it_stays(
    own_engine: Engine, lent: dict[str, Contract]
) -> None:
    steps = wiring.night_steps()

    def impatient(step: Step) -> Step:
        def work(session: Session, closing: date) -> dict[str, int]:
            session.execute(text("SET LOCAL lock_timeout = '50ms'"))
            return dict(step.work(session, closing))

        return replace(step, work=work)

    list(close_through(own_engine, steps, START))
    with unit_of_work(own_engine) as holder:
        holder.execute(text("SELECT FROM ledger.book FOR UPDATE"))
        with pytest.raises(StepFailed, match="lock timeout") as refusal:
            close(own_engine, [impatient(step) for step in steps], START + DAY)
        assert isinstance(refusal.value.__cause__, OperationalError)
    assert [one.name for one in close(own_engine, steps, START + DAY).steps] == [step.name for step in steps]
    with unit_of_work(own_engine) as session:
        assert not session.scalar(text("SELECT count(*) FROM loans.quarantine"))
        assert not failing(session)


def test_nobody_writes_between_the_two_sides_that_the_night_ties(
    own_engine: Engine, lent: dict[str, Contract], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loans are read first and their accounts after them: a payment between the two would be a difference that is none."""
    list(close_through(own_engine, wiring.night_steps(), START))
    waited: list[bool] = []

    def pay() -> None:
        with unit_of_work(own_engine) as session:
            repay(session, [(lent["C1"], Repaid(reference="between", value_date=START + DAY, fen=100_000))], "t")

    def after_a_payment(*args: object, **values: object) -> object:
        if not waited:
            payer.start()
            payer.join(0.5)
            waited.append(payer.is_alive())
        return real(*args, **values)  # type: ignore[arg-type]

    payer, real = threading.Thread(target=pay), loans.ties.turnovers
    monkeypatch.setattr(loans.ties, "turnovers", after_a_payment)
    tie = next(step for step in wiring.night_steps() if step.name == "tie")
    with unit_of_work(own_engine) as session:
        assert tie.work(session, START)["differences"] == 0
    payer.join(60)
    assert waited == [True]
    with unit_of_work(own_engine) as session:
        assert session.scalar(text("SELECT count(*) FROM loans.event WHERE reference = 'between'")) == 1
