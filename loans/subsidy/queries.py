"""Questions to the subsidy tables: schemes, batches with what became of them, and what of each loan is claimed and received."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ledger.books import BookKind, books
from ledger.db import remembered
from loans.contract import Contract
from loans.subsidy.batch import Batch, Line, Rejection, Stage, Tiers
from loans.subsidy.periods import Period
from loans.subsidy.schemes import Mode, Scheme, nationwide, scheme_from, scheme_on
from loans.subsidy.tables import batch, line, step
from loans.subsidy.tables import scheme as scheme_table
from loans.tables import loan

SCHEMES = "subsidy schemes"
"""What a transaction remembers the schemes by."""
SYSTEM = "system"
"""Who objects to lines when a batch is prepared."""


def schemes(session: Session) -> tuple[Scheme, ...]:
    """Return every scheme: the nation's and the counties' own."""
    return remembered(session, SCHEMES, lambda: (*nationwide(), *_stored(session)))


def scheme_of(session: Session, contract: Contract) -> Scheme | None:
    """Return the scheme that a contract came under on its first day; None: nobody subsidises it."""
    if not contract.terms.subsidised:
        return None
    return scheme_on(schemes(session), contract.product, contract.county, contract.terms.drawn_on)


def gov_ppb_when_extended(session: Session, contract: Contract, rate_ppb: int) -> int:
    """Return government's part of a rate that is agreed with an extension of a contract, in ppb."""
    scheme = scheme_of(session, contract)
    return scheme.gov_ppb_when_extended(rate_ppb) if scheme else 0


def _stored(session: Session) -> list[Scheme]:
    columns = [column for column in scheme_table.columns if column.name not in ("actor", "loaded_at")]
    return [scheme_from(row._asdict()) for row in session.execute(select(*columns).order_by(*scheme_table.primary_key))]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a batch (or of what is paid in advance, under the bank's code) that was taken and not undone."""

    reference: str
    kind: str
    value_date: date
    body: Mapping[str, Any]
    actor: str


def steps(session: Session, book_ids: Iterable[int], known: Mapping[int, int] | None = None) -> dict[tuple[int, str], list[Step]]:
    """Return the steps taken in fund books, in their order, by (book id, number); `known` is each book's last sequence."""
    mine = select(step).where(step.c.book_id.in_(list(book_ids))).order_by(step.c.book_id, step.c.seq)
    rows = [row for row in session.execute(mine) if known is None or row.seq <= known[row.book_id]]
    undone = {(row.book_id, row.body["of"]) for row in rows if row.kind == "undone"}
    found: dict[tuple[int, str], list[Step]] = {}
    for row in rows:
        if row.kind != "undone" and (row.book_id, row.reference) not in undone:
            taken = Step(row.reference, row.kind, row.value_date, row.body, row.actor)
            found.setdefault((row.book_id, row.number), []).append(taken)
    return found


def batches(
    session: Session,
    loan_books: Iterable[int] | None = None,
    until: date | None = None,
    known: Mapping[int, int] | None = None,
) -> list[Batch]:
    """Return batches in the order of their numbers, of some loan books or all, as of the close of a day or as they are.

    `known` is the last sequence of each fund's book that counts.
    """
    query = select(batch).order_by(batch.c.book_id, batch.c.end_date, batch.c.number)
    rows = session.execute(query if loan_books is None else query.where(batch.c.loan_book_id.in_(list(loan_books)))).all()
    taken = steps(session, {row.book_id for row in rows}, known)
    asked = _lines(session, rows)
    everything = {book.id: book for book in books(session)}
    found = []
    for row in rows:
        mine = [one for one in taken.get((row.book_id, row.number), ()) if until is None or one.value_date <= until]
        if not any(one.kind == "prepared" for one in mine):
            continue
        folded = _Folded()
        for one in mine:
            folded.take(one)
        found.append(
            Batch(
                book=everything[row.book_id], loan_book=everything[row.loan_book_id], number=row.number, mode=Mode(row.mode),
                period=Period(row.label, row.start_date, row.end_date),
                lines=tuple(asked.get((row.book_id, row.number), ())),
                stage=folded.stage, prepared_by=folded.prepared_by, rejected=folded.rejected, approved_by=folded.approved_by,
                approved_on=folded.approved_on, drawn_fen=folded.drawn_fen, returned=frozenset(folded.returned),
                refunded_fen=folded.refunded_fen,
            )
        )  # fmt: skip
    return found


@dataclass(slots=True)
class _Folded:
    """What the steps of a batch add up to."""

    stage: Stage = Stage.PREPARED
    prepared_by: str = ""
    rejected: dict[int, Rejection] = field(default_factory=dict)
    approved_by: str | None = None
    approved_on: date | None = None
    drawn_fen: int = 0
    returned: set[int] = field(default_factory=set)
    refunded_fen: int = 0

    def take(self, one: Step) -> None:
        """Take one step."""
        body = one.body
        match one.kind:
            case "prepared":
                self.prepared_by = one.actor
            case "rejected":
                self.rejected |= {int(loan_id): Rejection(reason, body["final"]) for loan_id, reason in body["loans"].items()}
            case "restored":
                self.rejected = {loan_id: r for loan_id, r in self.rejected.items() if loan_id not in body["loans"]}
            case "approved":
                self.stage, self.approved_by, self.approved_on = Stage.APPROVED, one.actor, one.value_date
                self.drawn_fen = body["drawn_fen"]
            case "paid":
                self.stage = Stage.PAID
            case "cancelled":
                self.stage = Stage.CANCELLED
            case "returned":
                self.returned |= set(body["loans"])
            case "repaid":
                self.returned -= set(body["loans"])
            case _:
                self.refunded_fen += body["fen"]


def _lines(session: Session, rows: Sequence[Row[Any]]) -> dict[tuple[int, str], list[Line]]:
    loan_books = {row.loan_book_id for row in rows}
    asked = select(line, loan.c.product).join(loan, (loan.c.book_id == line.c.loan_book_id) & (loan.c.id == line.c.loan_id))
    borne = {(row.book_id, row.number): _tiers(row.tiers) for row in rows}
    found: dict[tuple[int, str], list[Line]] = {}
    for row in session.execute(asked.where(line.c.loan_book_id.in_(loan_books)).order_by(line.c.book_id, line.c.loan_id)):
        mine = borne[(row.book_id, row.number)]
        found.setdefault((row.book_id, row.number), []).append(
            Line(
                loan=(row.loan_book_id, row.loan_id), product=row.product, fen=row.fen, whole_fen=row.whole_fen,
                principal_fen=row.principal_fen, days=row.days, late_days=row.late_days, flags=tuple(row.flags),
                tiers=mine.get(row.loan_id, mine[None]),
            )
        )  # fmt: skip
    return found


def _tiers(stored: Sequence[Any]) -> Mapping[int | None, Tiers]:
    """Return who bears a batch's lines, by loan, and (none) of all others; it keeps the weights of all, or [weights, loans]."""
    if not stored or isinstance(stored[0][0], str):
        return {None: tuple((name, weight) for name, weight in stored)}
    own = {loan_id: tuple((name, weight) for name, weight in tiers) for tiers, loan_ids in stored for loan_id in loan_ids}
    return {None: (), **own}


def claimed(of: Iterable[Batch]) -> Counter[tuple[int, int]]:
    """Return what batches have claimed, by loan: lines not rejected, and of households those refused for good."""
    found: Counter[tuple[int, int]] = Counter()
    for one in of:
        if one.stage is Stage.CANCELLED:
            continue
        for asked in one.lines:
            verdict = one.rejected.get(asked.loan[1])
            if verdict is None or (verdict.final and not one.to_bank):
                found[asked.loan] += asked.fen
    return found


def settled(of: Iterable[Batch]) -> Counter[tuple[int, int]]:
    """Return what of 1132.02 batches settled, by loan: received, or taken from money paid in advance, less what is given back."""
    found: Counter[tuple[int, int]] = Counter()
    for one in of:
        if not one.to_bank or one.stage not in (Stage.APPROVED, Stage.PAID):
            continue
        cash = {asked.loan: fen for asked, fen in one.cash}
        for asked in one.accepted:
            waits = one.stage is Stage.APPROVED or asked.loan[1] in one.returned
            found[asked.loan] += asked.fen - (cash.get(asked.loan, 0) if waits else 0)
    return found


def prepaid(session: Session, book_id: int, bank: str) -> int:
    """Return what is left of money that a fund paid a bank in advance, in fen."""
    given: int = sum(one.body["fen"] for one in steps(session, [book_id]).get((book_id, bank), ()))
    mine = {found.id for found in books(session, BookKind.LOANS) if found.bank == bank}
    used = sum(one.drawn_fen for one in batches(session, mine) if one.book.id == book_id)
    return given - used
