"""Households (建档立卡户) and their borrowers: enrolment and lookup."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from ledger import audit
from ledger.business_day import business_date_from
from registry.cipher import Cipher
from registry.errors import BorrowerConflict, HouseholdConflict, HouseholdInUse
from registry.identity import birth_date, masked_id
from registry.tables import borrower, household, standard

Home = tuple[str, str]
"""(county, 建档立卡号): counties number their households each for itself."""
_PAIRS = "unnest(CAST(:counties AS text[]), CAST(:numbers AS text[])) AS k (county, number)"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """How a household stands in the register: since when, by which standard, and whether it may borrow (domain.md 1.1)."""

    registered_on: date
    standard_name: str
    eligible: bool


def enrol(session: Session, cipher: Cipher, households: Sequence[Household], actor: str) -> list[Household]:
    """Register households and return those that are new; one that is there with the same facts stays as it is.

    Raises:
        HouseholdConflict: a number is registered with other facts, a head is another household's, or nobody lives in it.
        FutureDate: one is registered after the business date.
    """
    business_date_from(session, (h.registered_on for h in households))
    known = _known(session, {(h.county, h.number) for h in households})
    marks = [cipher.fingerprint(h.head_id) for h in households]
    heads = _headed(session, {h.county for h in households}, marks)
    fresh = []
    for h, mark in zip(households, marks, strict=True):
        home = (h.county, h.number)
        facts = (h.village, h.persons, h.standard, h.registered_on, h.head_name, mark)
        if home in known:
            stored, sealed = known[home]
            account = cipher.open(sealed) if sealed else None
            if stored != facts or account != h.account:
                raise HouseholdConflict(h.number)
            continue
        if h.persons < 1:
            raise HouseholdConflict(h.number, "人口应不小于 1")
        if (h.county, mark) in heads:
            raise HouseholdConflict(h.number, f"户主身份证号 {masked_id(h.head_id)} 已是 {heads[(h.county, mark)]} 的户主")
        heads[(h.county, mark)] = h.number
        account_sealed = cipher.seal(h.account) if h.account else None
        known[home] = (facts, account_sealed)
        fresh.append((h, mark, account_sealed))
    if fresh:
        session.execute(
            insert(household).inline(),
            [
                {
                    "county": h.county, "number": h.number, "village": h.village, "persons": h.persons, "standard": h.standard,
                    "registered_on": h.registered_on, "head_name": h.head_name, "head_id_sealed": cipher.seal(h.head_id),
                    "head_id_hmac": mark, "account_sealed": account_sealed,
                }
                for h, mark, account_sealed in fresh
            ],
        )  # fmt: skip
        audit.record(session, actor, "enrolled", "households", {"count": len(fresh)})
    return [h for h, *_ in fresh]


def remove(session: Session, homes: Collection[Home]) -> None:
    """Take households out of the register again (an import undone).

    Raises:
        HouseholdInUse: one of them is a borrower's.
    """
    if not homes:
        return
    values = _arrays(homes)
    used = session.scalar(
        text(
            f"SELECT b.household FROM registry.borrower b JOIN {_PAIRS} ON b.county = k.county AND b.household = k.number LIMIT 1"
        ),
        values,
    )
    if used is not None:
        raise HouseholdInUse(used)
    session.execute(
        text(f"DELETE FROM registry.household h USING {_PAIRS} WHERE h.county = k.county AND h.number = k.number"),
        values,
    )


def add_borrowers(
    session: Session, cipher: Cipher, county: str, people: Sequence[tuple[str, str, str, str | None]]
) -> dict[str, Borrower]:
    """Return borrowers by ID, adding those who are new; `people` are (kind, ID, name, household or None).

    A borrower's code is 'B' and a running number of the county, so that no other package ever needs an ID or a name.

    Raises:
        BorrowerConflict: an ID is known by another name or in another household, or heads another household.
    """
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('registry.borrower/' || :county, 0))"), {"county": county}
    )
    marks = {number: cipher.fingerprint(number) for _, number, _, _ in people}
    stored = _borrowers_marked(session, county, list(marks.values()))
    known = {mark: (who.name, who.household) for mark, who in stored.items()}
    heads = _headed(session, {county}, list(marks.values()))
    new: dict[bytes, tuple[str, str, str, str | None]] = {}
    for kind, number, name, home in people:
        mark = marks[number]
        if known.setdefault(mark, (name, home)) != (name, home):
            raise BorrowerConflict(masked_id(number), "已登记为另一姓名或另一户的借款人")
        if home and heads.get((county, mark), home) != home:
            raise BorrowerConflict(masked_id(number), f"是 {heads[(county, mark)]} 的户主，不属于 {home}")
        if mark not in stored:
            new.setdefault(mark, (kind, number, name, home))
    last = session.scalar(text("SELECT count(*) FROM registry.borrower WHERE county = :county"), {"county": county}) if new else 0
    for serial, (mark, (kind, number, name, home)) in enumerate(new.items(), start=(last or 0) + 1):
        stored[mark] = Borrower(
            county=county, code=f"B{serial:06}", kind=kind, household=home, name=name, id_masked=masked_id(number)
        )  # fmt: skip
    if new:
        rows = [
            {**asdict(stored[mark]), "id_sealed": cipher.seal(number), "id_hmac": mark} for mark, (_, number, *_) in new.items()
        ]
        session.execute(insert(borrower).inline(), rows)
    return {number: stored[mark] for number, mark in marks.items()}


def born_on(session: Session, cipher: Cipher, county: str, code: str) -> date | None:
    """Return a borrower's birth date, opened from the sealed ID and kept nowhere; none for an enterprise."""
    sealed = session.scalar(select(borrower.c.id_sealed).where(borrower.c.county == county, borrower.c.code == code))
    return birth_date(cipher.open(sealed)) if sealed is not None else None


def identity_of(session: Session, cipher: Cipher, county: str, code: str) -> str | None:
    """Return a borrower's whole identity number (全号); None if there is no such borrower. Who asks has it logged."""
    sealed = session.scalar(select(borrower.c.id_sealed).where(borrower.c.county == county, borrower.c.code == code))
    return cipher.open(sealed) if sealed is not None else None


def release_borrower(session: Session, county: str, code: str) -> None:
    """Let go of the ID and household of a borrower whose loans never were, so that a corrected roster may name them anew."""
    session.execute(
        text(
            "UPDATE registry.borrower SET household = NULL, id_hmac = sha256(id_hmac || convert_to(code, 'UTF8')) "
            "WHERE county = :county AND code = :code"
        ),
        {"county": county, "code": code},
    )


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


def lock(session: Session, homes: Collection[Home]) -> None:
    """Hold households so that nobody else can lend to them before this transaction ends."""
    session.execute(
        text(
            f"SELECT FROM registry.household h JOIN {_PAIRS} USING (county, number) "
            "ORDER BY county, number FOR NO KEY UPDATE OF h"
        ),
        _arrays(homes),
    )


def enrolments(session: Session, homes: Collection[Home], day: date) -> dict[Home, Enrolment]:
    """Return how households are registered, under the standards of a day; one that is not in the register is left out."""
    standards = {}
    for row in session.execute(select(standard).where(standard.c.valid_from <= day).order_by(standard.c.valid_from)):
        standards[row.code] = row
    rows = session.execute(
        text(
            f"SELECT h.county, h.number, h.registered_on, h.standard "
            f"FROM registry.household h JOIN {_PAIRS} USING (county, number)"
        ),
        _arrays(homes),
    )
    found = {}
    for county, number, registered_on, code in rows:
        rule = standards.get(code)
        found[(county, number)] = Enrolment(
            registered_on=registered_on,
            standard_name=rule.name if rule else f"{day} 尚无的标准",
            eligible=bool(rule and rule.credit_eligible),
        )
    return found


def villages(session: Session, homes: Collection[Home]) -> dict[Home, str]:
    """Return the villages of households; one that is not in the register is left out."""
    rows = session.execute(
        text(f"SELECT h.county, h.number, h.village FROM registry.household h JOIN {_PAIRS} USING (county, number)"),
        _arrays(homes),
    )
    return {(row.county, row.number): row.village for row in rows}


def counted(session: Session, day: date) -> dict[str, int]:
    """Return how many households were registered by a day, by county."""
    rows = session.execute(
        text("SELECT county, count(*) AS homes FROM registry.household WHERE registered_on <= :day GROUP BY county"), {"day": day}
    )
    return {row.county: row.homes for row in rows}


def any_sealed(session: Session) -> bool:
    """Tell whether any identity number is stored, which only its key can open."""
    return bool(session.scalar(text("SELECT EXISTS (SELECT FROM registry.household) OR EXISTS (SELECT FROM registry.borrower)")))


def _known(session: Session, homes: Collection[Home]) -> dict[Home, tuple[tuple[object, ...], bytes | None]]:
    """Return the facts and the sealed account of the households that are registered."""
    rows = session.execute(
        text(
            "SELECT h.county, h.number, h.village, h.persons, h.standard, h.registered_on, h.head_name, h.head_id_hmac, "
            f"h.account_sealed FROM registry.household h JOIN {_PAIRS} USING (county, number)"
        ),
        _arrays(homes),
    )
    return {(row[0], row[1]): ((*row[2:7], bytes(row[7])), row[8] and bytes(row[8])) for row in rows}


def _headed(session: Session, counties: Collection[str], marks: list[bytes]) -> dict[tuple[str, bytes], str]:
    """Return household numbers by (county, fingerprint of the head's ID)."""
    rows = session.execute(
        select(household.c.county, household.c.head_id_hmac, household.c.number).where(
            household.c.county.in_(counties), household.c.head_id_hmac == text("ANY(:marks)").bindparams(marks=marks)
        )
    )
    return {(row.county, bytes(row.head_id_hmac)): row.number for row in rows}


def _arrays(homes: Collection[Home]) -> dict[str, list[str]]:
    return {"counties": [county for county, _ in homes], "numbers": [number for _, number in homes]}


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
