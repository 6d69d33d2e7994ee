"""Households (建档立卡户) and their borrowers: enrolment, lookup, and whether a household may borrow on a date."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from ledger import audit
from registry.cipher import Cipher
from registry.errors import HouseholdConflict, HouseholdInUse
from registry.identity import masked_id
from registry.tables import borrower, household, standard


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """A household as registered; `number` is its 建档立卡号."""

    county: str
    number: str
    village: str
    persons: int
    standard: str
    registered_on: date
    head_name: str
    head_id: str
    account: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrower:
    """Who signs a loan: a person of a household, or an enterprise; `code` is what other packages call them by."""

    county: str
    code: str
    kind: str
    household: str | None
    name: str
    id_masked: str


def enrol(session: Session, cipher: Cipher, households: Sequence[Household], actor: str) -> int:
    """Register households and return how many are new; one that is there with the same facts stays as it is.

    Raises:
        HouseholdConflict: a number is registered with other facts.
    """
    known = _known(session, {(h.county, h.number) for h in households})
    fresh = []
    for h in households:
        hmac = cipher.fingerprint(h.head_id)
        facts = (h.village, h.persons, h.standard, h.registered_on, h.head_name, hmac)
        if (h.county, h.number) in known:
            if known[(h.county, h.number)] != facts:
                raise HouseholdConflict(h.number)
            continue
        fresh.append(
            {
                "county": h.county, "number": h.number, "village": h.village, "persons": h.persons, "standard": h.standard,
                "registered_on": h.registered_on, "head_name": h.head_name, "head_id_sealed": cipher.seal(h.head_id),
                "head_id_hmac": hmac, "account_sealed": cipher.seal(h.account) if h.account else None,
            }
        )  # fmt: skip
    if fresh:
        session.execute(insert(household).inline(), fresh)
        audit.record(session, actor, "enrolled", "households", {"count": len(fresh)})
    return len(fresh)


def remove(session: Session, keys: Collection[tuple[str, str]]) -> None:
    """Take households out of the register again (an import undone).

    Raises:
        HouseholdInUse: one of them is a borrower's.
    """
    counties, numbers = zip(*keys, strict=True)
    values = {"counties": list(counties), "numbers": list(numbers)}
    pairs = "unnest(CAST(:counties AS text[]), CAST(:numbers AS text[])) AS k (county, number)"
    used = session.scalar(
        text(
            f"SELECT b.household FROM registry.borrower b JOIN {pairs} ON b.county = k.county AND b.household = k.number LIMIT 1"
        ),
        values,
    )
    if used is not None:
        raise HouseholdInUse(used)
    session.execute(
        text(f"DELETE FROM registry.household h USING {pairs} WHERE h.county = k.county AND h.number = k.number"),
        values,
    )


def add_borrowers(
    session: Session, cipher: Cipher, county: str, people: Sequence[tuple[str, str, str, str | None]]
) -> dict[str, Borrower]:
    """Return borrowers by ID, adding those who are new; `people` are (kind, ID, name, household or None).

    A borrower's code is 'B' and a running number of the county, so that no other package ever needs an ID or a name.
    """
    marks = {cipher.fingerprint(number): (kind, number, name, home) for kind, number, name, home in people}
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('registry.borrower/' || :county, 0))"), {"county": county}
    )
    found = _borrowers_marked(session, county, list(marks))
    last = session.scalar(text("SELECT count(*) FROM registry.borrower WHERE county = :county"), {"county": county}) or 0
    fresh = []
    for mark, (kind, number, name, home) in marks.items():
        if mark not in found:
            last += 1
            fresh.append(
                {
                    "county": county, "code": f"B{last:06}", "kind": kind, "household": home, "name": name,
                    "id_sealed": cipher.seal(number), "id_hmac": mark, "id_masked": masked_id(number),
                }
            )  # fmt: skip
    if fresh:
        session.execute(insert(borrower).inline(), fresh)
        found = _borrowers_marked(session, county, list(marks))
    return {marks[mark][1]: who for mark, who in found.items()}


def borrowers(session: Session, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Borrower]:
    """Return borrowers by (county, code)."""
    if not keys:
        return {}
    counties, codes = zip(*keys, strict=True)
    rows = session.execute(
        text(
            "SELECT b.county, b.code, b.kind, b.household, b.name, b.id_masked FROM registry.borrower b "
            "JOIN unnest(CAST(:counties AS text[]), CAST(:codes AS text[])) AS k (county, code) USING (county, code)"
        ),
        {"counties": list(counties), "codes": list(codes)},
    )
    return {(row.county, row.code): Borrower(**row._asdict()) for row in rows}


def lock(session: Session, numbers: Collection[str]) -> None:
    """Hold households so that nobody else can lend to them before this transaction ends."""
    session.execute(
        text("SELECT FROM registry.household WHERE number = ANY(:numbers) ORDER BY county, number FOR NO KEY UPDATE"),
        {"numbers": list(numbers)},
    )


def reasons_against_lending(session: Session, numbers: Collection[str], day: date) -> Mapping[str, list[str]]:
    """Return, for households that may not borrow on a day, every rule against it (domain.md 1.1)."""
    standards = {}
    for row in session.execute(select(standard).where(standard.c.valid_from <= day).order_by(standard.c.valid_from)):
        standards[row.code] = row
    registered = {
        row.number: row
        for row in session.execute(
            select(household).where(household.c.number == text("ANY(:numbers)").bindparams(numbers=list(numbers)))
        )
    }
    found: dict[str, list[str]] = {}
    for number in numbers:
        reasons = []
        home = registered.get(number)
        if home is None:
            reasons.append("不在建档立卡系统中")
        else:
            if home.registered_on > day:
                reasons.append(f"识别日期 {home.registered_on} 晚于放款日 {day}")
            rule = standards.get(home.standard)
            if rule is None or not rule.credit_eligible:
                reasons.append("只有国家建档立卡户可以享受扶贫小额信贷，市定标准户不可以")
        if reasons:
            found[number] = reasons
    return found


def any_sealed(session: Session) -> bool:
    """Tell whether any identity number is stored, which only its key can open."""
    return bool(session.scalar(text("SELECT EXISTS (SELECT FROM registry.household) OR EXISTS (SELECT FROM registry.borrower)")))


def _known(session: Session, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], tuple[object, ...]]:
    if not keys:
        return {}
    counties, numbers = zip(*keys, strict=True)
    rows = session.execute(
        text(
            "SELECT h.county, h.number, h.village, h.persons, h.standard, h.registered_on, h.head_name, h.head_id_hmac "
            "FROM registry.household h JOIN unnest(CAST(:counties AS text[]), CAST(:numbers AS text[])) "
            "AS k (county, number) USING (county, number)"
        ),
        {"counties": list(counties), "numbers": list(numbers)},
    )
    return {(row[0], row[1]): (*row[2:7], bytes(row[7])) for row in rows}


def _borrowers_marked(session: Session, county: str, marks: list[bytes]) -> dict[bytes, Borrower]:
    rows = session.execute(
        select(borrower).where(borrower.c.county == county, borrower.c.id_hmac == text("ANY(:marks)").bindparams(marks=marks))
    )
    return {
        bytes(row.id_hmac): Borrower(
            county=row.county,
            code=row.code,
            kind=row.kind,
            household=row.household,
            name=row.name,
            id_masked=row.id_masked,
        )
        for row in rows
    }
