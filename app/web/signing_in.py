"""The pages of signing in (登录): password, dynamic code, enrolment of a telephone, a new password, and out again."""

import secrets
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from app.access import second_factor, sessions, sign_in, staff
from app.access.errors import LinkRefused, PasswordRefused
from app.access.sessions import Stage, Visit
from app.web.frame import Frame, landing_of, query_of, see_other
from app.web.gate import COOKIE, NEXT, VISITOR, SignInNeeded, address_of, given, visit_of
from app.web.qr import qr_svg
from ledger import audit


class SignInPages:
    """The pages of signing in of one system."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def login(self, request: Request) -> Response:
        """Show the form of signing in (登录)."""
        visit = visit_of(request)
        if visit is not None:
            return see_other(NEXT.get(visit.stage, landing_of(visit)))
        return self._login(request, expired=query_of(request)("expired") == "1")

    def sign_in(self, request: Request) -> Response:
        """Take a name and a password."""
        with self._frame.writing(request) as session:
            if (before := visit_of(request)) is not None:
                sessions.end(session, before.token, request.state.now)
            token, refusal = sign_in.with_password(
                session, given(request, "name"), given(request, "password"), address_of(request), request.state.now
            )
        if token is None:
            return self._login(request, refusal=refusal, code=HTTPStatus.UNAUTHORIZED)
        return self._go_on(request, token, given(request, "next"))

    def code(self, request: Request) -> HTMLResponse:
        """Ask for the dynamic code (动态口令)."""
        return self._frame.page(request, "code.html", refusal="", next=_local(query_of(request)("next")))

    def take_code(self, request: Request) -> Response:
        """Take a dynamic code; a right one ends the signing in."""
        visit = _visit(request)
        with self._frame.writing(request) as session:
            token, refusal = sign_in.with_code(
                session, self._frame.system.cipher, visit, given(request, "code"), request.state.now
            )
        if token is not None:
            return self._go_on(request, token, given(request, "next"))
        if visit.stage is Stage.ENROL:
            return self._enrol(request, visit, refusal)
        values = {"refusal": refusal, "next": _local(given(request, "next"))}
        return self._frame.page(request, "code.html", HTTPStatus.UNAUTHORIZED, **values)

    def enrol(self, request: Request) -> HTMLResponse:
        """Show the secret for a telephone, once, until a first code confirms it (绑定动态口令)."""
        return self._enrol(request, _visit(request), "")

    def welcome(self, request: Request, secret: str) -> HTMLResponse:
        """Show whom a one-time link invites to set a password (一次性链接)."""
        with self._frame.writing(request) as session:
            try:
                name = staff.invited(session, secret, request.state.now)
            except LinkRefused as refusal:
                raise HTTPException(HTTPStatus.NOT_FOUND, f"{refusal}。") from None
        return self._as_visitor(request, "welcome.html", name=name, secret=secret, refusals=())

    def take_welcome(self, request: Request, secret: str) -> Response:
        """Set the password of whom a one-time link invites, and use the link up."""
        password, again = given(request, "password"), given(request, "again")
        name = ""
        try:
            with self._frame.writing(request) as session:
                name = staff.invited(session, secret, request.state.now)
                _require_same(password, again)
                staff.welcome(session, secret, password, request.state.now)
        except LinkRefused as refusal:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"{refusal}。") from None
        except PasswordRefused as refusal:
            values: dict[str, Any] = {"name": name, "secret": secret, "refusals": refusal.reasons}
            return self._as_visitor(request, "welcome.html", HTTPStatus.BAD_REQUEST, **values)
        return see_other("/login")

    def password(self, request: Request) -> HTMLResponse:
        """Show the form of a new password (修改密码)."""
        return self._password(request)

    def take_password(self, request: Request) -> Response:
        """Give who is signed in a new password; all his sessions end, and this browser gets a new one."""
        visit, now = _visit(request), request.state.now
        with self._frame.writing(request) as session:
            stranger = sign_in.knows_password(session, visit, given(request, "old"), now)
        if stranger:
            return self._password(request, (stranger,), HTTPStatus.BAD_REQUEST)
        try:
            _require_same(given(request, "password"), given(request, "again"))
            with self._frame.writing(request) as session:
                staff.change_password(session, visit.member.name, given(request, "password"), now)
                token = sessions.rotate(session, visit, Stage.FULL, now)
        except PasswordRefused as refusal:
            return self._password(request, refusal.reasons, HTTPStatus.BAD_REQUEST)
        return self._go_on(request, token, "")

    def logout(self, request: Request) -> Response:
        """End a session (退出)."""
        visit = _visit(request)
        with self._frame.writing(request) as session:
            sessions.end(session, visit.token, request.state.now)
            audit.record(session, visit.member.name, "signed out", visit.member.name, {"address": visit.address})
        answer = see_other("/login")
        answer.delete_cookie(COOKIE)
        return answer

    def me(self, request: Request) -> HTMLResponse:
        """Show who is signed in, with which roles, and what he can change of himself (我的账户)."""
        visit = _visit(request)
        with self._frame.reading(request) as session:
            held = staff.grants(session, visit.member.name).get(visit.member.name, [])
            factor = second_factor.has_second_factor(session, visit.member.name)
        return self._frame.page(request, "me.html", held=held, factor=factor)

    def _login(self, request: Request, *, refusal: str = "", expired: bool = False, code: int = HTTPStatus.OK) -> HTMLResponse:
        with self._frame.reading(request) as session:
            empty = not staff.anybody(session)
        where = query_of(request)("next") if request.method != "POST" else given(request, "next")
        values = {"refusal": refusal, "expired": expired, "empty": empty, "next": _local(where)}
        return self._as_visitor(request, "login.html", code, **values)

    def _as_visitor(self, request: Request, template: str, code: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        """Render a form for a browser without a session; it gets a secret of its own, so that the form can be told for ours."""
        fresh = not request.state.form_secret
        if fresh:
            request.state.form_secret = secrets.token_urlsafe(32)
        answer = self._frame.page(request, template, code, **values)
        if fresh:
            _set(answer, request, VISITOR, request.state.form_secret)
        return answer

    def _enrol(self, request: Request, visit: Visit, refusal: str) -> HTMLResponse:
        with self._frame.writing(request) as session:
            told = second_factor.invitation(session, self._frame.system.cipher, visit.member.name)
        code = HTTPStatus.UNAUTHORIZED if refusal else HTTPStatus.OK
        return self._frame.page(request, "enrol.html", code, refusal=refusal, told=told, picture=qr_svg(told.address))

    def _password(self, request: Request, refusals: tuple[str, ...] = (), code: int = HTTPStatus.OK) -> HTMLResponse:
        return self._frame.page(request, "password.html", code, refusals=refusals, stale=_visit(request).stage is Stage.PASSWORD)

    def _go_on(self, request: Request, token: str, where: str) -> Response:
        now = request.state.now
        with self._frame.writing(request) as session:
            visit = sessions.visit_of(session, token, now)
        address = NEXT.get(visit.stage) if visit else None
        local = _local(where)
        if address is None:
            address = local or landing_of(visit)
        elif local and address == NEXT[Stage.CODE]:
            address += f"?next={local}" if "?" not in local and "&" not in local else ""
        answer = see_other(address)
        _set(answer, request, COOKIE, token)
        return answer


def _visit(request: Request) -> Visit:
    visit = visit_of(request)
    if visit is None:
        raise SignInNeeded("/")
    return visit


def _require_same(password: str, again: str) -> None:
    """Refuse a new password that was not typed twice.

    Raises:
        PasswordRefused: the two differ.
    """
    if password != again:
        raise PasswordRefused(["两次输入的密码不一致"])


def _local(where: str) -> str:
    """Return an address if it leads into these pages, else nothing."""
    return where if where.startswith("/") and not where.startswith(("//", "/\\", "/log")) and where.isprintable() else ""


def _set(answer: Response, request: Request, name: str, value: str) -> None:
    answer.set_cookie(name, value, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/")
