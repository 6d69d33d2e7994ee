"""The pages of books and reports: what they say, where their lines lead, what their files hold, and what they refuse."""

import csv
import html
import io
import re
from collections.abc import Iterator
from datetime import date
from urllib.parse import unquote

import pytest
from browser import TestClient, browser
from conftest import fresh_database, open_city
from openpyxl import load_workbook
from sqlalchemy import Engine, text
from test_pages import words
from worked_funds import INJECTED, live

from app.access.roles import Role
from app.migrate import migrate
from app.settings import Settings
from app.web import reports as report_pages
from app.wiring import System, reports
from ledger.db import APP_ROLE, engine_as, unit_of_work
from registry.cipher import Cipher

POOL = "book=RCF-371621"


@pytest.fixture(scope="module")
def lived(server_url: str, cipher: Cipher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The two worked years of a pool and a fund, on 2018-07-01."""
    address = fresh_database(server_url, "reports")
    migrate(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        live(session, open_city(session))
        session.execute(text("UPDATE ledger.business_day SET business_date = '2018-07-01'"))
    yield System(engine, cipher, Settings(FUPIN_DATA=tmp_path_factory.mktemp("reports")))
    engine.dispose()


@pytest.fixture
def client(lived: System) -> TestClient:
    return browser(lived, Role.OFFICE_CLERK)


def links(page: str, shown: str) -> list[str]:
    return [
        html.unescape(link) for link, word in re.findall(r'<a href="([^"]+)">([^<]+)</a>', page) if html.unescape(word) == shown
    ]


def test_the_list_leads_to_every_report_and_each_of_them_answers(client: TestClient) -> None:
    page = client.get("/reports").text
    for name, (form, _) in reports().items():
        assert links(page, form.title) == [f"/reports/{name}"]
        answer = client.get(f"/reports/{name}")
        assert answer.status_code == 200, name
        assert f"<h1>{form.title}<small>" in answer.text
        assert ("不相符" in answer.text) is (name == "subsidy-positions"), "what was approved without a batch is found"


def test_a_balance_opens_its_account_a_line_opens_its_voucher(client: TestClient) -> None:
    trial = client.get(f"/reports/trial-balance?{POOL}&from=2017-01&to=2017-12").text
    assert "其他财政存款 1,010,500.00 35,030.00 1,010,500.00 35,030.00 975,470.00" in words(trial)
    assert "勾稽 8 项，全部相符。" in trial
    (account,) = links(trial, "1036.01")
    detail = client.get(account).text
    assert "1036.01 应收代偿款" in detail
    assert "1004" not in words(detail).partition("1036.01 应收代偿款")[0], "only the account that was opened"
    assert "2017-03-15 记-1 批准代偿 2015.01 35,000.00 借 35,000.00" in words(detail)
    (voucher,) = links(detail, "批准代偿")
    found = words(client.get(voucher).text)
    assert "2017年3月，记字第1号，共 1 张" in found
    assert "1036.01 应收代偿款 惠民县 · 惠民农商行（演示） 35,000.00" in found.replace("惠民县 惠民", "惠民县 · 惠民")


def test_red_ink_is_red_and_text_is_text(client: TestClient) -> None:
    page = client.get(f"/reports/subsidiary-ledger?{POOL}&account=4007.01&from=2017-01&to=2017-02").text
    assert '<span class="money red">-20.00</span>' in page
    assert html.escape(INJECTED, quote=False).replace('"', "&#34;") in page


def test_the_files_are_attachments_with_the_figures_of_the_page(client: TestClient) -> None:
    page = client.get(f"/reports/balance-sheet?{POOL}&as_of=2018-06-30").text
    (sheet_link,), (csv_link,) = links(page, "Excel"), links(page, "CSV")
    answer = client.get(sheet_link)
    assert answer.headers["content-type"].startswith("application/vnd.openxmlformats")
    assert answer.headers["cache-control"] == "no-store"
    named = answer.headers["content-disposition"]
    assert named.startswith('attachment; filename="balance-sheet.xlsx"')
    assert unquote(named.partition("UTF-8''")[2]) == "资产负债表-惠民县RCF-2018年6月30日.xlsx"
    sheet = load_workbook(io.BytesIO(answer.content)).active
    held = {row[0].value: row[3].value for row in sheet.iter_rows(min_row=4)}
    assert held["资产合计"] == held["负债和净资产总计"] == 1_146_500.00
    answer = client.get(csv_link)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = {row[0]: row for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))) if row}
    assert rows["资产合计"][2:] == ["995500.00", "1146500.00"]


def test_an_account_book_begins_with_the_first_book_and_others_with_all(client: TestClient) -> None:
    assert "惠民县RCF　2018年7月1日至2018年7月1日" in client.get("/reports/trial-balance").text
    assert "（3个账套合并）" in client.get("/reports/balance-sheet").text
    assert "全部风险补偿金专账" in client.get("/reports/trial-balance?book=RCF").text


def test_a_long_book_is_shown_by_pages(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_pages, "ROWS", 10)
    address = f"/reports/subsidiary-ledger?{POOL}&from=2017-01&to=2018-06"
    first = client.get(address).text
    second = html.unescape(re.search(r'<a href="([^"]+)" rel="next">', first)[1])
    assert "第 1 页，共 13 页" in first
    assert "第 2 页，共 13 页" in client.get(second).text
    assert client.get(f"{address}&page=14").status_code == 400


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("trial-balance?book=RCF-1", "没有这个账套"),
        ("trial-balance?from=2017-13", "月份应写成"),
        ("trial-balance?as_of=yesterday", "日期应写成"),
        ("trial-balance?from=2018-08&to=2018-08", "晚于营业日"),
        ("trial-balance?from=2018-02&to=2018-01", "起始月份晚于截止月份"),
        ("trial-balance?account=x", "科目代码应写成"),
        ("trial-balance?account=9999", "没有科目 9999"),
        ("multi-column?by=<i>", "不能按 <i> 展开"),
        ("fund-register?book=ISF-371621", "不适用于所选账套"),
        ("trial-balance?page=0", "页码必须"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_a_sentence(client: TestClient, address: str, sentence: str) -> None:
    for ending in ("", ".xlsx", ".csv"):
        name, mark, query = address.partition("?")
        if ending and "page" in query:
            continue
        answer = client.get(f"/reports/{name}{ending}{mark}{query}")
        assert answer.status_code == 400
        assert sentence in html.unescape(answer.text)
        assert "<i>" not in answer.text


def test_a_report_that_is_not_there_is_not_found(client: TestClient) -> None:
    for name in ("nothing", "nothing.xlsx", "nothing.csv"):
        answer = client.get(f"/reports/{name}")
        assert (answer.status_code, "没有这张报表" in answer.text) == (404, True)
    assert client.get("/vouchers?voucher=12").status_code == 400


def test_before_the_books_are_begun_there_is_a_sentence(
    own_engine: Engine, cipher: Cipher, tmp_path_factory: pytest.TempPathFactory
) -> None:
    client = browser(System(own_engine, cipher, Settings()), Role.OFFICE_CLERK)
    assert client.get("/reports").status_code == 200
    answer = client.get("/reports/balance-sheet")
    assert (answer.status_code, "账套尚未启用" in answer.text) == (400, True)


def test_asking_changes_nothing(lived: System, client: TestClient) -> None:
    def state() -> object:
        with unit_of_work(lived.engine) as session:
            return session.execute(
                text("SELECT (SELECT sum(last_seq) FROM ledger.book), (SELECT count(*) FROM ledger.audit)")
            ).one()

    before = state()
    for name in reports():
        client.get(f"/reports/{name}.xlsx?as_of={date(2018, 6, 30)}")
    assert state() == before
