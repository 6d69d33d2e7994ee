"""Checking (审核): another person than filed looks at eligibility, use and amount, and passes a claim or returns it (退回)."""

from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy.orm import Session

from guarantees.claims.claim import Claim, State
from guarantees.claims.recording import basis_fen, held, life_of, record
from guarantees.errors import ClaimRefused
from ledger.money import yuan
from loans.contract import Contract
from loans.events import Inherited, LoanEvent, MisuseFound, in_effect
from loans.policy.eligibility import enrolled
from loans.policy.parameters import policy_on
from loans.policy.queries import policy_rows
from loans.queries import contracts, events_of
from loans.suspicions.queries import open_hits
from loans.suspicions.rules import Decision
from registry import households


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the books say about a claim; amounts in fen. `forbidding` can't be passed, `doubtful` only with a reason."""

    claimed_fen: int
    basis_fen: int  # recomputed
    eligibility: tuple[str, ...]  # what the household failed of at drawdown
    doubtful: tuple[str, ...]  # suspicions that nobody has cleared
    forbidding: tuple[str, ...]  # misuse found, suspicions confirmed

    @property
    def objections(self) -> list[str]:
        """What speaks against passing it without a word."""
        return [*self.eligibility, *self.doubtful]


def findings(session: Session, one: Claim) -> Findings:
    """Return what the books say about a claim as of now: eligibility at drawdown, use of the money, the amount recomputed."""
    loan = contracts(session, [one.loan])[one.loan]
    events = in_effect(events_of(session, [one.loan])[one.loan])
    hits = open_hits(session, [one.loan]).get(one.loan, [])
    misuse = [f"{event.value_date} 认定挪用" for event in events if isinstance(event, MisuseFound)]
    return Findings(
        claimed_fen=one.basis_fen,
        basis_fen=basis_fen(life_of(session, one), one.pool.terms.loss_basis, one.filed_on),
        eligibility=_eligibility(session, loan, events),
        doubtful=tuple(hit.sentence for hit in hits if hit.decision is not Decision.CONFIRMED),
        forbidding=(*misuse, *(hit.sentence for hit in hits if hit.decision is Decision.CONFIRMED)),
    )


def check(session: Session, one: Claim, day: date, actor: str, *, passes: bool = True, note: str = "") -> Findings:
    """Check a claim, never by who filed it, and pass or return it; what the books say is recorded with the verdict.

    Raises:
        ClaimRefused: same person, wrong state, a return without a reason, a claim passed that can't be, or not without one.
        FutureDate: the day has not come.
    """
    one = held(session, one, day, actor)
    if actor == one.filed_by:
        raise ClaimRefused(one.number, "申请人不能审核自己的申请")
    if one.state is not State.FILED:
        raise ClaimRefused(one.number, f"状态为{one.state}，不能审核")
    found = findings(session, one)
    if passes:
        _require_passable(one, found, note)
    elif not note.strip():
        raise ClaimRefused(one.number, "退回须说明理由")
    step = "checked" if passes else "returned"
    again = sum(taken.kind == step for taken in one.steps)
    record(
        session, one.pool, one.number, f"{step}/{again + 1}" if again else step, day, one.gov_fen, actor,
        note=note.strip(), findings=asdict(found),
    )  # fmt: skip
    return found


def _require_passable(one: Claim, found: Findings, note: str) -> None:
    if found.basis_fen != found.claimed_fen:
        amounts = f"申请基数 {yuan(found.claimed_fen)} 元，重算 {yuan(found.basis_fen)} 元"
        raise ClaimRefused(one.number, f"{amounts}，金额不符，请退回")
    if found.forbidding:
        raise ClaimRefused(one.number, f"{'；'.join(found.forbidding)}，不能通过，请退回")
    if found.objections and not note.strip():
        raise ClaimRefused(one.number, f"{'；'.join(found.objections)}；通过须说明理由")


def _eligibility(session: Session, loan: Contract, events: list[LoanEvent]) -> tuple[str, ...]:
    """Return what the first borrower's household failed of on the day of drawdown, by the policy of that day."""
    heirs = [event for event in events if isinstance(event, Inherited)]
    number = heirs[0].from_household if heirs else loan.household
    drawn_on, home = loan.terms.drawn_on, (loan.county, number or "")
    enrolment = households.enrolments(session, [home], drawn_on).get(home)
    policy = policy_on(policy_rows(session, {loan.county}), loan.product, loan.county, loan.bank, drawn_on)
    return tuple(one.sentence for one in enrolled(drawn_on, enrolment, policy) if not one.ok)
