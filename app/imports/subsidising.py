"""Subsidising (贴息): files of schemes, batch steps, findings, payments in advance and banks' own lists, and their undoing."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from app.imports.batch import Desk, Made
from app.imports.cells import Record
from app.imports.lookup import AMOUNT, CONTRACT, COUNTY, DAY, SERIAL, Lookup
from ledger.books import Book, BookKind, book_named, fund_book_code
from ledger.journal import BookCode
from ledger.money import yuan
from loans.errors import BadScheme, SubsidyBatchRefused
from loans.queries import free_references
from loans.subsidy import approval, bank_list, loading, payment, preparation, refusal, undoing
from loans.subsidy.batch import Batch, Stage
from loans.subsidy.queries import batches, steps
from loans.subsidy.schemes import Mode, Scheme, Share
from registry.reference import county_code

PERIOD, WAY, STEP, WHO, WHY = "期间", "贴息方式", "环节", "经办人", "理由"


def schemes(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Load counties' schemes."""
    wanted = [
        Scheme(
            county=county_code(session, r[COUNTY], r["生效日期"]), product=r["产品"], valid_from=r["生效日期"], source=r["文件"],
            mode=r[WAY], cadence=r["结算周期"], year_begins=r["年度起始月"] or 1, shares=_shares(r),
            when_extended=r["展期贴息"], tiers=_tiers(r),
        )
        for r in records
    ]  # fmt: skip
    return [
        {"county": one.county, "product": one.product, "valid_from": one.valid_from.isoformat()}
        for one in loading.load(session, wanted, desk.actor)
    ]


def undo_schemes(session: Session, _: Desk, made: Made) -> None:
    """Take schemes out again."""
    for m in reversed(made):
        loading.withdraw(session, m["county"], m["product"], date.fromisoformat(m["valid_from"]))


def subsidies(session: Session, _: Desk, records: Sequence[Record]) -> Made:
    """Take the steps of batches in the order of the file; neighbouring rows of one step and batch are one step."""
    look = Lookup(session, records)
    made: Made = []
    for _key, group in groupby(records, _step_of):
        rows = list(group)
        loan_book = look.book(rows[0], BookKind.LOANS, rows[0][DAY])
        fund = book_named(session, fund_book_code(BookKind.SUBSIDY, loan_book.county))
        before = _references(session, fund)
        number = _take_step(session, look, fund, loan_book, rows)
        fresh = [name for name in _references(session, fund) if name not in before]
        made += [{"book": fund.code, "loan_book": loan_book.code, "number": number, "reference": name} for name in fresh[:1]]
    return made


def undo_subsidies(session: Session, desk: Desk, made: Made) -> None:
    """Take steps back, newest first."""
    for m in reversed(made):
        one = preparation.numbered(session, book_named(session, BookCode(m["loan_book"])), m["number"])
        undoing.undo(session, one, m["reference"], desk.actor)


def stops(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """End loans' subsidy; undone with the other events of loans."""
    look = Lookup(session, records)
    made: Made = []
    for r in records:
        contract = look.contract(r, r[DAY])
        key = (contract.book_id, str(r[SERIAL]))
        name = free_references(session, [key])[key]
        booked = refusal.stop(session, contract, name, r[DAY], r["不符起始日"] or r[DAY], r[WHY], desk.actor)
        made += [{"book": b.contract.book, "contract": b.contract.contract, "reference": b.event.reference} for b in booked]
    return made


def advances(session: Session, _: Desk, records: Sequence[Record]) -> Made:
    """Pay banks in advance, or take the excess back (an amount below zero)."""
    look = Lookup(session, records)
    made: Made = []
    for r in records:
        loan_book = look.book(r, BookKind.LOANS, r[DAY])
        fund = book_named(session, fund_book_code(BookKind.SUBSIDY, loan_book.county))
        reference = payment.pay_ahead(session, fund, loan_book, r[SERIAL], r[DAY], r[AMOUNT], r[WHO])
        if reference is not None:
            made.append({"book": fund.code, "loan_book": loan_book.code, "reference": reference})
    return made


def undo_advances(session: Session, desk: Desk, made: Made) -> None:
    """Take payments in advance back, newest first."""
    for m in reversed(made):
        fund, loan_book = (book_named(session, BookCode(m[name])) for name in ("book", "loan_book"))
        undoing.undo_ahead(session, fund, loan_book, m["reference"], desk.actor)


def bank_lists(session: Session, desk: Desk, records: Sequence[Record]) -> Made:
    """Take the banks' own lists; they are compared, never booked."""
    look = Lookup(session, records)
    made: Made = []
    for r in records:
        loan_book = look.book(r, BookKind.LOANS, r["制表日期"])
        fund = book_named(session, fund_book_code(BookKind.SUBSIDY, loan_book.county))
        stated = bank_list.BankLine(
            contract=r[CONTRACT], principal_fen=r["本金余额(元)"], interest_fen=r["合同利息(元)"],
            subsidy_fen=r["贴息金额(元)"], late_days=r["逾期天数"],
        )  # fmt: skip
        fresh = bank_list.take(session, fund, loan_book, r[PERIOD], [stated], desk.actor)
        made += [{"loan_book": loan_book.code, "label": r[PERIOD], "contract": line.contract} for line in fresh]
    return made


def undo_bank_lists(session: Session, _: Desk, made: Made) -> None:
    """Take lines off the banks' lists again."""
    for m in made:
        bank_list.forget(session, book_named(session, BookCode(m["loan_book"])), m["label"], [m["contract"]])


def _shares(r: Record) -> tuple[Share, ...]:
    """Return what government pays by a row: all of it, a percentage or points, and perhaps something else later on.

    Raises:
        BadScheme: a figure is missing.
    """
    shares = [_share(r, 0, r["标准(%)"])]
    if (r["后段起始月"] is None) != (r["后段标准(%)"] is None):
        raise BadScheme(r["文件"], "后段起始月和后段标准须同时填写")
    if r["后段起始月"] is not None:
        shares.append(_share(r, r["后段起始月"], r["后段标准(%)"]))
    return tuple(shares)


def _share(r: Record, from_month: int, ppb: int | None) -> Share:
    if r["贴息标准"] == "full" and from_month == 0:
        return Share(percent=100)
    if ppb is None:
        raise BadScheme(r["文件"], "按比例或固定点数贴息须填写标准")
    if r["贴息标准"] == "points":
        return Share(from_month=from_month, points_ppb=ppb)
    if ppb % 10_000_000:
        raise BadScheme(r["文件"], "贴息比例须为整数百分比")
    return Share(from_month=from_month, percent=ppb // 10_000_000)


def _tiers(r: Record) -> tuple[tuple[str, int], ...]:
    weights = [("province", r["省级(%)"]), ("city", r["市级(%)"]), ("county", r["县级(%)"])]
    given = tuple((name, ppb // 10_000_000) for name, ppb in weights if ppb)
    if given and sum(weight for _, weight in given) != 100:
        raise BadScheme(r["文件"], "省、市、县负担比例合计须为 100 %")
    return given


def _step_of(r: Record) -> tuple[Any, ...]:
    return tuple(r[name] for name in (COUNTY, "银行代码", PERIOD, WAY, STEP, DAY, WHO, WHY, SERIAL))


def _references(session: Session, fund: Book) -> list[str]:
    return [step.reference for taken in steps(session, [fund.id]).values() for step in taken]


def _take_step(session: Session, look: Lookup, fund: Book, loan_book: Book, rows: Sequence[Record]) -> str:
    """Take one step of a batch; return its number."""
    r = rows[0]
    if r[STEP] == "prepare":
        return preparation.prepare(session, fund, loan_book, r[WAY], r[PERIOD], r[DAY], r[WHO]).number
    one = _batch(session, loan_book, r[WAY], r[PERIOD])
    loans = {look.contract(row, row[DAY]).id for row in rows if row[CONTRACT]}
    _require_amount(one, rows)
    _STEPS[r[STEP]](session, one, loans, r)
    return one.number


def _batch(session: Session, loan_book: Book, mode: Mode, label: str) -> Batch:
    """Return the newest batch of a bank's period that stands.

    Raises:
        SubsidyBatchRefused: there is none.
    """
    mine = [one for one in batches(session, [loan_book.id]) if (one.mode, one.period.label) == (mode, label)]
    standing = [one for one in mine if one.stage is not Stage.CANCELLED]
    if not standing:
        raise SubsidyBatchRefused(f"{loan_book.bank}-{label}", "尚未编制")
    return standing[-1]


def _require_amount(one: Batch, rows: Sequence[Record]) -> None:
    """Refuse an amount beside a step that is not what the batch comes to."""
    expected = {"approve": one.payable_fen, "pay": one.cash_fen}.get(rows[0][STEP])
    if expected is not None and rows[0][AMOUNT] not in (None, expected):
        raise SubsidyBatchRefused(one.number, f"申报 {yuan(rows[0][AMOUNT])} 元，应为 {yuan(expected)} 元")


Take = Callable[[Session, Batch, Collection[int], Record], None]

_STEPS: Mapping[str, Take] = {
    "reject": lambda s, one, loans, r: preparation.reject(s, one, loans, r[WHY] or "", r[DAY], r[WHO], final=False),
    "refuse": lambda s, one, loans, r: preparation.reject(s, one, loans, r[WHY] or "", r[DAY], r[WHO], final=True),
    "restore": lambda s, one, loans, r: preparation.restore(s, one, loans, r[WHY] or "", r[DAY], r[WHO]),
    "approve": lambda s, one, _, r: approval.approve(s, one, r[DAY], r[WHO]),
    "pay": lambda s, one, _, r: payment.pay(s, one, r[DAY], r[WHO]),
    "return": lambda s, one, loans, r: payment.take_return(s, one, loans, r[SERIAL] or "", r[DAY], r[WHY] or "", r[WHO]),
    "repay": lambda s, one, loans, r: payment.pay_again(s, one, loans, r[SERIAL] or "", r[DAY], r[WHO]),
    "refund": lambda s, one, _, r: payment.take_refund(s, one, r[SERIAL] or "", r[DAY], r[AMOUNT] or 0, r[WHO]),
    "cancel": lambda s, one, _, r: preparation.cancel(s, one, r[DAY], r[WHO]),
}
