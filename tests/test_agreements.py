"""Agreements in mid-life: an extension and a restructuring are measured by the policy of their day, rule by rule."""

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_replay_laws import close
from test_subsidy import E1_DRAWN, RATE, Bank

from ledger.books import Book
from ledger.calendar import DAY, add_months
from loans import servicing
from loans.errors import NotEligible
from loans.events import Extended, Restructured
from loans.policy.loading import load
from loans.policy.parameters import PolicyRow, nationwide, policy_on
from loans.queries import contracts
from loans.servicing import extend, restructure
from registry import households
from registry.cipher import Cipher
from registry.identity import id_check_digit

SIGNED = date(2017, 6, 1)
_TURN_AWAY = text(
    "INSERT INTO registry.standard (code, name, line_fen, credit_eligible, valid_from) "
    "SELECT code, name, line_fen, false, :day FROM registry.standard WHERE code = 'national' LIMIT 1"
)
THREE_YEARS = add_months(E1_DRAWN, 36)


@pytest.fixture
def bank(session: Session, city: dict[str, Book], cipher: Cipher) -> Bank:
    return Bank(session, city, cipher)


def reasons(refusal: pytest.ExceptionInfo[NotEligible]) -> list[str]:
    return [reason.split("：")[0] for reason in refusal.value.reasons]


def test_an_extension_names_every_rule_of_its_days_policy_that_fails_with_its_document(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, THREE_YEARS)
    close(session, E1_DRAWN, SIGNED - DAY)
    far = add_months(E1_DRAWN, 55)
    with pytest.raises(NotEligible) as refusal:
        extend(session, [(loan, "x", SIGNED, far, 360_000_000)], "t")
    assert refusal.value.reasons == [
        "期限：2017-06-01 至 2021-10-15，要求不超过 36 个月（国开办发〔2014〕78号）",
        "年利率：36.00%，要求不超过 4.75%（产品规定（推定，待核实））",
        "展期期限：2020-03-15 至 2021-10-15，要求不晚于 2021-09-14（原期限的 50%）（贷款通则）",
    ]
    (booked,) = extend(session, [(loan, "x", SIGNED, add_months(SIGNED, 36), 47_500_000)], "t")
    assert booked.life.terms.maturity == date(2020, 6, 1)
    assert extend(session, [(loan, "x", SIGNED, add_months(SIGNED, 36), 47_500_000)], "t") == [], (
        "made before: no rule looks again"
    )


def test_the_rate_of_an_extension_is_measured_by_its_own_day_over_the_whole_term(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, add_months(E1_DRAWN, 6), rate_ppb=47_500_000)  # as the county's document had it then
    day = add_months(E1_DRAWN, 6) - DAY
    close(session, E1_DRAWN, day - DAY)
    with pytest.raises(
        NotEligible, match=r"年利率：4\.75%，要求不超过 4\.35%（2017-09-14 贷款基准利率，12 个月）（银监发〔2017〕42号）"
    ):
        extend(session, [(loan, "x", day, add_months(E1_DRAWN, 12), 47_500_000)], "t")
    with pytest.raises(NotEligible, match="年利率"):
        extend(session, [(loan, "x", day, add_months(E1_DRAWN, 12), None)], "t")
    (booked,) = extend(session, [(loan, "x", day, add_months(E1_DRAWN, 12), RATE)], "t", dry_run=True)
    assert [int(step.rate_ppb) for step in booked.life.terms.rates] == [47_500_000, RATE], "what ran until then stays"


def test_who_is_no_longer_eligible_is_neither_extended_nor_restructured(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, THREE_YEARS)
    close(session, E1_DRAWN, SIGNED - DAY)
    load(
        session,
        PolicyRow(product="XEXD", valid_from=SIGNED, source="惠扶组〔2017〕3号", county="371621", max_rate=40_000_000),
        "t",
    )
    session.execute(_TURN_AWAY, {"day": SIGNED})
    with pytest.raises(NotEligible) as refusal:
        extend(session, [(loan, "x", SIGNED, add_months(SIGNED, 36), RATE)], "t")
    assert reasons(refusal) == ["识别标准", "年利率"]
    new = Restructured(reference="y", value_date=SIGNED, maturity=add_months(SIGNED, 37), rate_ppb=RATE, gov_ppb=0)
    with pytest.raises(NotEligible) as refusal:
        restructure(session, loan, new, "t")
    assert reasons(refusal) == ["识别标准", "期限", "年利率"]
    assert "惠扶组〔2017〕3号" in refusal.value.reasons[2]


def test_how_often_is_bound_from_the_day_its_document_says(session: Session, bank: Bank) -> None:
    assert policy_on(nationwide(), "XEXD", "371621", None, date(2021, 3, 3)).max_extensions is None
    once = policy_on(nationwide(), "XEXD", "371621", None, date(2021, 3, 4)).max_extensions
    assert once is not None
    assert (once.value, once.source) == (1, "银保监发〔2021〕6号（推定，待核实）")
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, THREE_YEARS)
    close(session, E1_DRAWN, SIGNED - DAY)
    both = [(loan, name, SIGNED, add_months(THREE_YEARS, n), RATE) for n, name in enumerate("xy", start=1)]
    assert len(extend(session, both, "t", dry_run=True)) == 2
    load(
        session, PolicyRow(product="XEXD", valid_from=SIGNED, source="惠扶组〔2017〕3号", county="371621", max_extensions=1), "t"
    )
    with pytest.raises(NotEligible, match="展期续贷次数：已 1 次，要求合计不超过 1 次（惠扶组〔2017〕3号）"):
        extend(session, both, "t")
    (booked,) = extend(session, both[:1], "t")
    assert isinstance(booked.event, Extended)


def test_an_heir_out_of_the_register_goes_on_without_subsidy(session: Session, bank: Bank) -> None:
    bank.begin(E1_DRAWN)
    loan = bank.lend("C1", E1_DRAWN, THREE_YEARS)
    close(session, E1_DRAWN, SIGNED - DAY)
    stem = "37990119850101001"
    person = ("household", stem + id_check_digit(stem), "李继承", None)
    ((_, other),) = households.add_borrowers(session, bank.cipher, "371621", [person]).items()
    servicing.inherit(session, loan, "h", SIGNED, other, "t", subsidised=False)
    loan = contracts(session, [loan.key])[loan.key]
    (booked,) = extend(session, [(loan, "x", SIGNED, add_months(SIGNED, 36), RATE)], "t")
    assert isinstance(booked.event, Extended)
    assert booked.event.gov_ppb == 0
    assert not any(step.gov_ppb for step in booked.life.terms.rates if step.start >= SIGNED)
