"""Questions to the claims: one by its number or its loan, those of some loans, or all."""

from collections.abc import Collection, Mapping

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from guarantees.claims.claim import Claim, Key, State, Step, fold
from guarantees.pool import Pool
from guarantees.queries import pools, terms_of_pools
from guarantees.tables import claim_event

_SOME = "JOIN unnest(CAST(:books AS bigint[]), CAST(:numbers AS text[])) AS k (book_id, number) USING (book_id, number)"
_STEPS = (
    "SELECT s.book_id, s.number, s.reference, s.kind, s.value_date, s.fen, s.actor, s.seq, s.note, s.findings, s.collected_on "
    "FROM guarantees.claim_event s {only} WHERE s.kind <> 'undone' AND NOT EXISTS (SELECT FROM guarantees.claim_event u "
    "WHERE u.book_id = s.book_id AND u.reference = s.reference || '/undone' {then}) ORDER BY s.book_id, s.seq"
)
_KNOWN = (
    " JOIN unnest(CAST(:known_books AS bigint[]), CAST(:known_seqs AS bigint[])) AS q (book_id, seq) "
    "ON q.book_id = s.book_id AND s.seq <= q.seq"
)
_CLAIMS = (
    "SELECT c.book_id, c.number, c.bank, c.loan_book_id, c.loan_id FROM guarantees.claim c {only} ORDER BY c.book_id, c.number"
)
_OF_LOANS = (
    "SELECT c.book_id, c.number FROM (SELECT DISTINCT book_id FROM guarantees.pool) p CROSS JOIN "
    "unnest(CAST(:books AS bigint[]), CAST(:loans AS bigint[])) AS k (loan_book_id, loan_id) "
    "JOIN guarantees.claim c ON c.book_id = p.book_id AND c.loan_book_id = k.loan_book_id AND c.loan_id = k.loan_id"
)
"""By the index of each fund's book: a loan's claim lies in its county's."""


_APPROVED = """
SELECT c.number FROM guarantees.claim c
 WHERE c.book_id = :book AND c.bank = :bank
   AND EXISTS (SELECT FROM guarantees.claim_event a WHERE a.book_id = c.book_id AND a.number = c.number AND a.kind = 'approved')
   AND NOT EXISTS (
    SELECT FROM guarantees.claim_event p
     WHERE p.book_id = c.book_id AND p.number = c.number AND p.kind = 'paid' AND NOT EXISTS (
        SELECT FROM guarantees.claim_event u WHERE u.book_id = p.book_id AND u.reference = p.reference || '/undone'))
"""


def claims(session: Session, keys: Collection[Key] | None = None, known: Mapping[int, int] | None = None) -> dict[Key, Claim]:
    """Return claims by (book id, number): some, or all; those whose filing was undone left out.

    As known now, or at these sequences of the books; what a book that is not named had is left out.
    """
    if keys is not None and not keys:
        return {}
    books, numbers = zip(*keys, strict=True) if keys else ((), ())
    values: dict[str, object] = {} if keys is None else {"books": list(books), "numbers": list(numbers)}
    only = "" if keys is None else _SOME
    steps_only, then = (only, "") if known is None else (only + _KNOWN, "AND u.seq <= q.seq")
    at = {} if known is None else {"known_books": list(known), "known_seqs": list(known.values())}
    taken: dict[Key, list[Step]] = {}
    for book_id, number, *facts in session.execute(text(_STEPS.format(only=steps_only, then=then)), values | at):
        reference, kind, day, fen, actor, seq, note, findings, collected_on = facts
        step = Step(
            reference=reference, kind=kind, value_date=day, fen=fen, actor=actor, seq=seq, note=note, findings=findings,
            collected_on=collected_on,
        )  # fmt: skip
        taken.setdefault((book_id, number), []).append(step)
    all_pools, agreed = pools(session), terms_of_pools(session)
    found = {}
    for row in session.execute(text(_CLAIMS.format(only=only)), values):
        steps = taken.get((row.book_id, row.number), ())
        if any(step.kind == "filed" for step in steps):
            pool, terms = all_pools[row.book_id, row.bank], agreed[row.book_id, row.bank]
            found[(row.book_id, row.number)] = fold(pool, terms, row.number, (row.loan_book_id, row.loan_id), steps)
    return found


def claim_numbered(session: Session, one: Pool, number: str) -> Claim | None:
    """Return the claim that bears a number in a pool's book."""
    return claims(session, [(one.book.id, number)]).get((one.book.id, number))


def claims_numbered(session: Session, number: str) -> list[Claim]:
    """Return the claims that bear a number, of all pools: two counties may number theirs alike."""
    books = {book_id for book_id, _ in pools(session)}
    return list(claims(session, [(book_id, number) for book_id in sorted(books)]).values())


def claims_of_loans(session: Session, loans: Collection[tuple[int, int]]) -> list[Claim]:
    """Return the claims for some loans, cancelled ones too."""
    books, ids = zip(*loans, strict=True) if loans else ((), ())
    rows = session.execute(text(_OF_LOANS), {"books": list(books), "loans": list(ids)})
    return list(claims(session, [(row.book_id, row.number) for row in rows]).values())


def claimed(session: Session, loan_book_id: int, loan_id: int) -> bool:
    """Tell whether a claim that was not cancelled names a loan."""
    return any(not one.cancelled for one in claims_of_loans(session, [(loan_book_id, loan_id)]))


def waiting_for_payment(session: Session, one: Pool) -> list[Claim]:
    """Return the claims of a pool that are approved and not paid."""
    rows = session.execute(text(_APPROVED), {"book": one.book.id, "bank": one.bank})
    found = claims(session, [(one.book.id, row.number) for row in rows])
    return [one for one in found.values() if one.state is State.APPROVED]


def records_of(session: Session, key: Key) -> int:
    """Return how many records a claim has, those undone too."""
    mine = select(func.count()).select_from(claim_event)
    return session.scalar(mine.where(claim_event.c.book_id == key[0], claim_event.c.number == key[1])) or 0
