"""Servicing (贷后): repayments, bounced ones, extensions, collection cost, refunds and write-off; each one verb."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import hold_books
from loans import agreement
from loans.booking import Booked, book_events
from loans.classification import RiskClass
from loans.contract import Contract
from loans.errors import EventRefused, EventReused, NotEligible
from loans.events import (
    CostAdvanced,
    Extended,
    GraceGranted,
    Inherited,
    LoanEvent,
    MisuseFound,
    RateSet,
    Reclassified,
    Refunded,
    Repaid,
    Restructured,
    Reversed,
    WrittenOff,
)
from loans.policy.eligibility import enrolled
from loans.policy.parameters import policy_on
from loans.policy.queries import policy_rows
from loans.products import product_name
from loans.queries import UNDONE, events_of, events_referenced, horizon_now, lives, release_number
from loans.subsidy.queries import gov_ppb_when_extended, scheme_of
from loans.suspicions import contacts
from loans.terms import MOST_MONTHS, GraceKind
from registry import households
from registry.households import Borrower


def repay(session: Session, payments: Sequence[tuple[Contract, Repaid]], actor: str, *, dry_run: bool = False) -> list[Booked]:
    """Book repayments (还款), of any amount and date up to the business date.

    Raises:
        EventRefused: an amount that is not positive, or a loan that was not paid out on that date.
    """
    for contract, payment in payments:
        _require_positive(contract, payment.fen)
    return book_events(session, payments, actor, lambda c, _: f"收回贷款本息 {c.contract}", dry_run=dry_run)


def reverse(
    session: Session, contract: Contract, of: str, value_date: date, actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Undo a bounced or mistaken event (冲正): the loan is replayed without it and the ledger gets the difference."""
    event = Reversed(reference=f"{of}/reversed", value_date=value_date, of=of)
    return book_events(session, [(contract, event)], actor, lambda c, _: f"冲正 {c.contract} {of}", dry_run=dry_run)


def undo(session: Session, contract: Contract, of: str, value_date: date, actor: str, *, dry_run: bool = False) -> list[Booked]:
    """Undo an imported event, so that its reference (and, of a disbursement, its contract number) may be used again."""
    event = Reversed(reference=f"{of}{UNDONE}", value_date=value_date, of=of)
    booked = book_events(session, [(contract, event)], actor, lambda c, _: f"撤销导入 {c.contract} {of}", dry_run=dry_run)
    if booked and not booked[0].life.instalments and not dry_run:
        release_number(session, contract)
        contacts.remove(session, contract.key)
    return booked


def extend(
    session: Session, extensions: Sequence[tuple[Contract, str, date, date, int | None]], actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Extend loans (展期): (contract, reference, agreed on, new maturity, rate from then on in ppb; none: the tier's).

    The policy of the day binds them (`loans.agreement`); one booked already is not looked at again. Subsidy goes on only where
    the contract's scheme says so.

    Raises:
        NotEligible: the policy of the day does not allow it; every rule that fails is named.
        EventRefused: a new maturity not after the old one, or a loan that is repaid or written off.
        EventReused: the reference names another event.
    """
    hold_books(session, [contract.book_id for contract, *_ in extensions])
    happened = events_of(session, {contract.key for contract, *_ in extensions})
    known = events_referenced(session, ((contract.book_id, reference) for contract, reference, *_ in extensions))
    events: list[tuple[Contract, LoanEvent]] = []
    for contract, reference, agreed_on, maturity, agreed_ppb in extensions:
        _, found = known.get((contract.book_id, reference), (0, None))
        if isinstance(found, Extended):
            rate_ppb = found.rate_ppb if agreed_ppb is None else agreed_ppb
            event = replace(found, value_date=agreed_on, maturity=maturity, rate_ppb=rate_ppb)
        else:
            event = agreement.extension(session, contract, happened[contract.key], reference, agreed_on, maturity, agreed_ppb)
        if found is None:
            agreement.require_allowed(session, contract, happened[contract.key], event)
            happened[contract.key].append(event)
        events.append((contract, event))
    return book_events(session, events, actor, lambda c, _: f"贷款展期 {c.contract}", dry_run=dry_run)


def restructure(session: Session, contract: Contract, event: Restructured, actor: str, *, dry_run: bool = False) -> list[Booked]:
    """Restructure a debt (债务重组): all principal owed is planned anew under other terms; its class is at most what its rule
    set gives a restructured loan, and is watched. The policy of the day binds it (`loans.agreement`).

    Raises:
        NotEligible: the policy of the day does not allow it; every rule that fails is named.
        EventRefused: terms that no loan can have, a loan repaid or written off, or more subsidy than an extension would have.
    """
    if event.every_months is not None and not 1 <= event.every_months <= MOST_MONTHS:
        raise EventRefused(contract.contract, f"还款间隔 {event.every_months} 个月，应为 1 到 {MOST_MONTHS} 个月")
    if event.gov_ppb > gov_ppb_when_extended(session, contract, event.rate_ppb):
        raise EventRefused(contract.contract, f"重组后的贴息率超过{product_name(contract.product)}展期后的贴息标准")
    hold_books(session, [contract.book_id])
    known = events_referenced(session, [(contract.book_id, event.reference)]).get((contract.book_id, event.reference))
    if known is None:
        happened = events_of(session, [contract.key])[contract.key]
        event = agreement.restructuring(session, contract, happened, event)
        agreement.require_allowed(session, contract, happened, event)
    elif isinstance(known[1], Restructured):
        event = replace(event, follows_months=known[1].follows_months)
    return book_events(session, [(contract, event)], actor, lambda c, _: f"债务重组 {c.contract}", dry_run=dry_run)


def reclassify(
    session: Session, judged: Sequence[tuple[Contract, str, date, RiskClass, str]], actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Class loans by a person (五级分类调整): (contract, reference, day, class, reason). Only so does a class rise.

    Raises:
        EventRefused: no reason, or a better class than the days past due or the watch after a restructuring allow.
    """
    events: list[tuple[Contract, LoanEvent]] = []
    for contract, reference, day, risk_class, reason in judged:
        if not reason.strip():
            raise EventRefused(contract.contract, "调整五级分类必须说明理由")
        events.append((contract, Reclassified(reference=reference, value_date=day, risk_class=risk_class, reason=reason.strip())))
    return book_events(session, events, actor, lambda c, _: f"五级分类调整 {c.contract}", dry_run=dry_run)


def set_rates(
    session: Session, resets: Sequence[tuple[Contract, str, date, int]], actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Set floating rates anew (利率重定价): (contract, reference, from, rate in ppb); subsidy keeps its shares by the
    scheme, that of the day and the later ones.

    An equal instalment is made anew from that day on.
    """
    events: list[tuple[Contract, LoanEvent]] = []
    for contract, reference, day, rate_ppb in resets:
        scheme, drawn_on = scheme_of(session, contract), contract.terms.drawn_on
        event = RateSet(
            reference=reference, value_date=day, rate_ppb=rate_ppb,
            gov_ppb=scheme.gov_ppb(rate_ppb, drawn_on, day) if scheme else 0,
            later=scheme.later_gov_ppb(rate_ppb, drawn_on, day) if scheme else (),
        )  # fmt: skip
        events.append((contract, event))
    return book_events(session, events, actor, lambda c, _: f"利率重定价 {c.contract}", dry_run=dry_run)


def grant_graces(
    session: Session, graces: Sequence[tuple[Contract, str, date, GraceKind, date]], actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Grant graces in mid-life (宽限): (contract, reference, from, kind, until); what is due stays due, the class as it is.

    Raises:
        EventRefused: a grace that leaves no date for principal, or overlaps another of its kind.
    """
    events = [(c, GraceGranted(reference=name, value_date=day, grace=kind, until=end)) for c, name, day, kind, end in graces]
    return book_events(session, events, actor, lambda c, _: f"给予宽限 {c.contract}", dry_run=dry_run)


def find_misuse(
    session: Session, contract: Contract, reference: str, day: date, actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Record that the money went elsewhere (认定挪用): from the day on the misuse rate runs and subsidy stops."""
    event = MisuseFound(reference=reference, value_date=day)
    return book_events(session, [(contract, event)], actor, lambda c, _: f"认定挪用 {c.contract}", dry_run=dry_run)


def inherit(
    session: Session,
    contract: Contract,
    reference: str,
    day: date,
    heir: Borrower,
    actor: str,
    *,
    subsidised: bool,
    dry_run: bool = False,
) -> list[Booked]:
    """Pass a debt to an heir (继承): all that is owed goes on under the contract; subsidy only if a household may have it.

    Raises:
        EventRefused: the heir is of another county, is the borrower already, or nothing is owed.
        NotEligible: subsidy is to go on for a household that may not have it.
        EventReused: the reference names another event.
    """
    known = events_referenced(session, [(contract.book_id, reference)]).get((contract.book_id, reference))
    if known is not None:
        found = known[1]
        wanted = (contract.id, day, heir.code, heir.household, subsidised)
        if not isinstance(found, Inherited):
            raise EventReused(reference)
        if wanted != (known[0], found.value_date, found.borrower, found.household, found.subsidised):
            raise EventReused(reference)
        return []
    if heir.county != contract.county or heir.code == contract.borrower:
        raise EventRefused(contract.contract, "继承人须是同一县区的另一借款人")
    if not lives(session, [contract.key], horizon_now(session))[contract.key].standing.principal_fen:
        raise EventRefused(contract.contract, "已还清或已核销的贷款不能变更借款人")
    if subsidised:
        home = (heir.county, heir.household or "")
        enrolment = households.enrolments(session, [home], day).get(home)
        rows = policy_rows(session, {contract.county})
        policy = policy_on(rows, contract.product, contract.county, contract.bank, contract.terms.drawn_on)
        if failed := [one.sentence for one in enrolled(day, enrolment, policy) if not one.ok]:
            raise NotEligible(contract.contract, heir.household, failed)
    event = Inherited(
        reference=reference, value_date=day, borrower=heir.code, household=heir.household, from_borrower=contract.borrower,
        from_household=contract.household, subsidised=subsidised,
    )  # fmt: skip
    return book_events(session, [(contract, event)], actor, lambda c, _: f"借款人变更 {c.contract}", dry_run=dry_run)


def advance_cost(
    session: Session, contract: Contract, reference: str, day: date, fen: int, actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Book collection cost that the bank lays out for the borrower (垫付费用)."""
    _require_positive(contract, fen)
    event = CostAdvanced(reference=reference, value_date=day, fen=fen)
    return book_events(session, [(contract, event)], actor, lambda c, _: f"垫付清收费用 {c.contract}", dry_run=dry_run)


def refund(
    session: Session, contract: Contract, reference: str, day: date, fen: int, actor: str, *, dry_run: bool = False
) -> list[Booked]:
    """Send an overpayment back (退款)."""
    _require_positive(contract, fen)
    event = Refunded(reference=reference, value_date=day, fen=fen)
    return book_events(session, [(contract, event)], actor, lambda c, _: f"退还多收款 {c.contract}", dry_run=dry_run)


def write_off(
    session: Session,
    contract: Contract,
    reference: str,
    day: date,
    actor: str,
    *,
    pool_fen: int = 0,
    pool_share_ppb: int = 0,
    dry_run: bool = False,
) -> list[Booked]:
    """Write a loan off (核销): the pool's part and the bank's; the debt lives on in the memo books."""
    event = WrittenOff(reference=reference, value_date=day, pool_fen=pool_fen, pool_share_ppb=pool_share_ppb)
    return book_events(session, [(contract, event)], actor, lambda c, _: f"核销贷款 {c.contract}", dry_run=dry_run)


def _require_positive(contract: Contract, fen: int) -> None:
    if fen <= 0:
        raise EventRefused(contract.contract, "金额必须大于零")
