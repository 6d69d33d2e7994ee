"""A claim (代偿): what the bank asks the pool to bear of a loan that went bad, and what has become of it, step by step.

overdue → dunned twice → filed → checked (or returned) → approved → paid → recovering → partly recovered → written off.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from guarantees.pool import Pool
from guarantees.terms import PoolTerms, in_force

Key = tuple[int, str]
"""(book id, number)."""
SYSTEM = "system"
"""Who shares recoveries in the night."""


class State(StrEnum):
    """Where a claim is, as staff call it."""

    FILED = "申请"
    RETURNED = "退回"
    CHECKED = "已审核"
    APPROVED = "批准"
    PAID = "已代偿"
    RECOVERING = "追偿中"  # something was collected, and the pool's share is due
    PARTLY_RECOVERED = "部分收回"
    RECOVERED = "全部收回"
    LOST = "已核销"
    CANCELLED = "已撤销"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a claim that was taken and not undone; `reference` names it in the pool's book."""

    reference: str
    kind: str
    value_date: date
    fen: int
    actor: str
    seq: int  # of the pool's book
    note: str | None = None
    findings: Mapping[str, Any] | None = None
    collected_on: date | None = None  # of a share: the day on which the bank received the money


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim with what has become of it; amounts in fen."""

    pool: Pool
    number: str
    loan_book_id: int
    loan_id: int
    basis_fen: int
    gov_fen: int
    filed_by: str
    filed_on: date
    checked_by: str | None
    returned: bool
    approved_by: str | None
    paid_on: date | None
    cancelled: bool
    shared_fen: int  # of the borrower's payments, due to the pool
    passed_fen: int  # of that, passed to the pool
    lost_fen: int
    steps: tuple[Step, ...]

    @property
    def key(self) -> Key:
        """The pool's book and the claim's number."""
        return self.pool.book.id, self.number

    @property
    def loan(self) -> tuple[int, int]:
        """The loan: (book id, id)."""
        return self.loan_book_id, self.loan_id

    @property
    def state(self) -> State:
        """Where it is; after the payout that follows from what was recovered."""
        if self.cancelled:
            return State.CANCELLED
        if self.lost_fen:
            return State.LOST
        if self.paid_on:
            return self._recovery
        if self.approved_by:
            return State.APPROVED
        if self.returned:
            return State.RETURNED
        return State.CHECKED if self.checked_by else State.FILED

    @property
    def _recovery(self) -> State:
        if self.passed_fen >= self.gov_fen:
            return State.RECOVERED
        if self.passed_fen > 0:
            return State.PARTLY_RECOVERED
        return State.RECOVERING if self.shared_fen > 0 else State.PAID

    @property
    def last_step(self) -> str:
        """The name of the last step that a person took, as `undo` takes it."""
        last = next(step for step in reversed(self.steps) if step.actor != SYSTEM)
        return last.reference.removeprefix(f"{self.number}/").partition("~")[0]


def fold(pool: Pool, agreed: Sequence[PoolTerms], number: str, loan: tuple[int, int], steps: Sequence[Step]) -> Claim:
    """Return what a claim's steps, one of which filed it, come to; a claim filed again is to be checked again.

    Of what was agreed on the pool, the terms in force when it was filed are the claim's for good.
    """
    last: dict[str, Step] = {}
    sums: Counter[str] = Counter()
    for step in steps:
        if step.kind == "filed":
            last.pop("checked", None)
            last.pop("returned", None)
        last[step.kind] = step
        sums[step.kind] += step.fen
    filed = last["filed"]
    pool = replace(pool, terms=in_force(agreed, filed.value_date, filed.seq))
    return Claim(
        pool=pool, number=number, loan_book_id=loan[0], loan_id=loan[1], basis_fen=filed.fen, gov_fen=pool.payout_fen(filed.fen),
        filed_by=filed.actor,
        filed_on=filed.value_date, checked_by=last["checked"].actor if "checked" in last else None, returned="returned" in last,
        approved_by=last["approved"].actor if "approved" in last else None,
        paid_on=last["paid"].value_date if "paid" in last else None, cancelled="cancelled" in last,
        shared_fen=sums["shared"], passed_fen=sums["passed"], lost_fen=sums["lost"], steps=tuple(steps),
    )  # fmt: skip
