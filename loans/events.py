"""Loan events (贷款事件): the append-only facts from which everything else about a loan is derived.

Replay order is (value date, rank of the kind, reference), never arrival: whatever order events come in, the loan
ends the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

from loans.classification import RiskClass
from loans.terms import GraceKind, Method


class Prepayment(StrEnum):
    """What a payment beyond the dues does, chosen at repayment (提前还款方式)."""

    SHORTER = "shorter"  # 缩短期限: the last principal is paid, an equal instalment stays
    SMALLER = "smaller"  # 减少每期还款额: the dates stay
    AHEAD = "ahead"  # 预存: accrued interest first, then the next instalments


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanEvent:
    """A fact of a loan's life; `reference` is unique in the loan's book."""

    kind: ClassVar[str]
    rank: ClassVar[int]
    reference: str
    value_date: date

    @property
    def order(self) -> tuple[date, int, str]:
        """Where the event stands in replay."""
        return self.value_date, self.rank, self.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbursed(LoanEvent):
    """Money reaches the borrower (放款)."""

    kind = "disbursed"
    rank = 0
    fen: int
    renews: str | None = None  # the contract that it repays without money changing hands (无还本续贷)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver(LoanEvent):
    """A running loan enters the books in mid-life (接管): what it owes, and up to which day its interest is charged.

    `unpaid` holds (stream kind, due date, fen of the borrower) of charges not yet paid; `charged_until` is the first
    day whose interest is not yet charged.
    """

    kind = "taken_over"
    rank = 0
    principal_fen: int
    charged_until: date
    unpaid: tuple[tuple[str, date, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSet(LoanEvent):
    """A floating rate is set anew (利率重定价): from the value date the new rate runs, and an equal instalment is made anew.

    `later` holds what government pays of it by and by, as the contract's scheme has it: (from, ppb).
    """

    kind = "rate_set"
    rank = 1
    rate_ppb: int
    gov_ppb: int
    later: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended(LoanEvent):
    """The maturity moves (展期); from the value date the rate of the new tier applies.

    A floating rate follows from then on the tier of so many months; none: the same as before.
    """

    kind = "extended"
    rank = 2
    maturity: date
    rate_ppb: int
    gov_ppb: int
    follows_months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restructured(LoanEvent):
    """The debt is restructured (债务重组): all that is owed of principal is planned anew under other terms.

    `method` none keeps the method; `every_months` none keeps the cycle, otherwise interest and principal fall due every so
    many months from the value date; `principal_from` defers principal up to that day; `follows_months` is an extension's.
    """

    kind = "restructured"
    rank = 2
    maturity: date
    rate_ppb: int
    gov_ppb: int
    method: Method | None = None
    every_months: int | None = None
    principal_from: date | None = None
    follows_months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraceGranted(LoanEvent):
    """A grace in mid-life (宽限): what it spares over the days from the value date until `until`; what is due stays due."""

    kind = "grace_granted"
    rank = 3
    grace: GraceKind
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MisuseFound(LoanEvent):
    """The money went elsewhere (挪用): from the value date all of it bears the misuse rate, and subsidy stops."""

    kind = "misuse_found"
    rank = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclassified(LoanEvent):
    """A person classes the loan (五级分类调整): the only way up; no account moves."""

    kind = "reclassified"
    rank = 8
    risk_class: RiskClass
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited(LoanEvent):
    """The debt goes to an heir (继承): whose it is, and whose it was; subsidy goes on only for a household that may have it."""

    kind = "inherited"
    rank = 5
    borrower: str
    household: str | None
    from_borrower: str
    from_household: str | None
    subsidised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyRefused(LoanEvent):
    """Government does not pay after all (不予贴息): so much of the interest charged to it becomes the borrower's on that day.

    If it `stops`, government pays nothing from the value date on; `since` says from when on it should not have paid.
    """

    kind = "subsidy_refused"
    rank = 5
    fen: int
    stops: bool
    reason: str
    since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostAdvanced(LoanEvent):
    """The bank lays out collection cost for the borrower (垫付费用)."""

    kind = "cost_advanced"
    rank = 5
    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaid(LoanEvent):
    """Money comes in (还款). What is beyond the dues prepays principal, in the way chosen at repayment."""

    kind = "repaid"
    rank = 6
    fen: int
    prepays: Prepayment = Prepayment.SHORTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded(LoanEvent):
    """An overpayment goes back to the borrower (退款)."""

    kind = "refunded"
    rank = 7
    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenOff(LoanEvent):
    """The rest is given up in the accounts (核销), never towards the borrower.

    `pool_fen` is the part that the compensation pool has already paid and loses; `pool_share_ppb` is its share of
    what may still be recovered.
    """

    kind = "written_off"
    rank = 9
    pool_fen: int
    pool_share_ppb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed(LoanEvent):
    """An earlier event never took effect: a bounced or mistaken repayment (冲正)."""

    kind = "reversed"
    rank = 10
    of: str


KINDS: Mapping[str, type[LoanEvent]] = {
    cls.kind: cls
    for cls in (
        Disbursed, TakenOver, RateSet, Extended, Restructured, GraceGranted, MisuseFound, Inherited, SubsidyRefused, CostAdvanced,
        Repaid, Refunded, WrittenOff, Reclassified, Reversed,
    )
}  # fmt: skip


def in_effect(events: Iterable[LoanEvent]) -> list[LoanEvent]:
    """Return the events that count, in replay order: reversals and what they reverse are gone."""
    events = list(events)
    undone = {event.of for event in events if isinstance(event, Reversed)}
    counting = [e for e in events if not isinstance(e, Reversed) and e.reference not in undone]
    return sorted(counting, key=lambda event: event.order)


def heir(events: Iterable[LoanEvent]) -> tuple[str, str | None] | None:
    """Return (borrower, household) of whom a loan is after its inheritances, undone ones left out; None if there was none."""
    events = list(events)
    counting = [event for event in in_effect(events) if isinstance(event, Inherited)]
    if counting:
        return counting[-1].borrower, counting[-1].household
    undone = sorted((event for event in events if isinstance(event, Inherited)), key=lambda event: event.order)
    return (undone[0].from_borrower, undone[0].from_household) if undone else None


def prolongations(events: Iterable[LoanEvent]) -> int:
    """Return how often a loan was extended or is itself a renewal (续贷或展期), which products bound together."""
    counting = in_effect(events)
    renewal = any(isinstance(event, Disbursed) and event.renews is not None for event in counting)
    return renewal + sum(isinstance(event, Extended) for event in counting)


def facts(event: LoanEvent) -> dict[str, Any]:
    """Return what an event says beyond its kind, reference and value date, as JSON values."""
    found = {name: value for name, value in asdict(event).items() if name not in ("reference", "value_date")}
    return {name: _json(value) for name, value in found.items()}


def event_from(kind: str, reference: str, value_date: date, body: Mapping[str, Any]) -> LoanEvent:
    """Return the event that a stored row holds."""
    cls = KINDS[kind]
    values: dict[str, Any] = {}
    for field in fields(cls):
        if field.name in body:
            values[field.name] = _value(field.name, body[field.name])
    return cls(reference=reference, value_date=value_date, **values)


_ENUMS: Mapping[str, type[StrEnum]] = {
    "grace": GraceKind, "prepays": Prepayment, "method": Method, "risk_class": RiskClass,
}  # fmt: skip


def _json(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_json(part) for part in value]
    return value


def _value(name: str, stored: Any) -> Any:
    if stored is None:
        return None
    if name in ("maturity", "charged_until", "until", "principal_from", "since"):
        return date.fromisoformat(stored)
    if name in _ENUMS:
        return _ENUMS[name](stored)
    if name == "later":
        return tuple((date.fromisoformat(start), ppb) for start, ppb in stored)
    if name == "unpaid":
        return tuple((kind, date.fromisoformat(due), fen) for kind, due, fen in stored)
    return stored
