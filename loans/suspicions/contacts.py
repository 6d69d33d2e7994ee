"""Contacts (收款与联系方式): to which account a loan's money went, and the phone its borrower left when it was made."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from loans.suspicions.rules import Key
from loans.suspicions.tables import contact
from registry.cipher import Cipher, Secret
from registry.identity import masked_account, masked_phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Who received a loan's money, on which account, and the borrower's phone; what was not given is none."""

    payee: str | None
    account: Secret | None
    phone: Secret | None


def contact_of(cipher: Cipher, payee: str | None, account: str | None, phone: str | None) -> Contact | None:
    """Return a contact with its numbers hidden, none if nothing was given."""
    if not (payee or account or phone):
        return None
    return Contact(
        payee=payee,
        account=cipher.hide(account, masked_account(account)) if account else None,
        phone=cipher.hide(phone, masked_phone(phone)) if phone else None,
    )


def store(session: Session, contacts: Mapping[Key, Contact]) -> None:
    """Keep the contacts of loans that were just made."""
    if not contacts:
        return
    rows = []
    for (book_id, loan_id), one in contacts.items():
        row: dict[str, object] = {"book_id": book_id, "loan_id": loan_id, "payee": one.payee}
        for name, secret in (("account", one.account), ("phone", one.phone)):
            row[f"{name}_sealed"] = secret and secret.sealed
            row[f"{name}_hmac"] = secret and secret.mark
            row[f"{name}_masked"] = secret and secret.masked
        rows.append(row)
    session.execute(insert(contact).inline(), rows)


def other_than(session: Session, contacts: Mapping[Key, Contact]) -> set[Key]:
    """Return the loans of which another payee, account or phone is kept than is said; what is not said is no other."""
    if not contacts:
        return set()
    columns = (contact.c.book_id, contact.c.loan_id, contact.c.payee, contact.c.account_hmac, contact.c.phone_hmac)
    rows = session.execute(select(*columns).where(tuple_(contact.c.book_id, contact.c.loan_id).in_(list(contacts))))
    kept = {(row.book_id, row.loan_id): (row.payee, row.account_hmac, row.phone_hmac) for row in rows}
    found = set()
    for key, one in contacts.items():
        said = (one.payee, one.account and one.account.mark, one.phone and one.phone.mark)
        if any(new and new != old for new, old in zip(said, kept.get(key, (None, None, None)), strict=True)):
            found.add(key)
    return found


def remove(session: Session, key: Key) -> None:
    """Let go of the contact of a loan that never was."""
    session.execute(delete(contact).where(contact.c.book_id == key[0], contact.c.loan_id == key[1]))
