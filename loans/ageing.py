"""Ageing (逾期处理) in the night: the few loans for which the day brings something are aged; all others rest.

Touched are loans with an instalment or an interest charge that was due today and is unpaid, and those that pass from
90 to 91 days past due. Plain loans are aged by statements over all of them, the others one by one by replay.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from ledger.calendar import DAY
from ledger.db import forget
from ledger.journal import JournalEntry, Posting, merged
from ledger.posting import post_many, take_sequence
from loans import projection
from loans.entries import difference, postings
from loans.life import Horizon
from loans.mass_ageing import PLAIN, PLAIN_EVENTS, fall_overdue, stop_accruing
from loans.movements import FellOverdue, InterestCapitalised, Movement, StoppedAccruing
from loans.quarantine.queries import sound
from loans.queries import HORIZON, Key, contracts, events_of
from loans.replay import replay
from loans.settlement import FALLING
from loans.tables import horizon
from loans.terms import NON_ACCRUAL_AFTER_DAYS
from loans.terms.rolling import falling_due_on

_FOUND = f"""
SELECT i.book_id, i.loan_id, true AS falls, false AS stops {FALLING}
 WHERE NOT i.overdue AND i.paid_fen <> i.principal_fen
 UNION ALL
SELECT book_id, loan_id, true, false FROM loans.charge
 WHERE known_to_seq IS NULL AND whole_fen - gov_fen - paid_fen > 0 AND due_date = :closing
 UNION ALL
SELECT book_id, loan_id, false, true FROM loans.standing
 WHERE known_to_seq IS NULL AND oldest_due IS NOT NULL AND state = 'accruing' AND oldest_due <= :stopping
"""
_TOUCHED = f"""
SELECT t.book_id, array_agg(t.loan_id ORDER BY t.loan_id) FILTER (WHERE plain AND falls AND NOT stops) AS falling,
       array_agg(t.loan_id ORDER BY t.loan_id) FILTER (WHERE plain AND stops AND NOT falls) AS stopping,
       array_agg(t.loan_id ORDER BY t.loan_id) FILTER (WHERE NOT plain OR falls AND stops) AS others
  FROM (
    SELECT book_id, loan_id, bool_or(falls) AS falls, bool_or(stops) AS stops
      FROM ({_FOUND}) AS found GROUP BY book_id, loan_id
  ) AS t JOIN loans.loan l ON l.book_id = t.book_id AND l.id = t.loan_id
 CROSS JOIN LATERAL (SELECT coalesce({PLAIN}, false) AS plain) AS p
 WHERE {sound("t")}
 GROUP BY t.book_id ORDER BY t.book_id
"""

AT_ONCE = 50_000
"""Loans that are aged together, those of whole books: so many are in memory."""
REPLAYED_AT_ONCE = 1_000

WHAT = {FellOverdue: "转逾期", StoppedAccruing: "转非应计", InterestCapitalised: "利息转本"}
"""What a close can do to a loan, as its voucher says."""


@dataclass(frozen=True, slots=True)
class Aged:
    """What ageing did: loans looked at, and how many of them stopped accruing."""

    touched: int
    stopped: int


@dataclass(slots=True)
class _Books:
    """Some books while their loans are aged: the postings made, what they say, and how many loans stopped accruing."""

    lines: dict[int, list[Posting]] = field(default_factory=dict)
    what: dict[int, set[str]] = field(default_factory=dict)
    stopped: int = 0

    def add(self, book_id: int, lines: Iterable[Posting], movements: Iterable[Movement]) -> None:
        """Add what a close did to a loan."""
        self.lines.setdefault(book_id, []).extend(lines)
        self.what.setdefault(book_id, set()).update(WHAT[type(one)] for one in movements if type(one) in WHAT)

    def vouchers(self, mine: Mapping[int, Book], closing: date) -> list[JournalEntry]:
        """Return one voucher per book, for the books that have any postings."""
        return [
            JournalEntry(
                book=mine[book_id].code,
                reference=f"night/aged/{closing}",
                kind="loans.aged",
                value_date=closing,
                narration=f"{closing:%Y-%m-%d} 贷款{'、'.join(sorted(self.what[book_id], reverse=True))}",
                postings=found,
                event=f"night/{closing}",
            )
            for book_id, lines in sorted(self.lines.items())
            if (found := merged(lines))
        ]


def age(session: Session, closing: date) -> Aged:
    """Let the close of a day pass over the loans, and post what falls overdue or stops accruing, one voucher per book."""
    row = session.execute(text("SELECT charged_through, aged_through FROM loans.horizon FOR UPDATE")).one()
    before, after = Horizon(row.charged_through, row.aged_through), Horizon(row.charged_through, closing)
    falling = falling_due_on(closing)
    found = session.execute(text(_TOUCHED), {**_dates(closing), "plain_events": list(PLAIN_EVENTS)}).all()
    seqs = take_sequence(session, {row.book_id: 1 for row in found})
    mine = {book.id: book for book in books(session, BookKind.LOANS)} if found else {}
    stopped = 0
    for group in _together(found):
        aged = _Books()
        _age_plain(session, group, seqs, closing, falling, aged)
        others = [(row.book_id, loan_id) for row in group for loan_id in row.others or ()]
        for start in range(0, len(others), REPLAYED_AT_ONCE):
            _replay(session, others[start : start + REPLAYED_AT_ONCE], seqs, before, after, aged)
        post_many(session, aged.vouchers(mine, closing))
        stopped += aged.stopped
    session.execute(update(horizon).values(aged_through=closing))
    forget(session, HORIZON)
    return Aged(sum(_size(row) for row in found), stopped)


def touches(session: Session, closing: date) -> bool:
    """Tell whether the close of a day would age any loan."""
    return bool(session.scalar(text(f"SELECT EXISTS ({_FOUND})"), _dates(closing)))


def _dates(closing: date) -> dict[str, object]:
    falling = falling_due_on(closing)
    return {
        "codes": [code for code, _ in falling], "dates": [nominal for _, nominal in falling], "closing": closing,
        "stopping": closing - (NON_ACCRUAL_AFTER_DAYS + 1) * DAY,
    }  # fmt: skip


def _size(row: Row[Any]) -> int:
    return sum(len(ids) for ids in (row.falling, row.stopping, row.others) if ids)


def _together(found: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """Yield books in order, as many together as have loans enough."""
    group: list[Row[Any]] = []
    for row in found:
        if group and sum(map(_size, group)) + _size(row) > AT_ONCE:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _age_plain(
    session: Session,
    group: Sequence[Row[Any]],
    seqs: Mapping[int, int],
    closing: date,
    falling: Sequence[tuple[str, date]],
    aged: _Books,
) -> None:
    """Age the plain loans of some books by statements."""
    late = {row.book_id: row.falling for row in group if row.falling}
    stopping = {row.book_id: row.stopping for row in group if row.stopping}
    for book_id, dimensions, movement in fall_overdue(session, late, seqs, closing, falling):
        aged.add(book_id, postings(movement, dimensions), (movement,))
    for book_id, dimensions, movement in stop_accruing(session, stopping, seqs, closing):
        aged.add(book_id, postings(movement, dimensions), (movement,))
        aged.stopped += 1


def _replay(
    session: Session, keys: Sequence[Key], seqs: Mapping[int, int], before: Horizon, after: Horizon, aged: _Books
) -> None:
    """Age loans by replay: the entry is what their lives after the close have moved beyond those before."""
    found, happened = contracts(session, keys), events_of(session, keys)
    saved = []
    for key in keys:
        contract = found[key]
        old, new = (replay(contract.terms, happened[key], at) for at in (before, after))
        saved.append((contract, new, seqs[contract.book_id]))
        fresh = set(new.movements) - set(old.movements)
        aged.add(contract.book_id, difference(old.movements, new.movements, contract), fresh)
        aged.stopped += old.standing.state is not new.standing.state
    projection.save(session, saved)
