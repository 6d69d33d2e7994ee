"""Refusals of the compensation pools; staff read them, so they are in Chinese."""

from datetime import date

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


class AdvanceRefused(GuaranteeError):
    """An advance of an instalment that no pool's terms allow."""

    def __init__(self, contract: str) -> None:
        self.contract = contract
        super().__init__(f"借据 {contract}：没有获准垫付光伏还贷的资金池")


class TermsRefused(GuaranteeError):
    """Terms of a pool that can't be agreed or taken back."""

    def __init__(self, bank: str, reason: str) -> None:
        self.bank, self.reason = bank, reason
        super().__init__(f"{bank} 的风险补偿金约定：{reason}")


class FuseRefused(GuaranteeError):
    """A step of a fuse that its state or the rules do not allow."""

    def __init__(self, bank: str, reason: str) -> None:
        self.bank, self.reason = bank, reason
        super().__init__(f"{bank} 的熔断：{reason}")


class Suspended(GuaranteeError):
    """New loans of a pool whose fuse has blown."""

    def __init__(self, county: str, bank: str, since: date, ratio: str) -> None:
        self.county, self.bank, self.since = county, bank, since
        super().__init__(
            f"{county}/{bank} 自 {since} 起熔断（当日不良率 {ratio}），暂停发放新贷款；已放贷款和代偿照常办理，经批准解除后恢复"
        )


class GuarantorRefused(GuaranteeError):
    """A guarantor's payment that can't be recorded or taken back."""

    def __init__(self, claim: str, reason: str) -> None:
        self.claim, self.reason = claim, reason
        super().__init__(f"代偿 {claim} 的其他分担方：{reason}")


class MovementRefused(GuaranteeError):
    """Money of a fund's special account that can't move as asked."""

    def __init__(self, book: str, reason: str) -> None:
        self.book, self.reason = book, reason
        super().__init__(f"账套 {book}：{reason}")


class ForecastRefused(GuaranteeError):
    """A pool of which nothing can be foretold."""

    def __init__(self, bank: str, reason: str) -> None:
        self.bank, self.reason = bank, reason
        super().__init__(f"{bank} 的代偿预测：{reason}")


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
