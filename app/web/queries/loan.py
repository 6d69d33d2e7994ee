"""One loan as its page shows it: contract, borrower, standing, schedule, interest streams, charges and events."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.calendar import DAY
from loans.classification import Classification
from loans.contract import Contract
from loans.events import LoanEvent, Reversed, event_from
from loans.life import Horizon, Standing, Stream
from loans.movements import State
from loans.queries import contracts, life_as_of, live_rows
from loans.terms import StreamKind
from loans.terms.rolling import due_on
from registry.households import Borrower, borrowers
from registry.identity import masked_name


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLine:
    """A line of the schedule: when it falls due, rolled to a working day, and how it stands (还款状态)."""

    number: int
    nominal: date
    due: date
    fen: int
    paid_fen: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeLine:
    """Interest settled of the days from `first` to `last`, both included; `product_fen` is 积数 in fen · days."""

    kind: StreamKind
    first: date
    last: date
    due: date
    days: int
    product_fen: int
    whole_fen: int
    gov_fen: int
    paid_fen: int
    refused: bool  # government's, and refused after all
    brought_in: bool  # charged before the loan came into these books

    @property
    def borrower_fen(self) -> int:
        """The borrower's part."""
        return self.whole_fen - self.gov_fen

    @property
    def unpaid_fen(self) -> int:
        """What the borrower still owes of it."""
        return self.borrower_fen - self.paid_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """An event with who booked it and on which business date; `undone` if a later one reverses it."""

    event: LoanEvent
    business_date: date
    actor: str
    undone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanSheet:
    """All that is known of a loan now; name and identity number are masked."""

    contract: Contract
    borrower: str
    borrower_kind: str
    id_masked: str
    standing: Standing
    days_past_due: int
    classification: Classification | None  # as of the last closed day; none: no day is closed since it was drawn
    instalments: tuple[DueLine, ...]
    streams: tuple[Stream, ...]
    charges: tuple[ChargeLine, ...]
    events: tuple[EventLine, ...]

    @property
    def maturity(self) -> date:
        """When it matures now; an extension moves it."""
        last = max((line.nominal for line in self.instalments), default=self.contract.terms.maturity)
        return last if self.extended else self.contract.terms.maturity

    @property
    def extended(self) -> bool:
        """Whether an extension is in effect."""
        return any(line.event.kind == "extended" and not line.undone for line in self.events)

    @property
    def unpaid_interest_fen(self) -> int:
        """Interest that is charged to the borrower and not paid."""
        return sum(line.unpaid_fen for line in self.charges)


def loan_sheet(session: Session, book_id: int, contract: str, closed: date | None) -> LoanSheet | None:
    """Return a loan's sheet as of the last closed day, or None if its book has no such contract."""
    loan_id = session.scalar(
        text("SELECT id FROM loans.loan WHERE book_id = :book AND contract = :contract"),
        {"book": book_id, "contract": contract},
    )
    if loan_id is None:
        return None
    key = (book_id, loan_id)
    found = contracts(session, [key])[key]
    standing = _standing(session, key)
    late = standing.days_past_due(closed) if closed else 0
    person = borrowers(session, {(found.county, found.borrower)}).get((found.county, found.borrower))
    streams = _streams(session, key)
    classed = closed if closed and closed >= found.terms.drawn_on else None
    return LoanSheet(
        contract=found, borrower=masked_name(person.name) if person else "—", borrower_kind=_kind_of(person),
        id_masked=person.id_masked if person else "—", standing=standing, days_past_due=late,
        classification=life_as_of(session, found, classed, Horizon(classed, classed)).classified(classed) if classed else None,
        instalments=_instalments(session, key, standing), streams=streams, charges=_charges(session, found, streams),
        events=_events(session, key),
    )  # fmt: skip


def _kind_of(person: Borrower | None) -> str:
    return "企业" if person is not None and person.kind == "enterprise" else "农户"


def _standing(session: Session, key: tuple[int, int]) -> Standing:
    columns = ("principal_fen", "overdue_fen", "oldest_due", "state", "cost_fen", "excess_fen", "given_up_fen")
    rows = live_rows(session, "standing", columns, [key])
    if not rows:
        return Standing(0, 0, None, State.ACCRUING, 0, 0, 0)
    row = rows[0]
    return Standing(
        row.principal_fen, row.overdue_fen, row.oldest_due, State(row.state), row.cost_fen, row.excess_fen, row.given_up_fen
    )


def _instalments(session: Session, key: tuple[int, int], standing: Standing) -> tuple[DueLine, ...]:
    columns = ("number", "nominal_date", "rolling", "principal_fen", "paid_fen", "overdue")
    rows = live_rows(session, "instalment", columns, [key])
    return tuple(
        DueLine(
            number=row.number, nominal=row.nominal_date, fen=row.principal_fen, paid_fen=row.paid_fen,
            due=due_on(row.rolling, row.nominal_date),
            state=_state(row.principal_fen, row.paid_fen, standing, overdue=row.overdue),
        )
        for row in sorted(rows, key=lambda row: (row.number, row.nominal_date))
    )  # fmt: skip


def _state(fen: int, paid_fen: int, standing: Standing, *, overdue: bool) -> str:
    if standing.state is State.WRITTEN_OFF:
        return "已核销"
    if paid_fen >= fen:
        return "已还清"
    if overdue:
        return "逾期"
    return "部分归还" if paid_fen else "未到期"


def _streams(session: Session, key: tuple[int, int]) -> tuple[Stream, ...]:
    columns = ("kind", "base_fen", "rate_ppb", "gov_ppb", "start_date", "end_date", "state")
    rows = live_rows(session, "stream", columns, [key])
    found = [
        Stream(StreamKind(r.kind), r.base_fen, r.rate_ppb, r.gov_ppb, r.start_date, r.end_date, State(r.state)) for r in rows
    ]
    order = list(StreamKind)
    return tuple(sorted(found, key=lambda stream: (order.index(stream.kind), stream.start)))


def _charges(session: Session, contract: Contract, streams: tuple[Stream, ...]) -> tuple[ChargeLine, ...]:
    columns = ("kind", "start_date", "end_date", "due_date", "whole_fen", "gov_fen", "whole_units", "paid_fen")
    rows = live_rows(session, "charge", columns, [contract.key])
    made = []
    for row in sorted(rows, key=lambda row: (row.due_date, row.kind)):
        mine = [line for line in streams if line.kind == row.kind]
        read = contract.terms.count_of(StreamKind(row.kind)).day_clock(contract.terms.drawn_on)
        made.append(
            ChargeLine(
                kind=StreamKind(row.kind), first=row.start_date, last=row.end_date - DAY, due=row.due_date,
                days=read(row.end_date) - read(row.start_date),
                product_fen=sum(line.base_fen * line.ticks(read, row.start_date, row.end_date) for line in mine),
                whole_fen=row.whole_fen, gov_fen=row.gov_fen, paid_fen=row.paid_fen, refused=row.gov_fen < 0,
                brought_in=not row.whole_units and row.gov_fen >= 0,
            )
        )  # fmt: skip
    return tuple(made)


def _events(session: Session, key: tuple[int, int]) -> tuple[EventLine, ...]:
    rows = session.execute(
        text(
            "SELECT kind, reference, value_date, body, business_date, actor FROM loans.event "
            "WHERE book_id = :book AND loan_id = :loan ORDER BY seq"
        ),
        {"book": key[0], "loan": key[1]},
    )
    found: list[tuple[LoanEvent, Any]] = [(event_from(row.kind, row.reference, row.value_date, row.body), row) for row in rows]
    undone = {event.of for event, _ in found if isinstance(event, Reversed)}
    return tuple(
        EventLine(event=event, business_date=row.business_date, actor=row.actor, undone=event.reference in undone)
        for event, row in found
    )
