"""Dunning (催收): that a debt was demanded, when, how, by whom, on what paper; what was received keeps the debt from lapsing.

A dunning is a fact that stays: one recorded by mistake is taken back by a red record of its own, and may be recorded anew.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from ledger.business_day import business_date, business_date_from
from ledger.posting import take_sequence
from loans.contract import Contract
from loans.errors import DunningRefused
from loans.events import Repaid, in_effect
from loans.life import Life
from loans.queries import UNDONE, events_of, free_references
from loans.suspicions.limitation import Limitation, limitation
from loans.suspicions.rules import Key
from loans.suspicions.tables import dunning

WAYS = ("上门", "电话", "短信", "书面", "公告", "诉讼")
"""How a debt is demanded."""
PROVEN = ("公告", "诉讼")
"""Ways that interrupt the limitation period without the debtor's signature (法释〔2008〕11号)."""
STANDS = (
    "d.kind = 'dunned' AND NOT EXISTS (SELECT FROM loans.dunning u WHERE u.book_id = d.book_id "
    f"AND u.reference = d.reference || '{UNDONE}')"
)
"""The condition in SQL that a dunning `d` was not taken back."""
INTERRUPTS = f"{STANDS} AND ((d.body ->> 'signed')::boolean OR d.body ->> 'way' = ANY(ARRAY['公告', '诉讼']))"
"""The condition that it also begins the limitation period anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dunning:
    """One demand; its serial number is unique in the loan's book, its paper a document number, a SHA-256, or both."""

    contract: Contract
    serial: str
    day: date
    way: str
    result: str
    dunned_by: str = ""
    signed: bool = False  # by the debtor, for having received it (签收)
    document: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A dunning that stands, as recorded for a loan."""

    serial: str
    day: date
    way: str
    result: str
    dunned_by: str
    signed: bool
    document: str | None
    sha256: str | None

    @property
    def interrupts(self) -> bool:
        """Whether it begins the limitation period anew."""
        return self.signed or self.way in PROVEN

    @property
    def papered(self) -> bool:
        """Whether a paper shows it."""
        return bool(self.document or self.sha256)


def record(session: Session, made: Sequence[Dunning], actor: str) -> list[Dunning]:
    """Record demands, and return those that are new, under what they are recorded; one that is there already stays as it is.

    Raises:
        DunningRefused: before the loan was drawn, a SHA-256 that is none, or the serial number names another.
        FutureDate: the day has not come.
    """
    business_date_from(session, (one.day for one in made))
    free = free_references(session, [(one.contract.book_id, one.serial) for one in made], _referenced)
    known = _referenced(session, [(book_id, name) for (book_id, _), name in free.items()])
    fresh: list[tuple[str, Dunning]] = []
    for one in made:
        name = free[(one.contract.book_id, one.serial)]
        number, facts = (one.contract.book_id, name), (one.contract.id, one.day, _body(one))
        _require_sound(one)
        if number not in known:
            known[number] = facts
            fresh.append((name, one))
        elif known[number] != facts:
            raise DunningRefused(one.contract.contract, one.serial, "流水号已用于另一次催收")
    _insert(session, [(one.contract.key, name, "dunned", one.day, _body(one)) for name, one in fresh], actor)
    return [one for _, one in fresh]


def undo(session: Session, numbers: Sequence[tuple[int, str]], actor: str) -> None:
    """Take demands back by (book id, serial), with a red record each; one that does not stand is passed over."""
    today = business_date(session)
    free = free_references(session, numbers, _referenced)
    found = _referenced(session, [(book_id, name) for (book_id, _), name in free.items()])
    red = [((book_id, loan), f"{name}{UNDONE}", "undone", today, body) for (book_id, name), (loan, _, body) in found.items()]
    _insert(session, red, actor)


def dunned(session: Session, key: Key) -> bool:
    """Tell whether a loan was ever demanded, dunnings taken back left out."""
    mine = text(f"SELECT FROM loans.dunning d WHERE d.book_id = :book AND d.loan_id = :loan AND {STANDS}")
    return session.execute(mine, {"book": key[0], "loan": key[1]}).first() is not None


def demands(session: Session, key: Key) -> list[Demand]:
    """Return the dunnings of a loan that stand, oldest first."""
    rows = session.execute(
        text(
            "SELECT d.reference, d.value_date, d.body FROM loans.dunning d WHERE d.book_id = :book AND d.loan_id = :loan "
            f"AND {STANDS} ORDER BY d.value_date, d.seq"
        ),
        {"book": key[0], "loan": key[1]},
    )
    return [Demand(serial=row.reference.partition("~")[0], day=row.value_date, **row.body) for row in rows]


def limitation_of(session: Session, key: Key, life: Life, found: Sequence[Demand]) -> Limitation:
    """Return how a loan's debt stands in time: from its last due date, anew from each demand received and each payment."""
    due = max(line.instalment.nominal for line in life.instalments)
    paid = [event.value_date for event in in_effect(events_of(session, [key])[key]) if isinstance(event, Repaid)]
    return limitation(due, [one.day for one in found if one.interrupts], paid)


def _require_sound(one: Dunning) -> None:
    if one.day < one.contract.terms.drawn_on:
        raise DunningRefused(one.contract.contract, one.serial, "早于放款日")
    if one.way not in WAYS:
        raise DunningRefused(one.contract.contract, one.serial, f"催收方式应为：{'、'.join(WAYS)}")
    if one.sha256 is not None and not re.fullmatch("[0-9a-f]{64}", one.sha256):
        raise DunningRefused(one.contract.contract, one.serial, "SHA-256 应为 64 位小写十六进制数")


def _body(one: Dunning) -> dict[str, object]:
    facts = asdict(one)
    return {name: facts[name] for name in ("way", "result", "dunned_by", "signed", "document", "sha256")}


def _referenced(
    session: Session, numbers: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], tuple[int, date, dict[str, object]]]:
    """Return (loan id, day, facts) by (book id, reference), for the references that name one."""
    wanted = set(numbers)
    if not wanted:
        return {}
    rows = session.execute(
        text(
            "SELECT d.book_id, d.reference, d.loan_id, d.value_date, d.body FROM loans.dunning d JOIN unnest("
            "CAST(:books AS bigint[]), CAST(:references AS text[])) AS k (book_id, reference) USING (book_id, reference)"
        ),
        {"books": [book_id for book_id, _ in wanted], "references": [name for _, name in wanted]},
    )
    return {(row.book_id, row.reference): (row.loan_id, row.value_date, row.body) for row in rows}


def _insert(session: Session, made: Sequence[tuple[Key, str, str, date, dict[str, object]]], actor: str) -> None:
    counts: dict[int, int] = {}
    for (book_id, _), *_ in made:
        counts[book_id] = counts.get(book_id, 0) + 1
    following = take_sequence(session, counts)
    rows = []
    for (book_id, loan_id), name, kind, day, body in made:
        rows.append(
            {
                "book_id": book_id, "seq": following[book_id], "loan_id": loan_id, "kind": kind, "reference": name,
                "value_date": day, "body": body, "actor": actor,
            }
        )  # fmt: skip
        following[book_id] += 1
    if rows:
        session.execute(insert(dunning).inline(), rows)
