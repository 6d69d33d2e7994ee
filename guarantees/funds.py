"""Fund receipts (资金到账): what the budget pays into the compensation pools and the subsidy funds, and its undoing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.errors import GuaranteeError, NoPool, ReceiptRefused
from guarantees.queries import NO_LOAD, available_fen, loads, lock, pools
from ledger.books import Book, BookKind, find_book, loan_book_code
from ledger.business_day import business_date, business_date_from
from ledger.journal import Dimensions, JournalEntry
from ledger.limits import available
from ledger.periods import posting_date
from ledger.posting import post_many
from ledger.queries import free_reference, turnovers
from ledger.reversal import reverse


@dataclass(frozen=True, slots=True, kw_only=True)
class FundReceipt:
    """Money of the budget for a fund, in fen, earmarked for a bank's loans; `serial` is the payer's number."""

    book: Book
    bank: str
    serial: str
    received_on: date
    fen: int
    narration: str = ""


def contribute(session: Session, receipts: Sequence[FundReceipt], actor: str) -> list[str]:
    """Book receipts and return the references of those that are new; one that is there with the same facts stays.

    Raises:
        FutureDate: one is dated after the business date.
        NoPool: county and bank have no pool, or, of a subsidy fund, no loan book.
        ReferenceReused: a serial number is used for something else.
    """
    business_date_from(session, (one.received_on for one in receipts))
    made = []
    for one in receipts:
        require_partner(session, one.book, one.bank)
        made.append(
            JournalEntry(
                book=one.book.code, reference=free_reference(session, one.book.id, f"fund/{one.serial}"),
                kind="fund.contributed", value_date=one.received_on, narration=one.narration or "财政拨入专项资金", maker=actor,
                event=f"fund/{one.serial}",
                postings=entries.contributed(one.fen, Dimensions(county=one.book.county, bank=one.bank)),
            )
        )  # fmt: skip
    posted = post_many(session, made)
    return [entry.reference for entry, where in zip(made, posted, strict=True) if where.fresh]


def withdraw(session: Session, book: Book, references: Sequence[tuple[str, date]], actor: str, reason: str) -> None:
    """Reverse receipts (reference, date) in red, into the first open day; what is spent or stands behind loans stays.

    Raises:
        ReceiptRefused: the fund would be left with less than it owes or less than its loans need.
        AlreadyReversed: one was reversed before.
        Overdrawn: its money was spent.
    """
    today = business_date(session)
    mine = [one for one in pools(session).values() if one.book.id == book.id]
    lock(session, mine)
    for reference, day in references:
        reverse(session, book.code, reference, posting_date(session, book.id, day, today), actor, reason)
    require_backed(session, book, lambda reason: ReceiptRefused(book.code, reason), "撤销")


def require_backed(
    session: Session, book: Book, refusal: Callable[[str], GuaranteeError], doing: str, at: str | None = None
) -> None:
    """Refuse what left a fund, at a bank or at any, with less than it has promised, or than its loans need.

    Its pools are held by the caller.

    Raises:
        GuaranteeError: the refusal that is made of the reason.
    """
    for _, _, bank in turnovers(session, books=[book.id], accounts=[entries.CASH], by=("bank",)):
        if at in (None, bank) and available(session, book.id, str(bank)) < 0:
            raise refusal(f"{bank} 的资金已批准支付，{doing}后可用余额为负")
    mine = [one for one in pools(session).values() if one.book.id == book.id and at in (None, one.bank)]
    behind = loads(session) if mine else {}
    for one in mine:
        principal = behind.get((one.book.id, one.bank), NO_LOAD).principal_fen
        if principal > one.cap_fen(available_fen(session, one)):
            raise refusal(f"{one.bank} 的贷款已占用该资金，{doing}后超过放大倍数上限")


def require_partner(session: Session, book: Book, bank: str) -> None:
    """Refuse a bank that the fund has nothing to do with."""
    if book.kind is BookKind.COMPENSATION:
        if (book.id, bank) not in pools(session):
            raise NoPool(book.county, bank)
    elif find_book(session, loan_book_code(book.county, bank)) is None:
        raise NoPool(book.county, bank)
