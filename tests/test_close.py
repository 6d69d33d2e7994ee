"""The close: one at a time, in order, step by step, and on after a stop."""

from datetime import date

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app import wiring
from ledger.books import BookKind, book_named, books, open_book
from ledger.business_day import business_date, peek
from ledger.calendar import DAY
from ledger.db import unit_of_work
from ledger.errors import UnknownBook
from ledger.journal import BookCode
from scheduling.close import LOCK, Step, close, close_through, next_to_close
from scheduling.errors import CloseRunning, DaySkipped, StepFailed

FIRST = date(2017, 1, 1)


@pytest.fixture
def begun(own_engine: Engine) -> Engine:
    """Books begun on 2017-01-01."""
    with unit_of_work(own_engine) as session:
        wiring.begin(session, FIRST)
    return own_engine


def counting(done: list[str], *names: str) -> list[Step]:
    """Steps that write down that they ran."""
    return [Step(name, lambda _, day, name=name: done.append(f"{name} {day.day}") or {"done": 1}) for name in names]


def today(engine: Engine) -> date | None:
    """The business date."""
    with unit_of_work(engine) as session:
        return peek(session)


def test_a_day_is_never_skipped(begun: Engine) -> None:
    done: list[str] = []
    with pytest.raises(DaySkipped):
        close(begun, counting(done, "a"), FIRST + DAY)
    assert (done, today(begun)) == ([], FIRST)


def test_missed_nights_are_caught_up_in_order(begun: Engine) -> None:
    done: list[str] = []
    runs = list(close_through(begun, counting(done, "a", "b"), FIRST + 2 * DAY))
    assert done == ["a 1", "b 1", "a 2", "b 2", "a 3", "b 3"]
    assert [run.business_date.day for run in runs] == [1, 2, 3]
    assert (today(begun), next_to_close(begun)) == (FIRST + 3 * DAY, FIRST + 3 * DAY)


def test_a_closed_day_returns_its_run_as_recorded(begun: Engine) -> None:
    done: list[str] = []
    steps = counting(done, "a", "b")
    first = close(begun, steps, FIRST)
    assert [(step.name, step.counts) for step in first.steps] == [("a", {"done": 1}), ("b", {"done": 1})]
    assert close(begun, steps, FIRST) == first
    assert done == ["a 1", "b 1"]


def test_a_stopped_close_goes_on_after_its_finished_steps(begun: Engine) -> None:
    def stop(_: Session, __: date) -> dict[str, int]:
        raise RuntimeError("stopped")

    done: list[str] = []
    a, b, c = counting(done, "a", "b", "c")
    with pytest.raises(StepFailed, match=r"step b: stopped.*--resume"):
        close(begun, [a, Step("b", stop), c], FIRST)
    assert (done, today(begun), next_to_close(begun)) == (["a 1"], FIRST + DAY, FIRST)
    with pytest.raises(StepFailed, match=r"stopped at .* in step b: stopped"):
        close(begun, [a, b, c], FIRST)
    assert done == ["a 1"]
    run = close(begun, [a, b, c], FIRST, resume=True)
    assert done == ["a 1", "b 1", "c 1"]
    assert [step.name for step in run.steps] == ["a", "b", "c"]
    assert close(begun, [a, b, c], FIRST) == run


def test_two_closes_at_once_are_refused(begun: Engine) -> None:
    done: list[str] = []
    steps = counting(done, "a")
    with begun.connect() as other:
        assert other.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK})
        with pytest.raises(CloseRunning):
            close(begun, steps, FIRST)
        assert (done, today(begun)) == ([], FIRST)
        other.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
    close(begun, steps, FIRST)
    assert done == ["a 1"]


def test_after_a_close_its_lock_and_its_haste_are_gone(begun: Engine) -> None:
    seen: list[object] = []
    close(
        begun,
        [Step("look", lambda s, _: seen.append(s.scalar(text("SHOW synchronous_commit"))) or {}), *counting([], "b")],
        FIRST,
    )
    with begun.connect() as connection:
        seen.append(connection.scalar(text("SHOW synchronous_commit")))
        held = connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"))
    assert (seen, held) == (["off", "on"], 0)


def test_books_and_the_business_date_are_asked_for_once_and_anew_when_changed(begun: Engine) -> None:
    with unit_of_work(begun) as session:
        assert (books(session), business_date(session)) == ([], FIRST)
        savepoint = session.begin_nested()
        lost = open_book(session, BookCode("RCF-371621"), BookKind.COMPENSATION, "惠民县", "371621", None, "fund-2016")
        assert books(session) == [lost]
        savepoint.rollback()
        assert books(session) == []
        with pytest.raises(UnknownBook):
            book_named(session, lost.code)
        kept = open_book(session, BookCode("RCF-371622"), BookKind.COMPENSATION, "阳信县", "371622", None, "fund-2016")
        assert (kept.id, books(session)) == (lost.id, [kept])
    with unit_of_work(begun) as session:
        assert books(session) == [kept]
