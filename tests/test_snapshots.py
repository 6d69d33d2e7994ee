"""Snapshots change no answer: whatever was posted, closed and opened again, and whatever is asked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import pytest
from conftest import FIRST_DAY, open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_ledger import RCF, contributed
from test_replay_laws import begin_on
from test_vouchers import CHIEF, at_once

from ledger import snapshots, ties
from ledger.books import Book
from ledger.calendar import DAY
from ledger.closing import close_month, reopen_month
from ledger.db import OWNER_ROLE, engine_as, unit_of_work
from ledger.errors import LedgerError
from ledger.journal import BookCode, Dimensions, JournalEntry, Posting, Side
from ledger.officers import appoint
from ledger.posting import post_many, take_sequence
from ledger.queries import DIMENSIONS, Turnover, last_sequences, sequences_at, trial_balance, turnovers
from ledger.reversal import reverse
from ledger.turnover_sources import Days, split_days

# --- the days of a question ---------------------------------------------------------------------------------------------

days = st.dates(date(2017, 1, 1), date(2017, 6, 30))
limits = st.tuples(st.none() | days, st.none() | days).filter(lambda d: d[0] is None or d[1] is None or d[0] < d[1])


@given(limits, days)
def test_whole_months_and_odd_days_are_the_time_asked_for_once(asked: Days, day: date) -> None:
    def within(span: Days) -> bool:
        return (span[0] is None or span[0] <= day) and (span[1] is None or day < span[1])

    months, odd = split_days(asked)
    assert sum(within(span) for span in ([] if months is None else [months]) + odd) == within(asked)
    assert all(limit is None or limit.day == 1 for limit in months or ())


# --- every answer is the same -------------------------------------------------------------------------------------------

ACCOUNTS = ("1004", "1036.01", "2015.01", "3007")


@dataclass(frozen=True)
class Line:
    """A posting as a model holds it."""

    book: int
    seq: int
    day: date
    posting: Posting


class History:
    """What was posted in two books, in the order of their sequences, beside the session that holds it."""

    def __init__(self, session: Session, books: list[Book]) -> None:
        self.session, self.books = session, books
        self.lines: list[Line] = []
        self.references: list[tuple[Book, str]] = []
        self.refused = 0

    def do(self, deed: tuple) -> None:
        """Do what can be done; what is refused leaves no trace."""
        kind, which, *rest = deed
        book = self.books[which]
        try:
            with self.session.begin_nested():
                getattr(self, f"_{kind}")(book, *rest)
        except LedgerError:
            self.refused += 1
        self._read(book)

    def _post(self, book: Book, entries: list) -> None:
        made = []
        for day, lines in entries:
            postings = tuple(p for account, fen, dims in lines for p in (
                Posting(account, Side.DEBIT, fen, dims), Posting("4007.01" if fen % 2 else "1004", Side.CREDIT, fen, dims)
            ))  # fmt: skip
            reference = f"h/{len(self.references) + len(made)}"
            made.append(
                JournalEntry(book=book.code, reference=reference, kind="x", value_date=day, narration="x", postings=postings)
            )
        post_many(self.session, made)
        self.references += [(book, entry.reference) for entry in made]

    def _reverse(self, _: Book, which: int, day: date) -> None:
        book, reference = self.references[which % len(self.references)] if self.references else (self.books[0], "none")
        reverse(self.session, book.code, reference, day, "t", "x")

    def _close(self, book: Book, month: int) -> None:
        close_month(self.session, book, date(2017, month, 1), CHIEF)

    def _reopen(self, book: Book, month: int) -> None:
        reopen_month(self.session, book, date(2017, month, 1), "补记", CHIEF)

    def _event(self, book: Book, count: int) -> None:
        take_sequence(self.session, {book.id: count})

    def _snapshot(self, _: Book, every: int) -> None:
        snapshots.take(self.session, every)

    def _read(self, _: Book) -> None:
        self.lines = [
            Line(row.book_id, row.seq, row.value_date, Posting(row.account, Side(row.side), row.fen, Dimensions(
                **{name: getattr(row, name) for name in DIMENSIONS}
            )))
            for row in self.session.execute(text("SELECT * FROM ledger.posting"))
        ]  # fmt: skip

    def expected(self, question: dict) -> dict[tuple[object, ...], Turnover]:
        """Return the answer as plain arithmetic gives it."""
        known = question.get("up_to_seq")
        found: dict[tuple[object, ...], Turnover] = {}
        for line in self.lines:
            p = line.posting
            if (
                (question.get("books") is None or line.book in question["books"])
                and (question.get("accounts") is None or p.account in question["accounts"])
                and (question.get("since") is None or line.day >= question["since"])
                and (question.get("until") is None or line.day <= question["until"])
                and (known is None or line.seq <= known.get(line.book, 0))
            ):
                key = (line.book, p.account, *(getattr(p.dimensions, name) for name in question.get("by", ())))
                held = found.get(key, Turnover(debit_fen=0, credit_fen=0))
                if p.side is Side.DEBIT:
                    found[key] = replace(held, debit_fen=held.debit_fen + p.fen)
                else:
                    found[key] = replace(held, credit_fen=held.credit_fen + p.fen)
        return found


dimensions = st.builds(
    Dimensions, county=st.sampled_from([None, "371621"]), bank=st.sampled_from([None, "A", "B"]),
    product=st.sampled_from([None, "XE"]), loan_id=st.sampled_from([None, 1, 2]), project=st.sampled_from([None, "P"]),
)  # fmt: skip
entry = st.tuples(
    days, st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.integers(1, 10**6), dimensions), min_size=1, max_size=2)
)
which = st.integers(0, 1)
deeds = st.one_of(
    st.tuples(st.just("post"), which, st.lists(entry, min_size=1, max_size=4)),
    st.tuples(st.just("post"), which, st.lists(entry, min_size=1, max_size=4)),
    st.tuples(st.just("reverse"), which, st.integers(0, 20), days),
    st.tuples(st.just("close"), which, st.integers(1, 6)),
    st.tuples(st.just("reopen"), which, st.integers(1, 6)),
    st.tuples(st.just("event"), which, st.integers(1, 3)),
    st.tuples(st.just("snapshot"), which, st.integers(1, 4)),
)
questions = st.fixed_dictionaries({
    "books": st.none() | st.sets(which), "accounts": st.none() | st.sets(st.sampled_from(ACCOUNTS)),
    "since": st.none() | days, "until": st.none() | days, "up_to_seq": st.none() | st.dictionaries(which, st.integers(0, 20)),
    "by": st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=3),
})  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(history=st.lists(deeds, min_size=3, max_size=14), asked=st.lists(questions, min_size=4, max_size=8))
def test_every_answer_is_the_same_with_and_without_snapshots(session: Session, city: dict[str, Book], history, asked) -> None:
    with session.begin_nested() as savepoint:
        books = [city["RCF"], city["ISF"]]
        begin_on(session, date(2017, 7, 1))
        for book in books:
            appoint(session, book, CHIEF, FIRST_DAY, "t")
        past = History(session, books)
        for deed in history:
            past.do(deed)
        for question in asked:
            question["books"] = None if question["books"] is None else [books[i].id for i in question["books"]]
            known = question["up_to_seq"]
            question["up_to_seq"] = None if known is None else {books[i].id: seq for i, seq in known.items()}
        expected = [past.expected(question) for question in asked]
        assert [turnovers(session, **question) for question in asked] == expected
        assert not list(snapshots.differences(session))
        snapshots.drop(session)
        assert [turnovers(session, **question) for question in asked] == expected
        snapshots.take(session, every=3)
        assert [turnovers(session, **question) for question in asked] == expected
        savepoint.rollback()
