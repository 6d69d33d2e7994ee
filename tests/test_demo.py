"""The demo, whole: the article's figures through the front door, every tie, every kind of life, foreign engines agreeing."""

import csv
import io
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date

import pytest
from conftest import forget, needs
from sqlalchemy import text

from app import papers, wiring
from app.demo.files import RELENDING_FEN, files
from app.demo.portfolio import FIRST, LAST, PLACES, households, loans
from app.demo.run import DemoStopped, Done, run
from app.settings import Settings
from app.status import status
from app.tracing import trace
from app.wiring import System
from ledger.books import BookKind, books, open_book
from ledger.db import unit_of_work
from ledger.interchange import hledger as to_hledger
from ledger.journal import BookCode, Side
from ledger.money import parse_yuan, yuan
from ledger.queries import trial_balance
from registry.errors import BadIdentity
from registry.identity import checked_id, checked_uscc, id_check_digit, masked_account, masked_id, masked_name

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the demo is run once, on the embedded server", allow_module_level=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The demo run to its end, once for this module."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    with wiring.system(Settings(FUPIN_DATA=folder)) as system:
        seen: list[date] = []
        done = run(system, LAST, lambda day, nights, whole: seen.append(day))
        assert done == Done(656, 838)
        assert (seen[0], seen[-1]) == (FIRST, LAST)
        yield system
    forget(folder)


def test_status_shows_exactly_the_articles_figures(demo: System) -> None:
    with unit_of_work(demo.engine) as session:
        found = status(session)
    assert found.as_of == found.last_closed == LAST
    assert found.funds_contributed_fen == 5_570_000_000
    assert found.loans_disbursed_fen == 15_700_000_000
    assert found.relending_drawn_fen == 27_000_000_000
    assert (found.loans, found.solar_stations) == (3_680, 600)


def test_every_tie_holds(demo: System) -> None:
    with unit_of_work(demo.engine) as session:
        checks = list(wiring.verify(session))
    assert len(checks) > 100
    assert [check for check in checks if not check.ok] == []


def test_every_kind_of_life_is_there(demo: System) -> None:
    with unit_of_work(demo.engine) as session:
        kinds = Counter(dict(session.execute(text("SELECT kind, count(*) FROM ledger.journal_entry GROUP BY kind")).all()))
        events = Counter(dict(session.execute(text("SELECT kind, count(*) FROM loans.event GROUP BY kind")).all()))
        steps = set(session.scalars(text("SELECT DISTINCT kind FROM guarantees.claim_event")))
    for kind in ("disbursed", "repaid", "extended", "reversed", "refunded", "cost_advanced", "written_off"):
        assert events[kind], kind
    for kind in ("ledger.year_closed", "loans.charged", "loans.aged", "loans.accrued", "relending.repaid", "solar.swept"):
        assert kinds[kind], kind
    assert steps == {"filed", "checked", "approved", "paid", "shared", "passed", "lost"}


def test_relending_never_exceeds_the_loans_that_it_may_fund(demo: System) -> None:
    """Outstanding draws of a rural bank against its loans at or below 4.35 %, on every day (accounting.md, assumptions)."""
    with unit_of_work(demo.engine) as session:
        worst = session.execute(
            text(
                "WITH days AS (SELECT DISTINCT book_id, value_date FROM ledger.posting WHERE account = '2004'), "
                "moves AS (SELECT p.book_id, p.value_date, p.account, CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END AS fen, l.terms "
                "FROM ledger.posting p LEFT JOIN loans.loan l ON l.book_id = p.book_id AND l.id = p.loan_id "
                "WHERE p.account LIKE '1303%' OR p.account = '2004') "
                "SELECT d.book_id, d.value_date, sum(m.fen) FILTER (WHERE m.account <> '2004' "
                "AND (m.terms->'rates'->0->>'rate_ppb')::bigint <= 43500000) AS eligible, "
                "-sum(m.fen) FILTER (WHERE m.account = '2004') AS drawn "
                "FROM days d JOIN moves m ON m.book_id = d.book_id AND m.value_date <= d.value_date GROUP BY 1, 2"
            )
        ).all()
    assert worst
    assert all(row.drawn <= row.eligible for row in worst)
    assert max(row.drawn for row in worst) == 3 * RELENDING_FEN


def test_december_2016_is_closed_in_every_book_and_its_year_carried_over(demo: System) -> None:
    with unit_of_work(demo.engine) as session:
        closed = set(session.scalars(text("SELECT month FROM ledger.period")))
        still_there = session.scalar(
            text(
                "SELECT count(*) FROM (SELECT FROM ledger.posting p JOIN ledger.account a ON a.book_id = p.book_id "
                "AND a.code = p.account WHERE a.closes_to IS NOT NULL AND p.value_date <= '2016-12-31' GROUP BY p.book_id, p.account "
                "HAVING sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END) <> 0) AS open"
            )
        )
    assert date(2016, 12, 1) in closed
    assert date(2017, 10, 1) not in closed
    assert still_there == 0


def test_hledger_agrees_on_every_account_of_the_whole_city(demo: System, tmp_path) -> None:
    hledger = needs("hledger")
    path = tmp_path / "city.hledger"
    with unit_of_work(demo.engine) as session:
        path.write_text("".join(to_hledger.journal(session, books(session))), encoding="utf-8")
        expected = {f"{line.book}:{line.account}": line.turnover.balance_fen for line in trial_balance(session)}
    subprocess.run([hledger, "-f", path, "check"], check=True)
    output = subprocess.run(
        [hledger, "-f", path, "bal", "-E", "-N", "--flat", "-O", "csv"], check=True, capture_output=True, text=True
    ).stdout
    found = {row["account"]: parse_yuan(row["balance"].removesuffix(" CNY")) for row in csv.DictReader(io.StringIO(output))}
    assert found == expected


def test_a_banks_statement_is_its_ledger(demo: System) -> None:
    with unit_of_work(demo.engine) as session:
        figures = papers.bank_statement(session, "HMRCB", date(2017, 7, 1), date(2017, 9, 30))
        book = next(book for book in books(session, BookKind.LOANS) if book.bank == "HMRCB")
        at_end = trial_balance(session, [book.id], until=date(2017, 9, 30))
    principal = sum(line.turnover.balance_fen for line in at_end if line.account.startswith("1303"))
    assert figures.closing_fen == principal
    assert figures.demo
    assert [(head.book, head.chain) for head in figures.heads] == [(book.code, "记账凭证"), (book.code, "贷款业务")]


def test_a_statement_of_a_past_quarter_leaves_later_loans_out(demo: System) -> None:
    with unit_of_work(demo.engine) as session:
        figures = papers.bank_statement(session, "HMRCB", date(2016, 10, 1), date(2016, 12, 31))
        book = next(book for book in books(session, BookKind.LOANS) if book.bank == "HMRCB")
        then = trial_balance(session, [book.id], until=date(2016, 12, 31))
    assert figures.closing_fen == sum(line.turnover.balance_fen for line in then if line.account.startswith("1303"))
    assert max(sheet.drawn_on for sheet in figures.loans) <= date(2016, 12, 31)


def test_a_nights_entry_is_traced_to_its_step_and_its_loans(demo: System) -> None:
    with unit_of_work(demo.engine) as session:
        book = next(book for book in books(session, BookKind.LOANS) if book.bank == "HMRCB")
        found = trace(session, book, "night/charged/2017-06-20")
    night, charges = found.sources
    assert sorted(row[:2] for row in night.rows) == [("settle", "charges"), ("settle", "fen")]
    debit = sum(p.fen for p in found.stored.entry.postings if p.side is Side.DEBIT)
    assert yuan(debit) in charges.note
    assert found.related, "the other books of that night"


def test_running_it_again_changes_nothing(demo: System) -> None:
    with unit_of_work(demo.engine) as session:
        before = session.execute(text("SELECT sum(last_seq) FROM ledger.book")).scalar()
    assert run(demo, LAST, lambda *_: None) == Done(0, 0)
    with unit_of_work(demo.engine) as session:
        assert session.execute(text("SELECT sum(last_seq) FROM ledger.book")).scalar() == before


def test_the_demo_will_not_mix_with_other_books(own_engine, cipher, tmp_path) -> None:
    with unit_of_work(own_engine) as session:
        open_book(session, BookCode("RCF-999999"), BookKind.COMPENSATION, "他县", "999999", None, "fund-2016")
    system = System(own_engine, cipher, Settings(FUPIN_DATA=tmp_path))
    with pytest.raises(DemoStopped, match="空的数据目录"):
        run(system, LAST, lambda *_: None)


def test_the_portfolio_is_the_same_every_time_and_adds_up() -> None:
    homes = households()
    made = loans(homes)
    assert made == loans(households())
    small = [loan for loan in made if loan.product != "FMSC"]
    assert sum(loan.yuan for loan in small) == 157_000_000
    assert sum(loan.product == "GFNH" and loan.yuan == 40_000 for loan in small) == 600
    assert {loan.place.county for loan in small} == {place.county for place in PLACES}
    assert len({home.head_id for home in homes}) == len(homes)
    assert all(checked_id(home.head_id).startswith("3799") for home in homes)
    assert any("䶮" in home.head for home in homes)
    assert any("㐂" in home.head for home in homes)
    ineligible = {home.number for home in homes if home.standard == "市定"}
    assert ineligible
    assert not ineligible & {loan.household for loan in made}
    everything = files(homes, made)
    assert all(row for sent in everything.values() for file in sent for row in file.rows)


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_check_digits_of_published_examples(number: str) -> None:
    assert checked_id(number.lower()) == number
    assert id_check_digit(number[:17]) == number[17]
    wrong = number[:17] + ("1" if number[17] != "1" else "2")
    with pytest.raises(BadIdentity, match="校验位") as refusal:
        checked_id(wrong)
    assert wrong not in str(refusal.value), "a refusal shows no identity number"


@pytest.mark.parametrize("number", ["", "123", "11010519491331002X", "1101051949123100２X"])
def test_what_is_no_identity_number_is_refused(number: str) -> None:
    with pytest.raises(BadIdentity):
        checked_id(number)


def test_a_social_credit_code_has_a_check_character() -> None:
    assert checked_uscc("91350100m000100y43") == "91350100M000100Y43"
    for wrong in ("91350100M000100Y44", "91350100M000100Y4", "91350100M000100I43"):
        with pytest.raises(BadIdentity):
            checked_uscc(wrong)


def test_masks_show_what_domain_5_5_allows() -> None:
    assert masked_id("371602199001011234") == "371***********1234"
    assert masked_account("6223001234567890") == "************7890"
    assert masked_name("张三丰") == "张**"
