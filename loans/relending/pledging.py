"""Pledging (质押入库) and releasing (解押) of assets for draws: a pledged draw is covered on every day of its term, or nothing
of this happens.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.business_day import business_date, business_date_from
from ledger.money import yuan
from loans.errors import RelendingRefused
from loans.relending.draw import Draw
from loans.relending.events import record, record_undone
from loans.relending.pledge import Pledge, shortfall
from loans.relending.queries import draws, pledges


def pledge(session: Session, book: Book, wanted: Pledge, actor: str) -> bool:
    """Take an asset in pledge for a draw, which may be yet to come; tell whether that is new.

    Raises:
        RelendingRefused: its number is another pledge's, it is pledged for another draw then, or it ends before it begins.
        FutureDate: it begins after the business date.
    """
    business_date_from(session, [wanted.start])
    hold_books(session, [book.id])
    if wanted.face_fen <= 0 or wanted.end <= wanted.start:
        raise RelendingRefused(wanted.draw, f"质押 {wanted.serial}：面值必须大于零，到期日必须晚于质押日")
    alike = [one for one in pledges(session, [book.id]) if one.serial == wanted.serial]
    mine = next((one for one in alike if one.draw == wanted.draw), None)
    if mine is not None:
        if mine.agreed != wanted.agreed:
            raise RelendingRefused(wanted.draw, f"质押编号 {wanted.serial} 已用于另一笔质押")
        return False
    _require_free(wanted, alike)
    body = {
        "serial": wanted.serial, "asset": wanted.asset.value, "face_fen": wanted.face_fen, "rate_ppb": wanted.rate_ppb,
        "end": wanted.end.isoformat(), "actor": actor,
    }  # fmt: skip
    record(session, book, wanted.draw, f"pledged/{wanted.serial}", wanted.start, body)
    return True


def release(session: Session, book: Book, draw: str, serial: str, day: date, actor: str) -> bool:
    """Release an asset from its pledge on a day; tell whether that is new.

    Raises:
        RelendingRefused: it is not in pledge then, or the draw would not be covered without it.
        FutureDate: the day has not come.
    """
    business_date_from(session, [day])
    hold_books(session, [book.id])
    found = pledges(session, [book.id])
    one = _named(found, draw, serial)
    if one.released_on == day:
        return False
    if one.released_on is not None or not one.start < day <= one.end:
        raise RelendingRefused(draw, f"质押 {serial} 在 {day} 不能解押：质押自 {one.start} 至 {one.until}")
    _require_covered(session, book, draw, [replace(one, released_on=day) if other == one else other for other in found])
    record(session, book, draw, f"released/{serial}", day, {"serial": serial, "actor": actor})
    return True


def undo_pledge(session: Session, book: Book, draw: str, serial: str, actor: str) -> None:
    """Take a pledge back as if it had never been.

    Raises:
        RelendingRefused: it was released, or the draw would not be covered without it.
    """
    today = business_date(session)
    hold_books(session, [book.id])
    found = pledges(session, [book.id])
    one = _named(found, draw, serial)
    if one.released_on is not None:
        raise RelendingRefused(draw, f"质押 {serial} 已解押，不能撤销")
    _require_covered(session, book, draw, [other for other in found if other != one])
    record_undone(session, book, draw, f"pledged/{serial}", today, actor)


def undo_release(session: Session, book: Book, draw: str, serial: str, actor: str) -> None:
    """Take the release of a pledge back.

    Raises:
        RelendingRefused: the asset is pledged for another draw by now.
    """
    today = business_date(session)
    hold_books(session, [book.id])
    found = pledges(session, [book.id])
    one = _named(found, draw, serial)
    _require_free(replace(one, released_on=None), [other for other in found if other.serial == serial and other != one])
    record_undone(session, book, draw, f"released/{serial}", today, actor)


def require_covered(one: Draw, found: Sequence[Pledge]) -> None:
    """Refuse what leaves a pledged draw uncovered on any day of its term.

    Raises:
        RelendingRefused: what is pledged for it counts for less than its balance.
    """
    short = shortfall(one, [pledge for pledge in found if (pledge.book_id, pledge.draw) == one.key])
    if short is not None:
        value, balance = yuan(short.pledged_fen), yuan(short.balance_fen)
        raise RelendingRefused(one.number, f"{short.day} 质押价值 {value} 元，低于借款余额 {balance} 元")


def _require_covered(session: Session, book: Book, number: str, found: Sequence[Pledge]) -> None:
    for one in draws(session, [book.id]):
        if one.number == number:
            require_covered(one, found)


def _require_free(wanted: Pledge, alike: Sequence[Pledge]) -> None:
    other = next((one for one in alike if one.start < wanted.until and wanted.start < one.until), None)
    if other is not None:
        raise RelendingRefused(wanted.draw, f"质押 {wanted.serial} 在 {other.until} 前已质押给借款 {other.draw}")


def _named(found: Sequence[Pledge], draw: str, serial: str) -> Pledge:
    one = next((one for one in found if (one.draw, one.serial) == (draw, serial)), None)
    if one is None:
        raise RelendingRefused(draw, f"没有质押 {serial}")
    return one
