"""Refusals of the papers; their readers are clerks, so the sentences are in Chinese."""

from datetime import date
from pathlib import Path

from ledger.money import yuan


class PaperError(Exception):
    """The base of every refusal to print."""


class MissingGlyph(PaperError):
    """A character that the font can't draw: it would print as an empty box."""

    def __init__(self, character: str, text: str) -> None:
        self.character, self.text = character, text
        super().__init__(
            f"字体中没有“{character}”（U+{ord(character):04X}），出自“{text}”；未打印，请用 FUPIN_FONT 指定含有该字的字体"
        )


class FontRefused(PaperError):
    """A font file that can't be embedded."""

    def __init__(self, path: Path | None, reason: str) -> None:
        self.path = path
        super().__init__(f"字体 {path or '（默认）'} 不能使用：{reason}；请用 FUPIN_FONT 指定 TrueType 字体（.ttf）")


class SheetOutOfBalance(PaperError):
    """A loan whose opening principal and movements don't give the balance it states."""

    def __init__(self, contract: str, where: str, computed_fen: int, stated_fen: int) -> None:
        self.contract, self.computed_fen, self.stated_fen = contract, computed_fen, stated_fen
        super().__init__(
            f"合同 {contract}：期初本金加本期发生额，{where}应为 {yuan(computed_fen)} 元，"
            f"所列为 {yuan(stated_fen)} 元；对账单未生成"
        )


class SummaryOutOfBalance(PaperError):
    """A summary row that contradicts itself or the loans it sums."""

    def __init__(self, county: str, product: str, detail: str) -> None:
        self.county, self.product = county, product
        super().__init__(f"{county} {product} 汇总不符：{detail}；对账单未生成")


class NotMasked(PaperError):
    """A full identity number on a paper that leaves the house."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"{where}：证件号码未脱敏；未生成")


class FiguresDisagree(PaperError):
    """Figures of a paper that contradict each other."""

    def __init__(self, paper: str, what: str, computed_fen: int, stated_fen: int) -> None:
        self.paper, self.computed_fen, self.stated_fen = paper, computed_fen, stated_fen
        super().__init__(f"{paper}：{what}应为 {yuan(computed_fen)} 元，所列为 {yuan(stated_fen)} 元；未生成")


class VoucherOutOfBalance(PaperError):
    """A voucher whose debits are not equal to its credits, or that has no lines."""

    def __init__(self, number: str, debit_fen: int, credit_fen: int) -> None:
        self.number, self.debit_fen, self.credit_fen = number, debit_fen, credit_fen
        super().__init__(f"凭证 {number}：借方 {yuan(debit_fen)} 元，贷方 {yuan(credit_fen)} 元，借贷不平或没有分录；未打印")


class NothingToState(PaperError):
    """A statement of a bank that had no loans in the period."""

    def __init__(self, bank: str) -> None:
        self.bank = bank
        super().__init__(f"{bank} 在该期间没有贷款；对账单未生成")


class UnknownBank(PaperError):
    """A bank that has no loan book."""

    def __init__(self, bank: str) -> None:
        self.bank = bank
        super().__init__(f"没有银行 {bank} 的贷款账套；对账单未生成")


class NotClosedYet(PaperError):
    """A statement up to a day that is not closed: its figures may still change."""

    def __init__(self, day: date, closed: date | None) -> None:
        self.day, self.closed = day, closed
        super().__init__(f"{day} 尚未日终（最近日终 {closed or '无'}）；对账单未生成")


class NotArchivable(PaperError):
    """A paper that would not be valid PDF/A."""

    def __init__(self, serial: str, reason: str) -> None:
        self.serial = serial
        super().__init__(f"单证 {serial} 不符合 PDF/A-3b，未生成：{reason}")


class NotAnArchive(PaperError):
    """A file that is none of our archive copies."""

    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(f"{file.name} 不是本系统签发的归档单证（缺少所附数据，或不是 PDF）")
