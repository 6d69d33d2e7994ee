"""Review (审核、记账): another person approves a voucher or returns it; what is approved is posted."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from ledger.errors import VoucherRefused
from ledger.posting import post_many
from ledger.vouchers.entries import posted
from ledger.vouchers.soundness import VoucherCheck, original_of, red_date, require_sound
from ledger.vouchers.stepping import record, require
from ledger.vouchers.voucher import Stage, StepKind, Voucher


def approve(session: Session, voucher: Voucher, actor: str, checks: Sequence[VoucherCheck] = ()) -> Voucher:
    """Approve a voucher that was submitted (审核); nobody who wrote any of it can. The database refuses it, too.

    Raises:
        VoucherRefused: it does not wait for approval, the actor had a hand in it, or it can't be posted as it stands.
    """
    now = require(session, voucher, "审核", Stage.SUBMITTED)
    if actor in now.hands:
        raise VoucherRefused(now.serial, [f"{actor} 参与制单，不能审核"])
    require_sound(session, now, checks)
    return record(session, now.book, now.serial, StepKind.APPROVED, {}, actor)


def give_back(session: Session, voucher: Voucher, reason: str, actor: str) -> Voucher:
    """Return a voucher to its maker with a reason (退回), approved or not, as long as it is not posted.

    Raises:
        VoucherRefused: it does not wait, or there is no reason.
    """
    now = require(session, voucher, "退回", Stage.SUBMITTED, Stage.APPROVED)
    if not reason.strip():
        raise VoucherRefused(now.serial, ["退回须说明理由"])
    return record(session, now.book, now.serial, StepKind.RETURNED, {"reason": reason.strip()}, actor)


def post_voucher(session: Session, voucher: Voucher, actor: str, checks: Sequence[VoucherCheck] = ()) -> Voucher:
    """Post an approved voucher (记账): its entries get their numbers, all of them or none; from then on nothing changes.

    Raises:
        VoucherRefused: it is not approved, or can't be posted any more as it stands.
        PeriodClosed: its month was closed meanwhile.
    """
    now = require(session, voucher, "记账", Stage.APPROVED)
    require_sound(session, now, checks)
    original = original_of(session, now)
    entries = posted(now, original, red_date(session, now, original) if original else None)
    post_many(session, entries)
    return record(session, now.book, now.serial, StepKind.POSTED, {"entries": [entry.reference for entry in entries]}, actor)
