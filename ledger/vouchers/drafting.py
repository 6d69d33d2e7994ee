"""Drafting (制单): a voucher is written, edited, given its attachments, submitted, or discarded."""

import hashlib
from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.errors import VoucherRefused
from ledger.vouchers.queries import find_voucher
from ledger.vouchers.soundness import VoucherCheck, require_sound
from ledger.vouchers.stepping import record, require
from ledger.vouchers.tables import attachment
from ledger.vouchers.voucher import Content, Stage, StepKind, Voucher, facts_of

MOST_BYTES = 20_000_000
"""The largest attachment; assumed, a scanned page has a hundredth of it."""


def draft(session: Session, book: Book, serial: str, content: Content, actor: str) -> Voucher:
    """Begin a voucher under a serial of its book; the same one again changes nothing.

    Raises:
        VoucherRefused: the serial names another voucher, or is empty.
    """
    hold_books(session, [book.id])
    found = find_voucher(session, book, serial)
    if found is not None:
        if found.content != content:
            raise VoucherRefused(serial, ["编号已用于另一张凭证，未作任何记录"])
        return found
    if not serial.strip() or serial != serial.strip():
        raise VoucherRefused(serial, ["编号不能为空，首尾不能有空格"])
    return record(session, book, serial, StepKind.DRAFTED, facts_of(content), actor)


def edit(session: Session, voucher: Voucher, content: Content, actor: str) -> Voucher:
    """Write a draft, or a voucher that was returned, anew; what it says already changes nothing.

    Raises:
        VoucherRefused: it is submitted, posted or discarded.
    """
    now = require(session, voucher, "修改", Stage.DRAFT, Stage.RETURNED)
    if content == now.content:
        return now
    return record(session, now.book, now.serial, StepKind.EDITED, facts_of(content), actor)


def attach(session: Session, voucher: Voucher, name: str, content: bytes, actor: str) -> Voucher:
    """Hang a file on a voucher; the same content again changes nothing.

    Raises:
        VoucherRefused: it is past its draft, or the file is empty or too large.
    """
    now = require(session, voucher, "添加附件", Stage.DRAFT, Stage.RETURNED)
    if not 0 < len(content) <= MOST_BYTES:
        raise VoucherRefused(now.serial, [f"附件 {name} 为空或超过 {MOST_BYTES // 1_000_000} MB"])
    sha256 = hashlib.sha256(content).hexdigest()
    if any(one.sha256 == sha256 for one in now.attachments):
        return now
    stored = upsert(attachment).values(book_id=now.book.id, sha256=sha256, content=content)
    session.execute(stored.on_conflict_do_nothing())
    body = {"name": name, "sha256": sha256, "size": len(content)}
    return record(session, now.book, now.serial, StepKind.ATTACHED, body, actor)


def detach(session: Session, voucher: Voucher, sha256: str, actor: str) -> Voucher:
    """Take a file off a draft; its content stays known, as everything that was ever written.

    Raises:
        VoucherRefused: it is past its draft, or no such file hangs on it.
    """
    now = require(session, voucher, "移除附件", Stage.DRAFT, Stage.RETURNED)
    if all(one.sha256 != sha256 for one in now.attachments):
        raise VoucherRefused(now.serial, ["没有这个附件"])
    return record(session, now.book, now.serial, StepKind.DETACHED, {"sha256": sha256}, actor)


def submit(session: Session, voucher: Voucher, actor: str, checks: Sequence[VoucherCheck] = ()) -> Voucher:
    """Hand a draft to the checkers (提交).

    Raises:
        VoucherRefused: it can't be posted as it stands, every reason named; or it is past its draft.
    """
    now = require(session, voucher, "提交", Stage.DRAFT, Stage.RETURNED)
    require_sound(session, now, checks)
    return record(session, now.book, now.serial, StepKind.SUBMITTED, {}, actor)


def discard(session: Session, voucher: Voucher, reason: str, actor: str) -> Voucher:
    """Give a voucher up before it is approved (作废); it had no number yet, so none is missing.

    Raises:
        VoucherRefused: it is approved, posted or discarded, or there is no reason.
    """
    now = require(session, voucher, "作废", Stage.DRAFT, Stage.RETURNED, Stage.SUBMITTED)
    if not reason.strip():
        raise VoucherRefused(now.serial, ["作废须说明理由"])
    return record(session, now.book, now.serial, StepKind.DISCARDED, {"reason": reason.strip()}, actor)
