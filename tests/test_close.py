"""The close: one at a time, in order, step by step, and on after a stop."""

from datetime import date

import pytest
from conftest import fresh_database
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import wiring
from app.migrate import migrate
from benchmarks import portfolio
from ledger.books import BookKind, book_named, books, open_book
from ledger.business_day import business_date, peek
from ledger.calendar import DAY
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.errors import UnknownBook
from ledger.journal import BookCode
from ledger.queries import entries
from scheduling import failure
from scheduling.close import LOCK, Step, close, close_through, left_unfinished, next_to_close
from scheduling.errors import CloseRunning, DaySkipped, NothingToResume, StepFailed, StepsChanged
from scheduling.progress import RunProgress, progress

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


def failing(name: str, error: Exception) -> Step:
    """A step that fails."""

    def stop(_: Session, __: date) -> dict[str, int]:
        raise error

    return Step(name, stop, "某步")


def seen(engine: Engine, steps: list[Step]) -> RunProgress | None:
    """Where the run is, as others see it."""
    with unit_of_work(engine) as session:
        return progress(session, steps)


def test_a_failure_is_recorded_with_its_reason_and_shown_until_somebody_resumes(begun: Engine) -> None:
    a, b, c = counting([], "a", "b", "c")
    bad = [a, failing("b", KeyError("x")), c]
    assert seen(begun, bad) is None
    with pytest.raises(NothingToResume):
        left_unfinished(begun)
    with pytest.raises(StepFailed) as refusal:
        close(begun, bad, FIRST)
    assert (refusal.value.step, refusal.value.reason) == ("b 某步", "KeyError: 'x'")
    found = seen(begun, bad)
    assert found is not None
    assert (found.stage, left_unfinished(begun)) == ("failed", FIRST)
    assert [(one.step.name, one.stage) for one in found.steps] == [("a", "done"), ("b", "failed"), ("c", "pending")]
    assert (found.steps[0].counts, found.steps[1].reason) == ({"done": 1}, "KeyError: 'x'")
    with pytest.raises(StepFailed):
        close(begun, bad, FIRST, resume=True)
    close(begun, [a, b, c], FIRST, resume=True)
    found = seen(begun, bad)
    assert found is not None
    assert (found.stage, found.failure, {one.stage.value for one in found.steps}) == ("done", None, {"done"})


def test_a_passing_fault_needs_nobody_to_say_go_on(begun: Engine) -> None:
    a, b = counting([], "a", "b")
    timeout = OperationalError("select 1", {}, Exception("canceling statement due to statement timeout"))
    with pytest.raises(StepFailed, match=r"due to statement timeout.*run 'fupin close' again"):
        close(begun, [failing("a", timeout), b], FIRST)
    assert [one.name for one in close(begun, [a, b], FIRST).steps] == ["a", "b"]


def test_a_lost_connection_is_recorded_on_another_and_its_lock_is_free(begun: Engine) -> None:
    def cut(session: Session, _: date) -> dict[str, int]:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        admin = create_engine(begun.url)
        with admin.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        admin.dispose()
        session.execute(text("SELECT 1"))
        return {}

    a, b = counting([], "a", "b")
    with pytest.raises(StepFailed, match="step b"):
        close(begun, [a, Step("b", cut)], FIRST)
    with unit_of_work(begun) as session:
        recorded = failure.open_failure(session, FIRST)
    assert recorded is not None
    assert (recorded.name, recorded.passing) == ("b", True)
    assert [one.name for one in close(begun, [a, b], FIRST).steps] == ["a", "b"]


def test_others_see_a_run_as_running_while_it_does_and_as_cut_when_its_process_is_gone(begun: Engine) -> None:
    stages: list[object] = []

    def look(_: Session, __: date) -> dict[str, int]:
        found = seen(begun, steps)
        assert found is not None
        stages.append([one.stage.value for one in found.steps])
        if len(stages) == 1:
            raise KeyboardInterrupt
        return {}

    a, c = counting([], "a", "c")
    steps = [a, Step("look", look), c]
    with pytest.raises(KeyboardInterrupt):
        close(begun, steps, FIRST)
    found = seen(begun, steps)
    assert found is not None
    stages.append([one.stage.value for one in found.steps])
    close(begun, steps, FIRST)
    assert stages == [["done", "running", "pending"], ["done", "cut", "pending"], ["done", "running", "pending"]]


def test_a_run_is_finished_with_the_steps_with_which_it_was_begun(begun: Engine) -> None:
    a, b, c = counting([], "a", "b", "c")
    with pytest.raises(StepFailed):
        close(begun, [a, failing("b", KeyError("x"))], FIRST)
    with pytest.raises(StepsChanged, match="begun with the steps a,"):
        close(begun, [c, a, b], FIRST, resume=True)
    close(begun, [a, b], FIRST, resume=True)


def test_a_measured_step_tells_time_and_rows(begun: Engine) -> None:
    def work(session: Session, _: date) -> dict[str, int]:
        session.execute(
            text(
                "INSERT INTO ledger.audit (actor, action, subject, details) SELECT 'a', 'b', 'c', '{}' FROM generate_series(1, 7)"
            )
        )
        session.execute(text("SELECT pg_sleep(0.05)"))
        return {}

    (one,) = close(begun, [Step("a", work)], FIRST, measure=True).steps
    assert one.cost is not None
    assert one.cost.rows_written == 7
    assert 50_000 <= one.cost.database_microseconds <= one.cost.microseconds
    with begun.connect() as connection:
        assert type(connection.connection.dbapi_connection.cursor()).__name__ != "Timed"  # type: ignore[union-attr]


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


def test_after_missed_nights_the_books_are_those_of_never_having_missed_one(server_url: str, own_engine: Engine) -> None:
    """Entry by entry, over a settlement, a day on which a fifth of the loans is due and nobody pays, and a year's end."""
    other = fresh_database(server_url, "nightly")
    migrate(other)
    nightly = engine_as(other, APP_ROLE)
    steps, last = wiring.night_steps(), date(2019, 1, 2)
    for engine, address in ((own_engine, own_engine.url.render_as_string(hide_password=False)), (nightly, other)):
        portfolio.lend(engine, address, portfolio.Country(1, 2), 200)
    day = portfolio.FIRST
    while day <= last:
        close(nightly, steps, day)
        day += DAY
    rested = []

    def rests(session: Session, closing: date) -> bool:
        if found := wiring.night_rests(session, closing):
            rested.append(closing)
        return found

    assert sum(1 for _ in close_through(own_engine, steps, last, rests=rests)) == (last - portfolio.FIRST).days + 1
    assert rested
    written = []
    for engine in (own_engine, nightly):
        with unit_of_work(engine) as session:
            written.append([[stored.entry for stored in entries(session, book.id)] for book in books(session)])
    nightly.dispose()
    assert written[0] == written[1]
    assert sum(map(len, written[0])) > 40
