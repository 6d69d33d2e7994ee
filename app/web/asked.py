"""What a page is asked (查询条件): query strings as checked values; what can't be meant is refused with a sentence."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from urllib.parse import urlencode

from app.reports.asking import Wish
from app.web.words import ENTRY_KINDS
from ledger.books import Book, BookKind
from loans.products import products, small_loan_codes

ALL_MONTHS = "all"
SMALL_LOANS = "small"
LONGEST_SEARCH = 64
AUDIT = "/system/audit"


class BadQuery(Exception):
    """A query that can't be answered; the sentence says what to write instead."""


class LoanState(StrEnum):
    """Which loans a list holds."""

    ALL = "all"
    OPEN = "open"
    OVERDUE = "overdue"
    NON_ACCRUAL = "non-accrual"
    SETTLED = "settled"
    WRITTEN_OFF = "written-off"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherFilter:
    """Which vouchers are asked for: `book` and `product` as asked, `books` and `products` as they were understood."""

    book: str = ""
    books: tuple[int, ...] = ()
    month: date | None = None  # all months if None
    kind: str = ""
    account: str = ""
    product: str = ""
    products: tuple[str, ...] = ()
    voucher: str = ""  # one voucher's word and number, such as 记-12
    page: int = 1
    opened: bool = False  # whether every voucher shows its postings

    @property
    def month_text(self) -> str:
        """The month as the form writes it."""
        return f"{self.month:%Y-%m}" if self.month else ALL_MONTHS

    def address(self, page: int, *, opened: bool | None = None) -> str:
        """Return the address of the same question's other page, or with its vouchers opened or shut."""
        values = {
            "book": self.book, "month": self.month_text, "kind": self.kind, "account": self.account, "product": self.product,
            "voucher": self.voucher,
            "open": "1" if (self.opened if opened is None else opened) else "", "page": str(page) if page > 1 else "",
        }  # fmt: skip
        return address_of("/vouchers", values)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanFilter:
    """Which loans are asked for: `text` is part of a contract's number."""

    text: str = ""
    state: LoanState = LoanState.ALL
    book: str = ""
    books: tuple[int, ...] = ()
    page: int = 1

    def address(self, page: int) -> str:
        """Return the address of the same question's other page."""
        values = {"q": self.text, "state": self.state.value, "book": self.book, "page": str(page) if page > 1 else ""}
        return address_of("/loans", values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """Which report is asked for: `book` is a book's code or a kind of books to consolidate, months and day as written."""

    name: str
    book: str = ""
    first: str = ""
    last: str = ""
    as_of: str = ""
    account: str = ""
    spread: str = ""
    page: int = 1

    def address(self, page: int = 1, *, ending: str = "", **other: str) -> str:
        """Return the address of the same question's other page, of its file, or with another value."""
        values = {
            "book": self.book, "from": self.first, "to": self.last, "as_of": self.as_of, "account": self.account,
            "by": self.spread, "page": str(page) if page > 1 else "",
        }  # fmt: skip
        return address_of(f"/reports/{self.name}{ending}", values | other)

    @property
    def wish(self) -> Wish:
        """The same as a wish.

        Raises:
            BadQuery: a month or a day can't be meant.
        """
        kind = self.book in list(BookKind)
        return Wish(
            book="" if kind else self.book, consolidated=self.book if kind else "", first=month_asked(self.first, None),
            last=month_asked(self.last, None), as_of=day_asked(self.as_of), account=account_asked(self.account),
            spread=self.spread,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which lines of the audit log are asked for, at which address."""

    path: str = AUDIT
    actor: str = ""
    action: str = ""
    subject: str = ""
    first: date | None = None
    last: date | None = None
    page: int = 1

    def address(self, page: int) -> str:
        """Return the address of the same question's other page."""
        values = {
            "actor": self.actor, "action": "" if self.path != AUDIT else self.action, "subject": self.subject,
            "from": str(self.first or ""), "to": str(self.last or ""), "page": str(page) if page > 1 else "",
        }  # fmt: skip
        return address_of(self.path, values)


def address_of(path: str, values: dict[str, str]) -> str:
    """Return a path with the values that are not empty as its query string."""
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{path}?{query}" if query else path


def day_asked(text: str) -> date | None:
    """Return a day, or None if none is given.

    Raises:
        BadQuery: not a day such as 2017-09-30.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadQuery("日期应写成 2017-09-30 这样的年月日。") from None


def voucher_asked(text: str) -> str:
    """Return a voucher's word and number, or nothing.

    Raises:
        BadQuery: not such as 记-12.
    """
    if text and not re.fullmatch(r"[^-\d\s]{1,4}-[0-9]{1,9}", text):
        raise BadQuery("凭证字号应写成 记-12 这样。")
    return text


def entry_asked(text: str) -> str:
    """Return a voucher's month, word and number.

    Raises:
        BadQuery: not such as 2017-03-记-12.
    """
    if not re.fullmatch(r"[1-9][0-9]{3}-(0[1-9]|1[0-2])-[^-\d\s]{1,4}-[0-9]{1,9}", text) or not text.isprintable():
        raise BadQuery("凭证号应写成 2017-03-记-12 这样。")
    return text


def page_asked(text: str) -> int:
    """Return a page's number; the first if none is given.

    Raises:
        BadQuery: not a whole number from 1.
    """
    if not text:
        return 1
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) < 1:
        raise BadQuery("页码必须是从 1 起的整数。")
    return int(text)


def month_asked(text: str, newest: date | None) -> date | None:
    """Return a month, the newest if none is given, or None for all of them.

    Raises:
        BadQuery: not a month such as 2017-09.
    """
    if not text:
        return newest
    if text == ALL_MONTHS:
        return None
    if not re.fullmatch(r"[1-9][0-9]{3}-(0[1-9]|1[0-2])", text):
        raise BadQuery("月份应写成 2017-09 这样的年月。")
    return date(int(text[:4]), int(text[5:]), 1)


def books_asked(text: str, books: list[Book]) -> tuple[int, ...]:
    """Return the ids of the books that a code, or a kind such as RCF, names; of all books if none is given.

    Raises:
        BadQuery: no book bears the code.
    """
    found = tuple(book.id for book in books if text in ("", book.code, book.kind.value))
    if not found and text not in ("", *BookKind):
        raise BadQuery("没有这个账套，请从列表中选择。")
    return found


def kind_asked(text: str) -> str:
    """Return a kind of economic event, or nothing.

    Raises:
        BadQuery: there is no such kind.
    """
    if text and text not in ENTRY_KINDS:
        raise BadQuery("没有这种业务类型，请从列表中选择。")
    return text


def account_asked(text: str) -> str:
    """Return an account's code or its beginning, or nothing.

    Raises:
        BadQuery: not a code such as 1303 or 1303.01.
    """
    code = text.strip()
    if code and not re.fullmatch(r"[0-9]{4}(\.[0-9]{2}){0,3}", code):
        raise BadQuery("科目代码应写成 1303 或 1303.01 这样的数字。")
    return code


def products_asked(text: str) -> tuple[str, ...]:
    """Return the codes of the products asked for, or none for no restriction.

    Raises:
        BadQuery: there is no such product.
    """
    if text == SMALL_LOANS:
        return small_loan_codes()
    if text and text not in {product.code for product in products()}:
        raise BadQuery("没有这种贷款产品，请从列表中选择。")
    return (text,) if text else ()


def state_asked(text: str) -> LoanState:
    """Return a state of loans; all of them if none is given.

    Raises:
        BadQuery: there is no such state.
    """
    try:
        return LoanState(text or LoanState.ALL)
    except ValueError:
        raise BadQuery("没有这种贷款状态，请从列表中选择。") from None


def search_asked(text: str) -> str:
    """Return what to search for in contract numbers.

    Raises:
        BadQuery: too long, or with characters that no number has.
    """
    return text_asked(text, "合同号")


def text_asked(text: str, what: str) -> str:
    """Return a text to search for.

    Raises:
        BadQuery: too long, or with characters that nothing written has.
    """
    wanted = text.strip()
    if len(wanted) > LONGEST_SEARCH:
        raise BadQuery(f"{what}最长 {LONGEST_SEARCH} 个字符。")
    if not wanted.isprintable():
        raise BadQuery(f"{what}中有无法识别的字符。")
    return wanted
