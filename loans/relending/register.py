"""The register (再贷款使用台账): as of a close, each draw of a book and the loans that it stands in (domain.md 2, 5.4)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row as SqlRow
from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.books import Book
from loans.accrual import closed_seqs, last_accrued
from loans.errors import NotClosed
from loans.products import product_name
from loans.relending.draw import Draw
from loans.relending.funding import Row, history
from loans.relending.pledge import Pledge, pledged_fen
from loans.relending.queries import draws, pledges
from loans.relending.rules import Rule, rule_on
from loans.relending.utilisation import Idle, cost_fen, earned_fen, idle, utilisation
from registry.households import borrowers
from registry.identity import masked_name


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterLine:
    """A loan that a draw stands in: people masked, amounts in fen, `fen` of it allocated since a day."""

    contract: str
    product: str
    borrower: str
    id_masked: str
    household: str | None  # 建档立卡号
    lent_fen: int
    rate_ppb: int
    drawn_on: date
    maturity: date
    balance_fen: int
    fen: int
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawSheet:
    """A draw in the register: its balance, what is pledged for it, its loans, and what it earned and cost so far, in fen."""

    draw: Draw
    balance_fen: int
    pledged_fen: int
    earned_fen: int
    cost_fen: int
    idle: Idle | None
    lines: tuple[RegisterLine, ...]

    @property
    def allocated_fen(self) -> int:
        """What loans use of it."""
        return sum(line.fen for line in self.lines)

    @property
    def unused_fen(self) -> int:
        """What no loan uses."""
        return self.balance_fen - self.allocated_fen

    @property
    def utilisation(self) -> int:
        """What part of it is used, in hundredths of a per cent."""
        return utilisation(self.allocated_fen, self.balance_fen)

    @property
    def spread_fen(self) -> int:
        """What it earned above its cost."""
        return self.earned_fen - self.cost_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A book's register as of a close: its draws with a balance, and the rule in force that day."""

    book: Book
    day: date
    rule: Rule
    cap_ppb: int
    sheets: tuple[DrawSheet, ...]

    @property
    def balance_fen(self) -> int:
        """What all draws owe."""
        return sum(sheet.balance_fen for sheet in self.sheets)

    @property
    def allocated_fen(self) -> int:
        """What loans use of it."""
        return sum(sheet.allocated_fen for sheet in self.sheets)

    @property
    def utilisation(self) -> int:
        """What part of it is used, in hundredths of a per cent."""
        return utilisation(self.allocated_fen, self.balance_fen)


_LOANS = """
SELECT l.id, l.contract, l.product, l.county, l.borrower, l.household, (l.terms ->> 'principal_fen')::bigint AS lent_fen,
       (l.terms ->> 'drawn_on')::date AS drawn_on, s.principal_fen AS balance_fen,
       greatest((l.terms ->> 'maturity')::date, (
           SELECT max(i.nominal_date) FROM loans.instalment i WHERE i.book_id = l.book_id AND i.loan_id = l.id
              AND i.known_from_seq <= :seq AND (i.known_to_seq IS NULL OR i.known_to_seq > :seq))) AS maturity
  FROM loans.loan l
  JOIN loans.standing s ON s.book_id = l.book_id AND s.loan_id = l.id
                       AND s.known_from_seq <= :seq AND (s.known_to_seq IS NULL OR s.known_to_seq > :seq)
 WHERE l.book_id = :book AND l.id = ANY(:loans)
"""
"""Loans as their book knew them at a sequence."""


def register(session: Session, book: Book, day: date | None = None) -> Register:
    """Return a book's register as of a close, by default the last: what was allocated then, whatever became of it since.

    Raises:
        NotClosed: the day's night has not allocated yet, or the book has none.
    """
    closed = last_accrued(session)
    of = day or closed
    seq = closed_seqs(session, of).get(book.id) if of else None
    if of is None or seq is None:
        raise NotClosed(of, closed)
    mine = [one for one in draws(session, [book.id], {book.id: seq}) if one.balance_on(of)]
    assets = pledges(session, [book.id], {book.id: seq})
    rows = history(session, mine, of)
    found = _loans(session, book, seq, {row.loan_id for all_ in rows.values() for row in all_ if row.end is None or row.end > of})
    rule = rule_on(of)
    return Register(
        book=book, day=of, rule=rule, cap_ppb=rule.cap_ppb(of),
        sheets=tuple(_sheet(one, rows.get(one.key, []), assets, found, of) for one in mine),
    )  # fmt: skip


def _sheet(
    one: Draw, rows: list[Row], assets: list[Pledge], loans: dict[int, tuple[SqlRow[Any], str, str]], day: date
) -> DrawSheet:
    holding = [row for row in rows if row.end is None or row.end > day]
    return DrawSheet(
        draw=one, balance_fen=one.balance_on(day), pledged_fen=pledged_fen([a for a in assets if a.draw == one.number], day),
        earned_fen=earned_fen(rows, day), cost_fen=cost_fen(one, day), idle=idle(one, rows, day),
        lines=tuple(sorted((_line(row, *loans[row.loan_id]) for row in holding), key=_by_contract)),
    )  # fmt: skip


def _by_contract(line: RegisterLine) -> str:
    return line.contract


def _line(row: Row, loan: SqlRow[Any], borrower: str, id_masked: str) -> RegisterLine:
    return RegisterLine(
        contract=loan.contract, product=product_name(loan.product), borrower=borrower, id_masked=id_masked,
        household=loan.household, lent_fen=loan.lent_fen, rate_ppb=row.rate_ppb, drawn_on=loan.drawn_on, maturity=loan.maturity,
        balance_fen=loan.balance_fen, fen=row.fen, since=row.start,
    )  # fmt: skip


def _loans(session: Session, book: Book, seq: int, ids: Collection[int]) -> dict[int, tuple[SqlRow[Any], str, str]]:
    """Return loans by id, each with its borrower's masked name and number."""
    rows = session.execute(text(_LOANS), {"book": book.id, "seq": seq, "loans": list(ids)}).all()
    people = borrowers(session, {(row.county, row.borrower) for row in rows})
    found = {}
    for row in rows:
        person = people.get((row.county, row.borrower))
        found[row.id] = (row, masked_name(person.name) if person else "—", person.id_masked if person else "—")
    return found
