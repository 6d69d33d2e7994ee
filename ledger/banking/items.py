"""Items to be matched (勾对项): postings of 1004 on our side, lines on the bank's, and the matches between them.

Both sides are signed the same way: money in is positive. A red debit (红字) is negative and so is money going out.
"""

from dataclasses import dataclass, field
from datetime import date

from ledger.banking.statement import BankLine

PostingKey = tuple[int, int]
"""(sequence of the entry, line of the posting), within a book."""
LineKey = tuple[int, int]
"""(number of the statement, number of the line), within a book; line 0 is the opening balance of the first statement."""

CASH = "1004"
"""其他财政存款: the title that is reconciled (accounting.md)."""
OPENING = 0
"""The number of the line that stands for what was on the account before its first statement."""

PERSON_NAME = 4
"""A name of so many characters may be a person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """A special account (专户) of a fund's book at a bank; its number is shown by its last four digits."""

    book_id: int
    book: str
    bank: str
    number_masked: str
    holds_unnamed: bool  # postings of 1004 that name no bank are its own


@dataclass(frozen=True, slots=True, kw_only=True)
class BookItem:
    """A posting of 1004: the entry that it belongs to, and the amount in fen, in or out."""

    seq: int
    line: int
    day: date
    fen: int
    voucher: str = ""
    reference: str = ""
    kind: str = ""
    narration: str = ""
    reverses: int | None = None  # the sequence of the entry that its own entry reverses in red
    match: int | None = None

    @property
    def key(self) -> PostingKey:
        """What the posting is known by in its book."""
        return self.seq, self.line

    @property
    def text(self) -> str:
        """How it reads in a list."""
        return f"{self.voucher} {self.narration}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """A line of a statement that was taken in."""

    statement: int
    number: int
    line: BankLine
    match: int | None = None

    @property
    def key(self) -> LineKey:
        """What the line is known by in its book."""
        return self.statement, self.number

    @property
    def day(self) -> date:
        """The day on which the bank booked it."""
        return self.line.day

    @property
    def fen(self) -> int:
        """The amount in fen, in or out."""
        return self.line.fen

    @property
    def text(self) -> str:
        """How it reads in a list, a person's name masked."""
        return " ".join(
            filter(None, (self.line.serial or self.line.reference, shown_name(self.line.counterparty), self.line.text))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A match that stands: which postings are which lines, by which rule, why, and who made it."""

    id: int
    rule: str
    reason: str
    actor: str
    postings: tuple[PostingKey, ...] = ()
    lines: tuple[LineKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a person's matches taught: lines of this pattern were postings of this kind, last with this narration."""

    pattern: str
    kind: str
    narration: str
    times: int = field(default=1)


def shown_name(counterparty: str) -> str:
    """Return a counterparty as lists show it: a name short enough to be a person's as its first character (domain.md 5.5)."""
    return counterparty if len(counterparty) > PERSON_NAME else counterparty[:1] + "*" * (len(counterparty) - 1)


def pattern_of(line: BankLine) -> str:
    """Return what a line is recognised by next time: its counterparty, else its text without figures."""
    return line.counterparty or "".join(char for char in line.text if not char.isdigit()).strip()
