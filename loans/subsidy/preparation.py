"""Preparation (编制、审核): a bank's batch of a period, its lines rejected with a reason and restored, and its cancellation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ledger.books import Book, hold_books
from ledger.business_day import business_date, business_date_from
from ledger.calendar import DAY
from ledger.posting import take_sequence
from loans.errors import SubsidyBatchRefused
from loans.queries import Key, contracts, free_references, horizon_now
from loans.subsidy.batch import Batch, Line, Stage, Tiers
from loans.subsidy.objections import objections
from loans.subsidy.owed import Owed, owed
from loans.subsidy.periods import Period, period_named
from loans.subsidy.queries import SYSTEM, batches, claimed, scheme_of, schemes
from loans.subsidy.refusal import refuse
from loans.subsidy.schemes import Cadence, Mode, scheme_on
from loans.subsidy.stepping import held, record, require_person
from loans.subsidy.tables import batch as batch_table
from loans.subsidy.tables import line as line_table
from loans.suspicions.queries import open_hits
from loans.suspicions.raising import raise_for
from loans.tables import loan


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a batch would ask: its lines, and the objections to them."""

    number: str
    period: Period
    lines: tuple[Line, ...]
    objections: Mapping[Key, list[str]]


def draft(session: Session, book: Book, loan_book: Book, mode: Mode, label: str) -> Draft:
    """Return what a bank's batch of a period would ask as things stand (试算); nothing is written, no suspicion either.

    Raises:
        BadPeriod: no period of the county's schemes is called so.
        SubsidyBatchRefused: the county has no such scheme, the period is not settled yet, or nothing is owed.
    """
    with session.begin_nested() as trial:
        made = _drafted(session, book, loan_book, mode, label, business_date(session), SYSTEM)
        trial.rollback()
    return made


def prepare(session: Session, book: Book, loan_book: Book, mode: Mode, label: str, day: date, actor: str) -> Batch:
    """Prepare a bank's batch of a period (编制); one that waits for approval already stays as it is.

    Lines against which something speaks are rejected at once, to come again with the next batch.

    Raises:
        FutureDate: the day has not come.
        and what `draft` raises.
    """
    business_date_from(session, [day])
    hold_books(session, [book.id, loan_book.id])
    waiting = [one for one in batches(session, [loan_book.id]) if one.stage is Stage.PREPARED and one.mode is mode]
    if found := next((one for one in waiting if one.period.label == label), None):
        return found
    made = _drafted(session, book, loan_book, mode, label, day, actor)
    require_person(made.number, actor)
    session.execute(
        insert(batch_table).values(
            book_id=book.id, number=made.number, loan_book_id=loan_book.id, mode=mode, label=label,
            start_date=made.period.start, end_date=made.period.end, tiers=_tiers(made.lines),
        )
    )  # fmt: skip
    session.execute(
        insert(line_table).inline(),
        [
            {
                "book_id": book.id, "number": made.number, "loan_book_id": line.loan[0], "loan_id": line.loan[1],
                "fen": line.fen, "whole_fen": line.whole_fen, "principal_fen": line.principal_fen, "days": line.days,
                "late_days": line.late_days, "flags": line.flags,
            }
            for line in made.lines
        ],
    )  # fmt: skip
    record(session, book, made.number, "prepared", day, {}, actor)
    if made.objections:
        reasons = {loan_id: "；".join(found) for (_, loan_id), found in made.objections.items()}
        record(session, book, made.number, "rejected", day, {"loans": reasons, "final": False}, SYSTEM)
    return numbered(session, loan_book, made.number)


def reject(session: Session, one: Batch, loans: Collection[int], reason: str, day: date, actor: str, *, final: bool) -> None:
    """Reject lines with a reason (剔除): carried to the next batch, or for good.

    What is refused to a bank for good becomes the borrower's on that day (`SubsidyRefused`).

    Raises:
        SubsidyBatchRefused: the batch is past its review, a loan is not in it, or there is no reason.
        EventRefused: a borrower's loan is written off.
    """
    one = _in_review(session, one, loans, reason, day, actor)
    asked = {line.loan[1]: line for line in one.lines}
    if final and (below := [loan_id for loan_id in loans if asked[loan_id].fen < 0]):
        raise SubsidyBatchRefused(one.number, f"{len(below)} 笔为追回，不能终局剔除")
    body = {"loans": dict.fromkeys(sorted(loans), reason), "final": final}
    reference = record(session, one.book, one.number, f"rejected/{_next(session, one)}", day, body, actor)
    if final and one.to_bank:
        found = contracts(session, [asked[loan_id].loan for loan_id in loans])
        names = {key: f"{contract.contract}/{reference}" for key, contract in found.items()}
        free = free_references(session, [(key[0], name) for key, name in names.items()])
        refused = [(found[key], free[(key[0], name)], asked[key[1]].fen) for key, name in names.items()]
        refuse(session, refused, day, reason, actor)


def restore(session: Session, one: Batch, loans: Collection[int], reason: str, day: date, actor: str) -> None:
    """Take rejected lines in again (恢复), with the reason why what spoke against them does not hold.

    Raises:
        SubsidyBatchRefused: the batch is past its review, a loan is not rejected in it or for good, a suspicion about it is not
            cleared, or there is no reason.
    """
    one = _in_review(session, one, loans, reason, day, actor)
    require_unsuspected(session, one, [(one.loan_book.id, loan_id) for loan_id in loans])
    for loan_id in loans:
        verdict = one.rejected.get(loan_id)
        if verdict is None or verdict.final:
            raise SubsidyBatchRefused(one.number, "只能恢复已剔除、且非终局的明细")
    body = {"loans": sorted(loans), "reason": reason}
    record(session, one.book, one.number, f"restored/{_next(session, one)}", day, body, actor)


def cancel(session: Session, one: Batch, day: date, actor: str) -> None:
    """Cancel a batch before its approval (作废): what it asked the next one asks again.

    Raises:
        SubsidyBatchRefused: it is approved, or refused a line for good.
    """
    one = held(session, one, day, actor)
    if one.stage is not Stage.PREPARED:
        raise SubsidyBatchRefused(one.number, f"状态为{one.stage}，不能作废")
    if any(verdict.final for verdict in one.rejected.values()):
        raise SubsidyBatchRefused(one.number, "已有终局剔除的明细，不能作废")
    record(session, one.book, one.number, "cancelled", day, {}, actor)


def numbered(session: Session, loan_book: Book, number: str) -> Batch:
    """Return a bank's batch.

    Raises:
        SubsidyBatchRefused: there is none of that number.
    """
    found = next((one for one in batches(session, [loan_book.id]) if one.number == number), None)
    if found is None:
        raise SubsidyBatchRefused(number, "没有这个批次")
    return found


def require_unsuspected(session: Session, one: Batch, keys: Collection[Key]) -> None:
    """Refuse to pay for loans about which a suspicion is confirmed, pending or not yet decided.

    Raises:
        SubsidyBatchRefused: there is such a one.
    """
    for found in open_hits(session, keys).values():
        raise SubsidyBatchRefused(one.number, f"借据 {found[0].contract} 的{found[0].sentence}，排除后才能贴息")


def still_owed(session: Session, one: Batch) -> dict[Key, int]:
    """Return what is owed now for the loans of a batch, beyond what other batches claim, in fen."""
    found = owed(session, one.loan_book.id, one.period, to_bank=one.to_bank)
    elsewhere = claimed(other for other in batches(session, [one.loan_book.id]) if other.number != one.number)
    return {line.loan: (found[line.loan].fen if line.loan in found else 0) - elsewhere[line.loan] for line in one.lines}


def _drafted(session: Session, book: Book, loan_book: Book, mode: Mode, label: str, day: date, actor: str) -> Draft:
    """Return what a batch asks, once the rules of suspicion have been asked about its loans."""
    name = f"{loan_book.bank}-{label}" + ("-A" if mode is Mode.HOUSEHOLD_FIRST else "")
    cadence = Cadence.QUARTER if "Q" in label else Cadence.MONTH if "-" in label else Cadence.YEAR
    period = _period(session, loan_book, mode, cadence, label)
    if period is None:
        raise SubsidyBatchRefused(name, "本县没有按此方式和周期结算的贴息办法")
    if period.end - DAY > horizon_now(session).charged_through:
        raise SubsidyBatchRefused(name, f"{period.end - DAY} 尚未结息")
    earlier = batches(session, [loan_book.id])
    asked = _asked(session, loan_book, period, (mode, cadence), earlier)
    if not asked:
        raise SubsidyBatchRefused(name, "没有应贴息的贷款")
    number, count = name, 1
    while any(one.number == number for one in earlier) or _is_taken(session, book, number):
        count += 1
        number = f"{name}-{count}"
    payable = {line.loan: one for line, one in asked if line.fen > 0}
    raise_for(session, payable, f"subsidy batch {number}", day, actor)
    found = objections(session, loan_book, payable, period)
    lines = tuple(replace(line, flags=(*line.flags, *found.get(line.loan, ()))) for line, _ in asked)
    return Draft(number=number, period=period, lines=lines, objections=found)


def _period(session: Session, loan_book: Book, mode: Mode, cadence: Cadence, label: str) -> Period | None:
    """Return the period that a label names by the schemes of the products that a bank lends; None if none had begun by its end.

    A scheme in force on the last day goes before one whose contracts only run on, a younger one before an older.
    """
    lent = set(session.scalars(select(loan.c.product).where(loan.c.book_id == loan_book.id).distinct()))
    known, begun = schemes(session), []
    for one in known:
        if one.county in (None, loan_book.county) and (one.mode, one.cadence) == (mode, cadence):
            period = period_named(label, cadence, one.year_begins)
            last = period.end - DAY
            if one.valid_from <= last:
                stands = scheme_on(known, one.product, loan_book.county or "", last) == one
                begun.append(((one.product in lent, stands, one.valid_from), period))
    return max(begun, key=lambda pair: pair[0], default=(None, None))[1]


def _tiers(lines: Sequence[Line]) -> Tiers | list[tuple[Tiers, list[int]]]:
    """Return who bears the lines, as a batch keeps it: the weights of all of them, or (weights, loans)."""
    found: dict[Tiers, list[int]] = {}
    for line in lines:
        found.setdefault(line.tiers, []).append(line.loan[1])
    return next(iter(found)) if len(found) == 1 else list(found.items())


def _asked(
    session: Session, loan_book: Book, period: Period, kept: tuple[Mode, Cadence], earlier: list[Batch]
) -> list[tuple[Line, Owed]]:
    """Return the lines of the loans whose own scheme is of this way and cadence, and what they stand on."""
    to_bank = kept[0] is not Mode.HOUSEHOLD_FIRST
    found = owed(session, loan_book.id, period, to_bank=to_bank)
    before = claimed(one for one in earlier if one.to_bank is to_bank)
    mine = contracts(session, [key for key, one in found.items() if one.fen != before[key]])
    lines = []
    for key, contract in sorted(mine.items()):
        scheme = scheme_of(session, contract)
        if scheme is None or (scheme.mode, scheme.cadence) != kept:
            continue
        one = found[key]
        line = Line(
            loan=key, product=one.product, fen=one.fen - before[key], whole_fen=one.whole_fen, principal_fen=one.principal_fen,
            days=one.days, late_days=one.late_days, tiers=scheme.tiers,
        )  # fmt: skip
        carried = any(key[1] in batch.rejected and not batch.rejected[key[1]].final for batch in earlier)
        lines.append((replace(line, flags=_flags(line, contract.terms.maturity > period.end, carried=carried)), one))
    return lines


def _flags(line: Line, runs_on: bool, *, carried: bool) -> tuple[str, ...]:  # noqa: FBT001 - said by its name where it is passed
    notes = (
        (bool(line.late_days), f"逾期剔除 {line.late_days} 天"),
        (runs_on and not line.principal_fen, "提前还款"),
        (line.fen < 0, "追回"),
        (carried, "上期结转"),
    )
    return tuple(note for holds, note in notes if holds)


def _is_taken(session: Session, book: Book, number: str) -> bool:
    """Tell whether a batch of that number was ever prepared, undone ones too."""
    named = select(batch_table.c.number).where(batch_table.c.book_id == book.id, batch_table.c.number == number)
    return session.scalar(named) is not None


def _in_review(session: Session, one: Batch, loans: Collection[int], reason: str, day: date, actor: str) -> Batch:
    one = held(session, one, day, actor)
    if one.stage is not Stage.PREPARED:
        raise SubsidyBatchRefused(one.number, f"状态为{one.stage}，不能改动明细")
    if not reason.strip():
        raise SubsidyBatchRefused(one.number, "须说明理由")
    if not loans or set(loans) - {line.loan[1] for line in one.lines}:
        raise SubsidyBatchRefused(one.number, "明细不在此批次中")
    return one


def _next(session: Session, one: Batch) -> int:
    """Return a number that no step of a fund's book had before."""
    return take_sequence(session, {one.book.id: 1})[one.book.id]
