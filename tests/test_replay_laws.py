"""Laws of a loan's life: replay against an oracle that walks every day, and what holds whatever happens to a loan.

The cases are random loans with random lives, drawn towards the days on which rules meet: the 20th, the eve of a maturity,
a holiday maturity, the 90th and 91st day past due. At the end a small portfolio lives through its nights in the books, so
that the night's SQL and replay are held against each other. What fails today is marked as such, with its reason.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import oracle as plain
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from sqlalchemy.orm import Session
from test_loan_life import close_nights

import ledger.queries
from app import wiring
from ledger.books import Book
from ledger.business_day import flip
from ledger.calendar import DAY, following_working_day
from ledger.journal import BookCode, Dimensions, Posting, Side
from ledger.money import round_half_up
from ledger.posting import take_sequence
from loans.allocation import allocate
from loans.booking import Booked, book_events, difference
from loans.contract import Contract, terms_to_json
from loans.entries import COST_ADVANCED, EXCESS, MEMO_WRITTEN_OFF, PRINCIPAL, RECEIVABLE, SUBSIDY_RECEIVABLE, postings
from loans.errors import CloseUnderWay, EventRefused, EventReused, LoanError
from loans.events import (
    CostAdvanced,
    Disbursed,
    Extended,
    GraceGranted,
    Inherited,
    LoanEvent,
    MisuseFound,
    Prepayment,
    RateSet,
    Refunded,
    Repaid,
    Restructured,
    Reversed,
    SubsidyRefused,
    TakenOver,
    WrittenOff,
)
from loans.life import Horizon, Life, StreamLines
from loans.movements import InterestCapitalised, LoanPaidOut, LoanWrittenOff, PaidIn, RecoveredAfterWriteOff, State
from loans.queries import events_of, horizon_now, lives
from loans.replay import replay
from loans.tables import loan as loan_table
from loans.terms import (
    AT_MATURITY,
    NEVER,
    NON_ACCRUAL_AFTER_DAYS,
    QUARTERS,
    Component,
    CompoundBase,
    Convention,
    Cycle,
    DayCount,
    Grace,
    GraceKind,
    LoanTerms,
    Method,
    RateStep,
    Rolling,
    StreamKind,
    interest_fen,
    is_settlement_day,
    last_settlement_before,
    settlement_days,
)
from loans.terms.rolling import falling_due_on

RATE = 43_500_000
LAWS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@dataclass(frozen=True)
class Case:
    """A loan, all that happened to it, and the last day closed."""

    terms: LoanTerms
    events: tuple[LoanEvent, ...]
    closed: date

    @property
    def last_event(self) -> date:
        return max(event.value_date for event in self.events)

    def life(self, closed: date | None = None) -> Life:
        return replay(self.terms, self.events, nights(closed or self.closed))

    def oracle(self) -> plain.Oracle:
        return plain.Oracle(self.terms, following_working_day).live(self.events, self.closed)


def nights(closed: date) -> Horizon:
    return Horizon(closed, closed)


# --- random loans ----------------------------------------------------------------------------------------------------

percents = st.integers(1, 2_000).map(lambda n: n * 50_000)  # up to 10 %, and penalty rates stay whole


ROLLINGS = (
    AT_MATURITY,
    NEVER,
    Rolling(convention=Convention.FOLLOWING),
    Rolling(convention=Convention.FOLLOWING, calculates_nominal=True),
)


@st.composite
def loan_terms(draw: st.DrawFn) -> LoanTerms:
    drawn = draw(st.dates(date(2016, 1, 1), date(2018, 12, 31)))
    method = draw(st.sampled_from([Method.BULLET, Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT, Method.AT_MATURITY]))
    interest = draw(st.just(QUARTERS) | st.builds(Cycle, anchor=st.dates(drawn + DAY, drawn + 95 * DAY), every=st.integers(1, 6)))
    rate = draw(st.sampled_from([43_500_000, 49_000_000]) | percents)
    shares = draw(st.lists(st.sampled_from([0, 30, 50, 100]), min_size=1, max_size=3))
    starts = [drawn, *sorted(draw(st.sets(st.integers(1, 900), min_size=len(shares) - 1, max_size=len(shares) - 1)))]
    steps = [
        RateStep(start if isinstance(start, date) else drawn + start * DAY, rate, rate * share // 100)
        for start, share in zip(starts, shares, strict=True)
    ]
    maturity = drawn + draw(st.integers(1, 700)) * DAY
    graces: tuple[Grace, ...] = ()
    if method in (Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT):
        maturity = drawn + draw(st.integers(100, 1_000)) * DAY
        latest = settlement_days(drawn + DAY, maturity + DAY)[-1] - DAY
        if latest > drawn:
            graces = draw(st.just(()) | st.dates(drawn + DAY, latest).map(lambda day: (principal_deferred(drawn, day),)))
    of_interest = st.sampled_from([GraceKind.INTEREST_DEFERRED, GraceKind.INTEREST_CAPITALISED, GraceKind.INTEREST_FREE])
    if method is not Method.AT_MATURITY and draw(st.integers(0, 4)) == 0:
        graces = (*graces, Grace(draw(of_interest), drawn, drawn + draw(st.integers(1, 200)) * DAY))
    return LoanTerms(
        product="XEXD", principal_fen=draw(st.sampled_from([5_000_000, 1_100_000]) | st.integers(1, 10_000_000)),
        drawn_on=drawn, maturity=maturity, method=method, rates=tuple(steps),
        penalty_percent=draw(st.sampled_from([150, 130, 200])), compound_base=draw(st.sampled_from(CompoundBase)),
        interest=interest, day_count=draw(st.sampled_from(DayCount)), rolling=draw(st.sampled_from(ROLLINGS)),
        graces=graces, household_first=draw(st.sampled_from([False, False, False, True])),
    )  # fmt: skip


def principal_deferred(start: date, end: date) -> Grace:
    return Grace(GraceKind.PRINCIPAL_DEFERRED, start, end)


@st.composite
def cases(draw: st.DrawFn, most: int = 6) -> Case:
    terms = draw(loan_terms())
    drawn = draw(st.sampled_from([terms.principal_fen, terms.principal_fen, (terms.principal_fen + 1) // 2]))
    events: list[LoanEvent] = [Disbursed(reference="d", value_date=terms.drawn_on, fen=drawn)]
    day = terms.drawn_on
    for number in range(draw(st.integers(0, most))):
        day = draw(_next_day(terms, events, day))
        event = draw(_event(terms, events, day, f"{draw(st.integers(0, 3))}/{number}"))
        if not replay(terms, [*events, event], nights(day - DAY)).refusals:
            events.append(event)
    for event in draw(st.lists(st.sampled_from(events), max_size=1)):
        if not isinstance(event, Disbursed):
            undone = Reversed(reference=f"{event.reference}/reversed", value_date=day, of=event.reference)
            if not replay(terms, [*events, undone], nights(day - DAY)).refusals:
                events.append(undone)
    closed = day - DAY + draw(st.sampled_from([0, 1, 2, 91]) | st.integers(0, 400)) * DAY
    return Case(terms, tuple(events), closed)


def _next_day(terms: LoanTerms, events: Sequence[LoanEvent], day: date) -> st.SearchStrategy[date]:
    """Draw the day of the next event: any, or near a day on which a rule bites."""
    life = replay(terms, events, nights(day))
    marks = [settlement_days(day, day + 100 * DAY)[0]]
    marks += [following_working_day(i.instalment.nominal) for i in life.instalments if i.instalment.nominal >= day][:1]
    marks += [i.instalment.nominal for i in life.instalments if i.instalment.nominal >= day][:1]
    if life.standing.oldest_due:
        marks.append(life.standing.oldest_due + 91 * DAY)
    near = [mark + shift * DAY for mark in marks for shift in (-2, -1, 0, 1, 2) if mark + shift * DAY >= day]
    return st.sampled_from(near) | st.integers(0, 150).map(lambda gap: day + gap * DAY)


def _event(terms: LoanTerms, events: Sequence[LoanEvent], day: date, name: str) -> st.SearchStrategy[LoanEvent]:
    """Draw an event that suits the loan as it stands."""
    life = replay(terms, events, nights(day - DAY))
    found, last = life.standing, life.instalments[-1].instalment
    interest = sum(charge.unpaid_fen for charge in life.charges)
    due = found.cost_fen + interest + sum(i.instalment.fen - i.paid_fen for i in life.instalments if i.instalment.nominal <= day)
    whole = found.cost_fen + interest + found.principal_fen
    amounts = [1, due - 1, due, due + 1, interest, whole - 1, whole, whole + 50_000, found.principal_fen, whole // 2]
    paid = st.sampled_from([fen for fen in amounts if fen > 0]) | st.integers(1, 2 * terms.principal_fen)
    pay = st.builds(
        lambda fen, how: Repaid(reference=name, value_date=day, fen=fen, prepays=how), paid, st.sampled_from(Prepayment)
    )
    kinds: list[st.SearchStrategy[LoanEvent]] = [pay, pay, pay]
    kinds.append(st.integers(1, 100_000).map(lambda fen: CostAdvanced(reference=name, value_date=day, fen=fen)))
    if found.excess_fen:
        kinds.append(st.integers(1, found.excess_fen).map(lambda fen: Refunded(reference=name, value_date=day, fen=fen)))
    drawn = sum(event.fen for event in events if isinstance(event, Disbursed))
    if drawn < terms.principal_fen:
        kinds.append(st.just(Disbursed(reference=name, value_date=day, fen=terms.principal_fen - drawn)))
    kinds.append(st.just(MisuseFound(reference=name, value_date=day)))
    kinds.append(
        st.booleans().map(
            lambda goes_on: Inherited(
                reference=name, value_date=day, borrower="B2", household="H2", from_borrower="B1", from_household="H1",
                subsidised=goes_on,
            )
        )
    )  # fmt: skip
    government = sum(charge.gov_fen for charge in life.charges)
    kinds.append(
        st.builds(
            lambda fen, stops: SubsidyRefused(reference=name, value_date=day, fen=fen, stops=stops, reason="查实不符"),
            st.sampled_from([0, government]) | st.integers(0, government),
            st.booleans(),
        )
    )
    kinds.append(
        st.builds(
            lambda rate, share, later: RateSet(
                reference=name,
                value_date=day,
                rate_ppb=rate,
                gov_ppb=rate * share // 100,
                later=tuple((day + days * DAY, rate * part // 100) for days, part in sorted(later.items())),
            ),
            percents,
            st.sampled_from([0, 50, 100]),
            st.dictionaries(st.integers(1, 500), st.sampled_from([0, 50, 100]), max_size=2),
        )
    )
    kinds.append(
        st.builds(
            lambda kind, days: GraceGranted(reference=name, value_date=day, grace=kind, until=day + days * DAY),
            st.sampled_from(GraceKind),
            st.integers(1, 200),
        )
    )
    if found.principal_fen and found.state is not State.WRITTEN_OFF:
        later = st.integers(1, 400).map(lambda days: max(last.nominal, day) + days * DAY)
        kinds.append(
            st.builds(
                lambda maturity, rate, share: Extended(
                    reference=name, value_date=day, maturity=maturity, rate_ppb=rate, gov_ppb=rate * share // 100
                ),
                later,
                percents,
                st.sampled_from([0, 50, 100]),
            )
        )
        kinds.append(
            st.builds(
                lambda days, rate, method, months, deferred: Restructured(
                    reference=name, value_date=day, maturity=day + days * DAY, rate_ppb=rate, gov_ppb=0, method=method,
                    every_months=months, principal_from=day + deferred * DAY if deferred else None,
                ),
                st.integers(1, 800), percents, st.sampled_from([None, Method.EQUAL_PRINCIPAL, Method.EQUAL_INSTALMENT]),
                st.sampled_from([None, 1, 3]), st.sampled_from([0, 0, 0, 100]),
            )
        )  # fmt: skip
    if found.state is State.NON_ACCRUAL:
        kinds.append(
            st.integers(0, found.principal_fen).map(
                lambda fen: WrittenOff(reference=name, value_date=day, pool_fen=fen, pool_share_ppb=700_000_000)
            )
        )
    return st.one_of(kinds)


# --- replay against the oracle ---------------------------------------------------------------------------------------


def by_replay(life: Life) -> dict[str, object]:
    """Return what both must say, as replay says it."""
    standing = life.standing
    return {
        "charges": Counter((c.kind.value, c.end, c.due, c.whole_fen, c.gov_fen, c.paid_fen) for c in life.charges),
        "instalments": [(i.instalment.nominal, i.instalment.fen, i.paid_fen) for i in life.instalments],
        "principal": standing.principal_fen, "overdue": standing.overdue_fen, "oldest due": standing.oldest_due,
        "state": standing.state.value, "cost": standing.cost_fen, "excess": standing.excess_fen,
        "given up": standing.given_up_fen,
    }  # fmt: skip


def by_oracle(told: plain.Oracle) -> dict[str, object]:
    return {
        "charges": Counter((b.kind, b.until, b.due, b.whole, b.gov, b.paid) for b in told.bills),
        "instalments": [(p.nominal, p.fen, p.paid) for p in told.parts],
        "principal": told.principal(), "overdue": told.overdue(), "oldest due": told.oldest_due(), "state": told.state,
        "cost": told.cost, "excess": told.excess, "given up": told.given_up,
    }  # fmt: skip


@settings(LAWS, max_examples=300)
@given(cases())
def test_replay_and_the_oracle_tell_the_same_life(case: Case) -> None:
    told = case.oracle()
    assert by_replay(case.life()) == by_oracle(told)


@LAWS
@given(cases())
def test_streams_are_the_oracles_days_and_a_charge_is_its_days(case: Case) -> None:
    told, life = case.oracle(), case.life()
    for (kind, day), (base, rate, gov) in told.daily.items():
        running = [s for s in life.streams if s.kind.value == kind and s.days(day, day + DAY)]
        assert len(running) <= 1, "streams of a kind never overlap"
        assert [(s.base_fen, s.rate_ppb, s.gov_ppb) for s in running] == ([(base, rate, gov)] if base else [])
    for charge in life.charges:
        mine = [s for s in life.streams if s.kind is charge.kind]
        read = case.terms.count_of(charge.kind).clock(case.terms.drawn_on)
        days = [(s, s.ticks(read, charge.start, charge.end)) for s in mine]
        assert charge.whole_units == sum(s.base_fen * s.rate_ppb * n for s, n in days)
        assert charge.gov_units == sum(s.base_fen * s.gov_ppb * n for s, n in days)
    for kind in StreamKind:
        mine_charged = sorted((c.start, c.end) for c in life.charges if c.kind is kind)
        assert all(a[1] <= b[0] for a, b in pairwise(mine_charged)), "no day is charged twice"


def test_government_pays_its_part_of_what_ran_up_before_an_interest_that_becomes_principal() -> None:
    """Subsidy has ended, but what ran up under it is still government's when a grace turns the rest into principal."""
    start = date(2016, 8, 21)
    terms = replace(
        bullet(start, date(2017, 2, 17)), method=Method.EQUAL_INSTALMENT, interest=Cycle(anchor=date(2016, 9, 15), every=5),
        rates=(RateStep(start, RATE, 13_050_000), RateStep(date(2016, 9, 16), RATE, 0)),
    )  # fmt: skip
    capitalised = GraceGranted(
        reference="1", value_date=date(2016, 10, 25), grace=GraceKind.INTEREST_CAPITALISED, until=date(2017, 2, 16)
    )
    deferred = GraceGranted(
        reference="2", value_date=date(2017, 2, 14), grace=GraceKind.INTEREST_DEFERRED, until=date(2017, 2, 15)
    )
    case = Case(terms, (drawn(terms), capitalised, deferred), date(2017, 2, 15))
    assert by_replay(case.life()) == by_oracle(case.oracle())


def test_events_of_one_rank_go_by_their_references_whichever_kind_they_are() -> None:
    """Restructured by reference 1 and extended by reference 2 on one day: the extension's maturity holds."""
    start, day = date(2018, 10, 5), date(2018, 11, 20)
    terms = replace(bullet(start, date(2019, 6, 13)), method=Method.AT_MATURITY)
    extended = Extended(reference="2", value_date=day, maturity=date(2020, 5, 4), rate_ppb=37_550_000, gov_ppb=0)
    restructured = Restructured(
        reference="1", value_date=day, maturity=date(2019, 10, 20), rate_ppb=69_100_000, gov_ppb=0,
        method=Method.EQUAL_INSTALMENT,
    )  # fmt: skip
    case = Case(terms, (drawn(terms), extended, restructured), date(2019, 3, 23))
    assert case.life().instalments[-1].instalment.nominal == date(2020, 5, 4)
    assert by_replay(case.life()) == by_oracle(case.oracle())


# --- laws ------------------------------------------------------------------------------------------------------------


@LAWS
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_in_which_events_arrive_does_not_matter(case: Case, luck: random.Random) -> None:
    shuffled = list(case.events)
    luck.shuffle(shuffled)
    assert replay(case.terms, shuffled, nights(case.closed)) == case.life()


@LAWS
@given(cases())
def test_principal_is_what_the_movements_say_and_no_payment_is_lost(case: Case) -> None:
    life = case.life()
    principal, paid = 0, Counter[tuple[date, int]]()
    for movement in life.movements:
        match movement:
            case LoanPaidOut() | InterestCapitalised():
                principal += movement.fen
            case PaidIn():
                principal -= movement.overdue_fen + movement.normal_fen
                parts = (movement.cost_fen, movement.overdue_fen, movement.normal_fen, movement.excess_fen)
                unpaid = (movement.paid.interest_fen, movement.paid.penalty_fen, movement.paid.compound_fen)
                assert min(*parts, *unpaid) >= 0
                assert not movement.excess_fen or principal == 0, "nothing is kept as excess while principal is owed"
                paid[(movement.value_date, sum(parts) + sum(unpaid))] += 1
            case LoanWrittenOff():
                principal -= movement.principal_fen
            case RecoveredAfterWriteOff():
                parts = (movement.cost_fen, movement.pool_fen, movement.bank_fen, movement.excess_fen)
                assert min(parts) >= 0
                paid[(movement.value_date, sum(parts))] += 1
    assert principal == life.standing.principal_fen >= 0
    assert paid == Counter((e.value_date, e.fen) for e in plain.in_effect(case.events) if isinstance(e, Repaid))
    assert all(min(0, i.instalment.fen) <= i.paid_fen <= max(0, i.instalment.fen) for i in life.instalments)
    assert all(charge.unpaid_fen >= 0 <= charge.paid_fen for charge in life.charges)


@LAWS
@given(cases())
def test_borrower_and_government_make_the_whole_each_rounded_once(case: Case) -> None:
    for charge in case.life().charges:
        assert charge.whole_fen == round_half_up(interest_fen(charge.whole_units, case.terms.count_of(charge.kind).year))
        if charge.gov_fen >= 0:  # what government refuses after all has no days of its own
            assert charge.gov_fen == round_half_up(interest_fen(charge.gov_units, case.terms.count_of(charge.kind).year))
        assert charge.paid_fen + charge.unpaid_fen + charge.gov_fen == charge.whole_fen
        assert charge.kind is StreamKind.CONTRACT or charge.gov_fen == 0, "government pays no penalty"


@LAWS
@given(cases(), st.lists(st.integers(0, 1_500), min_size=3, max_size=3))
def test_the_interest_of_two_adjacent_periods_is_the_interest_of_both(case: Case, days: list[int]) -> None:
    start, middle, end = (case.terms.drawn_on + n * DAY for n in sorted(days))
    life = case.life()
    for kind in StreamKind:
        lines = StreamLines(kind, date.toordinal)
        lines.lines = [stream for stream in life.streams if stream.kind is kind]
        (_, *first), (_, *second), (_, *both) = (lines.units(*p) for p in ((start, middle), (middle, end), (start, end)))
        assert [a + b for a, b in zip(first, second, strict=True)] == both


@LAWS
@given(cases(), st.sampled_from([0, 1, 90]) | st.integers(0, 400))
def test_a_later_night_never_changes_a_charge_made_before(case: Case, nights_more: int) -> None:
    now, later = case.life(), case.life(case.closed + nights_more * DAY)
    if case.last_event <= case.closed:
        assert later.charges[: len(now.charges)] == now.charges
        assert later.movements[: len(now.movements)] == now.movements
    last_charged: dict[StreamKind, date] = {}
    for charge in now.charges:
        last_charged[charge.kind] = max(charge.end, last_charged.get(charge.kind, date.min))
    for stream in now.streams:
        uncharged = stream.rate_ppb and (stream.end is None or stream.end > last_charged.get(stream.kind, date.min))
        assert not uncharged or stream.state is now.standing.state, "interest not charged stands where its loan stands"


def contract_of(terms: LoanTerms) -> Contract:
    return Contract(
        book=BookCode("LB-371621-X"), book_id=1, id=1, contract="C1", product="XEXD", county="371621", household=None,
        borrower="B1", terms=terms,
    )  # fmt: skip


def balances(lines: Sequence[Posting]) -> Counter[str]:
    """Return debits less credits by account."""
    found: Counter[str] = Counter()
    for line in lines:
        found[line.account] += line.fen if line.side is Side.DEBIT else -line.fen
    return found


def turnovers(lines: Sequence[Posting]) -> dict[tuple[str, Side, Dimensions], int]:
    found: dict[tuple[str, Side, Dimensions], int] = {}
    for line in lines:
        key = (line.account, line.side, line.dimensions)
        found[key] = found.get(key, 0) + line.fen
    return {key: fen for key, fen in found.items() if fen}


@LAWS
@given(cases())
def test_every_movement_balances_and_the_control_accounts_are_the_standing(case: Case) -> None:
    life, dims = case.life(), contract_of(case.terms).dimensions
    for movement in life.movements:
        assert sum(balances(postings(movement, dims)).values()) == 0
    held = balances([line for movement in life.movements for line in postings(movement, dims)])
    found, owed = life.standing, Counter[str]()
    for charge in life.charges:
        owed[RECEIVABLE[charge.kind]] += charge.unpaid_fen if found.state is State.ACCRUING else 0
        owed[SUBSIDY_RECEIVABLE] += charge.gov_fen
    accruing, gone = found.state is State.ACCRUING, found.state is State.WRITTEN_OFF
    owed[PRINCIPAL["normal"]] = found.principal_fen - found.overdue_fen if accruing else 0
    owed[PRINCIPAL["overdue"]] = found.overdue_fen if accruing else 0
    owed[PRINCIPAL["non_accrual"]] = 0 if accruing else found.principal_fen
    owed[COST_ADVANCED], owed[EXCESS] = found.cost_fen, -found.excess_fen
    owed[MEMO_WRITTEN_OFF] = found.given_up_fen if gone else 0
    assert {account: held[account] for account in owed} == dict(owed)


@LAWS
@given(cases(), st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=6))
def test_posting_step_by_step_posts_what_one_jump_posts(case: Case, steps: list[tuple[int, bool]]) -> None:
    contract, day = contract_of(case.terms), case.closed
    lives = [case.life()]
    for more, half_a_night in steps:
        day += more * DAY
        lives.append(replay(case.terms, case.events, Horizon(day, day - DAY) if half_a_night else nights(day)))
    posted = [line for before, after in pairwise(lives) for line in difference(before.movements, after.movements, contract)]
    assert turnovers(posted) == turnovers(difference(lives[0].movements, lives[-1].movements, contract))
    undone = (*difference((), lives[-1].movements, contract), *difference(lives[-1].movements, (), contract))
    assert turnovers(undone) == {}


@LAWS
@given(cases(), st.data())
def test_a_reversed_event_never_was(case: Case, data: st.DataObject) -> None:
    event = data.draw(st.sampled_from([e for e in case.events if not isinstance(e, Reversed)]))
    undone = Reversed(reference="x/reversed", value_date=case.closed, of=event.reference)
    without = [e for e in case.events if e is not event]
    assert replay(case.terms, [*case.events, undone], nights(case.closed)) == replay(case.terms, without, nights(case.closed))


def touched(life: Life, closing: date) -> bool:
    """Tell whether ageing looks at a loan in the night of a day: `ageing._TOUCHED` said in Python."""
    falling = falling_due_on(closing)
    for line in life.instalments:
        due = (line.instalment.rolling.code, line.instalment.nominal) in falling
        if due and not line.overdue and line.left:
            return True
    found = life.standing
    stops = found.oldest_due is not None and (closing - found.oldest_due).days > NON_ACCRUAL_AFTER_DAYS
    return (stops and found.state is State.ACCRUING) or any(c.unpaid_fen and c.due == closing for c in life.charges)


def night_of(data: st.DataObject, case: Case) -> date:
    """Draw a night after all events, near days on which something happens."""
    first = case.last_event
    marks = [first, *settlement_days(first, first + 200 * DAY)]
    marks += [i.instalment.nominal + n * DAY for i in case.life(first).instalments for n in range(-1, 4)]
    oldest = case.life(first).standing.oldest_due
    marks += [oldest + n * DAY for n in (90, 91, 92)] if oldest else []
    return data.draw(st.sampled_from([day for day in marks if day >= first]) | st.integers(0, 400).map(lambda n: first + n * DAY))


@LAWS
@given(cases(), st.data())
def test_a_night_changes_no_loan_that_it_does_not_touch(case: Case, data: st.DataObject) -> None:
    closing = night_of(data, case)
    before = replay(case.terms, case.events, Horizon(closing, closing - DAY))
    assume(not touched(before, closing))
    assert case.life(closing) == before


@LAWS
@given(cases(), st.data())
def test_the_nights_settlement_charges_what_replay_charges(case: Case, data: st.DataObject) -> None:
    """`settlement._CHARGE` said in Python."""
    closing = night_of(data, case)
    until, everyone = closing + DAY, is_settlement_day(closing)
    before = replay(case.terms, case.events, nights(closing - DAY))
    falling = falling_due_on(until)
    due = [
        line.instalment
        for line in before.instalments
        if (line.instalment.rolling.code, line.instalment.nominal) in falling
        and (line.instalment.charges or (line.left and not line.overdue))
    ]
    expected = []
    for kind in StreamKind:
        own = kind is StreamKind.CONTRACT and not before.terms.settles_quarterly
        regular = everyone and not own
        asked = kind is StreamKind.CONTRACT and (any(i.charges for i in due) if own else bool(due))
        if not regular and not asked:
            continue
        end = until if regular else max(i.nominal if i.rolling.calculates_nominal else until for i in due)
        since = max(date.min if own else last_settlement_before(closing) + DAY, dict(before.charged_until).get(kind, date.min))
        read = before.terms.count_of(kind).clock(before.terms.drawn_on)
        lines = [s for s in before.streams if s.kind is kind and s.rate_ppb and s.start < end and (s.end or end) > since]
        units = [sum(s.base_fen * r * s.ticks(read, since, end) for s, r in pairs) for pairs in (
            [(s, s.rate_ppb) for s in lines], [(s, s.gov_ppb) for s in lines])]  # fmt: skip
        if units[0]:
            expected.append((kind, max(lines[0].start, since), end, *units, before.standing.state))
    after = replay(case.terms, case.events, Horizon(closing, closing - DAY))
    fresh = after.charges[len(before.charges) :]
    made = [(c.kind, c.start, c.end, c.whole_units, c.gov_units, c.state) for c in fresh]
    assert sorted(made) == sorted(expected)  # charges of one day have no order
    assert after.charges[: len(before.charges)] == before.charges
    assert (after.streams, after.instalments, after.standing) == (before.streams, before.instalments, before.standing)


owed_of_each = st.fixed_dictionaries({component: st.integers(0, 10**7) for component in Component})


@settings(LAWS, max_examples=200)
@given(st.integers(0, 10**8), owed_of_each, st.permutations(list(Component)))
def test_no_money_is_lost_and_nothing_is_overpaid(payment: int, owed: dict[Component, int], order: list[Component]) -> None:
    settled, left = allocate(payment, owed, order)
    assert sum(settled.values()) + left == payment
    assert all(0 <= settled[component] <= owed[component] for component in Component)
    assert not left or settled == owed, "nothing is left over while something is owed"
    partly = [component for component in order if settled[component] < owed[component]]
    assert not partly or not any(settled[component] for component in order[order.index(partly[0]) + 1 :]), "in order"
    smaller, _ = allocate(payment // 2, owed, order)
    assert all(smaller[component] <= settled[component] for component in Component), "more money settles no less"


# --- in the books: the night's SQL and replay ------------------------------------------------------------------------


def begin_on(session: Session, first: date) -> None:
    """Let the nights before a day be over; nothing was lent in them."""
    flip(session, first)
    session.execute(text("UPDATE loans.horizon SET charged_through = :day, aged_through = :day"), {"day": first - DAY})


def close(session: Session, first: date, last: date) -> None:
    close_nights(session, first, last)


def book(session: Session, contract: Contract, *events: LoanEvent) -> list[Booked]:
    return book_events(session, [(contract, event) for event in events], "t", lambda _, event: event.kind)


def enter(session: Session, lb: Book, terms: LoanTerms, first: LoanEvent, name: str = "C1") -> Contract:
    """Bring a loan into a book past all checks, by its first event."""
    loan_id = take_sequence(session, {lb.id: 1})[lb.id]
    made = replace(contract_of(terms), book=lb.code, book_id=lb.id, id=loan_id, contract=name, county=lb.county or "")
    session.execute(
        insert(loan_table).values(
            book_id=lb.id, id=loan_id, contract=name, product=made.product, county=made.county, borrower=made.borrower,
            terms=terms_to_json(terms),
        )
    )  # fmt: skip
    book(session, made, first)
    return made


def drawn(terms: LoanTerms, reference: str = "d") -> Disbursed:
    return Disbursed(reference=reference, value_date=terms.drawn_on, fen=terms.principal_fen)


def paid(day: date, fen: int, reference: str = "r") -> Repaid:
    return Repaid(reference=reference, value_date=day, fen=fen)


def bullet(start: date, maturity: date, gov_ppb: int = 0) -> LoanTerms:
    return LoanTerms(
        product="XEXD", principal_fen=5_000_000, drawn_on=start, maturity=maturity, method=Method.BULLET,
        rates=(RateStep(start, RATE, gov_ppb),),
    )  # fmt: skip


def by_thirds(start: date, maturity: date) -> LoanTerms:
    return replace(bullet(start, maturity), method=Method.EQUAL_PRINCIPAL, principal_fen=3_000_000)


def failing(session: Session) -> list[str]:
    return [f"{c.check}: {c.expected} != {c.actual}" for c in wiring.verify(session) if not c.ok]


def test_events_booked_in_whatever_order_leave_the_same_loan_and_the_same_books(session: Session, city: dict[str, Book]) -> None:
    start = date(2017, 1, 3)
    begin_on(session, start)
    terms = by_thirds(start, date(2018, 3, 20))
    events: list[LoanEvent] = [
        paid(date(2017, 2, 1), 40_000, "p1"), paid(date(2017, 3, 21), 1_000_000, "p2"),
        RateSet(reference="rate", value_date=date(2017, 2, 10), rate_ppb=39_000_000, gov_ppb=0),
        GraceGranted(reference="grace", value_date=date(2017, 2, 20), grace=GraceKind.PRINCIPAL_DEFERRED, until=date(2017, 7, 1)),
        CostAdvanced(reference="cost", value_date=date(2017, 3, 1), fen=700), MisuseFound(reference="m", value_date=date(2017, 3, 2)),
    ]  # fmt: skip
    luck = random.Random(7)
    loans = [enter(session, city["LB"], terms, drawn(terms, f"d{number}"), f"C{number}") for number in range(5)]
    close(session, start, date(2017, 3, 24))
    for number, contract in enumerate(loans):
        for event in luck.sample(events, len(events)):
            book(session, contract, replace(event, reference=f"{event.reference}/{number}"))
    close(session, date(2017, 3, 25), date(2017, 6, 25))
    ended = lives(session, [contract.key for contract in loans], horizon_now(session))
    first, *others = (ended[contract.key] for contract in loans)
    assert first.standing.principal_fen > 0
    assert all(other == first for other in others)
    held = ledger.queries.turnovers(session, books=[city["LB"].id], by=("loan_id",))
    sums = {contract.id: {key[1]: t.balance_fen for key, t in held.items() if key[2] == contract.id} for contract in loans}
    assert len({tuple(sorted(found.items())) for found in sums.values()}) == 1
    assert failing(session) == []


UNSETTLED_DAY = "the 20th is charged before it is known what fell overdue on it: its day is lost, and the night stops"


@pytest.mark.parametrize("busy", [False, True])
def test_a_portfolio_lives_through_its_nights_and_ties(session: Session, city: dict[str, Book], *, busy: bool) -> None:
    """Random loans and events, some back-dated, some reversed; `busy`: things fall overdue on settlement days too."""
    luck, first, last = random.Random(20170620), date(2017, 2, 10), date(2017, 9, 30)
    begin_on(session, first)
    planned = [_random_terms(luck, first, busy=busy) for _ in range(24)]
    if busy:
        capitalised = Grace(GraceKind.INTEREST_CAPITALISED, first, first + 70 * DAY)
        monthly = Cycle(anchor=first + 20 * DAY)
        planned.append(replace(bullet(first, last), method=Method.EQUAL_INSTALMENT, interest=monthly, graces=(capitalised,)))
    loans: list[Contract] = []
    day = first
    while day <= last:
        for terms in planned:
            if terms.drawn_on == day:
                number = len(loans)
                loans.append(enter(session, city["LB"], terms, drawn(terms, f"d{number}"), f"C{number}"))
        hot = day.day in (19, 20, 21) and day.month in (3, 6, 9)
        for contract in loans:
            if luck.random() < (0.3 if hot else 0.01) and (busy or not is_settlement_day(day)):
                _something_happens(session, contract, luck, day, busy=busy)
        close(session, day, day)
        if hot or day == last:
            assert not failing(session)
        day += DAY
    if busy:
        booked = set(session.scalars(text("SELECT DISTINCT kind FROM loans.event")))
        assert booked >= {"repaid", "extended", "rate_set", "grace_granted", "misuse_found", "reversed"}
        assert session.scalar(text("SELECT count(DISTINCT day_count) FROM loans.charge")) == len(DayCount)
        assert session.scalar(text("SELECT count(*) FROM loans.instalment WHERE paid_fen = principal_fen AND paid_fen < 0"))


def _random_terms(luck: random.Random, first: date, *, busy: bool) -> LoanTerms:
    start = first + luck.randrange(90) * DAY
    steps = [RateStep(start, RATE, RATE * luck.choice([0, 0, 50, 100]) // 100)]
    if luck.random() < 0.3:
        steps.append(RateStep(start + luck.randrange(1, 150) * DAY, RATE, luck.choice([0, RATE // 2, RATE])))
    maturity, method = start + luck.randrange(140, 500) * DAY, Method.EQUAL_PRINCIPAL
    if luck.random() < 0.65:
        method, maturity = (
            Method.BULLET,
            luck.choice([start + luck.randrange(1, 150) * DAY, date(2017, 6, 20), date(2017, 6, 21)]),
        )
        if maturity <= start or (not busy and is_settlement_day(following_working_day(maturity))):
            maturity = start + 33 * DAY
    terms = replace(
        bullet(start, maturity), method=method, principal_fen=luck.randrange(1, 10**7), rates=tuple(steps),
        compound_base=luck.choice(list(CompoundBase)),
    )  # fmt: skip
    return _with_dates_of_its_own(terms, luck) if busy and luck.random() < 0.5 else terms


def _with_dates_of_its_own(terms: LoanTerms, luck: random.Random) -> LoanTerms:
    """Return terms with other dates, day count, rolling and method."""
    start = terms.drawn_on
    graces = (
        Grace(luck.choice([GraceKind.INTEREST_DEFERRED, GraceKind.INTEREST_CAPITALISED, GraceKind.INTEREST_FREE]), start + DAY, g)
        for g in [start + luck.randrange(2, 80) * DAY]
        if luck.random() < 0.4
    )
    return replace(
        terms,
        method=luck.choice([terms.method, Method.EQUAL_INSTALMENT, Method.AT_MATURITY]),
        interest=Cycle(anchor=start + luck.randrange(5, 40) * DAY, every=luck.choice([1, 1, 2, 3])),
        day_count=luck.choice(list(DayCount)),
        rolling=luck.choice(ROLLINGS),
        graces=tuple(graces),
    )


def _something_happens(session: Session, contract: Contract, luck: random.Random, day: date, *, busy: bool) -> None:
    events = events_of(session, [contract.key])[contract.key]
    life = replay(contract.terms, events, horizon_now(session))
    found, name = life.standing, f"{contract.contract}/{day}"
    back = max(contract.terms.drawn_on, day - luck.choice([0, 0, 0, 0, luck.randrange(60)]) * DAY)
    if not busy and is_settlement_day(back):
        back += DAY
    interest = sum(charge.unpaid_fen for charge in life.charges)
    whole = found.cost_fen + interest + found.principal_fen
    amounts = [1, interest, interest - 1, whole, whole + 5_000, whole // 2, whole // 3, found.overdue_fen]
    how = luck.choice(list(Prepayment))
    made: LoanEvent = Repaid(reference=name, value_date=back, fen=max(1, luck.choice(amounts)), prepays=how)
    chance = luck.random()
    if chance > 0.9 and len(events) > 1:
        made = Reversed(reference=f"{events[-1].reference}/reversed", value_date=day, of=events[-1].reference)
    elif chance > 0.8:
        made = CostAdvanced(reference=name, value_date=back, fen=luck.randrange(1, 5_000))
    elif chance > 0.65 and (busy or contract.terms.method is Method.BULLET) and found.state is not State.WRITTEN_OFF:
        until = max(day, life.instalments[-1].instalment.nominal) + luck.randrange(1, 100) * DAY
        if busy or not is_settlement_day(following_working_day(until)):
            made = Extended(reference=name, value_date=back, maturity=until, rate_ppb=47_500_000, gov_ppb=0)
    elif busy and chance > 0.55:
        made = luck.choice(
            [
                RateSet(reference=name, value_date=back, rate_ppb=47_500_000, gov_ppb=luck.choice([0, 47_500_000])),
                GraceGranted(
                    reference=name, value_date=back, grace=luck.choice(list(GraceKind)), until=back + luck.randrange(1, 90) * DAY
                ),
                MisuseFound(reference=name, value_date=back),
            ]
        )
    elif found.excess_fen:
        made = Refunded(reference=name, value_date=day, fen=found.excess_fen)
    elif found.state is State.NON_ACCRUAL and chance > 0.5:
        made = WrittenOff(reference=name, value_date=day, pool_fen=0, pool_share_ppb=0)
    try:
        with session.begin_nested():
            book(session, contract, made)
    except (EventRefused, EventReused):
        pass  # a write-off that a back-dated fact forbids, a reversal made twice: refused, and nothing changes


@pytest.mark.parametrize(("fen", "steps"), [(100_000, 0), (5_100_000, 0), (100_000, 1), (5_100_000, 2)])
def test_an_event_of_tomorrow_waits_until_today_is_charged_and_aged(
    session: Session, city: dict[str, Book], fen: int, steps: int
) -> None:
    """Before it waited, a payment of the 21st went to principal before the interest of the 20th was there to be paid."""
    terms, closing = bullet(date(2017, 5, 31), date(2017, 9, 1)), date(2017, 6, 20)
    begin_on(session, terms.drawn_on)
    contract = enter(session, city["LB"], terms, drawn(terms))
    close(session, terms.drawn_on, closing - DAY)
    flip(session, closing + DAY)
    night = wiring.night_steps()
    for step in night[:steps]:
        step.work(session, closing)
    with pytest.raises(CloseUnderWay):
        book(session, contract, paid(closing + DAY, fen))
    for step in night[steps:3]:
        step.work(session, closing)
    book(session, contract, paid(closing + DAY, fen))
    for step in night[3:]:
        step.work(session, closing)
    close(session, closing + DAY, closing + DAY)
    assert not failing(session)


# --- what fails today ------------------------------------------------------------------------------------------------


def known(reason: str) -> pytest.MarkDecorator:
    """Mark a failing example of a known bug; when it is mended, the mark must go."""
    return pytest.mark.xfail(strict=True, reason=reason)


def test_a_bullet_unpaid_on_a_settlement_day_bears_penalty_from_that_day() -> None:
    terms = bullet(date(2017, 6, 1), date(2017, 6, 20), gov_ppb=RATE)
    life = replay(terms, [drawn(terms)], nights(date(2017, 6, 20)))
    # E5: government pays for the 19 days before maturity and not for the 20th, which is a day of penalty.
    assert [(c.kind.value, (c.end - c.start).days, c.gov_fen) for c in life.charges] == [
        ("contract", 19, 11_479),
        ("penalty", 1, 0),
    ]


def test_interest_billed_by_a_payment_on_a_settlement_day_bears_compound_from_that_day() -> None:
    terms = replace(bullet(date(2017, 5, 1), date(2017, 6, 1)), compound_base=CompoundBase.INTEREST_AND_PENALTY)
    case = Case(terms, (drawn(terms), paid(date(2017, 6, 20), 1)), date(2017, 9, 20))
    assert by_replay(case.life()) == by_oracle(case.oracle())


@pytest.mark.parametrize("maturity", [date(2017, 6, 20), date(2017, 6, 1)])
def test_the_night_of_a_settlement_day_closes_whatever_fell_overdue_on_it(
    session: Session, city: dict[str, Book], maturity: date
) -> None:
    begin_on(session, date(2017, 6, 1))
    terms = bullet(date(2017, 5, 31), maturity)
    contract = enter(session, city["LB"], terms, drawn(terms))
    close(session, date(2017, 6, 1), date(2017, 6, 19))
    book(session, contract, paid(date(2017, 6, 20), 1))
    close(session, date(2017, 6, 20), date(2017, 6, 21))
    assert not failing(session)


def test_after_maturity_unpaid_interest_bears_the_penalty_rate_though_the_last_instalment_was_prepaid() -> None:
    terms = by_thirds(date(2017, 3, 21), date(2017, 12, 20))
    interest_of_a_quarter = 33_350
    first = paid(date(2017, 6, 21), interest_of_a_quarter + 1_000_000 + 1_000_000)  # the first instalment and the last
    life = replay(terms, [drawn(terms), first], nights(date(2018, 2, 1)))
    assert [i.paid_fen for i in life.instalments] == [1_000_000, 0, 1_000_000]
    (running,) = [s for s in life.streams if s.kind is StreamKind.COMPOUND and s.days(date(2018, 1, 1), date(2018, 1, 2))]
    assert running.rate_ppb == RATE * 3 // 2, "domain.md 4: before maturity the contract rate, after it the penalty rate"


def test_an_event_without_interest_changes_no_interest() -> None:
    start = date(2017, 3, 1)
    terms = replace(
        by_thirds(start, date(2018, 3, 20)), rates=(RateStep(start, RATE, 0), RateStep(date(2017, 8, 1), RATE + 10**7, 0))
    )
    cost = CostAdvanced(reference="c", value_date=date(2017, 8, 10), fen=100)
    without, with_cost = (replay(terms, [drawn(terms), *more], nights(date(2017, 9, 20))) for more in ([], [cost]))
    assert with_cost.charges == without.charges


def test_the_subsidy_stops_at_the_nominal_maturity_though_a_holiday_moves_it() -> None:
    terms = bullet(date(2017, 4, 3), date(2017, 6, 3), gov_ppb=RATE)  # a Saturday: due on Monday the 5th
    life = replay(terms, [drawn(terms), paid(date(2017, 4, 20), 1)], nights(date(2017, 6, 4)))
    told = plain.Oracle(terms, following_working_day, subsidised_on_holidays=False)
    told.live([drawn(terms), paid(date(2017, 4, 20), 1)], date(2017, 6, 4))
    assert by_replay(life) == by_oracle(told)


def test_a_loan_that_still_owes_penalty_does_not_accrue_again() -> None:
    terms = bullet(date(2017, 3, 15), date(2017, 6, 1))
    day = date(2017, 9, 15)
    before = replay(terms, [drawn(terms)], nights(day - DAY))
    assert before.standing.state is State.NON_ACCRUAL
    owed = before.standing.principal_fen + sum(charge.unpaid_fen for charge in before.charges)
    life = replay(terms, [drawn(terms), paid(day, owed + 1_000)], nights(day - DAY))
    assert sum(charge.unpaid_fen for charge in life.charges) > 70_000, "the penalty since the 20th of June"
    assert life.standing.state is State.NON_ACCRUAL, "all arrears are paid: back to accrual (movements.ResumedAccruing)"


def test_a_reversal_names_an_event_of_its_loan(session: Session, city: dict[str, Book]) -> None:
    terms = bullet(date(2017, 3, 15), date(2017, 6, 1))
    begin_on(session, terms.drawn_on)
    contract = enter(session, city["LB"], terms, drawn(terms))
    with pytest.raises(LoanError):
        book(session, contract, Reversed(reference="r/reversed", value_date=terms.drawn_on, of="r"))


def test_an_extension_ends_after_it_is_agreed() -> None:
    terms = bullet(date(2017, 5, 1), date(2017, 6, 1))
    late = Extended(reference="x", value_date=date(2017, 7, 10), maturity=date(2017, 6, 15), rate_ppb=RATE, gov_ppb=0)
    assert replay(terms, [drawn(terms), late], nights(date(2017, 7, 9))).refusals


def test_a_loan_written_off_can_not_be_extended() -> None:
    terms = bullet(date(2017, 5, 1), date(2017, 6, 1))
    gone = WrittenOff(reference="w", value_date=date(2017, 9, 10), pool_fen=0, pool_share_ppb=0)
    late = Extended(reference="x", value_date=date(2017, 9, 22), maturity=date(2018, 6, 15), rate_ppb=RATE, gov_ppb=0)
    assert replay(terms, [drawn(terms), gone, late], nights(date(2017, 9, 21))).refusals


def taken_over(day: date, charged_until: date) -> TakenOver:
    return TakenOver(reference="in", value_date=day, principal_fen=5_000_000, charged_until=charged_until)


def test_a_day_charged_before_the_takeover_bears_no_interest_again() -> None:
    day = date(2017, 6, 20)
    events = [taken_over(day, day + DAY), paid(day, 1_000_000)]
    life = replay(bullet(date(2017, 1, 3), date(2017, 9, 1)), events, nights(day))
    assert min(stream.start for stream in life.streams) == day + DAY


def test_a_takeover_is_charged_up_to_the_last_settlement() -> None:
    terms = bullet(date(2017, 1, 3), date(2017, 12, 1))
    assert replay(terms, [taken_over(date(2017, 8, 1), date(2017, 3, 21))], nights(date(2017, 7, 31))).refusals


def test_at_a_takeover_penalty_begins_on_the_due_day() -> None:
    terms = bullet(date(2017, 1, 3), date(2017, 7, 3))
    life = replay(terms, [taken_over(date(2017, 8, 1), date(2017, 6, 21))], nights(date(2017, 8, 1)))
    assert life.refusals or min(s.start for s in life.streams if s.kind is StreamKind.PENALTY) == date(2017, 7, 3)


def test_a_loan_on_365_days_accrues_on_365_days(session: Session, city: dict[str, Book]) -> None:
    terms = replace(bullet(date(2017, 5, 2), date(2017, 9, 1)), day_count=DayCount.ACT_365)
    begin_on(session, terms.drawn_on)
    enter(session, city["LB"], terms, drawn(terms))
    close(session, terms.drawn_on, terms.drawn_on)
    accrued = session.scalar(text("SELECT sum(fen) FROM ledger.posting WHERE account = '1132.09'"))
    assert accrued == round_half_up(interest_fen(5_000_000 * RATE, 365)) == 596
