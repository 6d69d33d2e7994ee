"""The scheduler: of many one leads, another takes over within five seconds, missed nights and missed hours are caught up."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from conftest import open_city
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from app import cli, wiring
from app.jobs import jobs
from app.restore import require_sound
from app.scheduler import NoDatabase, Scheduler, is_due, next_time, quieten
from app.settings import SHANGHAI, Settings
from app.wiring import System
from ledger import business_day
from ledger.calendar import DAY
from ledger.db import APP_ROLE, alone, engine_as, unit_of_work
from registry.cipher import cipher_from
from scheduling.close import LOCK as CLOSE_LOCK
from scheduling.due import last_over
from scheduling.errors import LeadLost
from scheduling.job import Job, JobRun, Outcome, history, last_runs, mark_cut, run_job
from scheduling.leader import SILENCE_SECONDS, Candidate, leader

HOUR = timedelta(hours=1)
TAKE_OVER_SECONDS = 5.0
MORNING = datetime(2017, 1, 4, 8, tzinfo=SHANGHAI)


def at(*parts: int) -> datetime:
    """A moment in Chinese time."""
    return datetime(*parts, tzinfo=SHANGHAI)  # type: ignore[misc, arg-type]


def system_of(engine: Engine, folder: Path, **settings: object) -> System:
    """A system on an engine, with its files in a folder."""
    return System(engine, cipher_from(bytes(32)), Settings(FUPIN_DATA=folder, **settings))  # type: ignore[arg-type]


def doing(name: str, work: Callable[[], object], when: str = "0 0 1 1 *") -> Job:
    """A job that does something and counts it."""
    return Job(name=name, title="测试", when=when, work=lambda _: {"done": 1} if work() is None else {})


def runs_of(engine: Engine, job: str | None = None) -> list[JobRun]:
    """The recorded runs, the oldest first."""
    with unit_of_work(engine) as session:
        return history(session, job, 1000)[::-1]


@dataclass
class Fleet:
    """Schedulers, each a process of its own; what they say, with the moment and the process, is in one file."""

    url: str
    file: Path
    pids: list[int] = field(default_factory=list)

    def start(self, list_jobs: Callable[[System, Callable[[str], None]], Sequence[Job]], url: str | None = None) -> int:
        """Start a scheduler; its jobs are made from its system and its voice."""
        pid = os.fork()
        if pid:
            self.pids.append(pid)
            return pid
        tell = self._voice()
        try:
            quieten()
            system = system_of(engine_as(url or self.url, APP_ROLE), self.file.parent)
            scheduler = Scheduler(system, lambda own: list_jobs(own, tell), lambda: datetime.now(SHANGHAI), tell)
            scheduler.run(threading.Event())
        except BaseException:
            tell(repr(traceback.format_exc()[-600:]))
            raise
        finally:
            os._exit(1)

    def _voice(self) -> Callable[[str], None]:
        writing = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return lambda sentence: (os.write(writing, f"{time.monotonic()} {os.getpid()} {sentence}\n".encode()), None)[1]

    def said(self, part: str) -> list[tuple[float, int]]:
        """Return when and by which process something was said."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [(float(when), int(pid)) for when, pid, what in (line.split(" ", 2) for line in lines) if part in what]

    def wait(self, part: str, times: int = 1, seconds: float = 15) -> tuple[float, int]:
        """Wait until something was said so many times, and return the last of these."""
        deadline = time.monotonic() + seconds
        while len(found := self.said(part)) < times:
            assert time.monotonic() < deadline, f"{part} not said {times} times:\n" + self.file.read_text()
            time.sleep(0.02)
        return found[times - 1]

    def end(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.fixture
def fleet(own_engine: Engine, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(own_engine.url.render_as_string(hide_password=False), tmp_path / "said")
    yield made
    made.end()


# Who leads


def test_of_ten_schedulers_one_leads_and_its_jobs_run_once(fleet: Fleet, own_engine: Engine) -> None:
    for _ in range(10):
        fleet.start(lambda _, tell: [doing("tick", lambda: tell("ticked"))])
    fleet.wait("stands by", 10)
    _, pid = fleet.wait("ticked")
    time.sleep(1.5)
    assert fleet.said(" leads (") == [(fleet.wait(" leads (")[0], pid)]
    assert [run.outcome for run in runs_of(own_engine)] == [Outcome.DONE]
    found = leader(fleet.url)
    assert found is not None
    assert found.name.endswith(f":{pid}")


def holding(seconds: float) -> Callable[[System, Callable[[str], None]], list[Job]]:
    """A job that needs the lock of the close, writes, and commits only after a while."""

    def make(system: System, tell: Callable[[str], None]) -> list[Job]:
        def work() -> None:
            with alone(system.engine, CLOSE_LOCK) as connection:
                assert connection is not None, "the lock of the close is still held"
                with unit_of_work(connection) as session:
                    business_day.flip(session, business_day.business_date(session) + DAY)
                    tell("at work")
                    time.sleep(seconds)
                tell("committed")

        return [doing("hold", work)]

    return make


def end_session(fleet: Fleet, pid: int) -> None:
    admin = create_engine(fleet.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE :name")
        assert connection.execute(ended, {"name": f"fupin-watch %:{pid}"}).all() == [(True,)]
    admin.dispose()


def kill(_: Fleet, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def freeze(_: Fleet, pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("harm", [kill, end_session, freeze])
def test_another_takes_over_in_five_seconds_and_nothing_of_the_first_is_committed(
    fleet: Fleet, own_engine: Engine, harm: Callable[[Fleet, int], None]
) -> None:
    with unit_of_work(own_engine) as session:
        wiring.begin(session, date(2017, 1, 1))
    first = fleet.start(holding(5))
    fleet.wait("at work")
    for _ in range(2):
        fleet.start(holding(0))
    fleet.wait("stands by", 3)
    time.sleep(1.2)  # a beat in its middle
    harmed_at = time.monotonic()
    harm(fleet, first)
    taken_at, second = fleet.wait(" leads (", 2)
    assert second != first
    assert taken_at - harmed_at < TAKE_OVER_SECONDS
    assert fleet.wait("committed")[1] == second
    if harm is freeze:
        os.kill(first, signal.SIGCONT)
    if harm is not kill:
        assert fleet.wait("leads no more")[1] == first
    assert [pid for _, pid in fleet.said("committed")] == [second]
    with unit_of_work(own_engine) as session:
        assert business_day.business_date(session) == date(2017, 1, 2)
    ends = [(run.outcome, run.scheduler.endswith(f":{first}")) for run in runs_of(own_engine)]
    assert ends == [(Outcome.CUT, True), (Outcome.DONE, False)]


def relay(folder: Path, url: str) -> tuple[int, str]:
    """Start a process that hands on what goes between a scheduler and the server; return it and the address in front of it."""
    engine = create_engine(url)
    behind = f"{engine.url.query['host']}/.s.PGSQL.5432"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / ".s.PGSQL.5432"))
    listening.listen(20)
    pid = os.fork()
    if pid:
        listening.close()
        return pid, engine.url.update_query_dict({"host": str(folder)}).render_as_string(hide_password=False)
    try:
        with selectors.DefaultSelector() as ready:
            ready.register(listening, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is listening:
                        near, far = listening.accept()[0], socket.socket(socket.AF_UNIX)
                        far.connect(behind)
                        ready.register(near, selectors.EVENT_READ, far)
                        ready.register(far, selectors.EVENT_READ, near)
                    elif key.fileobj.fileno() != -1:  # type: ignore[union-attr]
                        hand_on(ready, key.fileobj, key.data)  # type: ignore[arg-type]
    finally:
        os._exit(1)


def hand_on(ready: selectors.BaseSelector, source: socket.socket, target: socket.socket) -> None:
    try:
        body = source.recv(65536)
        target.sendall(body)
    except OSError:
        body = b""
    if not body:
        for end in (source, target):
            ready.unregister(end)
            end.close()


@pytest.mark.skipif(bool(os.environ.get("FUPIN_TEST_DATABASE_URL")), reason="the relay stands before the embedded server")
def test_a_leader_that_is_cut_off_gives_up_and_another_takes_over_in_five_seconds(fleet: Fleet, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    middle, address = relay(tmp_path, fleet.url)
    fleet.pids.append(middle)

    def ask_again(system: System, tell: Callable[[str], None]) -> list[Job]:
        def work() -> None:
            while True:
                with unit_of_work(system.engine) as session:
                    session.execute(text("SELECT 1"))
                tell("worked")
                time.sleep(0.1)

        return [doing("ask", work)]

    first = fleet.start(ask_again, address)
    fleet.wait("worked")
    second = fleet.start(lambda _, tell: [doing("ask", lambda: tell("took over"))])
    fleet.wait("stands by", 2)
    time.sleep(1)
    cut_at = time.monotonic()
    os.kill(middle, signal.SIGSTOP)
    taken_at, _ = fleet.wait("took over")
    assert taken_at - cut_at < TAKE_OVER_SECONDS
    gone_at, gone = fleet.wait("leads no more")
    assert gone == first
    assert gone_at - cut_at < TAKE_OVER_SECONDS
    assert max(when for when, _ in fleet.said("worked")) < taken_at
    os.kill(middle, signal.SIGCONT)
    time.sleep(1)
    assert fleet.said("took over") == [(taken_at, second)]
    assert len(fleet.said(" leads (")) == 2


def look_on(candidate: Candidate, seconds: float = 5) -> None:
    """Look for a while: of a leader's sessions one is cut before the other."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        candidate.look()


def test_who_has_not_beaten_for_three_seconds_gets_no_session(own_engine: Engine) -> None:
    candidate = Candidate(own_engine.url, "alone:1")
    try:
        assert candidate.look()
        with candidate.working() as engine:
            with unit_of_work(engine) as session:
                assert session.scalar(text("SHOW role")) == APP_ROLE
            with engine.connect() as waiting:
                candidate._beat -= SILENCE_SECONDS
                with pytest.raises(LeadLost):
                    engine.connect()
                with pytest.raises(OperationalError):
                    waiting.execute(text("SELECT pg_sleep(20)"))
            with pytest.raises(OperationalError):
                look_on(candidate)
        with pytest.raises(LeadLost):
            engine.connect()
    finally:
        candidate.close()
    assert leader(own_engine.url) is None


def test_a_beating_leader_is_never_ended(own_engine: Engine) -> None:
    one, other = Candidate(own_engine.url, "a:1"), Candidate(own_engine.url, "b:2")
    try:
        for moment in range(16):
            assert moment % 4 or one.look()
            assert not other.look()
            time.sleep(0.25)
        one.leave()
        assert other.look()
    finally:
        one.close()
        other.close()


def test_a_scheduler_without_a_database_says_so_once_and_ends(
    own_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.scheduler.MOST_SECONDS_WITHOUT_DATABASE", 1.2)
    nowhere = engine_as(own_engine.url.update_query_dict({"host": str(tmp_path)}), APP_ROLE)
    said: list[str] = []
    with pytest.raises(NoDatabase, match="has not answered for 1 s"):
        Scheduler(system_of(nowhere, tmp_path), jobs, lambda: MORNING, said.append).run(threading.Event())
    assert [sentence.partition(":")[0] for sentence in said[1:]] == ["no session with the database (数据库连接中断)"]


# What is due


@pytest.mark.parametrize(
    ("hour", "moment", "day"),
    [
        (24, at(2017, 1, 4, 23, 59, 59), date(2017, 1, 3)),
        (24, at(2017, 1, 5, 0, 0, 0), date(2017, 1, 4)),
        (20, at(2017, 1, 4, 19, 59, 59), date(2017, 1, 3)),
        (20, at(2017, 1, 4, 20, 0, 0), date(2017, 1, 4)),
        (26, at(2017, 1, 5, 1, 59, 59), date(2017, 1, 3)),
        (26, at(2017, 1, 5, 2, 0, 0), date(2017, 1, 4)),
    ],
)
def test_a_day_is_over_at_its_closing_hour(hour: int, moment: datetime, day: date) -> None:
    assert last_over(moment, hour) == day


def close_job(system: System) -> Job:
    return next(job for job in jobs(system) if job.name == "close")


def test_three_missed_nights_are_closed_in_order_and_the_open_day_is_not(own_engine: Engine, tmp_path: Path) -> None:
    with unit_of_work(own_engine) as session:
        open_city(session)
    job = close_job(system_of(own_engine, tmp_path))
    done = [run_job(own_engine, job, "a:1", lambda: MORNING).counts for _ in range(2)]
    assert done == [{"nights": 3}, {"nights": 0}]
    with unit_of_work(own_engine) as session:
        closed = session.execute(text("SELECT business_date FROM scheduling.run ORDER BY finished_at")).scalars().all()
        assert closed == [date(2017, 1, 1), date(2017, 1, 2), date(2017, 1, 3)]
        assert business_day.business_date(session) == date(2017, 1, 4)


def test_a_clock_that_is_two_days_fast_closes_no_day_before_its_end(own_engine: Engine, tmp_path: Path) -> None:
    now = datetime.now(SHANGHAI)
    with unit_of_work(own_engine) as session:
        wiring.begin(session, now.date())
    job = close_job(system_of(own_engine, tmp_path, FUPIN_CLOSING_HOUR=36))
    assert run_job(own_engine, job, "a:1", lambda: now + 2 * DAY).counts == {"nights": 0}


def test_before_the_books_begin_there_is_nothing_to_do(own_engine: Engine, tmp_path: Path) -> None:
    for job in jobs(system_of(own_engine, tmp_path)):
        done = run_job(own_engine, job, "a:1", lambda: MORNING)
        assert (done.outcome, done.error) == (Outcome.DONE, None), job.name
        assert not any(done.counts.values())


def test_books_are_backed_up_once_they_are_begun(own_engine: Engine, tmp_path: Path) -> None:
    address = own_engine.url.render_as_string(hide_password=False)
    system = system_of(own_engine, tmp_path / "data", DATABASE_URL=address)
    *_, job = jobs(system)
    assert (job.name, run_job(own_engine, job, "a:1", lambda: MORNING).counts) == ("backup", {})
    with unit_of_work(own_engine) as session:
        wiring.begin(session, date(2017, 1, 1))
    assert run_job(own_engine, job, "a:1", lambda: MORNING).counts == {"written": 1}
    (made,) = system.settings.backups_path.iterdir()
    assert require_sound(made).business_date == date(2017, 1, 1)


def test_ten_missed_hours_are_one_run(fleet: Fleet, own_engine: Engine) -> None:
    def tick(_: System, tell: Callable[[str], None]) -> list[Job]:
        return [doing("tick", lambda: tell("ticked"), "5 * * * *"), doing("rest", lambda: tell("rested"), "5 0 1 1 *")]

    now = datetime.now(SHANGHAI)
    for job in tick(system_of(own_engine, fleet.file.parent), lambda _: None):
        run_job(own_engine, job, "earlier:1", lambda: now - 10 * HOUR)
    fleet.start(tick)
    fleet.wait("ticked")
    time.sleep(1)
    assert len(fleet.said("ticked")) == 1
    new_year = next_time(doing("rest", lambda: None, "5 0 1 1 *"), now - 10 * HOUR) <= now
    assert len(fleet.said("rested")) == new_year


def test_a_job_is_due_when_its_time_came_since_its_last_run_began(own_engine: Engine) -> None:
    job = doing("tick", lambda: None, "5 * * * *")
    done = run_job(own_engine, job, "a:1", lambda: MORNING)
    assert next_time(job, MORNING) == MORNING + timedelta(minutes=5)
    assert not is_due(job, done, MORNING + timedelta(minutes=4, seconds=59))
    assert is_due(job, done, MORNING + timedelta(minutes=5))
    assert is_due(job, None, MORNING)
    assert is_due(job, replace(done, outcome=Outcome.CUT), MORNING)


# How runs end


def test_a_job_that_fails_is_recorded_with_its_reason_and_stops_no_other(fleet: Fleet, own_engine: Engine) -> None:
    def fail() -> None:
        raise RuntimeError("the roof is leaking\nand more")

    fleet.start(lambda _, tell: [doing("bad", fail), doing("good", lambda: tell("did it"))])
    fleet.wait("did it")
    fleet.wait("good (测试) done")
    assert fleet.said("bad (测试) failed (失败): RuntimeError: the roof is leaking")
    ends = {run.job: (run.outcome, run.error) for run in runs_of(own_engine)}
    assert ends == {"bad": (Outcome.FAILED, "RuntimeError: the roof is leaking"), "good": (Outcome.DONE, None)}


def test_what_the_database_refuses_is_recorded_without_the_values_bound(own_engine: Engine) -> None:
    def refused() -> None:
        with unit_of_work(own_engine) as session:
            session.execute(text("SELECT CAST(:number AS text) FROM missing"), {"number": "371621199001011234"})

    run = run_job(own_engine, doing("bad", refused), "a:1", lambda: MORNING)
    assert run.error is not None
    assert 'relation "missing" does not exist' in run.error
    assert "371621" not in run.error


def test_runs_without_an_end_are_marked_cut_once(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        session.execute(
            text("INSERT INTO scheduling.job_run (job, scheduler, started_at) VALUES ('close', 'a:1', :now)"), {"now": MORNING}
        )
    for expected in (1, 0):
        with unit_of_work(own_engine) as session:
            assert mark_cut(session, MORNING + HOUR) == expected
    with unit_of_work(own_engine) as session:
        run = last_runs(session)["close"]
    assert (run.outcome, run.started_at.astimezone(UTC), run.finished_at) == (
        Outcome.CUT,
        MORNING.astimezone(UTC),
        MORNING + HOUR,
    )


# The commands


@pytest.fixture
def ask(own_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command in this process, and return what it says."""
    monkeypatch.setenv("DATABASE_URL", own_engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("FUPIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "250")

    def asked(*arguments: str, code: int = 0) -> str:
        found = CliRunner().invoke(cli.app, arguments)
        assert found.exit_code == code, found.output
        return found.output

    return asked


def test_the_scheduler_runs_its_jobs_and_the_jobs_are_shown(own_engine: Engine, tmp_path: Path, ask: Callable[..., str]) -> None:
    yesterday = datetime.now(SHANGHAI).date() - DAY
    with unit_of_work(own_engine) as session:
        open_city(session, yesterday - DAY)
    assert "no scheduler leads (无主控)" in ask("jobs")
    program = Path(sys.executable).parent / "fupin"
    running = subprocess.Popen([program, "scheduler"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while {run.job for run in runs_of(own_engine) if run.outcome} != {
            job.name for job in jobs(system_of(own_engine, tmp_path))
        }:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        shown = ask("jobs")
        assert f":{running.pid} leads (主控)" in shown
        assert "nights 2" in shown  # the table may be narrow
        listed = ask("jobs", "--history", "--job", "close")
        assert "1 runs (运行记录)" in listed
        assert '"next"' in ask("jobs", "--json")
        assert "there are close, seal" in ask("jobs", "--history", "--job", "dance", code=2).replace("\n", " ")
    finally:
        running.terminate()
        said, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "close (日终) done (完成): nights 2" in said
    assert "Traceback" not in err
    with unit_of_work(own_engine) as session:
        assert business_day.business_date(session) == yesterday + DAY


def test_a_closing_hour_that_is_none_is_refused_in_a_sentence(
    ask: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUPIN_CLOSING_HOUR", "late")
    monkeypatch.setattr(sys, "argv", ["fupin", "jobs"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert "FUPIN_CLOSING_HOUR can't be 'late' (设置有误)" in capsys.readouterr().err
