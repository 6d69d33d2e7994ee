"""The demo's people (演示用户): one per role, with passwords by chance that are told once and kept nowhere."""

import secrets
import string
from datetime import datetime

from sqlalchemy.orm import Session

from app.access import passwords, staff
from app.access.roles import Role
from registry.cipher import Cipher
from registry.reference import bank_names

ACTOR = "demo"


def people(session: Session, cipher: Cipher, now: datetime) -> dict[str, tuple[Role, str]]:
    """Give each role one user with a new password by chance; return role and password by name."""
    first_bank = next(iter(bank_names(session)), None)
    told = {}
    for role in Role:
        bank = first_bank if role is Role.BANK_CLERK else None
        if role is Role.BANK_CLERK and bank is None:
            continue
        found = staff.find_member(session, role.value)
        if found is None:
            staff.add(session, role.value, ACTOR, now)
            staff.grant(session, role.value, role, ACTOR, now, bank)
        else:
            # Whoever starts the demo again has no telephone that knows the last one's secret.
            staff.forget_second_factor(session, cipher, role.value, ACTOR, now)
        password = _by_chance()
        passwords.set_password(session, role.value, password, now)
        told[role.value] = (role, password)
    return told


def _by_chance() -> str:
    """Return a password that fits the rules: three parts of four letters, in three kinds of characters."""
    alphabet = "".join(letter for letter in string.ascii_letters + string.digits if letter not in "0O1lI")
    while True:
        parts = ["".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3)]
        password = "-".join(parts)
        if not passwords.objections(ACTOR, password):
            return password
