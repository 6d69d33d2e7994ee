"""Limits (不得透支): what an account that may not be overdrawn holds, and what of a fund's cash is not promised yet (可用余额).

The chart names the accounts (`limited`), for each bank or project that it makes a line on them name. Their running balances are
kept by the database as postings come in, under the book's lock; a posting that would leave one below zero, on its own day or on
any later one, is refused there whoever posts it (`ledger.errors.Overdrawn`).
"""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

CASH = "1004"
PROMISED = "2015.%"
"""What is approved and not yet paid: claims, batches of subsidy, payments that came back and wait to be repeated."""

_HELD = """
SELECT coalesce(sum(fen), 0)::bigint FROM (
    SELECT DISTINCT ON (account, whose) fen FROM ledger.running_balance
     WHERE book_id = :book AND account LIKE :account AND (CAST(:whose AS text) IS NULL OR whose = :whose)
       AND (CAST(:until AS date) IS NULL OR day <= :until)
     ORDER BY account, whose, day DESC
) AS latest
"""


def held(session: Session, book_id: int, account: str, whose: str | None = None, until: date | None = None) -> int:
    """Return what a limited account holds on its own side, in fen, as of a day: for a bank or project, or for all of them."""
    values = {"book": book_id, "account": account, "whose": whose, "until": until}
    return int(session.scalar(text(_HELD), values) or 0)


def promised(session: Session, book_id: int, bank: str | None = None) -> int:
    """Return what a fund has approved and not yet paid, in fen, at a bank or at all of them."""
    return held(session, book_id, PROMISED, bank)


def available(session: Session, book_id: int, bank: str | None = None) -> int:
    """Return a fund's cash less what is promised, in fen; less than zero where more was approved than is there."""
    return held(session, book_id, CASH, bank) - promised(session, book_id, bank)
