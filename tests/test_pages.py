"""The staff's pages: what they say, what they hide, and what they answer to questions that can't be meant."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from browser import TestClient, browser
from conftest import fresh_database, open_city
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import wiring
from app.access.roles import Role
from app.migrate import migrate
from app.settings import Settings
from app.status import status
from app.web import queries
from app.web.pages import make_app
from app.web.queries import home
from app.web.words import person, share, wan, without_ids
from app.wiring import System
from guarantees.entries import contributed
from ledger.books import Book, BookKind, open_book
from ledger.calendar import DAY
from ledger.db import APP_ROLE, OWNER_ROLE, engine_as, unit_of_work
from ledger.journal import BookCode, Dimensions, JournalEntry
from ledger.money import yuan
from ledger.posting import post
from ledger.ties import Check
from loans.applications.application import Application
from loans.contract import Contract
from loans.disbursement import disburse
from loans.events import Repaid
from loans.servicing import repay, reverse
from registry.cipher import Cipher
from registry.households import Household, add_borrowers, enrol
from registry.identity import id_check_digit
from scheduling.close import close_through
from scheduling.errors import StepFailed
from statements.charts import Line, line_chart, ticks_of
from statements.charts import wan as exact_wan

FIRST, LAST = date(2017, 3, 15), date(2017, 6, 30)
NAME, ID = "张三丰", "37160219700307123" + id_check_digit("37160219700307123")
FIRM, FIRM_ID = "惠民养殖合作社", "91371621MA3C000007"
NUMBER = "HM<i>/2017-1"
BOOK = "LB-371621-HMRCB"
LOAN = f"/loans/{BOOK}/HM%3Ci%3E%2F2017-1"


@pytest.fixture(scope="module")
def lent(server_url: str, cipher: Cipher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A county with a fund, a small loan that is overdue and an enterprise loan, every night closed to 30 June."""
    address = fresh_database(server_url, "pages")
    migrate(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        books = open_city(session, FIRST)
        small = _begin(session, cipher, books)
    _close(engine, date(2017, 4, 4))
    with unit_of_work(engine) as session:
        repay(session, [(small, Repaid(reference="r1", value_date=date(2017, 4, 5), fen=1_000_000))], "银行经办")
    _close(engine, date(2017, 4, 5))
    with unit_of_work(engine) as session:
        reverse(session, small, "r1", date(2017, 4, 6), "银行经办")
    _close(engine, LAST)
    yield _system(engine, cipher, tmp_path_factory.mktemp("pages"))
    engine.dispose()


def _begin(session: Session, cipher: Cipher, books: dict[str, Book]) -> Contract:
    county, loan_book = "371621", books["LB"]
    home_of = Household(
        county=county, number="371621000001", village="胡集镇", persons=4, standard="national", registered_on=date(2014, 1, 1),
        head_name=NAME, head_id=ID, account="6222000000000001234",
    )  # fmt: skip
    enrol(session, cipher, [home_of], "扶贫办")
    people = [("household", ID, NAME, home_of.number), ("enterprise", FIRM_ID, FIRM, None)]
    codes = {number: who.code for number, who in add_borrowers(session, cipher, county, people).items()}
    post(
        session,
        JournalEntry(
            book=books["RCF"].code, reference="fund/1", kind="fund.contributed", value_date=FIRST, maker="财政拨付",
            narration=f"财政拨入，经办人 {ID}", postings=contributed(100_000_000, Dimensions(county=county, bank="HMRCB")),
        ),
    )  # fmt: skip
    asked = [
        Application(
            book=loan_book, contract=NUMBER, product="XEXD", household=home_of.number, borrower=codes[ID], fen=5_000_000,
            rate_ppb=43_500_000, drawn_on=FIRST, maturity=date(2017, 6, 15), purpose=f"养牛（{ID}）",
        ),
        Application(
            book=loan_book, contract="HM-FM-1", product="FMSC", household=None, borrower=codes[FIRM_ID], fen=80_000_000,
            rate_ppb=43_500_000, drawn_on=FIRST, maturity=date(2018, 3, 15),
        ),
    ]  # fmt: skip
    return disburse(session, asked, "银行经办")[0].contract


def _close(engine: Engine, through: date) -> None:
    for _ in close_through(engine, wiring.night_steps(), through):
        pass


def _system(engine: Engine, cipher: Cipher, folder: Path) -> System:
    return System(engine, cipher, Settings(FUPIN_DATA=folder))


def _client(system: System, *, raising: bool = True) -> TestClient:
    return browser(system, Role.OFFICE_CLERK, raising=raising)


@pytest.fixture
def client(lent: System) -> TestClient:
    return _client(lent)


def words(page: str) -> str:
    """Return what a reader sees of a page."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


class TestNight:
    def test_the_night_is_shown_step_by_step_with_what_to_do(self, own_engine: Engine, cipher: Cipher, tmp_path: Path) -> None:
        client = _client(_system(own_engine, cipher, tmp_path))
        assert "还没有做过日终" in words(client.get("/night").text)
        with unit_of_work(own_engine) as session:
            small = _begin(session, cipher, open_city(session, FIRST))
        steps = list(wiring.night_steps())

        def stop(_: Session, __: date) -> dict[str, int]:
            answer = client.get("/night").text
            assert '<meta http-equiv="refresh"' in answer
            assert re.search(r"结息 settle 完成 .* 重定价 reprice 进行中 .* 计提 accrue 待处理", words(answer))
            raise KeyError("没有报价")

        broken = [*steps[:3], replace(steps[3], work=stop), *steps[4:]]
        with pytest.raises(StepFailed):
            list(close_through(own_engine, broken, FIRST))
        answer = client.get("/night")
        assert "refresh" not in answer.text
        said = words(answer.text)
        assert "未完成：重定价 失败 KeyError: '没有报价'" in said
        assert "请排除原因后执行 fupin close --resume 继续" in said
        assert "重定价 reprice 失败" in said
        assert "日终失败" in words(client.get("/").text)
        list(close_through(own_engine, steps, FIRST, resume=True))
        said = words(client.get("/night", params={"day": str(FIRST)}).text)
        assert "封签 seal 完成" in said
        assert "night/accrued/<date>" in said
        assert re.search(r"2017-03-15 \S+ \S+ \S+ \S+ [\d.,]+ 1 0", said), "one failure, nothing set aside"
        assert client.get("/night", params={"day": "2011-01-01"}).status_code == 404
        assert client.get("/night", params={"day": "x"}).status_code == 400
        owner = engine_as(own_engine.url.render_as_string(hide_password=False), OWNER_ROLE)
        with owner.begin() as connection:
            connection.execute(
                text("UPDATE loans.loan SET terms = '{}' WHERE (book_id, id) = (:b, :i)"), {"b": small.book_id, "i": small.id}
            )
        owner.dispose()
        with unit_of_work(own_engine) as session:
            session.execute(
                text("UPDATE loans.loan SET next_reset = '2017-03-17' WHERE (book_id, id) = (:b, :i)"),
                {"b": small.book_id, "i": small.id},
            )
        list(close_through(own_engine, steps, FIRST + DAY))
        said = words(client.get("/night").text)
        assert re.search(r"HM<i>/2017-1 2017-03-16 重定价 借据 HM<i>/2017-1 的条款数据已损坏", said)
        assert "隔离贷款 1 笔" in words(client.get("/").text)
        unreadable = client.get(LOAN)
        assert unreadable.status_code == 409
        assert "请先修复数据" in words(unreadable.text)
        assert not [check.check for check in _verified(own_engine) if not check.ok]


def _verified(engine: Engine) -> list[Check]:
    with unit_of_work(engine) as session:
        return list(wiring.verify(session))


class TestEmptyBooks:
    def test_pages_render_before_anything_is_there(self, own_engine: Engine, cipher: Cipher, tmp_path: Path) -> None:
        client = _client(_system(own_engine, cipher, tmp_path))
        for path in ("/", "/vouchers", "/loans"):
            assert client.get(path).status_code == 200
        assert "暂无数据" in client.get("/").text
        assert "没有符合条件的凭证" in client.get("/vouchers").text
        assert "没有符合条件的贷款" in client.get("/loans").text

    def test_the_demo_says_that_it_is_one(self, own_engine: Engine, cipher: Cipher, tmp_path: Path) -> None:
        client = _client(_system(own_engine, cipher, tmp_path))
        with unit_of_work(own_engine) as session:
            open_city(session)
        assert "演示数据" not in client.get("/").text
        with unit_of_work(own_engine) as session:
            name = "阳信县风险补偿金专账（演示数据）"
            open_book(session, BookCode("RCF-371622"), BookKind.COMPENSATION, name, "371622", None, "fund-2016")
        for path in ("/", "/vouchers", "/loans"):
            assert '<strong class="demo">演示数据</strong>' in client.get(path).text


class TestHome:
    def test_the_figures_are_those_of_the_books(self, client: TestClient, lent: System) -> None:
        page = words(client.get("/").text)
        with unit_of_work(lent.engine) as session:
            found = status(session)
        assert found.loans_disbursed_fen == 5_000_000
        for fen in (
            found.funds_contributed_fen, found.funds_balance_fen, found.loans_disbursed_fen, found.loans_balance_fen,
            found.enterprise_balance_fen, found.relending_drawn_fen, found.overdue_principal_fen,
        ):  # fmt: skip
            assert yuan(fen) in page
        assert "截至 2017-06-30" in page
        assert "营业日 2017-07-01" in page
        assert "惠民县 惠民农商行（演示） 2 850,000.00 2 50,000.00 5.88%" in page

    def test_a_figure_leads_to_the_vouchers_that_make_it(self, client: TestClient) -> None:
        links = re.findall(r'<a href="([^"]+)"><span class="money">([^<]+)</span></a>', client.get("/").text)
        assert len(links) >= 10
        for link, figure in links:
            page = client.get(html.unescape(link)).text
            foot = page.partition('class="totals"')[2]
            assert figure in foot or (figure == "0.00" and not foot), link

    def test_a_count_leads_to_its_loans(self, client: TestClient) -> None:
        links = re.findall(r'<a href="(/loans[^"]*)">([0-9,]+)</a>', client.get("/").text)
        assert len(links) >= 6
        for link, count in links:
            assert f"共 {count} 笔" in client.get(html.unescape(link)).text

    def test_the_chart_runs_through_the_months(self, client: TestClient) -> None:
        page = client.get("/").text
        chart = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])  # noqa: S314 - our own text
        told = [title.text or "" for title in chart.iter("{http://www.w3.org/2000/svg}title")]
        assert "2017-03 累计发放 50,000.00 元" in told
        assert "2017-04 贷款余额 50,000.00 元" in told, "the repayment of the 5th was reversed on the 6th"
        assert "2017-06 贷款余额 50,000.00 元" in told


class TestVouchers:
    def test_the_newest_month_comes_first(self, client: TestClient) -> None:
        page = words(client.get(f"/vouchers?book={BOOK}").text)
        assert "2017年6月" in page
        assert page.index("2017-06-30 计提贷款利息") < page.index("2017-06-29 计提贷款利息")
        assert "2017-05" not in page.partition("科目代码")[2]

    def test_a_voucher_opens_to_its_postings(self, client: TestClient) -> None:
        page = words(client.get(f"/vouchers?book={BOOK}&month=2017-03&kind=loans.disbursed").text)
        assert "共 2 张" in page
        assert f"记字第1号 发放扶贫小额信贷 {NUMBER} 50,000.00 银行经办 系统" in page
        assert f"1303.01 贷款—正常 惠民县 扶贫小额信贷 {NUMBER} 50,000.00" in page
        assert "全部合计 2 张 借方 850,000.00" in page

    def test_red_ink_is_red(self, client: TestClient) -> None:
        page = client.get(f"/vouchers?book={BOOK}&month=2017-04&kind=loans.repaid").text
        assert '<span class="money red">-10,000.00</span>' in page
        assert '<span class="money">10,000.00</span>' in page
        assert "全部合计 2 张 借方 0.00" in words(page)

    def test_fifty_stand_on_a_page(self, client: TestClient) -> None:
        first = client.get(f"/vouchers?book={BOOK}&month=all").text
        assert first.count("<details>") == 50
        assert "第 1 页，共 3 页" in first
        seen: list[str] = []
        for page in (1, 2, 3):
            found = client.get(f"/vouchers?book={BOOK}&month=all&page={page}").text
            seen += re.findall(r"<span>(\d{4}-\d\d-\d\d)</span>\s*<span>(记字第\d+号)</span>", found)  # type: ignore[arg-type]
        total = re.search(r"共 ([0-9]+) 张", first)
        assert total is not None
        assert len(seen) == len(set(seen)) == int(total[1])

    def test_postings_can_be_opened_all_at_once_without_a_script(self, client: TestClient) -> None:
        page = client.get(f"/vouchers?book={BOOK}").text
        link = re.search(r'<a href="([^"]+)">本页全部展开</a>', page)
        assert link is not None
        assert "<details open>" in client.get(html.unescape(link[1])).text
        assert "<script" not in page


class TestLoans:
    def test_a_loan_is_found_by_part_of_its_number(self, client: TestClient) -> None:
        assert "共 1 笔" in client.get("/loans", params={"q": "hm<I>"}).text
        assert "共 2 笔" in client.get("/loans", params={"q": "HM"}).text
        assert "共 0 笔" in client.get("/loans", params={"q": "%"}).text

    @pytest.mark.parametrize(
        ("state", "count"),
        [("all", 2), ("open", 2), ("overdue", 2), ("non-accrual", 1), ("settled", 0), ("written-off", 0)],
    )
    def test_a_state_chooses_loans(self, client: TestClient, state: str, count: int) -> None:
        assert f"共 {count} 笔" in client.get(f"/loans?state={state}").text

    def test_a_row_says_how_the_loan_stands(self, client: TestClient) -> None:
        page = words(client.get("/loans", params={"q": NUMBER}).text)
        row = f"{NUMBER} 张** 惠民县 惠民农商行（演示） 扶贫小额信贷 2017-03-15 2017-06-15 50,000.00 50,000.00 50,000.00 15 逾期"
        assert row in page

    def test_its_page_tells_its_whole_life(self, client: TestClient) -> None:
        page = words(client.get(LOAN).text)
        assert "借款人 张**（农户）" in page
        assert "证件号码 371***********" in page
        assert "逾期天数 15 天 （自 2017-06-15，至 2017-06-30 日终） 五级分类 关注" in page
        assert "1 2017-06-15 2017-06-15 50,000.00 0.00 50,000.00 逾期" in page
        assert "合同利息 50,000.00 4.35% 4.35% 2017-03-15 2017-06-15 应计" in page
        assert "罚息 50,000.00 6.525% 0.00% 2017-06-15 继续 应计" in page
        # By hand: 50,000 × 4.35 % × 6, 86 days / 360, then × 6.525 % × 6 / 360.
        assert "结息 2017-03-15 至 2017-03-20 6 300,000.00 36.25 36.25 0.00 0.00 0.00 2017-03-21" in page
        assert "结息 2017-03-21 至 2017-06-14 86 4,300,000.00 519.58 519.58 0.00 0.00 0.00 2017-06-15" in page
        assert "罚息 2017-06-15 至 2017-06-20 6 300,000.00 54.38 0.00 54.38 0.00 54.38 2017-06-21" in page
        assert "2017-04-05 2017-04-05 还款 已冲正 10,000.00 r1 银行经办" in page
        assert "2017-04-06 2017-04-06 冲正 冲正 r1 r1/reversed 银行经办" in page
        assert f"记字第1号 发放扶贫小额信贷 {NUMBER} 50,000.00" in page

    def test_unpaid_interest_alone_makes_a_loan_non_accrual(self, client: TestClient) -> None:
        page = words(client.get(f"/loans/{BOOK}/HM-FM-1").text)
        assert "惠******（企业）" in page
        assert "本金余额 800,000.00 其中逾期 0.00" in page
        assert (
            "逾期天数 101 天 （自 2017-03-21，至 2017-06-30 日终） 五级分类 次级（2017-06-20 起，逾期超过 90 天（银监发〔2007〕54号）） 核算状态 非应计"
            in page
        )
        assert "复利 580.00 4.35% 0.00% 2017-03-21" in page


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "sentence"),
        [
            ("/vouchers?month=abc", "月份应写成 2017-09 这样的年月。"),
            ("/vouchers?month=2017-13", "月份应写成"),
            ("/vouchers?month=0000-01", "月份应写成"),
            ("/vouchers?month=２０１７-09", "月份应写成"),
            ("/vouchers?book=LB-1", "没有这个账套"),
            ("/vouchers?book=%00", "没有这个账套"),
            ("/vouchers?kind=x", "没有这种业务类型"),
            ("/vouchers?account=%25", "科目代码应写成"),
            ("/vouchers?product=x", "没有这种贷款产品"),
            ("/vouchers?page=99", "没有第 99 页，一共 1 页。"),
            ("/loans?page=-1", "页码必须是从 1 起的整数。"),
            ("/loans?page=0", "页码必须"),
            ("/loans?page=²", "页码必须"),
            ("/loans?page=99999999999999999999", "页码必须"),
            ("/loans?page=2", "没有第 2 页，一共 1 页。"),
            ("/loans?state=x", "没有这种贷款状态"),
            ("/loans?q=%00", "无法识别的字符"),
            ("/loans?q=" + "1" * 65, "合同号最长 64 个字符。"),
        ],
    )
    def test_a_bad_question_gets_a_sentence(self, client: TestClient, path: str, sentence: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 400
        assert "查询条件有误" in answer.text
        assert sentence in answer.text

    @pytest.mark.parametrize(
        "path",
        [
            "/nowhere",
            f"/loans/{BOOK}/none",
            "/loans/none/HM-FM-1",
            f"/loans/{BOOK}/%00",
            "/loans/%00/x",
            "/docs",
            "/openapi.json",
        ],
    )
    def test_what_is_not_there_is_not_found(self, client: TestClient, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 404
        assert "找不到" in answer.text

    def test_nothing_can_be_sent(self, client: TestClient) -> None:
        answer = client.post("/loans", data={"q": "x"})
        assert answer.status_code == 405
        assert "不接受提交" in answer.text

    def test_a_foreign_host_name_gets_nothing(self, lent: System) -> None:
        assert TestClient(make_app(lent), base_url="http://evil.example").get("/").status_code == 400

    def test_a_question_that_takes_too_long_is_given_up(self, lent: System, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queries, "PATIENCE", "20ms")
        monkeypatch.setattr(home, "is_demo", lambda session: session.scalar(text("SELECT true FROM pg_sleep(5)")))
        answer = _client(lent).get("/loans")
        assert answer.status_code == 503
        assert "请缩小查询范围" in answer.text

    def test_a_mistake_of_ours_shows_no_trace(self, lent: System, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(_: Session) -> bool:
            raise RuntimeError("secret")

        monkeypatch.setattr(home, "is_demo", broken)
        answer = _client(lent, raising=False).get("/")
        assert answer.status_code == 500
        assert "系统出错" in answer.text
        assert "secret" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


class TestSafety:
    @pytest.mark.parametrize("path", ["/", "/vouchers", "/loans", LOAN, "/nowhere", "/loans?page=-1", "/static/style.css"])
    def test_every_answer_is_guarded(self, client: TestClient, path: str) -> None:
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy == (
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"

    @pytest.mark.parametrize("path", ["/", "/vouchers?open=1&month=all", "/loans", LOAN, "/nowhere"])
    def test_nothing_is_inline(self, client: TestClient, path: str) -> None:
        page = client.get(path).text
        assert not re.search(r"<style|<script|\sstyle=|\son[a-z]+=|javascript:|https?://(?!www\.w3\.org/2000/svg)", page)

    @pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "' OR 1=1 --"])
    def test_hostile_text_stays_text(self, client: TestClient, hostile: str) -> None:
        answer = client.get("/loans", params={"q": hostile})
        assert answer.status_code == 200
        assert str(escape(hostile)) in answer.text
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert "49" not in words(answer.text).partition("共 0 笔")[0]
        assert "<i>" not in client.get(LOAN).text, "a contract number is text too"

    def test_no_page_shows_a_name_or_an_identity_number(self, client: TestClient) -> None:
        paths = ["/", "/vouchers?month=all", "/loans", LOAN, f"/loans/{BOOK}/HM-FM-1", f"/loans?q={ID}"]
        paths += [f"/vouchers?month=all&page={page}" for page in (2, 3)]
        for path in paths:
            page = client.get(path).text
            for secret in (NAME, ID, FIRM, FIRM_ID, "6222000000000001234"):
                assert secret not in page, path
        assert "371***********" in client.get("/vouchers?month=all&kind=fund.contributed").text, "typed into a narration"

    def test_reading_can_not_write(self, lent: System) -> None:
        with pytest.raises(DBAPIError, match="read-only"), queries.reading(lent.engine) as session:
            session.execute(text("UPDATE loans.horizon SET aged_through = aged_through"))

    def test_reading_does_not_wait_for_the_night(self, lent: System, client: TestClient) -> None:
        with unit_of_work(lent.engine) as session:
            session.execute(text("SELECT FROM ledger.business_day FOR UPDATE"))
            session.execute(text("SELECT FROM loans.horizon FOR UPDATE"))
            for path in ("/", "/vouchers", "/loans", LOAN):
                assert client.get(path).status_code == 200


class TestCharts:
    @given(st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=40))
    def test_ticks_are_few_round_and_span_the_values(self, values: list[int]) -> None:
        ticks = ticks_of(values)
        assert ticks[0] <= min(0, *values)
        assert ticks[-1] >= max(0, *values)
        assert 2 <= len(ticks) <= 8
        step = ticks[1] - ticks[0]
        assert str(step).rstrip("0") in ("1", "2", "5")
        assert all(tick % step == 0 for tick in ticks)

    @given(st.lists(st.integers(0, 10**12), min_size=1, max_size=40))
    def test_a_chart_is_well_formed_and_tells_every_amount(self, values: list[int]) -> None:
        labels = [f"{number}" for number in range(len(values))]
        chart = line_chart("<图>", labels, [Line("甲", tuple(values)), Line("乙&", tuple(values))])
        root = ET.fromstring(chart)  # noqa: S314 - our own text
        told = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
        assert told[0] == "<图>"
        assert told[1:] == [
            f"{label} {name} {yuan(fen)} 元" for name in ("甲", "乙&") for label, fen in zip(labels, values, strict=True)
        ]
        assert "style=" not in chart
        assert chart == line_chart("<图>", labels, [Line("甲", tuple(values)), Line("乙&", tuple(values))])

    def test_a_line_has_a_value_for_each_label(self) -> None:
        with pytest.raises(ValueError, match="图"):
            line_chart("图", ["1", "2"], [Line("甲", (1,))])
        assert "暂无数据" in line_chart("图", [], [])

    def test_amounts_in_wan(self) -> None:
        assert [exact_wan(fen) for fen in (1_250_000, 15_700_000_000, -1, 0)] == ["1.25", "15,700", "-0.000001", "0"]
        assert [wan(fen) for fen in (5_540_355_000, -5_000, 0)] == ["5,540.36", "-0.01", "0.00"]


class TestWords:
    def test_only_a_valid_identity_number_is_masked_in_free_text(self) -> None:
        assert without_ids(f"经办 {ID}，合同 371602197003071230") == "经办 371***********" + ID[-4:] + "，合同 371602197003071230"
        assert without_ids(f"X{ID}") == f"X{ID}", "part of a longer code"
        assert person("system") == "系统"

    def test_shares(self) -> None:
        assert [share(1, 3), share(0, 5), share(5, 5), share(1, 0)] == ["33.33%", "0.00%", "100.00%", "—"]

    def test_a_month_without_lending_keeps_the_line(self, lent: System) -> None:
        with queries.reading(lent.engine) as session:
            months = home.months_of_lending(session, LAST + 40 * DAY)
        assert [f"{month.month:%m}" for month in months] == ["03", "04", "05", "06", "07", "08"]
        assert {month.disbursed_fen for month in months} == {5_000_000}
        assert {month.balance_fen for month in months} == {5_000_000}
