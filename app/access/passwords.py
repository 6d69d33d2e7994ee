"""Passwords (口令): Argon2id, rules for new ones, none of the last five again, and a new one every ninety days."""

from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.access.errors import PasswordRefused
from app.access.tables import password as table

SHORTEST, LONGEST = 10, 128
KINDS = 3
"""How many of the four kinds of characters a password has at least."""
REMEMBERED = 5
"""How many earlier passwords may not be used again."""
LASTS = timedelta(days=90)
COMMON = frozenset(("password", "qwerty", "12345", "admin", "abcdef", "11111", "00000"))
"""What no password may contain."""

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""Argon2id as OWASP asks for at least; more would let a few failed sign-ins keep a small machine busy."""


def set_password(session: Session, name: str, password: str, now: datetime) -> None:
    """Give somebody a new password.

    Raises:
        PasswordRefused: it breaks a rule, or was used before.
    """
    reasons = objections(name, password)
    if not reasons and any(_fits(old, password) for old in _hashes(session, name, REMEMBERED)):
        reasons = [f"不能与最近 {REMEMBERED} 次用过的密码相同"]
    if reasons:
        raise PasswordRefused(reasons)
    session.execute(insert(table).values(name=name, set_at=now, hash=_HASHER.hash(password)))


def fits(session: Session, name: str, password: str) -> bool:
    """Tell whether a password is somebody's; whoever has none costs as much time as anybody."""
    current = _hashes(session, name, 1)
    right = _fits(current[0] if current else _nobodys(), password[: LONGEST + 1])
    return bool(current) and right


def is_stale(session: Session, name: str, now: datetime) -> bool:
    """Tell whether a password is older than it may be."""
    newest = session.scalar(select(table.c.set_at).where(table.c.name == name).order_by(table.c.set_at.desc()).limit(1))
    return newest is None or now - newest >= LASTS


def objections(name: str, password: str) -> list[str]:
    """Return what of the rules a new password breaks, as its owner reads it."""
    kinds = [any(test(letter) for letter in password) for test in (str.islower, str.isupper, str.isdigit, _is_sign)]
    found = []
    if not SHORTEST <= len(password) <= LONGEST:
        found.append(f"密码长度须为 {SHORTEST} 至 {LONGEST} 个字符")
    if sum(kinds) < KINDS:
        found.append(f"须包含大写字母、小写字母、数字、符号中的至少 {KINDS} 种")
    if name.casefold() in password.casefold():
        found.append("不能包含用户名")
    if any(common in password.casefold() for common in COMMON):
        found.append("不能包含常见的弱密码，如 12345、password")
    return found


def _is_sign(letter: str) -> bool:
    return not letter.isalnum()


def _hashes(session: Session, name: str, most: int) -> list[str]:
    query = select(table.c.hash).where(table.c.name == name).order_by(table.c.set_at.desc()).limit(most)
    return list(session.scalars(query))


def _fits(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except VerificationError:
        return False


@cache
def _nobodys() -> str:
    """Return a hash that nobody has, so that an unknown name is not told by a quick answer."""
    return _HASHER.hash("nobody's")
