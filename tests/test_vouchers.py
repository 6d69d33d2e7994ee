"""Vouchers: two pairs of eyes in Python and in PostgreSQL, corrections, attachments, closing and opening months."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from textwrap import dedent

import pytest
from conftest import FIRST_DAY, open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from test_replay_laws import begin_on

from app import wiring
from guarantees.agreement import open_pool
from guarantees.funds import FundReceipt, contribute
from ledger.books import Book, book_named
from ledger.calendar import DAY
from ledger.closing import NightsClosed, close_month, reopen_month
from ledger.db import unit_of_work
from ledger.errors import (
    AppointmentRefused,
    AttachmentDamaged,
    LedgerError,
    MonthNotReady,
    NotSupervisor,
    PeriodClosed,
    ReopeningRefused,
    VoucherRefused,
)
from ledger.journal import BookCode, Dimensions, JournalEntry, Posting, credit, debit, journal_text
from ledger.officers import appoint, supervisor_on
from ledger.posting import post
from ledger.queries import balance, entries, entry_numbered, entry_referenced
from ledger.vouchers import drafting, review
from ledger.vouchers.queries import VouchersPosted, content_of, steps, voucher_named, vouchers
from ledger.vouchers.voucher import Content, Stage, StepKind, Voucher, content_from, facts_of

MAKER, CHECKER, KEEPER, CHIEF = "甲制单", "乙审核", "丙记账", "丁主管"
TODAY = date(2017, 3, 15)
AT_BANK = Dimensions(bank="HMRCB")


def interest(fen: int = 12_345, day: date = TODAY, **over: object) -> Content:
    """Interest that the special account bore."""
    lines = debit("1004", fen, AT_BANK), credit("4007.02", fen, AT_BANK)
    return replace(Content(value_date=day, narration="专户利息", postings=lines), **over)  # type: ignore[arg-type]


@pytest.fixture
def rcf(session: Session, city: dict[str, Book]) -> Book:
    """A compensation fund's book on a day in March, with its chief accountant."""
    begin_on(session, TODAY)
    appoint(session, city["RCF"], CHIEF, FIRST_DAY, "t")
    return city["RCF"]


def through(session: Session, book: Book, serial: str, content: Content) -> Voucher:
    """Take a voucher all the way."""
    one = drafting.draft(session, book, serial, content, MAKER)
    for step in (
        lambda v: drafting.submit(session, v, MAKER, wiring.voucher_checks()),
        lambda v: review.approve(session, v, CHECKER, wiring.voucher_checks()),
        lambda v: review.post_voucher(session, v, KEEPER, wiring.voucher_checks()),
    ):
        one = step(one)
    return one


def refused(session: Session, deed: Callable[[], object], match: str, kind: type[LedgerError] = VoucherRefused) -> None:
    """Expect a refusal that leaves no trace."""
    before = session.execute(text("SELECT count(*), max(seq) FROM ledger.voucher_step")).one()
    with pytest.raises(kind, match=match), session.begin_nested():
        deed()
    assert session.execute(text("SELECT count(*), max(seq) FROM ledger.voucher_step")).one() == before


# --- from draft to journal -------------------------------------------------------------------------------------------


def test_a_voucher_is_drafted_by_one_approved_by_another_and_posted_with_its_number(session: Session, rcf: Book) -> None:
    done = through(session, rcf, "V1", interest(sheets=2))
    assert (done.stage, done.maker, done.checker, done.poster) == (Stage.POSTED, MAKER, CHECKER, KEEPER)
    stored = entry_referenced(session, rcf.id, "voucher/V1")
    assert journal_text(stored.entry) == dedent("""\
        2017-03-15 RCF-371621 专户利息
          Dr 1004 123.45
            Cr 4007.02 123.45""")
    assert (stored.entry.maker, stored.entry.checker, stored.number) == (MAKER, CHECKER, 1)
    assert {p.dimensions.county for p in stored.entry.postings} == {"371621"}, "the book's own county"
    assert entry_numbered(session, rcf.id, "2017-03-记-1") == "voucher/V1"
    assert entry_numbered(session, rcf.id, "2017-03-记-2") is None
    log = session.execute(text("SELECT actor, action FROM ledger.audit WHERE subject = 'RCF-371621/V1' ORDER BY id")).all()
    assert [tuple(row) for row in log] == [
        (MAKER, "voucher drafted"), (MAKER, "voucher submitted"), (CHECKER, "voucher approved"), (KEEPER, "voucher posted"),
    ]  # fmt: skip


def test_numbers_have_no_gap_whatever_becomes_of_drafts(session: Session, rcf: Book) -> None:
    through(session, rcf, "V1", interest())
    drafting.discard(session, drafting.draft(session, rcf, "V2", interest(), MAKER), "重复", MAKER)
    drafting.draft(session, rcf, "V3", interest(), MAKER)
    through(session, rcf, "V4", interest())
    assert [stored.number for stored in entries(session, rcf.id)] == [1, 2]
    assert [(one.serial, one.stage) for one in vouchers(session, rcf)] == [
        ("V1", Stage.POSTED), ("V2", Stage.DISCARDED), ("V3", Stage.DRAFT), ("V4", Stage.POSTED),
    ]  # fmt: skip
    assert [one.serial for one in vouchers(session, rcf, only_open=True)] == ["V3"]


def test_who_had_a_hand_in_a_voucher_cannot_approve_it(session: Session, rcf: Book) -> None:
    one = drafting.draft(session, rcf, "V1", interest(), MAKER)
    one = drafting.edit(session, one, interest(500), "戊")
    one = drafting.attach(session, one, "回单.pdf", b"x", "己")
    one = drafting.submit(session, one, "庚")
    assert one.maker == "庚"
    for hand in (MAKER, "戊", "己", "庚"):
        refused(session, lambda hand=hand: review.approve(session, one, hand), "参与制单，不能审核")
        with pytest.raises(DBAPIError, match="制单人不得审核"), session.begin_nested():
            session.execute(
                text(
                    "INSERT INTO ledger.voucher_step (book_id, seq, serial, kind, body, actor) "
                    "VALUES (:book, 999999, 'V1', 'approved', '{}', :actor)"
                ),
                {"book": rcf.id, "actor": hand},
            )
    assert review.approve(session, one, CHECKER).checker == CHECKER


def test_the_database_posts_no_voucher_that_nobody_else_approved(session: Session, rcf: Book) -> None:
    entry = JournalEntry(
        book=rcf.code, reference="voucher/V1", kind="ledger.voucher", value_date=TODAY, narration="x", event="voucher/V1",
        postings=interest().postings, maker=MAKER, checker=CHECKER,
    )  # fmt: skip

    def post_it(**over: object) -> None:
        with session.begin_nested():
            post(session, replace(entry, **over))  # type: ignore[arg-type]

    with pytest.raises(DBAPIError, match="未经审核"):
        post_it()
    one = drafting.submit(session, drafting.draft(session, rcf, "V1", interest(), MAKER), MAKER)
    with pytest.raises(DBAPIError, match="未经审核"):
        post_it()
    review.approve(session, one, CHECKER)
    with pytest.raises(DBAPIError, match="未经审核"):
        post_it(checker="别人")
    review.give_back(session, one, "金额不符", CHECKER)
    with pytest.raises(DBAPIError, match="未经审核"):
        post_it()
    with pytest.raises(IntegrityError, match="two_people"):
        post_it(kind="other", checker=MAKER)


def test_a_draft_is_edited_and_what_is_posted_never_is(session: Session, rcf: Book) -> None:
    one = drafting.draft(session, rcf, "V1", interest(), MAKER)
    assert drafting.draft(session, rcf, "V1", interest(), MAKER) == one, "the same form sent twice"
    refused(session, lambda: drafting.draft(session, rcf, "V1", interest(1), MAKER), "编号已用于另一张凭证")
    assert drafting.edit(session, one, interest(), MAKER) == one
    one = drafting.edit(session, one, replace(interest(), postings=(debit("1004", 5, AT_BANK),)), MAKER)
    refused(session, lambda: drafting.submit(session, one, MAKER), "借贷不平，相差 0.05 元（借方多）")
    one = drafting.submit(session, drafting.edit(session, one, interest(700), MAKER), MAKER)
    for deed in (drafting.edit, lambda s, v, _, a: drafting.submit(s, v, a)):
        refused(session, lambda deed=deed: deed(session, one, interest(800), MAKER), "待审核，不能")
    one = review.give_back(session, one, "缺回单", CHECKER)
    assert (one.stage, one.reason) == (Stage.RETURNED, "缺回单")
    one = drafting.submit(session, drafting.edit(session, one, interest(800), MAKER), MAKER)
    one = review.post_voucher(session, review.approve(session, one, CHECKER), KEEPER)
    refused(session, lambda: drafting.edit(session, one, interest(900), MAKER), "已记账，不能修改")
    refused(session, lambda: review.post_voucher(session, one, KEEPER), "已记账，不能记账")
    refused(session, lambda: review.give_back(session, one, "x", CHECKER), "已记账，不能退回")
    assert balance(session, rcf.id, "1004") == 800
    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.execute(text("UPDATE ledger.voucher_step SET actor = 'x'"))


def test_an_approval_is_for_what_was_approved_only(session: Session, rcf: Book) -> None:
    one = review.approve(session, drafting.submit(session, drafting.draft(session, rcf, "V1", interest(), MAKER), MAKER), CHECKER)
    refused(session, lambda: drafting.edit(session, one, interest(1), MAKER), "已审核，不能修改")
    back = review.give_back(session, one, "金额有误", CHECKER)
    assert back.checker is None
    changed = drafting.submit(session, drafting.edit(session, back, interest(1), MAKER), MAKER)
    refused(session, lambda: review.post_voucher(session, changed, KEEPER), "待审核，不能记账")


def test_everything_that_speaks_against_a_voucher_is_named_at_once(session: Session, rcf: Book) -> None:
    lines = (
        debit("1004", 100), debit("1036.01", 5, AT_BANK), debit("9999", 5), credit("5007.04", 0, AT_BANK), credit("3007", 7),
    )  # fmt: skip
    bad = Content(value_date=TODAY + DAY, narration=" ", postings=lines, corrects="voucher/没有")
    one = drafting.draft(session, rcf, "V1", bad, MAKER)
    with pytest.raises(VoucherRefused) as refusal:
        drafting.submit(session, one, MAKER)
    assert refusal.value.reasons == [
        "没有摘要",
        "日期 2017-03-16 晚于营业日 2017-03-15",
        "第 1 行：科目 1004 其他财政存款须填辅助核算“银行”",
        "第 2 行：科目 1036.01 应收代偿款由系统业务记账，不能手工制单",
        "第 3 行：没有科目 9999",
        "第 4 行：金额为零",
        "借贷不平，相差 1.03 元（借方多）",
        "没有要更正的凭证 voucher/没有",
    ]
    empty = drafting.draft(session, rcf, "V2", Content(value_date=TODAY, narration="空"), MAKER)
    refused(session, lambda: drafting.submit(session, empty, MAKER), "没有分录")
    refused(session, lambda: drafting.draft(session, rcf, " ", interest(), MAKER), "编号不能为空")
    for nobody in ("", " ", "system"):
        refused(session, lambda nobody=nobody: drafting.draft(session, rcf, "V3", interest(), nobody), "须由经办人办理")
    refused(session, lambda: voucher_named(session, rcf, "V9"), "没有这张凭证")


def test_a_month_closed_meanwhile_refuses_the_voucher(session: Session, rcf: Book) -> None:
    one = drafting.draft(session, rcf, "V1", interest(day=date(2017, 1, 5)), MAKER)
    one = review.approve(session, drafting.submit(session, one, MAKER), CHECKER)
    close_month(session, rcf, date(2017, 1, 1), CHIEF)
    refused(session, lambda: review.post_voucher(session, one, KEEPER), "2017-01 已结账")


@given(st.builds(
    Content, value_date=st.dates(), narration=st.text(), word=st.sampled_from("记收付转"), sheets=st.integers(0, 99),
    corrects=st.none() | st.text(min_size=1), postings=st.lists(st.builds(
        Posting, st.text(min_size=1), st.sampled_from(list(debit("1", 1).side.__class__)), st.integers(),
        st.builds(Dimensions, bank=st.none() | st.text(), project=st.none() | st.text(), loan_id=st.none() | st.integers()),
    ), max_size=3).map(tuple),
))  # fmt: skip
def test_a_content_comes_back_as_it_was_stored(content: Content) -> None:
    assert content_from(facts_of(content)) == content


# --- corrections -----------------------------------------------------------------------------------------------------


def test_a_red_voucher_takes_another_back_in_its_own_month_once(session: Session, rcf: Book) -> None:
    through(session, rcf, "V1", interest(day=date(2017, 2, 3)))
    back = Content(value_date=TODAY, narration="重复入账", corrects="voucher/V1")
    done = through(session, rcf, "V2", back)
    red = entry_referenced(session, rcf.id, done.entries[0])
    assert journal_text(red.entry) == dedent("""\
        2017-02-03 RCF-371621 注销 2017-02 记字1号凭证：重复入账
          Dr 1004 -123.45
            Cr 4007.02 -123.45""")
    assert (red.entry.maker, red.entry.checker, red.entry.event, red.number) == (MAKER, CHECKER, "voucher/V2", 2)
    assert red.entry.reverses == entry_referenced(session, rcf.id, "voucher/V1").seq
    assert balance(session, rcf.id, "1004") == 0
    again = drafting.draft(session, rcf, "V3", back, MAKER)
    refused(session, lambda: drafting.submit(session, again, MAKER), "已冲销，只能冲销一次")
    of_red = drafting.draft(session, rcf, "V4", replace(back, corrects=done.entries[0]), MAKER)
    refused(session, lambda: drafting.submit(session, of_red, MAKER), "是红字凭证")


def test_a_red_voucher_of_a_closed_month_stands_on_the_first_open_day(session: Session, rcf: Book) -> None:
    through(session, rcf, "V1", interest(day=date(2017, 1, 20)))
    for month in (1, 2):
        close_month(session, rcf, date(2017, month, 1), CHIEF)
    done = through(session, rcf, "V2", Content(value_date=TODAY, narration="误记", corrects="voucher/V1"))
    assert entry_referenced(session, rcf.id, done.entries[0]).entry.value_date == date(2017, 3, 1)


def test_a_correction_is_the_red_and_the_blue_in_one_step(session: Session, rcf: Book) -> None:
    through(session, rcf, "V1", interest(12_345))
    done = through(session, rcf, "V2", interest(12_543, narration="金额有误", corrects="voucher/V1"))
    red, blue = (entry_referenced(session, rcf.id, reference) for reference in done.entries)
    assert [red.entry.narration, blue.entry.narration] == [
        "注销 2017-03 记字1号凭证：金额有误", "订正 2017-03 记字1号凭证：金额有误",
    ]  # fmt: skip
    assert balance(session, rcf.id, "1004") == 12_543
    through(session, rcf, "V3", Content(value_date=TODAY, narration="仍有误", corrects="voucher/V2"))
    assert balance(session, rcf.id, "1004") == 0


def test_an_earlier_year_is_corrected_in_blue(session: Session, city: dict[str, Book]) -> None:
    book = city["RCF"]
    begin_on(session, date(2017, 12, 31))
    through(session, book, "V1", interest(12_345, day=date(2017, 12, 5)))
    begin_on(session, date(2018, 2, 1))
    red = drafting.draft(session, book, "V2", Content(value_date=date(2018, 2, 1), narration="误", corrects="voucher/V1"), MAKER)
    refused(session, lambda: drafting.submit(session, red, MAKER), "属于以前年度，须用蓝字更正凭证")
    lines = debit("3007", 345), credit("1004", 345, AT_BANK)
    blue = Content(value_date=date(2018, 2, 1), narration="多记利息", postings=lines, corrects="voucher/V1")
    done = through(session, book, "V3", blue)
    assert done.entries == ("voucher/V3",)
    stored = entry_referenced(session, book.id, "voucher/V3").entry
    assert (stored.reverses, stored.narration) == (None, "订正 2017-12 记字1号凭证：多记利息")


def test_what_a_module_posted_is_taken_back_by_the_module_only(session: Session, rcf: Book) -> None:
    open_pool(session, rcf, "HMRCB", share_ppb=700_000_000, leverage=10, claim_after_days=90)
    receipt = FundReceipt(book=rcf, bank="HMRCB", serial="CZ1", received_on=TODAY, fen=1_000_000)
    (reference,) = contribute(session, [receipt], "t")
    one = drafting.draft(session, rcf, "V1", Content(value_date=TODAY, narration="退", corrects=reference), MAKER)
    refused(session, lambda: drafting.submit(session, one, MAKER), "由系统业务生成，请通过原业务撤销")


def test_what_a_pool_needs_for_its_loans_cannot_be_spent(session: Session, rcf: Book) -> None:
    open_pool(session, rcf, "HMRCB", share_ppb=700_000_000, leverage=10, claim_after_days=90)
    contribute(session, [FundReceipt(book=rcf, bank="HMRCB", serial="CZ1", received_on=TODAY, fen=1_000_000)], "t")

    def returned(fen: int) -> Content:
        lines = debit("5007.03", fen, AT_BANK), credit("1004", fen, AT_BANK)
        return Content(value_date=TODAY, narration="退回财政", postings=lines)

    one = drafting.draft(session, rcf, "V1", returned(1_000_001), MAKER)
    refused(
        session,
        lambda: drafting.submit(session, one, MAKER, wiring.voucher_checks()),
        "可用 -0.01 元，不足以覆盖贷款余额 0.00 元",
    )
    through(session, rcf, "V2", returned(1_000_000))
    assert balance(session, rcf.id, "1004") == 0


# --- attachments -----------------------------------------------------------------------------------------------------


def test_a_file_hangs_on_a_voucher_under_what_it_hashes_to(session: Session, rcf: Book) -> None:
    one = drafting.draft(session, rcf, "V1", interest(), MAKER)
    one = drafting.attach(session, one, "回单.pdf", b"%PDF-1", MAKER)
    assert drafting.attach(session, one, "同一文件.pdf", b"%PDF-1", MAKER) == one, "the same content hangs there once"
    one = drafting.attach(session, one, "合同.pdf", b"%PDF-2", MAKER)
    first, second = one.attachments
    assert (first.name, first.size, second.name) == ("回单.pdf", 6, "合同.pdf")
    assert content_of(session, rcf, first.sha256) == b"%PDF-1"
    one = drafting.detach(session, one, second.sha256, MAKER)
    assert one.attachments == (first,)
    refused(session, lambda: drafting.detach(session, one, second.sha256, MAKER), "没有这个附件")
    for content in (b"", bytes(drafting.MOST_BYTES + 1)):
        refused(session, lambda content=content: drafting.attach(session, one, "x", content, MAKER), "为空或超过 20 MB")
    submitted = drafting.submit(session, one, MAKER)
    refused(session, lambda: drafting.attach(session, submitted, "x", b"x", MAKER), "待审核，不能添加附件")
    with pytest.raises(AttachmentDamaged):
        content_of(session, rcf, "0" * 64)


def test_an_attachment_that_its_owner_changed_is_refused(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        book = open_city(session)["RCF"]
        one = drafting.attach(session, drafting.draft(session, book, "V1", interest(), MAKER), "a", b"abc", MAKER)
    owner = create_engine(own_engine.url.set(username="fupin_root"))
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE ledger.attachment DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE ledger.attachment SET content = 'abd'"))
    owner.dispose()
    with unit_of_work(own_engine) as session, pytest.raises(AttachmentDamaged):
        content_of(session, book, one.attachments[0].sha256)


# --- laws ------------------------------------------------------------------------------------------------------------

DEEDS = ("edit", "attach", "submit", "approve", "return", "post", "discard")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(DEEDS), st.sampled_from((MAKER, CHECKER, KEEPER)), st.integers(1, 3)), max_size=14))
def test_whatever_people_do_nothing_is_posted_that_another_did_not_approve(
    session: Session, rcf: Book, deeds: list[tuple[str, str, int]]
) -> None:
    with session.begin_nested() as attempt:
        one = drafting.draft(session, rcf, "V", interest(), MAKER)
        for deed, actor, fen in deeds:
            before = steps(session, rcf, ["V"])["V"]
            try:
                with session.begin_nested():
                    one = _do(session, one, deed, actor, fen)
            except VoucherRefused:
                assert steps(session, rcf, ["V"])["V"] == before
            _require_lawful(session, rcf, one)
        attempt.rollback()


def _do(session: Session, one: Voucher, deed: str, actor: str, fen: int) -> Voucher:
    deeds: dict[str, Callable[[], Voucher]] = {
        "edit": lambda: drafting.edit(session, one, interest(fen), actor),
        "attach": lambda: drafting.attach(session, one, f"{fen}", b"x" * fen, actor),
        "submit": lambda: drafting.submit(session, one, actor),
        "approve": lambda: review.approve(session, one, actor),
        "return": lambda: review.give_back(session, one, "再看", actor),
        "post": lambda: review.post_voucher(session, one, actor),
        "discard": lambda: drafting.discard(session, one, "不要", actor),
    }
    return deeds[deed]()


def _require_lawful(session: Session, book: Book, one: Voucher) -> None:
    taken = steps(session, book, ["V"])["V"]
    assert one == voucher_named(session, book, "V")
    stored = list(entries(session, book.id))
    assert len(stored) == (one.stage is Stage.POSTED)
    if one.stage in (Stage.APPROVED, Stage.POSTED):
        assert one.checker not in one.hands
        last = max(index for index, step in enumerate(taken) if step.kind is StepKind.APPROVED)
        assert all(step.kind is StepKind.POSTED for step in taken[last + 1 :]), "nothing was written after the approval"
    if stored:
        assert sum(p.fen for p in stored[0].entry.postings) == 2 * one.content.postings[0].fen
        assert (stored[0].entry.maker, stored[0].entry.checker) == (one.maker, one.checker)


def at_once(count: int, deed: Callable[[int], object]) -> list[BaseException | None]:
    """Do something in as many threads at once; return what each raised."""
    outcome: list[BaseException | None] = [None] * count
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        barrier.wait()
        try:
            deed(index)
        except Exception as error:  # noqa: BLE001 - a test looks at it
            outcome[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


def test_of_eight_who_approve_and_post_at_once_each_step_is_taken_once(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        book = open_city(session)["RCF"]
        begin_on(session, TODAY)
        one = drafting.submit(session, drafting.draft(session, book, "V1", interest(), MAKER), MAKER)

    def approve(index: int) -> None:
        with unit_of_work(own_engine) as mine:
            review.approve(mine, one, f"审核{index}")

    def post_it(index: int) -> None:
        with unit_of_work(own_engine) as mine:
            review.post_voucher(mine, one, f"记账{index}")

    for deed in (approve, post_it):
        outcome = at_once(8, deed)
        assert outcome.count(None) == 1
        assert {type(error) for error in outcome if error} == {VoucherRefused}
    with unit_of_work(own_engine) as session:
        assert [stored.number for stored in entries(session, book.id)] == [1]


def test_of_posting_and_closing_at_once_no_entry_slips_into_a_closed_month(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        book = open_city(session)["RCF"]
        begin_on(session, TODAY)

    def race(index: int) -> None:
        with unit_of_work(own_engine) as mine:
            if index == 4:
                close_month(mine, book, date(2017, 1, 1), CHIEF)
                return
            day = date(2017, 1, 1 + index)
            lines = interest().postings
            post(
                mine, JournalEntry(book=book.code, reference=f"r{index}", kind="x", value_date=day, narration="x", postings=lines)
            )

    outcome = at_once(8, race)
    assert {type(error) for error in outcome if error} <= {PeriodClosed}
    with unit_of_work(own_engine) as session:
        closed_at = session.scalar(text("SELECT closed_seq FROM ledger.period"))
        stored = list(entries(session, book.id))
        assert closed_at == len(stored) == outcome.count(None) - 1
        assert [one.seq for one in stored] == list(range(1, len(stored) + 1))


# --- closing and opening ---------------------------------------------------------------------------------------------


def test_a_month_closes_only_when_its_nights_are_closed_and_its_vouchers_posted(session: Session, rcf: Book) -> None:
    checks = NightsClosed(), VouchersPosted()
    waiting = drafting.draft(session, rcf, "V1", interest(day=date(2017, 2, 3)), MAKER)
    with pytest.raises(MonthNotReady) as refusal:
        close_month(session, rcf, date(2017, 3, 1), CHIEF, checks)
    assert refusal.value.reasons == ["2017-03-15 尚未日终", "凭证 V1（2017-02-03）草稿"]
    close_month(session, rcf, date(2017, 1, 1), CHIEF, checks)
    with pytest.raises(MonthNotReady, match="凭证 V1（2017-02-03）草稿"):
        close_month(session, rcf, date(2017, 2, 1), CHIEF, checks)
    drafting.discard(session, waiting, "不用", MAKER)
    close_month(session, rcf, date(2017, 2, 1), CHIEF, checks)


def test_a_month_closes_only_when_everything_ties(session: Session, rcf: Book) -> None:
    post(session, JournalEntry(
        book=rcf.code, reference="a", kind="x", value_date=date(2017, 1, 5), narration="x",
        postings=(debit("9101", 5, AT_BANK), credit("3007", 5, AT_BANK)),
    ))  # fmt: skip
    with pytest.raises(MonthNotReady, match=r"memo pair 9101/9102.*应为 5，实为 0"):
        close_month(session, rcf, date(2017, 1, 1), CHIEF, wiring.period_checks())


def test_only_the_chief_accountant_opens_a_month_again_and_says_why(session: Session, rcf: Book) -> None:
    january, february = date(2017, 1, 1), date(2017, 2, 1)
    for month in (january, february):
        close_month(session, rcf, month, CHIEF)
    refused(session, lambda: reopen_month(session, rcf, february, "补记", MAKER), "不是现任会计主管，不能反结账", NotSupervisor)
    refused(session, lambda: reopen_month(session, rcf, january, "补记", CHIEF), "须先反结账 2017-02", ReopeningRefused)
    refused(session, lambda: reopen_month(session, rcf, february, " ", CHIEF), "须说明理由", ReopeningRefused)
    refused(session, lambda: reopen_month(session, rcf, date(2017, 3, 1), "x", CHIEF), "尚未结账", ReopeningRefused)
    with pytest.raises(DBAPIError, match="已结账"), session.begin_nested():
        session.execute(text("DELETE FROM ledger.period"))
    for _ in range(2):  # and once more: each opening is one of its own
        reopen_month(session, rcf, february, "补记利息", CHIEF)
        close_month(session, rcf, february, CHIEF)
    reopen_month(session, rcf, february, "补记利息", CHIEF)
    through(session, rcf, "V1", interest(day=date(2017, 2, 28)))
    close_month(session, rcf, february, CHIEF)
    with pytest.raises(DBAPIError, match="已结账"), session.begin_nested():
        session.execute(text("DELETE FROM ledger.period WHERE month = '2017-02-01'"))
    said = session.execute(text("SELECT month, reason, reopened_by FROM ledger.reopening ORDER BY reopened_at")).all()
    assert [tuple(row) for row in said] == [(february, "补记利息", CHIEF)] * 3


def test_december_opened_again_takes_the_year_end_back_and_closes_it_anew(session: Session, city: dict[str, Book]) -> None:
    book = city["RCF"]
    appoint(session, book, CHIEF, FIRST_DAY, "t")
    begin_on(session, date(2018, 1, 5))
    through(session, book, "V1", interest(300, day=date(2017, 11, 5)))
    for month in (11, 12):
        close_month(session, book, date(2017, month, 1), CHIEF)
    assert (balance(session, book.id, "4007.02"), balance(session, book.id, "3007")) == (0, -300)
    reopen_month(session, book, date(2017, 12, 1), "补记", CHIEF)
    assert (balance(session, book.id, "4007.02"), balance(session, book.id, "3007")) == (-300, 0)
    through(session, book, "V2", interest(45, day=date(2017, 12, 30)))
    close_month(session, book, date(2017, 12, 1), CHIEF)
    assert (balance(session, book.id, "4007.02"), balance(session, book.id, "3007")) == (0, -345)
    reopen_month(session, book, date(2017, 12, 1), "再看", CHIEF)
    close_month(session, book, date(2017, 12, 1), CHIEF)
    assert (balance(session, book.id, "4007.02"), balance(session, book.id, "3007")) == (0, -345)
    assert [check for check in wiring.verify(session) if not check.ok] == []


def test_a_chief_accountant_is_appointed_from_a_day_on(session: Session, rcf: Book) -> None:
    appoint(session, rcf, CHIEF, FIRST_DAY, "t")
    appoint(session, rcf, "新主管", date(2017, 3, 1), "t")
    assert [supervisor_on(session, rcf, day) for day in (date(2016, 12, 31), date(2017, 2, 28), date(2017, 3, 1))] == [
        None, CHIEF, "新主管",
    ]  # fmt: skip
    for name, since, said in (("别人", FIRST_DAY, f"已任命 {CHIEF}"), (" ", TODAY, "须写明会计主管姓名")):
        refused(session, lambda name=name, since=since: appoint(session, rcf, name, since, "t"), said, AppointmentRefused)
    close_month(session, rcf, date(2017, 1, 1), CHIEF)
    refused(session, lambda: reopen_month(session, rcf, date(2017, 1, 1), "x", CHIEF), "不是现任会计主管", NotSupervisor)


def test_the_book_of_a_voucher_is_found_by_code(session: Session, rcf: Book) -> None:
    through(session, rcf, "V1", interest())
    assert [one.serial for one in vouchers(session, book_named(session, BookCode("RCF-371621")))] == ["V1"]
