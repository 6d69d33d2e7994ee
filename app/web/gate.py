"""The gate (门禁): every request to a page passes here once; who comes in, how often, with which form, is decided here alone."""

import math
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from http import HTTPStatus

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.access import sessions
from app.access.roles import Right
from app.access.sessions import Stage, Visit
from app.web.permissions import lets_in, rule_of
from app.wiring import System
from ledger import audit
from ledger.db import unit_of_work

COOKIE, VISITOR = "fupin", "fupin_visitor"
"""The cookies: a session's secret, and that of a browser which has none yet, so that the form of signing in is ours, too."""
TOKEN = "form_token"  # noqa: S105 - the name of a field
MOST_FILES, MOST_FIELDS = 20, 3000
BURST, A_SECOND, BURST_OUTSIDE, A_SECOND_OUTSIDE = 400, 20, 120, 2
"""How many requests may come at once, and then how many a second: of a session, and of an address that has none."""
MOST_BUCKETS = 10_000
NEXT = {Stage.CODE: "/login/code", Stage.ENROL: "/login/enrol", Stage.PASSWORD: "/password"}
"""Where somebody goes on who is not signed in to the end."""

Clock = Callable[[], datetime]


class SignInNeeded(Exception):
    """Somebody who must sign in first, or take the next `step` of it; `expired` if he was signed in before."""

    def __init__(self, where: str, *, step: str | None = None, expired: bool = False) -> None:
        self.where, self.step, self.expired = where, step, expired
        super().__init__(where)


class TooOften(Exception):
    """More requests than anybody needs."""


class Limiter:
    """How often each may come: a bucket that fills by the second and gives one drop per request."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[int, datetime]] = {}

    def take(self, who: str, now: datetime, burst: int, a_second: int) -> bool:
        """Tell whether one more request may pass."""
        left, since = self._buckets.get(who, (burst, now))
        fresh = max(0, math.floor((now - since).total_seconds() * a_second))
        if fresh:
            left, since = min(burst, left + fresh), now
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets.clear()
        self._buckets[who] = (max(0, left - 1), since)
        return left > 0


class Gate:
    """Lets requests in, or refuses them; what it found out is left in `request.state`: visit, form, form_secret, now."""

    def __init__(self, system: System, clock: Clock) -> None:
        self._system, self._clock, self._limiter = system, clock, Limiter()

    async def __call__(self, request: Request) -> AsyncIterator[None]:
        """Decide about one request before its page is asked, and close its files after.

        Raises:
            SignInNeeded: nobody is signed in.
            TooOften: too many requests.
            HTTPException: the visitor may not come in here, or the form is not ours.
        """
        now = self._clock()
        token = request.cookies.get(COOKIE, "")
        visit = await run_in_threadpool(self._visit, token, now) if token else None
        request.state.now, request.state.visit = now, visit
        request.state.form_secret = token if visit else request.cookies.get(VISITOR, "")
        self._limit(visit, address_of(request), now)
        rule = rule_of(request.method, request.scope["route"].path)
        stage = visit.stage if visit else None
        if not lets_in(rule, stage, visit.member.rights if visit else frozenset[Right]()):
            if visit is None or stage is not Stage.FULL:
                where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                raise SignInNeeded(where, step=NEXT.get(stage) if stage else None, expired=bool(token) and visit is None)
            await run_in_threadpool(self._refused, visit, request.method, request.url.path)
            raise HTTPException(HTTPStatus.FORBIDDEN, "您的角色无权使用这个页面。如确有需要，请联系安全管理员授权。")
        if request.method not in ("GET", "HEAD"):
            request.state.form = await self._form(request)
        yield
        await request.close()

    def _visit(self, token: str, now: datetime) -> Visit | None:
        with unit_of_work(self._system.engine) as session:
            return sessions.visit_of(session, token, now)

    def _limit(self, visit: Visit | None, address: str, now: datetime) -> None:
        if visit is not None:
            passes = self._limiter.take(f"session {visit.token}", now, BURST, A_SECOND)
        else:
            passes = self._limiter.take(f"address {address}", now, BURST_OUTSIDE, A_SECOND_OUTSIDE)
        if not passes:
            raise TooOften

    def _refused(self, visit: Visit, method: str, path: str) -> None:
        with unit_of_work(self._system.engine) as session:
            audit.record(session, visit.member.name, "page refused", path, {"method": method, "address": visit.address})

    async def _form(self, request: Request) -> FormData:
        form = await request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS)
        given, secret = form.get(TOKEN), request.state.form_secret
        if not secret or not isinstance(given, str) or not sessions.form_token_fits(secret, given):
            raise HTTPException(HTTPStatus.FORBIDDEN, "表单已失效，未作任何更改。请返回上一页刷新后重新提交。")
        if any("\x00" in value for _, value in form.multi_items() if isinstance(value, str)):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "提交的内容中有无法识别的字符。")
        return form


def address_of(request: Request) -> str:
    """Return the network address that a request comes from."""
    return request.client.host if request.client else "-"


def visit_of(request: Request) -> Visit | None:
    """Return who makes a request, or None."""
    found: Visit | None = getattr(request.state, "visit", None)
    return found


def actor_of(request: Request) -> str:
    """Return the name of who makes a request that the gate let in."""
    visit = visit_of(request)
    if visit is None:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return visit.member.name


def given(request: Request, name: str) -> str:
    """Return a text of a form, or an empty one."""
    value = request.state.form.get(name)
    return value if isinstance(value, str) else ""
