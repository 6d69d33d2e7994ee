"""The accounting of solar income held for households (PVA books), one pure function per event."""

from ledger.journal import Dimensions, Posting, credit, debit, merged
from solar.stations import Station, StationKind, dimensions

CASH = "1004"
RECEIVABLE_COAL, RECEIVABLE_SUBSIDY = "1036.05", "1036.06"
NOT_ARRIVED, TO_SPLIT, FOR_HOUSEHOLD, FOR_LOAN = "2017.01", "2017.02", "2017.03", "2017.04"

FOR_VILLAGE = "2017.07"
OWNERS = {StationKind.HOUSEHOLD: FOR_HOUSEHOLD, StationKind.VILLAGE: FOR_VILLAGE}
"""Where the owner's share is held."""

Lines = tuple[Posting, ...]


def generated(coal_fen: int, subsidy_fen: int, station: Dimensions) -> Lines:
    """A reading: the grid owes the coal price part, the nation the subsidy part; of a correction, what is less is in red."""
    return merged(
        [
            debit(RECEIVABLE_COAL, coal_fen, station),
            debit(RECEIVABLE_SUBSIDY, subsidy_fen, station),
            credit(NOT_ARRIVED, coal_fen + subsidy_fen, station),
        ]
    )


def received(coal_fen: int, subsidy_fen: int, loan_fen: int, of: Station) -> Lines:
    """Cash arrives and is split between the loan and the owner; what is beyond all dues makes the receivables negative."""
    whole, station = coal_fen + subsidy_fen, dimensions(of)
    return merged(
        [
            debit(CASH, whole, station),
            credit(RECEIVABLE_COAL, coal_fen, station),
            credit(RECEIVABLE_SUBSIDY, subsidy_fen, station),
            debit(NOT_ARRIVED, whole, station),
            credit(TO_SPLIT, whole, station),
            debit(TO_SPLIT, whole, station),
            credit(FOR_LOAN, loan_fen, station),
            credit(OWNERS[of.kind], whole - loan_fen, station),
        ]
    )


def swept(fen: int, station: Dimensions) -> Lines:
    """The loan's share leaves for the bank."""
    return debit(FOR_LOAN, fen, station), credit(CASH, fen, station)
