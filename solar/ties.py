"""What must tie in the solar books (accounting.md, tie 5): as a whole, by station, and by household or village."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.books import BookKind, books
from ledger.ties import Check
from solar.generation import RegisterFalls
from solar.receivable import Due
from solar.records import booked_dues, station_dues, swaps_of, versions_of
from solar.stations import stations_of

_LINES = (
    ("cash = what is held", "account = '1004' OR account LIKE '2017.0_' AND account <> '2017.01'"),
    ("receivable = not arrived", "account IN ('1036.05', '1036.06', '2017.01')"),
)
_WHOSE = (
    ("stations", "p.project", ""),
    (
        "households and villages", "coalesce(s.household, s.owner)",
        "LEFT JOIN solar.station s ON s.book_id = p.book_id AND s.meter = p.project ",
    ),
)  # fmt: skip
_PARTS = (("1036.05", "coal_fen"), ("1036.06", "subsidy_fen"))
_POSTED = "sum(CASE p.side WHEN 'D' THEN p.fen ELSE -p.fen END)"

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
    """Yield the solar books' checks: cash and liabilities, readings and receivables, receivables and cash."""
    for name, condition in _LINES:
        for whose, key, joined in _WHOSE:
            differing = session.scalar(
                text(
                    "SELECT count(*) FROM (SELECT FROM ledger.posting p JOIN ledger.book b ON b.id = p.book_id AND b.kind = "
                    f"'PVA' {joined}WHERE {condition} GROUP BY p.book_id, {key} HAVING {_POSTED} <> 0) AS differing"
                )
            )
            yield Check(check=f"solar: {whose} where {name} does not hold", expected="0", actual=str(differing))
    yield from _receivables(session)
    yield Check(
        check="solar: months whose receivable is not what is read at its tariff", expected="0", actual=str(_unlike(session))
    )
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


def _receivables(session: Session) -> Iterator[Check]:
    """Yield, part by part, the account against receivables less receipts, in sum and by station; over-payments are negative."""
    for account, part in _PARTS:
        by_station = (
            f"SELECT book_id, meter, sum(fen) AS fen FROM (SELECT book_id, meter, {part} AS fen FROM solar.receivable "
            f"UNION ALL SELECT book_id, meter, -{part} FROM solar.receipt) AS moved GROUP BY book_id, meter"
        )
        in_books = (
            f"SELECT p.book_id, p.project AS meter, {_POSTED} AS fen FROM ledger.posting p WHERE p.account = '{account}' "
            "GROUP BY p.book_id, p.project"
        )
        expected, actual, differing = session.execute(
            text(
                "SELECT coalesce(sum(m.fen), 0), coalesce(sum(j.fen), 0), "
                "count(*) FILTER (WHERE coalesce(m.fen, 0) <> coalesce(j.fen, 0)) "
                f"FROM ({by_station}) AS m FULL JOIN ({in_books}) AS j ON (j.book_id, j.meter) = (m.book_id, m.meter)"
            )
        ).one()
        yield Check(check=f"solar: {account} = receivables less receipts", expected=str(expected), actual=str(actual))
        yield Check(check=f"solar: stations whose {account} is not theirs", expected="0", actual=str(differing))


def _unlike(session: Session) -> int:
    """Return how many months are due otherwise than all that is read makes them."""
    known = stations_of(session, [book.id for book in books(session, BookKind.SOLAR)])
    booked, swaps, versions = booked_dues(session, known, known), swaps_of(session, known, known), versions_of(session, known)
    found = 0
    for meter, station in known.items():
        mine = {month: one.due for month, one in booked[meter].items()}
        try:
            wanted = {month: due for month, (_, due) in station_dues(station, versions[meter], swaps.get(meter, ())).items()}
        except RegisterFalls:
            found += 1
            continue
        found += sum(mine.get(month, Due()) != wanted.get(month, Due()) for month in mine.keys() | wanted.keys())
    return found
