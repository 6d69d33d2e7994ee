"""Registering a special account (专户登记): one per book and bank; its number arrives sealed and is never kept in clear."""

from dataclasses import dataclass

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ledger import audit
from ledger.banking.errors import BankAccountRefused
from ledger.banking.items import BankAccount
from ledger.banking.queries import accounts, hold, is_number_of
from ledger.banking.tables import bank_account
from ledger.books import Book, BookKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedNumber:
    """An account number as it is kept: ciphertext to read, a fingerprint to compare, a mask to show (registry's cipher)."""

    sealed: bytes
    mark: bytes
    masked: str


def register(session: Session, book: Book, bank: str, number: SealedNumber, actor: str) -> BankAccount:
    """Register a fund's account at a bank; the same number again changes nothing.

    The first account of a book also holds the postings of 1004 that name no bank (光伏收益代管专账 has only such).

    Raises:
        BankAccountRefused: the book is a bank's own, the bank has another account here, or the number is another bank's.
    """
    if book.kind is BookKind.LOANS:
        raise BankAccountRefused(book.code, bank, "贷款备查账没有财政专户")
    others = accounts(session, book.id)
    made = BankAccount(
        book_id=book.id, book=book.code, bank=bank, number_masked=number.masked, holds_unnamed=not others
    )  # fmt: skip
    hold(session, made)
    others = accounts(session, book.id)
    for one in others:
        same = is_number_of(session, one, number.mark)
        if one.bank == bank and same:
            return one
        if one.bank == bank:
            raise BankAccountRefused(book.code, bank, f"已登记另一账号 {one.number_masked}")
        if same:
            raise BankAccountRefused(book.code, bank, f"账号 {number.masked} 已登记在 {one.bank}")
    session.execute(
        insert(bank_account).values(
            book_id=book.id, bank=bank, number_sealed=number.sealed, number_hmac=number.mark, number_masked=number.masked,
            holds_unnamed=not others, actor=actor,
        )
    )  # fmt: skip
    audit.record(session, actor, "bank account registered", f"{book.code}/{bank}", {"number": number.masked})
    return next(one for one in accounts(session, book.id) if one.bank == bank)
