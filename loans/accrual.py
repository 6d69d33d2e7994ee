"""Accrual (计提) in the night: target less posted, per book, product, county, payer and kind, and every fen explained.

An ordinary night writes nothing per loan. The exact interest not yet charged, E, must move from close to close by what
is known to have happened: E now = E then + tonight's days + later facts − charges. The ledger must hold what it held
less what was charged. Either not so, the run stops before it posts (house.md 3.4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books, hold_books
from ledger.calendar import DAY
from ledger.journal import Dimensions, JournalEntry, Posting
from ledger.money import round_half_up
from ledger.posting import post_many
from ledger.queries import Turnover, turnovers
from loans import entries
from loans.errors import UnexplainedDifference
from loans.exact_interest import NOTHING, Group, Units, arrays, as_known, group_of, run_up
from loans.movements import State
from loans.quarantine.frozen import EXEMPT, at_close, plus
from loans.quarantine.frozen import frozen as frozen_then
from loans.tables import accrual_figure, accrual_run
from loans.terms import StreamKind, interest_fen
from loans.terms.daycount import COMMON_YEAR

_GROUP = tuple(accrual_figure.c[name] for name in Group._fields)
_TONIGHT = (accrual_figure.c.whole_tonight, accrual_figure.c.gov_tonight)


_KEPT = (*Group._fields, "whole_units", "gov_units", "whole_tonight", "gov_tonight")
_KEEP = text(
    f"INSERT INTO loans.accrual_figure (business_date, {', '.join(_KEPT)}) SELECT CAST(:closing AS date), * FROM unnest("
    "CAST(:book_id AS bigint[]), CAST(:product AS text[]), CAST(:county AS text[]), CAST(:kind AS text[]), "
    "CAST(:state AS text[]), CAST(:whole_units AS numeric[]), CAST(:gov_units AS numeric[]), "
    "CAST(:whole_tonight AS numeric[]), CAST(:gov_tonight AS numeric[]))"
)


class Account(NamedTuple):
    """What a target is kept by: an account with its dimensions."""

    book_id: int
    account: str
    product: str
    county: str
    kind: str
    payer: str


@dataclass(frozen=True, slots=True)
class Accrued:
    """What a night accrued: the groups looked at and the fen posted (differences, red included); and what explains them.

    In fen: the closing day's interest, later facts of earlier days, what was charged since the last close, and what is frozen
    (冻结) of loans that are set aside, with their number.
    """

    groups: int
    fen: int
    tonight_fen: int
    later_fen: int
    charged_fen: int
    quarantined: int
    frozen_fen: int


_SINCE = """
SELECT begun.*, {{begun_aside}} AS aside
  FROM unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS r (book_id, seq)
 CROSS JOIN LATERAL (
    SELECT t.*, 1 AS sign FROM loans.{0} t WHERE t.book_id = r.book_id AND t.known_from_seq > r.seq ORDER BY t.known_from_seq
 ) AS begun
 WHERE begun.known_to_seq IS NULL
 UNION ALL
SELECT ended.*, {{ended_aside}}
  FROM unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS r (book_id, seq)
 CROSS JOIN LATERAL (
    SELECT t.*, -1 AS sign FROM loans.{0} t WHERE t.book_id = r.book_id AND t.known_to_seq > r.seq ORDER BY t.known_to_seq
 ) AS ended
 WHERE ended.known_from_seq <= r.seq
"""
"""What became known and what ceased to be since sequences of the books; ordered, so that each book's index is walked.

What happened to a loan that is or was set aside (`aside`) explains no interest: it is not counted, and not calculated.
"""

_FACTS = f"""
WITH changed AS ({_SINCE.format("stream")})
SELECT book_id, product, county, kind, state,
       sum(sign * rate_ppb * (1603080 / loans.year_ticks(day_count)) * base_ticks) AS whole,
       sum(sign * gov_ppb * (1603080 / loans.year_ticks(day_count)) * base_ticks) AS gov
  FROM (SELECT *, base_fen::numeric * CASE
                      WHEN least(end_date, CAST(:closing AS date)) <= start_date THEN 0
                      ELSE loans.ticks(day_count, anchor, start_date, least(end_date, CAST(:closing AS date))) END AS base_ticks
          FROM changed WHERE NOT aside) AS dated
 GROUP BY book_id, product, county, kind, state
"""

_CHARGED = f"""
WITH changed AS ({_SINCE.format("charge")})
SELECT book_id, product, county, kind, state,
       sum(CASE WHEN aside THEN 0 ELSE sign * whole_units * (1603080 / loans.year_ticks(day_count)) END) AS whole,
       sum(CASE WHEN aside THEN 0 ELSE sign * gov_units * (1603080 / loans.year_ticks(day_count)) END) AS gov,
       sum(sign * whole_fen)::bigint AS whole_fen, sum(sign * gov_fen)::bigint AS gov_fen
  FROM changed WHERE whole_units > 0 GROUP BY book_id, product, county, kind, state
"""

_MOVED = """
SELECT p.book_id, p.account, p.product, p.county, p.kind, p.payer,
       (SELECT e.kind FROM ledger.journal_entry e WHERE e.book_id = p.book_id AND e.seq = p.seq) = 'loans.rounded' AS rounding,
       sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END)::bigint AS fen
  FROM unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS r (book_id, seq)
 CROSS JOIN LATERAL (
    SELECT * FROM ledger.posting t WHERE t.book_id = r.book_id AND t.seq > r.seq ORDER BY t.seq OFFSET 0
 ) AS p
 WHERE p.account = '1132.09'
 GROUP BY p.book_id, p.account, p.product, p.county, p.kind, p.payer, rounding
"""

_UNPAID_OFF_BALANCE = """
SELECT c.book_id, c.product, c.county, c.kind, sum(c.whole_fen - c.gov_fen - c.paid_fen)::bigint AS fen
  FROM loans.standing s JOIN loans.charge c ON c.book_id = s.book_id AND c.loan_id = s.loan_id {seen}
 WHERE {s} AND s.state = 'non_accrual' AND {c} AND c.whole_fen - c.gov_fen - c.paid_fen > 0
 GROUP BY c.book_id, c.product, c.county, c.kind
"""


def accrue(session: Session, closing: date) -> Accrued:
    """Bring 1132.09 and 9201 to what they must be at the close of a day.

    Raises:
        UnexplainedDifference: the exact interest or the ledger moved by something that no fact explains.
    """
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    hold_books(session, list(mine))
    now, tonight = run_up(session, closing)
    known, then = _last_close(session)
    seqs = {book_id: known.get(book_id, 0) for book_id in mine}
    since = {"closing": closing, **arrays(seqs)}
    frozen = at_close(session, closing, seqs, then)
    charged = _charged(session, since, exempting=frozen.touched)
    facts = {
        group_of(row): Units(int(row.whole), int(row.gov))
        for row in session.execute(text(_exempting(_FACTS, exempting=frozen.touched)), since)
    }
    moved = session.execute(text(_MOVED), since).all()
    _explain_interest(mine, now, frozen.then, tonight, facts, charged)
    _explain_ledger(mine, moved, charged)
    now = plus(now, frozen.figures)
    fen = _post(session, mine, closing, _differences(_targets(session, now, None), _posted(session, mine, then, moved)))
    _remember(session, mine, closing, now, tonight)
    return Accrued(
        groups=_groups(now), fen=fen, tonight_fen=_fen(tonight), later_fen=_fen(facts),
        charged_fen=sum(row.whole_fen for row in charged.values()), quarantined=frozen.loans, frozen_fen=_fen(frozen.figures),
    )  # fmt: skip


def go_on(session: Session, closing: date) -> Accrued:
    """Accrue in a night at rest (平静之夜): every figure of the last close moves on by what its last day added to it."""
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    rows = session.execute(
        select(*_GROUP, accrual_figure.c.whole_units, accrual_figure.c.gov_units, *_TONIGHT).where(
            accrual_figure.c.business_date == closing - DAY
        )
    ).all()
    then = {Group(*row[:5]): Units(int(row[5]), int(row[6])) for row in rows}
    tonight = {Group(*row[:5]): Units(int(row[7]), int(row[8])) for row in rows}
    now = {group: units.plus(tonight[group]) for group, units in then.items()}
    fen = _post(session, mine, closing, _differences(_rounded(now), _rounded(then)))
    _remember(session, mine, closing, now, tonight)
    return Accrued(_groups(now), fen, _fen(tonight), later_fen=0, charged_fen=0, quarantined=0, frozen_fen=0)


def _post(session: Session, mine: Mapping[int, Book], closing: date, lines: Mapping[int, list[Posting]]) -> int:
    """Post the night's differences, one voucher per book; return the fen accrued on 1132.09."""
    post_many(session, [_voucher(mine[book_id], found, closing) for book_id, found in sorted(lines.items())])
    return sum(p.fen for found in lines.values() for p in found if p.account == entries.ACCRUED)


def _groups(figures: Mapping[Group, Units]) -> int:
    return sum(units != NOTHING for units in figures.values())


def _fen(figures: Mapping[Group, Units]) -> int:
    return round_half_up(interest_fen(sum(units.whole for units in figures.values()), COMMON_YEAR))


def closed_seqs(session: Session, closing: date) -> dict[int, int]:
    """Return what each book knew when the night of a day accrued: its sequence by book id."""
    return {
        row.book_id: row.closed_seq
        for row in session.execute(
            select(accrual_run.c.book_id, accrual_run.c.closed_seq).where(accrual_run.c.business_date == closing)
        )
    }


def last_accrued(session: Session, until: date | None = None) -> date | None:
    """Return the last day whose night accrued, up to a day if one is given."""
    found: date | None = session.scalar(
        select(func.max(accrual_run.c.business_date)).where(accrual_run.c.business_date <= (until or date.max))
    )
    return found


def moved_since(session: Session, seqs: Mapping[int, int]) -> dict[Account, tuple[int, int]]:
    """Return what must have moved on 1132.09 after these sequences of the books, and what did (fen)."""
    since = arrays(seqs)
    return _movements(session.execute(text(_MOVED), since).all(), _charged(session, since, exempting=True))


def targets(session: Session, closing: date, seqs: Mapping[int, int]) -> dict[Account, int]:
    """Return what 1132.09 and 9201 must be at a close, as known at these sequences of the books."""
    then, _ = run_up(session, closing, seqs)
    return _targets(session, plus(then, frozen_then(session, seqs)), seqs)


def _charged(session: Session, since: Mapping[str, object], *, exempting: bool) -> dict[Group, Row[Any]]:
    return {group_of(row): row for row in session.execute(text(_exempting(_CHARGED, exempting=exempting)), since)}


def _exempting(sql: str, *, exempting: bool) -> str:
    """Fill in whether a changed row's loan is or was set aside; on an ordinary night none is, and nobody asks."""
    return sql.format(**{f"{row}_aside": EXEMPT.format(row) if exempting else "false" for row in ("begun", "ended")})


def _account(row: Row[Any]) -> Account:
    return Account(row.book_id, row.account, row.product, row.county, row.kind, row.payer)


def _targets(session: Session, exact: Mapping[Group, Units], seqs: Mapping[int, int] | None) -> dict[Account, int]:
    found = _rounded(exact)
    for row in session.execute(text(as_known(_UNPAID_OFF_BALANCE, seqs)), arrays(seqs)):
        memo = Account(row.book_id, entries.MEMO_INTEREST, row.product, row.county, row.kind, entries.BORROWER)
        found[memo] = found.get(memo, 0) + row.fen
    return found


def _rounded(exact: Mapping[Group, Units]) -> dict[Account, int]:
    """Return exact interest as whole fen: government's part and an accruing borrower's on 1132.09, the rest on 9201."""
    sums: dict[Account, int] = {}
    for (book_id, product, county, kind, state), units in exact.items():
        government = Account(book_id, entries.ACCRUED, product, county, kind, entries.GOVERNMENT)
        sums[government] = sums.get(government, 0) + units.gov
        account = entries.ACCRUED if state == State.ACCRUING else entries.MEMO_INTEREST
        borrower = Account(book_id, account, product, county, kind, entries.BORROWER)
        sums[borrower] = sums.get(borrower, 0) + units.whole - units.gov
    return {key: round_half_up(interest_fen(units, COMMON_YEAR)) for key, units in sums.items()}


def _posted(
    session: Session, mine: Mapping[int, Book], then: Mapping[Group, Units], moved: Sequence[Row[Any]]
) -> dict[Account, int]:
    """Return what the ledger holds: on 1132.09 the last close's figure and what moved since, on 9201 the sum of all."""
    held = {key: fen for key, fen in _rounded(then).items() if key.account == entries.ACCRUED}
    for row in moved:
        key = _account(row)
        held[key] = held.get(key, 0) + row.fen
    by = ("product", "county", "kind", "payer")
    memo: Mapping[tuple[Any, ...], Turnover] = turnovers(session, books=mine, accounts=[entries.MEMO_INTEREST], by=by)
    held.update((Account(*key), turnover.balance_fen) for key, turnover in memo.items())
    return held


def _differences(wanted: Mapping[Account, int], posted: Mapping[Account, int]) -> dict[int, list[Posting]]:
    """Return the postings that bring posted to target, by book."""
    lines: dict[int, list[Posting]] = {}
    for key in sorted(wanted.keys() | posted.keys()):
        fen = wanted.get(key, 0) - posted.get(key, 0)
        if fen:
            group, stream = Dimensions(county=key.county, product=key.product), StreamKind(key.kind)
            made = (
                entries.accrued(stream, key.payer, fen, group)
                if key.account == entries.ACCRUED
                else entries.accrued_off_balance(stream, fen, group)
            )
            lines.setdefault(key.book_id, []).extend(made)
    return lines


def _last_close(session: Session) -> tuple[dict[int, int], dict[Group, Units]]:
    """Return each book's sequence at its last close, and the exact figures of then."""
    rows = session.execute(
        text(
            "SELECT r.book_id, r.closed_seq, f.product, f.county, f.kind, f.state, f.whole_units AS whole, f.gov_units AS gov "
            "FROM ledger.book b CROSS JOIN LATERAL (SELECT book_id, business_date, closed_seq "
            "FROM loans.accrual_run WHERE book_id = b.id ORDER BY business_date DESC LIMIT 1) AS r "
            "LEFT JOIN loans.accrual_figure f USING (book_id, business_date)"
        )
    ).all()
    then = {group_of(row): Units(int(row.whole), int(row.gov)) for row in rows if row.kind is not None}
    return {row.book_id: row.closed_seq for row in rows}, then


def _explain_interest(
    mine: Mapping[int, Book],
    now: Mapping[Group, Units],
    then: Mapping[Group, Units],
    tonight: Mapping[Group, Units],
    facts: Mapping[Group, Units],
    charged: Mapping[Group, Row[Any]],
) -> None:
    """Compare exact interest now with that of the last close and all that happened since.

    Raises:
        UnexplainedDifference: a group has interest that nothing explains.
    """
    for group in sorted(now.keys() | then.keys() | facts.keys() | charged.keys()):
        row = charged.get(group)
        settled = Units(int(row.whole), int(row.gov)) if row is not None else NOTHING
        expected = then.get(group, NOTHING).plus(tonight.get(group, NOTHING)).plus(facts.get(group, NOTHING)).plus(settled, -1)
        found = now.get(group, NOTHING)
        if expected != found:
            name = "/".join(group[1:])
            raise UnexplainedDifference(mine[group.book_id].code, name, "interest not charged (fen·ppb·days)", expected, found)


def _explain_ledger(mine: Mapping[int, Book], moved: Sequence[Row[Any]], charged: Mapping[Group, Row[Any]]) -> None:
    """Compare what moved on 1132.09 since the last close with what was charged since.

    Raises:
        UnexplainedDifference: somebody else posted there.
    """
    for key, (expected, found) in _movements(moved, charged).items():
        if expected != found:
            name = "/".join(str(part) for part in key[1:])
            raise UnexplainedDifference(mine[key.book_id].code, name, "movement since the last close (fen)", expected, found)


def _movements(moved: Sequence[Row[Any]], charged: Mapping[Group, Row[Any]]) -> dict[Account, tuple[int, int]]:
    """Return what charging must have moved on 1132.09, and what moved there, both in fen; rounding is the night's own."""
    expected: dict[Account, int] = {}
    for (book_id, product, county, kind, state), row in charged.items():
        government = Account(book_id, entries.ACCRUED, product, county, kind, entries.GOVERNMENT)
        expected[government] = expected.get(government, 0) - row.gov_fen
        if state == State.ACCRUING:
            borrower = Account(book_id, entries.ACCRUED, product, county, kind, entries.BORROWER)
            expected[borrower] = expected.get(borrower, 0) - (row.whole_fen - row.gov_fen)
    found = {_account(row): row.fen for row in moved if not row.rounding}
    return {key: (expected.get(key, 0), found.get(key, 0)) for key in sorted(expected.keys() | found.keys(), key=str)}


def _voucher(book: Book, lines: list[Posting], closing: date) -> JournalEntry:
    return JournalEntry(
        book=book.code,
        reference=f"night/accrued/{closing}",
        kind="loans.accrued",
        value_date=closing,
        narration=f"{closing:%Y-%m-%d} 计提贷款利息",
        event=f"night/{closing}",
        postings=tuple(lines),
    )


def _remember(
    session: Session, mine: Mapping[int, Book], closing: date, now: Mapping[Group, Units], tonight: Mapping[Group, Units]
) -> None:
    """Keep what the next close will start from: the books' sequences, the exact figures, and what the day added to them."""
    session.execute(
        text(
            "INSERT INTO loans.accrual_run (book_id, business_date, closed_seq) "
            "SELECT id, :closing, last_seq FROM ledger.book WHERE id = ANY(:ids)"
        ),
        {"ids": list(mine), "closing": closing},
    )
    added = {group: tonight.get(group, NOTHING) for group in now}
    kept = [(*group, *units, *added[group]) for group, units in now.items() if units != NOTHING or added[group] != NOTHING]
    if kept:
        session.execute(_KEEP, {"closing": closing, **dict(zip(_KEPT, map(list, zip(*kept, strict=True)), strict=True))})
