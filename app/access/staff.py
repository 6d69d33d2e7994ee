"""Staff (用户): who works here, since when with which roles; nobody is ever deleted, and a name is never given again.

A name is what the books show of its owner (制单、审核), so it may be Chinese. A person is let in by a one-time link, never by
a password that somebody else knows.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.access import passwords, second_factor
from app.access.errors import LinkRefused, RoleRefused, StaffRefused
from app.access.roles import Right, Role, conflict, rights_of
from app.access.tables import role_grant, staff, web_session
from ledger import audit
from registry.cipher import Cipher
from registry.reference import bank_names

LONGEST_NAME = 32
LINK_LASTS = timedelta(hours=24)
RESERVED = frozenset(("system", "operator"))
"""Actors that are no people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role that somebody holds or held; `until` is None while he holds it."""

    role: Role
    bank: str | None
    since: datetime
    granted_by: str
    until: datetime | None
    ended_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who works here, with the roles of now and the bank of a bank's clerk."""

    name: str
    roles: frozenset[Role]
    bank: str | None = None
    disabled: bool = False

    @property
    def rights(self) -> frozenset[Right]:
        """All that he may do."""
        return rights_of(self.roles)


def add(session: Session, name: str, actor: str, now: datetime) -> str:
    """Add somebody, and return the secret of his one-time link.

    Raises:
        StaffRefused: the name is taken, or can't be one.
    """
    name = unicodedata.normalize("NFKC", name)
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or "/" in name or any(map(str.isspace, name)):
        raise StaffRefused(f"用户名须为 1 至 {LONGEST_NAME} 个字符，不含空格和斜杠")
    if name.casefold() in RESERVED:
        raise StaffRefused(f"{name} 是系统保留的名称")
    stored = upsert(staff).values(name=name, added_by=actor, added_at=now)
    if session.scalar(stored.on_conflict_do_nothing().returning(staff.c.name)) is None:
        raise StaffRefused(f"用户名 {name} 已被使用（停用的也不再分配）")
    audit.record(session, actor, "staff added", name)
    return link(session, name, actor, now)


def link(session: Session, name: str, actor: str, now: datetime) -> str:
    """Return the secret of a new one-time link with which somebody sets his password; an earlier link ends, and so do sessions.

    Raises:
        StaffRefused: there is nobody of that name, or he is disabled.
    """
    if member(session, name, hold=True).disabled:
        raise StaffRefused(f"{name} 已停用")
    secret = secrets.token_urlsafe(24)
    values = {"link_mark": hashlib.sha256(secret.encode()).digest(), "link_until": now + LINK_LASTS}
    session.execute(update(staff).where(staff.c.name == name).values(**values))
    _end_sessions(session, name, now)
    audit.record(session, actor, "one-time link made", name)
    return secret


def invited(session: Session, secret: str, now: datetime) -> str:
    """Return whose one-time link it is.

    Raises:
        LinkRefused: it was used, has expired, or never was.
    """
    mark = hashlib.sha256(secret.encode()).digest()
    query = select(staff.c.name).where(staff.c.link_mark == mark, staff.c.link_until > now, staff.c.disabled_at.is_(None))
    name: str | None = session.scalar(query.with_for_update())
    if name is None:
        raise LinkRefused
    return name


def welcome(session: Session, secret: str, password: str, now: datetime) -> str:
    """Set the password of whom a one-time link invites, use the link up, and return the name.

    Raises:
        LinkRefused: the link is not good.
        PasswordRefused: the password breaks a rule.
    """
    name = invited(session, secret, now)
    passwords.set_password(session, name, password, now)
    session.execute(update(staff).where(staff.c.name == name).values(link_mark=None, link_until=None))
    audit.record(session, name, "password set by one-time link", name)
    return name


def change_password(session: Session, name: str, new: str, now: datetime) -> None:
    """Give somebody who has shown that he knows his password a new one; all his sessions end.

    Raises:
        PasswordRefused: the new one breaks a rule.
    """
    passwords.set_password(session, name, new, now)
    _end_sessions(session, name, now)
    audit.record(session, name, "password changed", name)


def disable(session: Session, name: str, actor: str, now: datetime) -> None:
    """Let somebody in no more; what he did stays his.

    Raises:
        StaffRefused: there is nobody of that name, or it is the actor himself.
    """
    if name == actor:
        raise StaffRefused("不能停用自己")
    if not member(session, name, hold=True).disabled:
        session.execute(update(staff).where(staff.c.name == name).values(disabled_at=now, link_mark=None, link_until=None))
        _end_sessions(session, name, now)
        audit.record(session, actor, "staff disabled", name)


def grant(session: Session, name: str, role: Role, actor: str, now: datetime, bank: str | None = None) -> None:
    """Give somebody a role from now on; one that he has changes nothing.

    Raises:
        StaffRefused: there is nobody of that name.
        RoleRefused: it is the actor himself, the role stands beside no other, or the bank is missing, unknown or out of place.
    """
    held = member(session, name, hold=True)
    if name == actor:
        raise RoleRefused("不能给自己授予角色")
    if role in held.roles and (role is not Role.BANK_CLERK or bank == held.bank):
        return
    if role is Role.BANK_CLERK and held.roles:
        raise RoleRefused(f"{name} 已有其他角色；银行经办只能属于一家银行，也不兼任其他角色")
    if Role.BANK_CLERK in held.roles:
        raise RoleRefused(f"{name} 是银行经办，不能兼任{role.label}")
    if (other := conflict(held.roles, role)) is not None:
        raise RoleRefused.conflicting(name, other, role)
    if (role is Role.BANK_CLERK) != bool(bank) or (bank and bank not in bank_names(session)):
        raise RoleRefused("银行经办须指明一家已登记的银行" if role is Role.BANK_CLERK else f"{role.label}不属于任何银行")
    session.execute(insert(role_grant).values(name=name, role=role.value, bank=bank or None, since=now, granted_by=actor))
    audit.record(session, actor, "role granted", name, {"role": role.value, "bank": bank or ""})


def end_grant(session: Session, name: str, role: Role, actor: str, now: datetime) -> None:
    """Take a role from somebody from now on.

    Raises:
        StaffRefused: there is nobody of that name.
        RoleRefused: it is the actor's own, or he does not hold it.
    """
    if role not in member(session, name, hold=True).roles:
        raise RoleRefused(f"{name} 不是{role.label}")
    if name == actor:
        raise RoleRefused("不能收回自己的角色")
    mine = (role_grant.c.name == name) & (role_grant.c.role == role.value) & role_grant.c.until.is_(None)
    session.execute(update(role_grant).where(mine).values(until=now, ended_by=actor))
    audit.record(session, actor, "role ended", name, {"role": role.value})


def forget_second_factor(session: Session, cipher: Cipher, name: str, actor: str, now: datetime) -> None:
    """Let somebody enrol another telephone; his sessions end.

    Raises:
        StaffRefused: there is nobody of that name.
    """
    member(session, name, hold=True)
    second_factor.forget(session, cipher, name)
    _end_sessions(session, name, now)
    audit.record(session, actor, "second factor forgotten", name)


def find_member(session: Session, name: str) -> Member | None:
    """Return somebody who works here with the roles of now, or None."""
    row = session.execute(select(staff.c.name, staff.c.disabled_at).where(staff.c.name == name)).one_or_none()
    if row is None:
        return None
    return _member(name, [one for one in grants(session, name).get(name, []) if one.until is None], row.disabled_at is not None)


def member(session: Session, name: str, *, hold: bool = False) -> Member:
    """Return somebody who works here; hold him so that nobody else changes him meanwhile.

    Raises:
        StaffRefused: there is nobody of that name.
    """
    if hold:
        session.execute(select(staff.c.name).where(staff.c.name == name).with_for_update())
    found = find_member(session, name)
    if found is None:
        raise StaffRefused(f"没有用户 {name}")
    return found


def members(session: Session) -> list[Member]:
    """Return everybody who works or worked here, by name."""
    everything = grants(session)
    rows = session.execute(select(staff.c.name, staff.c.disabled_at).order_by(staff.c.name))
    return [
        _member(row.name, [one for one in everything.get(row.name, []) if one.until is None], row.disabled_at is not None)
        for row in rows
    ]


def grants(session: Session, name: str | None = None) -> Mapping[str, list[Grant]]:
    """Return the roles that somebody, or everybody, holds and held, by name, the oldest first."""
    found: dict[str, list[Grant]] = {}
    query = select(role_grant).order_by(role_grant.c.id)
    for row in session.execute(query if name is None else query.where(role_grant.c.name == name)):
        one = Grant(
            role=Role(row.role), bank=row.bank, since=row.since, granted_by=row.granted_by, until=row.until, ended_by=row.ended_by
        )
        found.setdefault(row.name, []).append(one)
    return found


def anybody(session: Session) -> bool:
    """Tell whether anybody was ever added."""
    return bool(session.scalar(select(exists().select_from(staff))))


def _member(name: str, current: list[Grant], disabled: bool) -> Member:  # noqa: FBT001 - a fact of three
    bank = next((one.bank for one in current if one.bank), None)
    return Member(name=name, roles=frozenset(one.role for one in current), bank=bank, disabled=disabled)


def _end_sessions(session: Session, name: str, now: datetime) -> None:
    open_ones = (web_session.c.name == name) & web_session.c.ended_at.is_(None)
    session.execute(update(web_session).where(open_ones).values(ended_at=now))
