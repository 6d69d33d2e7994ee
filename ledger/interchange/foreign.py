"""A foreign journal (外部日记账): what a file of another program says, before anybody maps its accounts to a book's.

Amounts are fen, debits positive. What can't be taken as it stands, such as another currency or a price, is a fault that
names its line; nothing is guessed.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from ledger.errors import NotMoney
from ledger.journal import NONE, Dimensions
from ledger.money import parse_yuan, yuan
from ledger.queries import DIMENSIONS

YUAN = frozenset(("CNY", "RMB", "¥", "￥", "元", "人民币"))
"""What files call the yuan."""
_COMMODITY = r'"[^"]*"|[^\s\d.,;+\-*/@={}()\[\]"]+'
_AMOUNT = re.compile(
    rf"(?P<before>[+-]?)\s*(?P<left>{_COMMODITY})?\s*(?P<after>[+-]?)\s*(?P<number>[0-9][0-9.,]*|\.[0-9]+)\s*(?P<right>{_COMMODITY})?"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line of a file can't be taken."""

    line: int
    reason: str


class LineRefused(Exception):
    """A line that can't be taken."""

    def __init__(self, line: int, reason: str) -> None:
        self.fault = Fault(line, reason)
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPosting:
    """A line: its account as the file calls it, and fen, of a debit if positive unless it is in red."""

    line: int
    account: str
    fen: int
    red: bool = False
    dimensions: Dimensions = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEntry:
    """A transaction; what only our own files say is None in others."""

    line: int
    day: date
    narration: str
    postings: tuple[ForeignPosting, ...]
    word: str = "记"
    reference: str | None = None
    seq: int | None = None
    reverses: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignJournal:
    """A file's transactions in its order, or all its faults; what was passed over is remarked."""

    entries: tuple[ForeignEntry, ...] = ()
    faults: tuple[Fault, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a file says that an account holds (余额断言): after the postings before it, or before a day's."""

    line: int
    account: str
    fen: int
    with_children: bool


Step = ForeignPosting | Assertion
Block = list[tuple[int, str]]
"""Lines that belong together, numbered."""


@dataclass(slots=True)
class Reading:
    """A file while it is read; `commodities` stand for the yuan."""

    commodities: frozenset[str]
    entries: list[ForeignEntry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


Mine = TypeVar("Mine", bound=Reading)


def gathered(
    reading: Mine, blocks: Iterable[Block], read_block: Callable[[Mine, Block], None], in_order: Callable[[Mine], Iterable[Step]]
) -> ForeignJournal:
    """Read a file block by block, then hold its assertions; return its transactions, or every fault of it."""
    for block in blocks:
        try:
            read_block(reading, block)
        except LineRefused as refusal:
            reading.faults.append(refusal.fault)
    if not reading.faults:
        reading.faults += asserted(in_order(reading))
    if reading.faults:
        return ForeignJournal(faults=tuple(sorted(reading.faults, key=lambda fault: fault.line)))
    return ForeignJournal(entries=tuple(reading.entries), remarks=tuple(reading.remarks))


def amount_fen(text: str, line: int, commodities: frozenset[str], *, grouped: bool, bare: bool = False) -> int:
    """Return the fen of an amount such as `1.00 CNY`, `-¥1,000.50` or `$-3`.

    Args:
        text: the amount.
        line: where it stands.
        commodities: what stands for the yuan.
        grouped: whether a single comma is known to group thousands; hledger takes it for a decimal mark.
        bare: whether a number without a currency is in yuan.

    Raises:
        LineRefused: it is no such amount.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or (found["before"] and found["after"]) or (found["left"] and found["right"]):
        raise LineRefused(line, f"不是金额：{text.strip()}")
    commodity = (found["left"] or found["right"] or "").strip('"')
    if commodity not in commodities and not (bare and not commodity):
        raise LineRefused(line, f"币种 {commodity} 不是人民币" if commodity else f"金额 {text.strip()} 没有币种")
    number = found["number"]
    if number.count(",") == 1 and "." not in number and not grouped:
        raise LineRefused(line, f"{number} 中的逗号可能是千分位也可能是小数点，请写明小数，如 1,000.00")
    try:
        fen = parse_yuan(f"0{number}" if number.startswith(".") else number.removesuffix("."))
    except NotMoney as refusal:
        raise LineRefused(line, f"{number}：{refusal.reason}") from None
    return -fen if "-" in (found["before"], found["after"]) else fen


def completed(line: int, postings: Sequence[tuple[ForeignPosting, bool]]) -> tuple[ForeignPosting, ...]:
    """Return a transaction's postings, the amount that one of them leaves out inferred.

    Raises:
        LineRefused: two leave theirs out, or debits and credits differ.
    """
    open_ones = [posting for posting, elided in postings if elided]
    residue = sum(posting.fen for posting, elided in postings if not elided)
    if len(open_ones) > 1:
        raise LineRefused(open_ones[1].line, "一笔交易中只能有一行省略金额")
    if residue and not open_ones:
        raise LineRefused(line, f"借贷不平，相差 {yuan(abs(residue))} 元")
    return tuple(replace(posting, fen=-residue) if elided else posting for posting, elided in postings)


def asserted(steps: Iterable[Step]) -> list[Fault]:
    """Return the assertions that do not hold, of postings and assertions in the order in which they count."""
    held: defaultdict[str, int] = defaultdict(int)
    faults = []
    for step in steps:
        if isinstance(step, ForeignPosting):
            held[step.account] += step.fen
            continue
        below = f"{step.account}:" if step.with_children else None
        found = sum(fen for name, fen in held.items() if name == step.account or (below and name.startswith(below)))
        if found != step.fen:
            faults.append(Fault(step.line, f"余额断言不成立：{step.account} 应为 {yuan(step.fen)}，实为 {yuan(found)}"))
    return faults


def own_entry(line: int, kept: Mapping[str, str]) -> ForeignEntry:
    """Return an entry as our own files keep it, without its day and postings.

    Raises:
        LineRefused: a sequence is none.
    """
    try:
        return ForeignEntry(
            line=line, day=date.min, postings=(), narration=kept["narration"], word=kept["word"], reference=kept["reference"],
            seq=int(kept["seq"]), reverses=int(kept["reverses"]) if "reverses" in kept else None,
        )  # fmt: skip
    except (KeyError, ValueError):
        raise LineRefused(line, "注记中缺少序号，或序号不是整数") from None


def dimensions_of(line: int, kept: Mapping[str, str]) -> Dimensions:
    """Return the dimensions that our own files keep of a line.

    Raises:
        LineRefused: a loan's number is none.
    """
    named: dict[str, Any] = {name: kept[name] for name in DIMENSIONS if name in kept}
    try:
        return replace(NONE, **named | ({"loan_id": int(named["loan_id"])} if "loan_id" in named else {}))
    except ValueError:
        raise LineRefused(line, f"贷款序号 {named['loan_id']} 不是整数") from None
