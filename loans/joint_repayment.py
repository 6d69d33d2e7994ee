"""Joint repayment (多笔归还): one payment of a household over several of its loans, by 民法典 560."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import hold_books
from ledger.business_day import business_date
from loans.apportionment import apportion, owed
from loans.booking import Booked, book_events
from loans.contract import Contract
from loans.errors import EventRefused, EventReused, NothingToRepay
from loans.events import LoanEvent, Repaid
from loans.queries import events_of, events_referenced, horizon_now


def repay_together(
    session: Session,
    contracts: Sequence[tuple[Contract, bool]],
    reference: str,
    day: date,
    fen: int,
    actor: str,
    *,
    named: Sequence[str] = (),
    dry_run: bool = False,
) -> list[Booked]:
    """Book one payment over loans of a household: (contract, whether it is secured), the named ones first.

    Each part is an event of its loan, the reference followed by its place in the order of settlement. Nothing is held as an
    excess while a loan of the list owes anything, interest that has run up included.

    Raises:
        NothingToRepay: no loans are given.
        EventRefused: an amount that is not positive, a loan given twice, of another book or household, or a named one that is
            not among them.
        EventReused: the reference names another payment.
    """
    if not contracts:
        raise NothingToRepay(reference)
    loans = [contract for contract, _ in contracts]
    if fen <= 0:
        raise EventRefused(loans[0].contract, "金额必须大于零")
    _require_one_debtor(loans, named)
    business_date(session)  # held before any book, as the close holds them
    at = horizon_now(session)
    hold_books(session, [loans[0].book_id])
    mine = {contract.contract: contract for contract in loans}
    names = [f"{reference}/{number}" for number in range(1, len(loans) + 1)]
    known = events_referenced(session, ((loans[0].book_id, name) for name in (reference, *names)))
    if known:
        _require_same(known.values(), {contract.id for contract in loans}, names, day, fen, reference)
        return []
    happened = events_of(session, [contract.key for contract in loans])
    debts = [owed(contract, happened[contract.key], day, at, secured=secured) for contract, secured in contracts]
    payments = [
        (mine[contract], Repaid(reference=name, value_date=day, fen=part))
        for name, (contract, part) in zip(names, apportion(fen, debts, named), strict=False)
    ]
    return book_events(session, payments, actor, lambda c, _: f"收回贷款本息 {c.contract}", dry_run=dry_run)


def _require_one_debtor(loans: Sequence[Contract], named: Sequence[str]) -> None:
    numbers: set[str] = set()
    for contract in loans:
        if contract.contract in numbers:
            raise EventRefused(contract.contract, "在归还的借据中重复")
        numbers.add(contract.contract)
        if _debtor(contract) != _debtor(loans[0]):
            raise EventRefused(contract.contract, f"与借据 {loans[0].contract} 须属于同一账套、同一户")
    for name in named:
        if name not in numbers:
            raise EventRefused(name, "指定清偿的借据不在该户的贷款中")


def _debtor(contract: Contract) -> tuple[int, str, str | None]:
    return contract.book_id, contract.county, contract.household or contract.borrower


def _require_same(
    known: Collection[tuple[int, LoanEvent]], loans: Collection[int], names: Collection[str], day: date, fen: int, reference: str
) -> None:
    """Refuse a reference whose events are not the parts of this very payment.

    Raises:
        EventReused: they are not.
    """
    paid = 0
    for loan_id, event in known:
        mine = isinstance(event, Repaid) and event.reference in names and event.value_date == day and loan_id in loans
        if not mine or not isinstance(event, Repaid):
            raise EventReused(reference)
        paid += event.fen
    if paid != fen:
        raise EventReused(reference)
