"""Chaos, in short: a city's fortnight under every fault that an ordinary user can make, held against one that was never disturbed."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from random import Random, SystemRandom

import pytest
from sqlalchemy.exc import InternalError

from app import cli
from benchmarks import faults
from benchmarks.chaos import as_it_is, in_peace, survive_poison
from benchmarks.faults import FAULTS, STEPS, Blow
from benchmarks.folder import reachable_folder
from benchmarks.fortnight import STOPS, Place, close_in_peace, closed, live, place
from benchmarks.records import Records, harm
from ledger.server import DATABASE

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the embedded server is not used here", allow_module_level=True)

SEED = int(os.environ.get("FUPIN_CHAOS_SEED") or SystemRandom().randrange(10**6))
STRIKES = [fault.strike for fault in FAULTS if not fault.small_disk and fault.strike is not faults.schedulers_clock_jumps]


@pytest.fixture(scope="module")
def city() -> Iterator[Place]:
    with reachable_folder() as folder, place(folder) as made:
        yield made


@pytest.fixture(scope="module")
def peace(city: Place) -> tuple[Counter[str], Records]:
    return in_peace(city)


def test_a_fortnight_under_every_fault_leaves_the_books_of_one_in_peace(city: Place, peace: tuple[Counter[str], Records]) -> None:
    luck, struck = Random(SEED), Counter[str]()
    order = luck.sample(STRIKES, len(STRIKES)) * 2

    def close(through: date) -> None:
        for _ in range(4):
            if closed(city, through):
                break
            strike = order.pop()
            struck[strike.__name__] += strike(Blow(at=city, through=through, number=luck.randrange(60), luck=luck))
            order.insert(0, strike)
        close_in_peace(city, through)

    live(city, close)
    assert not harm(peace[1], as_it_is(city)[1]), f"seed {SEED}: {struck}"
    assert struck.total() >= len(STOPS), f"seed {SEED}: {struck}"


def test_a_scheduler_whose_clock_jumps_closes_no_day_before_its_end(city: Place, peace: tuple[Counter[str], Records]) -> None:
    luck = Random(SEED)
    live(
        city,
        lambda through: faults.schedulers_clock_jumps(Blow(at=city, through=through, number=luck.randrange(2), luck=luck)),
    )
    assert not harm(peace[1], as_it_is(city)[1]), f"seed {SEED}"


def test_a_poisoned_loan_is_set_aside_and_misses_nothing(city: Place, peace: tuple[Counter[str], Records]) -> None:
    done = survive_poison(city, peace, 1, Random(SEED))
    assert not done.harm, f"seed {SEED}: {done.harm}"


def test_a_lost_answer_leaves_its_step_done_once(city: Place) -> None:
    """The commit of the night's last step came through though nobody heard of it: the night is closed, and shows no failure."""
    city.renew()
    last = STEPS.index("seal")
    assert faults.answer_lost(Blow(at=city, through=STOPS[0], number=last, luck=Random(SEED)))
    close_in_peace(city, STOPS[0])
    assert closed(city, STOPS[0])
    asked = "SELECT count(*) FROM scheduling.step GROUP BY business_date"
    assert {row[0] for row in city.ask(asked, within=DATABASE)} == {len(STEPS)}


def test_an_error_inside_the_server_becomes_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise InternalError("COMMIT", {}, Exception("could not write to log file"))

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "could not write to log file" in capsys.readouterr().err


def test_what_is_lost_doubled_or_other_is_told(peace: tuple[Counter[str], Records]) -> None:
    _, whole = peace
    row = next(iter(whole.rows["loans.charge"]))
    lost = {**whole.rows, "loans.charge": whole.rows["loans.charge"] - Counter([row])}
    doubled = {**whole.rows, "loans.charge": whole.rows["loans.charge"] + Counter([row])}
    other = {**whole.exports, "csv": whole.exports["csv"][:-1] + b"?"}
    assert harm(whole, replace(whole, rows=lost)).lost == 1
    assert harm(whole, replace(whole, rows=doubled)).doubled == 1
    assert harm(whole, replace(whole, exports=other)).differing == 1
    assert harm(whole, replace(whole, broken=("a tie",)))
    assert not harm(whole, whole)
