"""Relending (扶贫再贷款): files of draws, what follows them, and pledges become business, and are undone where they can be."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.imports.batch import Desk, Made
from app.imports.cells import Record
from app.imports.lookup import AMOUNT, DAY, SERIAL, Lookup
from ledger.books import Book, BookKind, book_named, hold_books
from ledger.journal import BookCode
from ledger.money import percent, yuan
from loans.errors import RelendingRefused
from loans.relending.draw import Draw, Form, Repayment
from loans.relending.drawing import draw, undo_draw
from loans.relending.extension import extend, undo_extension
from loans.relending.pledge import Pledge
from loans.relending.pledging import pledge, release, undo_pledge, undo_release
from loans.relending.queries import draws
from loans.relending.repayment import repay, undo_repayment
from loans.relending.rules import pledge_rate_ppb

NUMBER, KIND, RATE, FROM, TO, FORM = "借款编号", "类型", "年利率(%)", "借款日", "到期日", "方式"
PLEDGE, ASSET, FACE = "质押编号", "质押物", "面值(元)"


def relending(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Book draws, then extensions and repayments in the order of the file."""
    look = Lookup(session, records)
    mine = [look.book(r, BookKind.LOANS, r[FROM]) for r in records]
    hold_books(session, {book.id for book in mine})
    wanted = [_draw(book, r) for book, r in zip(mine, records, strict=True) if r[KIND] == "drawn"]
    made: Made = [{"book": one.book.code, "number": one.number} for one in draw(session, wanted, desk.actor)]
    known = {one.key: one for one in draws(session)}
    for book, r in zip(mine, records, strict=True):
        if r[KIND] == "drawn":
            continue
        key = (book.id, r[NUMBER])
        if key not in known:
            raise RelendingRefused(r[NUMBER], "没有这笔借款")
        before = known[key]
        known[key], step = _follow(session, before, r, desk.actor)
        if known[key] != before:
            made.append({"book": before.book.code, "number": before.number, **step})
    return made


def undo_relending(session: Session, desk: Desk, made: Made) -> None:
    """Take repayments, extensions and draws back, newest first."""
    known = {(one.book.code, one.number): one for one in draws(session)}
    hold_books(session, {known[(BookCode(m["book"]), m["number"])].book.id for m in made})
    for m in reversed(made):
        key = (BookCode(m["book"]), m["number"])
        if "repaid" in m:
            known[key] = undo_repayment(session, known[key], m["repaid"], desk.actor)
        elif "due_on" in m:
            known[key] = undo_extension(session, known[key], date.fromisoformat(m["due_on"]), desk.actor)
        else:
            undo_draw(session, known[key], desk.actor)


def pledges(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Take assets in pledge and release them, in the order of the file."""
    look = Lookup(session, records)
    mine = [look.book(r, BookKind.LOANS, r[DAY]) for r in records]
    hold_books(session, {book.id for book in mine})
    made: Made = []
    for book, r in zip(mine, records, strict=True):
        if r[KIND] == "pledged":
            fresh = pledge(session, book, _pledge(book, r), desk.actor)
        else:
            fresh = release(session, book, r[NUMBER], r[PLEDGE], r[DAY], desk.actor)
        if fresh:
            made.append({"book": book.code, "number": r[NUMBER], r[KIND]: r[PLEDGE]})
    return made


def undo_pledges(session: Session, desk: Desk, made: Made) -> None:
    """Take releases and pledges back, newest first."""
    mine = {m["book"]: book_named(session, BookCode(m["book"])) for m in made}
    hold_books(session, {book.id for book in mine.values()})
    for m in reversed(made):
        if "released" in m:
            undo_release(session, mine[m["book"]], m["number"], m["released"], desk.actor)
        else:
            undo_pledge(session, mine[m["book"]], m["number"], m["pledged"], desk.actor)


def _pledge(book: Book, r: Record) -> Pledge:
    if r[ASSET] is None or r[FACE] is None or r[TO] is None:
        raise RelendingRefused(r[NUMBER], f"质押 {r[PLEDGE]}：入库必须填写质押物、面值和到期日")
    return Pledge(
        book_id=book.id, draw=r[NUMBER], serial=r[PLEDGE], asset=r[ASSET], face_fen=r[FACE],
        rate_ppb=pledge_rate_ppb(r[ASSET], r[DAY]), start=r[DAY], end=r[TO],
    )  # fmt: skip


def _draw(book: Book, r: Record) -> Draw:
    return Draw(
        book=book,
        number=r[NUMBER],
        fen=r[AMOUNT],
        rate_ppb=r[RATE],
        drawn_on=r[FROM],
        due_on=_due(r),
        form=r[FORM] or Form.CREDIT,
    )


def _due(r: Record) -> date:
    due: date | None = r[TO]
    if due is None:
        raise RelendingRefused(r[NUMBER], "借入和展期必须填写到期日")
    return due


def _follow(session: Session, before: Draw, r: Record, actor: str) -> tuple[Draw, dict[str, Any]]:
    """Take a draw one step on; return it, and what an undo has to go by."""
    if r[KIND] == "repaid":
        return _repaid(session, before, r, actor), {"repaid": r[SERIAL]}
    left = before.unrepaid_fen(r[FROM])
    if (r[AMOUNT], r[RATE]) != (left, before.rate_ppb):
        raise RelendingRefused(before.number, f"展期的金额和利率应与原借款一致：{yuan(left)} 元、{percent(before.rate_ppb)}")
    return extend(session, before, r[FROM], _due(r), actor), {"due_on": _due(r).isoformat()}


def _repaid(session: Session, before: Draw, r: Record, actor: str) -> Draw:
    if r[SERIAL] is None:
        raise RelendingRefused(before.number, "归还必须填写流水号")
    if r[RATE] != before.rate_ppb:
        raise RelendingRefused(before.number, f"归还的利率应与原借款一致：{percent(before.rate_ppb)}")
    return repay(session, before, Repayment(day=r[FROM], fen=r[AMOUNT], serial=r[SERIAL]), actor)
