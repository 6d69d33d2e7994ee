"""The accounting of compensation pools, one pure function per event: RCF books, and the bank's side in its loan book."""

from ledger.journal import Dimensions, Posting, credit, debit

CASH = "1004"
ADVANCED = "1036.01"
INSTALMENTS_ADVANCED = "1036.02"
APPROVED = "2015.01"
CONTRIBUTED = "4007.01"
LOST = "5007.01"
LIABILITY, LIABILITY_PAIR = "9101", "9102"
KEPT, KEPT_PAIR = "9103", "9104"
CLEARING, DUE_TO_POOL, RECEIVED = "3001", "2241.01", "2241.02"

Lines = tuple[Posting, ...]


def contributed(fen: int, pool: Dimensions) -> Lines:
    """Budget pays a fund in."""
    return debit(CASH, fen, pool), credit(CONTRIBUTED, fen, pool)


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
