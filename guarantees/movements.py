"""Movements of a fund's special account (专户收支) besides its receipts and claims: interest, fees, transfers, what goes back.

Each is known by the bank's serial number, and the same one booked again changes nothing. What leaves a compensation pool must not
be promised to claims nor needed by its loans; a pool's money stays in its county.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.errors import MovementRefused
from guarantees.funds import require_backed, require_partner, withdraw
from guarantees.queries import lock, pools
from guarantees.terms import InterestTo
from ledger.books import Book, BookKind
from ledger.business_day import business_date_from
from ledger.journal import Dimensions, JournalEntry
from ledger.money import yuan
from ledger.posting import post_many
from ledger.queries import NOTHING, entry_referenced, free_reference, is_posted, turnovers


class MovementKind(StrEnum):
    """What moves the money of a special account."""

    INTEREST = "interest"
    REMITTED = "remitted"
    RETURNED = "returned"
    FEE = "fee"
    REFUNDED = "refunded"
    TRANSFERRED = "transferred"

    @property
    def label(self) -> str:
        """The Chinese word."""
        return _LABELS[self]


_LABELS = {
    MovementKind.INTEREST: "专户利息", MovementKind.REMITTED: "专户利息上缴财政", MovementKind.RETURNED: "资金退回财政",
    MovementKind.FEE: "银行扣收手续费", MovementKind.REFUNDED: "银行退回手续费", MovementKind.TRANSFERRED: "风险补偿金划转",
}  # fmt: skip
_LEAVES = (MovementKind.RETURNED, MovementKind.TRANSFERRED)
"""What takes from the money behind loans and claims: interest that is remitted was never the fund's, a fee is taken already."""
_OF_POOLS = (MovementKind.FEE, MovementKind.REFUNDED, MovementKind.TRANSFERRED)
_ENTRIES: dict[MovementKind, Callable[[int, Dimensions], entries.Lines]] = {
    MovementKind.INTEREST: entries.interest_kept, MovementKind.REMITTED: entries.interest_remitted,
    MovementKind.RETURNED: entries.returned, MovementKind.FEE: entries.fee_charged, MovementKind.REFUNDED: entries.fee_refunded,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money that moves on a fund's account at a bank, in fen; `to_bank` is where a transfer goes, `reason` its paper."""

    kind: MovementKind
    book: Book
    bank: str
    serial: str
    day: date
    fen: int
    reason: str = ""
    to_bank: str = ""


def move(session: Session, one: Movement, actor: str) -> bool:
    """Book a movement and tell whether it is new.

    Raises:
        MovementRefused: it makes no sense, or the pool needs or has promised the money.
        NoPool: the fund has nothing to do with the bank.
        FutureDate: the day has not come.
        Overdrawn: the account has not got it, or no more interest is due to the treasury.
        ReferenceReused: the serial number is used for something else.
    """
    business_date_from(session, [one.day])
    _require_sound(session, one)
    lock(session, [held for held in pools(session).values() if held.book.id == one.book.id])
    entry = JournalEntry(
        book=one.book.code, reference=free_reference(session, one.book.id, f"fund/{one.serial}"), kind=f"fund.{one.kind}",
        value_date=one.day, narration=f"{one.kind.label} {one.reason}".rstrip(), maker=actor, event=f"fund/{one.serial}",
        postings=_postings(session, one),
    )  # fmt: skip
    posted = post_many(session, [entry])[0]
    if one.kind in _LEAVES and posted.fresh:
        require_backed(session, one.book, lambda reason: MovementRefused(one.book.code, reason), one.kind.label, one.bank)
    if one.kind is MovementKind.REFUNDED:
        _require_charged(session, one)
    return posted.fresh


def undo(session: Session, book: Book, serial: str, actor: str, reason: str) -> None:
    """Take a movement back in red, into the first open day, while nothing needs its money.

    Raises:
        MovementRefused: there is none of that number, or no reason is given.
        ReceiptRefused: the fund would be left with less than it owes or than its loans need.
        AlreadyReversed: it was taken back before.
        Overdrawn: its money was spent.
    """
    name = f"fund/{serial}"
    latest = free_reference(session, book.id, name)
    if not is_posted(session, book.id, latest):
        raise MovementRefused(book.code, f"没有流水号为 {serial} 的收支，或已撤销")
    entry = entry_referenced(session, book.id, latest).entry
    if entry.kind.removeprefix("fund.") not in set(MovementKind):
        raise MovementRefused(book.code, f"流水号 {serial} 是拨入资金，请撤销其导入")
    if not reason.strip():
        raise MovementRefused(book.code, "撤销须有事由")
    withdraw(session, book, [(latest, entry.value_date)], actor, reason)
    held = turnovers(session, books=[book.id], accounts=[entries.FEES], by=("bank",))
    if any(turnover.balance_fen < 0 for turnover in held.values()):
        raise MovementRefused(book.code, "该手续费已由银行退回，请先撤销退费")


def _postings(session: Session, one: Movement) -> entries.Lines:
    at = Dimensions(county=one.book.county, bank=one.bank)
    if one.kind is MovementKind.TRANSFERRED:
        return entries.transferred(one.fen, at, Dimensions(county=one.book.county, bank=one.to_bank))
    if one.kind is MovementKind.INTEREST and _to_treasury(session, one):
        return entries.interest_due(one.fen, at)
    return _ENTRIES[one.kind](one.fen, at)


def _to_treasury(session: Session, one: Movement) -> bool:
    """Tell whether the county's terms of that day give the interest to the treasury; a fund without a pool keeps it."""
    mine = pools(session, one.day).get((one.book.id, one.bank))
    return mine is not None and mine.terms.interest is InterestTo.TREASURY


def _require_sound(session: Session, one: Movement) -> None:
    """Refuse what makes no sense whatever the account holds.

    Raises:
        MovementRefused: it does.
        NoPool: the fund has nothing to do with a bank.
    """
    transfer = one.kind is MovementKind.TRANSFERRED
    rules = (
        (one.fen > 0, "金额应大于 0"),
        (bool(one.serial.strip()), "收支须有流水号"),
        (one.book.kind in (BookKind.COMPENSATION, BookKind.SUBSIDY), "不是风险补偿金或贴息资金专账"),
        (one.kind is not MovementKind.RETURNED or bool(one.reason.strip()), "退回财政须有文号或事由"),
        (
            one.book.kind is BookKind.COMPENSATION or one.kind not in _OF_POOLS,
            "只有风险补偿金专账办理手续费和划转",
        ),
        (transfer == bool(one.to_bank), "划转须指明转入银行，其他收支不得指明"),
        (not transfer or (one.to_bank != one.bank and bool(one.reason.strip())), "转入与转出应为不同银行，并有文号或事由"),
    )  # fmt: skip
    for holds, reason in rules:
        if not holds:
            raise MovementRefused(one.book.code, reason)
    for bank in (one.bank, one.to_bank) if transfer else (one.bank,):
        require_partner(session, one.book, bank)


def _require_charged(session: Session, one: Movement) -> None:
    """Refuse a refund of more than the bank charged.

    Raises:
        MovementRefused: it is more.
    """
    held = turnovers(session, books=[one.book.id], accounts=[entries.FEES], by=("bank",))
    open_fen = held.get((one.book.id, entries.FEES, one.bank), NOTHING).balance_fen
    if open_fen < 0:
        raise MovementRefused(one.book.code, f"{one.bank} 应退手续费 {yuan(open_fen + one.fen)} 元，申报 {yuan(one.fen)} 元")
