"""What must tie in the solar books (accounting.md, tie 5), as a whole and per station."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.ties import Check

_LINES = (
    ("cash = what is held", "account = '1004' OR account LIKE '2017.0_' AND account <> '2017.01'"),
    ("receivable = not arrived", "account IN ('1036.05', '1036.06', '2017.01')"),
)


def checks(session: Session) -> Iterator[Check]:
    """Yield the solar books' checks: cash against liabilities and receivables against income, station by station."""
    for name, condition in _LINES:
        stations = session.scalar(
            text(
                "SELECT count(*) FROM (SELECT FROM ledger.posting p JOIN ledger.book b ON b.id = p.book_id AND b.kind = 'PVA' "
                f"WHERE {condition} GROUP BY p.book_id, p.project "
                "HAVING sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END) <> 0) AS differing"
            )
        )
        yield Check(check=f"solar: stations where {name} does not hold", expected="0", actual=str(stations))
    read, open_fen = session.execute(
        text(
            "SELECT coalesce((SELECT sum(coal_fen + subsidy_fen) FROM solar.reading), 0) "
            "- coalesce((SELECT sum(coal_fen + subsidy_fen) FROM solar.receipt), 0), "
            "coalesce((SELECT sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END) FROM ledger.posting p "
            "WHERE p.account IN ('1036.05', '1036.06')), 0)"
        )
    ).one()
    yield Check(check="solar: 1036.05 + 1036.06 = readings less receipts", expected=str(read), actual=str(open_fen))
    held, posted = session.execute(
        text(
            "SELECT coalesce((SELECT sum(loan_fen) FROM solar.receipt), 0) - coalesce((SELECT sum(fen) FROM solar.sweep), 0), "
            "coalesce((SELECT sum(CASE p.side WHEN 'D' THEN -p.fen ELSE p.fen END) FROM ledger.posting p "
            "WHERE p.account = '2017.04'), 0)"
        )
    ).one()
    yield Check(check="solar: 2017.04 = loan shares received and not swept", expected=str(held), actual=str(posted))
