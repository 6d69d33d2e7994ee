"""The pages of books and reports (账簿报表): a list, one page per report, and its files; a line opens what it comes from."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from app.reports.asking import report_of
from app.reports.files import csv_bytes, tail, xlsx
from app.web import asked as ask
from app.web.asked import BadQuery, ReportFilter, address_of
from app.web.frame import Frame, common
from app.wiring import reports
from ledger.books import Book, books
from ledger.errors import FutureDate, NoBusinessDay, UnknownBook
from ledger.queries import DIMENSIONS
from ledger.reports.account_books import BY_ACCOUNT
from ledger.reports.errors import ReportRefused
from ledger.reports.form import Form
from ledger.reports.report import AccountPage, Report, Row, VoucherPage

ROWS = 500
"""How many rows a page shows; the files hold all."""
SPREADS = {BY_ACCOUNT: "明细科目"} | dict(
    zip(DIMENSIONS, ("县区", "银行", "产品", "承担方", "利息种类", "贷款", "项目"), strict=True)
)
TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv; charset=utf-8",
}


class ReportPages:
    """The pages of reports of one system."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def index(self, request: Request) -> HTMLResponse:
        """List the reports (报表目录)."""
        with self._frame.reading(request) as session:
            values = common(session)
        return self._frame.page(request, "reports.html", **values, forms=[form for form, _ in reports().values()])

    def show(self, request: Request, name: str) -> HTMLResponse:
        """Show one report (报表).

        Raises:
            HTTPException: there is no such report.
            BadQuery: it can't be answered.
        """
        form = _form(name)
        with self._frame.reading(request) as session:
            every = [book for book in books(session) if book.kind in form.kinds]
            asked = _asked(request, form, every)
            made = _made(session, asked)
            values = common(session)
        last = max(1, -(-len(made.rows) // ROWS))
        if asked.page > last:
            raise BadQuery(f"没有第 {asked.page} 页，一共 {last} 页。")
        shown = made.rows[(asked.page - 1) * ROWS : asked.page * ROWS]
        return self._frame.page(
            request, "report.html", **values, form=form, asked=asked, made=made, books=every, last=last, shown=shown,
            spreads=SPREADS, tail=lambda one: list(tail(one)), opens=lambda row: _opens(asked, row),
        )  # fmt: skip

    def xlsx(self, request: Request, name: str) -> Response:
        """Give a report as XLSX."""
        return self._file(request, name, ".xlsx", xlsx)

    def csv(self, request: Request, name: str) -> Response:
        """Give a report as CSV."""
        return self._file(request, name, ".csv", csv_bytes)

    def _file(self, request: Request, name: str, ending: str, write: Callable[[Report], bytes]) -> Response:
        form = _form(name)
        with self._frame.reading(request) as session:
            every = [book for book in books(session) if book.kind in form.kinds]
            made = _made(session, _asked(request, form, every))
        called = f"{made.title}-{made.scope.name}-{made.period}{ending}"
        headers = {
            "Content-Disposition": f"attachment; filename=\"{name}{ending}\"; filename*=UTF-8''{quote(called, safe='')}",
            "Cache-Control": "no-store",
        }
        return Response(write(made), media_type=TYPES[ending], headers=headers)


def _form(name: str) -> Form:
    found = reports().get(name)
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "没有这张报表，请从目录中选择。")
    return found[0]


def _asked(request: Request, form: Form, every: list[Book]) -> ReportFilter:
    """Return what is asked; of an account book the first book where none is named."""
    given: Mapping[str, str] = request.query_params
    book = given.get("book", "") or (every[0].code if form.of_accounts and every else "")
    return ReportFilter(
        name=form.name, book=book, first=given.get("from", ""), last=given.get("to", ""), as_of=given.get("as_of", ""),
        account=given.get("account", ""), spread=given.get("by", ""), page=ask.page_asked(given.get("page", "")),
    )  # fmt: skip


def _made(session: Session, asked: ReportFilter) -> Report:
    try:
        return report_of(session, asked.name, asked.wish)
    except NoBusinessDay:
        raise BadQuery("账套尚未启用，还没有可查的账簿和报表。") from None
    except UnknownBook:
        raise BadQuery("没有这个账套，请从列表中选择。") from None
    except (FutureDate, ReportRefused) as refusal:
        raise BadQuery(f"{refusal}。") from None


def _opens(asked: ReportFilter, row: Row) -> str:
    """Return the address of what a row comes from: the pages of its account, or its voucher; nothing if neither."""
    match row.opens:
        case AccountPage(account=account):
            return ReportFilter(
                name="subsidiary-ledger", book=asked.book, first=asked.first, last=asked.last, as_of=asked.as_of, account=account
            ).address()
        case VoucherPage(book=book, month=month, word=word, number=number):
            values = {"book": book, "month": f"{month:%Y-%m}", "voucher": f"{word}-{number}", "open": "1"}
            return address_of("/vouchers", values)
        case _:
            return ""
