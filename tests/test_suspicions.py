"""Suspicions: each rule hits what it is about and nothing beside it; a person's answer stands until the facts change."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from conftest import FIRST_DAY, fresh_database, open_city
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_imports import (
    Town,
    company,
    copy_of,
    dunned,
    extension,
    fund,
    home,
    inherited,
    lent,
    paid,
    part,
    person,
    renewed,
    watched,
)

from app.imports.batch import Desk
from app.migrate import migrate
from guarantees.agreement import open_pool
from ledger.books import BookKind, book_named, open_book
from ledger.calendar import DAY, add_months
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.journal import BookCode
from loans import disbursement
from loans.applications.application import Application
from loans.errors import DecisionRefused
from loans.queries import contracts_numbered
from loans.suspicions import finding, raising
from loans.suspicions.deciding import decide
from loans.suspicions.limitation import limitation, period_end
from loans.suspicions.queries import hits, open_hits
from loans.suspicions.raising import raise_for, review
from loans.suspicions.rules import DRAWDOWN, Decision, Hit, Key, Suspicion, parameter, rules
from registry import households, reference
from registry.cipher import Cipher

LB, CITYB, YXRCB = "LB-371621-HMRCB", "LB-371621-CITYB", "LB-371622-YXRCB"
ACCOUNT, PHONE = "6223 0099 8877 6655", "13812345678"


@pytest.fixture(scope="module")
def begun(server_url: str, cipher: Cipher, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database that each town is a copy of: two counties, three banks with pools, households H1 to H9."""
    address = fresh_database(server_url, "suspicions_model")
    migrate(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        city = open_city(session)
        reference.add_bank(session, "CITYB", "城市商业银行（演示）", rural=False)
        reference.add_bank(session, "YXRCB", "阳信农商行（演示）", rural=True)
        for code, bank, county in ((CITYB, "CITYB", "371621"), (YXRCB, "YXRCB", "371622")):
            open_book(session, BookCode(code), BookKind.LOANS, bank, county, bank, "loan-2016")
        other = open_book(session, BookCode("RCF-371622"), BookKind.COMPENSATION, "阳信", "371622", None, "fund-2016")
        for book, bank in ((city["RCF"], "HMRCB"), (city["RCF"], "CITYB"), (other, "YXRCB")):
            open_pool(session, book, bank, share_ppb=700_000_000, leverage=10)
    town = Town(engine, Desk(cipher, "clerk"), tmp_path_factory.mktemp("begun"))
    town.take("households", *[home(number) for number in range(1, 10)])
    town.take("households", home(3, 县区="阳信县"))
    funded = [("CZ1", "惠民县", "HMRCB"), ("CZ2", "惠民县", "CITYB"), ("CZ3", "阳信县", "YXRCB")]
    town.take("fund-receipts", *[fund(serial, "100000", 县区=county, 银行代码=bank) for serial, county, bank in funded])
    engine.dispose()
    return "suspicions_model"


@pytest.fixture
def town(server_url: str, begun: str, cipher: Cipher, tmp_path: Path) -> Iterator[Town]:
    """A town of the test's own."""
    for made in copy_of(server_url, begun, cipher, tmp_path):
        made.desk = Desk(cipher, "clerk")
        yield made


def found(town: Town) -> list[tuple[str, str]]:
    """Return (contract, rule) of every hit."""
    with unit_of_work(town.engine) as session:
        return [(one.contract, one.rule) for one in hits(session)]


def raised(town: Town, rule: str | None = None, occasion: str = "subsidy batch 1", day: date | None = None) -> list[Hit]:
    """Ask the rules about all loans, and return the new hits (of a rule)."""
    with unit_of_work(town.engine) as session:
        keys = [tuple(row) for row in session.execute(text("SELECT book_id, id FROM loans.loan ORDER BY 1, 2"))]
        today = session.scalar(text("SELECT business_date FROM ledger.business_day"))
        return [one for one in raise_for(session, keys, occasion, day or today, "night") if rule in (None, one.rule)]  # type: ignore[arg-type]


# --- each rule ---------------------------------------------------------------------------------------------------------


def test_money_of_several_households_that_reaches_one_account_is_suspicious(town: Town) -> None:
    paid_to = {"收款人": "李收款", "收款账号": ACCOUNT}
    town.take("loans", lent("C1", 1, "20000", **paid_to), lent("C2", 2, 收款账号="6223009988776650"))
    town.take("loans", lent("C3", 1, "20000", **paid_to))
    assert found(town) == [], "one household, one account"
    town.take("loans", lent("C4", 4, 收款账号=ACCOUNT.replace(" ", "")))
    assert found(town) == [("C4", "shared_payee")], "at drawdown, of the loan that is made"
    assert [(one.contract, one.occasion) for one in raised(town)] == [("C1", "subsidy batch 1"), ("C3", "subsidy batch 1")]
    (facts,) = {json.dumps(one.facts, ensure_ascii=False) for one in raised_before(town, "shared_payee")}
    rows = json.loads(facts)["rows"]
    assert [(row["contract"], row["household"], row["borrower"]) for row in rows] == [
        ("C1", "H1", "王**"), ("C3", "H1", "王**"), ("C4", "H4", "王**"),
    ]  # fmt: skip
    assert {row["account"] for row in rows} == {"*" * 12 + "6655"}


def test_one_name_that_receives_the_money_of_several_households_is_suspicious(town: Town) -> None:
    town.take("loans", lent("C1", 1, "20000", 收款人="李收款", 收款账号=ACCOUNT), lent("C2", 1, "20000", 收款人="李收款"))
    assert raised(town) == [], "one household"
    town.take("loans", lent("C3", 3, 收款人="李收款", 收款账号="6223009988776650"), lent("C4", 4, 收款人="李付款"))
    town.take("loans", *[lent(f"C{number}", number, 收款人="王演示") for number in (5, 6)])
    assert found(town) == [], "not asked at drawdown; each his own payee, by a name that many bear"
    named = raised(town)
    assert [(one.contract, one.rule, one.facts["count"]) for one in named] == [
        (contract, "shared_payee_name", 3) for contract in ("C1", "C2", "C3")
    ]
    assert [(row["contract"], row["payee"], row["account"]) for row in named[0].facts["rows"]] == [
        ("C1", "李*", "*" * 12 + "6655"), ("C2", "李*", None), ("C3", "李*", "*" * 12 + "6650"),
    ]  # fmt: skip
    assert "李收款" not in json.dumps([one.facts for one in named], ensure_ascii=False)


def raised_before(town: Town, rule: str) -> list[Hit]:
    with unit_of_work(town.engine) as session:
        return [one for one in hits(session) if one.rule == rule]


def test_one_phone_for_several_households_is_suspicious_across_banks(town: Town) -> None:
    town.take("loans", lent("C1", 1, 联系电话=PHONE), lent("C2", 2, 联系电话="13812345679"))
    town.take("loans", lent("C3", 3, 银行代码="CITYB", 联系电话="+86 138-1234-5678"))
    assert found(town) == [("C3", "shared_phone")]
    assert [row["phone"] for row in raised_before(town, "shared_phone")[0].facts["rows"]] == ["138****5678"] * 2


def test_who_is_on_a_list_when_money_is_drawn_or_subsidised_is_suspicious(town: Town) -> None:
    town.take("match-lists", watched(1, "财政供养"), watched(2, "企业法人", 至日期="2016-12-31"), watched(3, 自日期="2017-01-02"))
    town.take("match-lists", watched(4, "创业担保贷款", 至日期="2017-01-01"))
    town.take("loans", *[lent(f"C{number}", number) for number in range(1, 6)])
    assert found(town) == [("C1", "on_list"), ("C4", "on_list")]
    assert [one.subject for one in raised_before(town, "on_list")] == ["财政供养", "创业担保贷款"]
    assert raised(town, "on_list") == []
    (dead,) = raised(town, "on_list", day=date(2017, 1, 2))
    assert (dead.contract, dead.facts["rows"]) == (
        "C3",
        [{"list": "死亡", "id": "379***********" + person(3)[-4:], "name": "王**", "since": "2017-01-02", "until": None, "source": "民政局"}],
    )  # fmt: skip
    town.take("inheritances", inherited("C1", "I1", 90, 建档立卡号="H5"))
    assert raised(town, "on_list", day=date(2017, 1, 2)) == [], "an heir is another person"


def test_one_person_owing_two_banks_is_suspicious_whatever_the_county(town: Town) -> None:
    town.take("loans", lent("C1", 1, "20000"), lent("C3", 3, "20000"))
    town.take("loans", lent("C2", 1, "20000"))
    assert found(town) == [], "one bank"
    town.take("loans", lent("Y3", 3, 县区="阳信县", 银行代码="YXRCB"))
    town.take("loans", lent("B1", 1, "10000", 银行代码="CITYB"))
    assert found(town) == [("B1", "same_id_two_banks"), ("Y3", "same_id_two_banks")]
    town.take("repayments", paid("C3", "P1", "20000"))
    assert [one.contract for one in raised(town, "same_id_two_banks")] == ["C1", "C2"], "C3 and Y3 no more: C3 is repaid"


def test_a_loan_drawn_around_the_payment_of_an_overdue_one_is_suspicious(town: Town) -> None:
    town.take("loans", *[lent(f"C{number}", number, 到期日期="2017-01-04") for number in (1, 2, 3, 4)])
    town.take("loans", lent("C5", 5, 到期日期="2017-03-01"))
    town.close(date(2017, 1, 19))
    day = {"放款日期": "2017-01-20", "到期日期": "2018-01-20"}
    town.take("repayments", paid("C1", "P1", "51000", day="2017-01-20"), paid("C2", "P2", "20000", day="2017-01-20"))
    town.take("repayments", paid("C3", "P3", "51000", day="2017-01-10"), paid("C5", "P5", "51000", day="2017-01-20"))
    town.take("loans", lent("N1", 1, **day), lent("N2", 2, "10000", **day), lent("N3", 3, **day), lent("N5", 5, **day))
    assert found(town) == [("N1", "hides_overdue")], "not: paid in part, ten days before, never overdue"
    (hit,) = raised_before(town, "hides_overdue")
    assert hit.subject == f"{LB}/C1"
    assert [(row["contract"], row["cleared_on"], row["paid_fen"]) for row in hit.facts["rows"]] == [
        ("C1", "2017-01-20", 5_100_000)
    ]
    town.close(date(2017, 1, 21))
    town.take("repayments", paid("C2", "P6", "31000", day="2017-01-22"))
    assert [one.contract for one in raised(town, "hides_overdue")] == ["N2"], "cleared after the new loan, and near it"
    town.take("repayments", paid("C2", "P6", "31000", "冲正", day="2017-01-22"))
    with unit_of_work(town.engine) as session:
        keys = [c.key for c in contracts_numbered(session, ["N1", "N2"])]
        assert [one.subject for one in finding.hides_overdue(session, keys, date(2017, 1, 22))] == [f"{LB}/C1"]


def test_a_renewal_hides_nothing(town: Town) -> None:
    town.take("loans", lent("C1", 1, "20000", 到期日期="2017-01-20"), lent("C2", 1, "20000", 到期日期="2017-01-04"))
    town.close(date(2017, 1, 19))
    town.take("repayments", paid("C2", "P2", "21000", day="2017-01-20"))
    town.take("renewals", renewed("C1", "N1", "20000", 放款日期="2017-01-20", 到期日期="2018-01-20"))
    town.close(date(2017, 1, 25))
    assert raised(town) == []
    assert found(town) == []


def test_an_extension_signed_after_maturity_is_suspicious(town: Town) -> None:
    # 2017-01-06 is a Friday, 2017-01-07 a Saturday: what matures then falls due on Monday the 9th.
    days = {"C1": "2017-01-06", "C2": "2017-01-07", "C3": "2017-01-09"}
    town.take("loans", *[lent(contract, int(contract[1]), 到期日期=until) for contract, until in days.items()])
    town.close(date(2017, 1, 8))
    signed = {"签订日期": "2017-01-09", "新到期日": "2017-01-11"}
    town.take("extensions", *[extension(contract, f"X{contract}", **signed) for contract in days])
    (late,) = raised(town, "extension_signed_late")
    assert (late.contract, late.subject) == ("C1", "XC1")
    assert late.facts["rows"] == [
        {"serial": "XC1", "signed_on": "2017-01-09", "matured_on": "2017-01-06", "until": "2017-01-11", "by": "clerk"}
    ]


def test_a_second_extension_is_measured_by_the_first(town: Town) -> None:
    town.take("loans", lent("E1", 0, 产品="FMSC", 证件号码=company(), 建档立卡号="", 到期日期="2017-01-03"))
    town.close(date(2017, 1, 2))
    town.take("extensions", extension("E1", "X1", 签订日期="2017-01-03", 新到期日="2017-01-04"))
    town.close(date(2017, 1, 3))
    town.take("extensions", extension("E1", "X2", 签订日期="2017-01-04", 新到期日="2017-01-05"))
    assert raised(town, "extension_signed_late") == []


def test_a_debt_that_nobody_demands_runs_out_of_time(town: Town) -> None:
    town.take("loans", *[lent(f"C{number}", number, 到期日期="2017-01-04") for number in (1, 2, 3)])
    town.take("dunnings", dunned("C1", "S0"))
    town.close(date(2017, 1, 9))
    town.take("dunnings", dunned("C1", "S1", "2017-01-10"))
    with unit_of_work(town.engine) as session:
        keys = {c.contract: c.key for c in contracts_numbered(session, ["C1", "C2", "C3"])}

        def states(day: date) -> dict[str, str]:
            mine = {key: contract for contract, key in keys.items()}
            return {mine[one.key]: one.facts["rows"][0]["state"] for one in finding.out_of_time(session, list(mine), day)}

        assert states(date(2019, 10, 5)) == {}
        assert states(date(2019, 10, 6)) == {"C2": "ending", "C3": "ending"}, "three years after 2017-01-04, less 90 days"
        assert states(date(2020, 1, 5)) == {"C1": "ending", "C2": "ended", "C3": "ended"}
        session.execute(
            text(
                "INSERT INTO loans.dunning (book_id, seq, kind, reference, loan_id, value_date, body, actor) VALUES (:book, 1000000, "
                "'dunned', 'S2', :loan, '2020-01-05', jsonb_build_object('way', '上门', 'signed', true), 't')"
            ),
            dict(zip(("book", "loan"), keys["C2"], strict=True)),
        )
        assert states(date(2020, 1, 6))["C2"] == "late"
        session.rollback()


def test_an_heirs_household_above_the_cap_is_suspicious(town: Town) -> None:
    town.take("loans", lent("C1", 1), lent("C2", 2, "30000"), lent("C3", 3, "20000"))
    town.take("inheritances", inherited("C3", "I1", 91, 建档立卡号="H2"))
    assert raised(town, "heir_over_cap") == [], "50,000 元 is the cap"
    town.take("inheritances", inherited("C1", "I2", 92, 建档立卡号="H2"))
    over = raised(town, "heir_over_cap")
    assert [one.contract for one in over] == ["C1", "C3"]
    assert [row["contract"] for row in over[0].facts["rows"]] == ["C1", "C2", "C3"]
    assert (over[0].facts["cap_fen"], over[0].facts["source"]) == (5_000_000, "国开办发〔2014〕78号")


# --- limitation, by the law --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("began", "end"),
    [
        (date(2015, 9, 30), date(2017, 9, 30)),
        (date(2015, 10, 1), date(2018, 10, 1)),
        (date(2017, 1, 4), date(2020, 1, 4)),
        (date(2024, 2, 29), date(2027, 2, 28)),
    ],
)
def test_two_years_become_three_where_they_had_not_ended(began: date, end: date) -> None:
    assert period_end(began) == end


DAYS = st.lists(st.dates(date(2014, 1, 1), date(2030, 1, 1)), max_size=5)


@given(st.dates(date(2014, 1, 1), date(2020, 1, 1)), DAYS, DAYS)
def test_the_period_begins_with_the_last_mark_in_time(due: date, demands: list[date], payments: list[date]) -> None:
    found = limitation(due, demands, payments)
    began = due  # day by day, as a clerk with a calendar would
    late: list[date] = []
    day = due
    while day < date(2030, 1, 2):
        day += DAY
        if day in payments or (day in demands and day <= period_end(began)):
            began, late = day, []
        elif day in demands:
            late += [day] * demands.count(day)
    assert (found.began_on, found.ends_on, list(found.late)) == (began, period_end(began), late)


# --- what is raised, and what people decide ----------------------------------------------------------------------------


@pytest.fixture
def doubted(town: Town) -> Town:
    """C1 of a dead borrower, and C2 beside it."""
    town.take("match-lists", watched(1))
    town.take("loans", lent("C1", 1), lent("C2", 2))
    return town


def keys_of(session: Session) -> dict[str, Key]:
    return {c.contract: c.key for c in contracts_numbered(session, ["C1", "C2"])}


def test_the_same_facts_are_asked_once_and_again_when_they_change(doubted: Town) -> None:
    (first,) = raised_before(doubted, "on_list")
    assert (first.contract, first.occasion, first.day, first.decision) == ("C1", DRAWDOWN, FIRST_DAY, None)
    assert raised(doubted) == []
    with unit_of_work(doubted.engine) as session:
        decide(session, first, Decision.CLEARED, "同名同姓", "auditor")
    assert raised(doubted, occasion="subsidy batch 2") == []
    doubted.take("match-lists", watched(1, 自日期="2016-12-15"))
    (again,) = raised(doubted, occasion="subsidy batch 2")
    assert (again.contract, again.rule, again.occasion, again.decision) == ("C1", "on_list", "subsidy batch 2", None)
    assert again.facts["count"] == 2


def test_a_hit_holds_its_loan_until_it_is_cleared_and_a_confirmed_one_for_good(doubted: Town) -> None:
    with unit_of_work(doubted.engine) as session:
        keys = keys_of(session)
        (hit,) = open_hits(session, list(keys.values())).pop(keys["C1"])
        decide(session, hit, Decision.PENDING, "待核实", "auditor")
        assert [one.decision for one in open_hits(session, list(keys.values()))[keys["C1"]]] == [Decision.PENDING]
        decide(session, hit, Decision.CLEARED, "名单有误", "auditor")
        assert open_hits(session, list(keys.values())) == {}
        decide(session, hit, Decision.CONFIRMED, "确已死亡", "chief")
        (held,) = open_hits(session, list(keys.values()))[keys["C1"]]
        assert (held.decision, held.reason, held.decided_by) == (Decision.CONFIRMED, "确已死亡", "chief")
        assert [one.id for one in hits(session, only_open=True)] == [hit.id]
        assert open_hits(session, []) == {}
    doubted.take("match-lists", watched(1, 自日期="2016-12-15"))
    raised(doubted)
    with unit_of_work(doubted.engine) as session:
        two = open_hits(session, list(keys.values()))[keys["C1"]]
        assert [one.decision for one in two] == [Decision.CONFIRMED, None]
        decide(session, two[1], Decision.CLEARED, "同一事实", "chief")
        assert len(open_hits(session, list(keys.values()))[keys["C1"]]) == 1, "the confirmed one"
        assert session.scalar(text("SELECT count(*) FROM loans.decision")) == 4


def test_new_facts_take_the_place_of_an_undecided_question(doubted: Town) -> None:
    doubted.take("match-lists", watched(1, 自日期="2016-12-15"))
    raised(doubted)
    with unit_of_work(doubted.engine) as session:
        (held,) = open_hits(session, list(keys_of(session).values())).values()
        assert [one.facts["count"] for one in held] == [2]
        assert len(hits(session)) == 2


def test_a_decision_has_a_reason_a_name_and_another_person_than_the_lender(doubted: Town) -> None:
    (hit,) = raised_before(doubted, "on_list")
    with unit_of_work(doubted.engine) as session:
        for reason, actor, said in (
            ("", "auditor", "须写明"),
            ("x", " ", "须写明"),
            ("x", "clerk", "clerk 经办了这笔贷款的发放"),
        ):
            with pytest.raises(DecisionRefused, match=said):
                decide(session, hit, Decision.CLEARED, reason, actor)
        decide(session, hit, Decision.CLEARED, "查无此事", "auditor")
        decide(session, raised_again(session), Decision.CLEARED, "查无此事", "auditor")
        assert session.scalar(text("SELECT count(*) FROM loans.decision")) == 1, "the same answer once"


def raised_again(session: Session) -> Hit:
    (hit,) = hits(session)
    return hit


@pytest.mark.parametrize("table", ["hit", "decision", "policy"])
def test_hits_and_decisions_are_never_changed(doubted: Town, table: str) -> None:
    with doubted.engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text(f"DELETE FROM loans.{table}"))


def test_a_batch_undone_takes_its_questions_and_numbers_along(town: Town) -> None:
    town.take("match-lists", watched(1))
    batch = town.take("loans", lent("C1", 1, 收款账号=ACCOUNT, 联系电话=PHONE))
    town.undo(batch)
    assert found(town) == []
    assert town.ask("SELECT count(*) FROM loans.contact") == [(0,)]
    town.take("loans", lent("C1", 1))
    assert found(town) == [("C1", "on_list")]


def test_a_loan_that_was_dunned_is_not_undone(town: Town) -> None:
    batch = town.take("loans", lent("C1", 1))
    dunnings = town.take("dunnings", dunned("C1", "S1"))
    town.refuses("dunnings", [dunned("C1", "S1", 方式="电话"), dunned("C1", "S2", "2016-12-31"), dunned("C1", "S3", "2017-01-02")],
                 (2, "整行", "", "流水号已用于另一次催收"), (3, "整行", "", "早于放款日"), (4, "整行", "", "晚于营业日"))  # fmt: skip
    with pytest.raises(Exception, match="已有催收记录"):
        town.undo(batch)
    town.undo(dunnings)
    town.undo(batch)


def test_a_drawn_part_is_asked_about_too(town: Town) -> None:
    town.take("loans", lent("C1", 1, **{"首次放款(元)": "500"}))
    town.take("match-lists", watched(1))
    town.take("drawings", part("C1", "Q1", "500"))
    assert found(town) == [("C1", "on_list")]


def test_a_review_asks_every_rule_about_what_is_owed(doubted: Town) -> None:
    doubted.take("match-lists", watched(2))
    doubted.take("repayments", paid("C1", "P1", "50000"))
    with unit_of_work(doubted.engine) as session:
        book_id = book_named(session, BookCode(LB)).id
        assert [(one.contract, one.occasion) for one in review(session, book_id, FIRST_DAY, "auditor")] == [("C2", "review")]
        assert review(session, book_id, FIRST_DAY, "auditor") == []


def test_nothing_stored_shows_a_person_in_clear(town: Town) -> None:
    contact = {"收款人": "李收款", "收款账号": ACCOUNT, "联系电话": PHONE}
    town.take("match-lists", watched(1), watched(2))
    town.take("loans", *[lent(f"C{number}", number, "49000", 到期日期="2017-01-04", **contact) for number in (1, 2)])
    town.take("loans", lent("B1", 1, "1000", 银行代码="CITYB", 到期日期="2017-01-04"))
    town.close(date(2017, 1, 5))
    town.take("repayments", paid("C1", "P1", "51000", day="2017-01-06"))
    town.take("loans", lent("N1", 1, "40000", 放款日期="2017-01-06", **contact))
    town.take("extensions", extension("C2", "X1", 签订日期="2017-01-06", 新到期日="2017-01-07"))
    raised(town)
    town.take("inheritances", inherited("C2", "I1", 92, 建档立卡号="H1", 日期="2017-01-06"))
    raised(town)
    asked = {rule for _, rule in found(town)}
    assert asked == set(rules()) - {"limitation"}
    secrets = [ACCOUNT.replace(" ", ""), PHONE, "李收款", "王演示", "李继承", *(person(number) for number in (1, 2, 92))]
    for table in ("hit", "decision"):
        (stored,) = town.ask(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM loans.{table} t")[0]
        assert not [secret for secret in secrets if secret in stored]
    (kept,) = town.ask("SELECT string_agg(t::text, ' ') FROM loans.contact t")[0]
    numbers = [secret for secret in secrets if secret.isdigit()]
    assert not [secret for secret in numbers if secret in kept or secret.encode().hex() in kept]


def test_every_rule_is_asked_somehow_and_an_account_of_many_loans_stays_legible(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(finding.FINDERS) == list(rules())
    assert parameter("hides_overdue_days", FIRST_DAY) == 7
    monkeypatch.setattr(finding, "MOST_ROWS", 2)
    town.take("loans", *[lent(f"C{number}", number, "1000", 收款账号=ACCOUNT) for number in range(1, 6)])
    shared = raised_before(town, "shared_payee")
    assert len(shared) == 5
    assert {(one.facts["count"], len(one.facts["rows"])) for one in shared} == {(5, 2)}


def test_the_fingerprint_is_of_the_facts_alone() -> None:
    one, same = (
        Suspicion(key=(1, n), rule="on_list", facts=facts) for n, facts in ((1, {"a": 1, "b": 2}), (2, {"b": 2, "a": 1}))
    )
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != Suspicion(key=(1, 1), rule="on_list", facts={"a": 1, "b": 3}).fingerprint


def test_a_batch_is_asked_about_at_once_however_many_loans_it_has(
    session: Session, city: dict[str, object], cipher: Cipher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One statement a rule: two hundred loans are asked about with as many as one."""
    said: list[str] = []

    def counted(*given: object) -> list[Hit]:
        def note(*statement: object) -> None:
            said.append(str(statement[2]))

        event.listen(session.connection(), "before_cursor_execute", note)
        try:
            return raising.raise_for(*given)  # type: ignore[arg-type]
        finally:
            event.remove(session.connection(), "before_cursor_execute", note)

    monkeypatch.setattr(disbursement, "raise_for", counted)
    book = book_named(session, BookCode(LB))
    counts = []
    for first, count in ((100_000, 1), (200_000, 200)):
        people = [("household", f"{n:018}", "王演示", f"H{n}") for n in range(first, first + count)]
        homes = [
            households.Household(
                county="371621", number=home_number, village="村", persons=1, standard="national", registered_on=FIRST_DAY,
                head_name=name, head_id=number_, account=None,
            )
            for _, number_, name, home_number in people
        ]  # fmt: skip
        households.enrol(session, cipher, homes, "t")
        who = households.add_borrowers(session, cipher, "371621", people)
        wanted = [
            Application(
                book=book, contract=f"M{number_}", product="XEXD", household=home_number, borrower=who[number_].code, fen=1_000_000,
                rate_ppb=43_500_000, drawn_on=FIRST_DAY, maturity=add_months(FIRST_DAY, 12),
            )
            for _, number_, _, home_number in people
        ]  # fmt: skip
        said.clear()
        assert len(disbursement.disburse(session, wanted, "t")) == count
        counts.append(len(said))
    assert counts[0] == counts[1] >= sum(rule.drawdown for rule in rules().values())
