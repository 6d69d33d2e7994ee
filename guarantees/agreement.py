"""Agreement (约定): a county and a bank agree their pool."""

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from guarantees.tables import pool
from ledger.books import Book


def open_pool(session: Session, book: Book, bank: str, *, share_ppb: int, leverage: int, claim_after_days: int = 90) -> None:
    """Agree a pool between a county and a bank; agreeing it again changes nothing."""
    if session.execute(select(pool.c.bank).where(pool.c.book_id == book.id, pool.c.bank == bank)).one_or_none() is None:
        session.execute(
            insert(pool).values(
                book_id=book.id, bank=bank, share_ppb=share_ppb, leverage=leverage, claim_after_days=claim_after_days
            )
        )
