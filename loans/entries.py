"""The accounting of loans: one pure function per movement; an accountant reads it from top to bottom (accounting.md).

Loan books (LB) follow enterprise titles. While a loan is non-accrual its borrower's interest stands off the balance
sheet (9201/9202): charging it posts nothing, receiving it is income at last. What government owes stays on 1132.02.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch

from ledger.journal import Dimensions, Posting, credit, debit, in_red, merged
from loans import movements as moved
from loans.contract import Contract
from loans.movements import State, Unpaid
from loans.terms import StreamKind

CLEARING = "3001"
COST_ADVANCED = "1221"
PRINCIPAL = {"normal": "1303.01", "overdue": "1303.02", "non_accrual": "1303.03"}
ACCRUED = "1132.09"
SUBSIDY_RECEIVABLE = "1132.02"
RECEIVABLE = {StreamKind.CONTRACT: "1132.01", StreamKind.PENALTY: "1132.03", StreamKind.COMPOUND: "1132.04"}
INCOME = {StreamKind.CONTRACT: "6011.01", StreamKind.PENALTY: "6011.03", StreamKind.COMPOUND: "6011.04"}
SUBSIDY_INCOME = "6011.02"
MEMO_INTEREST, MEMO_INTEREST_PAIR = "9201", "9202"
MEMO_WRITTEN_OFF, MEMO_WRITTEN_OFF_PAIR = "9203", "9204"
DUE_TO_POOL, COMPENSATION_RECEIVED, EXCESS = "2241.01", "2241.02", "2241.03"
PROVISION, IMPAIRMENT = "1304", "6701"
RELENDING_CASH, RELENDING, INTEREST_PAYABLE, INTEREST_EXPENSE = "1003", "2004", "2231", "6411"

BORROWER, GOVERNMENT = "borrower", "government"


def income_account(kind: StreamKind, payer: str) -> str:
    """Return the income account of a kind of interest and its payer."""
    return SUBSIDY_INCOME if payer == GOVERNMENT else INCOME[kind]


@singledispatch
def postings(movement: moved.Movement, loan: Dimensions) -> tuple[Posting, ...]:  # noqa: ARG001 - the registered ones use it
    """Return the postings of a movement in its loan book; `loan` names product, county and loan.

    Raises:
        TypeError: the movement has no accounting.
    """
    raise TypeError(movement)


@postings.register
def _disbursed(movement: moved.LoanPaidOut, loan: Dimensions) -> tuple[Posting, ...]:
    return debit(PRINCIPAL["normal"], movement.fen, loan), credit(CLEARING, movement.fen, loan)


@postings.register
def _taken_over(movement: moved.LoanTakenOver, loan: Dimensions) -> tuple[Posting, ...]:
    whole = movement.principal_fen + movement.unpaid.total_fen
    return (
        debit(PRINCIPAL["normal"], movement.principal_fen, loan),
        *(debit(RECEIVABLE[kind], fen, dims) for kind, fen, dims in _interest(movement.unpaid, loan)),
        credit(CLEARING, whole, loan),
    )


@postings.register
def _charged(movement: moved.InterestCharged, loan: Dimensions) -> tuple[Posting, ...]:
    borrower_fen = movement.whole_fen - movement.gov_fen
    borrower = replace(loan, payer=BORROWER, kind=movement.kind)
    government = replace(loan, payer=GOVERNMENT, kind=movement.kind)
    lines: list[Posting] = []
    if borrower_fen and movement.state is State.ACCRUING:
        lines += [debit(RECEIVABLE[movement.kind], borrower_fen, borrower), credit(ACCRUED, borrower_fen, borrower)]
    if movement.gov_fen:
        lines += [
            debit(SUBSIDY_RECEIVABLE, movement.gov_fen, government),
            credit(ACCRUED, movement.gov_fen, government),
        ]
    return tuple(lines)


@postings.register
def _capitalised(movement: moved.InterestCapitalised, loan: Dimensions) -> tuple[Posting, ...]:
    contract = StreamKind.CONTRACT
    borrower = replace(loan, payer=BORROWER, kind=contract)
    return debit(PRINCIPAL["normal"], movement.fen, loan), credit(RECEIVABLE[contract], movement.fen, borrower)


@postings.register
def _subsidy_refused(movement: moved.SubsidyTurnedDown, loan: Dimensions) -> tuple[Posting, ...]:
    """The receivable and the income change their payer; a non-accrual borrower's stands off the balance sheet."""
    contract = StreamKind.CONTRACT
    borrower = replace(loan, payer=BORROWER, kind=contract)
    government = replace(loan, payer=GOVERNMENT, kind=contract)
    lines = [credit(SUBSIDY_RECEIVABLE, movement.fen, government), credit(SUBSIDY_INCOME, -movement.fen, government)]
    if movement.state is State.ACCRUING:
        lines += [debit(RECEIVABLE[contract], movement.fen, borrower), credit(INCOME[contract], movement.fen, borrower)]
    else:
        lines += _memo(movement.fen, borrower)
    return tuple(lines)


@postings.register
def _fell_overdue(movement: moved.FellOverdue, loan: Dimensions) -> tuple[Posting, ...]:
    if movement.state is not State.ACCRUING:
        return ()
    return debit(PRINCIPAL["overdue"], movement.fen, loan), credit(PRINCIPAL["normal"], movement.fen, loan)


@postings.register
def _cured(movement: moved.Cured, loan: Dimensions) -> tuple[Posting, ...]:
    if movement.state is not State.ACCRUING:
        return ()
    return debit(PRINCIPAL["normal"], movement.fen, loan), credit(PRINCIPAL["overdue"], movement.fen, loan)


@postings.register
def _stopped_accruing(movement: moved.StoppedAccruing, loan: Dimensions) -> tuple[Posting, ...]:
    """Charged interest leaves in red here; what is accrued and not charged follows in the night's difference."""
    lines = [debit(PRINCIPAL["non_accrual"], movement.normal_fen + movement.overdue_fen, loan)]
    lines += [
        credit(PRINCIPAL["normal"], movement.normal_fen, loan),
        credit(PRINCIPAL["overdue"], movement.overdue_fen, loan),
    ]
    for kind, fen, dims in _interest(movement.unpaid, loan):
        lines += [debit(RECEIVABLE[kind], -fen, dims), credit(INCOME[kind], -fen, dims)]
        lines += _memo(fen, dims)
    return tuple(lines)


@postings.register
def _resumed_accruing(movement: moved.ResumedAccruing, loan: Dimensions) -> tuple[Posting, ...]:
    lines = [
        debit(PRINCIPAL["normal"], movement.normal_fen, loan),
        debit(PRINCIPAL["overdue"], movement.overdue_fen, loan),
    ]
    lines += [credit(PRINCIPAL["non_accrual"], movement.normal_fen + movement.overdue_fen, loan)]
    for kind, fen, dims in _interest(movement.unpaid, loan):
        lines += [debit(RECEIVABLE[kind], fen, dims), credit(INCOME[kind], fen, dims)]
        lines += _memo(-fen, dims)
    return tuple(lines)


@postings.register
def _paid_in(movement: moved.PaidIn, loan: Dimensions) -> tuple[Posting, ...]:
    accruing = movement.state is State.ACCRUING
    principal = movement.overdue_fen + movement.normal_fen
    cash = movement.cost_fen + movement.paid.total_fen + principal + movement.excess_fen
    lines = [debit(CLEARING, cash, loan), credit(COST_ADVANCED, movement.cost_fen, loan)]
    if accruing:
        lines += [credit(RECEIVABLE[kind], fen, dims) for kind, fen, dims in _interest(movement.paid, loan)]
        lines += [
            credit(PRINCIPAL["overdue"], movement.overdue_fen, loan),
            credit(PRINCIPAL["normal"], movement.normal_fen, loan),
        ]
    else:
        lines.append(credit(PRINCIPAL["non_accrual"], principal, loan))
        for kind, fen, dims in _interest(movement.paid, loan):
            lines.append(credit(INCOME[kind], fen, dims))
            lines += [debit(MEMO_INTEREST_PAIR, fen, dims), credit(MEMO_INTEREST, fen, dims)]
    lines.append(credit(EXCESS, movement.excess_fen, loan))
    return tuple(lines)


@postings.register
def _cost_laid_out(movement: moved.CostLaidOut, loan: Dimensions) -> tuple[Posting, ...]:
    return debit(COST_ADVANCED, movement.fen, loan), credit(CLEARING, movement.fen, loan)


@postings.register
def _excess_refunded(movement: moved.ExcessRefunded, loan: Dimensions) -> tuple[Posting, ...]:
    return debit(EXCESS, movement.fen, loan), credit(CLEARING, movement.fen, loan)


@postings.register
def _written_off(movement: moved.LoanWrittenOff, loan: Dimensions) -> tuple[Posting, ...]:
    """The pool loses what it paid, the bank the rest; the bank's loss is provided for in the same entry."""
    bank_fen = movement.principal_fen - movement.pool_fen
    lines = [
        debit(IMPAIRMENT, bank_fen, loan),
        credit(PROVISION, bank_fen, loan),
        debit(COMPENSATION_RECEIVED, movement.pool_fen, loan),
        debit(PROVISION, bank_fen, loan),
        credit(PRINCIPAL["non_accrual"], movement.principal_fen, loan),
    ]
    for _, fen, dims in _interest(movement.unpaid, loan):
        lines += [debit(MEMO_INTEREST_PAIR, fen, dims), credit(MEMO_INTEREST, fen, dims)]
    given_up = movement.principal_fen + movement.unpaid.total_fen
    lines += [debit(MEMO_WRITTEN_OFF, given_up, loan), credit(MEMO_WRITTEN_OFF_PAIR, given_up, loan)]
    return tuple(lines)


@postings.register
def _recovered(movement: moved.RecoveredAfterWriteOff, loan: Dimensions) -> tuple[Posting, ...]:
    cash = movement.cost_fen + movement.pool_fen + movement.bank_fen + movement.excess_fen
    return (
        debit(CLEARING, cash, loan),
        credit(COST_ADVANCED, movement.cost_fen, loan),
        credit(DUE_TO_POOL, movement.pool_fen, loan),
        credit(PROVISION, movement.bank_fen, loan),
        credit(EXCESS, movement.excess_fen, loan),
        debit(MEMO_WRITTEN_OFF_PAIR, movement.memo_fen, loan),
        credit(MEMO_WRITTEN_OFF, movement.memo_fen, loan),
    )


def accrued(kind: StreamKind, payer: str, fen: int, group: Dimensions) -> tuple[Posting, ...]:
    """Recognise the night's difference of accrued interest; red when it falls."""
    dims = replace(group, payer=payer, kind=kind)
    return debit(ACCRUED, fen, dims), credit(income_account(kind, payer), fen, dims)


def accrued_off_balance(kind: StreamKind, fen: int, group: Dimensions) -> tuple[Posting, ...]:
    """Record the night's difference of a non-accrual group's interest in the memo accounts."""
    dims = replace(group, payer=BORROWER, kind=kind)
    return debit(MEMO_INTEREST, fen, dims), credit(MEMO_INTEREST_PAIR, fen, dims)


def relending_drawn(fen: int, draw: Dimensions) -> tuple[Posting, ...]:
    """The central bank lends (扶贫再贷款)."""
    return debit(RELENDING_CASH, fen, draw), credit(RELENDING, fen, draw)


def relending_repaid(fen: int, draw: Dimensions) -> tuple[Posting, ...]:
    """A draw is repaid."""
    return debit(RELENDING, fen, draw), credit(RELENDING_CASH, fen, draw)


def relending_interest_accrued(fen: int, draws: Dimensions) -> tuple[Posting, ...]:
    """The night's interest on draws."""
    return debit(INTEREST_EXPENSE, fen, draws), credit(INTEREST_PAYABLE, fen, draws)


def relending_interest_paid(fen: int, draw: Dimensions) -> tuple[Posting, ...]:
    """Settled interest on a draw is paid to the central bank."""
    return debit(INTEREST_PAYABLE, fen, draw), credit(RELENDING_CASH, fen, draw)


def _interest(unpaid: Unpaid, loan: Dimensions) -> Sequence[tuple[StreamKind, int, Dimensions]]:
    """Return (kind, fen, dimensions) of the borrower's interest, kinds without any left out."""
    amounts = (
        (StreamKind.CONTRACT, unpaid.interest_fen),
        (StreamKind.PENALTY, unpaid.penalty_fen),
        (StreamKind.COMPOUND, unpaid.compound_fen),
    )
    return [(kind, fen, replace(loan, payer=BORROWER, kind=kind)) for kind, fen in amounts if fen]


def _memo(fen: int, dims: Dimensions) -> list[Posting]:
    return [debit(MEMO_INTEREST, fen, dims), credit(MEMO_INTEREST_PAIR, fen, dims)]


def difference(before: Sequence[moved.Movement], after: Sequence[moved.Movement], contract: Contract) -> tuple[Posting, ...]:
    """Return the postings by which two sequences of movements differ: the added ones, and the lost ones in red."""
    added = Counter(after)
    added.subtract(Counter(before))
    dims = contract.dimensions
    lines: list[Posting] = []
    for movement, count in added.items():
        if count:
            made = postings(movement, dims)
            lines += (made if count > 0 else in_red(made)) * abs(count)
    return merged(lines)
