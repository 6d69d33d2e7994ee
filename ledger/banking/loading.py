"""Taking a statement in (导入对账单), once; and its undo, while nothing of it is matched."""

from dataclasses import dataclass

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ledger import audit
from ledger.banking.errors import StatementRefused
from ledger.banking.items import OPENING, BankAccount
from ledger.banking.queries import hold, known_since, lines_of, statements
from ledger.banking.statement import BankLine, Statement, continuation
from ledger.banking.tables import bank_line, bank_statement, bank_statement_undo
from ledger.business_day import business_date_from
from ledger.calendar import DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of a statement: its number, None if all of it was there already, and how many lines were new."""

    id: int | None
    lines: int


def take(session: Session, account: BankAccount, statement: Statement, source: str, actor: str) -> Taken:
    """Take in what a statement says beyond those held; what is held already changes nothing.

    What was on the account before its first statement becomes a line of its own (number 0), to be matched like any other.

    Raises:
        FutureDate: it reaches beyond the business date.
        StatementRefused: it does not continue what is held.
    """
    business_date_from(session, [statement.end - DAY])
    hold(session, account)
    known = known_since(session, account, statement.start)
    fresh = statement if known is None else continuation(known, statement)
    if fresh is None:
        return Taken(id=None, lines=0)
    number = session.scalar(
        insert(bank_statement)
        .values(
            book_id=account.book_id, bank=account.bank, start_date=fresh.start, end_date=fresh.end,
            opening_fen=fresh.opening_fen, closing_fen=fresh.closing_fen, source=source, actor=actor,
        )
        .returning(bank_statement.c.id)
    )  # fmt: skip
    lines = list(enumerate(fresh.lines, start=1))
    if known is None and fresh.opening_fen:
        lines.insert(0, (OPENING, BankLine(day=fresh.start - DAY, fen=fresh.opening_fen, text="期初余额")))
    if lines:
        session.execute(insert(bank_line), [_row(account, int(number or 0), position, line) for position, line in lines])
    about = {"statement": number, "source": source, "lines": len(fresh.lines)}
    audit.record(session, actor, "bank statement taken", f"{account.book}/{account.bank}", about)
    return Taken(id=number, lines=len(fresh.lines))


def undo(session: Session, account: BankAccount, number: int, actor: str) -> None:
    """Take the last statement of an account back, as a fact of its own.

    Raises:
        StatementRefused: there is no such statement, a later one stands on it, or something of it is matched.
    """
    hold(session, account)
    held = statements(session, account)
    if number not in {one.id for one in held}:
        raise StatementRefused(f"专户 {account.book}/{account.bank} 没有第 {number} 号对账单，或已撤销")
    if held[-1].id != number:
        raise StatementRefused(f"第 {number} 号之后还有第 {held[-1].id} 号，请先撤销后者")
    matched = [item for item in lines_of(session, account, since=held[-1].start - DAY) if item.statement == number and item.match]
    if matched:
        raise StatementRefused(f"第 {number} 号有 {len(matched)} 笔已勾对（如第 {matched[0].match} 号勾对），请先取消勾对")
    session.execute(insert(bank_statement_undo).values(book_id=account.book_id, statement_id=number, actor=actor))
    audit.record(session, actor, "bank statement undone", f"{account.book}/{account.bank}", {"statement": number})


def _row(account: BankAccount, statement: int, position: int, line: BankLine) -> dict[str, object]:
    return {
        "book_id": account.book_id, "statement_id": statement, "number": position, "day": line.day, "fen": line.fen,
        "serial": line.serial, "reference": line.reference, "counterparty": line.counterparty, "text": line.text,
    }  # fmt: skip
