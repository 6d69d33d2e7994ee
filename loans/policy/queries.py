"""Questions to the policy rows: the nation's from the file, counties' and banks' from the database."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from loans.policy.parameters import PARAMETERS, PolicyRow, nationwide, row_from


def policy_rows(session: Session, counties: Collection[str]) -> tuple[PolicyRow, ...]:
    """Return the rows that may speak of loans made in some counties: the nation's, and theirs that stand."""
    return (*nationwide(), *standing(session, counties).values())


def standing(session: Session, counties: Collection[str]) -> dict[int, PolicyRow]:
    """Return the stored rows of some counties by number: of a place, product and day the newest that was not withdrawn."""
    rows = session.execute(
        text(
            "SELECT DISTINCT ON (county, bank, product, valid_from) id, county, bank, product, valid_from, source, parameters "
            "FROM loans.policy p WHERE county = ANY(:counties) AND withdraws IS NULL "
            "AND NOT EXISTS (SELECT FROM loans.policy w WHERE w.withdraws = p.id) "
            "ORDER BY county, bank, product, valid_from, id DESC"
        ),
        {"counties": sorted(counties)},
    )
    return {
        row.id: row_from(
            {
                "county": row.county, "bank": row.bank, "product": row.product, "valid_from": row.valid_from,
                "source": row.source, **{name: row.parameters[name] for name in PARAMETERS if name in row.parameters},
            }
        )
        for row in rows
    }  # fmt: skip
