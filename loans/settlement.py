"""Settlement (结息) in the night: charges for every stream that falls due tomorrow, one set-based statement.

On a settlement day that is every loan; on another day, the loans whose principal falls due tomorrow (利随本清). It is
`Replay._charge` said in SQL; the tie of stored and replayed charges guards that they stay the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from ledger.calendar import DAY, dates_falling_on
from ledger.db import forget
from ledger.journal import Dimensions, JournalEntry, Posting, merged
from ledger.money import round_half_up
from ledger.posting import post_many, take_sequence
from loans import entries
from loans.movements import InterestCharged, State
from loans.queries import HORIZON
from loans.tables import horizon
from loans.terms import StreamKind, interest_fen, is_settlement_day, last_settlement_before


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement did: charges made, and their sum in fen."""

    charges: int
    fen: int


_CHARGE = """
WITH due AS (
    SELECT i.book_id, i.loan_id FROM loans.instalment i
     WHERE i.known_to_seq IS NULL AND NOT i.overdue AND i.paid_fen < i.principal_fen
       AND (i.rolls AND i.nominal_date = ANY(:rolled) OR NOT i.rolls AND i.nominal_date = :until)
), counted AS (
    SELECT s.book_id, s.loan_id, s.kind, s.basis, s.product, s.county, s.state, s.base_fen, s.rate_ppb, s.gov_ppb,
           greatest(s.start_date, CAST(:since AS date), x.until_date) AS first_day,
           least(s.end_date, CAST(:until AS date)) AS last_end
      FROM loans.stream s
      LEFT JOIN loans.charged_until x
        ON x.book_id = s.book_id AND x.loan_id = s.loan_id AND x.kind = s.kind AND x.known_to_seq IS NULL
     WHERE s.known_to_seq IS NULL AND (s.end_date IS NULL OR s.end_date > :since) AND s.start_date < :until
       AND (:everyone OR s.kind = 'contract' AND (s.book_id, s.loan_id) IN (SELECT book_id, loan_id FROM due))
), charged AS (
    INSERT INTO loans.charge (book_id, loan_id, kind, start_date, end_date, due_date, whole_fen, gov_fen, whole_units,
                              gov_units, paid_fen, basis, product, county, state, known_from_seq)
    SELECT c.book_id, c.loan_id, c.kind, min(first_day), :until, :until,
           round(sum(base_fen::numeric * rate_ppb * (last_end - first_day)) / (1000000000 * basis::numeric)),
           round(sum(base_fen::numeric * gov_ppb * (last_end - first_day)) / (1000000000 * basis::numeric)),
           sum(base_fen::numeric * rate_ppb * (last_end - first_day)),
           sum(base_fen::numeric * gov_ppb * (last_end - first_day)),
           0, basis, product, county, state, q.seq
      FROM counted c JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS q (book_id, seq) USING (book_id)
     WHERE last_end > first_day AND base_fen > 0 AND rate_ppb > 0
     GROUP BY c.book_id, c.loan_id, c.kind, basis, product, county, state, q.seq
     ORDER BY c.book_id, c.loan_id, c.kind
    RETURNING book_id, loan_id, kind, basis, product, county, state, whole_fen, gov_fen, whole_units, gov_units
), grouped AS (
    SELECT book_id, kind, basis, product, county, state, count(*) AS charges, sum(whole_fen)::bigint AS whole_fen,
           sum(gov_fen)::bigint AS gov_fen, sum(whole_units) AS whole_units, sum(gov_units) AS gov_units
      FROM charged GROUP BY book_id, kind, basis, product, county, state
), excepted AS (
    UPDATE loans.charged_until x SET known_to_seq = q.seq
      FROM charged c JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS q (book_id, seq) USING (book_id)
     WHERE NOT :everyone AND x.book_id = c.book_id AND x.loan_id = c.loan_id AND x.kind = c.kind AND x.known_to_seq IS NULL
    RETURNING x.id
), exceptions AS (
    INSERT INTO loans.charged_until (book_id, loan_id, kind, until_date, known_from_seq)
    SELECT c.book_id, c.loan_id, c.kind, :until, q.seq
      FROM charged c JOIN unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS q (book_id, seq) USING (book_id)
     WHERE NOT :everyone AND (SELECT count(*) FROM excepted) >= 0
)
SELECT * FROM grouped ORDER BY book_id, product, county, kind, state
"""


def settle(session: Session, closing: date) -> Settled:
    """Charge, at the close of a day, what falls due the next day, and post it per book, product, county, payer and kind."""
    until = closing + DAY
    everyone = is_settlement_day(closing)
    rolled = list(dates_falling_on(until))
    session.execute(update(horizon).values(charged_through=closing))
    forget(session, HORIZON)
    if everyone or _anything_due(session, rolled, until):
        return _charge(session, closing, until, rolled, everyone=everyone)
    return Settled(0, 0)


def _anything_due(session: Session, rolled: list[date], until: date) -> bool:
    return bool(
        session.scalar(
            text(
                "SELECT EXISTS (SELECT FROM loans.instalment i WHERE i.known_to_seq IS NULL AND NOT i.overdue "
                "AND i.paid_fen < i.principal_fen AND (i.rolls AND i.nominal_date = ANY(:rolled) "
                "OR NOT i.rolls AND i.nominal_date = :until))"
            ),
            {"rolled": rolled, "until": until},
        )
    )


def _charge(session: Session, closing: date, until: date, rolled: list[date], *, everyone: bool) -> Settled:
    mine = {book.id: book for book in books(session, BookKind.LOANS)}
    seqs = take_sequence(session, dict.fromkeys(mine, 1))
    rows = session.execute(
        text(_CHARGE),
        {
            "rolled": rolled, "until": until, "everyone": everyone, "since": last_settlement_before(closing) + DAY,
            "books": list(seqs), "seqs": list(seqs.values()),
        },
    ).all()  # fmt: skip
    lines: dict[int, list[Posting]] = {}
    adjustments: dict[int, list[Posting]] = {}
    for row in rows:
        kind, state = StreamKind(row.kind), State(row.state)
        group = Dimensions(county=row.county, product=row.product)
        charged = InterestCharged(value_date=closing, kind=kind, whole_fen=row.whole_fen, gov_fen=row.gov_fen, state=state)
        lines.setdefault(row.book_id, []).extend(entries.postings(charged, group))
        adjustments.setdefault(row.book_id, []).extend(_rounding(row, kind, state, group))
    post_many(
        session,
        [
            *_vouchers(mine, lines, closing, "charged", "结息"),
            *_vouchers(mine, adjustments, closing, "rounded", "结息四舍五入差额"),
        ],
    )
    return Settled(sum(row.charges for row in rows), sum(row.whole_fen for row in rows))


def _rounding(row: Row[Any], kind: StreamKind, state: State, group: Dimensions) -> tuple[Posting, ...]:
    """Return Σ rounded − Σ exact of a charge run per payer, to the fen (accounting.md)."""
    lines: tuple[Posting, ...] = ()
    whole_units, gov_units = int(row.whole_units), int(row.gov_units)
    government = row.gov_fen - round_half_up(interest_fen(gov_units, row.basis))
    borrower = row.whole_fen - row.gov_fen - round_half_up(interest_fen(whole_units - gov_units, row.basis))
    if government:
        lines += entries.accrued(kind, entries.GOVERNMENT, government, group)
    if borrower and state is State.ACCRUING:
        lines += entries.accrued(kind, entries.BORROWER, borrower, group)
    return lines


def _vouchers(
    mine: Mapping[int, Book], lines: Mapping[int, list[Posting]], closing: date, step: str, narration: str
) -> list[JournalEntry]:
    """Return one voucher per book of a step's postings, for the books that have any."""
    return [
        JournalEntry(
            book=mine[book_id].code,
            reference=f"night/{step}/{closing}",
            kind=f"loans.{step}",
            value_date=closing,
            narration=f"{closing:%Y-%m-%d} {narration}",
            postings=postings,
        )
        for book_id, found in sorted(lines.items())
        if (postings := merged(found))
    ]
