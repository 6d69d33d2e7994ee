"""The accounting of subsidy, one pure function per event: the county's fund (ISF), and the bank's side in its loan book (LB).

`fund` names county, bank and, of what tiers share, who bears it; `loans` names county and product.
"""

from ledger.journal import Dimensions, Posting, credit, debit
from loans.entries import CLEARING, SUBSIDY_RECEIVABLE

CASH = "1004"
TO_RECLAIM, PAID_AHEAD = "1036.03", "1036.04"
APPROVED, RETURNED = "2015.02", "2015.03"
SPENT, SURPLUS = "5007.02", "3007"
RECEIVED_AHEAD, TO_GIVE_BACK = "2241.04", "2241.05"

Lines = tuple[Posting, ...]


def spent(fen: int, fund: Dimensions) -> Lines:
    """A batch is approved: the fund's expense; what it stands against follows."""
    return (debit(SPENT, fen, fund),)


def payable(fen: int, fund: Dimensions) -> Lines:
    """What of it is to be paid."""
    return (credit(APPROVED, fen, fund),)


def cleared(fen: int, fund: Dimensions) -> Lines:
    """What of it was paid in advance (清算)."""
    return (credit(PAID_AHEAD, fen, fund),)


def cleared_at_bank(fen: int, loans: Dimensions) -> Lines:
    """The bank takes what it got in advance for what government owes."""
    return debit(RECEIVED_AHEAD, fen, loans), credit(SUBSIDY_RECEIVABLE, fen, loans)


def paid(fen: int, fund: Dimensions) -> Lines:
    """The fund pays."""
    return debit(APPROVED, fen, fund), credit(CASH, fen, fund)


def received(fen: int, loans: Dimensions) -> Lines:
    """The bank gets it."""
    return debit(CLEARING, fen, loans), credit(SUBSIDY_RECEIVABLE, fen, loans)


def returned(fen: int, fund: Dimensions) -> Lines:
    """A payment comes back, and waits to be repeated (退票)."""
    return debit(CASH, fen, fund), credit(RETURNED, fen, fund)


def paid_again(fen: int, fund: Dimensions) -> Lines:
    """It is repeated."""
    return debit(RETURNED, fen, fund), credit(CASH, fen, fund)


def reclaimed(this_year_fen: int, earlier_fen: int, fund: Dimensions) -> Lines:
    """Subsidy was paid too much: this year's expense falls in red, an earlier year's adds to the surplus."""
    lines = [debit(TO_RECLAIM, this_year_fen + earlier_fen, fund)]
    lines += [debit(SPENT, -this_year_fen, fund)] if this_year_fen else []
    lines += [credit(SURPLUS, earlier_fen, fund)] if earlier_fen else []
    return tuple(lines)


def to_give_back(fen: int, loans: Dimensions) -> Lines:
    """The bank owes it back: what it received was more than what government owes."""
    return debit(SUBSIDY_RECEIVABLE, fen, loans), credit(TO_GIVE_BACK, fen, loans)


def refunded(fen: int, fund: Dimensions) -> Lines:
    """It comes back to the fund."""
    return debit(CASH, fen, fund), credit(TO_RECLAIM, fen, fund)


def given_back(fen: int, loans: Dimensions) -> Lines:
    """The bank has given it back."""
    return debit(TO_GIVE_BACK, fen, loans), credit(CLEARING, fen, loans)


def paid_ahead(fen: int, fund: Dimensions) -> Lines:
    """The fund pays in advance (预拨); red: the excess comes back."""
    return (debit(PAID_AHEAD, fen, fund), credit(CASH, fen, fund)) if fen > 0 else (
        debit(CASH, -fen, fund), credit(PAID_AHEAD, -fen, fund)
    )  # fmt: skip


def received_ahead(fen: int, loans: Dimensions) -> Lines:
    """The bank gets it; less than zero: it returns the excess."""
    return (debit(CLEARING, fen, loans), credit(RECEIVED_AHEAD, fen, loans)) if fen > 0 else (
        debit(RECEIVED_AHEAD, -fen, loans), credit(CLEARING, -fen, loans)
    )  # fmt: skip
