"""What every step with a voucher does: hold its book, look at where it is, and write down who did what."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import Book, hold_books
from ledger.errors import VoucherRefused
from ledger.posting import take_sequence
from ledger.vouchers.queries import voucher_named
from ledger.vouchers.tables import voucher_step
from ledger.vouchers.voucher import Stage, StepKind, Voucher

MACHINE = "system"


def require(session: Session, voucher: Voucher, deed: str, *stages: Stage) -> Voucher:
    """Return a voucher as it is once its book is held.

    Raises:
        VoucherRefused: it is at none of the stages at which the deed is possible.
    """
    hold_books(session, [voucher.book.id])
    now = voucher_named(session, voucher.book, voucher.serial)
    if now.stage not in stages:
        raise VoucherRefused(now.serial, [f"{now.stage.label}，不能{deed}"])
    return now


def record(session: Session, book: Book, serial: str, kind: StepKind, body: Mapping[str, Any], actor: str) -> Voucher:
    """Write a step down, and return the voucher after it.

    Raises:
        VoucherRefused: nobody is named, or the machine is.
    """
    if not actor.strip() or actor == MACHINE:
        raise VoucherRefused(serial, ["须由经办人办理"])
    seq = take_sequence(session, {book.id: 1})[book.id]
    session.execute(
        insert(voucher_step).values(book_id=book.id, seq=seq, serial=serial, kind=kind.value, body=dict(body), actor=actor)
    )
    audit.record(
        session, actor, f"voucher {kind}", f"{book.code}/{serial}", {"reason": body["reason"]} if "reason" in body else {}
    )
    return voucher_named(session, book, serial)
