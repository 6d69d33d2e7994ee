"""Reading beancount files (读入): a strict subset, documented in `docs/book-files.md`.

Transactions with flag, payee, narration, tags, links and metadata, postings in yuan, one amount left out; balance directives.
What changes no balance is passed over; what would, such as pad, cost, price or include, is refused. A balance must be exact:
beancount itself forgives a fen.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from ledger.interchange.foreign import (
    YUAN,
    Assertion,
    Block,
    ForeignEntry,
    ForeignJournal,
    ForeignPosting,
    LineRefused,
    Reading,
    Step,
    amount_fen,
    completed,
    dimensions_of,
    gathered,
    own_entry,
)

_STRING = r'"(?:[^"\\]|\\.)*"'
_DATED = re.compile(r"(\d{4})[-/](\d{2})[-/](\d{2})\s+(\S+)\s*(.*)")
_TEXTS = re.compile(rf"(?P<first>{_STRING})?\s*(?P<second>{_STRING})?\s*(?:[#^][\w./-]+\s*)*")
_POSTING = re.compile(r"(?:[*!#&?%A-Z]\s+)?(?P<account>[^\W\d_][\w-]*(?::[\w-]+)+)(?:\s+(?P<amount>.*))?")
_NOTE = re.compile(r"(?P<name>[a-z][\w-]*):\s*(?P<value>.*)")
_BALANCE = re.compile(r"(\S+)\s+(.+)")
_TOLERANCE = re.compile(r"~\s*[\d.,]+")
_PASSED = frozenset(("open", "close", "commodity", "note", "document", "event", "query", "custom", "price"))
_LINES_PASSED = ("option", "plugin", "pushtag", "poptag", "pushmeta", "popmeta")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b"}


@dataclass(slots=True)
class _Reading(Reading):
    balances: list[tuple[date, Assertion]] = field(default_factory=list)


def read(text: str, commodities: frozenset[str] = YUAN) -> ForeignJournal:
    """Return the transactions of a file, or every fault of it; `commodities` stand for the yuan."""
    return gathered(_Reading(commodities), _blocks(text), _read_block, _in_order)


def _blocks(text: str) -> Iterator[Block]:
    """Yield lines that belong together, numbered and without comments: one that is not indented, and those below it."""
    block: Block = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = _without_comment(raw).rstrip()
        if line[:1] in (" ", "\t"):
            if block and line.strip():
                block.append((number, line.strip()))
            continue
        if block:
            yield block
        block = [(number, line)] if line and line[0] not in "*:#!&?%" else []
    if block:
        yield block


def _without_comment(line: str) -> str:
    if ";" not in line:
        return line
    found = re.match(rf'(?:[^;"]|{_STRING})*', line)
    return found[0] if found else ""


def _read_block(reading: _Reading, block: Block) -> None:
    number, line = block[0]
    for at, each in block:
        if re.sub(_STRING, "", each).count('"'):
            raise LineRefused(at, "不支持跨行的文字")
    if line.split()[0] in _LINES_PASSED:
        reading.remarks.append(f"第 {number} 行：{line} 已略过")
        return
    head = _DATED.fullmatch(line)
    if head is None:
        raise LineRefused(number, "不支持 include" if line.startswith("include") else f"不认识的指令：{line}")
    try:
        day = date(int(head[1]), int(head[2]), int(head[3]))
    except ValueError:
        raise LineRefused(number, f"没有这一天：{line.split()[0]}") from None
    word, rest = head[4], head[5]
    if word == "balance":
        _read_balance(reading, number, day, rest)
    elif word == "txn" or re.fullmatch(r"[*!#&?%A-Z]", word):
        _read_transaction(reading, block, day, rest)
    elif word not in _PASSED:
        raise LineRefused(number, f"不支持 {word}")


def _read_balance(reading: _Reading, number: int, day: date, rest: str) -> None:
    found = _BALANCE.fullmatch(rest)
    if found is None:
        raise LineRefused(number, f"不是余额断言：{rest}")
    fen = amount_fen(_TOLERANCE.sub("", found[2]), number, reading.commodities, grouped=True)
    reading.balances.append((day, Assertion(line=number, account=found[1], fen=fen, with_children=True)))


def _read_transaction(reading: _Reading, block: Block, day: date, rest: str) -> None:
    number = block[0][0]
    texts = _TEXTS.fullmatch(rest)
    if texts is None:
        raise LineRefused(number, f"不是交易：{rest}")
    of_entry: dict[str, str] = {}
    lines: list[tuple[int, re.Match[str], dict[str, str]]] = []
    for at, line in block[1:]:
        if note := _NOTE.fullmatch(line):
            (lines[-1][2] if lines else of_entry)[note["name"]] = _value(note["value"])
        elif posting := _POSTING.fullmatch(line):
            lines.append((at, posting, {}))
        elif not re.fullmatch(r"(?:[#^][\w./-]+\s*)+", line):
            raise LineRefused(at, f"不是分录：{line}")
    if not lines:
        raise LineRefused(number, "交易没有分录")
    own = _is_own(of_entry)
    whole = completed(number, [_posting(reading, at, posting, kept if own else {}) for at, posting, kept in lines])
    if moved := tuple(posting for posting in whole if posting.fen):
        said = [_value(text) for text in (texts["first"], texts["second"]) if text]
        reading.entries.append(replace(_described(number, said, of_entry), day=day, postings=moved))
    else:
        reading.remarks.append(f"第 {number} 行：交易没有金额，已略过")


def _described(line: int, said: list[str], kept: dict[str, str]) -> ForeignEntry:
    """Return an entry as it is called, without day and postings: by our own metadata, or a foreign payee and narration."""
    if not _is_own(kept):
        return ForeignEntry(line=line, day=date.min, postings=(), narration=" ".join(part for part in said if part))
    return own_entry(line, kept | {"narration": said[-1] if said else "", "word": kept["voucher"].rpartition("-")[0]})


def _is_own(kept: dict[str, str]) -> bool:
    """Tell whether our own program wrote a transaction, by its metadata."""
    return {"seq", "voucher", "reference"} <= kept.keys()


def _posting(reading: _Reading, line: int, found: re.Match[str], kept: dict[str, str]) -> tuple[ForeignPosting, bool]:
    amount = (found["amount"] or "").strip()
    if "{" in amount or "@" in amount:
        raise LineRefused(line, f"不支持价格和成本：{amount}")
    fen = amount_fen(amount, line, reading.commodities, grouped=True) if amount else 0
    posting = ForeignPosting(
        line=line, account=found["account"], fen=fen, red=kept.get("red") == "TRUE", dimensions=dimensions_of(line, kept)
    )
    return posting, not amount


def _value(text: str) -> str:
    """Return a string without its quotes and escapes; any other value as it stands."""
    if not text.startswith('"'):
        return text.strip()
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)


def _in_order(reading: _Reading) -> Iterator[Step]:
    """Yield postings and balances as beancount counts: by date, a day's balances before its transactions."""
    dated: list[tuple[date, int, Step]] = [(day, 0, balance) for day, balance in reading.balances]
    dated += [(entry.day, 1, posting) for entry in reading.entries for posting in entry.postings]
    yield from (step for _, _, step in sorted(dated, key=lambda row: row[:2]))
