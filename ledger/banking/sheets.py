"""The 余额调节表 of an account from the database, and its signing (编制、审核): one makes it, another checks it."""

from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger import audit
from ledger.banking.errors import SigningRefused
from ledger.banking.items import BankAccount
from ledger.banking.parameters import parameters
from ledger.banking.queries import bank_balance_fen, book_balance_fen, covered_until, hold, items_open_on
from ledger.banking.reconciliation import Sheet, sheet
from ledger.banking.tables import bank_sheet


def sheet_of(session: Session, account: BankAccount, as_of: date) -> Sheet:
    """Return the sheet of an account as of the close of a day, from what is posted, taken and matched now."""
    return sheet(
        account.book, account.bank, as_of,
        (book_balance_fen(session, account, as_of), bank_balance_fen(session, account, as_of)),
        covered_until(session, account), items_open_on(session, account, as_of), parameters().overdue_days,
    )  # fmt: skip


def make(session: Session, account: BankAccount, as_of: date, maker: str) -> Sheet:
    """Sign a sheet as its maker (编制) and keep it; the same sheet by the same person again changes nothing.

    Raises:
        SigningRefused: nobody named, or it does not balance.
    """
    found = _trustworthy(session, account, as_of, maker)
    if _signed(session, account, found)[:1] != (maker,):
        _keep(session, account, found, maker, None, None)
    return found


def check(session: Session, account: BankAccount, as_of: date, checker: str) -> Sheet:
    """Sign a sheet as its checker (审核); the same again changes nothing.

    Raises:
        SigningRefused: nobody named, it does not balance, nobody made it as it is now, or its maker is the checker.
    """
    found = _trustworthy(session, account, as_of, checker)
    signed = _signed(session, account, found)
    if not signed:
        raise SigningRefused(f"{as_of} 的表尚未编制，或编制后又有变动，请重新编制")
    maker, made, checked_by = signed
    if checked_by is not None:
        return found
    if maker == checker:
        raise SigningRefused(f"{checker} 是编制人，审核须由他人进行")
    _keep(session, account, found, maker, made, checker)
    return found


def signers(session: Session, account: BankAccount, found: Sheet) -> tuple[str | None, str | None]:
    """Return who made and who checked a sheet as it is now."""
    signed = _signed(session, account, found)
    return (signed[0], signed[2]) if signed else (None, None)


def _signed(session: Session, account: BankAccount, found: Sheet) -> tuple[()] | tuple[str, int, str | None]:
    """Return the maker of a sheet that says the same, the row, and its checker if there is one."""
    row = session.execute(
        select(bank_sheet.c.maker, bank_sheet.c.id, bank_sheet.c.checks, bank_sheet.c.checker)
        .where(
            bank_sheet.c.book_id == account.book_id, bank_sheet.c.bank == account.bank, bank_sheet.c.as_of == found.as_of,
            bank_sheet.c.sha256 == found.fingerprint,
        )
        .order_by(bank_sheet.c.id.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip
    return () if row is None else (row.maker, row.checks or row.id, row.checker)


def _trustworthy(session: Session, account: BankAccount, as_of: date, actor: str) -> Sheet:
    hold(session, account)
    if not actor.strip():
        raise SigningRefused("须写明编制人或审核人")
    found = sheet_of(session, account, as_of)
    if not found.balances:
        raise SigningRefused("；".join(found.faults))
    return found


def _keep(
    session: Session, account: BankAccount, found: Sheet, maker: str, checks: int | None, checker: str | None
) -> None:  # fmt: skip
    figures = {
        "book_fen": found.book_fen, "bank_fen": found.bank_fen, "adjusted_fen": found.adjusted_book_fen,
        "items": [[item.group, str(item.day), item.fen, *item.key, item.text, item.days_open] for item in found.items],
    }  # fmt: skip
    session.execute(
        insert(bank_sheet).values(
            book_id=account.book_id, bank=account.bank, as_of=found.as_of, sha256=found.fingerprint, figures=figures,
            maker=maker, checks=checks, checker=checker,
        )
    )  # fmt: skip
    did = "reconciliation checked" if checker else "reconciliation made"
    audit.record(session, checker or maker, did, f"{account.book}/{account.bank}", {"as_of": str(found.as_of)})
