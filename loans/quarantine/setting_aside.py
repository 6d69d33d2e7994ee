"""Setting aside (隔离): when a step breaks on one loan's data, that loan is found by halving, and the step goes on without it.

Which loan it is, the error rarely says. But whether a step passes without all loans up to one can be tried in a savepoint, and
the first such loan without which nothing of it breaks any more is the last culprit in order: some twenty tries among a million.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import NoReturn

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger import audit
from ledger.books import BookKind, books
from ledger.posting import take_sequence
from loans.errors import is_of_one_loan
from loans.quarantine.catching_up import said
from loans.quarantine.queries import sound
from loans.queries import Key

Work = Callable[[Session, date], Mapping[str, int]]

MOST = 20
"""Loans set aside in one step of a night; more of them are no loan's fault."""
WHOLE_BOOK = 2**63 - 1
"""A loan id that no loan of a book goes beyond."""
LONGEST_ERROR = 500

_SET_ASIDE = f"""
INSERT INTO loans.quarantine (book_id, loan_id, known_from_seq, since_date, step, error, charged_through, aged_through)
SELECT l.book_id, l.id, k.seq, :closing, :step, :error, h.charged_through, h.aged_through
  FROM loans.loan l JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS k (book_id, seq) USING (book_id)
 CROSS JOIN loans.horizon h
 WHERE {{which}} AND {sound("l", "id")}
"""
_UP_TO = "(l.book_id, l.id) <= (:book, :loan)"
_THIS = "(l.book_id, l.id) = (:book, :loan)"
_LOANS = f"SELECT l.id FROM loans.loan l WHERE l.book_id = :book AND {sound('l', 'id')} ORDER BY l.id"


class _Undone(Exception):
    """Ends a try, so that its savepoint is rolled back."""


def work_without_broken(session: Session, step: str, closing: date, work: Work) -> Mapping[str, int]:
    """Do a step's work; loans whose data break it are set aside with their error, and it is done without them.

    Raises:
        and what the work raises that is no single loan's fault; then nothing was set aside.
    """
    set_aside: list[str] = []
    while True:
        try:
            with session.begin_nested():
                done = work(session, closing)
        except Exception as error:
            if not is_of_one_loan(error) or len(set_aside) == MOST:
                raise
            key, reason = _last_culprit(session, step, closing, work, error)
            _set_aside(session, step, closing, key, said(reason)[:LONGEST_ERROR], _THIS)
            set_aside.append(f"{key[0]}/{key[1]}")
            continue
        if set_aside:
            audit.record(session, "system", "loans set aside", f"{step} {closing}", {"loans": set_aside})
        return {**done, "set_aside": len(set_aside)} if set_aside else done


def _last_culprit(session: Session, step: str, closing: date, work: Work, first: Exception) -> tuple[Key, Exception]:
    """Return the last loan in order that breaks the work, and its error.

    Raises:
        the first error, if the work breaks without any loan, too.
    """

    def attempt(key: Key) -> Exception | None:
        return _without(session, step, closing, work, key)

    ids = [book.id for book in books(session, BookKind.LOANS)]
    if not ids or attempt((ids[-1], WHOLE_BOOK)) is not None:
        raise first
    (book_id, _), error = _first_passing([(book_id, WHOLE_BOOK) for book_id in ids], attempt, first)
    loans = session.scalars(text(_LOANS), {"book": book_id}).all()
    return _first_passing([(book_id, loan_id) for loan_id in loans], attempt, error)


def _first_passing(keys: Sequence[Key], attempt: Callable[[Key], Exception | None], error: Exception) -> tuple[Key, Exception]:
    """Return the first key without all up to which the work passes, and the error without all before it; the last one passes."""
    low, high = 0, len(keys) - 1
    while low < high:
        middle = (low + high) // 2
        failed = attempt(keys[middle])
        if failed is None:
            high = middle
        else:
            low, error = middle + 1, failed
    return keys[low], error


def _without(session: Session, step: str, closing: date, work: Work, key: Key) -> Exception | None:
    """Try the work without all loans up to one, undo it, and return how it broke."""
    try:
        with session.begin_nested():
            _set_aside(session, step, closing, key, "tried", _UP_TO)
            work(session, closing)
            _undo()
    except _Undone:
        return None
    except Exception as error:
        if not is_of_one_loan(error):
            raise
        return error


def _undo() -> NoReturn:
    """End a try.

    Raises:
        _Undone: always.
    """
    raise _Undone


def _set_aside(session: Session, step: str, closing: date, key: Key, error: str, which: str) -> None:
    mine = [book.id for book in books(session, BookKind.LOANS) if (which == _UP_TO and book.id <= key[0]) or book.id == key[0]]
    seqs = take_sequence(session, dict.fromkeys(mine, 1))
    session.execute(
        text(_SET_ASIDE.format(which=which)),
        {
            "closing": closing, "step": step, "error": error, "book": key[0], "loan": key[1], "books": list(seqs),
            "seqs": list(seqs.values()),
        },
    )  # fmt: skip
