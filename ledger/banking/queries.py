"""Questions about special accounts, their statements and what is open on both sides; undone and unmatched facts don't count."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import Session

from ledger.banking.errors import BankAccountRefused
from ledger.banking.items import CASH, OPENING, BankAccount, BookItem, Lesson, LineItem, Match, pattern_of
from ledger.banking.statement import BankLine, Statement, total
from ledger.banking.tables import bank_account
from ledger.books import Book
from ledger.calendar import DAY
from ledger.tables import book as books

_STATEMENTS = """
    (SELECT s.* FROM ledger.bank_statement s WHERE s.book_id = :book AND s.bank = :bank AND NOT EXISTS (
        SELECT FROM ledger.bank_statement_undo u WHERE u.book_id = s.book_id AND u.statement_id = s.id)) AS s
"""
_MEMBERS = """
    (SELECT m.* FROM ledger.bank_match_member m WHERE m.book_id = :book AND NOT EXISTS (
        SELECT FROM ledger.bank_unmatch u WHERE u.book_id = m.book_id AND u.match_id = m.match_id)) AS m
"""
_POSTINGS = f"""
    SELECT p.seq, p.line, p.value_date AS day, CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END AS fen, m.match_id AS match,
           e.word || '-' || e.number AS voucher, e.reference, e.kind, e.narration, e.reverses_seq AS reverses
      FROM ledger.posting p JOIN ledger.journal_entry e USING (book_id, seq)
      LEFT JOIN {_MEMBERS} ON m.seq = p.seq AND m.line = p.line
     WHERE p.book_id = :book AND p.account = '{CASH}' AND (p.bank = :bank OR p.bank IS NULL AND :unnamed)
"""
_LINES = f"""
    SELECT l.statement_id, l.number, l.day, l.fen, l.serial, l.reference, l.counterparty, l.text, m.match_id AS match
      FROM ledger.bank_line l JOIN {_STATEMENTS} ON s.id = l.statement_id
      LEFT JOIN {_MEMBERS} ON m.statement_id = l.statement_id AND m.number = l.number
     WHERE l.book_id = :book
"""
_OPEN_UNTIL = f"""
    (m.match_id IS NULL OR m.match_id IN (
        SELECT m.match_id FROM {_MEMBERS} JOIN ledger.posting p ON p.book_id = m.book_id AND p.seq = m.seq AND p.line = m.line
         WHERE p.value_date > :day
        UNION ALL
        SELECT m.match_id FROM {_MEMBERS}
          JOIN ledger.bank_line l ON l.book_id = m.book_id AND l.statement_id = m.statement_id AND l.number = m.number
         WHERE l.day > :day))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenStatement:
    """A statement as it was taken in: its number, its part of the account's life, where it came from, how many lines."""

    id: int
    start: date
    end: date
    opening_fen: int
    closing_fen: int
    source: str
    lines: int


def accounts(session: Session, book_id: int | None = None) -> list[BankAccount]:
    """Return the special accounts of a book, or of all."""
    query = (
        select(bank_account, books.c.code)
        .join(books, books.c.id == bank_account.c.book_id)
        .order_by(bank_account.c.book_id, bank_account.c.bank)
    )  # fmt: skip
    rows = session.execute(query if book_id is None else query.where(bank_account.c.book_id == book_id))
    return [
        BankAccount(
            book_id=row.book_id, book=row.code, bank=row.bank, number_masked=row.number_masked, holds_unnamed=row.holds_unnamed
        )
        for row in rows
    ]


def account_at(session: Session, book: Book, bank: str) -> BankAccount:
    """Return the special account of a book at a bank.

    Raises:
        BankAccountRefused: none is registered.
    """
    found = next((one for one in accounts(session, book.id) if one.bank == bank), None)
    if found is None:
        raise BankAccountRefused(book.code, bank, "尚未登记，请先用 fupin bank register 登记")
    return found


def is_number_of(session: Session, account: BankAccount, mark: bytes) -> bool:
    """Tell whether an account bears the number with a fingerprint."""
    query = select(bank_account.c.bank).where(
        bank_account.c.book_id == account.book_id,
        bank_account.c.bank == account.bank,
        bank_account.c.number_hmac == bindparam("mark", mark, BYTEA),
    )
    return session.scalar(query) is not None


def any_sealed(session: Session) -> bool:
    """Tell whether any account number is kept, which only its key can open."""
    return session.scalar(select(bank_account.c.bank).limit(1)) is not None


def hold(session: Session, account: BankAccount) -> None:
    """Hold an account's book, so that nothing is posted, taken or matched in between before this transaction ends."""
    session.execute(text("SELECT FROM ledger.book WHERE id = :book FOR NO KEY UPDATE"), {"book": account.book_id})


def statements(session: Session, account: BankAccount) -> list[TakenStatement]:
    """Return the statements that stand, in order of time."""
    counted = (
        f"SELECT count(*) FROM ledger.bank_line l WHERE l.book_id = :book AND l.statement_id = s.id AND l.number <> {OPENING}"
    )
    rows = session.execute(
        text(
            f"SELECT s.id, s.start_date, s.end_date, s.opening_fen, s.closing_fen, s.source, ({counted}) AS lines "
            f"FROM {_STATEMENTS} ORDER BY s.start_date"
        ),
        _of(account),
    )
    return [
        TakenStatement(
            id=row.id, start=row.start_date, end=row.end_date, opening_fen=row.opening_fen, closing_fen=row.closing_fen,
            source=row.source, lines=row.lines,
        )
        for row in rows
    ]  # fmt: skip


def known_since(session: Session, account: BankAccount, day: date) -> Statement | None:
    """Return the last part of what is held of an account, from a day on and at least of one day; None if nothing is."""
    row = session.execute(
        text(
            "SELECT min(s.start_date) AS first, max(s.end_date) AS end, "
            f"(array_agg(s.closing_fen ORDER BY s.end_date DESC))[1] AS closing FROM {_STATEMENTS}"
        ),
        _of(account),
    ).one()
    if row.first is None:
        return None
    start = max(row.first, min(day, row.end - DAY))
    lines = tuple(item.line for item in lines_of(session, account, since=start) if item.number != OPENING)
    opening_fen = row.closing - total(lines)
    return Statement(start=start, end=row.end, opening_fen=opening_fen, closing_fen=row.closing, lines=lines)


def covered_until(session: Session, account: BankAccount) -> date | None:
    """Return the first day after the statements, None if there are none."""
    found: date | None = session.scalar(text(f"SELECT max(s.end_date) FROM {_STATEMENTS}"), _of(account))
    return found


def bank_balance_fen(session: Session, account: BankAccount, day: date) -> int:
    """Return what the bank says is on an account at the close of a day: the last closing balance, and the lines since."""
    row = session.execute(
        text(f"SELECT s.end_date, s.closing_fen FROM {_STATEMENTS} WHERE s.end_date <= :after ORDER BY s.end_date DESC LIMIT 1"),
        {**_of(account), "after": day + DAY},
    ).one_or_none()
    since, closing = (row.end_date, row.closing_fen) if row else (None, 0)
    return int(closing + sum(item.fen for item in lines_of(session, account, since=since) if item.day <= day))


def book_balance_fen(session: Session, account: BankAccount, day: date) -> int:
    """Return what the books say is on an account at the close of a day."""
    query = text(f"SELECT coalesce(sum(x.fen), 0)::bigint FROM ({_POSTINGS} AND p.value_date <= :day) AS x")
    found = session.scalar(query, {**_of(account), "day": day})
    return int(found or 0)


def lines_of(session: Session, account: BankAccount, *, since: date | None = None, only_open: bool = False) -> list[LineItem]:
    """Return the lines of an account's statements from a day on, the opening balance of the first among them."""
    where = ("AND l.day >= :since " if since else "") + ("AND m.match_id IS NULL " if only_open else "")
    values = {**_of(account), **({"since": since} if since else {})}
    rows = session.execute(text(f"{_LINES} {where} ORDER BY l.day, l.statement_id, l.number"), values)
    return [_line(row) for row in rows]


def open_postings(session: Session, account: BankAccount) -> list[BookItem]:
    """Return the postings of 1004 that no bank line is matched with."""
    rows = session.execute(text(f"{_POSTINGS} AND m.match_id IS NULL ORDER BY p.value_date, p.seq, p.line"), _of(account))
    return [_posting(row) for row in rows]


def items_open_on(session: Session, account: BankAccount, day: date) -> list[BookItem | LineItem]:
    """Return what was open at the close of a day, or is matched with something after it."""
    values = {**_of(account), "day": day}
    postings = session.execute(text(f"{_POSTINGS} AND p.value_date <= :day AND {_OPEN_UNTIL}"), values)
    lines = session.execute(text(f"{_LINES} AND l.day <= :day AND {_OPEN_UNTIL}"), values)
    return [*map(_posting, postings), *map(_line, lines)]


def postings_named(session: Session, account: BankAccount, keys: Collection[tuple[int, int]]) -> list[BookItem]:
    """Return postings of an account by (sequence, line); those that are not its own are left out."""
    seqs, numbers = [seq for seq, _ in keys], [line for _, line in keys]
    among = "AND (p.seq, p.line) IN (SELECT * FROM unnest(CAST(:seqs AS bigint[]), CAST(:numbers AS smallint[])))"
    rows = session.execute(text(f"{_POSTINGS} {among}"), {**_of(account), "seqs": seqs, "numbers": numbers})
    return [_posting(row) for row in rows]


def lines_named(session: Session, account: BankAccount, keys: Collection[tuple[int, int]]) -> list[LineItem]:
    """Return lines of an account by (statement, number); those that are not its own are left out."""
    ids, numbers = [statement for statement, _ in keys], [number for _, number in keys]
    among = "AND (l.statement_id, l.number) IN (SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:numbers AS integer[])))"
    rows = session.execute(text(f"{_LINES} {among}"), {**_of(account), "ids": ids, "numbers": numbers})
    return [_line(row) for row in rows]


def matches(session: Session, account: BankAccount) -> list[Match]:
    """Return the matches that stand, in the order in which they were made."""
    rows = session.execute(
        text(
            "SELECT b.match_id, b.rule, b.reason, b.actor, m.seq, m.line, m.statement_id, m.number FROM ledger.bank_match b "
            f"JOIN {_MEMBERS} ON m.match_id = b.match_id WHERE b.book_id = :book AND b.bank = :bank "
            "ORDER BY b.match_id, m.position"
        ),
        _of(account),
    )
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.match_id, []).append(row)
    return [_match(number, members) for number, members in found.items()]


def lessons(session: Session, account: BankAccount) -> list[Lesson]:
    """Return what persons' matches of the account that stand have taught, newest narration last told."""
    rows = session.execute(
        text(
            "SELECT DISTINCT b.match_id, l.counterparty, l.text, e.kind, e.narration FROM ledger.bank_match b "
            f"JOIN {_MEMBERS} ON m.match_id = b.match_id JOIN ledger.bank_line l "
            "ON l.book_id = m.book_id AND l.statement_id = m.statement_id AND l.number = m.number "
            "JOIN ledger.bank_match_member o ON o.book_id = m.book_id AND o.match_id = m.match_id "
            "JOIN ledger.journal_entry e ON e.book_id = o.book_id AND e.seq = o.seq "
            f"WHERE b.book_id = :book AND b.bank = :bank AND b.rule = 'person' AND m.number <> {OPENING} ORDER BY b.match_id"
        ),
        _of(account),
    )
    told: dict[tuple[str, str], tuple[str, set[int]]] = {}
    for row in rows:
        pattern = pattern_of(BankLine(day=date.min, fen=0, counterparty=row.counterparty, text=row.text))
        if pattern:
            _, times = told.get((pattern, row.kind), ("", set()))
            told[pattern, row.kind] = (row.narration, times | {row.match_id})
    return [
        Lesson(pattern=pattern, kind=kind, narration=narration, times=len(times))
        for (pattern, kind), (narration, times) in told.items()
    ]


def banks_without_account(session: Session, book_id: int, until: date) -> Sequence[str]:
    """Return the banks whose postings of 1004 up to a day no registered account of the book holds; '' for no bank."""
    return session.scalars(
        text(
            f"SELECT DISTINCT coalesce(p.bank, '') FROM ledger.posting p WHERE p.book_id = :book AND p.account = '{CASH}' "
            "AND p.value_date <= :until AND NOT EXISTS (SELECT FROM ledger.bank_account a WHERE a.book_id = p.book_id "
            "AND (a.bank = p.bank OR p.bank IS NULL AND a.holds_unnamed)) ORDER BY 1"
        ),
        {"book": book_id, "until": until},
    ).all()


def _of(account: BankAccount) -> Mapping[str, object]:
    return {"book": account.book_id, "bank": account.bank, "unnamed": account.holds_unnamed}


def _posting(row: Any) -> BookItem:
    return BookItem(
        seq=row.seq, line=row.line, day=row.day, fen=row.fen, voucher=row.voucher, reference=row.reference, kind=row.kind,
        narration=row.narration, reverses=row.reverses, match=row.match,
    )  # fmt: skip


def _line(row: Any) -> LineItem:
    made = BankLine(
        day=row.day, fen=row.fen, serial=row.serial, reference=row.reference, counterparty=row.counterparty, text=row.text
    )
    return LineItem(statement=row.statement_id, number=row.number, line=made, match=row.match)


def _match(number: int, members: Sequence[Any]) -> Match:
    return Match(
        id=number, rule=members[0].rule, reason=members[0].reason, actor=members[0].actor,
        postings=tuple((row.seq, row.line) for row in members if row.seq is not None),
        lines=tuple((row.statement_id, row.number) for row in members if row.statement_id is not None),
    )  # fmt: skip
