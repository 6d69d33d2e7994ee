"""The register of papers (单证登记簿): serial numbers per bank and year without a gap, each copy printed, what supersedes what.

A paper asked for again whose figures are the same is the same paper; where they changed, a new one supersedes it, and neither
is ever overwritten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app.issuing.kinds import KINDS, asked_of, bank_of, kind_named
from app.issuing.question import Asked, QuestionRefused
from app.papers import SEALED
from app.tables import paper, paper_copy, paper_number
from app.wiring import LOAN_EVENTS
from ledger.business_day import business_date
from ledger.queries import last_sequences
from ledger.sealing.chain import JOURNAL
from ledger.sealing.queries import heads
from statements.archive import archived
from statements.canonical import digest
from statements.figures import ChainHead
from statements.form import Mark
from statements.papers import fingerprint, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A paper in the register; `copies` were printed, `superseded_by` is the serial number of the paper that replaced it."""

    bank: str
    year: int
    number: int
    kind: str
    words: Mapping[str, str]
    digest: str
    known: Mapping[int, int]
    heads: tuple[ChainHead, ...]
    issued_on: date
    issued_by: str
    copies: int
    supersedes: str | None
    superseded_by: str | None

    @property
    def serial(self) -> str:
        """Its serial number (单证编号)."""
        return serial_of(self.bank, self.year, self.number)

    @property
    def asked(self) -> Asked:
        """What it was asked about."""
        return Asked(KINDS[self.kind].title, self.words)

    def mark(self, copy: int) -> Mark:
        """Return what is printed on a copy of it."""
        return Mark(serial=self.serial, copy=copy, digest=self.digest, heads=self.heads)


def serial_of(bank: str, year: int, number: int) -> str:
    """Return a serial number as papers print it."""
    return f"{bank}-{year}-{number:06d}"


def issue(
    session: Session, kind_name: str, words: Mapping[str, str], actor: str, font: Path | None = None, *, again: bool = False
) -> tuple[Issued, bytes]:
    """Issue a paper and return it with its file; one that was issued with the same figures is returned as it was.

    `again` prints another copy of such a paper.

    Raises:
        QuestionRefused: no such kind, or words that it can't answer.
        PaperError: figures that do not add up, a character without a glyph.
    """
    code, kind = kind_named(kind_name)
    asked = asked_of(kind, words)
    known = last_sequences(session)
    figures = kind.gather(session, asked, known)
    found, made_of = _latest(session, code, asked), fingerprint(figures)
    if found is None or found.digest != made_of:
        found = _number(session, code, asked, made_of, known, found, actor)
        return found, _copy(session, found, figures, 1, actor, font)
    if again:
        return found, _copy(session, found, figures, found.copies + 1, actor, font)
    return found, _file(found, figures, 1, font)


def reprint(session: Session, serial: str, actor: str, font: Path | None = None) -> tuple[Issued, bytes]:
    """Print another copy of a paper, with what was known when it was issued.

    Raises:
        QuestionRefused: there is no such paper, or its figures can't be gathered as they were.
    """
    found = paper_numbered(session, serial)
    kind = KINDS[found.kind]
    figures = kind.gather(session, found.asked, last_sequences(session) | dict(found.known))
    if digest(figures) != found.digest:
        raise QuestionRefused(kind.title, f"{serial} 的数据与签发时不同，不能重打；请重新签发")
    return found, _copy(session, found, figures, found.copies + 1, actor, font)


def paper_numbered(session: Session, serial: str) -> Issued:
    """Return the paper that bears a serial number.

    Raises:
        QuestionRefused: none does.
    """
    bank, _, rest = serial.rpartition("-")
    bank, _, year = bank.rpartition("-")
    if year.isdecimal() and rest.isdecimal():
        mine = (paper.c.bank == bank) & (paper.c.year == int(year)) & (paper.c.number == int(rest))
        found = _read(session, mine)
        if found:
            return found[0]
    raise QuestionRefused(serial, "登记簿中没有这个单证编号")


def issued(session: Session, bank: str | None = None, kind: str | None = None) -> list[Issued]:
    """Return the register, of a bank or of all, in the order of serial numbers."""
    condition = paper.c.number > 0
    if bank is not None:
        condition &= paper.c.bank == bank
    if kind is not None:
        condition &= paper.c.kind == kind_named(kind)[0]
    return _read(session, condition)


def files_of(session: Session, one: Issued) -> dict[bytes, int]:
    """Return the SHA-256 of every copy printed, with its number."""
    mine = (paper_copy.c.bank == one.bank) & (paper_copy.c.year == one.year) & (paper_copy.c.number == one.number)
    return {bytes(row.sha256): row.copy for row in session.execute(select(paper_copy.c.sha256, paper_copy.c.copy).where(mine))}


def _latest(session: Session, code: str, asked: Asked) -> Issued | None:
    """Return the paper that answers a question and is not superseded; its bank's numbers are held from here on."""
    bank = bank_of(asked)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"app.paper/{bank}", 0))))
    mine = (paper.c.bank == bank) & (paper.c.kind == code) & (paper.c.question == dict(asked.words))
    return next((one for one in _read(session, mine) if one.superseded_by is None), None)


def _number(
    session: Session, code: str, asked: Asked, made_of: str, known: Mapping[int, int], before: Issued | None, actor: str
) -> Issued:
    """Give a paper the next number of its bank and year, and enter it."""
    day, bank = business_date(session), bank_of(asked)
    counted = upsert(paper_number).values(bank=bank, year=day.year, last=1)
    counted = counted.on_conflict_do_update(index_elements=["bank", "year"], set_={"last": paper_number.c.last + 1})
    number = session.scalars(counted.returning(paper_number.c.last)).one()
    ends = heads(session, (JOURNAL, LOAN_EVENTS), dict(known))
    session.execute(
        insert(paper).values(
            bank=bank, year=day.year, number=number, kind=code, question=dict(asked.words), figures_sha256=bytes.fromhex(made_of),
            known={str(book_id): seq for book_id, seq in sorted(known.items())},
            heads=[[head.book, SEALED[head.chain], head.position, head.hash.hex()] for head in ends],
            supersedes_year=before and before.year, supersedes_number=before and before.number, issued_on=day, issued_by=actor,
        )
    )  # fmt: skip
    return paper_numbered(session, serial_of(bank, day.year, number))


def _copy(session: Session, one: Issued, figures: Any, copy: int, actor: str, font: Path | None) -> bytes:
    content = _file(one, figures, copy, font)
    session.execute(
        insert(paper_copy).values(
            bank=one.bank, year=one.year, number=one.number, copy=copy, sha256=sha256(content).digest(), printed_by=actor
        )
    )
    return content


def _file(one: Issued, figures: Any, copy: int, font: Path | None) -> bytes:
    mark = one.mark(copy)
    # The file is dated by the business date, so that it is the same whenever it is made.
    return archived(render(figures, mark, font), figures, mark, datetime.combine(one.issued_on, time(), UTC))


def _read(session: Session, condition: Any) -> list[Issued]:
    later = paper.alias("later")
    copies = (
        select(func.count())
        .where(paper_copy.c.bank == paper.c.bank, paper_copy.c.year == paper.c.year, paper_copy.c.number == paper.c.number)
        .scalar_subquery()
    )
    replaced = (
        (later.c.bank == paper.c.bank) & (later.c.supersedes_year == paper.c.year) & (later.c.supersedes_number == paper.c.number)
    )
    query = select(paper, copies.label("copies"), later.c.year.label("later_year"), later.c.number.label("later_number"))
    rows = session.execute(query.outerjoin(later, replaced).where(condition).order_by(*paper.primary_key)).all()
    return [_issued(row) for row in rows]


def _issued(row: Row[Any]) -> Issued:
    ends: Sequence[tuple[str, str, int, str]] = row.heads
    return Issued(
        bank=row.bank, year=row.year, number=row.number, kind=row.kind, words=row.question,
        digest=bytes(row.figures_sha256).hex(),
        known={int(book_id): seq for book_id, seq in row.known.items()},
        heads=tuple(ChainHead(book=b, chain=c, position=p, sha256=h) for b, c, p, h in ends), issued_on=row.issued_on,
        issued_by=row.issued_by, copies=row.copies,
        supersedes=serial_of(row.bank, row.supersedes_year, row.supersedes_number) if row.supersedes_number else None,
        superseded_by=serial_of(row.bank, row.later_year, row.later_number) if row.later_number else None,
    )  # fmt: skip
