"""Past journals (历史凭证): the transactions of a foreign file as entries of a book, by a map of its accounts or by our names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ledger.initialisation.load import LoadedEntry
from ledger.interchange.foreign import Fault, ForeignEntry, ForeignJournal, ForeignPosting
from ledger.journal import NONE, Dimensions, Posting, Side
from ledger.queries import DIMENSIONS

_ROOTS = ("Assets", "Liabilities", "Equity")
_CLASSES = {
    "assets": (1, "D"), "liabilities": (2, "C"), "equity": (3, "B"), "income": (4, "C"), "revenues": (4, "C"),
    "expenses": (5, "D"),
}  # fmt: skip
"""Roots of foreign accounts: the first digit of a proposed code and its side. Any other root is 7, of either side."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a foreign account goes in a book: an account, and the dimensions that the foreign name stands for."""

    account: str
    dimensions: Dimensions = NONE


def loaded(journal: ForeignJournal, sha256: str, targets: Mapping[str, Target] | None) -> tuple[list[LoadedEntry], list[Fault]]:
    """Return the entries of a journal and what can't be mapped; without targets, names must be ours, of one book.

    References are those of our own files, else made of the file's hash and the line, so that they stay the same.
    """
    faults: list[Fault] = []
    books: set[str] = set()
    found = []
    for entry in journal.entries:
        postings = []
        for one in entry.postings:
            target = _own(one.account, books) if targets is None else targets.get(one.account)
            if target is None:
                faults.append(Fault(one.line, f"科目 {one.account} 不在对照表中"))
            else:
                postings.append(_posting(one, target))
        found.append(_entry(entry, sha256, postings))
    if len(books) > 1:
        faults.append(Fault(0, f"文件含多个账套：{'、'.join(sorted(books))}，每个账套须各自导出"))
    return found, faults


def own_code(name: str) -> tuple[str | None, str]:
    """Return (book, account) of a name as our own files write it: `CODE`, `BOOK:CODE`, or `Assets:BOOK:CO-DE` of beancount."""
    match name.split(":"):
        case [root, book, code] if root in _ROOTS:
            return book, code.replace("-", ".")
        case [book, code]:
            return book, code
        case _:
            return None, name


def proposed(journal: ForeignJournal) -> list[tuple[str, str, str]]:
    """Return (foreign account, code, side) for every account of a journal: a chart of its own, for people to look over."""
    names = sorted({posting.account for entry in journal.entries for posting in entry.postings})
    counts: dict[int, int] = {}
    found = []
    for name in names:
        digit, side = _CLASSES.get(name.split(":")[0].lower(), (7, "B"))
        counts[digit] = counts.get(digit, 0) + 1
        found.append((name, f"{digit}{counts[digit]:03d}", side))
    return found


def _own(name: str, books: set[str]) -> Target:
    book, code = own_code(name)
    books |= {book} if book else set()
    return Target(code)


def _posting(one: ForeignPosting, target: Target) -> Posting:
    """Return a line: its side follows from its sign, and in red ink from the other sign."""
    side = Side.DEBIT if (one.fen > 0) is not one.red else Side.CREDIT
    fen = one.fen if side is Side.DEBIT else -one.fen
    return Posting(target.account, side, fen, _both(one.dimensions, target.dimensions))


def _both(first: Dimensions, second: Dimensions) -> Dimensions:
    given = {name: value for name in DIMENSIONS if (value := getattr(second, name)) is not None}
    return replace(first, **given)


def _entry(entry: ForeignEntry, sha256: str, postings: list[Posting]) -> LoadedEntry:
    return LoadedEntry(
        line=entry.line, day=entry.day, reference=entry.reference or f"{sha256[:12]}/{entry.line}", narration=entry.narration,
        postings=tuple(postings), word=entry.word, seq=entry.seq, reverses=entry.reverses,
        lines=tuple(posting.line for posting in entry.postings) if len(postings) == len(entry.postings) else (),
    )  # fmt: skip
