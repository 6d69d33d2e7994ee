"""Access: who is let in, how long, to which pages; every route is asked of every role, of one's own bank and of another."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from browser import HOST, TestClient, browser, hire, send, token_of
from conftest import FIRST_DAY, ROOT, fresh_database, open_city
from fastapi.routing import APIRoute
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_loan_life import bullet_loan

from app.access import passwords, second_factor, staff
from app.access.errors import LinkRefused, PasswordRefused, RoleRefused, StaffRefused
from app.access.roles import ADMINISTRATIVE, RIGHTS, SECOND_FACTOR, Right, Role, conflict
from app.access.sessions import Stage, form_token
from app.access.tables import password as password_table
from app.access.tables import second_factor as second_factor_table
from app.access.tables import web_session
from app.demo.people import people
from app.migrate import migrate
from app.settings import Settings
from app.web.edge import MOST_BYTES
from app.web.gate import BURST_OUTSIDE, COOKIE, TOKEN
from app.web.pages import make_app
from app.web.permissions import RULES, Door, lets_in
from app.wiring import System
from ledger.books import BookKind, loan_book_code, open_book
from ledger.db import APP_ROLE, OWNER_ROLE, engine_as, unit_of_work
from registry import reference
from registry.cipher import Cipher
from registry.households import add_borrowers
from registry.identity import id_check_digit

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PASSWORD = "Wheat-4217-field"
OWN, OTHER = "HMRCB", "ZHONE"
LOANS = {OWN: "OWN-1", OTHER: "OTHER-1"}


class Hand:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time

    def wait(self, **how_long: int) -> None:
        self.time += timedelta(**how_long)


@pytest.fixture(scope="module")
def lent(server_url: str, cipher: Cipher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A county with two banks that lent one loan each."""
    address = fresh_database(server_url, "access")
    migrate(address)
    engine = engine_as(address, APP_ROLE)
    with unit_of_work(engine) as session:
        books = open_city(session)
        reference.add_bank(session, OTHER, "邹平邮储银行（演示）", rural=False)
        second = open_book(
            session, loan_book_code("371621", OTHER), BookKind.LOANS, "邹平邮储银行贷款备查账", "371621", OTHER, "loan-2016"
        )
        number = "37162119900101123" + id_check_digit("37162119900101123")
        add_borrowers(session, cipher, "371621", [("household", number, "张三丰", None)])
        for book, bank in ((books["LB"], OWN), (second, OTHER)):
            bullet_loan(session, book, FIRST_DAY, 1_000_000, name=LOANS[bank])
    owner = engine_as(address, OWNER_ROLE)
    with unit_of_work(owner) as session:
        session.execute(text("UPDATE registry.borrower SET code = 'B1'"))  # whom the loans name
    owner.dispose()
    yield System(engine, cipher, Settings(FUPIN_DATA=tmp_path_factory.mktemp("access")))
    engine.dispose()


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture(scope="module")
def empty(server_url: str) -> Iterator[tuple[Engine, Engine]]:
    """A database in which nothing is: as its owner, and as the application."""
    address = fresh_database(server_url, "nobody")
    migrate(address)
    admin, engine = engine_as(address, OWNER_ROLE), engine_as(address, APP_ROLE)
    yield admin, engine
    admin.dispose()
    engine.dispose()


@pytest.fixture
def system(empty: tuple[Engine, Engine], cipher: Cipher, tmp_path: Path) -> System:
    """A system in which nobody is."""
    admin, engine = empty
    with unit_of_work(admin) as session:
        for table in ("app.password", "app.failed_sign_in", "ledger.audit"):
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER append_only"))
        session.execute(text("TRUNCATE app.staff, app.failed_sign_in, ledger.audit, registry.bank CASCADE"))
        for table in ("app.password", "app.failed_sign_in", "ledger.audit"):
            session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER append_only"))
    return System(engine, cipher, Settings(FUPIN_DATA=tmp_path))


def routes() -> list[tuple[str, str]]:
    """Return the method and path of every route that the router has, HEAD aside."""
    made = make_app(System(engine=None, cipher=None, settings=None))  # type: ignore[arg-type]
    found = [(method, route.path) for route in made.routes if isinstance(route, APIRoute) for method in route.methods]
    assert {type(route).__name__ for route in made.routes} == {"APIRoute", "Mount"}, "only static files lie outside the gate"
    return sorted(pair for pair in found if pair[0] != "HEAD")


def filled(path: str, bank: str = OWN) -> str:
    """Return the address of a path, of a bank where it names a book."""
    values = {
        "book_code": loan_book_code("371621", bank), "contract:path": LOANS[bank], "secret": "none", "name": "trial-balance",
        "serial": "none", "sha256": "0" * 64,
    }  # fmt: skip
    return re.sub(r"\{([^}]+)\}", lambda part: values[part[1]], path)


def page_with_link(system: System, name: str, hand: Hand) -> tuple[TestClient, str]:
    """Return a browser without a session, and a one-time link of somebody."""
    with unit_of_work(system.engine) as session:
        secret = staff.link(session, name, "test", hand())
    return TestClient(make_app(system, hand), base_url=HOST, follow_redirects=False), f"/welcome/{secret}"


def with_password(system: System, name: str, hand: Hand, *roles: Role, bank: str | None = None) -> TestClient:
    """Return a browser without a session of somebody who has a password."""
    hire(system, name, *roles, bank=bank)
    with unit_of_work(system.engine) as session:
        passwords.set_password(session, name, PASSWORD, hand())
    return TestClient(make_app(system, hand), base_url=HOST, follow_redirects=False)


def submit(client: TestClient, path: str, page: str | None = None, **fields: str) -> "TestClient.response":
    """Load a page and send its form."""
    shown = client.get(page or path)
    return client.post(path, data={TOKEN: token_of(shown.text), **fields})


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> "TestClient.response":
    return submit(client, "/login", name=name, password=password)


class TestMatrix:
    def test_every_route_has_a_rule_and_every_rule_a_route(self) -> None:
        assert routes() == sorted(RULES)

    @pytest.mark.parametrize("role", list(Role))
    def test_every_route_answers_every_role_as_the_table_says(self, lent: System, role: Role) -> None:
        client = browser(lent, role, bank=OWN if role is Role.BANK_CLERK else None)
        for method, path in routes():
            rule = RULES[method, path]
            if (method, path) in (("POST", "/logout"), ("POST", "/login")):
                continue  # they would end the session that the others need
            if method == "GET":
                code = client.get(filled(path)).status_code
            else:
                code = client.post(filled(path), data={TOKEN: form_token(client.cookies[COOKIE])}).status_code
            allowed = lets_in(rule, Stage.FULL, RIGHTS[role])
            if allowed:
                assert code not in (401, 403, 500), (method, path, code)
            else:
                assert code == 403, (method, path, code)

    def test_whoever_is_not_signed_in_is_sent_to_sign_in(self, lent: System) -> None:
        client = browser(lent)
        for method, path in routes():
            if RULES[method, path] is not Door.OPEN:
                answer = client.request(method, filled(path))
                assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login"), (method, path)

    @pytest.mark.parametrize("stage", [Stage.CODE, Stage.ENROL, Stage.PASSWORD])
    def test_half_signed_in_is_not_signed_in(self, stage: Stage) -> None:
        every = frozenset(Right)
        opened = {pair for pair, rule in RULES.items() if lets_in(rule, stage, every) and rule is not Door.OPEN}
        assert {path for _, path in opened} == {
            "/logout", {Stage.CODE: "/login/code", Stage.ENROL: "/login/enrol", Stage.PASSWORD: "/password"}[stage]
        }  # fmt: skip

    @pytest.mark.parametrize("bank", [OWN, OTHER])
    def test_a_bank_sees_its_own_books_and_no_others_whatever_the_address(self, lent: System, bank: str) -> None:
        client = browser(lent, Role.BANK_CLERK, name=f"clerk-{bank}", bank=bank)
        other = OTHER if bank == OWN else OWN
        assert LOANS[bank] in client.get("/loans").text
        assert LOANS[other] not in client.get("/loans").text
        assert loan_book_code("371621", other) not in client.get("/loans").text
        assert client.get("/loans", params={"book": loan_book_code("371621", other)}).status_code == 400
        for (method, path), rule in RULES.items():
            if "{book_code}" not in path or not lets_in(rule, Stage.FULL, RIGHTS[Role.BANK_CLERK]):
                continue
            ask = {"data": {TOKEN: form_token(client.cookies[COOKIE]), "reason": "核对身份"}} if method == "POST" else {}
            assert client.request(method, filled(path, bank), **ask).status_code == 200, path
            assert client.request(method, filled(path, other), **ask).status_code == 404, path

    def test_an_unknown_rule_lets_nobody_in(self) -> None:
        assert not lets_in(None, Stage.FULL, frozenset(Right))

    def test_a_refused_page_is_logged(self, lent: System) -> None:
        browser(lent, Role.MAKER).get("/system/audit")
        assert "越权访问被拒" in browser(lent, Role.AUDITOR).get("/system/audit?subject=/system/audit").text

    def test_the_menu_leads_only_where_one_may_go(self, lent: System) -> None:
        for role in Role:
            client = browser(lent, role, bank=OWN if role is Role.BANK_CLERK else None)
            me = client.get("/me").text
            for link in re.findall(r'href="(/[^"]*)"', me[me.index("<header") : me.index("</header")]):
                assert client.get(link).status_code == 200, (role, link)


class TestRoles:
    def test_administrators_hold_no_business_rights(self) -> None:
        business = frozenset().union(*(RIGHTS[role] for role in Role if role not in ADMINISTRATIVE)) - {Right.SEE_CALENDAR}
        for role in ADMINISTRATIVE:
            assert not RIGHTS[role] & business

    def test_an_administrative_role_stands_alone(self, session: Session) -> None:
        staff.add(session, "甲", "test", NOW)
        staff.grant(session, "甲", Role.AUDITOR, "test", NOW)
        for role in set(Role) - {Role.AUDITOR, Role.BANK_CLERK}:
            with pytest.raises(RoleRefused, match="不能兼任"):
                staff.grant(session, "甲", role, "test", NOW)
        staff.end_grant(session, "甲", Role.AUDITOR, "test", NOW + timedelta(days=1))
        staff.grant(session, "甲", Role.MAKER, "test", NOW + timedelta(days=1))
        staff.grant(session, "甲", Role.SUPERVISOR, "test", NOW + timedelta(days=1))
        assert staff.member(session, "甲").roles == {Role.MAKER, Role.SUPERVISOR}
        first, *_ = staff.grants(session, "甲")["甲"]
        assert (first.role, first.since, first.until, first.ended_by) == (Role.AUDITOR, NOW, NOW + timedelta(days=1), "test")
        assert conflict({Role.MAKER}, Role.SECURITY_ADMIN) is Role.MAKER

    def test_the_database_refuses_a_second_role_beside_an_administrative_one(self, session: Session) -> None:
        staff.add(session, "甲", "test", NOW)
        staff.grant(session, "甲", Role.SYSTEM_ADMIN, "test", NOW)
        with pytest.raises(DBAPIError, match="stands alone"), session.begin_nested():
            session.execute(
                text("INSERT INTO app.role_grant (name, role, since, granted_by) VALUES ('甲', 'maker', now(), 'test')")
            )

    def test_nobody_grants_himself_a_role(self, session: Session) -> None:
        staff.add(session, "甲", "test", NOW)
        with pytest.raises(RoleRefused):
            staff.grant(session, "甲", Role.MAKER, "甲", NOW)

    def test_a_banks_clerk_belongs_to_one_known_bank(self, session: Session) -> None:
        reference.add_bank(session, OWN, "惠民农商行", rural=True)
        reference.add_bank(session, OTHER, "邮储", rural=False)
        staff.add(session, "甲", "test", NOW)
        for bank in (None, "NOBANK"):
            with pytest.raises(RoleRefused):
                staff.grant(session, "甲", Role.BANK_CLERK, "test", NOW, bank)
        staff.grant(session, "甲", Role.BANK_CLERK, "test", NOW, OWN)
        with pytest.raises(RoleRefused):
            staff.grant(session, "甲", Role.BANK_CLERK, "test", NOW, OTHER)
        with pytest.raises(RoleRefused):
            staff.grant(session, "甲", Role.MAKER, "test", NOW)
        assert staff.member(session, "甲").bank == OWN

    def test_a_name_is_never_given_again(self, session: Session) -> None:
        staff.add(session, "甲", "test", NOW)
        staff.disable(session, "甲", "test", NOW)
        for name in ("甲", "system", "", "a b", "x" * 33):
            with pytest.raises(StaffRefused):
                staff.add(session, name, "test", NOW)

    def test_roles_are_granted_and_ended_on_the_page(self, lent: System) -> None:
        keeper, guard = browser(lent, Role.SYSTEM_ADMIN), browser(lent, Role.SECURITY_ADMIN)
        shown = send(keeper, "/system/staff/add", name="王五")
        assert "/welcome/" in shown.text
        assert "/welcome/" not in keeper.get("/system/staff").text
        assert send(guard, "/system/staff/grant", name="王五", role="maker").status_code == 303
        assert "王五" in guard.get("/system/staff").text
        assert send(guard, "/system/staff/grant", name="王五", role="auditor").status_code == 409
        assert send(keeper, "/system/staff/grant", name="王五", role="checker").status_code == 403
        assert send(guard, "/system/staff/end", name="王五", role="maker").status_code == 303
        assert send(keeper, "/system/staff/disable", name="王五").status_code == 303
        with unit_of_work(lent.engine) as session:
            gone = staff.member(session, "王五")
        assert (gone.roles, gone.disabled) == (frozenset(), True)


class TestPasswords:
    @pytest.mark.parametrize("password", ["short-1A", "alllowercaseletters", "甲甲甲-Abcdefg-1甲", "My-password-17", "x" * 129])
    def test_a_weak_one_is_refused(self, password: str) -> None:
        assert passwords.objections("甲甲甲", password)

    def test_it_is_kept_as_argon2id_and_none_of_the_last_five_returns(self, session: Session) -> None:
        staff.add(session, "甲", "test", NOW)
        used = [f"{PASSWORD}-{number}" for number in range(6)]
        for number, one in enumerate(used):
            passwords.set_password(session, "甲", one, NOW + timedelta(hours=number))
        assert all(stored.startswith("$argon2id$") for stored in session.scalars(select(password_table.c.hash)))
        with pytest.raises(PasswordRefused, match="最近 5 次"):
            passwords.set_password(session, "甲", used[1], NOW + timedelta(days=1))
        passwords.set_password(session, "甲", used[0], NOW + timedelta(days=1))
        assert passwords.fits(session, "甲", used[0])
        assert not passwords.fits(session, "甲", used[5])
        assert not passwords.fits(session, "nobody", used[0])

    def test_after_ninety_days_it_must_be_changed_before_anything_else(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        hand.wait(days=90)
        assert sign_in(client, "甲").headers["location"] == "/password"
        assert client.get("/loans").headers["location"] == "/password"
        fields = {"old": PASSWORD, "again": "Barley-99-fields"}
        assert submit(client, "/password", **fields, password="Barley-98-fields").status_code == 400
        changed = submit(client, "/password", **fields, password="Barley-99-fields")
        assert changed.headers["location"] == "/"
        assert client.get("/loans").status_code == 200

    def test_guesses_of_the_old_one_lock_like_those_of_signing_in(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        sign_in(client, "甲")
        fields = {"password": "Barley-99-fields", "again": "Barley-99-fields"}
        for _ in range(5):
            hand.wait(seconds=1)
            assert submit(client, "/password", old="wrong", **fields).status_code == 400
        assert "锁定" in submit(client, "/password", old=PASSWORD, **fields).text
        assert client.get("/me").status_code == 303, "who guesses is put out"


class TestOneTimeLink:
    def test_it_lets_its_owner_set_a_password_once(self, system: System, hand: Hand) -> None:
        hire(system, "甲", Role.MAKER)
        client, link = page_with_link(system, "甲", hand)
        assert submit(client, link, password="short", again="short").status_code == 400
        assert submit(client, link, password=PASSWORD, again=PASSWORD + "x").status_code == 400
        assert submit(client, link, password=PASSWORD, again=PASSWORD).headers["location"] == "/login"
        assert client.get(link).status_code == 404
        assert sign_in(client, "甲").headers["location"] == "/"

    def test_it_ends_after_a_day_and_with_the_next_one(self, system: System, hand: Hand) -> None:
        hire(system, "甲", Role.MAKER)
        client, first = page_with_link(system, "甲", hand)
        _, second = page_with_link(system, "甲", hand)
        assert client.get(first).status_code == 404
        assert client.get(second).status_code == 200
        hand.wait(days=1)
        assert client.get(second).status_code == 404
        with unit_of_work(system.engine) as session, pytest.raises(LinkRefused):
            staff.welcome(session, second.removeprefix("/welcome/"), PASSWORD, hand())

    def test_nobody_has_a_password_to_begin_with(self, system: System) -> None:
        client = browser(system)
        assert "fupin user add" in client.get("/login").text
        hire(system, "admin", Role.SYSTEM_ADMIN)
        for password in ("", "admin", "fupin", "operator"):
            assert sign_in(client, "admin", password or " ").status_code == 401


class TestSigningIn:
    def test_five_failures_lock_a_name_for_thirty_minutes(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        for _ in range(5):
            assert "不正确" in sign_in(client, "甲", "wrong").text
            hand.wait(minutes=1)
        assert "锁定" in sign_in(client, "甲").text
        hand.wait(minutes=28)
        assert "锁定" in sign_in(client, "甲").text, "thirty minutes after the fifth, not the first"
        hand.wait(minutes=2)
        assert sign_in(client, "甲").status_code == 303

    def test_a_success_forgets_the_failures_before_it(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        for _ in range(2):
            for _ in range(4):
                hand.wait(seconds=1)
                assert sign_in(client, "甲", "wrong").status_code == 401
            hand.wait(seconds=1)
            assert sign_in(client, "甲").status_code == 303
            client.cookies.delete(COOKIE)

    def test_an_unknown_name_is_answered_like_a_known_one(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        said = [re.sub(r'value="[0-9a-f]{64}"', "", sign_in(client, name, "wrong").text) for name in ("甲", "nobody")]
        assert said[0] == said[1]
        for _ in range(4):
            sign_in(client, "nobody", "wrong")
        assert "锁定" in sign_in(client, "nobody", "wrong").text

    def test_many_failures_from_one_address_stop_it_whatever_the_name(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        with unit_of_work(system.engine) as session:
            session.execute(
                text("INSERT INTO app.failed_sign_in (name, address, failed_at) SELECT 'n' || i, 'testclient', :now "
                     "FROM generate_series(1, 50) i"), {"now": hand()},
            )  # fmt: skip
        assert "过多" in sign_in(client, "甲").text

    @pytest.mark.parametrize("role", sorted(SECOND_FACTOR))
    def test_whoever_approves_or_administers_shows_a_second_factor(self, system: System, hand: Hand, role: Role) -> None:
        client = with_password(system, "甲", hand, role)
        assert sign_in(client, "甲").headers["location"] == "/login/enrol"
        assert client.get("/me").headers["location"] == "/login/enrol"
        page = client.get("/login/enrol").text
        assert "<svg" in page
        secret = re.search(r'class="secret">([A-Z2-7]+)<', page)
        assert secret is not None
        telephone = pyotp.TOTP(secret[1])
        assert submit(client, "/login/enrol", code="000000").status_code == 401
        assert submit(client, "/login/enrol", code=telephone.at(hand())).status_code == 303
        assert client.get("/me").status_code == 200
        send(client, "/logout")
        assert sign_in(client, "甲").headers["location"] == "/login/code"
        assert client.get("/login/enrol").headers["location"] == "/login/code", "the secret is never shown again"
        assert submit(client, "/login/code", code=telephone.at(hand())).status_code == 401, "a code is good once"
        hand.wait(seconds=30)
        assert submit(client, "/login/code", code=telephone.at(hand())).status_code == 303
        assert client.get("/me").status_code == 200
        with unit_of_work(system.engine) as session:
            sealed = session.scalar(select(second_factor_table.c.sealed))
        assert sealed is not None
        assert secret[1].encode() not in sealed

    def test_wrong_codes_lock_like_wrong_passwords(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.CHECKER)
        sign_in(client, "甲")
        for _ in range(5):
            hand.wait(seconds=1)
            submit(client, "/login/enrol", code="000000")
        submit(client, "/login/enrol", code="000000")
        assert client.get("/login/enrol").headers["location"].startswith("/login?"), "the half-made session is over"
        assert "锁定" in sign_in(client, "甲").text

    def test_a_lost_telephone_is_replaced_by_the_security_administrator(self, session: Session, cipher: Cipher) -> None:
        staff.add(session, "甲", "test", NOW)
        first = second_factor.invitation(session, cipher, "甲")
        assert second_factor.accept(session, cipher, "甲", pyotp.TOTP(first.secret).at(NOW), NOW)
        second_factor.confirm(session, "甲", NOW)
        with pytest.raises(PermissionError):
            second_factor.invitation(session, cipher, "甲")
        staff.forget_second_factor(session, cipher, "甲", "test", NOW)
        assert not second_factor.has_second_factor(session, "甲")
        assert second_factor.invitation(session, cipher, "甲").secret != first.secret


class TestSessions:
    def test_a_session_ends_after_ten_idle_minutes_and_says_so(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        sign_in(client, "甲")
        for _ in range(3):
            hand.wait(minutes=9)
            assert client.get("/loans").status_code == 200
        hand.wait(minutes=10)
        gone = client.get("/loans?q=1")
        assert gone.headers["location"] == "/login?next=/loans%3Fq%3D1&expired=1"
        assert "已自动退出" in client.get(gone.headers["location"]).text

    def test_a_session_ends_after_twelve_hours(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        sign_in(client, "甲")
        for _ in range(12 * 60 // 9 - 1):
            hand.wait(minutes=9)
            assert client.get("/me").status_code == 200
        hand.wait(minutes=9)
        assert client.get("/me").status_code == 303

    def test_signing_in_gives_a_new_secret_and_ends_the_old_session(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.CHECKER)
        sign_in(client, "甲")
        half = client.cookies[COOKIE]
        secret = re.search(r'class="secret">([A-Z2-7]+)<', client.get("/login/enrol").text)
        assert secret is not None
        submit(client, "/login/enrol", code=pyotp.TOTP(secret[1]).at(hand()))
        whole = client.cookies[COOKIE]
        assert whole != half
        client.cookies.set(COOKIE, half)
        assert client.get("/me").status_code == 303
        with unit_of_work(system.engine) as session:
            assert session.scalar(select(func.count()).where(web_session.c.ended_at.is_(None))) == 1
            assert whole.encode() not in b"".join(session.scalars(select(web_session.c.mark)))

    def test_signing_out_ends_it_on_the_server(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        sign_in(client, "甲")
        token = client.cookies[COOKIE]
        send(client, "/logout")
        client.cookies.set(COOKIE, token)
        assert client.get("/me").status_code == 303

    def test_a_role_that_is_taken_works_no_more_and_a_disabled_user_is_out(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        sign_in(client, "甲")
        assert client.get("/loans").status_code == 200
        with unit_of_work(system.engine) as session:
            staff.end_grant(session, "甲", Role.MAKER, "test", datetime.now(UTC))
        assert client.get("/loans").status_code == 403
        with unit_of_work(system.engine) as session:
            staff.disable(session, "甲", "test", hand())
        assert client.get("/me").status_code == 303
        assert sign_in(client, "甲").status_code == 401

    def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        assert "HttpOnly; Path=/; SameSite=strict" in client.get("/login").headers["set-cookie"]
        assert "HttpOnly; Path=/; SameSite=strict" in sign_in(client, "甲").headers["set-cookie"]

    def test_one_is_led_back_to_the_page_but_never_to_another_site(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        fields = {"name": "甲", "password": PASSWORD}
        assert submit(client, "/login", **fields, next="/loans?q=1").headers["location"] == "/loans?q=1"
        for where in ("//evil.example", "https://evil.example", "/\\evil.example"):
            client.cookies.delete(COOKIE)
            assert submit(client, "/login", **fields, next=where).headers["location"] == "/"


class TestForms:
    def test_a_form_that_is_not_ours_is_refused(self, lent: System) -> None:
        keeper = browser(lent, Role.SYSTEM_ADMIN)
        for field in ({}, {TOKEN: ""}, {TOKEN: "0" * 64}, {TOKEN: form_token("another")}, {TOKEN: "错"}):
            answer = keeper.post("/system/staff/add", data={"name": "不速之客", **field})
            assert answer.status_code == 403
            assert "表单已失效" in answer.text
        assert "不速之客" not in keeper.get("/system/staff").text
        assert browser(lent).post("/login", data={"name": "x", "password": "x"}).status_code == 403

    def test_more_than_a_page_may_be_sent_is_refused(self, lent: System) -> None:
        keeper = browser(lent, Role.SYSTEM_ADMIN)
        assert send(keeper, "/system/staff/add", name="x" * MOST_BYTES).status_code == 413

    def test_whoever_comes_too_often_waits(self, lent: System) -> None:
        hand = Hand()
        client = browser(lent, clock=hand)
        codes = [client.get("/favicon.ico").status_code for _ in range(BURST_OUTSIDE + 1)]
        assert codes == [204] * BURST_OUTSIDE + [429]
        hand.wait(seconds=1)
        assert client.get("/favicon.ico").status_code == 204


class TestIdentityNumbers:
    def test_a_number_is_masked_and_shown_only_for_a_logged_reason(self, lent: System) -> None:
        client = browser(lent, Role.OFFICE_CLERK, name="查询人")
        path = f"{loan_book_code('371621', OWN)}/{LOANS[OWN]}"
        shown = re.compile(r"[0-9]{17}[0-9X]")
        assert not shown.search(client.get(f"/loans/{path}").text)
        assert send(client, f"/reveal/{path}", reason="").status_code == 400
        revealed = send(client, f"/reveal/{path}", reason="核对身份")
        assert shown.search(revealed.text)
        log = browser(lent, Role.AUDITOR).get("/system/reveals?actor=查询人").text
        assert "共 1 条" in log
        assert "核对身份" in log
        assert not shown.search(log)
        assert "reveal" not in browser(lent, Role.MAKER).get(f"/loans/{path}").text


class TestAuditLog:
    def test_every_deed_stands_in_it_and_it_can_be_searched(self, system: System, hand: Hand) -> None:
        client = with_password(system, "甲", hand, Role.MAKER)
        sign_in(client, "甲", "wrong")
        sign_in(client, "甲")
        send(client, "/logout")
        auditor = browser(system, Role.AUDITOR)
        page = auditor.get("/system/audit?actor=甲").text
        assert [word for word in ("登录失败", "登录", "退出") if f"<td>{word}</td>" in page] == ["登录失败", "登录", "退出"]
        assert "共 1 条" in auditor.get("/system/audit", params={"action": "signed out"}).text
        assert auditor.get("/system/audit?from=x").status_code == 400
        assert auditor.get("/system/audit?page=9").status_code == 400

    def test_it_is_append_only(self, system: System) -> None:
        hire(system, "甲", Role.MAKER)
        for change in ("UPDATE ledger.audit SET actor = 'x'", "DELETE FROM ledger.audit", "DELETE FROM app.password",
                       "DELETE FROM app.role_grant", "DELETE FROM app.staff", "DELETE FROM app.failed_sign_in"):  # fmt: skip
            with pytest.raises(DBAPIError), unit_of_work(system.engine) as session:
                session.execute(text(change))


class TestSystemPages:
    def test_parameters_say_who_when_and_why(self, lent: System) -> None:
        page = browser(lent, Role.MAKER).get("/system/parameters").text
        assert "随程序发布" in page
        assert "50,000.00 元" in page

    def test_the_calendar_knows_holidays_and_shifted_days(self, lent: System) -> None:
        client = browser(lent, Role.MAKER)
        page = client.get("/system/calendar?year=2017").text
        assert page.count('<td class="day holiday"') > 10
        assert page.count('<td class="day shifted"') == 5
        assert client.get("/system/calendar?year=1").status_code == 400


def test_every_habit_of_the_table_names_a_test_that_is_there() -> None:
    lines = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert len(lines) > 25
    for line in lines:
        named = re.findall(r"`(?:(tests/\w+\.py)|(Test\w+))::(test_\w+)`", line)
        assert named, line
        for file, kind, test in named:
            body = (ROOT / (file or "tests/test_access.py")).read_text()
            assert f"def {test}(" in body, test
            assert not kind or f"class {kind}:" in body, kind


def test_the_demos_people_get_passwords_by_chance_anew_at_every_start(system: System) -> None:
    with unit_of_work(system.engine) as session:
        reference.add_bank(session, OWN, "惠民农商行", rural=True)
        first = people(session, system.cipher, NOW)
    with unit_of_work(system.engine) as session:
        second = people(session, system.cipher, NOW + timedelta(hours=1))
        assert {role for role, _ in first.values()} == set(Role)
        assert not {password for _, password in first.values()} & {password for _, password in second.values()}
        name, (_, password) = next(iter(second.items()))
        assert passwords.fits(session, name, password)
