"""Approval (审批): a second person takes a batch on; the fund owes it, and what was paid too much before is reclaimed."""

from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from ledger.journal import Dimensions, Posting
from ledger.money import yuan
from loans.errors import SubsidyBatchRefused
from loans.queries import contracts
from loans.subsidy import entries
from loans.subsidy.batch import Batch, Line, Stage, by_product
from loans.subsidy.preparation import require_unsuspected, still_owed
from loans.subsidy.queries import batches, prepaid
from loans.subsidy.schemes import Mode
from loans.subsidy.stepping import borne, fund_of, held, post, record


def approve(session: Session, one: Batch, day: date, actor: str) -> None:
    """Approve a batch (批准): the accepted lines become payable, out of money paid in advance as far as it goes.

    Raises:
        SubsidyBatchRefused: who prepared it approves it, it is past its review, nothing is accepted, for a loan something else
            is owed by now, or a suspicion about one is not cleared.
        FutureDate: the day has not come (so for every step of a batch).
    """
    one = held(session, one, day, actor)
    if one.stage is not Stage.PREPARED:
        raise SubsidyBatchRefused(one.number, f"状态为{one.stage}，不能批准")
    if actor == one.prepared_by:
        raise SubsidyBatchRefused(one.number, "编制人不能批准自己编制的批次")
    if not one.accepted:
        raise SubsidyBatchRefused(one.number, "没有可批准的明细")
    _require_same_debt(session, one)
    require_unsuspected(session, one, [line.loan for line in one.payable])
    ahead = prepaid(session, one.book.id, one.loan_book.bank or "") if one.mode is Mode.PREPAID else 0
    drawn = min(max(0, ahead), one.payable_fen)
    reference = record(session, one.book, one.number, "approved", day, {"drawn_fen": drawn}, actor)
    fund = [*_spent(one, drawn), *_reclaimed(session, one, day)]
    post(session, one, reference, day, "批准贴息", actor, fund, _at_bank(one, drawn) if one.to_bank else ())


def _spent(one: Batch, drawn_fen: int) -> list[Posting]:
    payable = [(line, line.fen) for line in one.payable]
    lines = [posting for fen, whose in borne(one, payable) for posting in entries.spent(fen, whose)]
    lines += entries.cleared(drawn_fen, fund_of(one))
    cash = replace(one, drawn_fen=drawn_fen).cash
    lines += [posting for fen, whose in borne(one, cash) for posting in entries.payable(fen, whose)]
    return lines


def _at_bank(one: Batch, drawn_fen: int) -> list[Posting]:
    """Return what the bank books at approval: what it had in advance, and what it owes back."""
    covered, left = [], drawn_fen
    for line in one.payable:
        covered.append((line, min(left, line.fen)))
        left -= min(left, line.fen)
    lines: list[Posting] = []
    for product, fen in by_product(covered).items():
        lines += entries.cleared_at_bank(fen, Dimensions(county=one.loan_book.county, product=product))
    for product, fen in by_product([(line, -line.fen) for line in one.reclaimed]).items():
        lines += entries.to_give_back(fen, Dimensions(county=one.loan_book.county, product=product))
    return lines


def _reclaimed(session: Session, one: Batch, day: date) -> list[Posting]:
    """Return what the fund books of lines below zero: what was approved this year in red, what was before as surplus."""
    earlier = [other for other in batches(session, [one.loan_book.id]) if other.approved_on and other.number != one.number]
    this_year = sum(_of_year(line, earlier, day.year) for line in one.reclaimed)
    if not one.reclaimed_fen:
        return []
    return list(entries.reclaimed(this_year, one.reclaimed_fen - this_year, fund_of(one)))


def _of_year(line: Line, earlier: list[Batch], year: int) -> int:
    """Return how much of a line below zero takes back what was approved in a year: the newest approvals are taken back first."""
    left, found = -line.fen, 0
    for other in sorted(earlier, key=lambda batch: (batch.approved_on, batch.number), reverse=True):
        for before in other.payable:
            if before.loan == line.loan:
                taken = min(left, before.fen)
                left -= taken
                found += taken if other.approved_on and other.approved_on.year == year else 0
    return found


def _require_same_debt(session: Session, one: Batch) -> None:
    """Refuse a batch whose loans are owed something else by now.

    Raises:
        SubsidyBatchRefused: one of them is.
    """
    now = still_owed(session, one)
    for line in one.accepted:
        if now[line.loan] != line.fen:
            contract = contracts(session, [line.loan])[line.loan].contract
            detail = f"借据 {contract} 现应贴息 {yuan(now[line.loan])} 元，编制时 {yuan(line.fen)} 元，请作废后重新编制"
            raise SubsidyBatchRefused(one.number, detail)
