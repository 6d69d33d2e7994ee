"""Balances (科目余额): what stands on accounts as of a date, as known at a moment, by dimensions (辅助核算) and by household."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.books import Book, book_named, books
from ledger.journal import BookCode
from ledger.queries import DIMENSIONS, NOTHING, Turnover, account_titles, last_sequences, sequences_at, turnovers
from loans.tables import loan
from scheduling.close import closed_at

HOUSEHOLD = "household"
GROUPS = (*DIMENSIONS, HOUSEHOLD)
"""What balances are shown by. The journal names loans, never people: a household is found by its loans."""


class BalanceRefused(Exception):
    """A question about balances that can't be answered as it is put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLine:
    """A line of the balances: an account of a book with what it is shown by, None where a posting does not say."""

    book: Book
    account: str
    title: str
    groups: tuple[str | None, ...]
    turnover: Turnover


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """The balances with the sequences up to which they are known, by book: asked with these, they are the same for ever."""

    lines: list[BalanceLine]
    known: list[tuple[Book, int]]


def balances(
    session: Session,
    *,
    book: str | None = None,
    accounts: Sequence[str] = (),
    as_of: date | None = None,
    known_at: str | None = None,
    by: Sequence[str] = (),
) -> Balances:
    """Return balances, as known now if nothing else is said: at each book's last sequence, read once for all figures.

    Args:
        session: the session.
        book: code of a book; all if None.
        accounts: account codes; all if empty.
        as_of: last value date that counts; no limit if None.
        known_at: a sequence of the book, a day (as known when its close was finished), or a moment of booking time.
        by: what to show by, out of GROUPS.

    Raises:
        UnknownBook: no book bears the code.
        BalanceRefused: `by` or `known_at` can't be understood, a sequence comes without its book, or the day is not closed.
    """
    if unknown := [name for name in by if name not in GROUPS]:
        raise BalanceRefused(f"can't show by {unknown[0]!r} (辅助核算); choose from {', '.join(GROUPS)}")
    chosen = {one.id: one for one in ([book_named(session, BookCode(book))] if book else books(session))}
    known = _known(session, chosen, known_at)
    asked = tuple(dict.fromkeys("loan_id" if name == HOUSEHOLD else name for name in by))
    found = turnovers(session, accounts=accounts or None, until=as_of, up_to_seq=known, by=asked)
    homes = _households(session, chosen) if HOUSEHOLD in by else {}
    sums: dict[tuple[int, str, tuple[str | None, ...]], Turnover] = {}
    for (book_id, account, *values), turnover in found.items():
        given = dict(zip(asked, values, strict=True))
        home = homes.get((book_id, given.get("loan_id")))
        groups = tuple(home if name == HOUSEHOLD else _text(given[name]) for name in by)
        key = int(str(book_id)), str(account), groups
        held = sums.get(key, NOTHING)
        sums[key] = Turnover(debit_fen=held.debit_fen + turnover.debit_fen, credit_fen=held.credit_fen + turnover.credit_fen)
    titles = {book_id: account_titles(session, book_id) for book_id in {key[0] for key in sums}}
    lines = [
        BalanceLine(book=chosen[key[0]], account=key[1], title=titles[key[0]][key[1]], groups=key[2], turnover=sums[key])
        for key in sorted(sums, key=lambda key: (*key[:2], tuple(value or "" for value in key[2])))
    ]
    return Balances(lines=lines, known=[(chosen[book_id], seq) for book_id, seq in sorted(known.items())])


def _known(session: Session, chosen: Mapping[int, Book], known_at: str | None) -> dict[int, int]:
    if known_at is None:
        return last_sequences(session, list(chosen))
    if re.fullmatch(r"\d{1,18}", known_at):
        if len(chosen) != 1:
            raise BalanceRefused("a sequence (序号) is one book's; name it with --book")
        (book_id,) = chosen
        last = last_sequences(session, [book_id])[book_id]
        if int(known_at) > last:
            raise BalanceRefused(f"{chosen[book_id].code} has come to sequence {last} only (序号)")
        return {book_id: int(known_at)}
    try:
        moment: datetime | None = datetime.fromisoformat(known_at)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", known_at):
            moment = closed_at(session, date.fromisoformat(known_at))
    except ValueError:
        hint = "a sequence such as 1200, a day such as 2017-06-30 or a moment such as 2017-06-30T18:00"
        raise BalanceRefused(f"{known_at!r} is no moment (当时); give {hint}") from None
    if moment is None:
        raise BalanceRefused(f"{known_at} is not closed (尚未日终); leave --known-at out for what is known now")
    return sequences_at(session, moment, list(chosen))


def _households(session: Session, chosen: Mapping[int, Book]) -> dict[tuple[object, object], str | None]:
    """Return households (建档立卡号) by (book id, loan id)."""
    rows = session.execute(select(loan.c.book_id, loan.c.id, loan.c.household).where(loan.c.book_id.in_(chosen)))
    return {(row.book_id, row.id): row.household for row in rows}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
