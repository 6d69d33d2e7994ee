"""What bank reconciliation says before a month closes (结账前检查), by `month_needs` of the parameters."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from ledger.banking.parameters import MonthNeeds, parameters
from ledger.banking.queries import accounts, banks_without_account
from ledger.banking.reconciliation import Sheet
from ledger.banking.sheets import sheet_of, signers
from ledger.books import Book, BookKind
from ledger.calendar import DAY, next_month
from ledger.money import yuan

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know before the month closes, and whether it holds the month open."""

    sentence: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class ReconciliationCheck:
    """A `PeriodCheck`: each special account of a fund's book needs statements to the month's end and a sheet that balances."""

    needs: MonthNeeds | None = None  # those of the parameters if None

    def reasons_against_closing(self, session: Session, book: Book, month: date) -> list[str]:
        """Return why the month can't close yet; what merely warns is left to `findings`."""
        return [one.sentence for one in self.findings(session, book, month) if one.blocks]

    def findings(self, session: Session, book: Book, month: date) -> list[Finding]:
        """Return all that is to be said of a book's accounts at the end of a month, open items by name."""
        if book.kind in (BookKind.LOANS, BookKind.ARCHIVE):
            return []
        needs, last = self.needs or parameters().month_needs, next_month(month) - DAY
        strict = needs.include(MonthNeeds.BALANCED)
        found = [
            Finding(f"{bank or '未注明银行'} 的其他财政存款没有登记专户，无法对账", strict)
            for bank in banks_without_account(session, book.id, last)
        ]
        for account in accounts(session, book.id):
            sheet = sheet_of(session, account, last)
            found += [Finding(f"专户 {account.bank}：{fault}", strict) for fault in sheet.faults]
            if None in signers(session, account, sheet) and needs.include(MonthNeeds.SIGNED):
                found.append(Finding(f"专户 {account.bank}：{last} 的余额调节表尚未编制并审核", blocks=True))
            found += _open_items(sheet, blocks=needs.include(MonthNeeds.NOTHING_OPEN))
        return found


def _open_items(sheet: Sheet, *, blocks: bool) -> list[Finding]:
    items = sheet.items
    named = [
        Finding(
            f"专户 {sheet.bank}：{item.group} {item.day} {yuan(item.fen)} {item.text}"
            + (f"，已 {item.days_open} 天" if item.overdue else ""),
            blocks,
        )
        for item in items[:MOST_NAMED]
    ]
    more = len(items) - len(named)
    return [*named, *([Finding(f"专户 {sheet.bank}：另有 {more} 笔未达账项", blocks)] if more else [])]
