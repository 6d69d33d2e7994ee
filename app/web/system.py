"""The pages of the system (系统): staff and roles, dated parameters, the calendar, the audit log, and who saw whole numbers."""

from collections.abc import Callable
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from app.access import second_factor
from app.access import staff as people
from app.access.errors import RoleRefused
from app.access.roles import RIGHTS, Role
from app.web import asked as ask
from app.web import queries
from app.web.asked import AuditFilter, BadQuery
from app.web.frame import Frame, common, query_of, see_other
from app.web.gate import actor_of, given
from app.web.permissions import STAFF
from app.web.queries import oversight
from ledger import audit
from ledger.business_day import peek
from ledger.calendar import DAY, days, is_weekday, is_working_day
from registry.reference import bank_names

FIRST_YEAR, LAST_YEAR = 2004, 2099


class SystemPages:
    """The pages of the system, of one system."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def staff(self, request: Request) -> HTMLResponse:
        """Show everybody who works here, with dated roles (用户与角色)."""
        return self._staff(request)

    def add(self, request: Request) -> HTMLResponse:
        """Add somebody, and show his one-time link this once."""
        with self._frame.writing(request) as session:
            secret = people.add(session, given(request, "name").strip(), actor_of(request), request.state.now)
        return self._staff(request, given(request, "name").strip(), secret)

    def link(self, request: Request) -> HTMLResponse:
        """Make a new one-time link of somebody, and show it this once."""
        with self._frame.writing(request) as session:
            secret = people.link(session, given(request, "name"), actor_of(request), request.state.now)
        return self._staff(request, given(request, "name"), secret)

    def disable(self, request: Request) -> Response:
        """Let somebody in no more."""
        return self._do(request, lambda session: people.disable(session, *self._who(request), request.state.now))

    def grant(self, request: Request) -> Response:
        """Give somebody a role."""
        name, actor = self._who(request)
        bank = given(request, "bank") or None
        return self._do(
            request, lambda session: people.grant(session, name, _role(request), actor, request.state.now, bank)
        )  # fmt: skip

    def end(self, request: Request) -> Response:
        """Take a role from somebody."""
        name, actor = self._who(request)
        return self._do(request, lambda session: people.end_grant(session, name, _role(request), actor, request.state.now))

    def forget_factor(self, request: Request) -> Response:
        """Let somebody enrol another telephone."""
        name, actor = self._who(request)
        cipher = self._frame.system.cipher
        return self._do(
            request, lambda session: people.forget_second_factor(session, cipher, name, actor, request.state.now)
        )  # fmt: skip

    def parameters(self, request: Request) -> HTMLResponse:
        """Show every dated row of policy with its document, who loaded it and when (参数)."""
        with self._frame.reading(request) as session:
            values = {**common(session), "lines": oversight.policy_lines(session)}
        return self._frame.page(request, "parameters.html", **values)

    def calendar(self, request: Request) -> HTMLResponse:
        """Show a year's working days, holidays and 调休 (日历)."""
        text = query_of(request)("year")
        with self._frame.reading(request) as session:
            values, today = common(session), peek(session)
        year = _year(text) if text else (today or request.state.now.date()).year
        months = [_weeks(date(year, month, 1)) for month in range(1, 13)]
        return self._frame.page(request, "calendar.html", **values, year=year, months=months, today=today, kind_of_day=_kind_of)

    def audit(self, request: Request) -> HTMLResponse:
        """Search the audit log (操作日志)."""
        return self._log(request, AuditFilter(action=ask.text_asked(query_of(request)("action"), "操作")), "操作日志")

    def reveals(self, request: Request) -> HTMLResponse:
        """Show who saw whole identity numbers, and why (全号查看)."""
        return self._log(request, AuditFilter(path="/system/reveals", action=audit.REVEALED), "全号查看")

    def _log(self, request: Request, kind: AuditFilter, title: str) -> HTMLResponse:
        asked_for = query_of(request)
        asked = AuditFilter(
            path=kind.path, action=kind.action, actor=ask.text_asked(asked_for("actor"), "操作人"),
            subject=ask.text_asked(asked_for("subject"), "对象"), first=ask.day_asked(asked_for("from")),
            last=ask.day_asked(asked_for("to")), page=ask.page_asked(asked_for("page")),
        )  # fmt: skip
        with self._frame.reading(request) as session:
            count = oversight.audit_count(session, asked)
            last = max(1, -(-count // queries.PER_PAGE))
            if asked.page > last:
                raise BadQuery(f"没有第 {asked.page} 页，一共 {last} 页。")
            values: dict[str, Any] = {"lines": oversight.audit_lines(session, asked), "known": oversight.audit_actions(session)}
        return self._frame.page(request, "audit.html", **values, asked=asked, count=count, last=last, title=title)

    def _staff(self, request: Request, invited: str = "", secret: str = "") -> HTMLResponse:
        with self._frame.reading(request) as session:
            found = people.members(session)
            values: dict[str, Any] = {
                "members": found, "grants": people.grants(session), "banks": bank_names(session),
                "factors": {one.name for one in found if second_factor.has_second_factor(session, one.name)},
            }  # fmt: skip
        return self._frame.page(request, "staff.html", **values, invited=invited, secret=secret, rights_of=RIGHTS)

    def _do(self, request: Request, deed: Callable[[Session], None]) -> Response:
        with self._frame.writing(request) as session:
            deed(session)
        return see_other(STAFF)

    @staticmethod
    def _who(request: Request) -> tuple[str, str]:
        """Return whom it concerns, and who does it."""
        return given(request, "name"), actor_of(request)


def _role(request: Request) -> Role:
    try:
        return Role(given(request, "role"))
    except ValueError:
        raise RoleRefused("没有这个角色，请从列表中选择") from None


def _year(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 4 and FIRST_YEAR <= int(text) <= LAST_YEAR):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"年份应在 {FIRST_YEAR} 至 {LAST_YEAR} 之间。")
    return int(text)


def _weeks(first: date) -> list[list[date]]:
    """Return the weeks that a month has days in, Monday first, whole."""
    start = first - timedelta(days=first.weekday())
    end = (first + 31 * DAY).replace(day=1)
    every = list(days(start, end + (-(end - start).days % 7) * DAY))
    return [every[at : at + 7] for at in range(0, len(every), 7)]


def _kind_of(day: date) -> str:
    """Return what a day is: a working day, one of 调休, a weekend, or a holiday."""
    works, weekday = is_working_day(day), is_weekday(day)
    if works:
        return "work" if weekday else "shifted"
    return "holiday" if weekday else "weekend"
