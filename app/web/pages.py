"""The pages (工作台): one address each, read-only; whatever goes wrong ends in a Chinese page, never in a trace."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import wiring
from app.reminders import open_reminders
from app.status import status
from app.web import asked as ask
from app.web import queries
from app.web.asked import BadQuery, LoanFilter, VoucherFilter
from app.web.queries import home, loan, loans, night, vouchers
from app.web.reports import ReportPages
from app.web.words import FILTERS, NAMES
from app.wiring import System
from ledger.books import books, find_book
from ledger.business_day import peek
from ledger.journal import BookCode
from loans.errors import LoanUnreadable
from loans.quarantine.queries import set_aside_now
from scheduling.close import last_closed
from scheduling.progress import progress
from statements.charts import Line, line_chart

FOLDER = Path(__file__).parent
HOSTS = ("127.0.0.1", "localhost")
"""Names that this server answers to: a foreign name that leads here by trickery (DNS rebinding) gets nothing."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

SENTENCES = {
    HTTPStatus.NOT_FOUND: ("找不到", "没有这个页面。"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("不能这样访问", "这些页面只供查询，不接受提交。"),
}


def make_app(system: System) -> FastAPI:
    """Return the web application that shows a system's books."""
    pages = _Pages(system)
    app = FastAPI(title="扶贫信贷工作台", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    for path, page in (
        ("/", pages.home),
        ("/vouchers", pages.vouchers),
        ("/loans", pages.loans),
        ("/loans/{book_code}/{contract:path}", pages.loan),
        ("/night", pages.night),
        ("/reports", pages.reports.index),
        ("/reports/{name}.xlsx", pages.reports.xlsx),
        ("/reports/{name}.csv", pages.reports.csv),
        ("/reports/{name}", pages.reports.show),
    ):
        app.add_api_route(path, page, methods=["GET", "HEAD"], response_class=HTMLResponse)
    app.add_api_route("/favicon.ico", lambda: Response(status_code=HTTPStatus.NO_CONTENT), methods=["GET"])
    app.add_exception_handler(BadQuery, lambda _, refusal: pages.error(HTTPStatus.BAD_REQUEST, "查询条件有误", str(refusal)))
    app.add_exception_handler(HTTPException, pages.refused)
    app.add_exception_handler(LoanUnreadable, lambda _, refusal: pages.error(HTTPStatus.CONFLICT, "贷款数据有误", str(refusal)))
    app.add_exception_handler(
        OperationalError,
        lambda _, __: pages.error(
            HTTPStatus.SERVICE_UNAVAILABLE, "暂时查不到", "数据库没有在规定时间内答复。请缩小查询范围（选定账套和月份）后再试。"
        ),
    )
    app.add_exception_handler(
        Exception,
        lambda _, __: pages.error(
            HTTPStatus.INTERNAL_SERVER_ERROR, "系统出错", "页面未能生成，账目没有任何改变。请把访问地址告知管理员。"
        ),
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
    app.add_middleware(_Guarded)
    return app


class _Guarded:
    """Adds the protective headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


class _Pages:
    """The pages of one system."""

    def __init__(self, system: System) -> None:
        self._engine = system.engine
        self.reports = ReportPages(system.engine, self._page, _common)
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._templates.filters |= {**FILTERS, "path": lambda part: quote(part, safe="")}
        self._templates.globals |= {**NAMES, "address": lambda path, **values: ask.address_of(path, values)}

    def home(self) -> HTMLResponse:
        """Show the three figures, how the loans stand, and lending month by month (首页)."""
        with queries.reading(self._engine) as session:
            found = status(session)
            months = home.months_of_lending(session, found.as_of)
            values = {
                **_common(session), "status": found, "funds": home.fund_balances(session, found.as_of), "months": months,
                "portfolio": home.portfolio(session), "claims": home.claims(session, found.as_of),
                "reminders": open_reminders(session),
            }  # fmt: skip
        lines = (
            Line("累计发放", tuple(month.disbursed_fen for month in months)),
            Line("贷款余额", tuple(month.balance_fen for month in months)),
        )
        chart = line_chart("扶贫小额信贷逐月累计发放额和贷款余额", [f"{month.month:%Y-%m}" for month in months], lines)
        return self._page("home.html", **values, chart=chart)

    def vouchers(self, request: Request) -> HTMLResponse:
        """Show the vouchers of a book and a month (凭证列表)."""
        given = _given(request)
        with queries.reading(self._engine) as session:
            every = books(session)
            wanted = ask.books_asked(given("book"), every)
            months = vouchers.voucher_months(session, wanted)
            asked = VoucherFilter(
                book=given("book"), books=wanted, month=ask.month_asked(given("month"), months[0] if months else None),
                kind=ask.kind_asked(given("kind")), account=ask.account_asked(given("account")), product=given("product"),
                voucher=ask.voucher_asked(given("voucher")),
                products=ask.products_asked(given("product")), page=ask.page_asked(given("page")),
                opened=given("open") == "1",
            )  # fmt: skip
            totals = vouchers.voucher_totals(session, asked)
            last = _last_page(asked.page, totals.count)
            values = {**_common(session), "vouchers": vouchers.vouchers(session, asked)}
        return self._page("vouchers.html", **values, asked=asked, totals=totals, last=last, books=every, months=months)

    def loans(self, request: Request) -> HTMLResponse:
        """Show the loans whose contract number and state were asked for (贷款列表)."""
        given = _given(request)
        with queries.reading(self._engine) as session:
            every = [book for book in books(session) if book.kind == "LB"]
            asked = LoanFilter(
                text=ask.search_asked(given("q")), state=ask.state_asked(given("state")), book=given("book"),
                books=ask.books_asked(given("book"), every), page=ask.page_asked(given("page")),
            )  # fmt: skip
            totals = loans.loan_totals(session, asked)
            last = _last_page(asked.page, totals.count)
            values = {**_common(session), "loans": loans.loans(session, asked)}
        return self._page("loans.html", **values, asked=asked, totals=totals, last=last, books=every)

    def loan(self, book_code: str, contract: str) -> HTMLResponse:
        """Show one loan (贷款明细).

        Raises:
            HTTPException: there is no such loan.
        """
        with queries.reading(self._engine) as session:
            found = find_book(session, BookCode(book_code)) if book_code.isprintable() and contract.isprintable() else None
            values = _common(session)
            sheet = loan.loan_sheet(session, found.id, contract, values["last_closed"]) if found else None
            if found is None or sheet is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, "没有这笔贷款，请核对账套和合同号。")
            values["vouchers"] = vouchers.vouchers_of_loan(session, found.id, sheet.contract.id)
        return self._page("loan.html", **values, sheet=sheet, terms=sheet.contract.terms, book=found)

    def night(self, request: Request) -> HTMLResponse:
        """Show where a night is, step by step, the loans that are set aside, and the latest nights (日终).

        Raises:
            HTTPException: that day was never closed.
        """
        asked, steps = ask.day_asked(_given(request)("day")), wiring.night_steps()
        with queries.reading(self._engine) as session:
            run = progress(session, steps, asked)
            if asked is not None and run is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, f"{asked} 没有日终记录。")
            values = {**_common(session), "set_aside": set_aside_now(session), "runs": night.latest_runs(session)}
        return self._page("night.html", **values, run=run, step_names={one.name: one.title for one in steps})

    def refused(self, _: Request, refusal: Exception) -> HTMLResponse:
        """Show why an address was refused."""
        code = refusal.status_code if isinstance(refusal, HTTPException) else HTTPStatus.BAD_REQUEST
        title, sentence = SENTENCES.get(HTTPStatus(code), ("无法显示", "请求无法处理。"))
        detail = refusal.detail if isinstance(refusal, HTTPException) else ""
        said = detail if detail and detail != HTTPStatus(code).phrase else sentence
        return self.error(code, title, said)

    def error(self, code: int, title: str, sentence: str) -> HTMLResponse:
        """Return a page that says what went wrong and what to do."""
        shown = self._page("error.html", code=int(code), title=title, sentence=sentence, demo=False, business_date=None)
        shown.status_code = int(code)
        return shown

    def _page(self, template: str, **values: Any) -> HTMLResponse:
        text = self._templates.get_template(template).render(**values)
        return HTMLResponse(text, headers={**HEADERS, "Cache-Control": "no-store"})


def _common(session: Session) -> dict[str, Any]:
    """Return what every page shows."""
    return {"demo": home.is_demo(session), "business_date": peek(session), "last_closed": last_closed(session)}


def _given(request: Request) -> Callable[[str], str]:
    """Return a function that gives a parameter of the query string, or an empty text."""
    return lambda name: request.query_params.get(name, "")


def _last_page(page: int, count: int) -> int:
    """Return the number of the last page.

    Raises:
        BadQuery: the page asked for lies beyond it.
    """
    last = max(1, -(-count // queries.PER_PAGE))
    if page > last:
        raise BadQuery(f"没有第 {page} 页，一共 {last} 页。")
    return last
