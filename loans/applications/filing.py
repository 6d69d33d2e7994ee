"""Filing (提交申请): a loan is applied for, once its day's policy allows it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import hold_books
from ledger.business_day import business_date_from
from loans.admission import explain, refuse_failed
from loans.applications.application import Application, facts_of
from loans.applications.queries import drawn, states_of
from loans.applications.record import not_taken, write
from loans.applications.state import ApplicationState, Step, StepKind
from loans.booking import Booked
from loans.disbursement import previews, require_sound
from loans.errors import ApplicationRefused, DuplicateContract
from loans.policy.eligibility import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """An application as filed: what is asked for, the number of the request, and its day."""

    application: Application
    reference: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """What a step did to an application: where it stands, every rule with its outcome, and what disbursing it will book."""

    state: ApplicationState
    findings: tuple[Finding, ...] = ()
    preview: Booked | None = None  # its contract and entry name no loan id yet; none where no loan follows


def apply(session: Session, filings: Sequence[Filing], actor: str, *, dry_run: bool = False) -> list[Considered]:
    """File applications (申请), and return what came of those that are new; a dry run writes nothing.

    Raises:
        FutureDate: one is filed after the business date.
        ApplicationRefused: it is filed after the day of drawing, or an open application stands for its contract.
        DuplicateContract: a loan bears its contract number.
        NotEligible: the policy of the day of drawing does not allow it; every rule that fails is named.
        EventReused: the reference names another application.
        UnknownProduct, BadTerms, EventRefused: no loan can be made so.
    """
    business_date_from(session, (one.day for one in filings))
    hold_books(session, [one.application.book.id for one in filings])
    taken = zip(not_taken(session, [_filed(one, actor) for one in filings]), filings, strict=True)
    fresh = [(step, one.application) for step, one in taken if step is not None]
    _require_free(session, fresh)
    wanted = [application for _, application in fresh]
    findings = explain(session, wanted)
    refuse_failed(wanted, findings)
    foreseen = previews(session, wanted, actor)
    if not dry_run:
        write(session, [step for step, _ in fresh])
    return [
        Considered(
            state=ApplicationState(application=replace(application, born_on=None), filed=step),
            findings=tuple(found),
            preview=booked,
        )
        for (step, application), found, booked in zip(fresh, findings, foreseen, strict=True)
    ]


def _filed(one: Filing, actor: str) -> Step:
    a = one.application
    return Step(
        book_id=a.book.id, contract=a.contract, kind=StepKind.APPLIED, day=one.day, reference=one.reference, actor=actor,
        body=facts_of(a),
    )  # fmt: skip


def _require_free(session: Session, fresh: Sequence[tuple[Step, Application]]) -> None:
    """Refuse what could not be drawn as filed, or a contract number for which something else stands."""
    numbers = [step.number for step, _ in fresh]
    lent, states = drawn(session, numbers), states_of(session, numbers)
    for step, application in fresh:
        require_sound(application)
        if step.number in lent:
            raise DuplicateContract(step.contract)
        if step.day > application.drawn_on:
            raise ApplicationRefused(step.contract, f"申请日期 {step.day} 晚于放款日 {application.drawn_on}")
        before = states.get(step.number)
        if before is not None and before.standing_on(step.day).is_open:
            raise ApplicationRefused(step.contract, f"已有申请 {before.filed.reference}（{before.standing_on(step.day).label}）")
        states[step.number] = ApplicationState(application=application, filed=step)
