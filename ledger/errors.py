"""Refusals of the ledger: one class per refusal, with a sentence that its reader can act on."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol


class HasLine(Protocol):
    """Why a line of a file can't be taken."""

    @property
    def line(self) -> int:
        """Its number; 0 is the file as a whole."""

    @property
    def reason(self) -> str:
        """Why, as staff read it."""


class LedgerError(Exception):
    """The base of every refusal of the ledger."""


class UnbalancedEntry(LedgerError):
    """An entry whose debits are not equal to its credits (借贷不平)."""

    def __init__(self, reference: str, residue_fen: int) -> None:
        self.reference, self.residue_fen = reference, residue_fen
        super().__init__(f"entry {reference}: debits less credits leave {residue_fen} fen")


class EmptyEntry(LedgerError):
    """An entry without postings, or with a posting of nothing."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(f"entry {reference}: has no postings, or one of zero fen")


class ReferenceReused(LedgerError):
    """A reference that already names an entry with another body."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(f"流水号 {reference} 已用于另一笔凭证，未作任何记录")


class PeriodClosed(LedgerError):
    """A posting into a month that is closed (已结账)."""

    def __init__(self, book: str, month: date) -> None:
        self.book, self.month = book, month
        super().__init__(f"账套 {book} 的 {month:%Y-%m} 已结账，请记入未结账的月份")


class Overdrawn(LedgerError):
    """A posting that would leave an account that may not be overdrawn below zero, on its day or on a later one (透支)."""

    def __init__(self, book: str, account: str, whose: str, day: date, available_fen: int, asked_fen: int) -> None:
        self.book, self.account, self.whose, self.day = book, account, whose, day
        self.available_fen, self.asked_fen = available_fen, asked_fen
        named = f"{account}（{whose}）" if whose else account
        super().__init__(
            f"账套 {book} 科目 {named} {day} 可用余额 {_yuan(available_fen)} 元，不足支付 {_yuan(asked_fen)} 元，未作任何记录"
        )


class UnknownBook(LedgerError):
    """A book code that no book bears."""

    def __init__(self, book: str) -> None:
        self.book = book
        super().__init__(f"没有账套 {book}")


class UnknownEntry(LedgerError):
    """A reference that names no entry of the book."""

    def __init__(self, book: str, reference: str) -> None:
        self.book, self.reference = book, reference
        super().__init__(f"book {book} has no entry {reference}")


class UnknownAccount(LedgerError):
    """A posting to an account that its book's chart does not have."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(f"account not in the book's chart (科目不存在): {detail}")


class AlreadyReversed(LedgerError):
    """A second red-ink reversal of one entry."""

    def __init__(self, book: str, reference: str) -> None:
        self.book, self.reference = book, reference
        super().__init__(f"book {book}: entry {reference} is already reversed (已冲销); an entry is reversed once only")


class ReversalOfReversal(LedgerError):
    """A red-ink reversal of an entry that is itself a reversal."""

    def __init__(self, book: str, reference: str) -> None:
        self.book, self.reference = book, reference
        super().__init__(f"book {book}: {reference} is itself a reversal; post the original anew instead")


class VoucherRefused(LedgerError):
    """A step with a voucher that can't be taken; every reason is named."""

    def __init__(self, serial: str, reasons: list[str]) -> None:
        self.serial, self.reasons = serial, reasons
        super().__init__(f"凭证 {serial}：{'；'.join(reasons)}")


class AttachmentDamaged(LedgerError):
    """An attachment whose content is gone or is not what was attached."""

    def __init__(self, sha256: str) -> None:
        self.sha256 = sha256
        super().__init__(f"附件 {sha256[:12]}… 内容缺失或与入库时不符")


class NotSupervisor(LedgerError):
    """A deed that only a book's chief accountant may do (会计主管)."""

    def __init__(self, book: str, actor: str, deed: str) -> None:
        self.book, self.actor = book, actor
        super().__init__(f"账套 {book}：{actor} 不是现任会计主管，不能{deed}")


class AppointmentRefused(LedgerError):
    """A chief accountant who can't be appointed."""

    def __init__(self, book: str, reason: str) -> None:
        self.book = book
        super().__init__(f"账套 {book}：{reason}")


class LoadRefused(LedgerError):
    """A step with a load of opening balances or past journals that can't be taken; `faults` name lines of its file."""

    def __init__(self, book: str, reason: str, faults: Sequence[HasLine] = ()) -> None:
        self.book, self.faults = book, tuple(faults)
        named = "；".join(f"第 {one.line} 行：{one.reason}" if one.line else one.reason for one in self.faults[:3])
        more = f"；另有 {len(self.faults) - 3} 处" if len(self.faults) > 3 else ""
        super().__init__(f"账套 {book}：{reason}" + (f"：{named}{more}" if named else ""))


class MonthNotReady(LedgerError):
    """A month that can't be closed yet, with every reason."""

    def __init__(self, book: str, month: date, reasons: list[str]) -> None:
        self.book, self.month, self.reasons = book, month, reasons
        super().__init__(f"账套 {book} 的 {month:%Y-%m} 不能结账：{'；'.join(reasons)}")


class ReopeningRefused(LedgerError):
    """A closed month that can't be opened again."""

    def __init__(self, book: str, month: date, reason: str) -> None:
        self.book, self.month = book, month
        super().__init__(f"账套 {book} 的 {month:%Y-%m} 不能反结账：{reason}")


class NotMoney(LedgerError):
    """A text that is not an amount in yuan with at most two decimals."""

    def __init__(self, value: str, reason: str) -> None:
        self.value, self.reason = value, reason
        super().__init__(f"{value!r}: {reason}")


class BadChart(LedgerError):
    """A chart file that can't be used."""

    def __init__(self, chart: str, detail: str) -> None:
        self.chart, self.detail = chart, detail
        super().__init__(f"chart {chart}: {detail}")


class NoBusinessDay(LedgerError):
    """The system has no business date yet."""

    def __init__(self) -> None:
        super().__init__("the books are not begun (尚未启用); run 'fupin begin PLAN.toml', or 'fupin demo' to try")


class FutureDate(LedgerError):
    """A day after the business date, of which nothing can be known yet."""

    def __init__(self, day: date, business_date: date) -> None:
        self.day, self.business_date = day, business_date
        super().__init__(f"日期 {day} 晚于营业日 {business_date}")


class RolesMissing(LedgerError):
    """The database lacks the owner or application role and this login may not create them."""

    def __init__(self, statements: str) -> None:
        self.statements = statements
        super().__init__(
            "the database login may not create the owner and application roles. "
            f"An administrator must run, in this database:\n{statements}"
        )


class ServerTooOld(LedgerError):
    """A PostgreSQL older than the laws need."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(f"PostgreSQL {version} is too old; fupin needs 15 or newer")


class ServerFailed(LedgerError):
    """The embedded PostgreSQL did not start."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(f"the embedded PostgreSQL did not start: {detail}")


class ServerInUse(LedgerError):
    """The embedded PostgreSQL has other users where there must be none."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"another fupin works with the data in {folder} (正在使用); stop it first")


class DataOfAnotherMajor(LedgerError):
    """Data that another major version of PostgreSQL made."""

    def __init__(self, data: str, made_by: int, brought: int) -> None:
        self.made_by, self.brought = made_by, brought
        advice = "run 'fupin upgrade' (升级)" if made_by < brought else "use the newer fupin that made them (须用更新的程序)"
        super().__init__(
            f"the data in {data} were made by PostgreSQL {made_by}, and this program brings PostgreSQL {brought}; {advice}"
        )


class UpgradeUnfinished(LedgerError):
    """Data that were set aside by an upgrade which did not end."""

    def __init__(self, aside: str) -> None:
        super().__init__(
            f"an upgrade was interrupted (升级中断): the data lie in {aside}; run 'fupin upgrade', or remove them to begin anew"
        )


class NoFittingProgram(LedgerError):
    """None of PostgreSQL's programs at hand is new enough."""

    def __init__(self, program: str, least: int, newest: int | None) -> None:
        found = "none is there" if newest is None else f"the newest at hand is of PostgreSQL {newest}"
        super().__init__(
            f"{program} of PostgreSQL {least} or newer is needed, and {found} (程序版本过低); put its folder on PATH"
        )


class ProgramFailed(LedgerError):
    """One of PostgreSQL's programs ended with an error."""

    def __init__(self, program: str, detail: str) -> None:
        self.detail = detail
        super().__init__(f"{program} failed (执行失败): {detail}")


def _yuan(fen: int) -> str:
    return f"{Decimal(fen).scaleb(-2):,.2f}"
