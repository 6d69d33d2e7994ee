"""Permissions (权限矩阵): one line per address and method says who may come in. What has no line here lets nobody in."""

from collections.abc import Mapping
from enum import Enum

from app.access.roles import Right
from app.access.sessions import Stage


class Door(Enum):
    """Addresses that ask for no right."""

    OPEN = "anybody"
    HALF_OPEN = "whoever has shown a password"
    SIGNED_IN = "whoever is signed in"


Rule = Right | Door | Stage
"""Who may come in: whoever has the right, or is at a stage of signing in."""

STAFF = "/system/staff"
DRAFT = "/drafts/{book_code}/{serial}"
REVIEW = "/review/{book_code}/{serial}"

RULES: Mapping[tuple[str, str], Rule] = {
    ("GET", "/favicon.ico"): Door.OPEN,
    ("GET", "/login"): Door.OPEN,
    ("POST", "/login"): Door.OPEN,
    ("GET", "/welcome/{secret}"): Door.OPEN,
    ("POST", "/welcome/{secret}"): Door.OPEN,
    ("GET", "/login/code"): Stage.CODE,
    ("POST", "/login/code"): Stage.CODE,
    ("GET", "/login/enrol"): Stage.ENROL,
    ("POST", "/login/enrol"): Stage.ENROL,
    ("GET", "/password"): Stage.PASSWORD,
    ("POST", "/password"): Stage.PASSWORD,
    ("POST", "/logout"): Door.HALF_OPEN,
    ("GET", "/me"): Door.SIGNED_IN,
    ("GET", "/"): Right.SEE_FUNDS,
    ("GET", "/vouchers"): Right.SEE_BOOKS,
    ("GET", "/vouchers/print"): Right.SEE_BOOKS,
    ("GET", "/vouchers/correct"): Right.WRITE_VOUCHERS,
    ("GET", "/drafts"): Right.WRITE_VOUCHERS,
    ("GET", "/drafts/{book_code}/new"): Right.WRITE_VOUCHERS,
    ("GET", DRAFT): Right.WRITE_VOUCHERS,
    ("POST", f"{DRAFT}/save"): Right.WRITE_VOUCHERS,
    ("POST", f"{DRAFT}/detach"): Right.WRITE_VOUCHERS,
    ("POST", f"{DRAFT}/discard"): Right.WRITE_VOUCHERS,
    ("GET", f"{DRAFT}/file/{{sha256}}"): Right.SEE_BOOKS,
    ("GET", "/review"): Right.REVIEW_VOUCHERS,
    ("POST", "/review/approve"): Right.REVIEW_VOUCHERS,
    ("GET", REVIEW): Right.REVIEW_VOUCHERS,
    ("POST", f"{REVIEW}/approve"): Right.REVIEW_VOUCHERS,
    ("POST", f"{REVIEW}/return"): Right.REVIEW_VOUCHERS,
    ("GET", "/reports"): Right.SEE_BOOKS,
    ("GET", "/reports/{name}.xlsx"): Right.SEE_BOOKS,
    ("GET", "/reports/{name}.csv"): Right.SEE_BOOKS,
    ("GET", "/reports/{name}"): Right.SEE_BOOKS,
    ("GET", "/loans"): Right.SEE_LOANS,
    ("GET", "/loans/{book_code}/{contract:path}"): Right.SEE_LOANS,
    ("POST", "/reveal/{book_code}/{contract:path}"): Right.REVEAL,
    ("GET", "/night"): Right.SEE_NIGHT,
    ("GET", STAFF): Right.SEE_STAFF,
    ("POST", f"{STAFF}/add"): Right.KEEP_STAFF,
    ("POST", f"{STAFF}/link"): Right.KEEP_STAFF,
    ("POST", f"{STAFF}/disable"): Right.KEEP_STAFF,
    ("POST", f"{STAFF}/grant"): Right.GRANT_ROLES,
    ("POST", f"{STAFF}/end"): Right.GRANT_ROLES,
    ("POST", f"{STAFF}/factor"): Right.GRANT_ROLES,
    ("GET", "/system/parameters"): Right.SEE_PARAMETERS,
    ("GET", "/system/calendar"): Right.SEE_CALENDAR,
    ("GET", "/system/audit"): Right.READ_AUDIT,
    ("GET", "/system/reveals"): Right.READ_AUDIT,
}


def rule_of(method: str, path: str) -> Rule | None:
    """Return who may come in at an address, or None: nobody."""
    return RULES.get(("GET" if method == "HEAD" else method, path))


def lets_in(rule: Rule | None, stage: Stage | None, rights: frozenset[Right]) -> bool:
    """Tell whether a rule lets in somebody at a stage of signing in (None: not at all) who has these rights."""
    signed_in = stage is Stage.FULL
    match rule:
        case Door():
            return {Door.OPEN: True, Door.HALF_OPEN: stage is not None, Door.SIGNED_IN: signed_in}[rule]
        case Stage():
            return stage is rule or (rule is Stage.PASSWORD and signed_in)
        case Right():
            return signed_in and rule in rights
        case _:
            return False
