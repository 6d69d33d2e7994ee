"""Reallocation (重新对应) in the night: where a loan was repaid or a draw changed, money finds other loans; all else rests.

An ordinary night asks two questions of the allocations that hold and writes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from loans.accrual import closed_seqs, last_accrued
from loans.relending.allocation import Fundable, Need, Pair, allocate
from loans.relending.draw import Draw
from loans.relending.funding import Close, Row, allocated_of, allocated_sums, spare, troubled, unused
from loans.relending.queries import draws
from loans.relending.tables import draw_allocation

_END = """
UPDATE loans.draw_allocation a SET end_date = :closing
  FROM unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[])) AS e (book_id, id)
 WHERE a.book_id = e.book_id AND a.id = e.id
"""


def reallocate(session: Session, closing: date) -> int:
    """Bring allocations to what draws and loans allow at the close of a day; return how many were begun or ended."""
    seqs = closed_seqs(session, closing)
    needs = _needs(draws(session, known=seqs), closing)
    held = allocated_sums(session, list(seqs))
    books = {book_id for book_id, _ in needs.keys() | held.keys()}
    if not books:
        return 0
    at = Close(day=closing, seqs={book_id: seqs[book_id] for book_id in sorted(books)})
    over = [key for key, fen in held.items() if fen > needs.get(key, 0)]
    lacking = dict.fromkeys(at.seqs, 0)
    for key, fen in needs.items():
        lacking[key[0]] += max(fen - held.get(key, 0), 0)
    previous = last_accrued(session, closing - DAY)
    before = Close(day=previous, seqs=closed_seqs(session, previous)) if previous else None
    again = troubled(session, at, before, over)
    for book_id, found in spare(session, at, [b for b, fen in lacking.items() if fen or b in again]).items():
        again[book_id] = list({loan.loan_id: loan for loan in (*again.get(book_id, ()), *found)}.values())
    touched = allocated_of(session, [(book_id, loan.loan_id) for book_id, loans in again.items() for loan in loans])
    for row in touched:
        lacking[row.book_id] += row.fen
    more = unused(session, at, {book_id: fen for book_id, fen in lacking.items() if fen})
    changed = 0
    for book_id in at.seqs:
        rows = [row for row in touched if row.book_id == book_id]
        loans = [*again.get(book_id, ()), *more.get(book_id, ())]
        made = allocate(_room(book_id, needs, held, rows), loans, {(row.number, row.loan_id): row.fen for row in rows})
        changed += _write(session, book_id, closing, rows, made, {loan.loan_id: loan for loan in loans})
    return changed


def _needs(all_draws: Sequence[Draw], closing: date) -> dict[tuple[int, str], int]:
    """Return the draws that have a balance at a close, the older ones first."""
    return {one.key: fen for one in all_draws if (fen := one.balance_on(closing))}


def _room(
    book_id: int, needs: Mapping[tuple[int, str], int], held: Mapping[tuple[int, str], int], rows: Sequence[Row]
) -> list[Need]:
    """Return what each draw of a book needs besides the allocations that stay as they are."""
    in_play: dict[str, int] = {}
    for row in rows:
        in_play[row.number] = in_play.get(row.number, 0) + row.fen
    return [Need(key[1], fen - held.get(key, 0) + in_play.get(key[1], 0)) for key, fen in needs.items() if key[0] == book_id]


def _write(
    session: Session, book_id: int, closing: date, rows: Sequence[Row], found: Mapping[Pair, int], loans: Mapping[int, Fundable]
) -> int:
    """End the allocations that are no more and begin the new ones; return how many."""
    wanted = {pair: (fen, loans[pair[1]].rate_ppb, loans[pair[1]].look_on) for pair, fen in found.items()}
    before = {(row.number, row.loan_id): row for row in rows}
    ended = [row for pair, row in before.items() if wanted.get(pair) != (row.fen, row.rate_ppb, row.look_on)]
    kept = before.keys() - {(row.number, row.loan_id) for row in ended}
    begun = [
        {
            "book_id": book_id,
            "number": number,
            "loan_id": loan_id,
            "fen": fen,
            "rate_ppb": rate,
            "look_on": look_on,
            "start_date": closing,
        }
        for (number, loan_id), (fen, rate, look_on) in wanted.items()
        if (number, loan_id) not in kept
    ]
    if ended:
        values = {"closing": closing, "books": [row.book_id for row in ended], "ids": [row.id for row in ended]}
        session.execute(text(_END), values)
    if begun:
        session.execute(insert(draw_allocation).inline(), begun)
    return len(ended) + len(begun)
