"""What government owes (应贴息): for each loan of a bank, up to a period's end, and what a list says beside it.

To the bank it owes its parts of the charges (结息). A household that pays first is owed its share of the contract interest that
it has really paid (以银行实际划扣的利息为准, domain.md 1.3). Both end at maturity and with misuse, as contract interest does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.money import round_half_up
from loans.contract import Contract
from loans.events import LoanEvent, SubsidyRefused, in_effect
from loans.life import Charge, Life
from loans.queries import Key, contracts, events_of, horizon_now
from loans.replay import replay
from loans.steps import contract_steps
from loans.subsidy.periods import Period
from loans.terms import StreamKind, charge_fen
from registry.households import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What government owes of a loan up to a period's end, and of the period: interest in fen, days, days past maturity."""

    fen: int
    whole_fen: int
    principal_fen: int
    days: int
    late_days: int
    product: str
    home: Home | None
    borrower: str


_OWED = """
SELECT l.id AS loan_id, l.product, l.county, l.household, l.borrower, max(s.principal_fen) AS principal_fen,
       coalesce(sum(c.gov_fen) FILTER (WHERE c.kind = 'contract' AND c.end_date <= :end), 0)::bigint AS gov_fen,
       coalesce(sum(c.whole_fen) FILTER (WHERE c.kind = 'contract' AND p.within), 0)::bigint AS whole_fen,
       coalesce(sum(p.days) FILTER (WHERE c.kind = 'contract' AND p.within), 0)::integer AS days,
       coalesce(sum(p.days) FILTER (WHERE c.kind = 'penalty' AND p.within), 0)::integer AS late_days
  FROM loans.loan l
  LEFT JOIN loans.charge c ON c.book_id = l.book_id AND c.loan_id = l.id AND c.known_to_seq IS NULL
  JOIN loans.standing s ON s.book_id = l.book_id AND s.loan_id = l.id AND s.known_to_seq IS NULL
 CROSS JOIN LATERAL (
    SELECT c.end_date > :start AND c.end_date <= :end AS within, c.end_date - greatest(c.start_date, CAST(:start AS date)) AS days
 ) AS p
 WHERE l.book_id = :book AND coalesce((l.terms ->> 'household_first')::boolean, false) = :household_first
 GROUP BY l.id, l.product, l.county, l.household, l.borrower
 ORDER BY l.id
"""


def owed(session: Session, loan_book: int, period: Period, *, to_bank: bool) -> dict[Key, Owed]:
    """Return what government owes of every loan of a book, to the bank or to households."""
    values = {"book": loan_book, "start": period.start, "end": period.end, "household_first": not to_bank}
    found = {
        (loan_book, row.loan_id): Owed(
            fen=row.gov_fen, whole_fen=row.whole_fen, principal_fen=row.principal_fen, days=row.days, late_days=row.late_days,
            product=row.product, home=(row.county, row.household) if row.household else None, borrower=row.borrower,
        )
        for row in session.execute(text(_OWED), values)
    }  # fmt: skip
    if to_bank:
        return found
    return {key: replace(found[key], fen=fen) for key, fen in _reimbursements(session, found, period.end).items()}


def reimbursable_fen(contract: Contract, life: Life, events: Iterable[LoanEvent], until: date) -> int:
    """Return what government owes a household of the contract interest that it has paid, of charges up to a day, in fen.

    Of a charge paid in part it owes that part; days since which the household was found not entitled count for nothing.
    """
    sinces = [e.since or e.value_date for e in in_effect(events) if isinstance(e, SubsidyRefused) and e.stops]
    ends = min(sinces, default=date.max)
    owed_fen = 0
    for charge in life.charges:
        if charge.kind is StreamKind.CONTRACT and charge.end <= until and charge.paid_fen:
            whole = charge_fen(_government_units(contract, life, charge, ends), contract.terms.day_count.year)
            owed_fen += round_half_up(Fraction(whole * charge.paid_fen, charge.whole_fen))
    return owed_fen


def government_fen_since(contract: Contract, life: Life, since: date) -> int:
    """Return what government was charged for the days since one, in fen: what is to come back of it (追回)."""
    found = 0
    for charge in life.charges:
        if charge.kind is StreamKind.CONTRACT and charge.end > since:
            before = charge_fen(_government_units(contract, life, charge, since), contract.terms.day_count.year)
            found += charge.gov_fen - (before if charge.start < since else 0)
    return max(0, min(found, sum(charge.gov_fen for charge in life.charges)))


def _government_units(contract: Contract, life: Life, charge: Charge, ends: date) -> int:
    """Return government's part of a charge's days before a day, in fen · ppb · ticks, whoever pays the bank."""
    terms = replace(life.terms, household_first=False)
    last = life.instalments[-1].instalment.nominal
    read = terms.day_count.clock(contract.terms.drawn_on)
    units = 0
    for line in life.streams:
        if line.kind is not StreamKind.CONTRACT:
            continue
        for start, end, _, gov_ppb in contract_steps(terms, last):
            first, until = max(charge.start, start), min(charge.end, ends, end or date.max)
            if gov_ppb and first < until:
                units += line.base_fen * gov_ppb * line.ticks(read, first, until)
    return units


def _reimbursements(session: Session, found: Mapping[Key, Owed], until: date) -> dict[Key, int]:
    mine, happened, at = contracts(session, found), events_of(session, found), horizon_now(session)
    return {
        key: reimbursable_fen(contract, replay(contract.terms, happened[key], at), happened[key], until)
        for key, contract in mine.items()
    }
