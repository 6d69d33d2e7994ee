"""Agreeing a pool's terms (签订约定): who booked them, after which document and why; they bind from their first day on."""

from dataclasses import replace

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from guarantees.errors import TermsRefused
from guarantees.pool import Pool
from guarantees.queries import lock, terms_of_pools
from guarantees.tables import claim, claim_event, pool, pool_terms
from guarantees.terms import PoolTerms, Share, require_sound
from ledger.books import Book
from ledger.business_day import business_date
from ledger.posting import take_sequence

FIRST = "启用时约定"
"""The document and the reason of the terms with which a pool begins."""


def open_pool(session: Session, book: Book, bank: str, *, share_ppb: int, leverage: int, claim_after_days: int = 90) -> None:
    """Begin a pool between a county and a bank with its first terms; beginning it again changes nothing."""
    begun = upsert(pool).values(book_id=book.id, bank=bank).on_conflict_do_nothing().returning(pool.c.bank)
    if session.execute(begun).one_or_none() is None:
        return
    terms = PoolTerms(
        from_date=business_date(session), shares=(Share("县级", share_ppb),) if share_ppb else (), leverage=leverage,
        claim_after_days=claim_after_days, document=FIRST, reason=FIRST,
    )  # fmt: skip
    _keep(session, book.id, bank, terms, "system")


def agree(session: Session, one: Pool, terms: PoolTerms, actor: str) -> PoolTerms:
    """Book terms of a pool from a day on that has not passed; the same ones booked again change nothing.

    Raises:
        TermsRefused: they make no sense, or begin before the business date.
    """
    require_sound(one.bank, terms)
    lock(session, [one])
    agreed = terms_of_pools(session)[one.book.id, one.bank]
    for known in agreed:
        if replace(known, seq=terms.seq, actor=terms.actor) == terms:
            return known
    today = business_date(session)
    if terms.from_date < today:
        raise TermsRefused(one.bank, f"{terms.from_date} 早于营业日 {today}，约定不溯及既往")
    return replace(terms, seq=_keep(session, one.book.id, one.bank, terms, actor), actor=actor)


def withdraw(session: Session, one: Pool, seq: int, reason: str, actor: str) -> None:
    """Take terms back that nothing stands on: their day has not passed, and nobody filed a claim under them.

    Raises:
        TermsRefused: there are none of that number, they are the first, their day has passed, or a claim stands on them.
    """
    lock(session, [one])
    agreed = terms_of_pools(session)[one.book.id, one.bank]
    terms = next((known for known in agreed if known.seq == seq), None)
    if terms is None:
        raise TermsRefused(one.bank, f"没有序号为 {seq} 的约定")
    if terms is agreed[0]:
        raise TermsRefused(one.bank, "最初的约定不能撤销")
    if not reason.strip():
        raise TermsRefused(one.bank, "撤销约定须有事由")
    today = business_date(session)
    if terms.from_date < today:
        raise TermsRefused(one.bank, f"约定自 {terms.from_date} 起已生效，不能撤销，请另行约定")
    if _stands_on(session, one, terms):
        raise TermsRefused(one.bank, "已有代偿按该约定申请，不能撤销")
    _keep(session, one.book.id, one.bank, replace(terms, reason=reason), actor, withdraws_seq=seq)


def _stands_on(session: Session, one: Pool, terms: PoolTerms) -> bool:
    """Tell whether a claim of the pool was filed under terms since they were booked."""
    mine = (claim_event.c.book_id == claim.c.book_id) & (claim_event.c.number == claim.c.number)
    filed = select(claim_event.c.seq).join_from(claim_event, claim, mine).where(
        claim.c.book_id == one.book.id, claim.c.bank == one.bank, claim_event.c.kind == "filed",
        claim_event.c.value_date >= terms.from_date, claim_event.c.seq > terms.seq,
    )  # fmt: skip
    return bool(session.scalar(select(filed.exists())))


def _keep(
    session: Session, book_id: int, bank: str, terms: PoolTerms, actor: str, withdraws_seq: int | None = None
) -> int:  # fmt: skip
    seq = take_sequence(session, {book_id: 1})[book_id]
    session.execute(
        insert(pool_terms).values(
            book_id=book_id, seq=seq, bank=bank, from_date=terms.from_date,
            shares=[[part.name, part.ppb, part.government] for part in terms.shares], leverage=terms.leverage,
            claim_after_days=terms.claim_after_days, approval=terms.approval, warn_ppb=terms.warn_ppb, fuse_ppb=terms.fuse_ppb,
            worse_ppb=terms.worse_ppb, loss_basis=terms.loss_basis, recovery_order=terms.recovery_order,
            pass_on_days=terms.pass_on_days, advances=terms.advances, interest=terms.interest,
            document=terms.document, reason=terms.reason, actor=actor, withdraws_seq=withdraws_seq,
        )
    )  # fmt: skip
    return seq
