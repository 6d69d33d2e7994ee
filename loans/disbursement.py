"""Disbursement (放款) and taking over running loans (接管): how a loan begins."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.business_day import business_date
from ledger.posting import take_sequence
from loans.booking import Booked, book_events
from loans.contract import Contract, terms_to_json
from loans.errors import DuplicateContract, EventRefused, NotEligible
from loans.events import Disbursed, LoanEvent, TakenOver
from loans.policy.eligibility import EACH_DRAWING, Facts, Finding
from loans.policy.eligibility import check as check_rules
from loans.policy.parameters import policy_on
from loans.policy.queries import policy_rows
from loans.products import product_name, product_on
from loans.queries import contracts_numbered, contracts_of_households, events_referenced, free_references, horizon_now
from loans.suspicions import contacts
from loans.suspicions.contacts import Contact
from loans.suspicions.raising import raise_for
from loans.suspicions.rules import DRAWDOWN
from loans.tables import loan
from loans.terms import Floating, LoanTerms
from registry import households
from registry.households import Enrolment, Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A loan to be made: its contract, who borrows, and how much in fen."""

    book: Book
    contract: str
    product: str
    household: str | None
    borrower: str
    fen: int
    rate_ppb: int
    drawn_on: date
    maturity: date
    purpose: str = ""
    born_on: date | None = None  # of a person, for rules of age; never stored
    first_fen: int | None = None  # what is drawn of it at first (分次放款); none: all
    renews: str | None = None  # the contract that it repays (无还本续贷)
    floating: Floating | None = None  # what its rate follows (浮动利率); none: it is fixed
    subsidised: bool = True  # as the product says; not where a household borrows beyond what policy subsidises
    covered: bool = True  # by the compensation pool, likewise
    contact: Contact | None = None  # where its money goes and how its borrower is reached, if its file says so

    @property
    def drawn_fen(self) -> int:
        """What is drawn of it at first."""
        return self.fen if self.first_fen is None else self.first_fen

    @property
    def number(self) -> tuple[int, str]:
        """Its contract number with its book's id: banks number their contracts each for itself."""
        return self.book.id, self.contract

    @property
    def home(self) -> Home | None:
        """Its household with its county."""
        return (self.book.county, self.household) if self.household else None

    def terms(self) -> LoanTerms:
        """Return the contract's terms under the product of the day."""
        return product_on(self.product, self.drawn_on).terms(
            self.fen, self.rate_ppb, self.drawn_on, self.maturity, self.floating, subsidised=self.subsidised
        )


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
    """Make loans, all of a batch or none; those already made under the same contract and terms stay as they are.

    Raises:
        BadTerms: terms that no loan can have.
        UnknownProduct: no such product on that day.
        DuplicateContract: a contract number belongs to another loan.
        EventRefused: a product for households without one, or one for enterprises with one.
        NotEligible: the policy of the day does not allow it; every rule that fails is named.
        and what the checks raise.
    """
    business_date(session)
    horizon_now(session)
    fresh, contracts = _new_contracts(session, applications)
    for a in fresh:
        if not 0 < a.drawn_fen <= a.fen:
            raise EventRefused(a.contract, "首次放款金额必须大于零且不超过合同金额")
        if (product_on(a.product, a.drawn_on).borrower == "household") != bool(a.household):
            raise EventRefused(a.contract, f"{product_name(a.product)}的借款对象与建档立卡号不符")
    households.lock(session, sorted({home for a in fresh if (home := a.home)}))
    _require_eligible(session, fresh)
    for check in checks:
        check.admit(session, [replace(a, fen=a.drawn_fen) for a in fresh])
    _store(session, contracts, fresh)
    names = free_references(session, ((a.book.id, f"{a.contract}/disbursed") for a in fresh))
    contacts.store(session, {contracts[a.number].key: a.contact for a in fresh if a.contact})
    events: list[tuple[Contract, LoanEvent]] = []
    for a in fresh:
        reference = names[(a.book.id, f"{a.contract}/disbursed")]
        event = Disbursed(reference=reference, value_date=a.drawn_on, fen=a.drawn_fen, renews=a.renews)
        events.append((contracts[a.number], event))
    booked = book_events(session, events, actor, lambda c, _: f"发放{product_name(c.product)} {c.contract}", dry_run=dry_run)
    _suspect(session, booked, actor, dry_run=dry_run)
    return booked


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
        _require_eligible(session, [part], EACH_DRAWING)
        for check in checks:
            check.admit(session, [part])
    booked = book_events(session, [(contract, event)], actor, lambda c, _: f"分次放款 {c.contract}", dry_run=dry_run)
    _suspect(session, booked, actor, dry_run=dry_run)
    return booked


def _suspect(session: Session, booked: Sequence[Booked], actor: str, *, dry_run: bool) -> None:
    """Raise what is suspicious about loans that were paid out (疑点): a question for later, never a refusal."""
    if not dry_run:
        raise_for(session, [one.contract.key for one in booked], DRAWDOWN, business_date(session), actor)


def take_over(session: Session, application: Application, event: TakenOver, actor: str) -> list[Booked]:
    """Bring a running loan into the books in mid-life: principal, unpaid charges, and the day its interest is charged to.

    Raises:
        DuplicateContract: the contract number belongs to another loan.
        EventRefused: what it owes does not fit its terms.
    """
    business_date(session)
    horizon_now(session)
    fresh, contracts = _new_contracts(session, [application])
    if not fresh:
        return []
    _store(session, contracts, fresh, since=event.value_date)
    return book_events(session, [(contracts[application.number], event)], actor, lambda c, _: f"接管贷款 {c.contract}")


def _new_contracts(
    session: Session, applications: Sequence[Application]
) -> tuple[list[Application], dict[tuple[int, str], Contract]]:
    """Return the applications that are not loans yet, and a contract without an id for each.

    Raises:
        DuplicateContract: a number belongs to a loan with other facts, or stands twice in the batch.
    """
    made = {
        (c.book_id, c.contract): c
        for c in contracts_numbered(session, [a.contract for a in applications], {a.book.id for a in applications})
    }
    fresh: list[Application] = []
    contracts: dict[tuple[int, str], Contract] = {}
    for a in applications:
        contract = Contract(
            book=a.book.code, book_id=a.book.id, id=0, contract=a.contract, product=a.product, county=a.book.county,
            household=a.household, borrower=a.borrower, terms=a.terms(), purpose=a.purpose, covered=a.covered,
        )  # fmt: skip
        known = made.get(a.number)
        if known is None and a.number not in contracts:
            contracts[a.number] = contract
            fresh.append(a)
        elif known is None or _agreed(known) != _agreed(contract):
            raise DuplicateContract(a.contract)
    return fresh, contracts


def _agreed(contract: Contract) -> tuple[object, ...]:
    return contract.terms, contract.borrower, contract.covered


def explain(session: Session, applications: Sequence[Application]) -> list[list[Finding]]:
    """Return, for each application in turn, every rule of its day's policy with what was found (准入检查).

    A household's balance in a product counts all its borrowers and banks, and the batch's loans before this one. An
    extended loan is one loan: it counts once.
    """
    rows = policy_rows(session, {a.book.county for a in applications})
    enrolled: dict[date, dict[Home, Enrolment]] = {}
    held: dict[str, dict[Home, _Balance]] = {}
    found = []
    for a in applications:
        if a.drawn_on not in enrolled:
            homes = {one.home for one in applications if one.home and one.drawn_on == a.drawn_on}
            enrolled[a.drawn_on] = households.enrolments(session, sorted(homes), a.drawn_on)
        if a.product not in held:
            held[a.product] = _held(
                session, {one.home for one in applications if one.home and one.product == a.product}, a.product
            )
        before = held[a.product].get(a.home, _Balance()) if a.home else _Balance()
        facts = Facts(
            day=a.drawn_on, maturity=a.maturity, fen=a.fen, held_fen=before.fen, rate_ppb=a.rate_ppb, purpose=a.purpose,
            enrolment=enrolled[a.drawn_on].get(a.home) if a.home else None, born_on=a.born_on,
            subsidised=a.subsidised, covered=a.covered, held_subsidised_fen=before.subsidised_fen,
            held_covered_fen=before.covered_fen,
        )  # fmt: skip
        found.append(check_rules(facts, policy_on(rows, a.product, a.book.county, a.book.bank, a.drawn_on)))
        if a.home:
            held[a.product][a.home] = before.with_loan(a.fen, subsidised=a.subsidised, covered=a.covered)
    return found


def _require_eligible(session: Session, fresh: Sequence[Application], rules: Collection[str] | None = None) -> None:
    for a, findings in zip(fresh, explain(session, fresh), strict=True):
        if failed := [one.sentence for one in findings if not one.ok and (rules is None or one.rule in rules)]:
            raise NotEligible(a.contract, a.household, failed)


@dataclass(frozen=True, slots=True)
class _Balance:
    """What a household owes of principal in one product, and how much of it is subsidised and covered."""

    fen: int = 0
    subsidised_fen: int = 0
    covered_fen: int = 0

    def with_loan(self, fen: int, *, subsidised: bool, covered: bool) -> "_Balance":
        return _Balance(self.fen + fen, self.subsidised_fen + fen * subsidised, self.covered_fen + fen * covered)


def _held(session: Session, homes: Collection[Home], product: str) -> dict[Home, _Balance]:
    """Return the outstanding principal of households in one product, over all books."""
    keys = {c.key: c for c in contracts_of_households(session, homes, product)}
    if not keys:
        return {}
    books, ids = zip(*keys, strict=True)
    rows = session.execute(
        text(
            "SELECT s.book_id, s.loan_id, s.principal_fen FROM loans.standing s "
            "JOIN unnest(CAST(:books AS bigint[]), CAST(:ids AS bigint[])) AS k (book_id, loan_id) USING (book_id, loan_id) "
            "WHERE s.known_to_seq IS NULL"
        ),
        {"books": list(books), "ids": list(ids)},
    )
    held: dict[Home, _Balance] = {}
    for book_id, loan_id, fen in rows:
        c = keys[(book_id, loan_id)]
        home = (c.county, c.household or "")
        held[home] = held.get(home, _Balance()).with_loan(fen, subsidised=c.terms.subsidised, covered=c.covered)
    return held


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
