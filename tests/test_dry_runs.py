"""Dry runs (试算): of every verb of loans, what it says is what it then books, and nothing is written by it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_replay_laws import begin_on, close, drawn, enter, failing
from test_verbs import DRAWN, TERMS, TODAY, VERBS, Verb

from ledger.books import Book, book_named
from ledger.calendar import DAY, add_months
from ledger.db import SCHEMAS
from ledger.journal import BookCode
from loans import disbursement, joint_repayment, renewal, servicing
from loans.applications.application import Application
from loans.contract import Contract
from loans.events import Disbursed, Repaid, TakenOver
from loans.queries import contracts_numbered
from registry.households import Borrower

MODULES = (servicing, disbursement, renewal, joint_repayment)
LATE = date(2017, 8, 25)


def firm(loan: Contract, session: Session, contract: str = "E1", **over: object) -> Application:
    """An enterprise's loan of 1,000,000 元 in the book of another one, asked for on the day."""
    made = Application(
        book=book_named(session, BookCode(loan.book)), contract=contract, product="FMSC", household=None, borrower="B000001",
        fen=100_000_000, rate_ppb=43_500_000, drawn_on=TODAY, maturity=add_months(TODAY, 12),
    )  # fmt: skip
    return replace(made, **over)  # type: ignore[arg-type]


def numbered(session: Session, contract: str) -> Contract:
    (found,) = contracts_numbered(session, [contract])
    return found


HEIR = Borrower(county="371621", code="B9", kind="household", household=None, name="李继承", id_masked="")
TAKEN = TakenOver(reference="in", value_date=TODAY, principal_fen=50_000_000, charged_until=date(2017, 3, 21))
OTHERS: Mapping[str, Verb] = {
    "reverse": lambda session, loan, dry: servicing.reverse(session, loan, "1", TODAY, "t", dry_run=dry),
    "undo": lambda session, loan, dry: servicing.undo(session, loan, "1", add_months(DRAWN, 1), "t", dry_run=dry),
    "undo, the whole loan": lambda session, loan, dry: servicing.undo(session, numbered(session, "E1"), "E1/disbursed", TODAY, "t", dry_run=dry),
    "advance_cost": lambda session, loan, dry: servicing.advance_cost(session, loan, "v", TODAY, 5_000, "t", dry_run=dry),
    "refund": lambda session, loan, dry: servicing.refund(session, loan, "v", TODAY, 1_000, "t", dry_run=dry),
    "write_off": lambda session, loan, dry: servicing.write_off(
        session, loan, "v", LATE, "t", dry_run=dry
    ),
    "inherit": lambda session, loan, dry: servicing.inherit(session, loan, "v", TODAY, HEIR, "t", subsidised=False, dry_run=dry),
    "disburse": lambda session, loan, dry: disbursement.disburse(session, [firm(loan, session, "E2")], "t", dry_run=dry),
    "draw_more": lambda session, loan, dry: disbursement.draw_more(
        session, book_named(session, BookCode(loan.book)), numbered(session, "E1"),
        Disbursed(reference="v", value_date=TODAY, fen=60_000_000), "t", dry_run=dry,
    ),
    "take_over": lambda session, loan, dry: disbursement.take_over(
        session, firm(loan, session, "OLD", drawn_on=date(2017, 1, 3), maturity=date(2018, 1, 3)), TAKEN, "t", dry_run=dry
    ),
    "renew": lambda session, loan, dry: renewal.renew(
        session, numbered(session, "E1"), firm(loan, session, "E2", fen=40_000_000), "v", "t", dry_run=dry
    ),
    "repay_together": lambda session, loan, dry: joint_repayment.repay_together(
        session, [(loan, False), (numbered(session, "C2"), False)], "v", TODAY, 6_000_000, "t", dry_run=dry
    ),
}  # fmt: skip


def first_part(session: Session, loan: Contract) -> None:
    disbursement.disburse(session, [firm(loan, session, first_fen=40_000_000)], "t")


def another(session: Session, loan: Contract) -> None:
    enter(session, book_named(session, BookCode(loan.book)), TERMS, drawn(TERMS, "d2"), "C2")


BEFORE: Mapping[str, Callable[[Session, Contract], object]] = {
    "undo, the whole loan": first_part, "draw_more": first_part, "renew": first_part, "repay_together": another,
    "refund": lambda session, loan: servicing.repay(
        session, [(loan, Repaid(reference="all", value_date=TODAY, fen=9_000_000))], "t"
    ),
    "write_off": lambda session, _: close(session, TODAY, LATE - DAY),
}  # fmt: skip
"""What has to have happened."""


@pytest.fixture
def loan(session: Session, city: dict[str, Book]) -> Contract:
    """A loan by the month whose first instalment was paid, on 2017-04-20."""
    begin_on(session, DRAWN)
    contract = enter(session, city["LB"], TERMS, drawn(TERMS))
    close(session, DRAWN, add_months(DRAWN, 1) - DAY)
    servicing.repay(session, [(contract, Repaid(reference="1", value_date=add_months(DRAWN, 1), fen=408_000))], "t")
    close(session, add_months(DRAWN, 1), TODAY - DAY)
    return contract


def contents(session: Session) -> dict[str, object]:
    """Return a digest of every table."""
    names = session.scalars(text(f"SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN {SCHEMAS}")).all()
    return {name: session.scalar(text(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t")) for name in names}


@pytest.mark.parametrize("name", OTHERS)
def test_a_dry_run_is_what_is_then_booked_and_writes_nothing(session: Session, loan: Contract, name: str) -> None:
    BEFORE.get(name, lambda *_: None)(session, loan)
    before = contents(session)
    tried = OTHERS[name](session, loan, True)
    assert contents(session) == before
    done = OTHERS[name](session, loan, False)
    assert tried
    assert [(b.event, b.entry, b.life) for b in tried] == [(b.event, b.entry, b.life) for b in done]
    assert contents(session) != before
    assert not failing(session)


def test_every_verb_has_a_dry_run_and_each_is_tried() -> None:
    verbs = {
        name: function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and "actor" in inspect.signature(function).parameters
    }
    verbs.pop("previews")  # a dry run itself
    assert [name for name, function in verbs.items() if "dry_run" not in inspect.signature(function).parameters] == []
    tried = {name.split(",")[0] for name in OTHERS}
    known = {"repay", "set_rates", "grant_graces", "find_misuse", "restructure", "reclassify", "extend"}
    assert len(VERBS) == 10, "those of tests/test_verbs.py, by other names"
    assert verbs.keys() == tried | known
