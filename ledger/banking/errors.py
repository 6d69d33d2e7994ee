"""Refusals of bank reconciliation: one class per kind, with a sentence that staff can act on."""

from ledger.errors import LedgerError


class BankAccountRefused(LedgerError):
    """A special account (专户) that can't be registered, or is not there."""

    def __init__(self, book: str, bank: str, reason: str) -> None:
        self.book, self.bank, self.reason = book, bank, reason
        super().__init__(f"账套 {book} 在 {bank} 的专户：{reason}")


class StatementRefused(LedgerError):
    """A bank statement (对账单) that does not add up, does not continue the one before, or can't be undone."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"对账单：{reason}，未作任何更改")


class MatchRefused(LedgerError):
    """A match (勾对) that can't be made or taken back."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"勾对：{reason}，未作任何更改")


class SigningRefused(LedgerError):
    """A 余额调节表 that can't be signed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"余额调节表：{reason}，未作任何更改")
