"""The accounting of compensation pools, one pure function per event: RCF books, and the bank's side in its loan book."""

from ledger.journal import Dimensions, Posting, credit, debit

CASH = "1004"
ADVANCED = "1036.01"
INSTALMENTS_ADVANCED = "1036.02"
APPROVED = "2015.01"
FEES = "1036.07"
INTEREST_DUE = "2015.04"
CONTRIBUTED, INTEREST = "4007.01", "4007.02"
LOST, GIVEN_BACK = "5007.01", "5007.03"
LIABILITY, LIABILITY_PAIR = "9101", "9102"
KEPT, KEPT_PAIR = "9103", "9104"
CLEARING, DUE_TO_POOL, RECEIVED, PROVISION = "3001", "2241.01", "2241.02", "1304"

Lines = tuple[Posting, ...]


def contributed(fen: int, pool: Dimensions) -> Lines:
    """Budget pays a fund in."""
    return debit(CASH, fen, pool), credit(CONTRIBUTED, fen, pool)


def interest_kept(fen: int, pool: Dimensions) -> Lines:
    """The special account bears interest, which stays in the fund."""
    return debit(CASH, fen, pool), credit(INTEREST, fen, pool)


def interest_due(fen: int, pool: Dimensions) -> Lines:
    """The special account bears interest, which is due to the treasury."""
    return debit(CASH, fen, pool), credit(INTEREST_DUE, fen, pool)


def interest_remitted(fen: int, pool: Dimensions) -> Lines:
    """Interest that is due to the treasury is paid to it."""
    return debit(INTEREST_DUE, fen, pool), credit(CASH, fen, pool)


def returned(fen: int, pool: Dimensions) -> Lines:
    """Money of the fund goes back to the budget."""
    return debit(GIVEN_BACK, fen, pool), credit(CASH, fen, pool)


def fee_charged(fen: int, pool: Dimensions) -> Lines:
    """The bank charges the special account a fee, which it has to give back."""
    return debit(FEES, fen, pool), credit(CASH, fen, pool)


def fee_refunded(fen: int, pool: Dimensions) -> Lines:
    """The bank gives a fee back."""
    return debit(CASH, fen, pool), credit(FEES, fen, pool)


def transferred(fen: int, pool: Dimensions, other: Dimensions) -> Lines:
    """Money goes from a county's pool at one bank to its pool at another."""
    return debit(CASH, fen, other), credit(CASH, fen, pool)


def guarantor_paid(fen: int, loan: Dimensions) -> Lines:
    """Another guarantor pays the bank its part of a claim: so much less of the loss is the bank's; the debt lives on."""
    return debit(CLEARING, fen, loan), credit(PROVISION, fen, loan)


def liability_changed(fen: int, pool: Dimensions) -> Lines:
    """The pool's liability moves with the principal it covers; red when it falls."""
    return debit(LIABILITY, fen, pool), credit(LIABILITY_PAIR, fen, pool)


def claim_approved(fen: int, pool: Dimensions) -> Lines:
    """A claim is approved and waits for payment."""
    return debit(ADVANCED, fen, pool), credit(APPROVED, fen, pool)


def claim_paid(fen: int, pool: Dimensions) -> Lines:
    """The pool pays a claim."""
    return debit(APPROVED, fen, pool), credit(CASH, fen, pool)


def payout_received(fen: int, loan: Dimensions) -> Lines:
    """The bank receives it: the borrower's debt lives on."""
    return debit(CLEARING, fen, loan), credit(RECEIVED, fen, loan)


def recovery_shared(fen: int, loan: Dimensions) -> Lines:
    """Of what the borrower paid after the payout, the pool's share becomes due to it."""
    return debit(RECEIVED, fen, loan), credit(DUE_TO_POOL, fen, loan)


def recovery_passed(fen: int, loan: Dimensions) -> Lines:
    """The bank passes the pool's share on."""
    return debit(DUE_TO_POOL, fen, loan), credit(CLEARING, fen, loan)


def recovery_received(fen: int, pool: Dimensions) -> Lines:
    """The pool gets it back."""
    return debit(CASH, fen, pool), credit(ADVANCED, fen, pool)


def loss_confirmed(fen: int, pool: Dimensions) -> Lines:
    """The pool gives up what it has not got back, and keeps it on record (账销案存)."""
    return debit(LOST, fen, pool), credit(ADVANCED, fen, pool), debit(KEPT, fen, pool), credit(KEPT_PAIR, fen, pool)


def recovered_after_loss(fen: int, pool: Dimensions) -> Lines:
    """Money comes back after the loss was confirmed: the loss falls, in red."""
    memo = debit(KEPT, -fen, pool), credit(KEPT_PAIR, -fen, pool)
    return debit(CASH, fen, pool), debit(LOST, -fen, pool), *memo


def advanced(fen: int, place: Dimensions) -> Lines:
    """The pool advances a roof's instalment to the bank, interest-free."""
    return debit(INSTALMENTS_ADVANCED, fen, place), credit(CASH, fen, place)


def advance_refilled(fen: int, place: Dimensions) -> Lines:
    """It comes back out of later sun."""
    return debit(CASH, fen, place), credit(INSTALMENTS_ADVANCED, fen, place)
