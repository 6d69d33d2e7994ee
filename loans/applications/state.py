"""What became of an application: a pure function of its steps (申请、批准、拒绝、撤回)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from ledger.books import Book
from ledger.calendar import DAY
from loans.applications.application import Application, application_from

APPROVAL_DAYS = 90
"""So many days after its approval a loan may still be drawn; then the approval has lapsed (批准失效).

Assumed (推定，待核实): domain.md names no document that sets it.
"""


class StepKind(StrEnum):
    """What happens to an application."""

    APPLIED = "applied"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    UNDONE = "undone"

    @property
    def label(self) -> str:
        """What staff call it."""
        return _DEEDS[self]


_DEEDS = dict(zip(StepKind, ("申请", "批准", "拒绝", "撤回", "撤销"), strict=True))


class Standing(StrEnum):
    """Where an application is on a day."""

    APPLIED = "applied"
    APPROVED = "approved"
    DRAWN = "drawn"
    LAPSED = "lapsed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        """What staff call it."""
        return _LABELS[self]

    @property
    def is_open(self) -> bool:
        """Whether anything can still come of it."""
        return self in (Standing.APPLIED, Standing.APPROVED)


_LABELS = dict(zip(Standing, ("待审批", "已批准", "已放款", "批准失效", "已拒绝", "已撤回"), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened to the application of a contract, who did it, and the day on which it counts."""

    book_id: int
    contract: str
    kind: StepKind
    day: date
    reference: str  # unique among the steps of its book
    actor: str
    body: Mapping[str, Any] = field(default_factory=dict)  # the facts applied for, a reason, or which step never was

    @property
    def number(self) -> tuple[int, str]:
        """Whose step it is: book id and contract number."""
        return self.book_id, self.contract


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationState:
    """An application with what stands of it; a contract number may be applied for again once nothing can come of the last."""

    application: Application
    filed: Step
    approved: Step | None = None
    ended: Step | None = None  # declined or withdrawn

    @property
    def last(self) -> Step:
        """The last step that stands."""
        return self.ended or self.approved or self.filed

    @property
    def lapses_on(self) -> date | None:
        """The first day on which its approval holds no more; none if it is not approved."""
        return self.approved.day + (APPROVAL_DAYS + 1) * DAY if self.approved else None

    def standing_on(self, day: date) -> Standing:
        """Return where it is on a day, a loan drawn under it left aside."""
        if self.ended:
            return Standing(self.ended.kind.value)
        if self.lapses_on is None:
            return Standing.APPLIED
        return Standing.APPROVED if day < self.lapses_on else Standing.LAPSED


def state_after(book: Book, steps: Iterable[Step]) -> ApplicationState | None:
    """Return what stands after the steps of one contract number, in their order; None if nothing does."""
    steps = list(steps)
    undone = {step.body["of"] for step in steps if step.kind is StepKind.UNDONE}
    state: ApplicationState | None = None
    for step in steps:
        if step.kind is StepKind.UNDONE or step.reference in undone:
            continue
        if step.kind is StepKind.APPLIED:
            state = ApplicationState(application=application_from(book, step.body), filed=step)
        elif state is not None:
            state = replace(state, approved=step) if step.kind is StepKind.APPROVED else replace(state, ended=step)
    return state
