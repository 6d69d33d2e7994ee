"""Verdicts (审批): an application is approved or declined by a second person, or withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.business_day import business_date_from
from loans.admission import explain, refuse_failed
from loans.applications.application import Application
from loans.applications.filing import Considered
from loans.applications.queries import drawn, states_of
from loans.applications.record import not_taken, write
from loans.applications.state import ApplicationState, Standing, Step, StepKind
from loans.disbursement import previews
from loans.errors import ApplicationRefused
from loans.policy.eligibility import AGE, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said of a contract's application, under which reference, on which day, and why."""

    book: Book
    contract: str
    reference: str
    day: date
    reason: str = ""


def approve(session: Session, verdicts: Sequence[Verdict], actor: str, *, dry_run: bool = False) -> list[Considered]:
    """Approve applications (批准), and return those newly approved with what disbursing them will book.

    Policy is asked again, with what is known and in force on the day of approval; the birthday is not stored, so the rules
    of age are left to filing and disbursement. A planned day of drawing that has passed becomes the day of approval.

    Raises:
        FutureDate: a verdict is dated after the business date.
        ApplicationRefused: nothing is waiting for a verdict, by who filed it, or before it was filed.
        NotEligible: policy does not allow it any more; every rule that fails is named.
        EventReused: the reference names another step.
        BadTerms, EventRefused: no loan can be made so any more.
    """
    taken = _decided(session, verdicts, StepKind.APPROVED, actor)
    wanted = [_drawn_from(state.application, state.last.day) for state in taken]
    findings = _findings(session, wanted, [state.last.day for state in taken])
    refuse_failed(wanted, findings)
    foreseen = previews(session, wanted, actor)
    if not dry_run:
        write(session, [state.last for state in taken])
    return [
        Considered(state=state, findings=tuple(found), preview=booked)
        for state, found, booked in zip(taken, findings, foreseen, strict=True)
    ]


def decline(session: Session, verdicts: Sequence[Verdict], actor: str, *, dry_run: bool = False) -> list[Considered]:
    """Decline applications (拒绝), each for a reason.

    Raises:
        as `approve`, policy left aside; and ApplicationRefused without a reason.
    """
    for one in verdicts:
        if not one.reason.strip():
            raise ApplicationRefused(one.contract, "拒绝必须说明理由")
    return _ended(session, verdicts, StepKind.DECLINED, actor, dry_run=dry_run)


def withdraw(session: Session, verdicts: Sequence[Verdict], actor: str, *, dry_run: bool = False) -> list[Considered]:
    """Withdraw applications (撤回), approved or not, by anybody; not once a loan is drawn.

    Raises:
        as `decline`; a reason is not asked for.
    """
    return _ended(session, verdicts, StepKind.WITHDRAWN, actor, dry_run=dry_run)


def _ended(session: Session, verdicts: Sequence[Verdict], kind: StepKind, actor: str, *, dry_run: bool) -> list[Considered]:
    taken = _decided(session, verdicts, kind, actor)
    if not dry_run:
        write(session, [state.last for state in taken])
    return [Considered(state=state) for state in taken]


def _decided(session: Session, verdicts: Sequence[Verdict], kind: StepKind, actor: str) -> list[ApplicationState]:
    """Hold the books, and return what will stand after each new verdict; nothing is written yet."""
    business_date_from(session, (one.day for one in verdicts))
    hold_books(session, [one.book.id for one in verdicts])
    steps = [
        Step(
            book_id=one.book.id, contract=one.contract, kind=kind, day=one.day, reference=one.reference, actor=actor,
            body={"reason": one.reason.strip()} if one.reason.strip() else {},
        )
        for one in verdicts
    ]  # fmt: skip
    fresh = [step for step in not_taken(session, steps) if step is not None]
    numbers = [step.number for step in fresh]
    states, lent = states_of(session, numbers), drawn(session, numbers)
    taken = []
    for step in fresh:
        before = states.get(step.number)
        if before is None:
            raise ApplicationRefused(step.contract, "没有这笔申请")
        _require_open(step, before, is_drawn=step.number in lent)
        after = replace(before, approved=step) if kind is StepKind.APPROVED else replace(before, ended=step)
        states[step.number] = after
        taken.append(after)
    return taken


def _require_open(step: Step, before: ApplicationState, *, is_drawn: bool) -> None:
    """Refuse a verdict on what is decided already, by who filed it, or out of the order of days.

    Raises:
        ApplicationRefused: it can't be given.
    """
    standing = Standing.DRAWN if is_drawn else before.standing_on(step.day)
    waiting = standing is Standing.APPLIED or (step.kind is StepKind.WITHDRAWN and standing is Standing.APPROVED)
    if not waiting:
        raise ApplicationRefused(
            step.contract, f"{standing.label}（{before.last.day} {before.last.kind.label}），不能再审批或撤回"
        )
    if step.kind is not StepKind.WITHDRAWN and step.actor == before.filed.actor:
        raise ApplicationRefused(step.contract, f"经办人 {step.actor} 不能审批自己提交的申请")
    if step.day < before.last.day:
        raise ApplicationRefused(step.contract, f"日期 {step.day} 早于 {before.last.day} 的{before.last.kind.label}")


def _drawn_from(application: Application, day: date) -> Application:
    """Return an application as it can be drawn from a day on."""
    return replace(application, drawn_on=max(application.drawn_on, day))


def _findings(session: Session, wanted: Sequence[Application], days: Sequence[date]) -> list[list[Finding]]:
    """Return, for each application in turn, what policy says of it on its day of approval, age left aside."""
    found: dict[int, list[Finding]] = {}
    for day in sorted(set(days)):
        mine = [at for at, one in enumerate(days) if one == day]
        answers = explain(session, [wanted[at] for at in mine], judged_on=day)
        found |= {at: [one for one in answer if one.rule not in AGE] for at, answer in zip(mine, answers, strict=True)}
    return [found[at] for at in range(len(wanted))]
