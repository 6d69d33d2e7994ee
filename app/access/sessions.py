"""Sessions (会话): what a browser holds after signing in; kept by the server, known by a secret of which only the hash is stored.

A session that proves more than before gets a new secret, and the old one is worth nothing (rotation).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.access.staff import Member, find_member
from app.access.tables import web_session

IDLE = timedelta(minutes=10)
LONGEST = timedelta(hours=12)
NOTED_EVERY = timedelta(seconds=15)
"""How often it is written down that a session is used; it ends that much early at most."""


class Stage(StrEnum):
    """What a session has proved, or what it must do next."""

    CODE = "code"
    ENROL = "enrol"
    PASSWORD = "password"  # noqa: S105 - a stage, no password
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A session as a request finds it: who, how far he has proved it, and the secret that the browser showed."""

    member: Member
    stage: Stage
    token: str
    address: str


def begin(session: Session, name: str, stage: Stage, address: str, now: datetime) -> str:
    """Begin a session and return its secret."""
    token = secrets.token_urlsafe(32)
    values = {"mark": _mark(token), "name": name, "stage": stage.value, "address": address, "begun_at": now, "seen_at": now}
    session.execute(insert(web_session).values(**values))
    return token


def rotate(session: Session, visit: Visit, stage: Stage, now: datetime) -> str:
    """End a session and return the secret of the one in its place."""
    end(session, visit.token, now)
    return begin(session, visit.member.name, stage, visit.address, now)


def end(session: Session, token: str, now: datetime) -> None:
    """End a session; one that is over stays as it was."""
    mine = (web_session.c.mark == _mark(token)) & web_session.c.ended_at.is_(None)
    session.execute(update(web_session).where(mine).values(ended_at=now))


def visit_of(session: Session, token: str, now: datetime) -> Visit | None:
    """Return the session of a secret and note that it is used; None if it is over, idle for too long, or its owner disabled."""
    row = session.execute(select(web_session).where(web_session.c.mark == _mark(token))).one_or_none()
    if row is None or row.ended_at is not None or now - row.seen_at >= IDLE or now - row.begun_at >= LONGEST:
        return None
    member = find_member(session, row.name)
    if member is None or member.disabled:
        return None
    if now - row.seen_at >= NOTED_EVERY:
        session.execute(update(web_session).where(web_session.c.mark == row.mark).values(seen_at=now))
    return Visit(member=member, stage=Stage(row.stage), token=token, address=row.address)


def form_token(secret: str) -> str:
    """Return what every form of a browser carries (CSRF): derived from its secret, which no other site knows."""
    return hmac.new(secret.encode(), b"fupin form", hashlib.sha256).hexdigest()


def form_token_fits(secret: str, given: str) -> bool:
    """Tell whether a form came from a page that we gave this browser."""
    return hmac.compare_digest(form_token(secret).encode(), given.encode())


def _mark(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
