"""Vouchers (记账凭证) as pages list them: by book, month, business, account and product, each with its postings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.web.asked import VoucherFilter
from app.web.queries import PER_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherLine:
    """A posting as a voucher prints it; `loan` is the contract's number of a loan in the voucher's own book."""

    account: str
    title: str
    side: str
    fen: int
    county: str | None
    bank: str | None
    product: str | None
    payer: str | None
    kind: str | None
    loan_id: int | None
    loan: str | None
    project: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """A journal entry with its number and its postings; `hidden_lines` are those of other loans, left out."""

    book: str
    book_name: str
    value_date: date
    word: str
    number: int
    narration: str
    kind: str
    maker: str
    checker: str
    in_red: bool
    reversed_later: bool
    lines: tuple[VoucherLine, ...]
    hidden_lines: int = 0

    @property
    def debit_fen(self) -> int:
        """All debits that are shown."""
        return sum(line.fen for line in self.lines if line.side == "D")

    @property
    def credit_fen(self) -> int:
        """All credits that are shown."""
        return sum(line.fen for line in self.lines if line.side == "C")


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherTotals:
    """How many vouchers answer a question, their debits, and what passed over the account and product asked for."""

    count: int
    debit_fen: int
    account_debit_fen: int
    account_credit_fen: int


def voucher_months(session: Session, books: Sequence[int]) -> list[date]:
    """Return the months that have vouchers in these books, the newest first."""
    series = text("SELECT DISTINCT month FROM ledger.voucher_series WHERE book_id = ANY(:books) ORDER BY month DESC")
    return list(session.scalars(series, {"books": list(books)}))


def voucher_totals(session: Session, asked: VoucherFilter) -> VoucherTotals:
    """Return the totals of all vouchers asked for, not only of one page."""
    where, values = _voucher_conditions(asked)
    row = session.execute(
        text(
            f"""
            WITH asked AS MATERIALIZED (SELECT e.book_id, e.seq FROM ledger.journal_entry e WHERE {where})
            SELECT (SELECT count(*) FROM asked) AS count,
                   coalesce(sum(p.fen) FILTER (WHERE p.side = 'D'), 0)::bigint AS debit_fen,
                   coalesce(sum(p.fen) FILTER (WHERE p.side = 'D' AND {_POSTING_ASKED}), 0)::bigint AS account_debit_fen,
                   coalesce(sum(p.fen) FILTER (WHERE p.side = 'C' AND {_POSTING_ASKED}), 0)::bigint AS account_credit_fen
              FROM ledger.posting p JOIN asked USING (book_id, seq)
            """
        ),
        values,
    ).one()
    return VoucherTotals(**row._asdict())


def vouchers(session: Session, asked: VoucherFilter) -> list[Voucher]:
    """Return one page of the vouchers asked for, the newest value date first."""
    where, values = _voucher_conditions(asked)
    heads = session.execute(
        text(
            # The page is cut out first: what is told of each voucher is then asked for fifty, not for all before them.
            f"""
            SELECT {_HEAD}
              FROM (SELECT e.* FROM ledger.journal_entry e WHERE {where} ORDER BY {_ORDER} LIMIT :limit OFFSET :offset) e
              JOIN ledger.book b ON b.id = e.book_id ORDER BY {_ORDER}
            """
        ),
        {**values, "limit": PER_PAGE, "offset": (asked.page - 1) * PER_PAGE},
    ).all()
    return _with_lines(session, heads)


def vouchers_of_loan(session: Session, book_id: int, loan_id: int) -> list[Voucher]:
    """Return the vouchers that name a loan in its book, oldest first, each with this loan's postings only."""
    heads = session.execute(
        text(
            f"SELECT {_HEAD} FROM ledger.journal_entry e JOIN ledger.book b ON b.id = e.book_id WHERE e.book_id = :book "
            "AND e.seq IN (SELECT p.seq FROM ledger.posting p WHERE p.book_id = :book AND p.loan_id = :loan) "
            "ORDER BY e.value_date, e.seq"
        ),
        {"book": book_id, "loan": loan_id},
    ).all()
    return _with_lines(session, heads, loan_id)


_HEAD = """
    e.book_id, e.seq, b.code AS book, b.name AS book_name, e.value_date, e.word, e.number, e.narration, e.kind, e.maker,
    e.checker, e.reverses_seq IS NOT NULL AS in_red, EXISTS (
        SELECT FROM ledger.journal_entry r WHERE r.book_id = e.book_id AND r.reverses_seq = e.seq) AS reversed_later
"""

_ORDER = "e.value_date DESC, e.book_id, e.word, e.number DESC"

_POSTING_ASKED = """
    (:account = '' OR p.account = :account OR starts_with(p.account, :account || '.'))
    AND (cardinality(CAST(:products AS text[])) = 0 OR p.product = ANY(CAST(:products AS text[])))
"""


def _voucher_conditions(asked: VoucherFilter) -> tuple[str, dict[str, object]]:
    where = ["e.book_id = ANY(:books)"]
    if asked.month is not None:
        where.append("e.month = :month")
    if asked.kind:
        where.append("e.kind = :kind")
    if asked.voucher:
        where.append("e.word || '-' || e.number = :voucher")
    if asked.account or asked.products:
        where.append(
            "EXISTS (SELECT FROM ledger.posting p "
            f"WHERE p.book_id = e.book_id AND p.seq = e.seq AND {_POSTING_ASKED})"
        )  # fmt: skip
    values: dict[str, object] = {
        "books": list(asked.books), "month": asked.month, "kind": asked.kind, "account": asked.account,
        "products": list(asked.products), "voucher": asked.voucher,
    }  # fmt: skip
    return " AND ".join(where), values


def _with_lines(session: Session, heads: Sequence[Row[Any]], loan_id: int | None = None) -> list[Voucher]:
    """Return vouchers from their heads; with a loan, only its postings."""
    lines: dict[tuple[int, int], list[VoucherLine]] = {(head.book_id, head.seq): [] for head in heads}
    hidden = dict.fromkeys(lines, 0)
    keys = {"books": [book_id for book_id, _ in lines], "seqs": [seq for _, seq in lines]}
    for row in session.execute(text(_LINES), keys):
        values = row._asdict()
        key = (values.pop("book_id"), values.pop("seq"))
        if loan_id is not None and row.loan_id != loan_id:
            hidden[key] += 1
        else:
            lines[key].append(VoucherLine(**values))
    made = []
    for head in heads:
        values = head._asdict()
        key = (values.pop("book_id"), values.pop("seq"))
        made.append(Voucher(**values, lines=tuple(lines[key]), hidden_lines=hidden[key]))
    return made


_LINES = """
SELECT p.book_id, p.seq, p.account, a.title, p.side, p.fen, coalesce(k.name, p.bank) AS bank, p.product, p.payer, p.kind,
       p.loan_id, l.contract AS loan, p.project, coalesce((
           SELECT r.name FROM registry.region r WHERE r.code = p.county ORDER BY r.valid_from DESC LIMIT 1
       ), p.county) AS county
  FROM unnest(CAST(:books AS bigint[]), CAST(:seqs AS bigint[])) AS asked (book_id, seq)
  JOIN ledger.posting p USING (book_id, seq)
  JOIN ledger.account a ON a.book_id = p.book_id AND a.code = p.account
  LEFT JOIN registry.bank k ON k.code = p.bank
  LEFT JOIN loans.loan l ON l.book_id = p.book_id AND l.id = p.loan_id
 ORDER BY p.book_id, p.seq, p.line
"""
