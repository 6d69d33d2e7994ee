"""The fuse (熔断): a pool warns and then suspends new loans when too much of what its bank lent is overdue beyond 90 days.

It is tested at each close, per county and bank. A suspension is lifted only by a decision that one person asks for and another
grants; servicing and claims go on meanwhile. What a decision has looked at does not blow the fuse again: only a ratio that has
worsened since by more than the pool's terms allow, or one that had come back below the line (docs/decisions/0044).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from guarantees.errors import FuseRefused
from guarantees.pool import Pool
from guarantees.queries import NO_LOAD, Load, Loads, loads, lock, pools
from guarantees.tables import fuse_event
from ledger.business_day import business_date
from ledger.money import PPB, percent, round_half_up
from ledger.posting import take_sequence

NIGHT = "system"


class Happened(StrEnum):
    """What happens to a fuse."""

    WARNED = "warned"
    SUSPENDED = "suspended"
    ASKED = "asked"  # one person asks to lift it
    DROPPED = "dropped"  # and the asking is taken back or declined
    LIFTED = "lifted"  # another person grants it
    CLEARED = "cleared"  # the ratio came back below the warning line

    @property
    def label(self) -> str:
        """The Chinese word."""
        return _LABELS[self]


_LABELS = {
    Happened.WARNED: "预警", Happened.SUSPENDED: "熔断", Happened.ASKED: "申请解除", Happened.DROPPED: "撤回解除申请",
    Happened.LIFTED: "解除", Happened.CLEARED: "恢复正常",
}  # fmt: skip
_SUSPENDED = (Happened.SUSPENDED, Happened.ASKED, Happened.DROPPED)


@dataclass(frozen=True, slots=True)
class FuseEvent:
    """Something that happened to a pool's fuse, with the amounts in fen that were looked at."""

    seq: int
    kind: Happened
    value_date: date
    npl_fen: int
    outstanding_fen: int
    document: str
    reason: str
    actor: str

    @property
    def ratio(self) -> Fraction:
        """The part of what was outstanding that was bad."""
        return ratio_of(self.npl_fen, self.outstanding_fen)

    @property
    def suspends(self) -> bool:
        """Whether new loans are blocked after it."""
        return self.kind in _SUSPENDED


def ratio_of(npl_fen: int, outstanding_fen: int) -> Fraction:
    """Return the part of what is outstanding that is bad (不良率); of nothing, nothing is bad."""
    return Fraction(npl_fen, outstanding_fen) if outstanding_fen else Fraction(0)


def as_percent(ratio: Fraction) -> str:
    """Return a ratio as people read it, such as 5.12%."""
    return percent(round_half_up(ratio * 10_000) * (PPB // 10_000))


_LATEST = text(
    "SELECT p.book_id, p.bank, e.* FROM guarantees.pool p CROSS JOIN LATERAL (SELECT f.seq, f.kind, f.value_date, f.npl_fen, "
    "f.outstanding_fen, f.document, f.reason, f.actor FROM guarantees.fuse_event f "
    "WHERE f.book_id = p.book_id AND f.bank = p.bank ORDER BY f.seq DESC LIMIT 1) AS e"
)
_ALL = text(
    "SELECT seq, kind, value_date, npl_fen, outstanding_fen, document, reason, actor FROM guarantees.fuse_event "
    "WHERE book_id = :book AND bank = :bank ORDER BY seq"
)


def latest(session: Session) -> dict[tuple[int, str], FuseEvent]:
    """Return the last thing that happened to each fuse, by (book id, bank)."""
    return {
        (row.book_id, row.bank): FuseEvent(
            row.seq, Happened(row.kind), row.value_date, row.npl_fen, row.outstanding_fen, row.document, row.reason, row.actor
        )
        for row in session.execute(_LATEST)
    }


def history(session: Session, one: Pool) -> list[FuseEvent]:
    """Return all that happened to a pool's fuse, the oldest first."""
    rows = session.execute(_ALL, {"book": one.book.id, "bank": one.bank})
    return [FuseEvent(row.seq, Happened(row.kind), *row[2:]) for row in rows]


def blown(session: Session, mine: Iterable[Pool]) -> dict[tuple[int, str], FuseEvent]:
    """Return by (book id, bank) the blowing of those pools' fuses that suspend new loans now."""
    last = latest(session)
    found = {}
    for one in mine:
        now = last.get((one.book.id, one.bank))
        if now is not None and now.suspends:
            found[one.book.id, one.bank] = [e for e in history(session, one) if e.kind is Happened.SUSPENDED][-1]
    return found


def verdict(one: Pool, ratio: Fraction, last: FuseEvent | None) -> Happened | None:
    """Return what a ratio at a close does to a fuse to which `last` happened, None if nothing."""
    before = last.kind if last is not None else Happened.CLEARED
    if before in _SUSPENDED:
        return None
    warn, trip = Fraction(one.terms.warn_ppb, PPB), Fraction(one.terms.fuse_ppb, PPB)
    if before is Happened.LIFTED and last is not None and ratio >= trip:
        return Happened.SUSPENDED if ratio > last.ratio + Fraction(one.terms.worse_ppb, PPB) else None
    if ratio >= trip:
        return Happened.SUSPENDED
    if ratio >= warn:
        return None if before is Happened.WARNED else Happened.WARNED
    return None if before is Happened.CLEARED else Happened.CLEARED


def follow(session: Session, closing: date, found: Loads) -> int:
    """In the night: test every fuse on what the night found behind the pools; return how many changed."""
    last = latest(session)
    changed = []
    for key, one in pools(session, closing).items():
        load = found.get(key, NO_LOAD)
        kind = verdict(one, ratio_of(load.npl_fen, load.outstanding_fen), last.get(key))
        if kind is not None:
            changed.append((one, kind, load))
    lock(session, [one for one, _, _ in changed])
    for one, kind, load in changed:
        _record(session, one, kind, closing, load, NIGHT)
    return len(changed)


def ask(session: Session, one: Pool, document: str, reason: str, actor: str) -> None:
    """Ask that a suspension be lifted (申请解除), after a decision; it goes on until another person grants it.

    Raises:
        FuseRefused: nothing is suspended, it was asked already, or document or reason is missing.
    """
    last = _held(session, one)
    if last is None or not last.suspends:
        raise FuseRefused(one.bank, "未熔断，无须解除")
    if last.kind is Happened.ASKED:
        raise FuseRefused(one.bank, f"{last.actor} 已申请解除，等待批准")
    _require_signed(one, document, reason, actor)
    _record(session, one, Happened.ASKED, business_date(session), _load(session, one), actor, document, reason)


def drop(session: Session, one: Pool, reason: str, actor: str) -> None:
    """Take the asking back, or decline it; the suspension stays.

    Raises:
        FuseRefused: nobody asked, or no reason is given.
    """
    asked = _asked(session, one)
    _require_signed(one, asked.document, reason, actor)
    _record(session, one, Happened.DROPPED, business_date(session), _load(session, one), actor, asked.document, reason)


def lift(session: Session, one: Pool, actor: str) -> None:
    """Grant what another person asked for (批准解除): new loans are made again. The ratio of that moment is kept.

    Raises:
        FuseRefused: nobody asked, or the same person did.
    """
    asked = _asked(session, one)
    _require_signed(one, asked.document, asked.reason, actor)
    if asked.actor == actor:
        raise FuseRefused(one.bank, "申请人不能批准自己的申请")
    _record(session, one, Happened.LIFTED, business_date(session), _load(session, one), actor, asked.document, asked.reason)


def _held(session: Session, one: Pool) -> FuseEvent | None:
    lock(session, [one])
    return latest(session).get((one.book.id, one.bank))


def _asked(session: Session, one: Pool) -> FuseEvent:
    last = _held(session, one)
    if last is None or last.kind is not Happened.ASKED:
        raise FuseRefused(one.bank, "没有待批准的解除申请")
    return last


def _require_signed(one: Pool, document: str, reason: str, actor: str) -> None:
    if not document.strip() or not reason.strip():
        raise FuseRefused(one.bank, "须有决定文号和事由")
    if not actor.strip() or actor == NIGHT:
        raise FuseRefused(one.bank, "须由本人办理")


def _load(session: Session, one: Pool) -> Load:
    return loads(session).get((one.book.id, one.bank), NO_LOAD)


def _record(
    session: Session, one: Pool, kind: Happened, day: date, load: Load, actor: str, document: str = "", reason: str = ""
) -> None:  # fmt: skip
    seq = take_sequence(session, {one.book.id: 1})[one.book.id]
    session.execute(
        insert(fuse_event).values(
            book_id=one.book.id, seq=seq, bank=one.bank, kind=kind, value_date=day, npl_fen=load.npl_fen,
            outstanding_fen=load.outstanding_fen, document=document, reason=reason, actor=actor,
        )
    )  # fmt: skip
