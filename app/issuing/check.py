"""Checking a file (验真): whether it is a copy that was printed, states what was registered, and what the books say of it."""

import json
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

from sqlalchemy.orm import Session

from app.issuing.kinds import KINDS
from app.issuing.question import QuestionRefused
from app.issuing.register import Issued, files_of, paper_numbered
from ledger.queries import last_sequences
from statements.archive import Archived, differences, read_archive
from statements.canonical import canonical


class Verdict(Enum):
    """What a file is."""

    GENUINE = "真"
    SUPERSEDED = "已被取代"
    ALTERED = "已改动"
    AGAINST_BOOKS = "与账簿不符"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on a file, with the sentences behind it."""

    verdict: Verdict
    serial: str
    reasons: tuple[str, ...]


def check_file(session: Session, file: Path) -> Finding:
    """Return what a file is, by the register and by the books as known when it was issued.

    Raises:
        NotAnArchive: it is none of our archive copies.
    """
    stated = read_archive(file)
    try:
        one = paper_numbered(session, stated.serial)
    except QuestionRefused as refused:
        return Finding(Verdict.ALTERED, stated.serial, (str(refused),))
    altered = _alterations(session, one, stated, file)
    if altered:
        return Finding(Verdict.ALTERED, one.serial, altered)
    apart, said = _against_books(session, one, stated)
    if apart:
        return Finding(Verdict.AGAINST_BOOKS, one.serial, apart)
    if one.superseded_by is not None:
        return Finding(Verdict.SUPERSEDED, one.serial, (f"已由 {one.superseded_by} 取代", said))
    return Finding(Verdict.GENUINE, one.serial, (f"{KINDS[one.kind].title}，{one.issued_on} 签发，第 {stated.copy} 次打印", said))


def _alterations(session: Session, one: Issued, stated: Archived, file: Path) -> tuple[str, ...]:
    found = []
    printed = files_of(session, one)
    if sha256(file.read_bytes()).digest() not in printed:
        found.append(f"文件不是登记的 {len(printed)} 份打印件之一")
    if sha256(stated.figures).hexdigest() != one.digest:
        found.append("所附数据的摘要与登记簿不同")
    return tuple(found)


def _against_books(session: Session, one: Issued, stated: Archived) -> tuple[tuple[str, ...], str]:
    """Return where the books, as known when the paper was issued, say something else, and what was recomputed."""
    kind = KINDS[one.kind]
    if not kind.again:
        return (), "按登记簿核对；此类单证的数据不按签发时重算"
    found = "".join(canonical(kind.gather(session, one.asked, last_sequences(session) | dict(one.known))))
    if sha256(found.encode()).hexdigest() == one.digest:
        return (), "数据已按签发时所知从账簿重算，完全一致"
    return tuple(differences(json.loads(stated.figures), json.loads(found))), ""
