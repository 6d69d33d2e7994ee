"""The second factor (动态口令): a code of six digits that changes every thirty seconds (TOTP, RFC 6238), each used once."""

import hmac
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.access.tables import second_factor as table
from registry.cipher import Cipher

ISSUER = "扶贫信贷工作台"
STEP_SECONDS = 30
TOLERANCE = 1
"""How many steps a telephone's clock may be off."""


@dataclass(frozen=True, slots=True, repr=False)
class Invitation:
    """What a telephone is told once: the secret, as text and as an address for a QR code."""

    secret: str
    address: str


def has_second_factor(session: Session, name: str) -> bool:
    """Tell whether somebody has confirmed a second factor."""
    return session.scalar(select(table.c.name).where(table.c.name == name, table.c.confirmed_at.is_not(None))) is not None


def any_sealed(session: Session) -> bool:
    """Tell whether any secret is sealed."""
    return bool(session.scalar(select(exists().select_from(table))))


def invitation(session: Session, cipher: Cipher, name: str) -> Invitation:
    """Return the secret that somebody is to confirm, the same one until he has; a confirmed one is never shown again.

    Raises:
        PermissionError: it is confirmed already.
    """
    stored = upsert(table).values(name=name, sealed=cipher.seal(pyotp.random_base32()))
    session.execute(stored.on_conflict_do_nothing())
    row = session.execute(select(table.c.sealed, table.c.confirmed_at).where(table.c.name == name)).one()
    if row.confirmed_at is not None:
        raise PermissionError(name)
    secret = cipher.open(row.sealed)
    return Invitation(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def accept(session: Session, cipher: Cipher, name: str, code: str, now: datetime) -> bool:
    """Tell whether a code is right and new, and take it: it is not accepted again, nor an older one."""
    row = session.execute(select(table.c.sealed, table.c.last_step).where(table.c.name == name).with_for_update()).one_or_none()
    if row is None:
        return False
    step = _step(pyotp.TOTP(cipher.open(row.sealed)), code, now)
    if step is None or (row.last_step is not None and step <= row.last_step):
        return False
    session.execute(update(table).where(table.c.name == name).values(last_step=step))
    return True


def confirm(session: Session, name: str, now: datetime) -> None:
    """Take a secret for somebody's second factor from now on."""
    session.execute(update(table).where(table.c.name == name).values(confirmed_at=now))


def forget(session: Session, cipher: Cipher, name: str) -> None:
    """Put an unconfirmed secret in the place of somebody's second factor (the telephone was lost)."""
    fresh = {"sealed": cipher.seal(pyotp.random_base32()), "confirmed_at": None, "last_step": None}
    session.execute(update(table).where(table.c.name == name).values(**fresh))


def _step(clock: pyotp.TOTP, code: str, now: datetime) -> int | None:
    """Return the step to which a code belongs, the newest first, or None."""
    newest = int(now.timestamp()) // STEP_SECONDS + TOLERANCE
    for step in range(newest, newest - 2 * TOLERANCE - 1, -1):
        if hmac.compare_digest(clock.generate_otp(step).encode(), code.strip().encode()):
            return step
    return None
