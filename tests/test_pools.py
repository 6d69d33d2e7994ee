"""Pools: dated terms, the queue, the special account's movements, the fuse, other guarantors, and who gets the last room."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from conftest import FIRST_DAY, open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from test_loan_life import RATE, balances, bullet_loan, close_nights, failing, household, paid_in
from test_reports import ask, table

import guarantees.ties
from app import wiring
from guarantees import agreement, claims, entries, forecast, fuse, guarantors, movements, queue
from guarantees.agreement import open_pool
from guarantees.claims.claim import Claim
from guarantees.claims.queries import claims as all_claims
from guarantees.errors import (
    CapacityExceeded,
    ClaimRefused,
    ForecastRefused,
    FuseRefused,
    GuaranteeError,
    GuarantorRefused,
    MovementRefused,
    Suspended,
    TermsRefused,
)
from guarantees.fuse import Happened, verdict
from guarantees.movements import Movement, MovementKind
from guarantees.pool import Pool
from guarantees.queries import loads, pool_at, pools
from guarantees.terms import InterestTo, LossBasis, PoolTerms, RecoveryOrder, Share
from ledger.books import Book
from ledger.business_day import flip
from ledger.calendar import DAY
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.errors import Overdrawn
from ledger.journal import Dimensions, JournalEntry
from ledger.limits import held
from ledger.posting import post
from ledger.reports.catalogue import catalogue, make
from loans import disbursement
from loans.applications.application import Application
from registry.cipher import Cipher
from registry.households import add_borrowers, enrol
from statements.charts import Line, line_chart, standalone

COUNTY, BANK = "371621", "HMRCB"
PERCENT = 10_000_000


def pool_of(session: Session) -> Pool:
    return pool_at(session, COUNTY, BANK)


def terms(session: Session, **changed: object) -> PoolTerms:
    given = {"from_date": FIRST_DAY, "document": "惠财〔2017〕1号", "reason": "调整"} | changed
    return replace(pool_of(session).terms, **given)


@pytest.fixture
def pooled(session: Session, city: dict[str, Book]) -> dict[str, Book]:
    """A county whose pool at its bank holds 100,000 元 and carries ten times that."""
    open_pool(session, city["RCF"], BANK, share_ppb=70 * PERCENT, leverage=10)
    paid_in(session, city["RCF"], 10_000_000, FIRST_DAY)
    return city


LATE = date(2018, 6, 18)


@pytest.fixture
def late(session: Session) -> dict[str, Book]:
    """The same, begun on the day of E6."""
    city = open_city(session, LATE)
    open_pool(session, city["RCF"], BANK, share_ppb=70 * PERCENT, leverage=10)
    paid_in(session, city["RCF"], 10_000_000, LATE)
    return city


def test_later_terms_bind_from_their_day_and_a_claim_keeps_those_of_its_filing_day(
    session: Session, late: dict[str, Book]
) -> None:
    contract = overdue_loan(session, late["LB"], "C1", 5_000_000)
    agreement.agree(
        session, pool_of(session), terms(session, from_date=date(2018, 6, 19), shares=(Share("县级", 90 * PERCENT),)), "会计甲"
    )
    flip(session, date(2018, 6, 18))
    before = claims.file(session, contract, "D1", date(2018, 6, 18), "银行")
    flip(session, date(2018, 6, 20))
    assert (pool_of(session).share_ppb, pool_at(session, COUNTY, BANK, date(2018, 6, 18)).share_ppb) == (
        90 * PERCENT,
        70 * PERCENT,
    )
    known = all_claims(session)[late["RCF"].id, "D1"]
    assert (known.pool.share_ppb, known.gov_fen) == (70 * PERCENT, before.gov_fen)
    other = overdue_loan(session, late["LB"], "C2", 5_000_000)
    flip(session, date(2018, 6, 20))
    assert claims.file(session, other, "D2", date(2018, 6, 20), "银行").pool.share_ppb == 90 * PERCENT
    # Terms booked later for the same day change nothing of what is filed.
    agreement.agree(
        session, pool_of(session), terms(session, from_date=date(2018, 6, 20), shares=(Share("县级", 50 * PERCENT),)), "会计甲"
    )
    assert all_claims(session)[late["RCF"].id, "D2"].pool.share_ppb == 90 * PERCENT


def test_terms_are_never_changed_and_taken_back_only_while_nothing_stands_on_them(
    session: Session, pooled: dict[str, Book]
) -> None:
    one, new = pool_of(session), terms(session, from_date=date(2017, 3, 1), leverage=5)
    made = agreement.agree(session, one, new, "会计甲")
    assert agreement.agree(session, one, new, "会计乙").seq == made.seq, "the same terms are booked once"
    agreement.withdraw(session, one, made.seq, "签错", "会计甲")
    assert pools(session, date(2017, 3, 1))[one.book.id, BANK].terms.leverage == 10
    first = one.terms.seq
    for seq, reason in ((first, "最初的约定不能撤销"), (made.seq, "没有序号为"), (10**6, "没有序号为")):
        with pytest.raises(TermsRefused, match=reason):
            agreement.withdraw(session, one, seq, "签错", "会计甲")
    again = agreement.agree(session, one, terms(session, from_date=date(2017, 3, 1)), "会计甲")
    flip(session, date(2017, 3, 2))
    with pytest.raises(TermsRefused, match="自 2017-03-01 起已生效，不能撤销"):
        agreement.withdraw(session, one, again.seq, "签错", "会计甲")
    with pytest.raises(TermsRefused, match="2017-03-01 早于营业日 2017-03-02，约定不溯及既往"):
        agreement.agree(session, one, terms(session, from_date=date(2017, 3, 1), leverage=3), "会计甲")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"document": " "}, "文号"),
        ({"shares": (Share("县级", 70 * PERCENT), Share("县级", 10 * PERCENT))}, "名称为空或重复"),
        ({"shares": (Share("县级", 70 * PERCENT), Share("光伏公司", 31 * PERCENT, False))}, "合计超过 100%"),
        ({"shares": (Share("光伏公司", 70 * PERCENT, False),)}, "政府分担比例应大于 0"),
        ({"leverage": 0}, "放大倍数"),
        ({"warn_ppb": 6 * PERCENT}, "预警线"),
        ({"pass_on_days": -1}, "划回期限"),
    ],
)
def test_terms_that_make_no_sense_are_refused(
    session: Session, pooled: dict[str, Book], changed: dict[str, object], reason: str
) -> None:
    with pytest.raises(TermsRefused, match=reason):
        agreement.agree(session, pool_of(session), terms(session, **changed), "会计甲")


percents = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@given(st.integers(0, 10**9), percents, percents)
def test_the_parts_of_a_claim_sum_to_its_basis_and_none_is_below_nought(basis: int, tiers: list[int], others: list[int]) -> None:
    whole = 2 * (sum(tiers) + sum(others))
    shares = [Share(f"级{n}", 2 * p * 1_000_000_000 // whole) for n, p in enumerate(tiers)]
    shares += [Share(f"方{n}", 2 * p * 1_000_000_000 // whole, False) for n, p in enumerate(others)]
    one = Pool(book=None, bank=BANK, terms=PoolTerms(from_date=FIRST_DAY, shares=tuple(shares), leverage=10))  # type: ignore[arg-type]
    parts = one.parts(basis)
    assert sum(part.fen for part in parts) == basis
    assert min(part.fen for part in parts) >= 0
    assert sum(part.fen for part in parts if part.government) == one.payout_fen(basis)


def test_the_tiers_of_e4_and_who_recovers_first(session: Session, pooled: dict[str, Book]) -> None:
    shares = (
        Share("省级", 28 * PERCENT),
        Share("市级", 21 * PERCENT),
        Share("县级", 21 * PERCENT),
        Share("光伏公司", 10 * PERCENT, False),
    )
    one = replace(pool_of(session), terms=terms(session, shares=shares))
    assert [part[2] for part in one.parts(5_050_750)] == [1_414_210, 1_060_658, 1_060_657, 505_075, 1_010_150]
    assert sum(part.fen for part in one.parts(5_050_750) if part.government) == 3_535_525, "E6"
    order = {way: replace(one, terms=replace(one.terms, recovery_order=way)) for way in RecoveryOrder}
    assert {way: found.recovered_fen(1_950_000, 5_050_750) for way, found in order.items()} == {
        RecoveryOrder.PRO_RATA: 1_365_000, RecoveryOrder.FUND_FIRST: 1_950_000, RecoveryOrder.BANK_FIRST: 434_775,
    }  # fmt: skip


def test_a_pool_of_principal_alone_leaves_the_interest_to_the_bank(session: Session, late: dict[str, Book]) -> None:
    agreement.agree(session, pool_of(session), terms(session, from_date=LATE, loss_basis=LossBasis.PRINCIPAL), "会计甲")
    contract = overdue_loan(session, late["LB"], "C1", 5_000_000)
    flip(session, date(2018, 6, 18))
    assert claims.file(session, contract, "D1", date(2018, 6, 18), "银行").basis_fen == 5_000_000


def overdue_loan(session: Session, book: Book, name: str, fen: int):  # noqa: ANN201
    """A loan drawn on 2017-03-15, due a year later and never paid."""
    made = bullet_loan(session, book, date(2017, 3, 15), fen, name=name)
    flip(session, LATE)
    return made


def approved(session: Session, book: Book, number: str, fen: int, day: date) -> Claim:
    contract = overdue_loan(session, book, f"C-{number}", fen)
    flip(session, day)
    one = claims.file(session, contract, number, day, "银行")
    claims.check(session, one, day, "扶贫办", note="已入户核实")
    claims.approve(session, one, day, "局长")
    return all_claims(session)[one.pool.book.id, number]


def test_claims_are_paid_whole_and_in_order_of_approval(session: Session, late: dict[str, Book]) -> None:
    """100,000 元: the first claim (35,000) is paid, the second (70,000) waits whole, and the small third waits behind it."""
    day, rcf = date(2018, 6, 18), late["RCF"]
    agreement.agree(session, pool_of(session), terms(session, from_date=LATE, loss_basis=LossBasis.PRINCIPAL), "会计甲")
    first, second, third = (
        approved(session, late["LB"], n, fen, day) for n, fen in (("A", 5_000_000), ("B", 10_000_000), ("C", 100_000))
    )
    assert [(p.number, p.claim.number, p.lacking_fen) for p in queue.line(session, first.pool)] == [
        (1, "A", 0), (2, "B", 500_000), (3, "C", 570_000),
    ]  # fmt: skip
    with pytest.raises(ClaimRefused, match="排队第 2 位，须先拨付 A"), session.begin_nested():
        claims.pay(session, second, day, "财政局")
    claims.pay(session, first, day, "财政局")
    assert queue.next_in_line(session, first.pool).number == "B"  # type: ignore[union-attr]
    for one, reason in ((second, r"尚缺 5,000\.00 元"), (third, "排队第 2 位，须先拨付 B")):
        with pytest.raises(ClaimRefused, match=reason), session.begin_nested():
            claims.pay(session, one, day, "财政局")
    paid_in(session, rcf, 500_000, day - DAY)
    claims.pay(session, second, day, "财政局")
    assert held(session, rcf.id, "1004", BANK) == 0
    paid_in(session, rcf, 70_000, day - 2 * DAY)
    claims.pay(session, third, day, "财政局")
    assert (held(session, rcf.id, "1004", BANK), queue.line(session, first.pool)) == (0, [])


def test_a_claim_that_waits_past_a_settlement_is_paid_what_was_claimed(session: Session, pooled: dict[str, Book]) -> None:
    """Interest that falls due after the filing is not claimed, and keeps the claim from nothing.

    50,000 元 of 2017-03-15, its interest of three quarters unpaid on 2017-09-26: 36.25 + 555.83 + 555.83; 549.79 comes later.
    """
    filed_on, later = date(2017, 9, 26), date(2017, 12, 22)
    close_nights(session, FIRST_DAY, date(2017, 3, 14))
    contract = bullet_loan(session, pooled["LB"], date(2017, 3, 15), 5_000_000, name="C1")
    close_nights(session, date(2017, 3, 15), filed_on - DAY)
    assert claims.file(session, contract, "D1", filed_on, "银行").basis_fen == 5_000_000 + 3_625 + 55_583 + 55_583
    claims.check(session, all_claims(session)[pooled["RCF"].id, "D1"], filed_on, "扶贫办", note="已入户核实")
    claims.approve(session, all_claims(session)[pooled["RCF"].id, "D1"], filed_on, "局长")
    close_nights(session, filed_on, later - DAY)
    claims.pay(session, all_claims(session)[pooled["RCF"].id, "D1"], later, "财政局")
    paid = all_claims(session)[pooled["RCF"].id, "D1"]
    assert (paid.paid_on, paid.basis_fen) == (later, 5_114_791)


def test_a_claim_is_not_paid_out_of_the_treasurys_interest(session: Session, late: dict[str, Book]) -> None:
    """100,000.00 元 and 500.00 of interest due to the treasury: a claim of 100,500.00 waits, and the interest can be remitted."""
    day, rcf = date(2018, 6, 18), late["RCF"]
    changed = terms(
        session,
        from_date=LATE,
        loss_basis=LossBasis.PRINCIPAL,
        interest=InterestTo.TREASURY,
        shares=(Share("县级", 100 * PERCENT),),
    )
    agreement.agree(session, pool_of(session), changed, "会计甲")
    movements.move(session, replace(moved(rcf, MovementKind.INTEREST, "L1", 50_000), day=LATE), "出纳")
    one = approved(session, late["LB"], "A", 10_050_000, day)
    with pytest.raises(ClaimRefused, match=r"尚缺 500\.00 元"), session.begin_nested():
        claims.pay(session, one, day, "财政局")
    movements.move(session, replace(moved(rcf, MovementKind.REMITTED, "M1", 50_000), day=day), "出纳")


def test_another_guarantors_part_is_due_from_the_payout_and_followed_until_it_is_received(
    session: Session, late: dict[str, Book]
) -> None:
    day, lb = date(2018, 6, 18), late["LB"]
    shares = (Share("县级", 70 * PERCENT), Share("光伏公司", 20 * PERCENT, False))
    agreement.agree(
        session, pool_of(session), terms(session, from_date=LATE, shares=shares, loss_basis=LossBasis.PRINCIPAL), "会计甲"
    )
    one = approved(session, lb, "A", 5_000_000, day)
    with pytest.raises(GuarantorRefused, match="未拨付代偿款"):
        guarantors.receive(session, one, "光伏公司", "S1", day, 1, "银行")
    claims.pay(session, one, day, "财政局")
    assert [(due.guarantor, due.since, due.fen, due.open_fen) for due in guarantors.dues(session)] == [
        ("光伏公司", day, 1_000_000, 1_000_000)
    ]
    assert guarantors.receive(session, one, "光伏公司", "S1", day, 400_000, "银行")
    assert not guarantors.receive(session, one, "光伏公司", "S1", day, 400_000, "银行")
    for guarantor, serial, fen, reason in (
        ("光伏公司", "S1", 1, "已用于另一笔"), ("光伏公司", "S2", 600_001, r"尚欠 6,000\.00 元"), ("县级", "S2", 1, "不承担"), ("光伏公司", "S2", 0, "大于 0"),
    ):  # fmt: skip
        with pytest.raises(GuarantorRefused, match=reason):
            guarantors.receive(session, one, guarantor, serial, day, fen, "银行")
    assert balances(session, lb)["1304"] == -400_000
    with pytest.raises(GuarantorRefused, match="请先撤销流水号为 S1 的收款"), session.begin_nested():
        claims.undo(session, all_claims(session)[one.pool.book.id, "A"], "paid", "财政局")
    assert [check for check in failing(session) if "guarantor" in check] == []
    guarantors.undo(session, one, "S1", "银行")
    assert (guarantors.dues(session)[0].open_fen, "1304" in balances(session, lb)) == (1_000_000, False)
    assert guarantors.receive(session, one, "光伏公司", "S1", day, 1_000_000, "银行")
    assert [check for check in failing(session) if "guarantor" in check] == []


def moved(book: Book, kind: MovementKind, serial: str, fen: int, **given: object) -> Movement:
    return Movement(kind=kind, book=book, bank=BANK, serial=serial, day=FIRST_DAY, fen=fen, reason="文1", **given)  # type: ignore[arg-type]


def test_interest_fees_and_returns_move_the_special_account_and_are_undone(session: Session, pooled: dict[str, Book]) -> None:
    rcf = pooled["RCF"]
    assert movements.move(session, moved(rcf, MovementKind.INTEREST, "L1", 1_234), "出纳")
    assert not movements.move(session, moved(rcf, MovementKind.INTEREST, "L1", 1_234), "出纳"), "the same one changes nothing"
    movements.move(session, moved(rcf, MovementKind.FEE, "F1", 5_500), "出纳")
    assert balances(session, rcf) == {"1004": 9_995_734, "1036.07": 5_500, "4007.01": -10_000_000, "4007.02": -1_234}
    with pytest.raises(MovementRefused, match=r"应退手续费 55\.00 元，申报 55\.01 元"), session.begin_nested():
        movements.move(session, moved(rcf, MovementKind.REFUNDED, "R0", 5_501), "出纳")
    movements.move(session, moved(rcf, MovementKind.REFUNDED, "R1", 5_500), "出纳")
    with pytest.raises(MovementRefused, match="请先撤销退费"), session.begin_nested():
        movements.undo(session, rcf, "F1", "出纳", "记错")
    movements.move(session, moved(rcf, MovementKind.RETURNED, "T1", 1_000_000), "出纳")
    assert balances(session, rcf)["5007.03"] == 1_000_000
    for serial in ("T1", "R1", "F1", "L1"):
        movements.undo(session, rcf, serial, "出纳", "记错")
    assert balances(session, rcf) == {"1004": 10_000_000, "4007.01": -10_000_000}
    with pytest.raises(MovementRefused, match="没有流水号为 L1 的收支，或已撤销"):
        movements.undo(session, rcf, "L1", "出纳", "记错")
    assert failing(session) == []


def test_interest_that_is_due_to_the_treasury_is_remitted_and_no_more_than_that(
    session: Session, pooled: dict[str, Book]
) -> None:
    rcf = pooled["RCF"]
    agreement.agree(session, pool_of(session), terms(session, interest=InterestTo.TREASURY), "会计甲")
    movements.move(session, moved(rcf, MovementKind.INTEREST, "L1", 1_234), "出纳")
    assert balances(session, rcf)["2015.04"] == -1_234
    made = make(session, catalogue(), "fund-register", ask(rcf, since=(2017, 1), to=(2017, 1)))
    assert table(made, "interest", "treasury", "closing", "available")[0] == ("0.00", "12.34", "100,012.34", "100,000.00")
    assert not made.broken
    with pytest.raises(Overdrawn), session.begin_nested():
        movements.move(session, moved(rcf, MovementKind.REMITTED, "M1", 1_235), "出纳")
    movements.move(session, moved(rcf, MovementKind.REMITTED, "M1", 1_234), "出纳")
    with pytest.raises(Overdrawn), session.begin_nested():
        movements.undo(session, rcf, "L1", "出纳", "记错")
    assert balances(session, rcf) == {"1004": 10_000_000, "4007.01": -10_000_000}
    assert failing(session) == []


def test_a_transfer_stays_in_the_county_and_leaves_what_loans_and_claims_need(session: Session, pooled: dict[str, Book]) -> None:
    rcf = pooled["RCF"]
    open_pool(session, rcf, "CITYB", share_ppb=70 * PERCENT, leverage=10)
    bullet_loan(session, pooled["LB"], FIRST_DAY, 9_000_000)
    flip(session, FIRST_DAY)
    there = moved(rcf, MovementKind.TRANSFERRED, "H1", 9_100_001, to_bank="CITYB")
    with (
        pytest.raises(MovementRefused, match="HMRCB 的贷款已占用该资金，风险补偿金划转后超过放大倍数上限"),
        session.begin_nested(),
    ):
        movements.move(session, there, "出纳")
    movements.move(session, replace(there, fen=9_100_000), "出纳")
    assert [held(session, rcf.id, "1004", bank) for bank in (BANK, "CITYB")] == [900_000, 9_100_000]
    with pytest.raises(MovementRefused, match="资金退回财政后超过放大倍数"), session.begin_nested():
        movements.move(session, moved(rcf, MovementKind.RETURNED, "T1", 1), "出纳")
    movements.undo(session, rcf, "H1", "出纳", "记错")
    assert held(session, rcf.id, "1004", BANK) == 10_000_000


@pytest.mark.parametrize(
    ("kind", "given", "reason"),
    [
        (MovementKind.INTEREST, {"fen": 0}, "金额应大于 0"),
        (MovementKind.INTEREST, {"serial": " "}, "流水号"),
        (MovementKind.INTEREST, {"to_bank": "CITYB"}, "不得指明"),
        (MovementKind.TRANSFERRED, {}, "划转须指明转入银行"),
        (MovementKind.TRANSFERRED, {"to_bank": BANK}, "应为不同银行"),
        (MovementKind.RETURNED, {"reason": ""}, "文号或事由"),
    ],
)
def test_a_movement_that_makes_no_sense_is_refused(
    session: Session, pooled: dict[str, Book], kind: MovementKind, given: dict[str, object], reason: str
) -> None:
    with pytest.raises(MovementRefused, match=reason):
        movements.move(session, replace(moved(pooled["RCF"], kind, "X1", 1), **given), "出纳")


deeds = st.lists(
    st.tuples(
        st.sampled_from([*MovementKind, "in", "undo"]), st.integers(1, 6_000_000), st.integers(0, 20), st.sampled_from([BANK, "CITYB"]),
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(deeds, st.sampled_from(InterestTo))
def test_what_comes_in_is_what_goes_out_and_what_is_held_at_every_date(
    session: Session, pooled: dict[str, Book], done: list[tuple[object, int, int, str]], interest: InterestTo
) -> None:
    """A pool's cash is all that came less all that went, on each day; nothing refused leaves a trace."""
    rcf = pooled["RCF"]
    with session.begin_nested() as savepoint:
        open_pool(session, rcf, "CITYB", share_ppb=70 * PERCENT, leverage=10)
        agreement.agree(session, pool_of(session), terms(session, interest=interest), "会计甲")
        flip(session, date(2017, 1, 31))
        flows: dict[str, list[tuple[str, date, int]]] = {"0": [(BANK, FIRST_DAY, 10_000_000)]}
        for number, (kind, fen, later, bank) in enumerate(done, 1):
            try:
                with session.begin_nested():
                    _do(session, rcf, flows, kind, str(number), fen, FIRST_DAY + later * DAY, bank)
            except (GuaranteeError, Overdrawn):
                continue
        for bank in (BANK, "CITYB"):
            for later in range(31):
                day = FIRST_DAY + later * DAY
                expected = sum(fen for made in flows.values() for at, on, fen in made if at == bank and on <= day)
                assert held(session, rcf.id, "1004", bank, day) == expected >= 0
        assert [check for check in guarantees.ties.checks(session) if not check.ok] == []
        savepoint.rollback()
    session.info.clear()


def _do(
    session: Session, rcf: Book, flows: dict[str, list[tuple[str, date, int]]], kind: object, serial: str, fen: int, day: date, bank: str
) -> None:  # fmt: skip
    other = "CITYB" if bank == BANK else BANK
    if kind == "in":
        dims = Dimensions(county=COUNTY, bank=bank)
        lines = entries.contributed(fen, dims)
        post(
            session,
            JournalEntry(
                book=rcf.code, reference=f"in/{serial}", kind="fund.contributed", value_date=day, narration="x", postings=lines
            ),
        )
        flows[serial] = [(bank, day, fen)]
    elif kind == "undo":
        last = max((int(name) for name in flows if name.isdigit() and name != "0"), default=0)
        movements.undo(session, rcf, str(last), "出纳", "记错")
        del flows[str(last)]
    else:
        assert isinstance(kind, MovementKind)
        to_bank = other if kind is MovementKind.TRANSFERRED else ""
        one = Movement(kind=kind, book=rcf, bank=bank, serial=serial, day=day, fen=fen, reason="文1", to_bank=to_bank)
        movements.move(session, one, "出纳")
        sign = 1 if kind in (MovementKind.INTEREST, MovementKind.REFUNDED) else -1
        flows[serial] = [(bank, day, sign * fen)] + ([(other, day, fen)] if to_bank else [])


def rates(*percents: int) -> Sequence[Fraction]:
    return [Fraction(one, 100) for one in percents]


def test_the_fuse_warns_trips_once_and_after_a_lifting_only_when_it_worsened(session: Session, pooled: dict[str, Book]) -> None:
    one = pool_of(session)

    def walk(ratios: Sequence[Fraction], last: fuse.FuseEvent | None = None) -> list[Happened | None]:
        made = []
        for ratio in ratios:
            kind = verdict(one, ratio, last)
            made.append(kind)
            if kind is not None:
                last = fuse.FuseEvent(1, kind, FIRST_DAY, ratio.numerator, ratio.denominator, "", "", "system")
        return made

    assert walk(rates(0, 2, 3, 4, 5, 6, 1)) == [None, None, Happened.WARNED, None, Happened.SUSPENDED, None, None]
    lifted = fuse.FuseEvent(1, Happened.LIFTED, FIRST_DAY, 6, 100, "d", "r", "b")
    assert walk(rates(6, 5, 7), lifted) == [None, None, Happened.SUSPENDED], "only what is worse than was looked at"
    assert walk(rates(4, 5), lifted) == [Happened.WARNED, Happened.SUSPENDED], "it had come back below the line"
    assert walk(rates(1, 3), lifted) == [Happened.CLEARED, Happened.WARNED]
    one = replace(one, terms=replace(one.terms, worse_ppb=2 * PERCENT))
    assert walk(rates(7, 8, 9), lifted) == [None, None, Happened.SUSPENDED]


def test_a_blown_fuse_stops_new_loans_and_two_people_lift_it(session: Session) -> None:
    city = open_city(session, date(2018, 6, 13))
    open_pool(session, city["RCF"], BANK, share_ppb=70 * PERCENT, leverage=10)
    paid_in(session, city["RCF"], 10_000_000, date(2018, 6, 13))
    lb, one = city["LB"], pool_of(session)
    late = bullet_loan(session, lb, date(2017, 3, 15), 600_000, name="C1", gov_ppb=RATE)
    bullet_loan(session, lb, date(2017, 6, 15), 9_400_000, name="C2", gov_ppb=RATE)
    flip(session, date(2018, 6, 13))
    close_nights(session, date(2018, 6, 13), date(2018, 6, 13))
    assert fuse.history(session, one) == [], "the 90th day"
    close_nights(session, date(2018, 6, 14), date(2018, 6, 14))
    assert [(e.kind, e.value_date, e.npl_fen, e.outstanding_fen) for e in fuse.history(session, one)] == [
        (Happened.SUSPENDED, date(2018, 6, 14), 600_000, 10_000_000)
    ]
    assert next(iter(loads(session, date(2018, 6, 14)).values())).npl_fen == 600_000
    wanted = [Application(book=lb, contract="N1", product="XEXD", household="001", borrower="B000001", fen=100, rate_ppb=RATE,
                          drawn_on=date(2018, 6, 15), maturity=date(2019, 6, 15))]  # fmt: skip
    with pytest.raises(Suspended, match=r"自 2018-06-14 起熔断（当日不良率 6\.00%）"):
        wiring.disbursement_checks()[0].admit(session, wanted)
    filed = claims.file(session, late, "D1", date(2018, 6, 15), "银行")
    claims.check(session, filed, date(2018, 6, 15), "扶贫办", note="已入户核实")
    claims.approve(session, filed, date(2018, 6, 15), "局长")
    claims.pay(session, all_claims(session)[one.book.id, "D1"], date(2018, 6, 15), "财政局")
    with pytest.raises(FuseRefused, match="没有待批准的解除申请"):
        fuse.lift(session, one, "局长")
    with pytest.raises(FuseRefused, match="文号和事由"):
        fuse.ask(session, one, "", "已整改", "主任")
    fuse.ask(session, one, "惠扶〔2018〕9号", "已整改", "主任")
    with pytest.raises(FuseRefused, match="主任 已申请解除"):
        fuse.ask(session, one, "惠扶〔2018〕9号", "已整改", "副主任")
    with pytest.raises(FuseRefused, match="不能批准自己的申请"):
        fuse.lift(session, one, "主任")
    fuse.drop(session, one, "材料不全", "局长")
    with pytest.raises(Suspended):
        wiring.disbursement_checks()[0].admit(session, wanted)
    fuse.ask(session, one, "惠扶〔2018〕9号", "已整改", "主任")
    fuse.lift(session, one, "局长")
    wiring.disbursement_checks()[0].admit(session, wanted)
    with pytest.raises(FuseRefused, match="未熔断"):
        fuse.ask(session, one, "x", "y", "主任")
    close_nights(session, date(2018, 6, 15), date(2018, 6, 15))
    assert fuse.history(session, one)[-1].kind is Happened.LIFTED, "a payout mends no loan, and the same ratio trips nothing"
    wiring.disbursement_checks()[0].admit(session, [replace(wanted[0], drawn_on=date(2018, 6, 16))])
    assert failing(session) == []


def test_fifty_disbursements_at_once_fill_a_pool_to_the_last_loan(own_engine: Engine, cipher: Cipher) -> None:
    """Room for ten loans of 10,000 元: of fifty that ask at the same time, each on a connection of its own, ten are made."""
    with unit_of_work(own_engine) as session:
        city = open_city(session)
        homes = [household(f"{number:03}") for number in range(1, 51)]
        flip(session, date(2017, 6, 1))
        enrol(session, cipher, homes, "t")
        flip(session, FIRST_DAY)
        add_borrowers(session, cipher, COUNTY, [("household", h.head_id, h.head_name, h.number) for h in homes])
        open_pool(session, city["RCF"], BANK, share_ppb=70 * PERCENT, leverage=10)
        paid_in(session, city["RCF"], 1_000_000, FIRST_DAY)
    start, outcome = threading.Barrier(50), list[str]()
    engines = [engine_as(own_engine.url, APP_ROLE) for _ in range(5)]

    def lend(number: int) -> None:
        asked = Application(book=city["LB"], contract=f"P{number}", product="XEXD", household=f"{number:03}", borrower=f"B{number:06}",
                            fen=1_000_000, rate_ppb=RATE, drawn_on=FIRST_DAY, maturity=date(2018, 1, 1))  # fmt: skip
        with engines[number % 5].connect():
            start.wait()  # fifty connections are open before the first asks
        try:
            with unit_of_work(engines[number % 5]) as own:
                disbursement.disburse(own, [asked], "t", wiring.disbursement_checks())
            outcome.append("made")
        except CapacityExceeded:
            outcome.append("refused")

    threads = [threading.Thread(target=lend, args=(number,)) for number in range(1, 51)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.dispose()
    assert (outcome.count("made"), outcome.count("refused")) == (10, 40)
    with unit_of_work(own_engine) as session:
        assert session.scalar(text("SELECT sum(principal_fen) FROM loans.standing WHERE known_to_seq IS NULL")) == 10_000_000


def test_the_months_to_come_follow_the_roll_rates_and_double_under_stress(session: Session, pooled: dict[str, Book]) -> None:
    """By hand: of 1,000 sound, 10 % fall late each month and half of those are lost the next; a tenth is repaid."""
    one = pool_of(session)
    rolls = [
        (0, 0, 800_000, 800_000), (0, 1, 100_000, 100_000), (0, None, 100_000, 0), (1, 2, 50_000, 50_000), (1, None, 50_000, 0),
    ]  # fmt: skip
    rates = forecast.rates_of(rolls, 3)
    assert rates == ((Fraction(4, 5), Fraction(1, 10), 0), (0, 0, Fraction(1, 2)))
    months = forecast.look_ahead(one, date(2017, 1, 31), 100_000, (1_000_000, 0, 20_000), rates, Fraction(1))
    assert [month.defaults_fen for month in months[:4]] == [20_000, 50_000, 40_000, 32_000]
    assert [month.left_fen for month in months[:4]] == [86_000, 51_000, 23_000, 600]
    assert (months[0].ends_on, months[11].ends_on) == (date(2017, 2, 28), date(2018, 1, 31))
    worse = forecast.look_ahead(one, date(2017, 1, 31), 100_000, (1_000_000, 0, 20_000), rates, Fraction(2))
    assert [month.defaults_fen for month in worse[:3]] == [20_000, 100_000, 80_000], "twice, out of those that were sound"
    assert forecast.rates_of([(0, 0, 1, 1)], 3)[1] == (0, 0, 1), "of what there is no history of, the worst is taken"


amounts = st.integers(0, 10**12)


@given(st.lists(amounts, min_size=3, max_size=5), st.data(), st.integers(0, 5))
def test_no_more_defaults_than_there_is_and_more_stress_is_never_less(now: list[int], data: st.DataObject, stress: int) -> None:
    classes = len(now)
    shares = [data.draw(st.lists(st.integers(0, 20), min_size=classes + 1, max_size=classes + 1)) for _ in range(classes - 1)]
    rates = tuple(tuple(Fraction(part, max(1, sum(row))) for part in row[:-1]) for row in shares)
    one = Pool(book=None, bank=BANK, terms=PoolTerms(from_date=FIRST_DAY, shares=(Share("县级", 70 * PERCENT),), leverage=10))  # type: ignore[arg-type]
    mild, hard = (forecast.look_ahead(one, FIRST_DAY, 0, now, rates, Fraction(by)) for by in (stress, stress + 1))
    for months in (mild, hard):
        assert sum(month.defaults_fen for month in months) <= sum(now) + classes * 12, "each class is rounded each month"
        assert all(month.defaults_fen >= 0 for month in months)
        assert months[-1].left_fen == -sum(month.payout_fen for month in months)


def test_a_forecast_counts_the_month_ends_that_were_closed(session: Session) -> None:
    """Two loans of 100,000 and 60,000 元, the second never paid: at the ends of March, April, May it is 16, 46 and 77 days late."""
    first = date(2018, 3, 31)
    city = open_city(session, first)
    open_pool(session, city["RCF"], BANK, share_ppb=70 * PERCENT, leverage=10)
    paid_in(session, city["RCF"], 50_000_000, first)
    bullet_loan(session, city["LB"], date(2017, 7, 15), 10_000_000, name="C1", gov_ppb=RATE)
    bullet_loan(session, city["LB"], date(2017, 3, 15), 6_000_000, name="C2", gov_ppb=RATE)
    flip(session, first)
    with pytest.raises(ForecastRefused, match="至少要有两个已日终的月末"):
        forecast.forecast(session, pool_of(session))
    close_nights(session, first, date(2018, 5, 31))
    found = forecast.forecast(session, pool_of(session))
    assert (found.since, found.steps, found.available_fen) == (date(2018, 5, 31), 2, 50_000_000)
    assert found.classes_fen == (10_000_000, 0, 0, 6_000_000, 0)
    assert found.rates == ((1, 0, 0, 0, 0), (0, 0, 1, 0, 0), (0, 0, 0, 1, 0), (0, 0, 0, 0, 1))
    assert [month.payout_fen for month in found.months[:2]] == [4_200_000, 0]
    assert (found.payout_fen, found.lasts) == (4_200_000, None)
    worse = forecast.forecast(session, pool_of(session), Fraction(2))
    assert worse.months[0].defaults_fen == 12_000_000
    chart = standalone(line_chart("x", ["a"] * 13, [Line(name, values) for name, values in forecast.as_lines({"预计": found})]))
    assert "458,000.00 元" in chart
    assert chart.index("</title>") < chart.index("<style>")
    with pytest.raises(ForecastRefused, match="不能小于 0"):
        forecast.forecast(session, pool_of(session), Fraction(-1))
