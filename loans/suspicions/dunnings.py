"""Dunning (催收): that a debt was demanded, when, how and with what result; it keeps the limitation period from ending."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, exists, insert, select, text
from sqlalchemy.orm import Session

from ledger.business_day import business_date_from
from loans.contract import Contract
from loans.errors import DunningRefused
from loans.suspicions.rules import Key
from loans.suspicions.tables import dunning


@dataclass(frozen=True, slots=True, kw_only=True)
class Dunning:
    """One demand; its serial number is unique in the loan's book."""

    contract: Contract
    serial: str
    day: date
    way: str
    result: str


def record(session: Session, made: Sequence[Dunning], actor: str) -> list[Dunning]:
    """Record demands, and return those that are new; one that is there already stays as it is.

    Raises:
        DunningRefused: before the loan was drawn, or the serial number names another.
        FutureDate: the day has not come.
    """
    business_date_from(session, (one.day for one in made))
    stored = session.execute(
        select(dunning).where(
            dunning.c.book_id == text("ANY(:books)").bindparams(books=sorted({one.contract.book_id for one in made})),
            dunning.c.serial == text("ANY(:serials)").bindparams(serials=[one.serial for one in made]),
        )
    )
    known = {(row.book_id, row.serial): (row.loan_id, row.day, row.way, row.result) for row in stored}
    fresh = []
    for one in made:
        number, facts = (one.contract.book_id, one.serial), (one.contract.id, one.day, one.way, one.result)
        if one.day < one.contract.terms.drawn_on:
            raise DunningRefused(one.contract.contract, one.serial, "早于放款日")
        if number not in known:
            known[number] = facts
            fresh.append(one)
        elif known[number] != facts:
            raise DunningRefused(one.contract.contract, one.serial, "流水号已用于另一次催收")
    if fresh:
        rows = [
            {
                "book_id": one.contract.book_id, "serial": one.serial, "loan_id": one.contract.id, "day": one.day, "way": one.way,
                "result": one.result, "actor": actor,
            }
            for one in fresh
        ]  # fmt: skip
        session.execute(insert(dunning).inline(), rows)
    return fresh


def remove(session: Session, numbers: Sequence[tuple[int, str]]) -> None:
    """Forget demands by (book id, serial), an import undone."""
    for book_id, serial in numbers:
        session.execute(delete(dunning).where(dunning.c.book_id == book_id, dunning.c.serial == serial))


def dunned(session: Session, key: Key) -> bool:
    """Tell whether a loan was ever demanded."""
    mine = select(dunning.c.serial).where(dunning.c.book_id == key[0], dunning.c.loan_id == key[1])
    return bool(session.scalar(select(exists(mine))))
