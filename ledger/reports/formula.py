"""A formula (取数公式): what a figure of a report is, over account codes and sides, as its form file writes it.

`closing(1004) - closing(2015.01) + other` adds terms and other figures of the form by their keys. A term asks a measure of
accounts: a code stands for itself and for all below it (1036 for 1036.01 …), and `| kind` leaves only entries of a kind:

    opening, closing        debits less credits before the span, and at its end
    debit_balance           of each account with a debit balance, that; likewise credit_balance (both of each book by itself)
    debit, credit           what passed in the span on a side, red ink taken off, the year end (结转) left out
    net                     debit less credit
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Measure(StrEnum):
    """What of an account is asked."""

    OPENING = "opening"
    CLOSING = "closing"
    DEBIT_BALANCE = "debit_balance"
    CREDIT_BALANCE = "credit_balance"
    DEBIT = "debit"
    CREDIT = "credit"
    NET = "net"

    @property
    def of_a_moment(self) -> bool:
        """Whether it is a balance, which no kind of entry makes alone."""
        return self not in (Measure.DEBIT, Measure.CREDIT, Measure.NET)


@dataclass(frozen=True, slots=True)
class Flow:
    """An account over a span, in fen: the balance before it, what passed on both sides, and the balance at its end."""

    opening: int = 0
    debit: int = 0
    credit: int = 0
    closing: int = 0

    def __add__(self, other: "Flow") -> "Flow":
        return Flow(
            self.opening + other.opening, self.debit + other.debit, self.credit + other.credit, self.closing + other.closing
        )

    def measured(self, measure: Measure) -> int:
        """Return what is asked of it."""
        return {
            Measure.OPENING: self.opening,
            Measure.CLOSING: self.closing,
            Measure.DEBIT_BALANCE: max(self.closing, 0),
            Measure.CREDIT_BALANCE: max(-self.closing, 0),
            Measure.DEBIT: self.debit,
            Measure.CREDIT: self.credit,
            Measure.NET: self.debit - self.credit,
        }[measure]


@dataclass(frozen=True, slots=True)
class Term:
    """A measure of accounts, added or taken off."""

    sign: int
    measure: Measure
    codes: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    def covers(self, account: str) -> bool:
        """Tell whether it asks an account."""
        return any(stands_for(code, account) for code in self.codes)

    def value(self, flows: Mapping[str, Flow]) -> int:
        """Return what it is, of flows by account."""
        return self.sign * sum(flow.measured(self.measure) for account, flow in flows.items() if self.covers(account))


@dataclass(frozen=True, slots=True)
class Figure:
    """Another figure of the same form, added or taken off."""

    sign: int
    key: str


Formula: TypeAlias = tuple[Term | Figure, ...]

_PART = re.compile(
    r"\s*(?P<sign>[+-])?\s*(?:(?P<measure>[a-z_]+)\((?P<codes>[0-9. ]+)(?:\|(?P<kinds>[a-z_. ]+))?\)|(?P<key>[a-z][a-z0-9_]*))\s*"
)
_CODE = re.compile(r"[0-9]{4}(\.[0-9]{2}){0,3}")


class BadFormula(ValueError):
    """A text that is no formula; the sentence says why."""


def parse(text: str) -> Formula:
    """Return a formula as a form writes it.

    Raises:
        BadFormula: it is none.
    """
    parts: list[Term | Figure] = []
    at = 0
    while at < len(text) or not parts:
        found = _PART.match(text, at)
        if found is None or (parts and not found["sign"]):
            raise BadFormula(f"公式 {text!r} 第 {at + 1} 个字符起无法识别")
        sign = -1 if found["sign"] == "-" else 1
        parts.append(Figure(sign, found["key"]) if found["key"] else _term(text, sign, found))
        at = found.end()
    return tuple(parts)


def _term(text: str, sign: int, found: re.Match[str]) -> Term:
    if found["measure"] not in list(Measure):
        raise BadFormula(f"公式 {text!r}：没有 {found['measure']} 这种取数")
    codes, kinds = tuple(found["codes"].split()), tuple((found["kinds"] or "").split())
    wrong = [code for code in codes if not _CODE.fullmatch(code)]
    if wrong or not codes:
        raise BadFormula(f"公式 {text!r}：{wrong[0] if wrong else '空白'} 不是科目代码")
    measure = Measure(found["measure"])
    if kinds and measure.of_a_moment:
        raise BadFormula(f"公式 {text!r}：余额不能按业务类型取")
    return Term(sign, measure, codes, kinds)


def stands_for(code: str, account: str) -> bool:
    """Tell whether a code is an account's or that of one above it."""
    return account == code or account.startswith(f"{code}.")


def value(formula: Formula, figure: Callable[[str], int], flows: Callable[[tuple[str, ...]], Mapping[str, Flow]]) -> int:
    """Return what a formula comes to, from other figures by key and from flows by kinds of entry."""
    return sum(part.sign * figure(part.key) if isinstance(part, Figure) else part.value(flows(part.kinds)) for part in formula)
