"""Soundness (凭证校验): everything that speaks against posting a voucher, found at once and said in words."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.business_day import business_date
from ledger.errors import UnknownEntry, VoucherRefused
from ledger.money import yuan
from ledger.periods import first_open_month, is_closed, posting_date
from ledger.queries import StoredEntry, entry_referenced, is_posted
from ledger.tables import account
from ledger.vouchers.entries import KIND
from ledger.vouchers.voucher import Content, Voucher


class VoucherCheck(Protocol):
    """What a package above the ledger wants to be asked before a voucher is posted, such as what a pool must keep."""

    def objections(self, session: Session, voucher: Voucher) -> list[str]:
        """Return what speaks against posting it; empty if nothing does."""


def require_sound(session: Session, voucher: Voucher, checks: Sequence[VoucherCheck] = ()) -> None:
    """Refuse a voucher that can't be posted as it stands.

    Raises:
        VoucherRefused: every reason is named.
    """
    reasons = list(objections(session, voucher)) or [reason for check in checks for reason in check.objections(session, voucher)]
    if reasons:
        raise VoucherRefused(voucher.serial, reasons)


def objections(session: Session, voucher: Voucher) -> Iterator[str]:
    """Yield what speaks against posting a voucher, as staff read it; nothing, if it may be posted."""
    content, today = voucher.content, business_date(session)
    if not content.narration.strip():
        yield "没有摘要"
    if content.value_date > today:
        yield f"日期 {content.value_date} 晚于营业日 {today}"
    if content.sheets < 0:
        yield "附单据张数不能为负"
    if content.postings and is_closed(session, voucher.book.id, content.value_date.replace(day=1)):
        yield f"{content.value_date:%Y-%m} 已结账"
    yield from _against_lines(session, voucher)
    if content.corrects is None:
        if not content.postings:
            yield "没有分录"
    else:
        yield from _against_correction(session, voucher, content.corrects)


def original_of(session: Session, voucher: Voucher) -> StoredEntry | None:
    """Return the entry that a voucher corrects; None: it corrects nothing.

    Raises:
        UnknownEntry: its reference names no entry.
    """
    corrects = voucher.content.corrects
    return None if corrects is None else entry_referenced(session, voucher.book.id, corrects)


def red_date(session: Session, voucher: Voucher, original: StoredEntry) -> date | None:
    """Return the day of the red entry of what a voucher corrects: the original's if its month is open, else the first open
    one (domain.md 5.3). None: the original is of an earlier year, which a blue voucher of this year corrects.
    """
    day = original.entry.value_date
    found = posting_date(session, voucher.book.id, day, first_open_month(session, voucher.book.id, day))
    return found if day.year == found.year == voucher.content.value_date.year else None


def _against_lines(session: Session, voucher: Voucher) -> Iterator[str]:
    content = voucher.content
    known = {
        row.code: row for row in session.execute(select(account).where(account.c.book_id == voucher.book.id))
    }  # fmt: skip
    for number, line in enumerate(content.postings, start=1):
        found = known.get(line.account)
        if found is None:
            yield f"第 {number} 行：没有科目 {line.account}"
        elif not found.manual:
            yield f"第 {number} 行：科目 {line.account} {found.title}由系统业务记账，不能手工制单"
        elif any(getattr(line.dimensions, name) is None for name in _missing(voucher, found.needs)):
            yield f"第 {number} 行：科目 {line.account} {found.title}须填辅助核算“{_NAMES[found.needs]}”"
        if not line.fen:
            yield f"第 {number} 行：金额为零"
    if content.residue_fen:
        yield f"借贷不平，相差 {yuan(abs(content.residue_fen))} 元（{'借' if content.residue_fen > 0 else '贷'}方多）"


_NAMES = {"bank": "银行", "project": "项目"}


def _missing(voucher: Voucher, needs: str | None) -> list[str]:
    """Return the dimension that an account asks for, unless its book gives it."""
    return [] if needs is None or getattr(voucher.book, needs, None) else [needs]


def _against_correction(session: Session, voucher: Voucher, corrects: str) -> Iterator[str]:
    try:
        original = entry_referenced(session, voucher.book.id, corrects)
    except UnknownEntry:
        yield f"没有要更正的凭证 {corrects}"
        return
    content: Content = voucher.content
    if original.entry.kind != KIND:
        yield f"凭证 {corrects} 由系统业务生成，请通过原业务撤销"
    elif original.entry.reverses is not None:
        yield f"凭证 {corrects} 是红字凭证，请重新制单"
    elif is_posted(session, voucher.book.id, f"reversal/{corrects}"):
        yield f"凭证 {corrects} 已冲销，只能冲销一次"
    elif red_date(session, voucher, original) is None and not content.postings:
        yield f"凭证 {corrects} 属于以前年度，须用蓝字更正凭证"
