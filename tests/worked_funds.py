"""A pool's and a subsidy fund's two years, small enough to add up by hand; `test_reports.py` says what must come out."""

from datetime import date

from sqlalchemy.orm import Session

from ledger.books import Book
from ledger.closing import close_year
from ledger.journal import Dimensions, JournalEntry, Posting, credit, debit
from ledger.posting import post_many
from ledger.reversal import reverse

HERE = Dimensions(county="371621", bank="HMRCB")
INJECTED = '=HYPERLINK("http://x","核对")'


def entry(book: Book, reference: str, kind: str, day: date, narration: str, *postings: Posting) -> JournalEntry:
    return JournalEntry(
        book=book.code, reference=reference, kind=kind, value_date=day, narration=narration, maker="会计甲",
        postings=tuple(Posting(p.account, p.side, p.fen, HERE) for p in postings),
    )  # fmt: skip


def pool_2017(book: Book) -> list[JournalEntry]:
    """Paid in 1,000,000.00; 20.00 by mistake; interest 500.00, fee 30.00; a claim of 35,000.00, 10,000.00 back, 5,000.00 lost."""
    return [
        entry(book, "fund/1", "fund.contributed", date(2017, 1, 10), "财政拨入", debit("1004", 1_000_000_00), credit("4007.01", 1_000_000_00)),
        entry(book, "fund/2", "fund.contributed", date(2017, 1, 10), INJECTED, debit("1004", 20_00), credit("4007.01", 20_00)),
        entry(book, "v/1", "by.hand", date(2017, 2, 20), "专户利息", debit("1004", 500_00), credit("4007.02", 500_00)),
        entry(book, "v/2", "by.hand", date(2017, 2, 28), "银行手续费", debit("1036.07", 30_00), credit("1004", 30_00)),
        entry(book, "claim/1", "guarantees.approved", date(2017, 3, 15), "批准代偿", debit("1036.01", 35_000_00), credit("2015.01", 35_000_00)),
        entry(book, "claim/2", "guarantees.paid", date(2017, 3, 31), "拨付代偿款", debit("2015.01", 35_000_00), credit("1004", 35_000_00)),
        entry(book, "claim/3", "guarantees.passed", date(2017, 6, 10), "收回代偿款", debit("1004", 10_000_00), credit("1036.01", 10_000_00)),
        entry(
            book, "claim/4", "guarantees.lost", date(2017, 12, 20), "确认代偿损失", debit("5007.01", 5_000_00),
            credit("1036.01", 5_000_00), debit("9103", 5_000_00), credit("9104", 5_000_00),
        ),
    ]  # fmt: skip


def pool_2018(book: Book) -> list[JournalEntry]:
    """Paid in 200,000.00; 1,000.00 back after the loss; 50,000.00 returned to the budget."""
    return [
        entry(book, "fund/3", "fund.contributed", date(2018, 2, 5), "财政拨入", debit("1004", 200_000_00), credit("4007.01", 200_000_00)),
        entry(
            book, "claim/5", "guarantees.passed", date(2018, 3, 10), "核销后收回", debit("1004", 1_000_00),
            debit("5007.01", -1_000_00), debit("9103", -1_000_00), credit("9104", -1_000_00),
        ),
        entry(book, "v/3", "by.hand", date(2018, 5, 31), "退回财政", debit("5007.03", 50_000_00), credit("1004", 50_000_00)),
    ]  # fmt: skip


def subsidy_2017(book: Book) -> list[JournalEntry]:
    """Paid in 300,000.00; 12,345.67 approved and paid, 345.67 of it returned and repeated; 10,000.00 ahead; 1,000.00 reclaimed."""
    return [
        entry(book, "fund/9", "fund.contributed", date(2017, 1, 10), "财政拨入", debit("1004", 300_000_00), credit("4007.01", 300_000_00)),
        entry(book, "s/1", "subsidy.approved", date(2017, 3, 25), "批准贴息", debit("5007.02", 12_345_67), credit("2015.02", 12_345_67)),
        entry(book, "s/2", "subsidy.paid", date(2017, 4, 1), "拨付贴息", debit("2015.02", 12_345_67), credit("1004", 12_345_67)),
        entry(book, "s/3", "subsidy.returned", date(2017, 4, 5), "退票", debit("1004", 345_67), credit("2015.03", 345_67)),
        entry(book, "s/4", "subsidy.repaid", date(2017, 4, 20), "重付", debit("2015.03", 345_67), credit("1004", 345_67)),
        entry(book, "s/5", "subsidy.ahead", date(2017, 6, 1), "预拨贴息", debit("1036.04", 10_000_00), credit("1004", 10_000_00)),
        entry(
            book, "s/6", "subsidy.approved", date(2017, 6, 25), "批准贴息", debit("5007.02", 8_000_00), credit("1036.04", 6_000_00),
            credit("2015.02", 2_000_00), debit("1036.03", 1_000_00), debit("5007.02", -1_000_00),
        ),
        entry(book, "s/7", "subsidy.refunded", date(2017, 7, 10), "追回到账", debit("1004", 1_000_00), credit("1036.03", 1_000_00)),
    ]  # fmt: skip


def live(session: Session, city: dict[str, Book]) -> None:
    """Post both years of both funds; 2017 is closed."""
    pool, fund = city["RCF"], city["ISF"]
    post_many(session, [*pool_2017(pool), *subsidy_2017(fund)])
    reverse(session, pool.code, "fund/2", date(2017, 2, 3), "会计甲", "重复")
    for book in (pool, fund):
        close_year(session, book, 2017)
    reclaimed = entry(
        fund, "s/8", "subsidy.approved", date(2018, 3, 1), "追回上年贴息", debit("1036.03", 500_00), credit("3007", 500_00)
    )
    post_many(session, [*pool_2018(pool), reclaimed])
