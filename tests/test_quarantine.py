"""Quarantine (隔离): a loan whose data break the night is set aside, the night goes on, and the loan misses nothing for good."""

import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from conftest import open_city
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from test_loan_life import bullet_loan, close_nights, failing

from app import wiring
from ledger.books import Book
from ledger.business_day import flip
from ledger.calendar import DAY
from loans.contract import Contract, terms_to_json
from loans.errors import LoanUnreadable, NoReferenceRate, StillBroken, UnexplainedDifference
from loans.events import Repaid
from loans.quarantine import setting_aside
from loans.quarantine.catching_up import catch_up
from loans.quarantine.frozen import frozen_fen
from loans.quarantine.queries import set_aside_now
from loans.queries import contracts
from loans.servicing import repay

TABLES = ("stream", "charge", "instalment", "charged_until", "standing")
SICK = "C4"
START = date(2017, 3, 12)
END = date(2017, 4, 12)


@pytest.fixture
def city(session: Session) -> dict[str, Book]:
    """One county's books, begun a week before a settlement."""
    return open_city(session, START)


class _Over(Exception):
    """Ends a run whose traces are rolled back."""


def portfolio(session: Session, lb: Book) -> dict[str, Contract]:
    """Seven loans: two fall due on 1 April and stay unpaid, one of them the sick one; the others run on."""
    made = {
        f"C{n}": bullet_loan(
            session, lb, date(2016, 4, 1) if n in (2, 4) else date(2016, 9 + n % 4, n), 1_000_000 * n + 7, name=f"C{n}",
            gov_ppb=n % 2 * 10_000_000,
        )
        for n in range(1, 8)
    }  # fmt: skip
    flip(session, START)
    return made


def as_owner(session: Session, statement: str, **values: object) -> None:
    session.connection().exec_driver_sql("SET LOCAL ROLE fupin_owner")
    session.execute(text(statement), values)
    session.connection().exec_driver_sql("SET LOCAL ROLE fupin_app")


def of_loans(session: Session, lb: Book) -> dict[str, Counter[tuple[Any, ...]]]:
    """All that is derived of each loan and known now, by contract."""
    found: dict[str, Counter[tuple[Any, ...]]] = {}
    for table in TABLES:
        for row in session.execute(
            text(
                f"SELECT l.contract, to_jsonb(t) - '{{id,loan_id,book_id,known_from_seq,known_to_seq}}'::text[] AS body FROM loans.{table} t "
                "JOIN loans.loan l ON l.book_id = t.book_id AND l.id = t.loan_id WHERE t.known_to_seq IS NULL AND t.book_id = :book"
            ),
            {"book": lb.id},
        ):
            found.setdefault(row.contract, Counter())[(table, tuple(sorted((k, str(v)) for k, v in row.body.items())))] += 1
    return found


def of_books(session: Session) -> dict[tuple[Any, ...], int]:
    """Every balance by account and dimensions."""
    rows = session.execute(
        text(
            "SELECT book_id, account, county, bank, product, kind, payer, sum(CASE side WHEN 'D' THEN fen ELSE -fen END)::bigint "
            "FROM ledger.posting GROUP BY 1, 2, 3, 4, 5, 6, 7"
        )
    )
    return {tuple(row[:-1]): row[-1] for row in rows if row[-1]}


def accrued_fen(session: Session) -> int:
    """What stands on 1132.09 and 9201."""
    return sum(fen for key, fen in of_books(session).items() if key[1] in ("1132.09", "9201"))


def undisturbed(
    session: Session, lb: Book, through: date
) -> tuple[dict[str, Counter[tuple[Any, ...]]], dict[tuple[Any, ...], int]]:
    """What the loans and the books are once nights were closed on which nothing was wrong; then all of it is forgotten."""
    made: list[Any] = []
    with suppress(_Over), session.begin_nested():
        portfolio(session, lb)
        close_nights(session, START, through, whole=True)
        assert not failing(session)
        made += [of_loans(session, lb), of_books(session)]
        raise _Over
    return made[0], made[1]


def unknown_day_count(session: Session, sick: Contract) -> None:
    as_owner(session, "UPDATE loans.stream SET day_count = 'lunar' WHERE loan_id = :id AND known_to_seq IS NULL", id=sick.id)


def overflow(session: Session, sick: Contract) -> None:
    as_owner(
        session, "UPDATE loans.stream SET base_fen = 9000000000000000000 WHERE loan_id = :id AND known_to_seq IS NULL", id=sick.id
    )


def spoilt_terms(session: Session, sick: Contract) -> None:
    as_owner(session, "UPDATE loans.loan SET terms = terms - 'method' || '{\"flat\": 7}' WHERE id = :id", id=sick.id)


def mend_terms(session: Session, sick: Contract) -> None:
    as_owner(
        session,
        "UPDATE loans.loan SET terms = CAST(:terms AS jsonb) WHERE id = :id",
        id=sick.id,
        terms=json.dumps(terms_to_json(sick.terms)),
    )


CASES = [
    pytest.param(unknown_day_count, date(2017, 3, 14), "accrue", id="a stream's day count, on an ordinary night"),
    pytest.param(unknown_day_count, date(2017, 3, 20), "settle", id="a stream's day count, on a settlement night"),
    pytest.param(overflow, date(2017, 3, 27), "accrue", id="a base too large"),
    pytest.param(spoilt_terms, date(2017, 4, 1), "age", id="terms that are none, on the night it falls overdue"),
]


@pytest.mark.parametrize(("poison", "day", "step"), CASES)
def test_a_broken_loan_is_set_aside_and_once_released_has_missed_nothing(
    session: Session, city: dict[str, Book], poison: Callable[[Session, Contract], None], day: date, step: str
) -> None:
    lb = city["LB"]
    on_the_day, _ = undisturbed(session, lb, day + 2 * DAY)
    at_the_end, books_at_the_end = undisturbed(session, lb, END)
    loans = portfolio(session, lb)
    close_nights(session, START, day - DAY, whole=True)
    sick = loans[SICK]
    poison(session, sick)
    close_nights(session, day, day + 2 * DAY, whole=True)
    (aside,) = set_aside_now(session)
    assert (aside.contract, aside.since, aside.step) == (SICK, day, step)
    assert frozen_fen(session, aside) > 0
    others = {name: rows for name, rows in of_loans(session, lb).items() if name != SICK}
    assert others == {name: rows for name, rows in on_the_day.items() if name != SICK}
    assert not failing(session), "every tie holds with the loan in quarantine"
    close_nights(session, day + 3 * DAY, date(2017, 4, 8), whole=True)
    mend_terms(session, sick)
    catch_up(session, set_aside_now(session), "t")
    assert not set_aside_now(session)
    assert not failing(session)
    close_nights(session, date(2017, 4, 9), END, whole=True)
    assert of_loans(session, lb) == at_the_end
    assert of_books(session) == books_at_the_end
    assert not failing(session)


def test_three_sick_loans_of_a_night_are_found_whatever_ails_them(session: Session, city: dict[str, Book]) -> None:
    lb = city["LB"]
    at_the_end, books_at_the_end = undisturbed(session, lb, END)
    loans = portfolio(session, lb)
    close_nights(session, START, date(2017, 3, 21), whole=True)
    unknown_day_count(session, loans["C1"])
    overflow(session, loans["C6"])
    unknown_day_count(session, loans["C7"])
    close_nights(session, date(2017, 3, 22), date(2017, 3, 31), whole=True)
    assert {one.contract for one in set_aside_now(session)} == {"C1", "C6", "C7"}
    assert not failing(session)
    catch_up(session, [one for one in set_aside_now(session) if one.contract == "C6"], "t")
    close_nights(session, date(2017, 4, 1), date(2017, 4, 3), whole=True)
    assert not failing(session)
    catch_up(session, set_aside_now(session), "t")
    close_nights(session, date(2017, 4, 4), END, whole=True)
    assert (of_loans(session, lb), of_books(session)) == (at_the_end, books_at_the_end)
    assert not failing(session)


def test_a_write_to_a_loan_that_is_behind_brings_it_up_to_date_first(session: Session, city: dict[str, Book]) -> None:
    lb, paid_on = city["LB"], date(2017, 4, 4)
    payment = Repaid(reference="r", value_date=paid_on, fen=300_000)
    made: list[Any] = []
    with suppress(_Over), session.begin_nested():
        loans = portfolio(session, lb)
        close_nights(session, START, paid_on - DAY, whole=True)
        repay(session, [(loans[SICK], payment)], "t")
        close_nights(session, paid_on, END, whole=True)
        made += [of_loans(session, lb), of_books(session)]
        raise _Over
    loans = portfolio(session, lb)
    close_nights(session, START, date(2017, 3, 22), whole=True)
    unknown_day_count(session, loans[SICK])
    close_nights(session, date(2017, 3, 23), paid_on - DAY, whole=True)
    assert [one.contract for one in set_aside_now(session)] == [SICK]
    (foreseen,) = repay(session, [(loans[SICK], payment)], "t", dry_run=True)
    assert [one.contract for one in set_aside_now(session)] == [SICK], "a dry run releases nothing"
    (booked,) = repay(session, [(loans[SICK], payment)], "t")
    assert (foreseen.entry, foreseen.life) == (booked.entry, booked.life)
    assert not set_aside_now(session)
    close_nights(session, paid_on, END, whole=True)
    assert [of_loans(session, lb), of_books(session)] == made
    assert not failing(session)


def test_a_write_to_a_loan_that_stays_broken_is_refused_and_leaves_no_trace(session: Session, city: dict[str, Book]) -> None:
    loans = portfolio(session, city["LB"])
    close_nights(session, START, date(2017, 3, 31), whole=True)
    spoilt_terms(session, loans[SICK])
    close_nights(session, date(2017, 4, 1), date(2017, 4, 2), whole=True)
    before = of_books(session)
    payment = Repaid(reference="r", value_date=date(2017, 4, 3), fen=100)
    with pytest.raises(StillBroken, match=r"C4 自 2017-04-01 日终起隔离，尚不能补齐.*条款数据已损坏"), session.begin_nested():
        repay(session, [(loans[SICK], payment)], "t")
    with pytest.raises(LoanUnreadable, match="借据 C4 的条款数据已损坏"):
        contracts(session, [loans[SICK].key])
    assert of_books(session) == before
    assert [one.contract for one in set_aside_now(session)] == [SICK]
    repay(session, [(loans["C5"], payment)], "t")


def test_a_loan_repaired_to_something_else_than_what_is_booked_is_not_released(session: Session, city: dict[str, Book]) -> None:
    loans = portfolio(session, city["LB"])
    close_nights(session, START, date(2017, 3, 24), whole=True)
    unknown_day_count(session, loans[SICK])
    close_nights(session, date(2017, 3, 25), date(2017, 3, 26), whole=True)
    as_owner(
        session,
        "UPDATE loans.loan SET terms = jsonb_set(terms, '{rates,0,rate_ppb}', '99000000') WHERE id = :id",
        id=loans[SICK].id,
    )
    with pytest.raises(StillBroken, match="结息与隔离前已入账的不一致"):
        catch_up(session, set_aside_now(session), "t")


def test_what_is_frozen_stays_no_more_and_no_less(session: Session, city: dict[str, Book]) -> None:
    """Only the sick loan has interest, so what stands there is its own, night after night, over the month's end."""
    lb = city["LB"]
    sick = bullet_loan(session, lb, date(2016, 12, 25), 5_000_000)
    close_nights(session, START, date(2017, 3, 24), whole=True)
    held = accrued_fen(session)
    assert held == 2_417 + 25, "4 days of 50,000 at 4.35 % since the settlement, and of the unpaid 519.58"
    unknown_day_count(session, sick)
    close_nights(session, date(2017, 3, 25), date(2017, 4, 2), whole=True)
    assert accrued_fen(session) == held
    (aside,) = set_aside_now(session)
    assert frozen_fen(session, aside) == held
    assert not failing(session)


def test_what_is_no_loans_fault_sets_nobody_aside(session: Session, city: dict[str, Book]) -> None:
    portfolio(session, city["LB"])
    for refusal in (
        OperationalError("select", {}, Exception("canceling statement due to lock timeout")),
        UnexplainedDifference("LB", "x", "y", 1, 2),
        NoReferenceRate("LPR", START, 12),
        RuntimeError("a control account differs"),
        KeyError("broken whichever loan is left out"),
    ):

        def stop(_: Session, __: date, refusal: Exception = refusal) -> dict[str, int]:
            raise refusal

        with pytest.raises(type(refusal)):
            setting_aside.work_without_broken(session, "age", START, stop)
        assert not set_aside_now(session)


def test_the_culprit_is_found_in_few_tries(session: Session, city: dict[str, Book]) -> None:
    lb, tries = city["LB"], []
    loans = [bullet_loan(session, lb, date(2016, 12, 1), 100, name=f"T{n}") for n in range(33)]

    def work(inner: Session, _: date) -> dict[str, int]:
        tries.append(1)
        left = {one.key for one in loans} - {one.key for one in set_aside_now(inner)}
        if loans[20].key in left:
            raise ValueError("T20 it is")
        return {"left": len(left)}

    assert setting_aside.work_without_broken(session, "age", START, work) == {"left": 32, "set_aside": 1}
    (aside,) = set_aside_now(session)
    assert (aside.contract, "T20 it is" in aside.error) == ("T20", True)
    assert len(tries) <= 10


def test_every_step_writes_under_the_references_that_it_is_registered_with(session: Session, city: dict[str, Book]) -> None:
    """A voucher of the night is traced to its step by its reference, and a night run twice finds it there."""
    steps = wiring.night_steps()
    assert len({step.name for step in steps}) == len(steps)
    assert all(step.title for step in steps)
    portfolio(session, city["LB"])
    seen = 0
    for day in (START + n * DAY for n in range(32)):
        flip(session, day + DAY)
        for step in steps:
            last = session.scalar(text("SELECT max(booked_at) FROM ledger.journal_entry"))
            counts = step.work(session, day)
            made = session.scalars(
                text("SELECT reference FROM ledger.journal_entry WHERE booked_at > :last"), {"last": last}
            ).all()
            patterns = [re.escape(one.replace("<date>", str(day))) for one in step.writes]
            patterns = [re.sub(r"<\w+>", ".+", one) for one in patterns]
            assert all(any(re.fullmatch(p, name) for p in patterns) for name in made), (step.name, made)
            assert {*step.takes, *step.explains} <= counts.keys() | {"set_aside"}
            seen += len(made)
    assert seen > 32
