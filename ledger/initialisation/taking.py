"""Taking a file in (导入): one person brings what it holds; everything that speaks against it is found at once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import Book, BookKind, hold_books
from ledger.business_day import business_date
from ledger.errors import LoadRefused
from ledger.initialisation.load import File, Load, LoadedEntry, LoadKind, Stage, facts_of
from ledger.initialisation.queries import has_own_entries, load_numbered, loads, stands
from ledger.initialisation.tables import load, loaded_entry
from ledger.interchange.foreign import Fault
from ledger.journal import Posting, Side
from ledger.money import yuan
from ledger.periods import closed_months
from ledger.tables import account

_NEEDS = {"bank": "银行", "project": "项目"}
AT_A_TIME = 5_000


def take(session: Session, book: Book, kind: LoadKind, file: File, entries: Sequence[LoadedEntry], actor: str) -> Load:
    """Take the entries of a file in, for another person to approve; a file that waits or stands already is returned as it is.

    Raises:
        LoadRefused: what speaks against it, by line.
    """
    hold_books(session, [book.id])
    for one in loads(session, book):
        if one.kind is kind and one.file.sha256 == file.sha256 and one.stage in (Stage.WAITING, Stage.POSTED):
            return one
    faults = list(faults_of(session, book, kind, entries))
    if faults or not actor.strip():
        raise LoadRefused(book.code, "须由经办人办理" if not actor.strip() else "不能导入", faults)
    number = session.scalar(
        insert(load)
        .values(book_id=book.id, kind=kind.value, file_name=file.name, sha256=file.sha256, entries=len(entries), maker=actor)
        .returning(load.c.id)
    )
    for start in range(0, len(entries), AT_A_TIME):
        session.execute(
            insert(loaded_entry),
            [
                {"book_id": book.id, "load_id": number, "number": start + n, "body": facts_of(entry)}
                for n, entry in enumerate(entries[start : start + AT_A_TIME], start=1)
            ],
        )
    audit.record(session, actor, f"load {kind}", f"{book.code}/{file.name}", {"entries": len(entries), "sha256": file.sha256})
    return load_numbered(session, book, int(number or 0))


def faults_of(session: Session, book: Book, kind: LoadKind, entries: Sequence[LoadedEntry]) -> Iterator[Fault]:
    """Yield what speaks against posting entries in a book, by line; line 0 is of the file as a whole."""
    if not entries:
        yield Fault(0, "没有凭证")
    if kind is LoadKind.OPENING and stands(session, book):
        yield Fault(0, "账套已有凭证，期初余额只能在第一张凭证之前导入")
    elif book.kind is not BookKind.ARCHIVE and has_own_entries(session, book):
        yield Fault(0, "账套已有业务凭证，初始化已结束，历史凭证请导入存档账套")
    today = business_date(session)
    closed = {month for book_id, month in closed_months(session) if book_id == book.id}
    accounts = {row.code: row for row in session.execute(select(account).where(account.c.book_id == book.id))}
    known = {entry.seq for entry in entries if entry.seq is not None}
    for entry in entries:
        if reason := _against_day(entry.day, today, closed):
            yield Fault(entry.line, reason)
        if entry.reverses is not None and entry.reverses not in known:
            yield Fault(entry.line, f"所冲销的凭证（序号 {entry.reverses}）不在文件中")
        yield from _against_lines(book, entry, accounts)
    yield from _twice(entries)


def _against_day(day: date, today: date, closed: set[date]) -> str | None:
    if day > today:
        return f"日期 {day} 晚于营业日 {today}"
    return f"{day:%Y-%m} 已结账" if day.replace(day=1) in closed else None


def _against_lines(book: Book, entry: LoadedEntry, accounts: dict[str, Row[tuple[object, ...]]]) -> Iterator[Fault]:
    for line, posting in zip(entry.lines or (entry.line,) * len(entry.postings), entry.postings, strict=True):
        found = accounts.get(posting.account)
        if found is None:
            yield Fault(line, f"没有科目 {posting.account}")
        elif reason := _against_posting(book, posting, found):
            yield Fault(line, reason)
        if not posting.fen:
            yield Fault(line, "金额为零")
    if not entry.postings:
        yield Fault(entry.line, "没有分录")
    residue = sum(p.fen if p.side is Side.DEBIT else -p.fen for p in entry.postings)
    if residue:
        yield Fault(entry.line, f"借贷不平，相差 {yuan(abs(residue))} 元（{'借' if residue > 0 else '贷'}方多）")


def _against_posting(book: Book, posting: Posting, found: Row[tuple[object, ...]]) -> str | None:
    """Return why a working book can't take a posting: modules keep the account, or a dimension is missing."""
    if book.kind is BookKind.ARCHIVE:
        return None
    if not found.manual:
        return f"科目 {posting.account} {found.title}由系统业务记账，其余额随业务文件（接管等）而来"
    if found.needs and not getattr(book, found.needs, None) and getattr(posting.dimensions, found.needs) is None:
        return f"科目 {posting.account} {found.title}须填辅助核算“{_NEEDS.get(found.needs, found.needs)}”"
    return None


def _twice(entries: Sequence[LoadedEntry]) -> Iterator[Fault]:
    counts = Counter(entry.reference for entry in entries)
    reversals = Counter(entry.reverses for entry in entries if entry.reverses is not None)
    for entry in entries:
        if counts[entry.reference] > 1:
            yield Fault(entry.line, f"流水号 {entry.reference} 重复")
        if entry.reverses is not None and reversals[entry.reverses] > 1:
            yield Fault(entry.line, f"序号 {entry.reverses} 的凭证被冲销两次")
