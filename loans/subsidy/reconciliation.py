"""Reconciliation (往来核对): what government owes a bank for each loan, as the bank's book and the fund's book have it.

Of all interest charged to government a part is received; the rest waits: not yet asked or rejected, asked and in review, approved
and not paid, or returned to the fund. The five together are what was charged, loan by loan (accounting.md, tie 4).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.books import Book
from loans.queries import Key
from loans.subsidy.batch import Batch, Stage
from loans.subsidy.queries import batches, settled

_CHARGED = """
SELECT c.book_id, c.loan_id, l.contract, sum(c.gov_fen)::bigint AS fen
  FROM loans.charge c JOIN loans.loan l ON l.book_id = c.book_id AND l.id = c.loan_id
 WHERE c.book_id = :book AND c.known_to_seq IS NULL GROUP BY c.book_id, c.loan_id, l.contract ORDER BY l.contract
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One loan's subsidy, in fen: charged to government, and where that stands."""

    loan: Key
    contract: str
    charged_fen: int
    received_fen: int
    in_review_fen: int
    approved_fen: int  # and not paid
    returned_fen: int

    @property
    def open_fen(self) -> int:
        """What the bank still has to get (1132.02)."""
        return self.charged_fen - self.received_fen

    @property
    def unasked_fen(self) -> int:
        """What no batch asks for, or was rejected and is carried over."""
        return self.open_fen - self.in_review_fen - self.approved_fen - self.returned_fen


def positions(session: Session, loan_book: Book) -> Iterator[Position]:
    """Yield the loans of a bank that government was ever charged for, in order of their contract numbers."""
    mine = batches(session, [loan_book.id])
    received = settled(mine)
    waiting = {kind: _waiting(mine, kind) for kind in ("review", "approved", "returned")}
    for row in session.execute(text(_CHARGED), {"book": loan_book.id}):
        key = (row.book_id, row.loan_id)
        parts = [waiting[kind].get(key, 0) for kind in ("review", "approved", "returned")]
        if row.fen or received[key] or any(parts):
            yield Position(
                loan=key, contract=row.contract, charged_fen=row.fen, received_fen=received[key], in_review_fen=parts[0],
                approved_fen=parts[1], returned_fen=parts[2],
            )  # fmt: skip


def _waiting(mine: Iterable[Batch], kind: str) -> dict[Key, int]:
    found: dict[Key, int] = {}
    for one in mine:
        if not one.to_bank:
            continue
        lines: list[tuple[Key, int]] = []
        if kind == "review" and one.stage is Stage.PREPARED:
            lines = [(line.loan, line.fen) for line in one.accepted]
        elif kind == "approved" and one.stage is Stage.APPROVED:
            lines = [(line.loan, fen) for line, fen in one.cash]
        elif kind == "returned" and one.stage is Stage.PAID:
            lines = [(line.loan, fen) for line, fen in one.cash if line.loan[1] in one.returned]
        for key, fen in lines:
            found[key] = found.get(key, 0) + fen
    return found
