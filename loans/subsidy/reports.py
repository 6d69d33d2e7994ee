"""The 往来核对表: bank by bank, what its book still has to get from government against what the fund's book has of it (tie 4)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from ledger.books import Book, BookKind, books
from ledger.queries import turnovers
from ledger.reports.catalogue import Catalogue, Shape, catalogue
from ledger.reports.errors import ReportRefused
from ledger.reports.form import Form, Layout
from ledger.reports.making import as_cells, report
from ledger.reports.question import Question
from ledger.reports.report import Report, Role, Row
from ledger.ties import Check
from loans.entries import SUBSIDY_RECEIVABLE
from loans.subsidy.batch import Stage
from loans.subsidy.entries import APPROVED
from loans.subsidy.queries import batches
from loans.subsidy.reconciliation import positions

FOLDER = Path(__file__).parent / "definitions"
AMOUNTS = (
    "receivable", "unasked", "in_review", "approved", "returned", "difference", "payable", "households", "fund_difference",
)  # fmt: skip


def reports() -> Catalogue:
    """Return the reports of interest subsidy.

    Raises:
        BadForm: a form can't be used.
    """
    return catalogue(FOLDER, {"subsidy-positions": Shape(_positions, frozenset({"fund", "bank", *AMOUNTS}))})


def _positions(session: Session, form: Form, layout: Layout, asked: Question) -> Report:
    """Return the positions of the banks of the funds asked for, or of the banks themselves, as things stand.

    Raises:
        ReportRefused: something was booked after the day asked for, or it is asked as known at a sequence.
    """
    pairs = _pairs(session, asked)
    held = _held(session, form, asked, pairs)
    rows, checks = [], list[Check]()
    totals = dict.fromkeys(AMOUNTS, 0)
    for fund, bank in pairs:
        amounts = _amounts(session, fund, bank, held)
        if any(amounts.values()):
            rows.append(Row(Role.LINE, as_cells(layout, asked, {"fund": fund.name, "bank": bank.name, **amounts})))
        for key in ("difference", "fund_difference"):
            side = "银行账" if key == "difference" else "财政账"
            checks.append(Check(check=f"{form.title}：{bank.name} {side}无差额", expected="0", actual=str(amounts[key])))
        totals = {key: totals[key] + amounts[key] for key in AMOUNTS}
    rows.append(Row(Role.TOTAL, as_cells(layout, asked, {"fund": "合计", **totals})))
    return report(form, layout, asked, rows, checks=checks)


def _pairs(session: Session, asked: Question) -> list[tuple[Book, Book]]:
    """Return (fund, loan book) of one county, of which either is asked for."""
    wanted = set(asked.ids)
    funds = {book.county: book for book in books(session, BookKind.SUBSIDY)}
    return [
        (funds[bank.county], bank)
        for bank in books(session, BookKind.LOANS)
        if bank.county in funds and wanted & {bank.id, funds[bank.county].id}
    ]


def _held(
    session: Session, form: Form, asked: Question, pairs: Sequence[tuple[Book, Book]]
) -> Mapping[tuple[int, str, str | None], int]:
    """Return what stands on both sides' accounts, by (book id, account, bank), in fen."""
    mine = {book.id for pair in pairs for book in pair}
    now, then = (
        turnovers(session, books=mine, accounts=(SUBSIDY_RECEIVABLE, APPROVED), until=until, by=("bank",))
        for until in (None, asked.last_day)
    )
    if now != then or asked.known_at is not None:
        raise ReportRefused(form.title, f"{asked.last_day} 以后又有入账；批次只知现时状态，请把截止日改为今天")
    found: dict[tuple[int, str, str | None], int] = {}
    for (book_id, account, bank), passed in now.items():
        found[int(str(book_id)), str(account), None if bank is None else str(bank)] = passed.balance_fen
    return found


def _amounts(
    session: Session, fund: Book, bank: Book, held: Mapping[tuple[int, str, str | None], int]
) -> dict[str, int]:  # fmt: skip
    lines = list(positions(session, bank))
    receivable = sum(fen for (book_id, account, _), fen in held.items() if (book_id, account) == (bank.id, SUBSIDY_RECEIVABLE))
    payable = -held.get((fund.id, APPROVED, bank.bank), 0)
    households = sum(one.cash_fen for one in batches(session, [bank.id]) if one.stage is Stage.APPROVED and not one.to_bank)
    parts = {
        "unasked": sum(line.unasked_fen for line in lines),
        "in_review": sum(line.in_review_fen for line in lines),
        "approved": sum(line.approved_fen for line in lines),
        "returned": sum(line.returned_fen for line in lines),
    }
    return {
        "receivable": receivable, **parts, "difference": receivable - sum(parts.values()), "payable": payable,
        "households": households, "fund_difference": payable - parts["approved"] - households,
    }  # fmt: skip
