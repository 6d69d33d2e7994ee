"""Reminders (对账提醒): what of the funds' special accounts waits for somebody, as rows that staff see until it is settled."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.tables import reminder
from ledger.banking.items import BankAccount
from ledger.banking.parameters import parameters
from ledger.banking.queries import accounts, banks_without_account
from ledger.banking.sheets import sheet_of, signers
from ledger.books import Book, BookKind, books
from ledger.calendar import DAY, month_of, working_days_after
from ledger.money import yuan

WORKING_DAYS_TO_RECONCILE = 5
UNREGISTERED, UNRECONCILED, OVERDUE_ITEMS = "unregistered", "unreconciled", "overdue-items"

Key = tuple[int, str, str]
"""Book id, bank, kind: of each there is one open reminder at most."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """An open reminder: the book, since which closed day, and the sentence."""

    book: str
    bank: str
    kind: str
    raised_on: date
    sentence: str


def remind(session: Session, closed: date) -> dict[str, int]:
    """Raise what waits as of a closed day, settle what waits no more, and return how many of each."""
    found = {key: sentence for book in books(session) for key, sentence in _waiting(session, book, closed)}
    known = {
        (row.book_id, row.bank, row.kind): row for row in session.execute(select(reminder).where(reminder.c.settled_on.is_(None)))
    }
    for key, row in known.items():
        if key not in found:
            _change(session, key, {"settled_on": closed})
        elif found[key] != row.sentence:
            _change(session, key, {"sentence": found[key]})
    raised = [key for key in found if key not in known]
    for book_id, bank, kind in raised:
        row_now = {"sentence": found[book_id, bank, kind], "settled_on": None}
        row_new = insert(reminder).values(book_id=book_id, bank=bank, kind=kind, raised_on=closed, **row_now)
        session.execute(row_new.on_conflict_do_update(index_elements=list(reminder.primary_key), set_=row_now))
    return {"open": len(found), "raised": len(raised), "settled": len(known.keys() - found.keys())}


def open_reminders(session: Session) -> list[Reminder]:
    """Return what waits, the oldest first."""
    codes = {book.id: book.code for book in books(session)}
    rows = session.execute(
        select(reminder).where(reminder.c.settled_on.is_(None)).order_by(reminder.c.raised_on, *reminder.primary_key)
    )
    return [Reminder(codes[row.book_id], row.bank, row.kind, row.raised_on, row.sentence) for row in rows]


def month_to_reconcile(closed: date) -> date:
    """Return the last day of the latest month for whose reconciliation there was time: some working days (调休 included)."""
    last = month_of(closed) - DAY
    return last if working_days_after(last, WORKING_DAYS_TO_RECONCILE) <= closed else month_of(last) - DAY


def _waiting(session: Session, book: Book, closed: date) -> Iterator[tuple[Key, str]]:
    if book.kind in (BookKind.LOANS, BookKind.ARCHIVE):
        return
    last = month_to_reconcile(closed)
    for bank in banks_without_account(session, book.id, last):
        yield (book.id, bank or "", UNREGISTERED), f"{bank or '未注明银行'} 的其他财政存款没有登记专户，无法对账"
    for account in accounts(session, book.id):
        for kind, sentence in _of_account(session, account, last, closed).items():
            yield (book.id, account.bank, kind), sentence


def _of_account(session: Session, account: BankAccount, last: date, closed: date) -> Mapping[str, str]:
    found: dict[str, str] = {}
    month = sheet_of(session, account, last)
    if month.faults:
        found[UNRECONCILED] = f"专户 {account.bank} 截至 {last} 未对平：{month.faults[0]}"
    elif None in signers(session, account, month):
        found[UNRECONCILED] = f"专户 {account.bank}：{last} 的余额调节表尚未编制并审核"
    late = [item for item in sheet_of(session, account, closed).items if item.overdue]
    if late:
        found[OVERDUE_ITEMS] = (
            f"专户 {account.bank}：未达账项 {len(late)} 笔超过 {parameters().overdue_days} 天，"
            f"合计 {yuan(sum(item.fen for item in late))} 元，最早 {min(item.day for item in late)}"
        )
    return found


def _change(session: Session, key: Key, values: Mapping[str, object]) -> None:
    book_id, bank, kind = key
    c = reminder.c
    this = (c.book_id == book_id, c.bank == bank, c.kind == kind, c.settled_on.is_(None))
    session.execute(update(reminder).where(*this).values(**values))
