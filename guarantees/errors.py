"""Refusals of the compensation pools; staff read them, so they are in Chinese."""

from ledger.money import yuan


class GuaranteeError(Exception):
    """The base of every refusal of the pools."""


class NoPool(GuaranteeError):
    """A county and bank without a pool."""

    def __init__(self, county: str, bank: str) -> None:
        self.county, self.bank = county, bank
        super().__init__(f"{county} 与 {bank} 之间没有风险补偿金池")


class CapacityExceeded(GuaranteeError):
    """A batch of loans that the pool can't cover."""

    def __init__(self, county: str, bank: str, wanted_fen: int, room_fen: int) -> None:
        self.county, self.bank, self.wanted_fen, self.room_fen = county, bank, wanted_fen, room_fen
        super().__init__(
            f"{county}/{bank} 风险补偿金：本批 {yuan(wanted_fen)} 元，可用额度 {yuan(room_fen)} 元，超过放大倍数上限"
        )


class ReceiptRefused(GuaranteeError):
    """A fund receipt that can't be taken back."""

    def __init__(self, book: str, reason: str) -> None:
        self.book, self.reason = book, reason
        super().__init__(f"账套 {book}：{reason}")


class ClaimRefused(GuaranteeError):
    """A step of a claim that its state or the rules do not allow."""

    def __init__(self, claim: str, reason: str) -> None:
        self.claim, self.reason = claim, reason
        super().__init__(f"代偿 {claim}：{reason}")


class FilingRuleRefused(GuaranteeError):
    """What claims are to need, that can't be agreed."""

    def __init__(self, book: str, bank: str, reason: str) -> None:
        self.book, self.bank, self.reason = book, bank, reason
        super().__init__(f"{book}/{bank} 的申报要求：{reason}")


class PaperRefused(GuaranteeError):
    """A claim's paper that can't be lodged."""

    def __init__(self, contract: str, paper: str, reason: str) -> None:
        self.contract, self.paper, self.reason = contract, paper, reason
        super().__init__(f"借据 {contract} 的材料 {paper}：{reason}")
