"""Issued papers: numbered without a gap, the same when nothing changed, superseded when it did, and found out when altered."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import typer
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_loan_life import close_nights
from test_outbox import lent
from test_subsidy import Bank, bank

from app.cli_paper import say_verdict
from app.issuing.check import Finding, Verdict, check_file
from app.issuing.kinds import KINDS, asked_of, kind_named
from app.issuing.question import QuestionRefused
from app.issuing.register import Issued, issue, issued, paper_numbered, reprint
from app.wiring import System
from ledger.calendar import DAY
from ledger.db import OWNER_ROLE, engine_as, unit_of_work
from ledger.queries import last_sequences
from loans.events import Repaid
from loans.queries import contracts_numbered
from loans.servicing import repay
from statements.errors import NotAnArchive
from statements.subsidy_papers import SubsidyList

__all__ = ["bank", "lent"]
JANUARY = {"bank": "HMRCB", "from": "2017-01-01", "to": "2017-01-31"}


def issue_january(system: System, folder: Path, *, again: bool = False) -> tuple[Issued, Path]:
    with unit_of_work(system.engine) as session:
        found, content = issue(session, "贷款对账单", JANUARY, "甲", again=again)
    path = folder / f"{found.serial}-{found.copies + again}.pdf"
    path.write_bytes(content)
    return found, path


def checked(system: System, file: Path) -> Finding:
    with unit_of_work(system.engine) as session:
        return check_file(session, file)


def repay_on(system: System, day: date, fen: int) -> None:
    """Book a repayment of an earlier day, as banks report late."""
    with unit_of_work(system.engine) as session:
        (contract,) = contracts_numbered(session, ["C1"])
        repay(session, [(contract, Repaid(reference=f"late/{day}", value_date=day, fen=fen))], "乙")


def test_a_paper_asked_for_again_is_the_same_paper(lent: System, tmp_path: Path) -> None:
    first, file = issue_january(lent, tmp_path)
    content = file.read_bytes()
    second, same = issue_january(lent, tmp_path)
    assert (first.serial, second.serial) == ("HMRCB-2017-000001", "HMRCB-2017-000001")
    assert same.read_bytes() == content
    _, copy = issue_january(lent, tmp_path, again=True)
    assert copy.read_bytes() != content
    with unit_of_work(lent.engine) as session:
        printed, _ = reprint(session, first.serial, "乙")
        assert (printed.copies, paper_numbered(session, first.serial).copies) == (2, 3)
    for path in (file, copy):
        found = checked(lent, path)
        assert (found.verdict, found.serial) == (Verdict.GENUINE, first.serial)
        assert found.reasons[-1] == "数据已按签发时所知从账簿重算，完全一致"


def test_changed_figures_supersede_and_the_old_paper_is_still_recomputed(lent: System, tmp_path: Path) -> None:
    old, before = issue_january(lent, tmp_path)
    repay_on(lent, date(2017, 1, 30), 10_000)
    assert checked(lent, before).verdict is Verdict.GENUINE, "what came in since was not known then"
    new, after = issue_january(lent, tmp_path)
    assert (new.serial, new.supersedes) == ("HMRCB-2017-000002", old.serial)
    found = checked(lent, before)
    assert (found.verdict, found.reasons[0]) == (Verdict.SUPERSEDED, f"已由 {new.serial} 取代")
    assert checked(lent, after).verdict is Verdict.GENUINE
    with unit_of_work(lent.engine) as session:
        assert [one.superseded_by for one in issued(session, "HMRCB", "loan-statement")] == [new.serial, None]
    with pytest.raises(typer.Exit):
        say_verdict(lent, before)


def test_every_flipped_byte_is_found_out(lent: System, tmp_path: Path) -> None:
    _, file = issue_january(lent, tmp_path)
    content = file.read_bytes()
    for place in range(100, len(content), len(content) // 60):
        flipped = tmp_path / "flipped.pdf"
        flipped.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            assert checked(lent, flipped).verdict is Verdict.ALTERED
        except NotAnArchive:
            continue


def test_books_that_say_something_else_are_told(lent: System, tmp_path: Path) -> None:
    _, file = issue_january(lent, tmp_path)
    owner = engine_as(lent.engine.url, OWNER_ROLE)
    with unit_of_work(owner) as session:
        session.execute(text("UPDATE loans.loan SET purpose = '养殖'"))
    owner.dispose()
    found = checked(lent, file)
    assert found.verdict is Verdict.AGAINST_BOOKS
    assert found.reasons == ("loans[1].purpose：单证为 ，账簿为 养殖",)


def test_numbers_have_no_gap_when_issuing_fails(lent: System, tmp_path: Path) -> None:
    def fail() -> None:
        with unit_of_work(lent.engine) as session:
            issue(session, "loan-statement", JANUARY, "甲")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    first, _ = issue_january(lent, tmp_path)
    with unit_of_work(lent.engine) as session:
        second, _ = issue(session, "bank-inquiry", {"bank": "HMRCB", "as_of": "2017-01-31"}, "甲")
        own, _ = issue(session, "monthly", {"month_end": "2017-01-31"}, "甲")
    assert [one.serial for one in (first, second, own)] == ["HMRCB-2017-000001", "HMRCB-2017-000002", "JG-2017-000001"]


def test_the_register_is_never_rewritten(lent: System, tmp_path: Path) -> None:
    issue_january(lent, tmp_path)
    for change in ("UPDATE app.paper SET issued_by = 'x'", "DELETE FROM app.paper_copy"):
        with pytest.raises(DBAPIError), unit_of_work(lent.engine) as session:
            session.execute(text(change))


def test_what_a_paper_is_asked_is_checked_first(session: Session) -> None:
    with pytest.raises(QuestionRefused, match=r"没有这种单证；可选：loan-statement 贷款对账单"):
        kind_named("对账")
    kind = KINDS["demand"]
    with pytest.raises(QuestionRefused, match="缺少 as_of；须写 book=… contract=… as_of=…"):
        asked_of(kind, {"book": "LB-1", "contract": "C"})
    with pytest.raises(QuestionRefused, match="不需要 bank"):
        asked_of(kind, {"book": "LB-1", "contract": "C", "as_of": "2017-01-31", "bank": "X"})
    with pytest.raises(QuestionRefused, match="不是日期"):
        asked_of(kind, {"book": "LB-1", "contract": "C", "as_of": "2017-02-31"}).day("as_of")
    with pytest.raises(QuestionRefused, match="登记簿中没有"):
        paper_numbered(session, "HMRCB-2017-000009")


def test_a_subsidy_list_is_its_batch(bank: Bank) -> None:
    bank.begin(date(2017, 3, 15))
    for number in range(3):
        bank.lend(f"C{number}", date(2017, 3, 15), date(2018, 3, 15))
    close_nights(bank.session, date(2017, 3, 15), date(2017, 6, 20))
    one = bank.prepare("2017Q2", date(2017, 6, 20) + DAY)
    kind = KINDS["subsidy-list"]
    asked = asked_of(kind, {"book": bank.book.code, "number": one.number})
    found = kind.gather(bank.session, asked, last_sequences(bank.session))
    assert isinstance(found, SubsidyList)
    assert (found.payable_fen, len(found.accepted)) == (one.payable_fen, len(one.accepted))
    assert {line.village for line in found.lines} == {"演示村"}
    for line, asked_line in zip(found.lines, sorted(one.lines, key=lambda line: line.loan), strict=True):
        assert line.subsidy_fen == asked_line.fen
        assert line.product_fen == 5_000_000 * line.days
        assert line.standing
    assert replace(found, issuer="x").number == one.number
