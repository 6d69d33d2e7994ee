"""Journal entries (记账凭证): balanced by construction, immutable once made.

An entry belongs to one book and balances when its debits equal its credits. A posting (分录) keeps its side
apart from its sign, because a red-ink reversal (红字冲销) is a negative debit: as a credit it would swell the
account's turnover. A posting's dimensions (辅助核算) say whose money it is without a forest of sub-accounts;
they name loans and codes, never people.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import NewType

from ledger.errors import EmptyEntry, UnbalancedEntry
from ledger.money import decimal_yuan

BookCode = NewType("BookCode", str)
"""Names a book (账套), such as RCF-371621 or LB-371621-HMRCB."""


class Side(StrEnum):
    """借 or 贷."""

    DEBIT = "D"
    CREDIT = "C"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """Auxiliary accounting (辅助核算) of a posting; each may be absent."""

    county: str | None = None
    bank: str | None = None
    product: str | None = None
    payer: str | None = None
    kind: str | None = None
    loan_id: int | None = None
    project: str | None = None


NONE = Dimensions()


@dataclass(frozen=True, slots=True)
class Posting:
    """One line: account, side, and fen, negative only in red ink."""

    account: str
    side: Side
    fen: int
    dimensions: Dimensions = NONE


def debit(account: str, fen: int, dimensions: Dimensions = NONE) -> Posting:
    """Return a debit posting (借方)."""
    return Posting(account, Side.DEBIT, fen, dimensions)


def credit(account: str, fen: int, dimensions: Dimensions = NONE) -> Posting:
    """Return a credit posting (贷方)."""
    return Posting(account, Side.CREDIT, fen, dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """An entry as its maker means it; number, sequence and booking time come with posting.

    Raises:
        EmptyEntry: it has no postings, or one of zero fen.
        UnbalancedEntry: debits and credits differ.
    """

    book: BookCode
    reference: str  # unique in its book for good: posting it again changes nothing
    kind: str  # the economic event, such as "loans.disbursed"
    value_date: date  # when it takes economic effect; the booking time is stored apart
    narration: str  # 摘要
    postings: tuple[Posting, ...]
    event: str = ""  # links the entries of one event over several books
    word: str = "记"  # voucher word (凭证字)
    maker: str = "system"
    checker: str = "system"
    reverses: int | None = None  # sequence of the entry that this one reverses in red ink
    body_sha256: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.postings or not all(posting.fen for posting in self.postings):
            raise EmptyEntry(self.reference)
        residue = sum(p.fen if p.side is Side.DEBIT else -p.fen for p in self.postings)
        if residue:
            raise UnbalancedEntry(self.reference, residue)
        object.__setattr__(self, "body_sha256", hashlib.sha256(self._body().encode()).digest())

    def _body(self) -> str:
        """Return what a second posting under the same reference must repeat: all but the people and the number."""
        lines = [f"{self.kind}|{self.value_date}|{self.word}|{self.narration}|{self.event}|{self.reverses}"]
        for p in self.postings:
            d = p.dimensions
            lines.append(
                f"{p.account}|{p.side}|{p.fen}|{d.county}|{d.bank}|{d.product}|{d.payer}|{d.kind}|{d.loan_id}|{d.project}"
            )
        return "\n".join(lines)


def merged(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """Return one posting per account, side and dimensions, in order of first appearance, zeroes dropped."""
    totals: dict[tuple[str, Side, Dimensions], int] = {}
    for posting in postings:
        key = (posting.account, posting.side, posting.dimensions)
        totals[key] = totals.get(key, 0) + posting.fen
    return tuple(Posting(account, side, fen, dims) for (account, side, dims), fen in totals.items() if fen)


def in_red(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """Return the same postings in red ink (红字): same account and side, the sign turned."""
    return tuple(replace(posting, fen=-posting.fen) for posting in postings)


def journal_text(entry: JournalEntry) -> str:
    """Return an entry as an accountant reads it; tests compare with it."""
    lines = [f"{entry.value_date} {entry.book} {entry.narration}"]
    for p in entry.postings:
        indent, word = ("  ", "Dr") if p.side is Side.DEBIT else ("    ", "Cr")
        lines.append(f"{indent}{word} {p.account} {decimal_yuan(p.fen)}")
    return "\n".join(lines)


def first_free(reference: str, is_undone: Callable[[str], object]) -> str:
    """Return the first of R, R~2, R~3 … whose booking was not undone: what something is booked under, or is to be."""
    free, number = reference, 1
    while is_undone(free):
        number += 1
        free = f"{reference}~{number}"
    return free
