"""What the first page shows: the funds' money, lending month by month, the loans of each county and bank, and claims."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

import guarantees.claims.queries
from app.web.queries import COUNTY_OF_BOOK
from guarantees.entries import CASH
from ledger.calendar import next_month
from ledger.queries import turnovers
from loans.entries import PRINCIPAL
from loans.products import small_loan_codes


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfLending:
    """Small loans at the end of a month: all that was ever disbursed, and the principal still owed."""

    month: date
    disbursed_fen: int
    balance_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioRow:
    """The loans of one book, which is one county and one bank."""

    book: str
    county: str
    bank: str
    open_loans: int
    principal_fen: int
    overdue_loans: int
    overdue_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Claims on the compensation pools: how many were paid, and the money that came back to the pools after it."""

    paid: int
    recovered_fen: int


def is_demo(session: Session) -> bool:
    """Tell whether the books say of themselves that they are a demo."""
    return bool(session.scalar(text("SELECT EXISTS (SELECT FROM ledger.book WHERE name LIKE '%演示%')")))


def fund_balances(session: Session, until: date | None) -> dict[str, int]:
    """Return the money in the compensation and the subsidy funds by kind of book."""
    kinds = {row.id: row.kind for row in session.execute(text("SELECT id, kind FROM ledger.book WHERE kind IN ('RCF', 'ISF')"))}
    found = {"RCF": 0, "ISF": 0}
    for (book_id, _), turnover in turnovers(session, books=list(kinds), accounts=[CASH], until=until).items():
        found[kinds[int(str(book_id))]] += turnover.balance_fen
    return found


def months_of_lending(session: Session, until: date | None) -> list[MonthOfLending]:
    """Return small loans by month of value date, from the first disbursement to `until`, no month left out."""
    rows = session.execute(
        text(
            """
            SELECT date_trunc('month', p.value_date::timestamp)::date AS month,
                   coalesce(sum(p.fen) FILTER (
                       WHERE e.kind = 'loans.disbursed' AND p.account = :lent AND p.side = 'D'), 0)::bigint AS disbursed_fen,
                   sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END)::bigint AS change_fen
              FROM ledger.posting p JOIN ledger.journal_entry e USING (book_id, seq)
             WHERE p.account = ANY(:principal) AND p.product = ANY(:products) AND p.value_date <= :until
             GROUP BY 1 ORDER BY 1
            """
        ),
        {
            "lent": PRINCIPAL["normal"], "principal": list(PRINCIPAL.values()), "products": list(small_loan_codes()),
            "until": until or date.max,
        },
    ).all()  # fmt: skip
    if not rows:
        return []
    by_month = {row.month: row for row in rows}
    month, last = rows[0].month, until or rows[-1].month
    found, disbursed, balance = [], 0, 0
    while month <= last:
        row = by_month.get(month)
        disbursed += row.disbursed_fen if row else 0
        balance += row.change_fen if row else 0
        found.append(MonthOfLending(month=month, disbursed_fen=disbursed, balance_fen=balance))
        month = next_month(month)
    return found


def portfolio(session: Session) -> list[PortfolioRow]:
    """Return the open loans by loan book, as known now."""
    rows = session.execute(
        text(
            f"""
            SELECT b.code AS book, {COUNTY_OF_BOOK} AS county, coalesce(k.name, b.bank) AS bank,
                   count(*) FILTER (WHERE s.principal_fen > 0) AS open_loans,
                   coalesce(sum(s.principal_fen), 0)::bigint AS principal_fen,
                   count(*) FILTER (WHERE s.oldest_due IS NOT NULL) AS overdue_loans,
                   coalesce(sum(s.overdue_fen), 0)::bigint AS overdue_fen
              FROM ledger.book b
              LEFT JOIN loans.standing s ON s.book_id = b.id AND s.known_to_seq IS NULL
              LEFT JOIN registry.bank k ON k.code = b.bank
             WHERE b.kind = 'LB' GROUP BY b.id, k.name ORDER BY b.id
            """
        )
    )
    return [PortfolioRow(**row._asdict()) for row in rows]


def claims(session: Session, until: date | None) -> Claims:
    """Return the paid claims as known now, and what came back by a value date."""
    paid = sum(one.paid_on is not None for one in guarantees.claims.queries.claims(session).values())
    passed = turnovers(session, accounts=[CASH], entry_kinds=["guarantees.passed"], until=until)
    return Claims(paid=paid, recovered_fen=sum(turnover.debit_fen for turnover in passed.values()))
