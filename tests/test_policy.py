"""Policy: what is in force where and when, and the eligibility check that names every rule with source, finding and limit."""

from dataclasses import replace
from datetime import date

import pytest
from conftest import FIRST_DAY
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.cli_policy import TITLES
from ledger.books import Book
from ledger.calendar import DAY, add_months
from loans import admission, disbursement
from loans.applications.application import Application
from loans.errors import NotEligible, PolicyRefused
from loans.policy.eligibility import Facts, Finding, check
from loans.policy.loading import load
from loans.policy.parameters import PARAMETERS, Limit, PolicyRow, nationwide, policy_on
from loans.products import products
from loans.terms.rates import references
from registry.households import Enrolment
from registry.identity import birth_date, id_check_digit

COUNTY, BANK = "371621", "HMRCB"
DAY_2022 = date(2022, 3, 1)
GOOD = Facts(
    day=DAY_2022, maturity=date(2023, 3, 1), fen=5_000_000, held_fen=0, rate_ppb=37_000_000, purpose="养羊",
    enrolment=Enrolment(registered_on=DAY_2022, standard_name="国家标准", eligible=True), born_on=date(1970, 1, 1),
)  # fmt: skip


def national(day: date = DAY_2022, product: str = "XEXD") -> list[Finding]:
    return check(replace(GOOD, day=day), policy_on(nationwide(), product, COUNTY, BANK, day))


def failed(**changes: object) -> list[str]:
    facts = replace(GOOD, **changes)  # type: ignore[arg-type]
    return [f.rule for f in check(facts, policy_on(nationwide(), "XEXD", COUNTY, BANK, facts.day)) if not f.ok]


@pytest.mark.parametrize("months", [0, 601, 1_000_000])
def test_a_policy_that_no_loan_can_keep_to_is_not_loaded(session: Session, city: dict[str, Book], months: int) -> None:
    row = PolicyRow(product="XEXD", valid_from=FIRST_DAY, source="惠扶组〔2017〕1号", county=COUNTY, max_months=months)
    with pytest.raises(PolicyRefused, match=f"期限上限 {months} 个月，应为 1 到 600 个月"):
        load(session, row, "t")


def test_a_good_application_passes_every_rule() -> None:
    findings = national()
    assert [f.rule for f in findings] == [
        "建档立卡", "识别标准", "余额上限", "贴息本金上限", "风险补偿本金上限", "期限", "年利率", "逾期罚息", "挪用罚息", "最低年龄",
        "最高年龄", "用途",
    ]  # fmt: skip
    assert all(f.ok for f in findings)


@pytest.mark.parametrize(
    ("near", "beyond", "rule"),
    [
        ({}, {"enrolment": None}, "建档立卡"),
        ({}, {"enrolment": replace(GOOD.enrolment, registered_on=DAY_2022 + DAY)}, "建档立卡"),  # type: ignore[type-var]
        ({}, {"enrolment": replace(GOOD.enrolment, eligible=False)}, "识别标准"),  # type: ignore[type-var]
        ({"fen": 3_000_000, "held_fen": 2_000_000}, {"fen": 3_000_000, "held_fen": 2_000_001}, "余额上限"),
        ({"held_subsidised_fen": 1, "subsidised": False}, {"held_subsidised_fen": 1}, "贴息本金上限"),
        ({"held_covered_fen": 1, "covered": False}, {"held_covered_fen": 1}, "风险补偿本金上限"),
        ({"maturity": date(2025, 3, 1)}, {"maturity": date(2025, 3, 2)}, "期限"),
        ({"rate_ppb": 37_000_000}, {"rate_ppb": 37_000_001}, "年利率"),
        ({"penalty_percent": 130}, {"penalty_percent": 129}, "逾期罚息"),
        ({"penalty_percent": 150}, {"penalty_percent": 151}, "逾期罚息"),
        ({"misuse_percent": 150}, {"misuse_percent": 149}, "挪用罚息"),
        ({"misuse_percent": 200}, {"misuse_percent": 201}, "挪用罚息"),
        ({"born_on": date(2004, 3, 1)}, {"born_on": date(2004, 3, 2)}, "最低年龄"),
        ({"born_on": date(1956, 3, 2)}, {"born_on": date(1956, 3, 1)}, "最高年龄"),
        ({"purpose": "修建羊圈"}, {"purpose": "儿子建房"}, "用途"),
        ({"purpose": ""}, {"purpose": "归还旧贷款"}, "用途"),
    ],
)
def test_each_rule_holds_up_to_its_limit_and_not_beyond(near: dict[str, object], beyond: dict[str, object], rule: str) -> None:
    assert failed(**near) == []
    assert failed(**beyond) == [rule]


def test_all_rules_are_evaluated_and_an_unknown_birthday_is_no_pass() -> None:
    assert failed(enrolment=None, fen=5_000_001, maturity=date(2026, 1, 1), rate_ppb=90_000_000, born_on=None, purpose="理财") == [
        "建档立卡", "余额上限", "贴息本金上限", "风险补偿本金上限", "期限", "年利率", "最低年龄", "最高年龄", "用途"
    ]  # fmt: skip


def test_penalty_rates_are_the_products_and_bound_by_policy(
    session: Session, city: dict[str, Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = application(city["LB"], product="FMSC", household=None, fen=1_000_000, maturity=date(2018, 1, 1), purpose="")
    row = next(product for product in products() if product.code == "FMSC")
    assert (one.terms(None).penalty_percent, one.terms(None).misuse_percent) == (150, 200)
    dear = replace(row, penalty_percent=1000, misuse_percent=5000)
    monkeypatch.setattr("loans.products.products", lambda: (dear,))
    with pytest.raises(NotEligible) as refusal:
        disbursement.disburse(session, [one], "t")
    assert refusal.value.reasons == [
        "逾期罚息：合同利率的 1000%，要求130% 至 150%（银发〔2003〕251号）",
        "挪用罚息：合同利率的 5000%，要求150% 至 200%（银发〔2003〕251号）",
    ]
    load(session, PolicyRow(product="FMSC", valid_from=FIRST_DAY, source="县文", county=COUNTY, penalty_percent=(100, 1000)), "t")
    with pytest.raises(NotEligible, match="不符合贷款条件：挪用罚息"):
        disbursement.disburse(session, [one], "t")


def test_a_refusal_says_source_found_and_limit() -> None:
    (over,) = [f for f in check(replace(GOOD, held_fen=1), policy_on(nationwide(), "XEXD", COUNTY, BANK, DAY_2022)) if not f.ok]
    assert over.sentence == "余额上限：余额 0.01 元，本次 50,000.00 元，要求合计不超过 50,000.00 元（银保监发〔2021〕6号）"
    ages = [f.source for f in national() if "年龄" in f.rule]
    assert ages == ["银保监发〔2021〕6号（推定，待核实）"] * 2, "an assumption is printed as one"


def test_the_rate_follows_the_reference_of_its_day_and_term() -> None:
    def most(day: date, maturity: date) -> str:
        policy = policy_on(nationwide(), "XEXD", COUNTY, BANK, day)
        return next(f.limit for f in check(replace(GOOD, day=day, maturity=maturity), policy) if f.rule == "年利率")

    assert most(date(2017, 1, 1), date(2018, 1, 1)) == "不超过 4.75%"
    assert most(date(2018, 1, 1), date(2019, 1, 1)).startswith("不超过 4.35%")
    assert most(date(2018, 1, 1), date(2019, 1, 2)).startswith("不超过 4.75%")
    assert most(DAY_2022, date(2023, 3, 1)).startswith("不超过 3.7%") or "3.70%" in most(DAY_2022, date(2023, 3, 1))
    assert "4.6" in most(DAY_2022, date(2025, 3, 1))


def test_every_product_has_a_nationwide_policy_from_its_first_day() -> None:
    for product in products():
        policy = policy_on(nationwide(), product.code, COUNTY, BANK, product.valid_from)
        assert policy.cap_fen, product.code
        assert policy.max_months, product.code
        assert policy.max_rate, product.code
        assert (policy.registered is not None) == (product.borrower == "household")
    known = {row.max_rate for row in nationwide() if isinstance(row.max_rate, str)}
    assert known <= set(references())


ROWS = st.builds(
    PolicyRow,
    product=st.sampled_from(["XEXD", "GFNH"]),
    valid_from=st.dates(date(2017, 1, 1), date(2017, 1, 4)),
    source=st.uuids().map(str),
    county=st.sampled_from([COUNTY, "371622"]),
    bank=st.sampled_from([None, BANK, "OTHER"]),
    cap_fen=st.none() | st.integers(1, 9),
    max_months=st.none() | st.integers(1, 9),
) | st.builds(
    PolicyRow,
    product=st.just("XEXD"),
    valid_from=st.dates(date(2017, 1, 1), date(2017, 1, 4)),
    source=st.uuids().map(str),
    cap_fen=st.none() | st.integers(1, 9),
    min_age=st.none() | st.integers(1, 9),
)


@given(
    st.lists(ROWS, max_size=12, unique_by=lambda row: (row.product, row.valid_from, row.county, row.bank)),
    st.dates(date(2016, 12, 31), date(2017, 1, 5)),
)
def test_each_parameter_is_the_newest_of_the_most_specific_place(rows: list[PolicyRow], day: date) -> None:
    policy = policy_on(rows, "XEXD", COUNTY, BANK, day)
    for name in PARAMETERS:
        expected = None
        for place in ((None, None), (COUNTY, None), (COUNTY, BANK)):  # ever more specific, ever newer: the last one stands
            for since in sorted({row.valid_from for row in rows if row.valid_from <= day}):
                for row in rows:
                    if (row.product, row.county, row.bank, row.valid_from) == ("XEXD", *place, since):
                        value = getattr(row, name)
                        expected = expected if value is None else Limit(value, row.source)
        assert getattr(policy, name) == expected


def test_every_parameter_is_shown_under_a_title() -> None:
    assert set(TITLES) == set(PARAMETERS)


def test_a_banks_own_row_names_its_county() -> None:
    with pytest.raises(ValueError, match="county"):
        PolicyRow(product="XEXD", valid_from=FIRST_DAY, source="x", bank=BANK)


def test_a_resident_id_tells_the_birthday_and_a_credit_code_none() -> None:
    stem = "37990119700228001"
    assert birth_date(stem + id_check_digit(stem)) == date(1970, 2, 28)
    assert birth_date("91370000000000000X") is None


def application(book: Book, **changes: object) -> Application:
    made = Application(
        book=book, contract="A1", product="XEXD", household="999", borrower="B000001", fen=5_000_001, rate_ppb=43_500_000,
        drawn_on=FIRST_DAY, maturity=add_months(FIRST_DAY, 37), purpose="建房",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_disbursement_refuses_with_every_rule_that_fails_and_explains_those_that_pass(
    session: Session, city: dict[str, Book]
) -> None:
    one = application(city["LB"])
    with pytest.raises(NotEligible) as refusal:
        disbursement.disburse(session, [one], "t")
    assert [reason.split("：")[0] for reason in refusal.value.reasons] == ["建档立卡", "余额上限", "期限", "用途"]
    assert str(refusal.value).startswith("借据 A1（户 999）不符合贷款条件：建档立卡：不在建档立卡系统中，要求不晚于 2017-01-01")
    (findings,) = admission.explain(session, [one])
    assert [f.rule for f in findings if f.ok] == ["年利率", "逾期罚息", "挪用罚息"]


def test_an_enterprises_loan_is_bound_by_its_own_rows(session: Session, city: dict[str, Book]) -> None:
    one = application(city["LB"], product="FMSC", household=None, fen=1_000_000_001, maturity=date(2018, 1, 1), purpose="")
    with pytest.raises(
        NotEligible, match=r"借据 A1不符合贷款条件：余额上限：.*10,000,000\.01 元，要求合计不超过 10,000,000\.00 元"
    ):
        disbursement.disburse(session, [one], "t")
    (loan,) = disbursement.disburse(session, [replace(one, fen=1_000_000_000)], "t")
    assert disbursement.disburse(session, [replace(one, fen=1_000_000_000)], "t") == [], "made before: no rule looks again"
    assert loan.contract.terms.principal_fen == 1_000_000_000
