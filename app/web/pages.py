"""The pages (工作台): one address each, read-only; whatever goes wrong ends in a Chinese page, never in a trace."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app import wiring
from app.access.errors import AccessError
from app.reminders import open_reminders
from app.status import status
from app.web import asked as ask
from app.web import queries
from app.web.asked import BadQuery, LoanFilter, VoucherFilter
from app.web.edge import Guarded
from app.web.frame import FOLDER, Frame, common, query_of
from app.web.gate import Clock, Gate, SignInNeeded, TooOften, actor_of, given
from app.web.permissions import DRAFT, REVIEW
from app.web.queries import home, loan, loans, night, vouchers
from app.web.reports import ReportPages
from app.web.signing_in import SignInPages
from app.web.system import SystemPages
from app.web.voucher_desk import VoucherDesk
from app.wiring import System
from ledger import audit
from ledger.books import books, find_book
from ledger.errors import LedgerError
from ledger.journal import BookCode
from loans.errors import LoanUnreadable
from loans.quarantine.queries import set_aside_now
from registry.households import identity_of
from scheduling.progress import progress
from statements.charts import Line, line_chart

HOSTS = ("127.0.0.1", "localhost")
"""Names that this server answers to: a foreign name that leads here by trickery (DNS rebinding) gets nothing."""


def clock() -> datetime:
    """Return the time of now."""
    return datetime.now(UTC)


def make_app(system: System, now: Clock = clock) -> FastAPI:
    """Return the web application that shows a system's books to whoever may see them."""
    frame = Frame(system)
    pages = _Pages(frame)
    app = FastAPI(
        title="扶贫信贷工作台", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(Gate(system, now))]
    )
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    desk = VoucherDesk(frame)
    for path, page in (*_shown(pages, SignInPages(frame), SystemPages(frame)), *_desk_shown(desk)):
        app.add_api_route(path, page, methods=["GET", "HEAD"], response_class=HTMLResponse)
    for path, deed in (*_done(pages, SignInPages(frame), SystemPages(frame)), *_desk_done(desk)):
        app.add_api_route(path, deed, methods=["POST"], response_class=HTMLResponse)
    _handle_refusals(app, frame)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
    app.add_middleware(Guarded)
    return app


def _shown(pages: "_Pages", entry: SignInPages, system: SystemPages) -> tuple[tuple[str, Callable[..., Response]], ...]:
    """Return the addresses that show something."""
    return (
        ("/", pages.home),
        ("/vouchers", pages.vouchers),
        ("/loans", pages.loans),
        ("/loans/{book_code}/{contract:path}", pages.loan),
        ("/night", pages.night),
        ("/reports", pages.reports.index),
        ("/reports/{name}.xlsx", pages.reports.xlsx),
        ("/reports/{name}.csv", pages.reports.csv),
        ("/reports/{name}", pages.reports.show),
        ("/favicon.ico", lambda: Response(status_code=HTTPStatus.NO_CONTENT)),
        ("/login", entry.login),
        ("/login/code", entry.code),
        ("/login/enrol", entry.enrol),
        ("/welcome/{secret}", entry.welcome),
        ("/password", entry.password),
        ("/me", entry.me),
        ("/system/staff", system.staff),
        ("/system/parameters", system.parameters),
        ("/system/calendar", system.calendar),
        ("/system/audit", system.audit),
        ("/system/reveals", system.reveals),
    )


def _done(pages: "_Pages", entry: SignInPages, system: SystemPages) -> tuple[tuple[str, Callable[..., Response]], ...]:
    """Return the addresses that do something."""
    return (
        ("/reveal/{book_code}/{contract:path}", pages.reveal),
        ("/login", entry.sign_in),
        ("/login/code", entry.take_code),
        ("/login/enrol", entry.take_code),
        ("/welcome/{secret}", entry.take_welcome),
        ("/password", entry.take_password),
        ("/logout", entry.logout),
        ("/system/staff/add", system.add),
        ("/system/staff/link", system.link),
        ("/system/staff/disable", system.disable),
        ("/system/staff/grant", system.grant),
        ("/system/staff/end", system.end),
        ("/system/staff/factor", system.forget_factor),
    )


def _desk_shown(desk: VoucherDesk) -> tuple[tuple[str, Callable[..., Response]], ...]:
    """Return the addresses that show something of the vouchers' desk."""
    return (
        ("/drafts", desk.drafts),
        ("/drafts/{book_code}/new", desk.new),
        (DRAFT, desk.draft),
        (f"{DRAFT}/file/{{sha256}}", desk.file),
        ("/review", desk.queue),
        (REVIEW, desk.judge),
        ("/vouchers/print", desk.paper),
        ("/vouchers/correct", desk.correct),
    )


def _desk_done(desk: VoucherDesk) -> tuple[tuple[str, Callable[..., Response]], ...]:
    """Return the addresses that do something with vouchers."""
    return (
        (f"{DRAFT}/save", desk.save),
        (f"{DRAFT}/detach", desk.detach),
        (f"{DRAFT}/discard", desk.discard),
        ("/review/approve", desk.approve_many),
        (f"{REVIEW}/approve", desk.approve),
        (f"{REVIEW}/return", desk.give_back),
    )


def _handle_refusals(app: FastAPI, frame: Frame) -> None:
    """Let whatever goes wrong end in a page that says so in Chinese."""
    said: tuple[tuple[type[Exception], int, str, str], ...] = (
        (BadQuery, HTTPStatus.BAD_REQUEST, "查询条件有误", ""),
        (LoanUnreadable, HTTPStatus.CONFLICT, "贷款数据有误", ""),
        (AccessError, HTTPStatus.CONFLICT, "未作更改", ""),
        (LedgerError, HTTPStatus.CONFLICT, "未作更改", ""),
        (TooOften, HTTPStatus.TOO_MANY_REQUESTS, "请求过于频繁", "请稍等几秒再试。"),
        (
            OperationalError, HTTPStatus.SERVICE_UNAVAILABLE, "暂时查不到",
            "数据库没有在规定时间内答复。请缩小查询范围（选定账套和月份）后再试。",
        ),
        (
            Exception, HTTPStatus.INTERNAL_SERVER_ERROR, "系统出错",
            "页面未能生成，账目没有任何改变。请把访问地址告知管理员。",
        ),
    )  # fmt: skip

    def saying(code: int, title: str, sentence: str) -> Callable[[Request, Exception], HTMLResponse]:
        return lambda request, refusal: frame.error(request, code, title, sentence or str(refusal))

    for kind, code, title, sentence in said:
        app.add_exception_handler(kind, saying(code, title, sentence))
    app.add_exception_handler(HTTPException, frame.refused)
    app.add_exception_handler(SignInNeeded, lambda _, needed: _to_sign_in(needed))


def _to_sign_in(needed: Exception) -> Response:
    """Send a browser to where signing in begins or goes on."""
    if not isinstance(needed, SignInNeeded):
        raise needed
    expired = "&expired=1" if needed.expired else ""
    address = needed.step or f"/login?next={quote(needed.where, safe='/')}{expired}"
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


class _Pages:
    """The pages of one system."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self.reports = ReportPages(frame)

    def home(self, request: Request) -> HTMLResponse:
        """Show the three figures, how the loans stand, and lending month by month (首页)."""
        with self._frame.reading(request) as session:
            found = status(session)
            months = home.months_of_lending(session, found.as_of)
            values = {
                **common(session), "status": found, "funds": home.fund_balances(session, found.as_of), "months": months,
                "portfolio": home.portfolio(session), "claims": home.claims(session, found.as_of),
                "reminders": open_reminders(session),
            }  # fmt: skip
        lines = (
            Line("累计发放", tuple(month.disbursed_fen for month in months)),
            Line("贷款余额", tuple(month.balance_fen for month in months)),
        )
        chart = line_chart("扶贫小额信贷逐月累计发放额和贷款余额", [f"{month.month:%Y-%m}" for month in months], lines)
        return self._frame.page(request, "home.html", **values, chart=chart)

    def vouchers(self, request: Request) -> HTMLResponse:
        """Show the vouchers of a book and a month (凭证列表)."""
        asked_for = query_of(request)
        with self._frame.reading(request) as session:
            every = books(session)
            wanted = ask.books_asked(asked_for("book"), every)
            months = vouchers.voucher_months(session, wanted)
            asked = VoucherFilter(
                book=asked_for("book"), books=wanted, month=ask.month_asked(asked_for("month"), months[0] if months else None),
                kind=ask.kind_asked(asked_for("kind")), account=ask.account_asked(asked_for("account")),
                product=asked_for("product"),
                voucher=ask.voucher_asked(asked_for("voucher")),
                products=ask.products_asked(asked_for("product")), page=ask.page_asked(asked_for("page")),
                opened=asked_for("open") == "1",
            )  # fmt: skip
            totals = vouchers.voucher_totals(session, asked)
            last = _last_page(asked.page, totals.count)
            values = {**common(session), "vouchers": vouchers.vouchers(session, asked)}
        return self._frame.page(
            request, "vouchers.html", **values, asked=asked, totals=totals, last=last, books=every, months=months
        )

    def loans(self, request: Request) -> HTMLResponse:
        """Show the loans whose contract number and state were asked for (贷款列表)."""
        asked_for = query_of(request)
        with self._frame.reading(request) as session:
            every = [book for book in books(session) if book.kind == "LB"]
            asked = LoanFilter(
                text=ask.search_asked(asked_for("q")), state=ask.state_asked(asked_for("state")), book=asked_for("book"),
                books=ask.books_asked(asked_for("book"), every), page=ask.page_asked(asked_for("page")),
            )  # fmt: skip
            totals = loans.loan_totals(session, asked)
            last = _last_page(asked.page, totals.count)
            values = {**common(session), "loans": loans.loans(session, asked)}
        return self._frame.page(request, "loans.html", **values, asked=asked, totals=totals, last=last, books=every)

    def loan(self, request: Request, book_code: str, contract: str) -> HTMLResponse:
        """Show one loan (贷款明细).

        Raises:
            HTTPException: there is no such loan.
        """
        with self._frame.reading(request) as session:
            found = find_book(session, BookCode(book_code)) if book_code.isprintable() and contract.isprintable() else None
            values = common(session)
            sheet = loan.loan_sheet(session, found.id, contract, values["last_closed"]) if found else None
            if found is None or sheet is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, "没有这笔贷款，请核对账套和合同号。")
            values["vouchers"] = vouchers.vouchers_of_loan(session, found.id, sheet.contract.id)
        return self._frame.page(request, "loan.html", **values, sheet=sheet, terms=sheet.contract.terms, book=found)

    def reveal(self, request: Request, book_code: str, contract: str) -> HTMLResponse:
        """Show a borrower's whole identity number to who says why; both are logged in the same transaction (查看全号).

        Raises:
            HTTPException: there is no such loan.
            BadQuery: no reason is given.
        """
        reason = given(request, "reason").strip()
        if not 2 <= len(reason) <= ask.LONGEST_SEARCH:
            raise BadQuery(f"查看全号须填写事由（2 至 {ask.LONGEST_SEARCH} 个字）。")
        with self._frame.writing(request) as session:
            found = find_book(session, BookCode(book_code)) if book_code.isprintable() and contract.isprintable() else None
            values = common(session)
            sheet = loan.loan_sheet(session, found.id, contract, values["last_closed"]) if found else None
            number = sheet and identity_of(session, self._frame.system.cipher, sheet.contract.county, sheet.contract.borrower)
            if sheet is None or number is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, "没有这笔贷款，请核对账套和合同号。")
            subject = f"{sheet.contract.county}/{sheet.contract.borrower}"
            audit.record(
                session, actor_of(request), audit.REVEALED, subject, {"reason": reason, "loan": f"{book_code}/{contract}"}
            )
        return self._frame.page(request, "reveal.html", **values, sheet=sheet, number=number, reason=reason)

    def night(self, request: Request) -> HTMLResponse:
        """Show where a night is, step by step, the loans that are set aside, and the latest nights (日终).

        Raises:
            HTTPException: that day was never closed.
        """
        asked, steps = ask.day_asked(query_of(request)("day")), wiring.night_steps()
        with self._frame.reading(request) as session:
            run = progress(session, steps, asked)
            if asked is not None and run is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, f"{asked} 没有日终记录。")
            values = {**common(session), "set_aside": set_aside_now(session), "runs": night.latest_runs(session)}
        return self._frame.page(request, "night.html", **values, run=run, step_names={one.name: one.title for one in steps})


def _last_page(page: int, count: int) -> int:
    """Return the number of the last page.

    Raises:
        BadQuery: the page asked for lies beyond it.
    """
    last = max(1, -(-count // queries.PER_PAGE))
    if page > last:
        raise BadQuery(f"没有第 {page} 页，一共 {last} 页。")
    return last
