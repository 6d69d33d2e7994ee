"""Refusals of the loan package; sentences that staff read are in Chinese."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError


class LoanError(Exception):
    """The base of every refusal of the loan package."""


class BadTerms(LoanError):
    """Terms that no loan can have."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(f"贷款条款不成立：{detail}")


class NoReferenceRate(LoanError):
    """A reference rate of which nothing was quoted by then."""

    def __init__(self, code: str, day: date, months: int) -> None:
        self.code, self.day, self.months = code, day, months
        super().__init__(f"{day} 没有 {code} 的 {months} 个月期利率")


class BadScheme(LoanError):
    """A subsidy scheme that can't be."""

    def __init__(self, source: str, detail: str) -> None:
        super().__init__(f"贴息办法（{source}）：{detail}")


class BadPeriod(LoanError):
    """A subsidy period that is none."""

    def __init__(self, label: str, cadence: str) -> None:
        forms = {"month": "2017-03", "quarter": "2017Q1", "year": "2017"}
        super().__init__(f"没有贴息期间 {label}，应写作 {forms[cadence]} 这样的形式")


class SubsidyBatchRefused(LoanError):
    """A step of a subsidy batch, or of what is paid in advance, that can't be taken."""

    def __init__(self, number: str, detail: str) -> None:
        self.number, self.detail = number, detail
        super().__init__(f"贴息 {number}：{detail}")


class UnknownProduct(LoanError):
    """A product code that the product file does not have on that date."""

    def __init__(self, product: str, day: date) -> None:
        self.product, self.day = product, day
        super().__init__(f"{day} 没有产品 {product}")


class UnknownLoan(LoanError):
    """A contract number that no loan of the book bears."""

    def __init__(self, contract: str) -> None:
        self.contract = contract
        super().__init__(f"没有借据 {contract}")


class NotLentYet(LoanError):
    """A loan is asked for as of a day on which there was none of it."""

    def __init__(self, contract: str, day: date, drawn_on: date) -> None:
        self.contract, self.day, self.drawn_on = contract, day, drawn_on
        super().__init__(f"借据 {contract} 于 {drawn_on} 才起息，{day} 尚无此笔贷款")


class LoanUnreadable(LoanError):
    """A loan whose stored terms are none."""

    def __init__(self, contract: str, reason: str) -> None:
        self.contract, self.reason = contract, reason
        super().__init__(f"借据 {contract} 的条款数据已损坏，无法读取（{reason}）；请先修复数据")


class StillBroken(LoanError):
    """A loan that is set aside and can't be caught up."""

    def __init__(self, contract: str, since: date, reason: str) -> None:
        self.contract, self.since, self.reason = contract, since, reason
        super().__init__(f"借据 {contract} 自 {since} 日终起隔离，尚不能补齐：{reason}。请先修复数据并解除隔离，再办理业务")


class NotSetAside(LoanError):
    """A release of a loan that is not set aside."""

    def __init__(self, contract: str) -> None:
        super().__init__(f"借据 {contract} 不在隔离中")


class SameNumber(LoanError):
    """A contract number that loans of several books bear."""

    def __init__(self, contract: str, books: Sequence[str]) -> None:
        self.contract, self.books = contract, list(books)
        super().__init__(f"借据号 {contract} 在多个账套中：{'、'.join(books)}；请指定账套")


class DuplicateContract(LoanError):
    """A contract number that another loan already bears."""

    def __init__(self, contract: str) -> None:
        self.contract = contract
        super().__init__(f"借据号 {contract} 已被另一笔贷款使用")


class NotEligible(LoanError):
    """A loan that policy does not allow, with every rule that says so: its source, the value found and the limit."""

    def __init__(self, contract: str, household: str | None, reasons: Sequence[str]) -> None:
        self.contract, self.household, self.reasons = contract, household, list(reasons)
        who = f"（户 {household}）" if household else ""
        super().__init__(f"借据 {contract}{who}不符合贷款条件：" + "；".join(reasons))


class ApplicationRefused(LoanError):
    """A step of an application that can't be taken."""

    def __init__(self, contract: str, reason: str) -> None:
        self.contract, self.reason = contract, reason
        super().__init__(f"贷款申请 {contract}：{reason}")


class PolicyRefused(LoanError):
    """A policy row that can't be loaded or withdrawn; `row` names its place, product and day."""

    def __init__(self, row: str, reason: str) -> None:
        self.row, self.reason = row, reason
        super().__init__(f"政策参数 {row}：{reason}")


class MatchListRefused(LoanError):
    """A line of another department's list that can't be taken; the ID is masked."""

    def __init__(self, kind: str, masked: str, reason: str) -> None:
        self.kind, self.masked, self.reason = kind, masked, reason
        super().__init__(f"{kind}名单 {masked}：{reason}")


class DunningRefused(LoanError):
    """A dunning that can't be recorded."""

    def __init__(self, contract: str, serial: str, reason: str) -> None:
        self.contract, self.serial, self.reason = contract, serial, reason
        super().__init__(f"借据 {contract} 的催收 {serial}：{reason}")


class DecisionRefused(LoanError):
    """A decision on a suspicion that can't be taken."""

    def __init__(self, number: int, reason: str) -> None:
        self.number, self.reason = number, reason
        super().__init__(f"疑点 {number}：{reason}")


class EventRefused(LoanError):
    """An event that can't happen to a loan in its state."""

    def __init__(self, contract: str, reason: str) -> None:
        self.contract, self.reason = contract, reason
        super().__init__(f"借据 {contract}：{reason}")


class EventReused(LoanError):
    """A reference that already names an event with other facts."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(f"业务流水号 {reference} 已用于另一笔业务，未作任何记录")


class NothingToRepay(LoanError):
    """A payment over several loans that names none."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(f"业务流水号 {reference}：没有写明归还哪些借据")


class FutureEvent(LoanError):
    """An event dated after the business date."""

    def __init__(self, contract: str, value_date: date, business_date: date) -> None:
        self.contract, self.value_date, self.business_date = contract, value_date, business_date
        super().__init__(f"借据 {contract}：日期 {value_date} 晚于营业日 {business_date}")


class CloseUnderWay(LoanError):
    """An event of a day whose eve is still being closed."""

    def __init__(self, contract: str, value_date: date) -> None:
        self.contract, self.value_date = contract, value_date
        super().__init__(f"借据 {contract}：{value_date} 前一日的日终尚未完成，请待日终结束后再登记")


class UnexplainedDifference(LoanError):
    """The night found a difference that no event explains: the run stops before it posts anything."""

    def __init__(self, book: str, group: str, what: str, expected: object, found: object) -> None:
        self.book, self.group = book, group
        super().__init__(f"book {book}, {group}: {what} should be {expected}, is {found}; nothing was posted for this step")


class RelendingRefused(LoanError):
    """A relending draw, extension or repayment that the rules do not allow."""

    def __init__(self, draw: str, reason: str) -> None:
        self.draw, self.reason = draw, reason
        super().__init__(f"再贷款 {draw}：{reason}")


class NotClosed(LoanError):
    """A register of a day whose night has not allocated loans to draws."""

    def __init__(self, day: date | None, closed: date | None) -> None:
        self.day, self.closed = day, closed
        super().__init__(f"{day or '该账套'} 没有日终记录（最近日终 {closed or '无'}），不能出具再贷款使用台账")


def is_of_one_loan(error: Exception) -> bool:
    """Tell whether an error can be the fault of one loan's data, so that the night can go on without that loan (隔离)."""
    if isinstance(error, UnexplainedDifference | NoReferenceRate | NotClosed):
        return False
    data = (LoanError, LookupError, ValueError, ArithmeticError, TypeError, AttributeError)
    return isinstance(error, (*data, DataError, IntegrityError, ProgrammingError))
