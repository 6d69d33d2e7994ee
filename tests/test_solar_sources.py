"""Who helps a roof in the dark: pools that may advance, a pool of its own, the company; agreements and money that are refused."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from conftest import open_city
from roofs import E8, METER, START, allow_advances, comes, held, pool_that_advances, reads, roof, rungs
from sqlalchemy.orm import Session
from test_loan_life import close_nights, failing, paid_in

from guarantees.advance import PoolAdvance, may_advance
from guarantees.agreement import open_pool
from guarantees.errors import AdvanceRefused
from ledger.books import Book, BookKind, open_book
from ledger.errors import FutureDate
from ledger.journal import BookCode
from loans.queries import horizon_now, lives
from solar.advance import Advance, NoAdvance
from solar.agreeing import Agreed, Contribution, agree, contribute
from solar.agreement import Agreement, Phase, Share, Source
from solar.correcting import Corrected, correct
from solar.errors import AgreementRefused, CorrectionRefused
from solar.forecast import Alert, alerts
from solar.metering import Reading, read

DUE = date(2018, 11, 20)
ONLY_POOL = replace(E8, sources=(Source.POOL,), reserve_fen=0)


@pytest.fixture
def city(session: Session) -> dict[str, Book]:
    """One county's books, begun before the first instalment of E8."""
    return open_city(session, START)


def test_a_pool_advances_nothing_unless_its_terms_allow_it(session: Session, city: dict[str, Book]) -> None:
    open_pool(session, city["RCF"], "HMRCB", share_ppb=700_000_000, leverage=10)
    paid_in(session, city["RCF"], 1_000_000, START)
    contract = roof(session, city, ONLY_POOL)
    asked = Advance(contract=contract, reference="x", value_date=START, fen=1, event="x", meter=METER)
    for advance in (PoolAdvance(), NoAdvance()):
        assert advance.rooms(session, [("371621", "HMRCB")]) == {}
        with pytest.raises((AdvanceRefused, NotImplementedError)):
            advance.advance(session, [asked])
    with pytest.raises(NotImplementedError):
        NoAdvance().refill(session, [asked])
    close_nights(session, START, DUE)
    assert not failing(session)
    assert rungs(session) == [(DUE, "overdue", 58_545)]
    standing = lives(session, [contract.key], horizon_now(session))[contract.key].standing
    assert (standing.overdue_fen, standing.oldest_due) == (41_667, DUE)
    assert held(session, city["RCF"], "1036.02") == 0


def test_a_pool_advances_what_the_loans_that_it_covers_leave_and_the_next_roof_gets_the_rest(
    session: Session, city: dict[str, Book]
) -> None:
    """Two roofs owe 585.45 each; the pool's cash carries 80,000 元 of loans at ten times, and 800.00 is beyond that."""
    pool_that_advances(session, city, 880_000)
    roof(session, city, ONLY_POOL, "M1", "G1")
    roof(session, city, ONLY_POOL, "M2", "G2")
    close_nights(session, START, DUE)
    assert not failing(session)
    assert rungs(session, "M1") == [(DUE, "pool", 58_545)]
    assert rungs(session, "M2") == [(DUE, "pool", 21_455), (DUE, "overdue", 37_090)]
    assert held(session, city["RCF"], "1004") == 800_000


def test_a_pool_of_its_own_advances_before_the_one_that_covers_loans(session: Session, city: dict[str, Book]) -> None:
    own = open_book(session, BookCode("RCF-371621-GF"), BookKind.COMPENSATION, "惠民县光伏保障金", "371621", None, "fund-2016")
    open_pool(session, city["RCF"], "HMRCB", share_ppb=700_000_000, leverage=10)
    open_pool(session, own, "HMRCB", share_ppb=0, leverage=1)
    paid_in(session, city["RCF"], 1_000_000, START)
    allow_advances(session)
    assert [one.book.code for one in may_advance(session)[("371621", "HMRCB")]] == [own.code, city["RCF"].code]
    roof(session, city, ONLY_POOL)
    reads(session, date(2018, 10, 1), 400)
    paid_in(session, own, 100_000, START)
    close_nights(session, START, DUE)
    comes(session, date(2018, 10, 1), date(2018, 11, 21), subsidy=18_204)
    close_nights(session, date(2018, 11, 21), date(2018, 11, 21))
    assert not failing(session)
    assert rungs(session) == [(DUE, "pool", 58_545), (date(2018, 11, 21), "refill_pool", 15_473)]
    assert (held(session, own, "1036.02"), held(session, city["RCF"], "1036.02")) == (43_072, 0)
    assert (held(session, own, "1004"), held(session, city["RCF"], "1004")) == (56_928, 1_000_000)


def test_the_company_makes_good_is_repaid_by_later_sun_and_then_the_loan_is_paid_beyond_its_dues(
    session: Session, city: dict[str, Book]
) -> None:
    contract = roof(session, city, replace(E8, sources=(Source.COMPANY,), reserve_fen=0, settles=E8.settles))
    laid_down = Contribution(meter=METER, source=Source.COMPANY, reference="Q1", paid_on=START, fen=50_000)
    assert contribute(session, [laid_down, laid_down], "甲") == [laid_down]
    assert contribute(session, [laid_down], "甲") == []
    close_nights(session, START, DUE)
    assert rungs(session) == [(DUE, "company", 50_000), (DUE, "overdue", 8_545)]
    for month in (date(2018, 3, 1), date(2018, 4, 1), date(2018, 5, 1)):
        reads(session, month, 700)
        comes(session, month, date(2018, 11, 21), coal=27_643, subsidy=31_857)
    close_nights(session, date(2018, 11, 21), date(2018, 11, 21))
    assert not failing(session)
    loan_share = 3 * 50_575
    rest = loan_share - 8_547 - 50_000  # 2 fen of penalty and compound interest for a day
    day = date(2018, 11, 21)
    assert rungs(session)[2:] == [(day, "share", 8_547), (day, "refill_company", 50_000), (day, "extra", rest)]
    assert (held(session, city["PVA"], "2017.08"), held(session, city["PVA"], "2017.04")) == (0, 0)
    standing = lives(session, [contract.key], horizon_now(session))[contract.key].standing
    assert standing.overdue_fen == 0
    assert standing.principal_fen < 4_000_000 - 41_667


def agreed(terms: Agreement, **other: object) -> Agreed:
    facts = {"meter": METER, "valid_from": START, "document": "D1", "why": "签订", "terms": terms}
    return Agreed(**facts | other)  # type: ignore[arg-type]


TWICE = Phase(percents={Share.LOAN: 85, Share.HOUSEHOLD: 15})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (agreed(E8, document=" "), "文号"),
        (agreed(E8, why=""), "理由"),
        (agreed(E8, meter="M9"), "没有登记"),
        (agreed(E8, valid_from=date(2018, 10, 31)), "不得早于"),
        (agreed(replace(E8, phases=(Phase(percents={Share.LOAN: 85}),))), "100%"),
        (agreed(replace(E8, phases=(Phase(percents={Share.LOAN: 110, Share.HOUSEHOLD: -10}),))), "100%"),
        (agreed(replace(E8, phases=(TWICE, TWICE))), "阶段"),
        (agreed(replace(E8, phases=(replace(TWICE, from_year=2),))), "阶段"),
        (agreed(replace(E8, phases=(TWICE, replace(TWICE, after_loan=True)))), "还清"),
        (agreed(replace(E8, floor_fen=-1)), "保底"),
        (agreed(replace(E8, sources=(Source.POOL, Source.POOL), reserve_fen=0)), "重复"),
        (agreed(replace(E8, reserve_fen=0)), "额度"),
    ],
)
def test_an_agreement_that_cannot_be_kept_is_refused(session: Session, city: dict[str, Book], wrong: Agreed, reason: str) -> None:
    roof(session, city, None)
    with pytest.raises(AgreementRefused, match=reason):
        agree(session, [wrong], "甲")


def test_the_latest_agreement_of_a_day_holds_and_the_same_one_is_recorded_once(session: Session, city: dict[str, Book]) -> None:
    roof(session, city)
    assert agree(session, [agreed(E8, document="惠光扶〔2018〕1号")], "乙") == []
    half = replace(E8, phases=(Phase(percents={Share.LOAN: 50, Share.HOUSEHOLD: 50}),))
    assert len(agree(session, [agreed(half, document="D2", why="调整比例")], "乙")) == 1
    reads(session, date(2018, 10, 1), 400)
    comes(session, date(2018, 10, 1), START, coal=15_796)
    assert (held(session, city["PVA"], "2017.04"), held(session, city["PVA"], "2017.03")) == (7_898, 7_898)


def test_money_and_corrections_that_cannot_be_are_refused(session: Session, city: dict[str, Book]) -> None:
    roof(session, city)
    good = Contribution(meter=METER, source=Source.RESERVE, reference="Z1", paid_on=START, fen=60_000)
    contribute(session, [good], "甲")
    for wrong, reason in (
        (replace(good, fen=1), "已用于"), (replace(good, reference="Z2", fen=0), "大于零"),
        (replace(good, reference="Z2", source=Source.POOL), "只有"), (replace(good, meter="M9"), "没有登记"),
    ):  # fmt: skip
        with pytest.raises(AgreementRefused, match=reason):
            contribute(session, [wrong], "甲")
    with pytest.raises(FutureDate):
        contribute(session, [replace(good, reference="Z2", paid_on=date(2018, 11, 2))], "甲")
    reads(session, date(2018, 10, 1), 400)
    comes(session, date(2018, 10, 1), START, coal=10_000)
    right = Corrected(meter=METER, reference="201810A", received_on=START, coal_fen=15_796, subsidy_fen=0)
    for bad, reason in (
        (replace(right, reference="X"), "没有流水号"),
        (replace(right, coal_fen=10_000), "无需"), (replace(right, coal_fen=-1), "为负"), (replace(right, meter="M9"), "没有登记"),
    ):  # fmt: skip
        with pytest.raises(CorrectionRefused, match=reason):
            correct(session, bad, "甲")
    with pytest.raises(FutureDate):
        correct(session, replace(right, received_on=date(2018, 11, 2)), "甲")
    correct(session, replace(right, coal_fen=0), "甲")  # it never came
    assert (held(session, city["PVA"], "2017.04"), held(session, city["PVA"], "1036.05")) == (0, 15_796)
    assert not failing(session)


def test_two_months_in_a_row_below_the_forecast_raise_an_alert(session: Session, city: dict[str, Book]) -> None:
    """5 kW in their second year are expected to bring 399.37, 357.01 and 381.22 kWh: 6,093.75 × 0.993 × 6.6, 5.9 and 6.3 %."""
    for meter, name in (("M1", "G1"), ("M2", "G2"), ("M3", "G3"), ("M4", "G4")):
        roof(session, city, None, meter, name)
    said = {"M1": (200, 250, 270), "M2": (250, 280, 320), "M3": (None, 280, 30), "M4": (300, 280, 200)}
    for meter, figures in said.items():
        for month, kwh in zip((date(2017, 11, 1), date(2017, 12, 1), date(2018, 1, 1)), figures, strict=True):
            if kwh is not None:
                read(session, [Reading(meter=meter, month=month, kwh=Decimal(kwh), coal_fen=1, subsidy_fen=1)], "t")
    found = alerts(session, [city["PVA"]], date(2018, 1, 31))

    def told(one: Alert) -> tuple[str, list[int], str]:
        return one.months[-1].station.meter, [month.percent for month in one.months], one.reason

    assert [told(one) for one in found] == [
        ("M1", [50, 70, 70], "出力持续偏低：遮挡、积灰或故障"), ("M3", [78, 7], "停机或通信中断"),
        ("M4", [75, 78, 52], "出力继续下降：设备故障或窃电"),
    ]  # fmt: skip
    assert alerts(session, [city["PVA"]], date(2017, 11, 30)) == []
    assert len(alerts(session, [city["PVA"]], date(2018, 1, 31), below=90)) == 4
