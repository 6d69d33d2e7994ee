"""A layout (对账单格式): under which heading a bank's file gives which fact; remembered per bank, or known by its headings.

Money is in two columns (收入, 支出), or in one with its sign, or in one with a word for the direction. The bank's 贷 is money
that comes in, and so our 借. Headings carry no unit: 收入(元) is 收入.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.bankfiles.tables import bank_layout
from ledger import audit

USUAL = Path(__file__).with_name("headings.toml")


class LayoutRefused(Exception):
    """A layout that can't be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The heading of each fact; empty where the bank's files don't give it.

    Raises:
        LayoutRefused: no date, or not exactly one way to say how much came in or went out.
    """

    date: str
    income: str = ""
    outgo: str = ""
    amount: str = ""
    direction: str = ""
    balance: str = ""
    counterparty: str = ""
    reference: str = ""
    text: str = ""
    serial: str = ""
    account: str = ""

    def __post_init__(self) -> None:
        if not self.date:
            raise LayoutRefused("对账单格式须写明 date（日期）列")
        if bool(self.income) != bool(self.outgo) or bool(self.income) == bool(self.amount):
            raise LayoutRefused("对账单格式须写明 income 和 outgo（收入、支出）两列，或 amount（金额）一列，不能都写")
        if self.direction and not self.amount:
            raise LayoutRefused("对账单格式有 direction（借贷方向）时须写明 amount（金额）列")
        named = self.headings
        if len(set(named)) < len(named):
            raise LayoutRefused("对账单格式中同一列标题不能有两种含义")

    @property
    def headings(self) -> list[str]:
        """All headings that it names."""
        return [heading for heading in asdict(self).values() if heading]


def read_layout(path: Path) -> Layout:
    """Return the layout that a person wrote down in TOML, such as date = "交易日期".

    Raises:
        LayoutRefused: the file is missing, no TOML, or names what is not a fact of a statement.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LayoutRefused(f"对账单格式文件 {path} 无法读取：{error}") from None
    unknown = found.keys() - set(Layout.__dataclass_fields__)
    if unknown or not all(isinstance(heading, str) for heading in found.values()):
        raise LayoutRefused(f"对账单格式只能写明：{'、'.join(Layout.__dataclass_fields__)}，各为一个列标题")
    return Layout(**{"date": "", **{fact: bare(heading) for fact, heading in found.items()}})


def remember(session: Session, bank: str, layout: Layout, actor: str) -> None:
    """Remember a layout for a bank's files; the newest again changes nothing."""
    if remembered(session, bank)[:1] != [layout]:
        session.execute(insert(bank_layout).values(bank=bank, columns=asdict(layout), actor=actor))
        audit.record(session, actor, "bank layout remembered", bank, asdict(layout))


def remembered(session: Session, bank: str) -> list[Layout]:
    """Return the layouts of a bank, the newest first."""
    rows = session.scalars(select(bank_layout.c.columns).where(bank_layout.c.bank == bank).order_by(bank_layout.c.id.desc()))
    return [Layout(**columns) for columns in rows]


def fitting(layouts: Collection[Layout], headings: Collection[str]) -> Layout | None:
    """Return the first layout all of whose headings a file has."""
    return next((layout for layout in layouts if set(layout.headings) <= set(headings)), None)


def recognised(headings: Collection[str]) -> Layout | None:
    """Return the layout of headings that banks usually use, or None if the date or the amounts can't be told."""
    named = {fact: next((name for name in names if name in headings), "") for fact, names in _usual().items()}
    if named["income"] and named["outgo"]:
        named["amount"] = named["direction"] = ""
    else:
        named["income"] = named["outgo"] = ""
    try:
        return Layout(**named)
    except LayoutRefused:
        return None


def bare(heading: str) -> str:
    """Return a heading without blanks and unit."""
    return re.sub(r"[(（](人民币)?元[)）]$", "", "".join(heading.split()))


@cache
def _usual() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = tomllib.loads(USUAL.read_text(encoding="utf-8"))
    return found
