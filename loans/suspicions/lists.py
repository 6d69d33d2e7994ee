"""Match lists (比对名单): what other departments know of people: dead, on the public payroll, owner of a company, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import exists, insert, select, text
from sqlalchemy.orm import Session

from ledger import audit
from ledger.calendar import DAY
from loans.errors import MatchListRefused
from loans.suspicions.tables import listed
from registry.cipher import Cipher
from registry.identity import masked_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A person on a list from a day until another, both included; `until` none: to this day."""

    kind: str
    number: str
    name: str
    since: date
    until: date | None
    source: str


Place = tuple[bytes, str, date]
"""(fingerprint of the ID, kind of list, since): what a line is known by."""


def load(session: Session, cipher: Cipher, people: Sequence[Listed], actor: str) -> list[Place]:
    """Take lines of lists, and return the places of those that are new; a line that is there already stays as it is.

    Raises:
        MatchListRefused: a line ends before it begins, or is there with other facts.
    """
    marks = [cipher.fingerprint(one.number) for one in people]
    stored = session.execute(select(listed).where(listed.c.id_hmac == text("ANY(:marks)").bindparams(marks=marks)))
    known = {(bytes(row.id_hmac), row.kind, row.since_date): (row.until_date, row.name, row.source) for row in stored}
    rows: list[dict[str, Any]] = []
    for one, mark in zip(people, marks, strict=True):
        if one.until is not None and one.until < one.since:
            raise MatchListRefused(one.kind, masked_id(one.number), "至日期早于自日期")
        place, facts = (mark, one.kind, one.since), (one.until and one.until + DAY, one.name, one.source)
        if known.setdefault(place, facts) != facts:
            raise MatchListRefused(one.kind, masked_id(one.number), "同一日期起已登记，内容不同")
        if known[place] is facts:
            rows.append(
                {
                    "id_hmac": mark, "kind": one.kind, "since_date": one.since, "until_date": facts[0], "name": one.name,
                    "id_sealed": cipher.seal(one.number), "id_masked": masked_id(one.number), "source": one.source,
                    "actor": actor,
                }
            )  # fmt: skip
    if rows:
        session.execute(insert(listed).inline(), rows)
        audit.record(session, actor, "match list loaded", rows[0]["kind"], {"count": len(rows)})
    return [(row["id_hmac"], row["kind"], row["since_date"]) for row in rows]


def remove(session: Session, places: Sequence[Place]) -> None:
    """Take lines off their lists again (an import undone); hits that they led to keep what was known."""
    for mark, kind, since in places:
        session.execute(
            listed.delete().where(listed.c.id_hmac == mark, listed.c.kind == kind, listed.c.since_date == since)
        )  # fmt: skip


def any_listed(session: Session) -> bool:
    """Tell whether any list is kept, which only its key can open."""
    return bool(session.scalar(select(exists(select(listed.c.kind)))))
