"""Questions to the steps of vouchers: what stands of them, and the files that hang on them."""

import hashlib
from collections.abc import Iterable
from datetime import date

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.calendar import next_month
from ledger.errors import AttachmentDamaged, VoucherRefused
from ledger.vouchers.tables import attachment, voucher_step
from ledger.vouchers.voucher import Step, StepKind, Voucher, voucher_after


def steps(
    session: Session, book: Book, serials: Iterable[str] | None = None, *, only_open: bool = False
) -> dict[str, list[Step]]:
    """Return what people did with the vouchers of a book, or with some of them, by serial in order of the first step."""
    wanted = voucher_step.c.book_id == book.id
    if only_open:
        last = voucher_step.alias()
        ends = last.c.kind.in_((StepKind.POSTED.value, StepKind.DISCARDED.value))
        wanted &= ~exists().where(last.c.book_id == book.id, last.c.serial == voucher_step.c.serial, ends)
    if serials is not None:
        wanted &= voucher_step.c.serial.in_(list(serials))
    found: dict[str, list[Step]] = {}
    for row in session.execute(select(voucher_step).where(wanted).order_by(voucher_step.c.seq)):
        step = Step(book_id=row.book_id, serial=row.serial, kind=StepKind(row.kind), actor=row.actor, body=row.body)
        found.setdefault(row.serial, []).append(step)
    return found


def vouchers(session: Session, book: Book, *, only_open: bool = False) -> list[Voucher]:
    """Return the vouchers that people wrote in a book, in the order in which they were begun."""
    return [voucher_after(book, taken) for taken in steps(session, book, only_open=only_open).values()]


def find_voucher(session: Session, book: Book, serial: str) -> Voucher | None:
    """Return a voucher, or None if there is none of that serial."""
    taken = steps(session, book, [serial]).get(serial)
    return voucher_after(book, taken) if taken else None


def voucher_named(session: Session, book: Book, serial: str) -> Voucher:
    """Return a voucher.

    Raises:
        VoucherRefused: there is none of that serial.
    """
    found = find_voucher(session, book, serial)
    if found is None:
        raise VoucherRefused(serial, [f"账套 {book.code} 没有这张凭证"])
    return found


class VouchersPosted:
    """A month closes only when each of its vouchers is posted or discarded."""

    def reasons_against_closing(self, session: Session, book: Book, month: date) -> list[str]:
        """Return the vouchers of the month that still wait, and for what."""
        waiting = [one for one in vouchers(session, book, only_open=True) if one.content.value_date < next_month(month)]
        return [f"凭证 {one.serial}（{one.content.value_date}）{one.stage.label}" for one in waiting]


def content_of(session: Session, book: Book, sha256: str) -> bytes:
    """Return the content of an attachment.

    Raises:
        AttachmentDamaged: what is stored is not what was attached.
    """
    stored = session.scalar(select(attachment.c.content).where(attachment.c.book_id == book.id, attachment.c.sha256 == sha256))
    if stored is None or hashlib.sha256(stored).hexdigest() != sha256:
        raise AttachmentDamaged(sha256)
    return bytes(stored)
