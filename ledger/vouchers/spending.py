"""Spending by voucher (凭证付款): what a voucher takes out of a fund's cash, and that money promised to others stays."""

from sqlalchemy.orm import Session

from ledger.books import BookKind, hold_books
from ledger.journal import Posting, Side, in_red
from ledger.limits import CASH, available, promised
from ledger.money import yuan
from ledger.vouchers.soundness import original_of, red_date
from ledger.vouchers.voucher import Voucher


class PromisedStays:
    """The ledger's own `VoucherCheck`: a voucher can't spend what approved claims and batches of subsidy wait for (已批未付)."""

    def objections(self, session: Session, voucher: Voucher) -> list[str]:
        """Return at which bank a voucher would spend more than is available; the book is held."""
        takes = {bank: fen for bank, fen in spent(session, voucher).items() if fen > 0}
        if not takes or voucher.book.kind is BookKind.SOLAR:
            return []
        hold_books(session, [voucher.book.id])
        found = []
        for bank, fen in takes.items():
            left = available(session, voucher.book.id, bank)
            if fen > left:
                waiting = promised(session, voucher.book.id, bank)
                found.append(f"{bank} 可用余额 {yuan(left)} 元（已扣除已批未付 {yuan(waiting)} 元），不足支付 {yuan(fen)} 元")
        return found


def spent(session: Session, voucher: Voucher) -> dict[str, int]:
    """Return how much of the cash at each bank a voucher takes, in fen; less than zero: it brings some."""
    lines: list[Posting] = list(voucher.content.postings)
    original = original_of(session, voucher)
    if original and red_date(session, voucher, original):  # of an earlier year nothing goes back in red
        lines += in_red(original.entry.postings)
    taken: dict[str, int] = {}
    for line in lines:
        if line.account == CASH:
            bank = line.dimensions.bank or ""
            taken[bank] = taken.get(bank, 0) + (line.fen if line.side is Side.CREDIT else -line.fen)
    return taken
