"""The frame (页面框架): what every page has around it: who is signed in, where he may go, and his view of the books."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from app.access.roles import Right, Role
from app.access.sessions import Stage, Visit, form_token
from app.web import asked as ask
from app.web import queries
from app.web.edge import HEADERS
from app.web.gate import TOKEN, visit_of
from app.web.permissions import lets_in, rule_of
from app.web.queries import home
from app.web.words import FILTERS, NAMES
from app.wiring import System
from ledger.books import confine
from ledger.business_day import peek
from ledger.db import unit_of_work
from scheduling.close import last_closed

FOLDER = Path(__file__).parent

MENU = (
    ("/", "home", "首页"), ("/drafts", "drafts", "制单"), ("/review", "review", "审核"), ("/vouchers", "vouchers", "凭证"),
    ("/loans", "loans", "贷款"), ("/reports", "reports", "账簿报表"), ("/night", "night", "日终"),
)  # fmt: skip
SYSTEM_MENU = (
    ("/system/staff", "staff", "用户与角色"), ("/system/parameters", "parameters", "参数"),
    ("/system/calendar", "calendar", "日历"), ("/system/audit", "audit", "操作日志"), ("/system/reveals", "reveals", "全号查看"),
)  # fmt: skip

SENTENCES = {
    HTTPStatus.NOT_FOUND: ("找不到", "没有这个页面。"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("不能这样访问", "这个页面只供查询，不接受提交。"),
    HTTPStatus.FORBIDDEN: ("无权访问", "您无权使用这个页面。"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("内容过大", "提交的内容过大，未作任何更改。"),
}


class Frame:
    """Renders pages and opens sessions as their visitor sees the books."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._templates.filters |= {**FILTERS, "path": lambda part: quote(part, safe="")}
        self._templates.globals |= {
            **NAMES, "address": lambda path, **values: ask.address_of(path, values), "roles": list(Role), "rights": Right
        }  # fmt: skip

    @contextmanager
    def reading(self, request: Request) -> Iterator[Session]:
        """Give a session that can't write and knows the books of its visitor."""
        with queries.reading(self.system.engine) as session:
            yield _confined(session, request)

    @contextmanager
    def writing(self, request: Request) -> Iterator[Session]:
        """Give a session for one deed, all of it or none, that knows the books of its visitor."""
        with unit_of_work(self.system.engine) as session:
            yield _confined(session, request)

    def page(self, request: Request, template: str, code: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        """Render a page for its visitor."""
        visit = visit_of(request)
        secret = getattr(request.state, "form_secret", "")
        around: Mapping[str, Any] = {
            "demo": False, "business_date": None, "last_closed": None, "visitor": visit.member if visit else None,
            "signed_in": visit is not None and visit.stage is Stage.FULL, "menu": menu_of(visit, MENU),
            "system_menu": menu_of(visit, SYSTEM_MENU), "landing": landing_of(visit),
            "form_secret": lambda: _hidden(form_token(secret) if secret else ""),
        }  # fmt: skip
        text = self._templates.get_template(template).render({**around, **values})
        return HTMLResponse(text, status_code=int(code), headers={**HEADERS, "Cache-Control": "no-store"})

    def error(self, request: Request, code: int, title: str, sentence: str) -> HTMLResponse:
        """Return a page that says what went wrong and what to do."""
        return self.page(request, "error.html", code, status=int(code), title=title, sentence=sentence)

    def refused(self, request: Request, refusal: Exception) -> HTMLResponse:
        """Show why an address was refused."""
        code = refusal.status_code if isinstance(refusal, HTTPException) else HTTPStatus.BAD_REQUEST
        title, sentence = SENTENCES.get(HTTPStatus(code), ("无法显示", "请求无法处理。"))
        detail = refusal.detail if isinstance(refusal, HTTPException) else ""
        said = detail if detail and detail != HTTPStatus(code).phrase else sentence
        return self.error(request, code, title, said)


def common(session: Session) -> dict[str, Any]:
    """Return what every page about the books shows."""
    return {"demo": home.is_demo(session), "business_date": peek(session), "last_closed": last_closed(session)}


def menu_of(visit: Visit | None, entries: tuple[tuple[str, str, str], ...]) -> list[tuple[str, str, str]]:
    """Return the entries of a menu that lead somebody somewhere."""
    stage, rights = (visit.stage, visit.member.rights) if visit else (None, frozenset[Right]())
    return [entry for entry in entries if lets_in(rule_of("GET", entry[0]), stage, rights)]


def landing_of(visit: Visit | None) -> str:
    """Return where somebody's day begins: the first page that he may see."""
    return next((path for path, _, _ in menu_of(visit, (*MENU, *SYSTEM_MENU))), "/me" if visit else "/login")


def see_other(address: str) -> RedirectResponse:
    """Return the answer that sends a browser on after a deed, so that loading again does not do it again."""
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def query_of(request: Request) -> Callable[[str], str]:
    """Return a function that gives a parameter of the query string, or an empty text."""
    return lambda name: request.query_params.get(name, "")


def _hidden(token: str) -> Markup:
    """Return the field with which a form shows that it is ours."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN, token)


def _confined(session: Session, request: Request) -> Session:
    visit = visit_of(request)
    if visit is not None and visit.member.bank is not None:
        confine(session, visit.member.bank)
    return session
