"""Snapshots change no answer: whatever was posted, closed and opened again, and whatever is asked."""

import random
from dataclasses import dataclass, replace
from datetime import date

import pytest
from conftest import FIRST_DAY, open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_ledger import RCF, contributed
from test_replay_laws import begin_on
from test_vouchers import CHIEF, at_once

from app.balances import BalanceRefused, balances
from ledger import snapshots, ties
from ledger.books import Book, book_named
from ledger.calendar import DAY
from ledger.closing import close_month, reopen_month
from ledger.db import unit_of_work
from ledger.errors import LedgerError
from ledger.journal import Dimensions, JournalEntry, Posting, Side, credit, debit
from ledger.officers import appoint
from ledger.posting import post, post_many, take_sequence
from ledger.queries import DIMENSIONS, Turnover, last_sequences, sequences_at, turnovers
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


WEIGHTS = {"post": 9, "reverse": 3, "close": 2, "reopen": 2, "event": 1, "snapshot": 3}


class Chance:
    """What happens and what is asked, drawn from a seed: histories are long from the first example on."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def day(self) -> date:
        return date(2017, 1, 1) + self.draw.randrange(120) * DAY

    def maybe(self, value: object) -> object:
        return self.draw.choice((None, value))

    def dimensions(self) -> Dimensions:
        return Dimensions(
            county=self.draw.choice((None, "371621")), bank=self.draw.choice((None, "A", "B")),
            loan_id=self.draw.choice((None, 1)), project=self.draw.choice((None, "P")),
        )  # fmt: skip

    def entry(self) -> tuple:
        lines = [
            (self.draw.choice(ACCOUNTS), self.draw.randint(1, 10**6), self.dimensions()) for _ in range(self.draw.randint(1, 2))
        ]
        return self.day(), lines

    def deed(self) -> tuple:
        (kind,) = self.draw.choices(list(WEIGHTS), list(WEIGHTS.values()))
        rest = {
            "post": lambda: [[self.entry() for _ in range(self.draw.randint(1, 5))]],
            "reverse": lambda: [self.draw.randrange(40), self.day()],
            "close": lambda: [self.draw.randint(1, 2)],
            "reopen": lambda: [self.draw.randint(1, 2)],
            "event": lambda: [self.draw.randint(1, 3)],
            "snapshot": lambda: [self.draw.randint(1, 4)],
        }[kind]()
        return kind, self.draw.randrange(2), *rest

    def question(self, books: list[Book]) -> dict:
        since, until = sorted((self.day(), self.day()))
        return {
            "books": self.draw.choice((None, None, [books[0].id], [books[1].id])),
            "accounts": self.maybe(self.draw.sample(ACCOUNTS, 2)), "since": self.maybe(since), "until": self.maybe(until),
            "up_to_seq": self.maybe({book.id: self.draw.randint(1, 30) for book in books}),
            "by": self.draw.sample(DIMENSIONS, self.draw.choice((0, 1, 2))),
        }  # fmt: skip


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_answer_is_the_same_with_and_without_snapshots(session: Session, city: dict[str, Book], seed: int) -> None:
    with session.begin_nested() as savepoint:
        books = [city["RCF"], city["ISF"]]
        begin_on(session, date(2017, 7, 1))
        for book in books:
            appoint(session, book, CHIEF, FIRST_DAY, "t")
        past, chance = History(session, books), Chance(seed)
        for _ in range(20):
            past.do(chance.deed())
        asked = [chance.question(books) for _ in range(15)]
        expected = [past.expected(question) for question in asked]
        assert [turnovers(session, **question) for question in asked] == expected
        assert not list(snapshots.differences(session))
        snapshots.drop(session)
        assert [turnovers(session, **question) for question in asked] == expected
        assert snapshots.take(session, every=3) == sum(seq // 3 for seq in last_sequences(session).values())
        assert [turnovers(session, **question) for question in asked] == expected
        savepoint.rollback()


# --- taking them --------------------------------------------------------------------------------------------------------


def test_what_was_believed_on_a_day_about_an_earlier_one(session: Session, city: dict[str, Book]) -> None:
    book = city["RCF"]
    post(session, contributed(100, "a", date(2017, 5, 20)))
    believed = session.scalar(text("SELECT clock_timestamp()"))
    post(session, contributed(7, "late", date(2017, 5, 31)))
    post(session, contributed(50, "june", date(2017, 6, 10)))
    for every in (1, 2, 5):
        snapshots.drop(session)
        snapshots.take(session, every)
        known = sequences_at(session, believed, [book.id])
        assert known == {book.id: 1}
        held = {"books": [book.id], "accounts": ["1004"], "until": date(2017, 5, 31)}
        assert turnovers(session, **held, up_to_seq=known)[(book.id, "1004")].balance_fen == 100
        assert turnovers(session, **held)[(book.id, "1004")].balance_fen == 107


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), every=st.integers(1, 4))
def test_a_moment_names_the_sequence_before_the_first_entry_booked_after_it(
    session: Session, city: dict[str, Book], seed: int, every: int
) -> None:
    with session.begin_nested() as savepoint:
        draw, books = random.Random(seed), [city["RCF"], city["ISF"]]
        moments = [session.scalar(text("SELECT clock_timestamp()"))]
        for number in range(12):
            book = draw.choice(books)
            if draw.random() < 0.3:
                take_sequence(session, {book.id: draw.randint(1, 3)})
            post(session, contributed(1, f"m/{number}", book=book.code))
            if draw.random() < 0.3:
                snapshots.take(session, every)
            moments.append(session.scalar(text("SELECT clock_timestamp()")))
        booked = session.execute(text("SELECT book_id, seq, booked_at FROM ledger.journal_entry")).all()
        for moment in [*moments, *(row.booked_at for row in booked)]:
            later = {book.id: [r.seq for r in booked if r.book_id == book.id and r.booked_at > moment] for book in books}
            expected = {b: min(seqs) - 1 if seqs else last_sequences(session)[b] for b, seqs in later.items()}
            assert sequences_at(session, moment, [book.id for book in books]) == expected
        savepoint.rollback()


def test_snapshots_taken_while_eight_write_hold_what_was_written(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        open_city(session)

    def work(who: int) -> None:
        for number in range(12):
            with unit_of_work(own_engine) as mine:
                post(mine, contributed(1, f"{who}/{number}", date(2017, 1 + number % 3, 1 + who)))
            if number % 2:
                with unit_of_work(own_engine) as mine:
                    snapshots.take(mine, every=5)

    assert at_once(8, work) == [None] * 8
    with unit_of_work(own_engine) as session:
        book = book_named(session, RCF).id
        assert session.scalar(text("SELECT count(*) FROM ledger.snapshot")) == 8 * 12 // 5
        assert not list(snapshots.differences(session))
        assert turnovers(session)[(book, "1004")].debit_fen == 8 * 12


def test_a_damaged_snapshot_is_named_and_taken_anew(own_engine: Engine) -> None:
    with unit_of_work(own_engine) as session:
        open_city(session)
        post_many(session, [contributed(100, f"a{number}") for number in range(4)])
        snapshots.take(session, every=2)
    damages = (
        ("UPDATE ledger.snapshot_turnover SET debit_fen = debit_fen + 1 WHERE account = '1004' AND through_seq = 4",
         "序号 4 2017-03 1004 371621 HMRCB：快照 借 2.01 贷 0.00，分录 借 2.00 贷 0.00"),
        ("DELETE FROM ledger.snapshot_turnover WHERE account = '4007.01' AND through_seq = 2", "序号 2 2017-03 4007.01"),
        ("INSERT INTO ledger.snapshot_turnover VALUES (1, 4, 9, '2017-04-01', '3007', NULL, NULL, NULL, NULL, NULL, NULL, 0, 0)",
         "序号 4 2017-04 3007"),
        ("UPDATE ledger.snapshot SET booked_at = booked_at - interval '1 day' WHERE through_seq = 2", "序号 2：记账时间与凭证不符"),
    )  # fmt: skip
    superuser = create_engine(own_engine.url)
    for statement, said in damages:
        with superuser.begin() as connection:
            connection.execute(text(statement))
        with unit_of_work(own_engine) as session:
            bad = [check for check in ties.checks(session) if not check.ok]
            assert [check.check for check in bad] == ["ledger: snapshots (余额快照) of RCF-371621"]
            assert said in bad[0].actual
            snapshots.drop(session)
            snapshots.take(session, every=2)
            assert all(check.ok for check in ties.checks(session))
    superuser.dispose()
    with unit_of_work(own_engine) as session, pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.execute(text("UPDATE ledger.snapshot_turnover SET debit_fen = 0"))


# --- the command's figures ----------------------------------------------------------------------------------------------


def test_balances_by_dimension_and_household_as_known_at_a_sequence(session: Session, city: dict[str, Book]) -> None:
    lent = city["LB"]
    for number, home in ((1, "0001"), (2, "0001"), (3, None)):
        session.execute(
            text(
                "INSERT INTO loans.loan (book_id, id, contract, product, county, household, borrower, terms) "
                "VALUES (:book, :id, 'C' || :id, 'XE', '371621', :home, 'P', '{}')"
            ),
            {"book": lent.id, "id": number, "home": home},
        )
        lines = (debit("1303.01", 100 * number, Dimensions(product="XE", loan_id=number)), credit("3001", 100 * number))
        post(session, JournalEntry(
            book=lent.code, reference=f"d/{number}", kind="x", value_date=date(2017, 1, number), narration="x", postings=lines,
        ))  # fmt: skip
    asked = {"book": lent.code, "accounts": ["1303.01"]}
    by_home = balances(session, **asked, by=["product", "household"])
    assert [(line.groups, line.turnover.debit_fen) for line in by_home.lines] == [(("XE", None), 300), (("XE", "0001"), 300)]
    assert by_home.known == [(lent, 3)]
    assert balances(session, **asked, known_at="2").lines[0].turnover.balance_fen == 300
    assert balances(session, **asked, as_of=date(2017, 1, 1)).lines[0].turnover.balance_fen == 100
    for known_at, said in (("4", "sequence 3 only"), ("2017-01-01", "尚未日终"), ("soon", "no moment")):
        with pytest.raises(BalanceRefused, match=said):
            balances(session, **asked, known_at=known_at)
    with pytest.raises(BalanceRefused, match="name it with --book"):
        balances(session, known_at="2")
    with pytest.raises(BalanceRefused, match="can't show by 'village'"):
        balances(session, by=["village"])
