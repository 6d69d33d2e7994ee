"""Refusals of access control, each with a sentence that the person or the administrator can act on."""

from collections.abc import Sequence

from app.access.roles import Role


class AccessError(Exception):
    """The base of every refusal here."""


class StaffRefused(AccessError):
    """A person who can't be added, found or changed."""


class RoleRefused(AccessError):
    """A role that somebody can't hold."""

    @classmethod
    def conflicting(cls, name: str, held: Role, wanted: Role) -> "RoleRefused":
        """Return the refusal of a role beside another that stands alone."""
        return cls(f"{name} 已是{held.label}，不能兼任{wanted.label}（三员不兼任，也不办理业务）")


class PasswordRefused(AccessError):
    """A new password that breaks the rules; each is named."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("；".join(reasons))


class LinkRefused(AccessError):
    """A one-time link that was used, has expired, or never was."""

    def __init__(self) -> None:
        super().__init__("链接已使用、已过期或不存在，请向系统管理员索取新链接")


class SignInRefused(AccessError):
    """Somebody who could not prove to be who he says; the sentence never tells which part was wrong."""
