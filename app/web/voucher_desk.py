"""The vouchers' desk (凭证工作台): drafts written with the keyboard, judged beside their originals, posted, corrected."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app import papers, wiring
from app.web.asked import BadQuery, entry_asked
from app.web.frame import Frame, common, query_of, see_other
from app.web.gate import actor_of, given
from app.web.pinyin import initials
from app.web.queries import desk
from app.web.uploads import UploadRefused, checked_name, media_type
from app.web.voucher_form import FormRefused, VoucherForm, content_of, form_given, form_of, row_of, templates
from ledger.books import Book, books, find_book
from ledger.business_day import peek
from ledger.errors import LedgerError, VoucherRefused
from ledger.journal import BookCode
from ledger.queries import StoredEntry, entry_numbered, entry_referenced
from ledger.vouchers import drafting, review
from ledger.vouchers.queries import content_of as file_content
from ledger.vouchers.queries import find_voucher, steps, voucher_named
from ledger.vouchers.voucher import Content, Stage, Voucher
from registry.reference import bank_names
from statements.voucher import render_voucher

LONGEST_SERIAL = 64

Deed = Callable[[Session, Voucher], Voucher]


class VoucherDesk:
    """The pages of the vouchers' desk, of one system."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def drafts(self, request: Request) -> HTMLResponse:
        """List the vouchers that wait for somebody, and begin new ones (制单)."""
        with self._frame.reading(request) as session:
            every = desk.books_with_manual_accounts(session)
            values = {**common(session), "waiting": desk.open_vouchers(session, every), "books": every}
        kinds = {book.code: templates(book.kind) for book in every}
        return self._frame.page(request, "drafts.html", **values, templates=kinds)

    def draft(self, request: Request, book_code: str, serial: str) -> HTMLResponse:
        """Show a voucher's grid: an empty one under a new serial, a draft to go on with, or what it has become (凭证录入)."""
        with self._frame.reading(request) as session:
            book = _book(session, book_code)
            one = find_voucher(session, book, _checked(serial))
            form = form_of(one.content) if one else self._begun(session, request, book)
        return self._grid(request, book_code, serial, form)

    def new(self, request: Request, book_code: str) -> Response:
        """Begin a voucher under a serial of its own."""
        today = request.state.now
        query = f"?{request.url.query}" if request.url.query else ""
        return see_other(f"/drafts/{quote(book_code)}/{today:%Y%m%d%H%M}-{secrets.token_hex(3)}{query}")

    def save(self, request: Request, book_code: str, serial: str) -> Response:
        """Keep a voucher as it was typed, with what is attached, and hand it to the checkers if that is asked (保存、提交)."""
        form, actor = form_given(request.state.form), actor_of(request)
        try:
            content = content_of(form)
            files = self._files(request)
            with self._frame.writing(request) as session:
                book = _book(session, book_code)
                _require_known(session, book, content)
                one = find_voucher(session, book, _checked(serial))
                kept = (
                    drafting.edit(session, one, content, actor) if one else drafting.draft(session, book, serial, content, actor)
                )
                for name, file in files:
                    kept = drafting.attach(session, kept, name, file, actor)
            if given(request, "then") == "submit":
                with self._frame.writing(request) as session:
                    drafting.submit(
                        session, voucher_named(session, _book(session, book_code), serial), actor, wiring.voucher_checks()
                    )
        except FormRefused as refusal:
            return self._grid(request, book_code, serial, form, refusal.reasons)
        except VoucherRefused as refusal:
            return self._grid(request, book_code, serial, form, tuple(refusal.reasons))
        except (LedgerError, UploadRefused) as refusal:
            return self._grid(request, book_code, serial, form, (str(refusal),))
        return see_other(f"/drafts/{quote(book_code)}/{quote(serial)}")

    def detach(self, request: Request, book_code: str, serial: str) -> Response:
        """Take a file off a draft (移除附件)."""
        sha256 = given(request, "sha256")
        return self._step(request, book_code, serial, lambda s, one: drafting.detach(s, one, sha256, actor_of(request)))

    def discard(self, request: Request, book_code: str, serial: str) -> Response:
        """Give a voucher up (作废)."""
        reason = given(request, "reason")
        return self._step(request, book_code, serial, lambda s, one: drafting.discard(s, one, reason, actor_of(request)))

    def file(self, request: Request, book_code: str, serial: str, sha256: str) -> Response:
        """Hand out an attachment once it proves to be what was attached (附件)."""
        with self._frame.reading(request) as session:
            book = _book(session, book_code)
            one = find_voucher(session, book, _checked(serial))
            named = next((file for file in one.attachments if file.sha256 == sha256), None) if one else None
            if named is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, "没有这个附件。")
            content = file_content(session, book, sha256)
        kind = media_type(content)
        how = "inline" if kind.startswith("image/") else "attachment"
        headers = {"Content-Disposition": f"{how}; filename*=UTF-8''{quote(named.name, safe='')}", "Cache-Control": "no-store"}
        return Response(content, media_type=kind, headers=headers)

    def queue(self, request: Request) -> HTMLResponse:
        """List what waits for approval, and what of it the visitor may approve (审核)."""
        return self._queue(request)

    def approve_many(self, request: Request) -> HTMLResponse:
        """Approve and post the vouchers that were ticked, each by itself, and say what came of each (批量审核)."""
        outcome = []
        for named in request.state.form.getlist("voucher"):
            book_code, _, serial = str(named).partition("/")
            try:
                self._approve(request, book_code, serial)
            except LedgerError as refusal:
                outcome.append((str(named), str(refusal)))
            else:
                outcome.append((str(named), "已审核并记账"))
        return self._queue(request, outcome)

    def judge(self, request: Request, book_code: str, serial: str) -> HTMLResponse:
        """Show a voucher beside its originals (审核凭证)."""
        return self._judge(request, book_code, serial)

    def approve(self, request: Request, book_code: str, serial: str) -> Response:
        """Approve a voucher that somebody else wrote, and post it (审核并记账)."""
        self._approve(request, book_code, serial)
        return see_other(f"/review/{quote(book_code)}/{quote(serial)}")

    def give_back(self, request: Request, book_code: str, serial: str) -> Response:
        """Return a voucher to its maker with a reason (退回)."""
        reason = given(request, "reason")
        self._take(request, book_code, serial, lambda s, one: review.give_back(s, one, reason, actor_of(request)))
        return see_other("/review")

    def paper(self, request: Request) -> Response:
        """Hand out an entry of the journal as a PDF to be printed (打印)."""
        with self._frame.reading(request) as session:
            stored = self._entry(session, request)
            figures = papers.voucher(session, stored.entry.book, stored.entry.reference)
        headers = {"Content-Disposition": "inline; filename=voucher.pdf", "Cache-Control": "no-store"}
        return Response(render_voucher(figures, self._frame.system.settings.font), media_type="application/pdf", headers=headers)

    def correct(self, request: Request) -> HTMLResponse:
        """Show what a posted voucher says, and offer to take it back or to correct it (红字冲销、订正)."""
        with self._frame.reading(request) as session:
            stored = self._entry(session, request)
            titles = desk.titles(session, _book(session, stored.entry.book))
            values = {**common(session), "stored": stored, "titles": titles}
        return self._frame.page(request, "correct.html", **values, named=query_of(request)("voucher"))

    def _entry(self, session: Session, request: Request) -> StoredEntry:
        """Return the entry that a query names by book and number, such as 2017-03-记-12.

        Raises:
            BadQuery: it is no number, or none bears it.
        """
        book = _book(session, query_of(request)("book"))
        reference = entry_numbered(session, book.id, entry_asked(query_of(request)("voucher")))
        if reference is None:
            raise BadQuery("没有这张凭证。")
        return entry_referenced(session, book.id, reference)

    def _begun(self, session: Session, request: Request, book: Book) -> VoucherForm:
        """Return the form that a new voucher begins with: empty, a template's, or that of the entry to correct."""
        day = peek(session) or request.state.now.date()
        asked_for = query_of(request)
        if asked_for("template") in (known := templates(book.kind)):
            return known[asked_for("template")].form(day)
        if not asked_for("voucher"):
            return VoucherForm(day=day.isoformat())
        stored = self._entry(session, request)
        form = VoucherForm(day=day.isoformat(), corrects=stored.entry.reference)
        if asked_for("how") == "red":
            return replace(form, narration=f"冲销 {asked_for('voucher')}：{stored.entry.narration}")
        return replace(form, narration=stored.entry.narration, rows=tuple(row_of(posting) for posting in stored.entry.postings))

    def _grid(
        self, request: Request, book_code: str, serial: str, form: VoucherForm, refusals: tuple[str, ...] = ()
    ) -> HTMLResponse:
        with self._frame.reading(request) as session:
            book = _book(session, book_code)
            one = find_voucher(session, book, _checked(serial))
            values: dict[str, Any] = {
                **common(session), "book": book, "one": one, "banks": bank_names(session),
                "projects": desk.projects(session, book),
                "accounts": [(row, initials(row.title)) for row in desk.manual_accounts(session, book)],
                "taken": steps(session, book, [serial]).get(serial, []), "titles": desk.titles(session, book),
            }  # fmt: skip
        code = HTTPStatus.CONFLICT if refusals else HTTPStatus.OK
        editable = one is None or one.stage.is_editable
        values |= {"serial": serial, "form": form, "refusals": refusals, "editable": editable}
        return self._frame.page(request, "draft.html", code, **values)

    def _queue(self, request: Request, outcome: list[tuple[str, str]] | None = None) -> HTMLResponse:
        with self._frame.reading(request) as session:
            every = desk.open_vouchers(session, books(session))
            waiting = [one for one in every if one.stage in (Stage.SUBMITTED, Stage.APPROVED)]
            values = {**common(session), "waiting": waiting}
        return self._frame.page(request, "review.html", **values, outcome=outcome or [], actor=actor_of(request))

    def _judge(self, request: Request, book_code: str, serial: str) -> HTMLResponse:
        with self._frame.reading(request) as session:
            book = _book(session, book_code)
            one = find_voucher(session, book, _checked(serial))
            if one is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, "没有这张凭证。")
            values: dict[str, Any] = {
                **common(session), "book": book, "one": one, "titles": desk.titles(session, book), "banks": bank_names(session),
                "taken": steps(session, book, [serial])[serial], "posted": desk.posted_numbers(session, one),
            }  # fmt: skip
        return self._frame.page(request, "judge.html", **values, may_approve=actor_of(request) not in one.hands)

    def _approve(self, request: Request, book_code: str, serial: str) -> None:
        def both(session: Session, one: Voucher) -> Voucher:
            actor, checks = actor_of(request), wiring.voucher_checks()
            return review.post_voucher(session, review.approve(session, one, actor, checks), actor, checks)

        self._take(request, book_code, serial, both)

    def _step(self, request: Request, book_code: str, serial: str, deed: Deed) -> Response:
        self._take(request, book_code, serial, deed)
        return see_other(f"/drafts/{quote(book_code)}/{quote(serial)}")

    def _take(self, request: Request, book_code: str, serial: str, deed: Deed) -> None:
        with self._frame.writing(request) as session:
            deed(session, voucher_named(session, _book(session, book_code), _checked(serial)))

    def _files(self, request: Request) -> list[tuple[str, bytes]]:
        """Return the files of a form by name, each of a kind that is taken."""
        found = []
        for file in request.state.form.getlist("file"):
            if isinstance(file, UploadFile) and file.filename:
                content = file.file.read()
                found.append((checked_name(file.filename, content), content))
        return found


def _require_known(session: Session, book: Book, content: Content) -> None:
    """Refuse lines that name a bank or a project that there is not.

    Raises:
        FormRefused: each is named.
    """
    if reasons := desk.unknown_dimensions(session, book, content):
        raise FormRefused(reasons)


def _checked(serial: str) -> str:
    """Return a serial that an address names, if it can be one."""
    if not serial.isprintable() or len(serial) > LONGEST_SERIAL:
        raise HTTPException(HTTPStatus.NOT_FOUND, "没有这张凭证。")
    return serial


def _book(session: Session, code: str) -> Book:
    found = find_book(session, BookCode(code)) if code.isprintable() else None
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "没有这个账套。")
    return found
