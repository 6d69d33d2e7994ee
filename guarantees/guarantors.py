"""Other guarantors (其他分担方): what each owes the bank of a claim that was paid, followed until it is received.

A guarantor besides government (a solar company, a factoring company) owes its part from the day on which the pool pays its own.
It pays the bank, never the pool; the borrower's debt lives on.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from guarantees import entries
from guarantees.claims.claim import Claim, Key
from guarantees.claims.queries import claims
from guarantees.errors import GuarantorRefused
from guarantees.pool import BANK
from guarantees.queries import lock
from guarantees.tables import guarantor_receipt
from ledger.books import book_named
from ledger.business_day import business_date, business_date_from
from ledger.journal import JournalEntry
from ledger.money import yuan
from ledger.posting import post_many, take_sequence
from ledger.queries import free_reference
from ledger.reversal import take_back
from loans.queries import contracts


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a guarantor paid, in fen, under its serial number, and not taken back."""

    seq: int
    number: str
    guarantor: str
    value_date: date
    fen: int
    serial: str


@dataclass(frozen=True, slots=True)
class Due:
    """A guarantor's part of a paid claim, since when it is due, and what of it was received, in fen."""

    claim: Claim
    guarantor: str
    since: date
    fen: int
    received_fen: int

    @property
    def open_fen(self) -> int:
        """What is still to come."""
        return self.fen - self.received_fen


def dues(session: Session, keys: Collection[Key] | None = None) -> list[Due]:
    """Return the guarantors' parts of paid claims, of some or of all, the oldest first."""
    got: dict[tuple[int, str, str], int] = {}
    for book_id, found in _receipts(session):
        key = book_id, found.number, found.guarantor
        got[key] = got.get(key, 0) + found.fen
    made = [
        Due(one, name, one.paid_on, fen, got.get((one.pool.book.id, one.number, name), 0))
        for one in claims(session, keys).values()
        if one.paid_on
        for name, fen in parts_of_others(one)
    ]
    return sorted(made, key=lambda due: (due.since, due.claim.number, due.guarantor))


def parts_of_others(one: Claim) -> list[tuple[str, int]]:
    """Return what each guarantor besides government and the bank bears of a claim, in fen."""
    return [(part.name, part.fen) for part in one.pool.parts(one.basis_fen) if not part.government and part.name != BANK]


def receipts_of(session: Session, one: Claim) -> list[Receipt]:
    """Return what the guarantors of a claim paid."""
    return [got for book_id, got in _receipts(session) if (book_id, got.number) == (one.pool.book.id, one.number)]


def receive(session: Session, one: Claim, guarantor: str, serial: str, day: date, fen: int, actor: str) -> bool:
    """Record that a guarantor paid the bank (收到分担款) and tell whether it is new.

    Raises:
        GuarantorRefused: the claim is not paid, the guarantor bears no part of it, or it owes less than that.
        FutureDate: the day has not come.
    """
    business_date_from(session, [day])
    lock(session, [one.pool])
    if not serial.strip() or fen <= 0:
        raise GuarantorRefused(one.number, "收款须有流水号，金额应大于 0")
    known = next((got for got in receipts_of(session, one) if got.serial == serial), None)
    if known is not None:
        if (known.guarantor, known.value_date, known.fen) != (guarantor, day, fen):
            raise GuarantorRefused(one.number, f"流水号 {serial} 已用于另一笔收款")
        return False
    due = next((found for found in dues(session, [one.key]) if found.guarantor == guarantor), None)
    if due is None:
        raise GuarantorRefused(one.number, f"未拨付代偿款，或 {guarantor} 不承担分担责任")
    if day < due.since:
        raise GuarantorRefused(one.number, f"日期 {day} 早于代偿款拨付日 {due.since}")
    if fen > due.open_fen:
        raise GuarantorRefused(one.number, f"{guarantor} 尚欠 {yuan(due.open_fen)} 元，申报 {yuan(fen)} 元")
    _keep(session, one, Receipt(0, one.number, guarantor, day, fen, serial), actor)
    loan = contracts(session, [(one.loan_book_id, one.loan_id)])[one.loan_book_id, one.loan_id]
    event = _event(one, serial)
    entry = JournalEntry(
        book=loan.book, reference=free_reference(session, loan.book_id, event), kind="guarantees.guarantor", value_date=day,
        narration=f"收到{guarantor}分担款 {one.number}", postings=entries.guarantor_paid(fen, loan.dimensions), event=event,
        maker=actor,
    )  # fmt: skip
    post_many(session, [entry])
    return True


def undo(session: Session, one: Claim, serial: str, actor: str) -> None:
    """Take back that a guarantor paid: its entry in red.

    Raises:
        GuarantorRefused: nothing was received under the number.
    """
    lock(session, [one.pool])
    known = next((got for got in receipts_of(session, one) if got.serial == serial), None)
    if known is None:
        raise GuarantorRefused(one.number, f"没有流水号为 {serial} 的收款")
    _keep(session, one, known, actor, undoes_seq=known.seq)
    loan = contracts(session, [(one.loan_book_id, one.loan_id)])[one.loan_book_id, one.loan_id]
    take_back(session, book_named(session, loan.book), _event(one, serial), business_date(session), actor)


def require_nothing_received(session: Session, one: Claim) -> None:
    """Refuse to undo the payment of a claim of which a guarantor has paid its part.

    Raises:
        GuarantorRefused: one has.
    """
    got = receipts_of(session, one)
    if got:
        raise GuarantorRefused(one.number, f"{got[0].guarantor} 已支付分担款，请先撤销流水号为 {got[0].serial} 的收款")


def _event(one: Claim, serial: str) -> str:
    return f"claim/{one.number}/guarantor/{serial}"


def _receipts(session: Session) -> Iterator[tuple[int, Receipt]]:
    """Yield all receipts that were not undone, with their book."""
    rows = session.execute(select(guarantor_receipt).order_by(guarantor_receipt.c.book_id, guarantor_receipt.c.seq)).all()
    undone = {(row.book_id, row.undoes_seq) for row in rows}
    for row in rows:
        if row.undoes_seq is None and (row.book_id, row.seq) not in undone:
            yield row.book_id, Receipt(row.seq, row.number, row.guarantor, row.value_date, row.fen, row.reference)


def _keep(session: Session, one: Claim, got: Receipt, actor: str, undoes_seq: int | None = None) -> None:
    book_id = one.pool.book.id
    seq = take_sequence(session, {book_id: 1})[book_id]
    session.execute(
        insert(guarantor_receipt).values(
            book_id=book_id, seq=seq, number=one.number, guarantor=got.guarantor, value_date=got.value_date, fen=got.fen,
            reference=got.serial, undoes_seq=undoes_seq, actor=actor,
        )
    )  # fmt: skip
