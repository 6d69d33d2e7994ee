"""The vouchers' desk in a real browser: six lines with the keyboard alone, another approves, and nobody approves his own."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from urllib.parse import quote

import pytest
import uvicorn
from browser import TestClient, browser, send
from conftest import fresh_database, needs, open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import text

from app.access.roles import Role
from app.access.sessions import form_token
from app.migrate import migrate
from app.settings import Settings
from app.web.gate import COOKIE, TOKEN
from app.web.pages import make_app
from app.web.pinyin import initials
from app.web.uploads import UploadRefused, checked_name
from app.web.voucher_form import FormRefused, FormRow, VoucherForm, content_of, form_of
from app.wiring import System
from ledger.chart import chart
from ledger.db import APP_ROLE, engine_as, unit_of_work
from ledger.journal import Dimensions, Posting, Side
from ledger.vouchers.voucher import Content
from registry import reference
from registry.cipher import Cipher
from statements.words import in_words

BOOK = "RCF-371621"
TODAY = date(2017, 3, 20)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fea7356e850000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def system(server_url: str, cipher: Cipher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A county with two banks, on 2017-03-20."""
    address = fresh_database(server_url, "desk")
    migrate(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        open_city(session)
        reference.add_bank(session, "ZHONE", "邹平邮储银行（演示）", rural=False)
        session.execute(text("UPDATE ledger.business_day SET business_date = :day"), {"day": TODAY})
    yield System(engine, cipher, Settings(FUPIN_DATA=tmp_path_factory.mktemp("desk")))
    engine.dispose()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=needs("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served(system: System) -> Iterator[str]:
    """The pages on a port of their own."""
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(system), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{door.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@contextmanager
def sitting(chromium: Browser, served: str, client: TestClient) -> Iterator[Page]:
    """Give a page of who is signed in; at its end nothing may have been complained of."""
    context: BrowserContext = chromium.new_context(viewport={"width": 1366, "height": 768}, base_url=served)
    context.add_cookies([{"name": COOKIE, "value": client.cookies[COOKIE], "url": served}])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(10_000)
    yield page
    context.close()
    assert said == []


class TestKeyboard:
    def test_six_lines_with_the_keyboard_only_and_another_approves(self, system: System, chromium: Browser, served: str) -> None:
        maker, checker = browser(system, Role.MAKER, name="张三"), browser(system, Role.SUPERVISOR, name="李四")
        with sitting(chromium, served, maker) as page:
            page.goto(f"/drafts/{BOOK}/new")
            press, write = page.keyboard.press, page.keyboard.type
            write("专户结息和手续费")  # the summary has the focus
            press("Enter")
            for account, side, amount in (
                ("1004", "debit", "50000.53"), ("qtcz", "debit", "1,000"), ("zhlx", "credit", "50107.00"),
                ("1036", "debit", "6.47"), ("其他", "debit", "100"),
            ):  # fmt: skip
                write(account)
                if account == "其他":
                    press("ArrowDown")  # 1004 其他财政存款 comes first, 5007.04 其他 after it
                press("Enter")
                if amount == "50000.53":
                    press("ArrowDown")  # the first bank of the list; the lines below take it over
                press("Enter")
                if side == "credit":
                    press("Enter")
                write(amount)
                press("Enter")
            write("1004")
            press("Enter")
            press("Enter")
            press("=")
            assert page.locator("#difference").inner_text() == "借贷平衡"
            assert page.locator("#debit-total").inner_text() == "51,107.00"
            assert page.locator("#in-words").inner_text() == in_words(5_110_700)
            press("Control+Enter")
            page.wait_for_url("**/drafts/RCF-371621/2*-*")
            page.wait_for_selector("h1:has-text('待审核'), ul.alert")
            assert page.locator("ul.alert").all_inner_texts() == []
            serial = page.url.rsplit("/", 1)[1]
            assert page.locator("tbody tr").count() == 6
        with sitting(chromium, served, checker) as page:
            page.goto("/review")
            page.get_by_role("link", name=serial).press("Enter")
            page.wait_for_selector("#approve")
            page.keyboard.press("Enter")  # the button has the focus
            page.wait_for_selector("text=已记账")
        with unit_of_work(system.engine) as session:
            makers = session.execute(text("SELECT maker, checker FROM ledger.journal_entry WHERE narration = '专户结息和手续费'"))
            assert [tuple(row) for row in makers] == [("张三", "李四")]

    def test_what_was_typed_outlives_a_session_that_ended(self, system: System, chromium: Browser, served: str) -> None:
        maker = browser(system, Role.MAKER, name="张三")
        with sitting(chromium, served, maker) as page:
            page.goto(f"/drafts/{BOOK}/new")
            page.keyboard.type("未保存的摘要")
            page.keyboard.press("Enter")
            page.keyboard.type("1004")
            page.keyboard.press("Enter")
            address = page.url
            page.context.clear_cookies()
            page.keyboard.press("F8")
            page.wait_for_url("**/login**")
            page.context.add_cookies(
                [{"name": COOKIE, "value": browser(system, Role.MAKER, name="张三").cookies[COOKIE], "url": served}]
            )
            page.goto(address)
            assert page.locator("[name=narration]").input_value() == "未保存的摘要"
            assert page.locator("[name=account]").first.input_value() == "1004"
            assert page.locator("#restored").is_visible()

    def test_lines_are_copied_and_deleted_and_files_dropped(self, system: System, chromium: Browser, served: str) -> None:
        with sitting(chromium, served, browser(system, Role.MAKER, name="张三")) as page:
            page.goto(f"/drafts/{BOOK}/new")
            accounts = page.locator("[name=account]")
            accounts.first.fill("1004")
            page.keyboard.press("Enter")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            page.keyboard.type("8.88")
            page.keyboard.press("F7")
            assert [accounts.nth(at).input_value() for at in (0, 1)] == ["1004", "1004"]
            assert page.locator("#debit-total").inner_text() == "17.76"
            assert page.locator("#difference").inner_text() == "借方多 17.76"
            page.keyboard.press("Control+Delete")
            assert page.locator("#debit-total").inner_text() == "8.88"
            page.evaluate(
                "() => { const all = new DataTransfer(); all.items.add(new File(['%PDF-1.7'], '回单.pdf')); "
                "document.getElementById('drop').dispatchEvent(new DragEvent('drop', { dataTransfer: all, bubbles: true })); }"
            )
            assert page.locator("#file-names").inner_text() == "回单.pdf"
            page.keyboard.press("F8")
            page.wait_for_selector("h1:has-text('草稿')")
            assert page.get_by_role("link", name="回单.pdf").count() == 1

    @pytest.mark.parametrize("fen", [0, 5, 10, 105, 140_950, 10_700_053, 1_000_000_000_000, 10_000_005_000, -320])
    def test_the_grid_says_amounts_in_words_as_papers_do(self, system: System, chromium: Browser, served: str, fen: int) -> None:
        with sitting(chromium, served, browser(system, Role.MAKER, name="张三")) as page:
            page.goto(f"/drafts/{BOOK}/new")
            assert page.evaluate(f"inWords({fen}n)") == in_words(fen)


class TestEveryPage:
    @pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.OFFICE_CLERK, Role.BANK_CLERK, Role.SYSTEM_ADMIN, Role.AUDITOR])
    def test_no_complaint_of_the_browser_and_a_name_for_every_field(
        self, system: System, chromium: Browser, served: str, role: Role
    ) -> None:
        client = browser(system, role, bank="HMRCB" if role is Role.BANK_CLERK else None)
        with sitting(chromium, served, client) as page:
            page.goto("/me")
            links = [link.get_attribute("href") for link in page.locator("header a").all()]
            for link in sorted({link for link in links if link} | {"/password"}):
                answer = page.goto(link)
                assert answer is not None
                assert answer.status == 200, link
                nameless = page.evaluate(
                    "() => [...document.querySelectorAll('input:not([type=hidden]), select, button')].filter(one => "
                    "!(one.labels?.length || one.ariaLabel || one.textContent.trim() || one.ariaHidden)).map(one => one.outerHTML)"
                )
                assert nameless == [], link
                wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, f"{link} is wider than 1366"


class TestReview:
    def test_a_maker_cannot_approve_his_own(self, system: System) -> None:
        both = browser(system, Role.SUPERVISOR, name="王五")
        place = draft(both, "S-own", then="submit")
        page = both.get(f"/review/{BOOK}/S-own").text
        assert 'id="approve"' not in page
        assert "须由他人审核" in page
        assert 'name="voucher"' not in row_of_queue(both, "S-own")
        assert send(both, f"/review/{BOOK}/S-own/approve").status_code == 409
        assert "不能审核" in send(both, "/review/approve", voucher=f"{BOOK}/S-own").text
        assert "待审核" in both.get(place).text
        assert 'id="approve"' in browser(system, Role.SUPERVISOR, name="李四").get(f"/review/{BOOK}/S-own").text

    def test_several_are_approved_at_once_each_by_itself(self, system: System) -> None:
        maker, checker = browser(system, Role.MAKER, name="张三"), browser(system, Role.SUPERVISOR, name="李四")
        for serial in ("S-1", "S-2"):
            draft(maker, serial, then="submit")
        fields = {"voucher": [f"{BOOK}/S-1", f"{BOOK}/none", f"{BOOK}/S-2"], TOKEN: form_token(checker.cookies[COOKIE])}
        said = checker.post("/review/approve", data=fields).text
        assert said.count("已审核并记账") == 2
        assert "没有这张凭证" in said
        assert "已记账" in checker.get(f"/review/{BOOK}/S-1").text

    def test_it_is_returned_with_a_reason_and_mended(self, system: System) -> None:
        maker, checker = browser(system, Role.MAKER, name="张三"), browser(system, Role.SUPERVISOR, name="李四")
        place = draft(maker, "S-back", then="submit")
        assert send(checker, f"/review/{BOOK}/S-back/return", reason=" ").status_code == 409
        assert send(checker, f"/review/{BOOK}/S-back/return", reason="摘要不清").status_code == 303
        assert "摘要不清" in maker.get(place).text
        assert draft(maker, "S-back", narration="专户存款一季度结息", then="submit") == place

    def test_a_posted_one_is_taken_back_in_red_or_corrected(self, system: System) -> None:
        maker, checker = browser(system, Role.MAKER, name="张三"), browser(system, Role.SUPERVISOR, name="李四")
        for serial, how in (("S-red", "red"), ("S-right", "right")):
            draft(maker, serial, then="submit", narration=f"待更正 {how}")
            send(checker, f"/review/{BOOK}/{serial}/approve")
            link = re.search(r'href="(/vouchers\?[^"]+)"', checker.get(f"/review/{BOOK}/{serial}").text)
            assert link is not None
            shown = maker.get(link[1].replace("&amp;", "&")).text
            wizard = re.search(r'href="(/vouchers/correct\?[^"]+)"', shown)
            assert wizard is not None
            begun = re.search(rf'href="(/drafts/[^"]+how={how})"', maker.get(wizard[1].replace("&amp;", "&")).text)
            assert begun is not None
            address = maker.get(begun[1].replace("&amp;", "&")).headers["location"]
            form = maker.get(address).text
            corrects = re.search(r'name="corrects" value="([^"]+)"', form)
            assert corrects is not None
            assert ('value="4007.02"' in form) == (how == "right")
            path = address.partition("?")[0]
            rows = {} if how == "red" else ROWS_RIGHT
            fields = {"day": str(TODAY), "narration": "更正", "sheets": "0", "corrects": corrects[1], "then": "submit"}
            assert (
                maker.post(f"{path}/save", data={TOKEN: form_token(maker.cookies[COOKIE]), **fields, **rows}).status_code == 303
            )
            assert send(checker, path.replace("/drafts/", "/review/") + "/approve").status_code == 303
            assert "红字冲销、订正" not in maker.get(link[1].replace("&amp;", "&")).text, "only once"
        paper = maker.get(wizard[1].replace("&amp;", "&").replace("correct", "print"))
        assert paper.content.startswith(b"%PDF-")


class TestForm:
    def test_what_cannot_be_meant_is_said_and_nothing_typed_is_lost(self, system: System) -> None:
        maker = browser(system, Role.MAKER, name="张三")
        fields = {"day": "x", "narration": "写错的", "sheets": "-1", "account": ["1004", "", "4007.02"], "bank": ["HMRCB", "", ""],
                  "project": [""] * 3, "debit": ["1.234", "5", "1"], "credit": ["", "", "1"]}  # fmt: skip
        answer = maker.post(f"/drafts/{BOOK}/S-bad/save", data={TOKEN: form_token(maker.cookies[COOKIE]), **fields})
        assert answer.status_code == 409
        for said in (
            "金额超过两位小数",
            "第 2 行：没有科目",
            "第 3 行：借方和贷方",
            "日期应写成",
            "附单据张数",
            'value="1.234"',
            "写错的",
        ):
            assert said in answer.text, said
        assert "S-bad" not in maker.get("/drafts").text

    def test_a_draft_that_does_not_balance_is_kept_but_not_handed_on(self, system: System) -> None:
        maker = browser(system, Role.MAKER, name="张三")
        draft(maker, "S-half", rows={**ROWS, "credit": ["", "99.00"]}, expect=409, then="submit")
        assert "草稿" in maker.get(f"/drafts/{BOOK}/S-half").text
        assert "借贷不平" in draft(maker, "S-half", rows={**ROWS, "credit": ["", "99.00"]}, expect=409, then="submit")

    def test_attachments_are_told_by_what_is_in_them(self, system: System) -> None:
        maker = browser(system, Role.MAKER, name="张三")
        place = draft(maker, "S-file", files=[("file", ("回单.png", PNG)), ("file", ("清单.pdf", b"%PDF-1.7"))])
        page = maker.get(place).text
        links = re.findall(rf'href="({place}/file/[0-9a-f]{{64}})">([^<]+)<', page)
        assert [name for _, name in links] == ["回单.png", "清单.pdf"]
        picture = browser(system, Role.SUPERVISOR, name="李四").get(links[0][0])
        assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
        assert maker.get(links[1][0]).headers["content-disposition"].startswith("attachment")
        assert "不是 PDF" in draft(maker, "S-file", files=[("file", ("x.pdf", b"MZ..."))], expect=409)
        assert send(maker, f"{place}/detach", sha256=links[0][0][-64:]).status_code == 303
        assert "回单.png</a>" not in maker.get(place).text
        assert maker.get(f"{place}/file/{'0' * 64}").status_code == 404
        for name, content in (("a.exe", b"MZ"), ("a.png", b"%PDF-"), ("", PNG), ("a.html", b"<html>")):
            with pytest.raises(UploadRefused):
                checked_name(name, content)
        assert checked_name("C:\\票据\\1.PNG", PNG) == "1.PNG"

    def test_a_serial_of_another_kind_is_not_found(self, system: System) -> None:
        maker = browser(system, Role.MAKER, name="张三")
        assert maker.get(f"/drafts/{BOOK}/%00").status_code == 404
        assert maker.get(f"/drafts/NO/{'x' * 65}").status_code == 404
        assert draft(maker, "S-nul", narration="\x00", expect=400)

    def test_a_voucher_is_discarded_with_a_reason(self, system: System) -> None:
        maker = browser(system, Role.MAKER, name="张三")
        place = draft(maker, "S-gone")
        assert send(maker, f"{place}/discard", reason="重复").status_code == 303
        assert "已作废" in maker.get(place).text

    @given(st.lists(st.tuples(st.sampled_from(Side), st.integers(-(10**14), 10**14).filter(bool)), max_size=20))
    def test_a_form_says_what_its_content_says(self, lines: list[tuple[Side, int]]) -> None:
        postings = tuple(Posting("1004", side, fen, Dimensions(bank="HMRCB")) for side, fen in lines)
        content = Content(value_date=TODAY, narration="结息", postings=postings, sheets=2)
        assert content_of(form_of(content)) == content

    def test_templates_name_accounts_that_people_may_write_on(self, system: System) -> None:
        maker = browser(system, Role.MAKER, name="张三")
        links = re.findall(r'href="(/drafts/[^"]+template=[^"]+)"', maker.get("/drafts").text)
        assert len(links) >= 7
        for link in links:
            page = maker.get(maker.get(link).headers["location"]).text
            codes = re.findall(r'name="account" value="([^"]+)"', page)
            assert len(codes) == 2
            assert set(codes) <= set(re.findall(r'data-code="([^"]+)"', page))

    @pytest.mark.parametrize("rows", [{"bank": ["NONE", "NONE"]}, {"debit": ["1" + "0" * 14, ""]}, {"project": ["P1", ""]}])
    def test_banks_projects_and_amounts_that_there_are_not_are_refused(self, system: System, rows: dict[str, list[str]]) -> None:
        maker = browser(system, Role.MAKER, name="张三")
        assert re.search("没有银行|金额过大|没有项目", draft(maker, "S-none", rows={**ROWS, **rows}, expect=409))
        assert "S-none" not in maker.get("/drafts").text

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        texts=st.lists(st.text(max_size=12), min_size=9, max_size=9), then=st.sampled_from(["save", "submit"]),
        where=st.sampled_from(["save", "detach", "discard", "approve", "return", "correct", "print", "new"]),
    )  # fmt: skip
    def test_nothing_that_is_sent_breaks_a_page(self, system: System, texts: list[str], then: str, where: str) -> None:
        client = browser(system, Role.SUPERVISOR, name="李四")
        day, narration, sheets, account, bank, project, debit, serial, voucher = texts
        fields = {
            TOKEN: form_token(client.cookies[COOKIE]), "day": day, "narration": narration, "sheets": sheets, "account": account,
            "bank": bank, "project": project, "debit": debit, "credit": "", "reason": narration, "sha256": account, "then": then,
        }  # fmt: skip
        named = quote(serial, safe="", errors="replace") or "x"
        if where in ("correct", "print", "new"):
            path = f"/drafts/{BOOK}/new" if where == "new" else f"/vouchers/{where}"
            answer = client.get(path, params={"book": BOOK, "voucher": voucher, "template": narration})
        else:
            desk = "review" if where in ("approve", "return") else "drafts"
            answer = client.post(f"/{desk}/{BOOK}/{named}/{where}", data=fields)
        assert answer.status_code < 500, (where, texts)

    def test_a_wrong_row_is_named(self) -> None:
        with pytest.raises(FormRefused, match="第 1 行"):
            content_of(VoucherForm(day="2017-03-20", rows=(FormRow(account="1004", debit="x"),)))


class TestPinyin:
    @pytest.mark.parametrize(
        ("title", "letters"),
        [
            ("应收代偿款", "ysdck"),
            ("应收银行退费", "ysyhtf"),
            ("专用基金收入—专户利息", "zyjjsrzhlx"),
            ("其他财政存款", "qtczck"),
            ("垫付(甲)1", "dfj1"),
        ],
    )
    def test_a_title_is_found_by_its_initials(self, title: str, letters: str) -> None:
        assert initials(title) == letters

    def test_every_title_that_people_write_on_has_all_its_initials(self) -> None:
        for kind in ("RCF", "ISF", "PVA"):
            for account in chart("fund-2016", kind):
                letters = [letter for letter in account.title if letter.isalnum()]
                assert len(initials(account.title)) == len(letters), account.title


ROWS = {
    "account": ["1004", "4007.02"], "bank": ["HMRCB", "HMRCB"], "project": ["", ""], "debit": ["100.00", ""], "credit": ["", "100.00"]
}  # fmt: skip
ROWS_RIGHT = {**ROWS, "debit": ["90.00", ""], "credit": ["", "90.00"]}


def draft(
    client: TestClient, serial: str, *, narration: str = "专户存款结息", then: str = "save", rows: dict[str, list[str]] = ROWS,
    files: list[tuple[str, tuple[str, bytes]]] | None = None, expect: int = 303,
) -> str:  # fmt: skip
    """Send a voucher's form; return its address, or the page that refused it."""
    fields = {TOKEN: form_token(client.cookies[COOKIE]), "day": str(TODAY), "narration": narration, "sheets": "1", "then": then}
    answer = client.post(f"/drafts/{BOOK}/{serial}/save", data={**fields, **rows}, files=files)
    assert answer.status_code == expect, answer.text
    return answer.headers["location"] if expect == 303 else answer.text


def row_of_queue(client: TestClient, serial: str) -> str:
    """Return a voucher's row of the queue."""
    return next(row for row in client.get("/review").text.split("<tr>") if serial in row)
