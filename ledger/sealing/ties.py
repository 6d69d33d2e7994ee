"""What must tie of the seals (accounting.md, tie 6): every sealed row of a book recomputes."""

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from ledger.sealing.chain import Chain
from ledger.sealing.verify import verify
from ledger.ties import Check


def checks(session: Session, chains: Sequence[Chain]) -> Iterator[Check]:
    """Yield a check per book: how many of its rows do not fit their seals."""
    faults: Counter[str] = Counter()
    for one in verify(session, chains):
        faults[one.book] += len(one.findings)
    for book, count in faults.items():
        yield Check(check=f"ledger: rows that do not fit their seals in {book}", expected="0", actual=str(count))
