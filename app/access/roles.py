"""Roles (角色) and rights (权限): what a person is here, and what that lets him do. The one table is `RIGHTS`."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here."""

    MAKER = "maker"
    CHECKER = "checker"
    SUPERVISOR = "supervisor"
    OFFICE_CLERK = "office-clerk"
    OFFICE_HEAD = "office-head"
    BANK_CLERK = "bank-clerk"
    SYSTEM_ADMIN = "system-admin"
    SECURITY_ADMIN = "security-admin"
    AUDITOR = "auditor"

    @property
    def label(self) -> str:
        """What staff call it."""
        return _LABELS[self]

    @property
    def is_administrative(self) -> bool:
        """Whether it keeps the system and so holds no business rights (三员)."""
        return self in ADMINISTRATIVE


class Right(StrEnum):
    """What somebody may do."""

    SEE_FUNDS = "see funds"
    SEE_LOANS = "see loans"
    SEE_BOOKS = "see books"
    SEE_NIGHT = "see nights"
    WRITE_VOUCHERS = "write vouchers"
    REVIEW_VOUCHERS = "review vouchers"
    REVEAL = "reveal identity numbers"
    SEE_PARAMETERS = "see parameters"
    SEE_CALENDAR = "see the calendar"
    SEE_STAFF = "see staff"
    KEEP_STAFF = "keep staff"
    GRANT_ROLES = "grant roles"
    READ_AUDIT = "read the audit log"

    @property
    def label(self) -> str:
        """What staff call it."""
        return _RIGHT_LABELS[self]


_LABELS = dict(
    zip(
        Role,
        ("制单", "审核", "会计主管", "扶贫办经办", "扶贫办负责人", "银行经办", "系统管理员", "安全管理员", "审计员"),
        strict=True,
    )
)
_RIGHT_LABELS = dict(
    zip(
        Right,
        (
            "查看资金", "查看贷款", "查看账簿", "查看日终", "制单", "审核凭证", "查看证件号码", "查看参数", "查看日历",
            "查看用户", "维护用户", "授予角色", "查阅日志",
        ),
        strict=True,
    )
)  # fmt: skip

ADMINISTRATIVE = frozenset((Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR))
"""The three who keep each other in check (三员分立); whoever is one of them is nothing else."""
SECOND_FACTOR = ADMINISTRATIVE | {Role.CHECKER, Role.SUPERVISOR, Role.OFFICE_HEAD}
"""Who approves or administers shows a second factor (动态口令)."""

_READING = frozenset(
    (Right.SEE_FUNDS, Right.SEE_LOANS, Right.SEE_BOOKS, Right.SEE_NIGHT, Right.SEE_PARAMETERS, Right.SEE_CALENDAR)
)

RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.MAKER: _READING | {Right.WRITE_VOUCHERS},
    Role.CHECKER: _READING | {Right.REVIEW_VOUCHERS},
    Role.SUPERVISOR: _READING | {Right.REVIEW_VOUCHERS, Right.WRITE_VOUCHERS},
    Role.OFFICE_CLERK: _READING | {Right.REVEAL},
    Role.OFFICE_HEAD: _READING | {Right.REVEAL},
    Role.BANK_CLERK: frozenset((Right.SEE_LOANS, Right.REVEAL)),
    Role.SYSTEM_ADMIN: frozenset((Right.SEE_STAFF, Right.KEEP_STAFF, Right.SEE_CALENDAR)),
    Role.SECURITY_ADMIN: frozenset((Right.SEE_STAFF, Right.GRANT_ROLES)),
    Role.AUDITOR: frozenset((Right.SEE_STAFF, Right.READ_AUDIT)),
}
"""Which role has which rights: the permission matrix of the system is this table and that of the routes."""


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """Return all that somebody with these roles may do."""
    return frozenset().union(*(RIGHTS[role] for role in roles))


def needs_second_factor(roles: Iterable[Role]) -> bool:
    """Tell whether somebody with these roles must show a second factor."""
    return any(role in SECOND_FACTOR for role in roles)


def conflict(held: Iterable[Role], wanted: Role) -> Role | None:
    """Return a role that forbids the wanted one, or None: an administrative role stands alone."""
    for role in held:
        if role is not wanted and (role.is_administrative or wanted.is_administrative):
            return role
    return None
