"""五级分类: dated rule sets, falling by days past due, rising only by a person, watched after a restructuring."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.calendar import DAY, add_months
from loans.classification import Arrears, Judgement, RiskClass, best_class, classify, rule_sets, rules_on
from loans.events import Disbursed, GraceGranted, LoanEvent, Reclassified, Repaid, Restructured
from loans.life import Horizon, Life
from loans.replay import replay
from loans.terms import GraceKind, LoanTerms, Method, RateStep

DRAWN = date(2022, 3, 15)
NEW = date(2023, 7, 1)
TERMS = LoanTerms(
    product="XEXD", principal_fen=5_000_000, drawn_on=DRAWN, maturity=date(2023, 3, 15), method=Method.BULLET,
    rates=(RateStep(DRAWN, 36_500_000, 36_500_000),),
)  # fmt: skip


def life(closed: date, *events: LoanEvent, terms: LoanTerms = TERMS) -> Life:
    found = replay(terms, [Disbursed(reference="d", value_date=terms.drawn_on, fen=5_000_000), *events], Horizon(closed, closed))
    assert not found.refusals
    return found


def judged(day: date, risk_class: RiskClass) -> Reclassified:
    return Reclassified(reference=f"k{day}", value_date=day, risk_class=risk_class, reason="核查")


@pytest.mark.parametrize(
    ("oldest", "days", "label"),
    [
        (NEW, 0, "正常"), (NEW, 1, "关注"), (NEW, 90, "关注"), (NEW, 91, "次级"), (NEW, 270, "次级"), (NEW, 271, "可疑"),
        (NEW, 360, "可疑"), (NEW, 361, "损失"),
        (date(2017, 1, 1), 91, "次级"), (date(2017, 1, 1), 400, "次级"),  # 2007: worse is judgement
    ],
)  # fmt: skip
def test_the_rules_of_the_day_set_the_floor(oldest: date, days: int, label: str) -> None:
    assert rules_on(oldest).floor(days)[0].label == label
    found = classify(DRAWN.replace(year=2016), [Arrears(oldest, oldest)] if days else [], [], oldest + days * DAY)
    assert found.risk_class.label == label


def test_the_rules_of_2023_reach_a_loan_that_was_late_before() -> None:
    due = date(2023, 3, 15)
    eve = life(NEW - DAY).classified(NEW - DAY)
    assert (eve.risk_class, eve.since) == (RiskClass.SUBSTANDARD, due + 91 * DAY)
    for days, expected in ((270, RiskClass.SUBSTANDARD), (271, RiskClass.DOUBTFUL), (361, RiskClass.LOSS)):
        found = life(due + days * DAY).classified(due + days * DAY)
        assert found.risk_class is expected
    assert found.since == due + 361 * DAY
    assert found.reason == "逾期超过 360 天（令〔2023〕第1号）"


def test_a_cured_loan_stays_down_until_a_person_lifts_it() -> None:
    paid = Repaid(reference="r", value_date=date(2023, 3, 25), fen=5_100_000)
    found = life(date(2023, 4, 30), paid).classified(date(2023, 4, 30))
    assert (found.risk_class, found.since) == (RiskClass.SPECIAL_MENTION, date(2023, 3, 16))
    lifted = life(date(2023, 4, 30), paid, judged(date(2023, 4, 1), RiskClass.NORMAL)).classified(date(2023, 4, 30))
    assert (lifted.risk_class, lifted.since, lifted.reason) == (RiskClass.NORMAL, date(2023, 4, 1), "核查")


def test_nobody_lifts_a_loan_above_what_its_days_allow() -> None:
    late = date(2023, 3, 20)
    refused = replay(TERMS, [Disbursed(reference="d", value_date=DRAWN, fen=5_000_000), judged(late, RiskClass.NORMAL)],
                     Horizon(late - DAY, late - DAY))  # fmt: skip
    assert refused.refusals == ("按逾期天数或重组观察期，最高只能划为关注",)
    assert life(late, judged(late, RiskClass.LOSS)).classified(late).risk_class is RiskClass.LOSS


@pytest.mark.parametrize("kind", GraceKind)
def test_a_grace_never_changes_the_class(kind: GraceKind) -> None:
    drawn = date(2022, 3, 15)
    terms = LoanTerms(
        product="XEXD", principal_fen=5_000_000, drawn_on=drawn, maturity=add_months(drawn, 24), method=Method.EQUAL_PRINCIPAL,
        rates=(RateStep(drawn, 36_500_000),),
    )  # fmt: skip
    late = date(2022, 7, 1)  # the first part was due on the 20th of June
    granted = GraceGranted(reference="g", value_date=late, grace=kind, until=add_months(late, 3))
    for day in (late, late + 40 * DAY, late + 90 * DAY):
        plain, spared = life(day, terms=terms), life(day, granted, terms=terms)
        assert spared.classified(day).risk_class == plain.classified(day).risk_class


@pytest.mark.parametrize(("day", "best", "months"), [(date(2023, 4, 1), "次级", 6), (date(2023, 8, 1), "关注", 12)])
def test_a_restructured_loan_is_watched(day: date, best: str, months: int) -> None:
    anew = Restructured(reference="x", value_date=day, maturity=add_months(day, 24), rate_ppb=30_000_000, gov_ppb=0)
    paid_up = date(2023, 3, 15)
    terms = LoanTerms(
        product="XEXD", principal_fen=5_000_000, drawn_on=DRAWN, maturity=add_months(paid_up, 36), method=Method.BULLET,
        rates=(RateStep(DRAWN, 36_500_000, 36_500_000),),
    )  # fmt: skip
    found = life(day, anew, terms=terms).classified(day)
    assert (found.risk_class.label, found.reason) == (best, "债务重组")
    watch = [Judgement(day, None, "债务重组")]
    assert best_class(add_months(day, months) - DAY, None, watch).label == best
    assert best_class(add_months(day, months), None, watch) is RiskClass.NORMAL


days = st.integers(0, 900).map(lambda number: date(2022, 1, 1) + number * DAY)


@given(
    st.lists(st.tuples(days, st.booleans()), max_size=6),
    st.lists(st.tuples(days, st.sampled_from([None, *RiskClass])), max_size=3),
    days,
)
def test_the_class_is_what_a_walk_through_every_day_finds(
    spells: list[tuple[date, bool]], findings: list[tuple[date, RiskClass | None]], closed: date
) -> None:
    arrears = [Arrears(day, day - 3 * DAY if late else None) for day, late in sorted(dict(spells).items())]
    judgements = [Judgement(day, found, "j") for day, found in sorted(dict(findings).items())]
    held, since, oldest, order = RiskClass.NORMAL, date(2022, 1, 1), None, list(RiskClass)
    day = since
    while day <= closed:
        before = held
        for one in (j for j in judgements if j.day == day):
            held = one.risk_class or max(held, rules_on(day).restructured, key=order.index)
            since = day if one.risk_class or held is not before else since
        oldest = next((a.oldest_due for a in arrears if a.day == day), oldest)
        floor = rules_on(day).floor((day - oldest).days)[0] if oldest else RiskClass.NORMAL
        if order.index(floor) > order.index(held):
            held, since = floor, day
        day += DAY
    found = classify(date(2022, 1, 1), arrears, judgements, closed)
    assert (found.risk_class, found.since) == (held, since)


def test_rule_sets_are_dated_and_worst_first() -> None:
    assert [rules.valid_from for rules in rule_sets()] == sorted(rules.valid_from for rules in rule_sets())
    for rules in rule_sets():
        assert [over for over, _ in rules.floors] == sorted((over for over, _ in rules.floors), reverse=True)
