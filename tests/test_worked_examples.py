"""The worked examples of the field (domain.md 9), to the fen."""

from datetime import date
from fractions import Fraction

from ledger.books import Book, BookKind
from ledger.journal import BookCode
from ledger.money import round_half_up, split_by_shares, split_in_two
from loans.events import Disbursed, LoanEvent, Repaid
from loans.life import Charge, Horizon, Life
from loans.relending.draw import Draw, interest_periods, payable
from loans.replay import replay
from loans.schedule import schedule
from loans.terms import NEVER, CompoundBase, Cycle, Grace, GraceKind, LoanTerms, Method, RateStep, StreamKind, interest_fen

RATE = 43_500_000
DRAWN, MATURITY = date(2017, 3, 15), date(2018, 3, 15)


def e1_terms(gov_ppb: int = 0, compound: CompoundBase = CompoundBase.INTEREST) -> LoanTerms:
    return LoanTerms(
        product="XEXD",
        principal_fen=5_000_000,
        drawn_on=DRAWN,
        maturity=MATURITY,
        method=Method.BULLET,
        rates=(RateStep(DRAWN, RATE, gov_ppb),),
        compound_base=compound,
    )


def closed(day: date) -> Horizon:
    return Horizon(day, day)


def charges(life: Life, kind: StreamKind = StreamKind.CONTRACT) -> list[Charge]:
    return [charge for charge in life.charges if charge.kind is kind]


def e3_events() -> list[LoanEvent]:
    """The E1 loan, its interest paid until 2017-12-20 and nothing after."""
    paid = [
        (date(2017, 3, 21), 3625),
        (date(2017, 6, 21), 55583),
        (date(2017, 9, 21), 55583),
        (date(2017, 12, 21), 54979),
    ]
    events: list[LoanEvent] = [Disbursed(reference="d", value_date=DRAWN, fen=5_000_000)]
    events += [Repaid(reference=f"r{i}", value_date=day, fen=fen) for i, (day, fen) in enumerate(paid)]
    return events


def test_e1_quarterly_interest_by_the_product_method() -> None:
    life = replay(e1_terms(), e3_events(), closed(date(2018, 3, 14)))
    assert [((c.end - c.start).days, c.whole_fen) for c in charges(life)] == [
        (6, 3625), (92, 55583), (92, 55583), (91, 54979), (84, 50750),
    ]  # fmt: skip
    assert sum(c.whole_fen for c in charges(life)) == 220_520
    assert sum(c.whole_units for c in charges(life)) == 1_825_000_000 * RATE
    assert charges(life)[-1].due == MATURITY


def test_e2_grace_then_equal_principal() -> None:
    drawn = date(2017, 5, 10)
    terms = LoanTerms(
        product="GFNH", principal_fen=4_000_000, drawn_on=drawn, maturity=date(2026, 9, 20),
        method=Method.EQUAL_PRINCIPAL, rates=(RateStep(drawn, 49_000_000, 0),),
        graces=(Grace(GraceKind.PRINCIPAL_DEFERRED, drawn, date(2019, 6, 19)),),
    )  # fmt: skip
    events: list[LoanEvent] = [Disbursed(reference="d", value_date=drawn, fen=4_000_000)]
    for number in range(1, 40):
        life = replay(terms, events, closed(date(2027, 1, 1)))
        dues = {c.due: c.whole_fen for c in charges(life)}
        first_open = sorted(dues)[number - 1] if len(dues) >= number else None
        if first_open is None:
            break
        principal = sum(i.instalment.fen for i in life.instalments if i.instalment.nominal == first_open)
        events.append(Repaid(reference=f"r{number:02}", value_date=first_open, fen=dues[first_open] + principal))
    life = replay(terms, events, closed(date(2027, 1, 1)))
    interest = [c.whole_fen for c in charges(life)]
    assert interest[:9] == [22867, 50089, 49544, 49000, 50089, 50089, 49544, 49000, 50089]
    assert sum(interest[:9]) == 420_311
    assert interest[9 - 1 : 13] == [50089, 48419, 46241, 44590, 43410]
    principals = [i.instalment.fen for i in life.instalments]
    assert principals == [133_333] * 29 + [133_343]
    assert sum(interest[9:]) == 721_135
    assert sum(interest) == 1_141_446 == 420_311 + 721_135
    assert life.standing.principal_fen == 0
    assert not charges(life, StreamKind.PENALTY)


def test_e3_overdue_with_compound_interest() -> None:
    paid = Repaid(reference="late", value_date=date(2018, 6, 18), fen=5_137_719)
    life = replay(e1_terms(), [*e3_events(), paid], closed(date(2018, 6, 18)))
    assert [c.whole_fen for c in charges(life, StreamKind.PENALTY)] == [5438, 80656]
    assert [c.whole_fen for c in charges(life, StreamKind.COMPOUND)] == [55, 820]
    assert life.standing.principal_fen == life.standing.excess_fen == 0
    assert not [c for c in life.charges if c.unpaid_fen]

    variant_b = e1_terms(compound=CompoundBase.INTEREST_AND_PENALTY)
    life = replay(variant_b, [*e3_events(), paid], closed(date(2018, 6, 18)))
    assert [c.whole_fen for c in charges(life, StreamKind.COMPOUND)] == [55, 907]


def test_e3_a_late_payment_settles_principal_first_after_ninety_days_and_interest_first_before() -> None:
    late = Repaid(reference="late", value_date=date(2018, 6, 18), fen=500_000)
    life = replay(e1_terms(), [*e3_events(), late], closed(date(2018, 6, 18)))
    assert life.standing.principal_fen == 4_500_000
    assert sum(c.unpaid_fen for c in life.charges) == 50_750 + 86_094 + 875

    interest_first = LoanTerms(
        **{
            **{f: getattr(e1_terms(), f) for f in LoanTerms.__dataclass_fields__},
            "late_order": e1_terms().early_order,
        }
    )
    life = replay(interest_first, [*e3_events(), late], closed(date(2018, 6, 18)))
    assert life.standing.principal_fen == 4_637_719
    assert not [c for c in life.charges if c.unpaid_fen]


def test_e4_of_a_charge_the_whole_and_the_government_part_are_rounded_and_the_borrower_is_the_difference() -> None:
    drawn = date(2017, 3, 21)
    for principal, whole, gov in ((5_000_000, 60_694, 38_333), (1_100_000, 13_353, 8_433)):
        terms = LoanTerms(
            product="XEXD", principal_fen=principal, drawn_on=drawn, maturity=date(2018, 3, 20), method=Method.BULLET,
            rates=(RateStep(drawn, 47_500_000, 30_000_000),),
        )  # fmt: skip
        life = replay(terms, [Disbursed(reference="d", value_date=drawn, fen=principal)], closed(date(2017, 6, 20)))
        (charge,) = life.charges
        assert (charge.whole_fen, charge.gov_fen, charge.unpaid_fen) == (whole, gov, whole - gov)
    assert split_by_shares(60_694, [Fraction(4, 10), Fraction(3, 10), Fraction(3, 10)]) == (24_278, 18_208, 18_208)
    assert split_by_shares(60_695, [Fraction(1, 3)] * 3) == (20_232, 20_232, 20_231)


def test_e5_the_subsidy_stops_at_maturity() -> None:
    events = [Disbursed(reference="d", value_date=DRAWN, fen=5_000_000)]
    life = replay(e1_terms(gov_ppb=RATE), events, closed(date(2018, 3, 20)))
    last = charges(life)[-1]
    assert ((last.end - last.start).days, last.gov_fen, last.unpaid_fen) == (84, 50_750, 0)
    (penalty,) = charges(life, StreamKind.PENALTY)
    assert ((penalty.end - penalty.start).days, penalty.whole_fen, penalty.gov_fen) == (6, 5_438, 0)
    assert not charges(life, StreamKind.COMPOUND)


def test_e6_the_basis_is_principal_and_the_borrowers_own_unpaid_contract_interest() -> None:
    life = replay(e1_terms(), e3_events(), closed(date(2018, 6, 18)))
    assert life.standing.days_past_due(date(2018, 6, 18)) == 95
    basis = life.standing.principal_fen + sum(c.unpaid_fen for c in charges(life))
    assert split_in_two(basis, Fraction(7, 10)) == (3_535_525, 1_515_225)
    subsidised = replay(e1_terms(gov_ppb=RATE), e3_events()[:1], closed(date(2018, 6, 18)))
    basis = subsidised.standing.principal_fen + sum(c.unpaid_fen for c in charges(subsidised))
    assert split_in_two(basis, Fraction(7, 10)) == (3_500_000, 1_500_000)


def test_e7_relending_interest_by_quarter() -> None:
    book = Book(id=1, code=BookCode("LB-371621-X"), kind=BookKind.LOANS, name="", county="371621", bank="X")
    draw = Draw(
        book=book,
        number="1",
        fen=1_000_000_000,
        rate_ppb=17_500_000,
        drawn_on=date(2017, 4, 5),
        due_on=date(2018, 4, 5),
    )
    periods = interest_periods(draw)
    assert [((p.end - p.start).days, p.fen) for p in periods] == [
        (77, 3_743_056), (92, 4_472_222), (91, 4_423_611), (90, 4_375_000), (15, 729_167),
    ]  # fmt: skip
    assert sum(p.fen for p in periods) == 17_743_056
    earned = round_half_up(interest_fen(980_000_000 * RATE * 365, 360))
    assert (earned, earned - 17_743_056) == (43_222_083, 25_479_027)
    assert payable(draw, date(2017, 6, 20)) == 3_743_056
    assert payable(draw, date(2018, 4, 5)) == 0


def test_e8_the_roofs_loan_is_repaid_in_96_parts_and_interest_by_the_month() -> None:
    """The loan of E8: its instalments, what is due each month, and the principal after it."""
    drawn, ends = date(2015, 10, 20), date(2018, 10, 20)
    terms = LoanTerms(
        product="GFNH", principal_fen=4_000_000, drawn_on=drawn, maturity=date(2026, 10, 20), method=Method.EQUAL_PRINCIPAL,
        rates=(RateStep(drawn, 49_000_000, 49_000_000), RateStep(ends, 49_000_000, 0)), rolling=NEVER,
        interest=Cycle(anchor=date(2015, 11, 20)), graces=(Grace(GraceKind.PRINCIPAL_DEFERRED, drawn, ends),),
    )  # fmt: skip
    lines = schedule(terms)
    assert all(line.gov == line.interest for line in lines[:36]), "government pays through the grace"
    assert [int(line.principal) for line in lines[36:]] == [41_667] * 95 + [41_635]
    winter = lines[36:39]
    assert [(line.due, int(line.interest), int(line.payment)) for line in winter] == [
        (date(2018, 11, 20), 16_878, 58_545), (date(2018, 12, 20), 16_163, 57_830), (date(2019, 1, 20), 16_526, 58_193),
    ]  # fmt: skip
    events: list[LoanEvent] = [Disbursed(reference="d", value_date=drawn, fen=4_000_000)]
    left = []
    for line in winter:
        events.append(Repaid(reference=f"r{line.number}", value_date=line.due, fen=int(line.payment)))
        left.append(replay(terms, events, closed(line.due)).standing.principal_fen)
    assert left == [3_958_333, 3_916_666, 3_874_999]
