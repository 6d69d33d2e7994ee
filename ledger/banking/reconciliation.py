"""余额调节表 (reconciliation sheet): why the books and the bank differ on a day, and that both come to the same.

Pure, and not a voucher: open items are booked only when their papers arrive (domain.md 6). As of a day a match counts if
its members up to that day come to nothing between them; otherwise they are open as yet, on both sides.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ledger.banking.items import OPENING, BookItem, LineItem
from ledger.calendar import DAY
from ledger.money import yuan


class Group(StrEnum):
    """The four groups of open items (未达账项)."""

    BANK_IN = "银行已收我未收"
    BANK_OUT = "银行已付我未付"
    BOOK_IN = "我已收银行未收"
    BOOK_OUT = "我已付银行未付"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """An open item: on which side and in which direction, since when, fen (positive), how it reads."""

    group: Group
    day: date
    fen: int
    key: tuple[int, int]
    text: str
    days_open: int
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The 余额调节表 of an account as of the close of a day."""

    book: str
    bank: str
    as_of: date
    book_fen: int
    bank_fen: int
    items: tuple[OpenItem, ...]
    missing: tuple[str, ...]  # what must be there before it can be trusted, in sentences

    def sum_fen(self, group: Group) -> int:
        """Return the sum of a group in fen."""
        return sum(item.fen for item in self.items if item.group is group)

    @property
    def adjusted_book_fen(self) -> int:
        """账面余额 + 银行已收我未收 − 银行已付我未付."""
        return self.book_fen + self.sum_fen(Group.BANK_IN) - self.sum_fen(Group.BANK_OUT)

    @property
    def adjusted_bank_fen(self) -> int:
        """对账单余额 + 我已收银行未收 − 我已付银行未付."""
        return self.bank_fen + self.sum_fen(Group.BOOK_IN) - self.sum_fen(Group.BOOK_OUT)

    @property
    def balances(self) -> bool:
        """Whether both adjusted sides are equal and nothing is missing."""
        return not self.faults

    @property
    def faults(self) -> tuple[str, ...]:
        """Why it can't be trusted, in sentences."""
        apart = self.adjusted_book_fen - self.adjusted_bank_fen
        unequal = (
            f"调节后两边不等：账面 {yuan(self.adjusted_book_fen)}，银行 {yuan(self.adjusted_bank_fen)}，相差 {yuan(apart)} 元",
        )
        return (*self.missing, *(unequal if apart else ()))

    @property
    def fingerprint(self) -> bytes:
        """Return what two sheets that say the same share."""
        said = [self.book, self.bank, str(self.as_of), self.book_fen, self.bank_fen, self.missing]
        said += [[item.group, str(item.day), item.fen, item.key] for item in self.items]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).digest()


def sheet(
    book: str, bank: str, as_of: date, balances_fen: tuple[int, int], covered_until: date | None,
    items: Iterable[BookItem | LineItem], overdue_days: int,
) -> Sheet:  # fmt: skip
    """Return the sheet as of a day.

    Args:
        book: the book's code.
        bank: the bank's code.
        as_of: the day, included.
        balances_fen: of the books and of the bank at the close of the day, in fen.
        covered_until: the first day that no statement covers; None if there is no statement at all.
        items: at least every item up to the day that is in no match, or in one that reaches beyond the day, all members.
        overdue_days: an item that is open longer is flagged.
    """
    seen = [item for item in items if item.day <= as_of]
    residues: dict[int, int] = defaultdict(int)
    for item in seen:
        if item.match is not None:
            residues[item.match] += item.fen if isinstance(item, BookItem) else -item.fen
    open_ = [item for item in seen if item.match is None or residues[item.match]]
    if covered_until is None:
        missing: Sequence[str] = (f"缺少截至 {as_of} 的对账单",)
    else:
        missing = (f"缺少 {covered_until} 至 {as_of} 的对账单",) if covered_until <= as_of else ()
    return Sheet(
        book=book, bank=bank, as_of=as_of, book_fen=balances_fen[0], bank_fen=balances_fen[1], missing=tuple(missing),
        items=tuple(
            sorted(
                (_opened(item, as_of, overdue_days) for item in open_),
                key=lambda one: (list(Group).index(one.group), one.day, one.key),
            )
        ),
    )  # fmt: skip


def _opened(item: BookItem | LineItem, as_of: date, overdue_days: int) -> OpenItem:
    ours, comes_in = isinstance(item, BookItem), item.fen > 0
    group = (Group.BOOK_IN if comes_in else Group.BOOK_OUT) if ours else (Group.BANK_IN if comes_in else Group.BANK_OUT)
    days_open = (as_of - item.day) // DAY
    text = "首份对账单期初余额" if isinstance(item, LineItem) and item.number == OPENING else item.text
    return OpenItem(
        group=group, day=item.day, fen=abs(item.fen), key=item.key, text=text, days_open=days_open,
        overdue=days_open > overdue_days,
    )  # fmt: skip
