"""Signing in (登录): a password, then a second factor of whoever needs one; five failures lock a name for thirty minutes."""

from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from app.access import passwords, second_factor, sessions
from app.access.roles import needs_second_factor
from app.access.sessions import Stage, Visit
from app.access.staff import LONGEST_NAME, Member, find_member
from app.access.tables import failed_sign_in, web_session
from ledger import audit
from registry.cipher import Cipher

MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=30)
MOST_FROM_ADDRESS = 50
ADDRESS_WINDOW = timedelta(minutes=15)
WRONG = "用户名或密码不正确"
WRONG_OLD = "原密码不正确"
WRONG_CODE = "动态口令不正确或已用过，请输入手机上最新的六位数字"
LOCKED = f"连续失败 {MOST_FAILURES} 次，已锁定 {LOCKED_FOR.seconds // 60} 分钟，请稍后再试"
TOO_MANY = "来自本机地址的失败次数过多，请稍后再试"


def with_password(session: Session, name: str, password: str, address: str, now: datetime) -> tuple[str | None, str]:
    """Return the secret of a new session, or None and why not; a failure is noted, so the caller must let this commit."""
    name = name.strip()[: LONGEST_NAME + 1]
    refusal = _locked(session, name, address, now)
    if refusal:
        audit.record(session, name or "-", "sign-in refused", name, {"address": address, "locked": True})
        return None, refusal
    found = find_member(session, name)
    if not passwords.fits(session, name, password) or found is None or found.disabled:
        return None, _failed(session, name, address, now, WRONG)
    stage = first_stage(session, found, now)
    audit.record(session, name, "signed in" if stage is Stage.FULL else "password accepted", name, {"address": address})
    return sessions.begin(session, name, stage, address, now), ""


def with_code(session: Session, cipher: Cipher, visit: Visit, code: str, now: datetime) -> tuple[str | None, str]:
    """Return the secret of the session that takes this one's place after a right code, or None and why not."""
    name = visit.member.name
    refusal = _locked(session, name, visit.address, now)
    if refusal:
        sessions.end(session, visit.token, now)
        return None, refusal
    if not second_factor.accept(session, cipher, name, code, now):
        return None, _failed(session, name, visit.address, now, WRONG_CODE)
    if visit.stage is Stage.ENROL:
        second_factor.confirm(session, name, now)
        audit.record(session, name, "second factor enrolled", name)
    stage = _after_factor(session, name, now)
    audit.record(
        session, name, "signed in" if stage is Stage.FULL else "second factor accepted", name, {"address": visit.address}
    )
    return sessions.rotate(session, visit, stage, now), ""


def knows_password(session: Session, visit: Visit, password: str, now: datetime) -> str:
    """Return nothing if who is signed in knows his password, else why not; failures count as those of signing in."""
    name = visit.member.name
    refusal = _locked(session, name, visit.address, now)
    if refusal:
        sessions.end(session, visit.token, now)
        return refusal
    return "" if passwords.fits(session, name, password) else _failed(session, name, visit.address, now, WRONG_OLD)


def first_stage(session: Session, member: Member, now: datetime) -> Stage:
    """Return what somebody must do after his password was right."""
    if second_factor.has_second_factor(session, member.name):
        return Stage.CODE
    if needs_second_factor(member.roles):
        return Stage.ENROL
    return _after_factor(session, member.name, now)


def _after_factor(session: Session, name: str, now: datetime) -> Stage:
    return Stage.PASSWORD if passwords.is_stale(session, name, now) else Stage.FULL


def _locked(session: Session, name: str, address: str, now: datetime) -> str:
    """Return why nobody may try now, or nothing. Tries of one name wait for each other, so that none slips through the count."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 1))"), {"name": f"sign-in/{name}"})
    full = (web_session.c.name == name) & web_session.c.stage.in_((Stage.FULL, Stage.PASSWORD))
    last_success = session.scalar(select(func.max(web_session.c.begun_at)).where(full))
    of_name = (failed_sign_in.c.name == name) & (failed_sign_in.c.failed_at > (last_success or now - 2 * LOCKED_FOR))
    newest_first = (
        select(failed_sign_in.c.failed_at).where(of_name).order_by(failed_sign_in.c.failed_at.desc()).limit(MOST_FAILURES)
    )
    failures = list(session.scalars(newest_first))
    if len(failures) == MOST_FAILURES and failures[0] - failures[-1] < LOCKED_FOR and now - failures[0] < LOCKED_FOR:
        return LOCKED
    of_address = (failed_sign_in.c.address == address) & (failed_sign_in.c.failed_at > now - ADDRESS_WINDOW)
    return TOO_MANY if (session.scalar(select(func.count()).where(of_address)) or 0) >= MOST_FROM_ADDRESS else ""


def _failed(session: Session, name: str, address: str, now: datetime, sentence: str) -> str:
    session.execute(insert(failed_sign_in).values(name=name, address=address, failed_at=now))
    audit.record(session, name or "-", "sign-in failed", name, {"address": address})
    return sentence
