"""Loans as pages list them: by contract number, state and book, with what is owed and since when it is late."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.web.asked import LoanFilter, LoanState
from app.web.queries import COUNTY_OF_BOOK, PER_PAGE
from loans.life import Standing
from loans.movements import State
from registry.identity import masked_name


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanRow:
    """A loan in a list; the borrower's name is masked, `maturity` is the date it has now."""

    book: str
    contract: str
    county: str
    bank: str
    product: str
    borrower: str
    drawn_on: date
    maturity: date
    lent_fen: int
    undone: bool
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTotals:
    """How many loans answer a question, and their principal."""

    count: int
    principal_fen: int
    overdue_fen: int


_STATES = {
    LoanState.ALL: "true",
    LoanState.OPEN: "s.principal_fen > 0",
    LoanState.OVERDUE: "s.oldest_due IS NOT NULL",
    LoanState.NON_ACCRUAL: "s.state = 'non_accrual'",
    LoanState.SETTLED: "s.principal_fen = 0 AND s.state <> 'written_off'",
    LoanState.WRITTEN_OFF: "s.state = 'written_off'",
}


def loan_totals(session: Session, asked: LoanFilter) -> LoanTotals:
    """Return the totals of all loans asked for, not only of one page."""
    where, values = _loan_conditions(asked)
    row = session.execute(
        text(
            "SELECT count(*) AS count, coalesce(sum(s.principal_fen), 0)::bigint AS principal_fen, "
            f"coalesce(sum(s.overdue_fen), 0)::bigint AS overdue_fen FROM {_LOANS} WHERE {where}"
        ),
        values,
    ).one()
    return LoanTotals(**row._asdict())


def loans(session: Session, asked: LoanFilter) -> list[LoanRow]:
    """Return one page of the loans asked for, by book and contract."""
    where, values = _loan_conditions(asked)
    rows = session.execute(
        text(
            f"""
            SELECT b.code AS book, l.contract, {COUNTY_OF_BOOK} AS county, coalesce(k.name, b.bank) AS bank, l.product,
                   coalesce(w.name, '') AS name, l.terms, l.principal_fen, l.overdue_fen, l.oldest_due, l.state, l.cost_fen,
                   l.excess_fen, l.given_up_fen,
                   (SELECT max(i.nominal_date) FROM loans.instalment i
                     WHERE i.book_id = l.book_id AND i.loan_id = l.id AND i.known_to_seq IS NULL) AS last_due
              FROM (SELECT l.book_id, l.id, l.contract, l.product, l.county, l.borrower, l.terms, s.principal_fen,
                           s.overdue_fen, s.oldest_due, s.state, s.cost_fen, s.excess_fen, s.given_up_fen
                      FROM {_LOANS} WHERE {where} ORDER BY l.book_id, l.contract LIMIT :limit OFFSET :offset) l
              JOIN ledger.book b ON b.id = l.book_id
              LEFT JOIN registry.bank k ON k.code = b.bank
              LEFT JOIN registry.borrower w ON w.county = l.county AND w.code = l.borrower
             ORDER BY l.book_id, l.contract
            """
        ),
        {**values, "limit": PER_PAGE, "offset": (asked.page - 1) * PER_PAGE},
    )
    return [
        LoanRow(
            book=row.book, contract=row.contract, county=row.county, bank=row.bank, product=row.product,
            borrower=masked_name(row.name), drawn_on=date.fromisoformat(row.terms["drawn_on"]),
            maturity=_maturity(row.terms, row.last_due), lent_fen=row.terms["principal_fen"], undone=row.last_due is None,
            standing=Standing(
                row.principal_fen, row.overdue_fen, row.oldest_due, State(row.state), row.cost_fen, row.excess_fen,
                row.given_up_fen,
            ),
        )
        for row in rows
    ]  # fmt: skip


_LOANS = "loans.loan l JOIN loans.standing s ON s.book_id = l.book_id AND s.loan_id = l.id AND s.known_to_seq IS NULL"


def _loan_conditions(asked: LoanFilter) -> tuple[str, dict[str, object]]:
    where = f"l.book_id = ANY(:books) AND ({_STATES[asked.state]})"
    if asked.text:
        where += " AND strpos(upper(l.contract), upper(:text)) > 0"
    return where, {"books": list(asked.books), "text": asked.text}


def _maturity(terms: dict[str, Any], last_due: date | None) -> date:
    """Return when a loan matures now: its only instalment's date if it is a bullet, else what the contract says."""
    stated = date.fromisoformat(terms["maturity"])
    return max(stated, last_due) if last_due and terms["method"] == "bullet" else stated
