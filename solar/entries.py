"""The accounting of solar income held for households (PVA books), one pure function per event."""

from collections.abc import Mapping
from dataclasses import replace

from ledger.journal import Dimensions, Posting, credit, debit, merged
from solar.agreement import Share, Source
from solar.waterfall import TO_THE_BANK, Rung

CASH = "1004"
RECEIVABLE_COAL, RECEIVABLE_SUBSIDY = "1036.05", "1036.06"
NOT_ARRIVED, TO_SPLIT, FOR_HOUSEHOLD, FOR_LOAN = "2017.01", "2017.02", "2017.03", "2017.04"
RESERVE, MAINTENANCE, FOR_VILLAGE, COMPANY = "2017.05", "2017.06", "2017.07", "2017.08"

SHARES = {
    Share.LOAN: FOR_LOAN, Share.MAINTENANCE: MAINTENANCE, Share.COOPERATIVE: FOR_VILLAGE, Share.VILLAGE: FOR_VILLAGE,
    Share.HOUSEHOLD: FOR_HOUSEHOLD,
}  # fmt: skip
"""Where each share waits; a cooperative's stands beside the village's, marked by its kind."""

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


def received(coal_fen: int, subsidy_fen: int, parts: Mapping[Share, int], station: Dimensions) -> Lines:
    """Cash arrives and is split among those who share the station's income."""
    whole = coal_fen + subsidy_fen
    return merged(
        [
            debit(CASH, whole, station),
            credit(RECEIVABLE_COAL, coal_fen, station),
            credit(RECEIVABLE_SUBSIDY, subsidy_fen, station),
            debit(NOT_ARRIVED, whole, station),
            credit(TO_SPLIT, whole, station),
            debit(TO_SPLIT, whole, station),
            *(
                credit(SHARES[share], fen, replace(station, kind="cooperative") if share is Share.COOPERATIVE else station)
                for share, fen in parts.items()
            ),
        ]
    )


def contributed(source: Source, fen: int, station: Dimensions) -> Lines:
    """Money from outside fills a station's reserve, or is laid down by the company that makes good."""
    if source is Source.COMPANY:
        return debit(CASH, fen, station), credit(COMPANY, fen, station)
    return (
        debit(CASH, fen, station), credit(TO_SPLIT, fen, station),
        debit(TO_SPLIT, fen, station), credit(RESERVE, fen, station),
    )  # fmt: skip


def poured(rungs: Mapping[Rung, int], station: Dimensions) -> Lines:
    """What the waterfall moves in the station's book: the sources help, the bank and they get theirs, the household the rest.

    Negative fen are in red: a correction takes back what the rung had too much. What a pool advances does not pass this book.
    """
    moves = {
        Rung.RESERVE: (RESERVE, FOR_LOAN), Rung.COMPANY: (COMPANY, FOR_LOAN), Rung.REFILL_POOL: (FOR_LOAN, CASH),
        Rung.REFILL_COMPANY: (FOR_LOAN, CASH), Rung.REFILL_RESERVE: (FOR_LOAN, RESERVE),
        Rung.HOUSEHOLD: (FOR_LOAN, FOR_HOUSEHOLD),
    }  # fmt: skip
    lines = []
    for rung, (source, target) in moves.items():
        fen = rungs.get(rung, 0)
        lines += [debit(source, fen, station), credit(target, fen, station)]
    bank = bank_fen(rungs)
    return merged([*lines, debit(FOR_LOAN, bank, station), credit(CASH, bank, station)])


def bank_fen(rungs: Mapping[Rung, int]) -> int:
    """Return what leaves the station's account for the bank."""
    return sum(rungs.get(rung, 0) for rung in TO_THE_BANK if rung is not Rung.POOL)
