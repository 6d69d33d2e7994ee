"""Reading hledger and ledger journals (读入): a strict subset, documented in `docs/book-files.md`.

Transactions with date, status, code, description, comments; postings with amounts, one left out, balance assertions; account,
commodity, default-commodity, decimal-mark, payee and tag directives. Whatever else would change a balance is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from ledger.interchange import notes
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

_HEAD = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:=[\d/.-]+)?(?=\s|$)\s*(?:[*!]\s*)?(?:\(([^)]*)\)\s*)?(.*)")
_POSTING = re.compile(r"(?:[*!]\s+)?(?P<account>\S(?:(?!\s\s).)*)(?:\s\s+(?P<rest>.*))?")
_HARMLESS = ("account", "payee", "tag", "commodity", "D", "decimal-mark")
_REFUSED = {
    "include": "引入其他文件", "alias": "科目别名", "apply": "apply 指令", "end": "end 指令", "P": "价格", "Y": "默认年份",
    "year": "默认年份", "=": "自动分录", "bucket": "默认科目", "A": "默认科目", "N": "N 指令", "C": "单位换算",
}  # fmt: skip


@dataclass(slots=True)
class _Reading(Reading):
    grouped: bool = False  # a comma is known to group thousands
    bare: bool = False  # a number without currency is in yuan
    assertions: dict[int, Assertion] = field(default_factory=dict)  # by the line of their posting
    dated: list[tuple[date, ForeignPosting]] = field(default_factory=list)


def read(text: str, commodities: frozenset[str] = YUAN) -> ForeignJournal:
    """Return the transactions of a journal, or every fault of it; `commodities` stand for the yuan."""
    return gathered(_Reading(commodities), _blocks(text), _read_block, _in_order)


def _blocks(text: str) -> Iterator[Block]:
    """Yield lines that belong together, numbered: one that is not indented, and the indented ones below it."""
    block: Block = []
    commented = False
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.rstrip()
        if commented or line == "comment":
            commented = line != "end comment"
            continue
        if not line or line[0] in ";#*":
            if block:
                yield block
            block = []
        elif line[0] in " \t":
            block.append((number, line))
        else:
            if block:
                yield block
            block = [(number, line)]
    if block:
        yield block


def _read_block(reading: _Reading, block: Block) -> None:
    number, line = block[0]
    if line[0] in " \t":
        if not line.strip().startswith(";"):
            raise LineRefused(number, "缩进的行不属于任何交易")
        return
    if line[0].isdigit():
        _read_transaction(reading, block)
        return
    word = line.split()[0]
    if word in ("~", "=") or line[0] in "~=":
        if line[0] == "=":
            raise LineRefused(number, "不支持自动分录（=）")
        reading.remarks.append(f"第 {number} 行：周期交易（~）不是已发生的交易，已略过")
    elif word in _HARMLESS:
        _read_directive(reading, number, word, line[len(word) :].split(";")[0].strip())
    else:
        raise LineRefused(number, f"不支持{_REFUSED.get(word.lstrip('!@'), '的指令')}：{line}")


def _read_directive(reading: _Reading, number: int, word: str, rest: str) -> None:
    if word == "decimal-mark":
        if rest != ".":
            raise LineRefused(number, "小数点只能是 .")
        reading.grouped = True
    elif word == "D" or (word == "commodity" and re.search(r"\d", rest)):
        amount_fen(rest, number, reading.commodities, grouped=False)
        reading.grouped |= "." in rest
        reading.bare |= word == "D"


def _read_transaction(reading: _Reading, block: Block) -> None:
    number, line = block[0]
    body, _, comment = line.partition(";")
    head = _HEAD.fullmatch(body.rstrip())
    if head is None:
        raise LineRefused(number, f"不是交易，日期应如 2017-01-05：{line}")
    try:
        day = date(int(head[1]), int(head[3]), int(head[4]))
    except ValueError:
        raise LineRefused(number, f"没有这一天：{line.split()[0]}") from None
    kept = notes.read(comment.strip())
    rows = [row for row in block[1:] if not row[1].strip().startswith(";")]
    postings = [_read_posting(reading, *row, own="reference" in kept) for row in rows]
    if not postings:
        raise LineRefused(number, "交易没有分录")
    whole = completed(number, postings)
    reading.dated += [(day, posting) for posting in whole]
    if moved := tuple(posting for posting in whole if posting.fen):
        described = _described(number, head[5] or "", head[6].strip(), kept)
        reading.entries.append(replace(described, day=day, postings=moved))
    else:
        reading.remarks.append(f"第 {number} 行：交易没有金额，已略过")


def _described(line: int, code: str, description: str, kept: dict[str, str]) -> ForeignEntry:
    """Return an entry as it is called, without day and postings: by our own notes, or a foreign code and description."""
    if "reference" in kept:
        return own_entry(line, {"narration": description, "word": code.rpartition("-")[0]} | kept)
    narration = " ".join(part for part in (code, description) if part)
    return ForeignEntry(line=line, day=date.min, postings=(), narration=narration)


def _read_posting(reading: _Reading, number: int, line: str, *, own: bool) -> tuple[ForeignPosting, bool]:
    body, _, comment = line.strip().partition(";")
    found = _POSTING.fullmatch(body.rstrip())
    if found is None:
        raise LineRefused(number, f"不是分录：{line.strip()}")
    account, rest = found["account"].strip(), (found["rest"] or "").strip()
    if "\t" in account:
        raise LineRefused(number, "科目与金额之间应有两个空格（hledger 不以一个制表符分隔）")
    if account[0] in "([":
        raise LineRefused(number, f"不支持虚拟分录：{account}")
    if re.search(r"(?:^|[\s,])date:|\[[\d/.=-]+\]", comment):
        raise LineRefused(number, "不支持分录自己的日期")
    if "@" in rest or "{" in rest:
        raise LineRefused(number, f"不支持价格和成本：{rest}")
    amount, equals, claimed = rest.partition("=")
    if equals:
        if not amount.strip():
            raise LineRefused(number, "不支持余额赋值（只有 = 而没有金额）")
        claim = claimed.lstrip("=")
        fen = _fen(reading, claim.lstrip("*"), number)
        reading.assertions[number] = Assertion(line=number, account=account, fen=fen, with_children=claim.startswith("*"))
    kept = notes.read(comment.strip()) if own else {}
    posting = ForeignPosting(
        line=number, account=account, fen=_fen(reading, amount, number) if amount.strip() else 0, red=kept.get("red") == "yes",
        dimensions=dimensions_of(number, kept),
    )  # fmt: skip
    return posting, not amount.strip()


def _fen(reading: _Reading, amount: str, number: int) -> int:
    return amount_fen(amount, number, reading.commodities, grouped=reading.grouped, bare=reading.bare)


def _in_order(reading: _Reading) -> Iterator[Step]:
    """Yield postings and assertions as hledger counts: by date, within a day as they stand."""
    for _, posting in sorted(reading.dated, key=lambda pair: pair[0]):
        yield posting
        if posting.line in reading.assertions:
            yield reading.assertions[posting.line]
