"""Loading (登记贴息办法): counties load their own schemes; contracts made before keep theirs."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from ledger.db import forget
from loans.errors import BadScheme
from loans.products import products
from loans.subsidy.queries import SCHEMES, schemes
from loans.subsidy.schemes import Scheme
from loans.subsidy.tables import scheme as scheme_table

_USED = """
SELECT l.contract FROM loans.loan l
 WHERE l.county = :county AND l.product = :product AND CAST(l.terms ->> 'drawn_on' AS date) >= :since LIMIT 1
"""


def load(session: Session, wanted: Sequence[Scheme], actor: str) -> list[Scheme]:
    """Load counties' schemes and return those that are new; one that is there stays as it is.

    Raises:
        BadScheme: no county, no such product, another scheme begins on the same day, or loans were made under another one since.
    """
    known = {(one.county, one.product, one.valid_from): one for one in schemes(session)}
    codes = {product.code for product in products()}
    fresh = []
    for one in wanted:
        key = (one.county, one.product, one.valid_from)
        if not one.county or one.product not in codes:
            raise BadScheme(one.source, "须指明县区和产品")
        if known.setdefault(key, one) != one:
            raise BadScheme(one.source, f"{one.valid_from} 已有另一贴息办法（{known[key].source}）")
        if known[key] in schemes(session):
            continue
        _require_unused(session, one)
        fresh.append(one)
    if fresh:
        session.execute(
            insert(scheme_table).inline(),
            [
                {
                    "county": one.county, "product": one.product, "valid_from": one.valid_from, "source": one.source,
                    "mode": one.mode, "cadence": one.cadence, "year_begins": one.year_begins,
                    "shares": [
                        {"from_month": share.from_month, "percent": share.percent, "points_ppb": share.points_ppb}
                        for share in one.shares
                    ],
                    "when_extended": one.when_extended, "tiers": one.tiers, "actor": actor,
                }
                for one in fresh
            ],
        )  # fmt: skip
    forget(session, SCHEMES)
    return fresh


def withdraw(session: Session, county: str, product: str, valid_from: date) -> None:
    """Take a county's scheme out again.

    Raises:
        BadScheme: loans were made under it.
    """
    found = next(one for one in schemes(session) if (one.county, one.product, one.valid_from) == (county, product, valid_from))
    _require_unused(session, found)
    mine = (scheme_table.c.county == county) & (scheme_table.c.product == product) & (scheme_table.c.valid_from == valid_from)
    session.execute(delete(scheme_table).where(mine))
    forget(session, SCHEMES)


def _require_unused(session: Session, one: Scheme) -> None:
    values = {"county": one.county, "product": one.product, "since": one.valid_from}
    if contract := session.scalar(text(_USED), values):
        raise BadScheme(one.source, f"{one.valid_from} 起已按原办法发放贷款（如 {contract}），生效日期须在其后")
