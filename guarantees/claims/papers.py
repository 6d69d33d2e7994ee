"""A claim's papers (代偿材料): what the bank lodges for a loan before it files, each with its SHA-256 and number of pages.

Papers belong to the loan: a claim that is returned or withdrawn and filed anew finds them there.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from guarantees.claims.rules import PAPERS, unknown_papers
from guarantees.errors import PaperRefused
from guarantees.pool import Pool
from guarantees.queries import lock
from guarantees.tables import claim_paper
from ledger.business_day import business_date, business_date_from
from ledger.posting import take_sequence
from loans.contract import Contract
from loans.queries import UNDONE, free_references

_STANDS = (
    "p.kind = 'lodged' AND NOT EXISTS (SELECT FROM guarantees.claim_paper u WHERE u.book_id = p.book_id "
    f"AND u.reference = p.reference || '{UNDONE}')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper as lodged: which of them, received when, the SHA-256 of its file, its pages."""

    paper: str
    day: date
    sha256: str
    pages: int


def lodge(session: Session, one: Pool, contract: Contract, made: Sequence[Paper], actor: str) -> list[str]:
    """Lodge papers for a loan, and return the references of those that are new; one with the same facts stays as it is.

    Raises:
        PaperRefused: a paper that there is not, a SHA-256 that is none, no pages, or the same file with other facts.
        FutureDate: the day has not come.
    """
    business_date_from(session, (paper.day for paper in made))
    lock(session, [one])
    fresh = []
    for paper in made:
        _require_sound(contract, paper)
        name = f"{contract.book}/{contract.contract}/{paper.paper}/{paper.sha256}"
        name = free_references(session, [(one.book.id, name)], _referenced)[(one.book.id, name)]
        known = _referenced(session, [(one.book.id, name)]).get((one.book.id, name))
        if known is None:
            _insert(session, one.book.id, contract.key, paper, "lodged", name, actor)
            fresh.append(name)
        elif known[1] != paper:
            raise PaperRefused(contract.contract, paper.paper, "同一文件已登记，且日期或页数不同")
    return fresh


def undo(session: Session, book_id: int, reference: str, actor: str) -> None:
    """Take a paper back, with a red record; what a claim was filed on stays what it was then."""
    known = _referenced(session, [(book_id, reference), (book_id, f"{reference}{UNDONE}")])
    if (book_id, reference) in known and (book_id, f"{reference}{UNDONE}") not in known:
        loan, paper = known[(book_id, reference)]
        red = Paper(paper=paper.paper, day=business_date(session), sha256=paper.sha256, pages=paper.pages)
        _insert(session, book_id, loan, red, "undone", f"{reference}{UNDONE}", actor)


def papers_of(session: Session, one: Pool, loan: tuple[int, int]) -> list[Paper]:
    """Return the papers that are lodged for a loan, in the order in which they came."""
    rows = session.execute(
        text(
            "SELECT p.paper, p.value_date, p.sha256, p.pages FROM guarantees.claim_paper p WHERE p.book_id = :book "
            f"AND p.loan_book_id = :loan_book AND p.loan_id = :loan AND {_STANDS} ORDER BY p.seq"
        ),
        {"book": one.book.id, "loan_book": loan[0], "loan": loan[1]},
    )
    return [Paper(paper=row.paper, day=row.value_date, sha256=row.sha256, pages=row.pages) for row in rows]


def missing(wanted: Sequence[str], lodged: Collection[Paper], day: date) -> list[str]:
    """Return which of the papers that are asked for were not lodged by a day."""
    there = {one.paper for one in lodged if one.day <= day}
    return [paper for paper in wanted if paper not in there]


def _require_sound(contract: Contract, one: Paper) -> None:
    if unknown_papers([one.paper]):
        raise PaperRefused(contract.contract, one.paper, f"没有这种材料，应为：{'、'.join(PAPERS)}")
    if not re.fullmatch("[0-9a-f]{64}", one.sha256):
        raise PaperRefused(contract.contract, one.paper, "SHA-256 应为 64 位小写十六进制数")
    if one.pages < 1:
        raise PaperRefused(contract.contract, one.paper, "页数应大于零")


def _referenced(session: Session, names: Iterable[tuple[int, str]]) -> dict[tuple[int, str], tuple[tuple[int, int], Paper]]:
    """Return (loan, paper) by (book id, reference), for the references that name one."""
    wanted = list(names)
    rows = session.execute(
        text(
            "SELECT p.* FROM guarantees.claim_paper p JOIN unnest(CAST(:books AS bigint[]), CAST(:names AS text[])) "
            "AS k (book_id, reference) USING (book_id, reference)"
        ),
        {"books": [book_id for book_id, _ in wanted], "names": [name for _, name in wanted]},
    )
    return {
        (row.book_id, row.reference): (
            (row.loan_book_id, row.loan_id), Paper(paper=row.paper, day=row.value_date, sha256=row.sha256, pages=row.pages),
        )
        for row in rows
    }  # fmt: skip


def _insert(session: Session, book_id: int, loan: tuple[int, int], one: Paper, kind: str, reference: str, actor: str) -> None:
    seq = take_sequence(session, {book_id: 1})[book_id]
    session.execute(
        insert(claim_paper).values(
            book_id=book_id, seq=seq, kind=kind, reference=reference, loan_book_id=loan[0], loan_id=loan[1], paper=one.paper,
            value_date=one.day, sha256=one.sha256, pages=one.pages, actor=actor,
        )
    )  # fmt: skip
