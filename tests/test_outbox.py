"""The outbox and the reminders: each paper is written once, one that fails is tried again, what waits is seen until settled."""

from datetime import date, datetime
from pathlib import Path

import pytest
from browser import browser
from conftest import open_city
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from test_loan_life import bullet_loan
from test_reconciliation import begin_account, book, lines, statement, take

from app import outbox
from app.access.roles import Role
from app.issuing import files as paper_files
from app.jobs import jobs
from app.outbox import MONTH, SETTLEMENT, PapersFailed, Period, open_papers, periods
from app.reminders import month_to_reconcile, open_reminders, remind
from app.settings import SHANGHAI, Settings
from app.wiring import System, night_steps
from ledger.banking import matching, sheets
from ledger.books import Book
from ledger.business_day import flip
from ledger.calendar import DAY
from ledger.db import OWNER_ROLE, engine_as, unit_of_work
from registry.cipher import Cipher
from registry.households import add_borrowers
from registry.identity import id_check_digit
from scheduling.due import close_due
from statements.errors import MissingGlyph

BEGUN = date(2017, 1, 25)
STEM = "37162119900101123"
PERSON = ("household", STEM + id_check_digit(STEM), "张三", None)


@pytest.fixture
def lent(own_engine: Engine, cipher: Cipher, tmp_path: Path) -> System:
    """A city that began and lent one loan on 2017-01-25, and has closed January."""
    with unit_of_work(own_engine) as session:
        city = open_city(session, BEGUN)
        add_borrowers(session, cipher, "371621", [PERSON])
    owner = engine_as(own_engine.url, OWNER_ROLE)
    with unit_of_work(owner) as session:
        session.execute(text("UPDATE registry.borrower SET code = 'B1'"))  # as the loan made by hand calls its borrower
    owner.dispose()
    with unit_of_work(own_engine) as session:
        bullet_loan(session, city["LB"], BEGUN, 5_000_000)
        flip(session, BEGUN)
    close_due(own_engine, night_steps(), date(2017, 2, 1))
    return System(own_engine, cipher, Settings(FUPIN_DATA=tmp_path))  # type: ignore[call-arg]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def listed(system: System) -> list[tuple[object, ...]]:
    with unit_of_work(system.engine) as session:
        rows = session.execute(text("SELECT kind, last_day, attempts, outcome FROM app.outgoing_paper ORDER BY last_day"))
        return [tuple(row) for row in rows]


JANUARY = "2017-01/DZ-HMRCB-20170101-20170131.pdf"


def test_a_paper_is_written_once_and_never_again(lent: System, tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    assert outbox.state_periods(lent, folder) == {"listed": 2, "written": 2}
    assert files(folder) == [JANUARY]
    assert (folder / JANUARY).read_bytes().startswith(b"%PDF")
    assert listed(lent) == [(SETTLEMENT, date(2016, 12, 20), 1, "nothing"), (MONTH, date(2017, 1, 31), 1, "written")]
    (folder / JANUARY).unlink()
    assert outbox.state_periods(lent, folder) == {"listed": 0, "written": 0}
    assert outbox.retry(lent, folder) == {"written": 0}
    assert files(folder) == [], "who took it away has it"


def test_a_paper_that_fails_is_tried_again_until_it_is_written(lent: System, tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    (folder / "2017-01").write_text("in the way")
    with pytest.raises(PapersFailed, match=r"1 papers not written.*HMRCB 2017-01-01～2017-01-31"):
        outbox.state_periods(lent, folder)
    assert outbox.state_periods(lent, folder) == {"listed": 0, "written": 0}, "what failed is left to the retry"
    with pytest.raises(PapersFailed):
        outbox.retry(lent, folder)
    with unit_of_work(lent.engine) as session:
        (waiting,) = open_papers(session)
    assert (waiting.bank, waiting.attempts) == ("HMRCB", 2)
    assert waiting.error
    (folder / "2017-01").unlink()
    assert outbox.retry(lent, folder) == {"written": 1}
    assert listed(lent)[-1] == (MONTH, date(2017, 1, 31), 3, "written")
    assert files(folder) == [JANUARY]


def test_one_banks_paper_holds_up_no_other(lent: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with unit_of_work(lent.engine) as session:
        session.execute(
            text(
                "INSERT INTO app.outgoing_paper (bank, first_day, last_day, kind) VALUES ('AAA', '2017-01-01', '2017-01-31', 'month')"
            )
        )
    write = paper_files.write_statement

    def refuse(system: System, bank: str, first: date, last: date, folder: Path) -> Path:
        if bank == "AAA":
            raise MissingGlyph("𓀀", "张𓀀")
        return write(system, bank, first, last, folder)

    monkeypatch.setattr(paper_files, "write_statement", refuse)
    close_due(lent.engine, night_steps(), date(2017, 2, 28))
    with pytest.raises(PapersFailed, match=r"AAA.*字体中没有"):
        outbox.state_periods(lent, tmp_path / "outbox")
    assert files(tmp_path / "outbox") == ["2017-02/DZ-HMRCB-20170201-20170228.pdf"]


def test_after_a_long_stop_no_period_is_missing(lent: System, tmp_path: Path) -> None:
    outbox.state_periods(lent, tmp_path / "outbox")
    close_due(lent.engine, night_steps(), date(2017, 4, 2))
    outbox.state_periods(lent, tmp_path / "outbox")
    assert [path[:7] for path in files(tmp_path / "outbox")] == ["2017-01", "2017-02", "2017-03", "2017-03"]


def test_papers_are_made_on_working_days_only_and_a_saturday_may_be_one(lent: System) -> None:
    """2017-02-04 is a Saturday on which banks worked for a day of the Spring Festival (调休), which ended on the 2nd."""
    job = next(one for one in jobs(lent) if one.name == "statements")
    found = [bool(job.work(datetime(2017, 2, day, 9, tzinfo=SHANGHAI))) for day in range(1, 8)]
    assert found == [False, False, True, True, False, True, True]


@given(st.dates(date(2010, 1, 1), date(2040, 1, 1)), st.integers(0, 800))
def test_periods_follow_each_other_without_gap_or_overlap(start: date, length: int) -> None:
    for kind in (MONTH, SETTLEMENT):
        found = list(periods(kind, start, start + length * DAY))
        assert [one.first for one in found[1:]] == [one.last + DAY for one in found[:-1]]
        assert all(start < one.last <= start + length * DAY and one.first <= one.last for one in found)
        assert kind == SETTLEMENT or all((one.last + DAY).day == one.first.day == 1 for one in found)


def test_a_quarter_is_settled_on_the_twentieth() -> None:
    assert list(periods(SETTLEMENT, date(2017, 1, 1), date(2017, 3, 20))) == [
        Period(SETTLEMENT, date(2016, 12, 21), date(2017, 3, 20))
    ]


# Reminders


def test_a_month_is_to_be_reconciled_after_five_working_days() -> None:
    """January 2017 ends in the Spring Festival: the 3rd, 4th (调休), 6th, 7th and 8th of February are the five."""
    assert month_to_reconcile(date(2017, 2, 7)) == date(2016, 12, 31)
    assert month_to_reconcile(date(2017, 2, 8)) == date(2017, 1, 31)
    assert month_to_reconcile(date(2017, 2, 28)) == date(2017, 1, 31)


def test_what_waits_is_seen_until_it_is_settled(session: Session, city: dict[str, Book]) -> None:
    account = begin_account(session, city["RCF"], date(2017, 8, 1))
    posting = book(session, "fund/GS0001", date(2017, 3, 1), 100)
    assert remind(session, date(2017, 4, 10)) == {"open": 1, "raised": 1, "settled": 0}
    assert remind(session, date(2017, 4, 11)) == {"open": 1, "raised": 0, "settled": 0}
    (unreconciled,) = open_reminders(session)
    assert (unreconciled.book, unreconciled.raised_on) == ("RCF-371621", date(2017, 4, 10))
    assert unreconciled.sentence == "专户 HMRCB 截至 2017-03-31 未对平：缺少截至 2017-03-31 的对账单"
    take(session, account, statement(date(2017, 3, 1), date(2017, 5, 31), 0))
    sheets.make(session, account, date(2017, 4, 30), "出纳")
    sheets.check(session, account, date(2017, 4, 30), "会计")
    assert remind(session, date(2017, 5, 30)) == {"open": 0, "raised": 0, "settled": 1}
    assert remind(session, date(2017, 5, 31)) == {"open": 1, "raised": 1, "settled": 0}
    (late,) = open_reminders(session)
    assert late.sentence == "专户 HMRCB：未达账项 1 笔超过 90 天，合计 1.00 元，最早 2017-03-01"
    number = take(session, account, statement(date(2017, 6, 1), date(2017, 6, 2), 0, *lines((date(2017, 6, 1), 100))))
    matching.match(session, account, [posting], [(number, 1)], "", "出纳")
    assert remind(session, date(2017, 6, 2)) == {"open": 0, "raised": 0, "settled": 1}
    assert open_reminders(session) == []
    kept = session.execute(text("SELECT kind, raised_on, settled_on FROM app.reminder ORDER BY raised_on")).all()
    assert [tuple(row) for row in kept] == [
        ("unreconciled", date(2017, 4, 10), date(2017, 5, 30)),
        ("overdue-items", date(2017, 5, 31), date(2017, 6, 2)),
    ]


def test_staff_see_on_the_first_page_what_waits(own_engine: Engine, cipher: Cipher, tmp_path: Path) -> None:
    client = browser(System(own_engine, cipher, Settings(FUPIN_DATA=tmp_path)), Role.OFFICE_CLERK)  # type: ignore[call-arg]
    assert "对账提醒" not in client.get("/").text
    with unit_of_work(own_engine) as session:
        open_city(session)
        session.execute(
            text(
                "INSERT INTO app.reminder (book_id, bank, kind, raised_on, sentence, settled_on) SELECT id, 'HMRCB', given.kind, "
                "'2017-04-10', sentence, settled FROM ledger.book, (VALUES ('unreconciled', '三月未对平', NULL::date), "
                "('overdue-items', '早已结清', '2017-04-12')) AS given (kind, sentence, settled) WHERE code = 'RCF-371621'"
            )
        )
    page = client.get("/").text
    assert "RCF-371621：三月未对平（自 2017-04-10）" in page
    assert "早已结清" not in page
