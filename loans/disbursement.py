"""Disbursement (放款) and taking over running loans (接管): how a loan begins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.business_day import business_date
from ledger.posting import take_sequence
from loans.admission import approvals, explain, refuse_failed
from loans.applications.application import Application
from loans.booking import Booked, book_events, foreseen
from loans.contract import Contract, terms_to_json
from loans.errors import DuplicateContract, EventRefused, EventReused
from loans.events import Disbursed, Inherited, TakenOver, in_effect
from loans.policy.eligibility import EACH_DRAWING
from loans.products import product_name, product_on
from loans.queries import contracts_numbered, events_of, events_referenced, free_references, horizon_now
from loans.subsidy.queries import schemes
from loans.subsidy.schemes import scheme_on
from loans.suspicions import contacts
from loans.suspicions.raising import raise_for
from loans.suspicions.rules import DRAWDOWN
from loans.tables import loan
from registry import households


class DisbursementCheck(Protocol):
    """What a package above wants to be asked before loans are made, such as a pool's capacity."""

    def admit(self, session: Session, applications: Sequence[Application]) -> None:
        """Lock what it needs and refuse, by an exception, a batch that it can't admit."""


def disburse(
    session: Session,
    applications: Sequence[Application],
    actor: str,
    checks: Sequence[DisbursementCheck] = (),
    *,
    dry_run: bool = False,
) -> list[Booked]:
    """Make loans, all of a batch or none; those already made under the same contract and facts stay as they are.

    A loan that was applied for must be as approved; whether one may be made without an application is policy.

    Raises:
        BadTerms: terms that no loan can have.
        UnknownProduct: no such product on that day.
        DuplicateContract: a contract number belongs to another loan, or to one with other facts.
        EventRefused: a product for households without one, or one for enterprises with one.
        NotEligible: the policy of the day does not allow it; every rule that fails is named.
        and what the checks raise.
    """
    business_date(session)
    horizon_now(session)
    fresh, contracts, known = _new_contracts(session, applications)
    names = free_references(session, ((a.book.id, f"{a.contract}/disbursed") for a in applications))
    _require_same_drawing(session, known, names)
    for a in fresh:
        require_sound(a)
    households.lock(session, sorted({home for a in fresh if (home := a.home)}))
    _require_eligible(session, fresh)
    for check in checks:
        check.admit(session, [replace(a, fen=a.drawn_fen) for a in fresh])
    hold_books(session, [a.book.id for a in fresh])
    refuse_failed(fresh, approvals(session, fresh))  # once more: now no step of an application can come between
    with session.begin_nested() as step:
        _store(session, contracts, fresh)
        contacts.store(session, {contracts[a.number].key: a.contact for a in fresh if a.contact})
        events = [(contracts[a.number], _first_drawing(a, names[(a.book.id, f"{a.contract}/disbursed")])) for a in fresh]
        booked = book_events(session, events, actor, lambda c, _: _narration(c), dry_run=dry_run)
        if dry_run:
            step.rollback()
    _suspect(session, booked, actor, dry_run=dry_run)
    return booked


def previews(session: Session, applications: Sequence[Application], actor: str) -> list[Booked]:
    """Return what disbursing each application on its day will book: the entry, and the loan's life with its schedule.

    A contract has no id yet (0), nor does its entry name one. Nothing is written.

    Raises:
        BadTerms: terms that no loan can have.
        EventRefused: terms that can't be booked.
    """
    names = free_references(session, ((a.book.id, f"{a.contract}/disbursed") for a in applications))
    found = []
    for a in applications:
        contract = _unborn(session, a)
        event = _first_drawing(a, names[(a.book.id, f"{a.contract}/disbursed")])
        found.append(foreseen(session, contract, event, actor, _narration(contract)))
    return found


def require_sound(application: Application) -> None:
    """Refuse an application that no policy could allow.

    Raises:
        UnknownProduct: no such product on that day.
        EventRefused: a product for households without one, or one for enterprises with one; or more drawn than lent.
    """
    a = application
    if not 0 < a.drawn_fen <= a.fen:
        raise EventRefused(a.contract, "首次放款金额必须大于零且不超过合同金额")
    if (product_on(a.product, a.drawn_on).borrower == "household") != bool(a.household):
        raise EventRefused(a.contract, f"{product_name(a.product)}的借款对象与建档立卡号不符")


def draw_more(
    session: Session,
    book: Book,
    contract: Contract,
    event: Disbursed,
    actor: str,
    checks: Sequence[DisbursementCheck] = (),
    *,
    dry_run: bool = False,
) -> list[Booked]:
    """Draw another part of a loan (分次放款), under the same checks as the first; one drawn already stays as it is.

    Raises:
        EventRefused: more than the contract, or a loan that is due, non-accrual or written off.
        EventReused: the reference names another event.
        NotEligible: the household may not borrow any more.
        and what the checks raise.
    """
    known = events_referenced(session, [(contract.book_id, event.reference)])
    part = Application(
        book=book, contract=contract.contract, product=contract.product, household=contract.household,
        borrower=contract.borrower, fen=event.fen, rate_ppb=int(contract.terms.rates[0].rate_ppb),
        drawn_on=contract.terms.drawn_on,  # its contract's policy is that of its first day
        maturity=contract.terms.maturity, purpose=contract.purpose, subsidised=contract.terms.subsidised,
        covered=contract.covered,
    )  # fmt: skip
    if not known:
        if event.fen <= 0:
            raise EventRefused(contract.contract, "金额必须大于零")
        households.lock(session, [part.home] if part.home else [])
        (findings,) = explain(session, [part])
        refuse_failed([part], [[one for one in findings if one.rule in EACH_DRAWING]])
        for check in checks:
            check.admit(session, [part])
    booked = book_events(session, [(contract, event)], actor, lambda c, _: f"分次放款 {c.contract}", dry_run=dry_run)
    _suspect(session, booked, actor, dry_run=dry_run)
    return booked


def _suspect(session: Session, booked: Sequence[Booked], actor: str, *, dry_run: bool) -> None:
    """Raise what is suspicious about loans that were paid out (疑点): a question for later, never a refusal."""
    if not dry_run:
        raise_for(session, [one.contract.key for one in booked], DRAWDOWN, business_date(session), actor)


def take_over(session: Session, application: Application, event: TakenOver, actor: str, *, dry_run: bool = False) -> list[Booked]:
    """Bring a running loan into the books in mid-life: principal, unpaid charges, and the day its interest is charged to.

    Raises:
        DuplicateContract: the contract number belongs to another loan, or to one with other facts.
        EventReused: the reference names another event.
        EventRefused: what it owes does not fit its terms.
    """
    business_date(session)
    horizon_now(session)
    fresh, contracts, known = _new_contracts(session, [application])
    for _, contract in known:
        _require_same_event(session, contract, event)
    if not fresh:
        return []
    with session.begin_nested() as step:
        _store(session, contracts, fresh, since=event.value_date)
        batch = [(contracts[application.number], event)]
        booked = book_events(session, batch, actor, lambda c, _: f"接管贷款 {c.contract}", dry_run=dry_run)
        if dry_run:
            step.rollback()
    return booked


def _new_contracts(
    session: Session, applications: Sequence[Application]
) -> tuple[list[Application], dict[tuple[int, str], Contract], list[tuple[Application, Contract]]]:
    """Return the applications that are not loans yet, a contract without an id for each, and those that are, with their loans.

    Raises:
        DuplicateContract: a number belongs to a loan with other facts, or stands twice in the batch.
    """
    made = {
        (c.book_id, c.contract): c
        for c in contracts_numbered(session, [a.contract for a in applications], {a.book.id for a in applications})
    }
    fresh: list[Application] = []
    contracts: dict[tuple[int, str], Contract] = {}
    there: list[tuple[Application, Contract]] = []
    for a in applications:
        contract = _unborn(session, a)
        known = made.get(a.number)
        if known is None and a.number not in contracts:
            contracts[a.number] = contract
            fresh.append(a)
        elif known is None or _agreed(_as_begun(session, known, contract)) != _agreed(contract):
            raise DuplicateContract(a.contract)
        else:
            there.append((a, known))
    return fresh, contracts, there


def _as_begun(session: Session, known: Contract, wanted: Contract) -> Contract:
    """Return a loan with the borrower to whom it was made, if it is an heir's by now."""
    if (known.borrower, known.household) == (wanted.borrower, wanted.household):
        return known
    first = next((e for e in in_effect(events_of(session, [known.key])[known.key]) if isinstance(e, Inherited)), None)
    return replace(known, borrower=first.from_borrower, household=first.from_household) if first else known


def _require_same_drawing(
    session: Session, known: Sequence[tuple[Application, Contract]], names: Mapping[tuple[int, str], str]
) -> None:
    """Refuse to make a loan again with another first drawing, or with its money going elsewhere.

    Raises:
        DuplicateContract: the contract number belongs to a loan with other facts.
    """
    wanted = {c.key: _first_drawing(a, names[(a.book.id, f"{a.contract}/disbursed")]) for a, c in known}
    booked = events_referenced(session, ((book_id, event.reference) for (book_id, _), event in wanted.items()))
    other = contacts.other_than(session, {c.key: a.contact for a, c in known if a.contact})
    for a, contract in known:
        drawn = wanted[contract.key]
        if booked.get((contract.book_id, drawn.reference)) != (contract.id, drawn) or contract.key in other:
            raise DuplicateContract(a.contract)


def _require_same_event(session: Session, contract: Contract, event: TakenOver) -> None:
    """Refuse to take a loan over again in another way.

    Raises:
        DuplicateContract: it was not taken over under this reference.
        EventReused: it was, with other facts.
    """
    found = events_referenced(session, [(contract.book_id, event.reference)]).get((contract.book_id, event.reference))
    if found is None:
        raise DuplicateContract(contract.contract)
    if found != (contract.id, event):
        raise EventReused(event.reference)


def _unborn(session: Session, a: Application) -> Contract:
    scheme = scheme_on(schemes(session), a.product, a.book.county, a.drawn_on)
    return Contract(
        book=a.book.code, book_id=a.book.id, id=0, contract=a.contract, product=a.product, county=a.book.county,
        household=a.household, borrower=a.borrower, terms=a.terms(scheme), purpose=a.purpose,
        covered=a.covered,
    )  # fmt: skip


def _first_drawing(a: Application, reference: str) -> Disbursed:
    return Disbursed(reference=reference, value_date=a.drawn_on, fen=a.drawn_fen, renews=a.renews)


def _narration(contract: Contract) -> str:
    return f"发放{product_name(contract.product)} {contract.contract}"


def _agreed(contract: Contract) -> tuple[object, ...]:
    return contract.terms, contract.borrower, contract.household, contract.purpose, contract.covered


def _require_eligible(session: Session, fresh: Sequence[Application]) -> None:
    both = zip(explain(session, fresh), approvals(session, fresh), strict=True)
    refuse_failed(fresh, [[*rules, *approval] for rules, approval in both])


def _store(
    session: Session, contracts: dict[tuple[int, str], Contract], fresh: Sequence[Application], since: date | None = None
) -> None:
    """Give each contract its id, the book's next sequence, and write it; resets begin after its first day, or a given one."""
    counts: dict[int, int] = {}
    for a in fresh:
        counts[a.book.id] = counts.get(a.book.id, 0) + 1
    if not counts:
        return
    firsts = take_sequence(session, counts)
    rows = []
    for a in fresh:
        c = contracts[a.number]
        contracts[a.number] = replace(c, id=firsts[c.book_id])
        firsts[c.book_id] += 1
        rows.append(
            {
                "book_id": c.book_id, "id": contracts[a.number].id, "contract": c.contract, "product": c.product,
                "county": c.county, "household": c.household, "borrower": c.borrower, "purpose": c.purpose,
                "terms": terms_to_json(c.terms), "covered": c.covered,
                "next_reset": c.terms.floating.first_reset(since or c.terms.drawn_on) if c.terms.floating else None,
            }
        )  # fmt: skip
    session.execute(insert(loan).inline(), rows)
