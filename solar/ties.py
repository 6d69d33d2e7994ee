"""What must tie in the solar books (accounting.md, tie 5), as a whole and per station."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.ties import Check

_LINES = (
    ("cash = what is held", "account = '1004' OR account LIKE '2017.0_' AND account <> '2017.01'"),
    ("receivable = not arrived", "account IN ('1036.05', '1036.06', '2017.01')"),
)

_RUNGS = "SELECT book_id, meter, {sign} * fen FROM solar.rung WHERE rung IN ({rungs})"
_PAID_IN = "SELECT book_id, meter, fen FROM solar.contribution WHERE source = '{source}'"
_HELD = {
    "loan money": (
        "SELECT book_id, meter, loan_fen FROM solar.receipt UNION ALL SELECT book_id, meter, -fen FROM solar.sweep UNION ALL "
        + _RUNGS.format(sign="1", rungs="'reserve', 'company'")
        + " UNION ALL "
        + _RUNGS.format(sign="-1", rungs="'refill_pool', 'refill_company', 'refill_reserve', 'household'")
    ),
    "reserve": " UNION ALL ".join(
        (
            _PAID_IN.format(source="reserve"),
            _RUNGS.format(sign="-1", rungs="'reserve'"),
            _RUNGS.format(sign="1", rungs="'refill_reserve'"),
        )
    ),
    "company's money": f"{_PAID_IN.format(source='company')} UNION ALL " + _RUNGS.format(sign="-1", rungs="'company'"),
}
_ACCOUNTS = {"loan money": "2017.04", "reserve": "2017.05", "company's money": "2017.08"}
_DIFFERING = """
WITH held AS (SELECT book_id, meter, sum(fen) AS fen FROM ({held}) AS facts (book_id, meter, fen) GROUP BY book_id, meter),
posted AS (
    SELECT p.book_id, p.project AS meter, sum(CASE p.side WHEN 'C' THEN p.fen ELSE -p.fen END) AS fen FROM ledger.posting p
     WHERE p.account = '{account}' GROUP BY p.book_id, p.project
)
SELECT count(*) FROM held FULL JOIN posted USING (book_id, meter) WHERE coalesce(held.fen, 0) <> coalesce(posted.fen, 0)
"""
"""A station's account against what came in for it less what its rungs let out."""


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
    for name, held in _HELD.items():
        differing = session.scalar(text(_DIFFERING.format(held=held, account=_ACCOUNTS[name])))
        yield Check(check=f"solar: stations whose {name} is not what facts and rungs leave", expected="0", actual=str(differing))
    open_fen, posted = session.execute(
        text(
            "SELECT coalesce((SELECT sum(CASE rung WHEN 'pool' THEN fen ELSE -fen END) FROM solar.rung "
            "WHERE rung IN ('pool', 'refill_pool')), 0), coalesce((SELECT sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END) "
            "FROM ledger.posting p WHERE p.account = '1036.02'), 0)"
        )
    ).one()
    yield Check(check="solar: 1036.02 = instalments advanced and not refilled", expected=str(open_fen), actual=str(posted))
