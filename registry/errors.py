"""Refusals of the registry; staff read them, so they are in Chinese."""


class RegistryError(Exception):
    """The base of every refusal of the registry."""


class BadIdentity(RegistryError):
    """An identity number that can't be one."""

    def __init__(self, masked: str, reason: str) -> None:
        self.masked, self.reason = masked, reason
        super().__init__(f"证件号 {masked}：{reason}")


class KeyMissing(RegistryError):
    """The key file that opens identity and account numbers is not there, or is not a key."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"密钥文件 {path}：{reason}")


class HouseholdConflict(RegistryError):
    """A household that is already registered with other facts, or whose head is another's."""

    def __init__(self, number: str, reason: str = "已登记，且内容不同") -> None:
        self.number, self.reason = number, reason
        super().__init__(f"建档立卡号 {number}：{reason}")


class HouseholdInUse(RegistryError):
    """A household that can't leave the register because it borrows."""

    def __init__(self, number: str) -> None:
        self.number = number
        super().__init__(f"建档立卡号 {number} 已有贷款，不能删除")


class BorrowerConflict(RegistryError):
    """A borrower who is known by another name or in another household."""

    def __init__(self, masked: str, reason: str) -> None:
        self.masked, self.reason = masked, reason
        super().__init__(f"借款人 {masked}：{reason}")


class UnknownRegion(RegistryError):
    """A county that is not in the register on that date."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"没有县区 {name}")
