"""Loading policy (载入政策参数): a county's or a bank's document becomes a row; a row is withdrawn, never changed."""

from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from ledger import audit
from loans.errors import PolicyRefused
from loans.policy.parameters import PARAMETERS, PolicyRow
from loans.policy.queries import standing
from loans.policy.tables import policy
from loans.products import product_on
from loans.terms import MOST_MONTHS


def load(session: Session, row: PolicyRow, actor: str, *, corrects: bool = False) -> int | None:
    """Store a row of a county or of a bank in it, and return its number; None if it stands already.

    Args:
        session: the transaction.
        row: what the document says.
        actor: who loads it.
        corrects: the row takes the place of one for the same place, product and day.

    Raises:
        PolicyRefused: no county, no document, no parameter, terms that no loan could keep to, or another row for the same
            place, product and day stands.
        UnknownProduct: no such product on that day.
    """
    product_on(row.product, row.valid_from)
    said = _parameters(row)
    if row.county is None or not row.source.strip() or not said:
        raise PolicyRefused(row.name, "须写明县区、文件和至少一项参数")
    if absurd := _absurd(row):
        raise PolicyRefused(row.name, absurd)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('loans.policy/' || :county, 0))"), {"county": row.county})
    same = [known for known in standing(session, [row.county]).values() if _place(known) == _place(row)]
    if row in same:
        return None
    if same and not corrects:
        raise PolicyRefused(row.name, f"已按 {same[0].source} 载入，内容不同；如系更正，请在“更正”列填“是”")
    stored = insert(policy).values(**_columns(row), parameters=said, actor=actor)
    number = int(session.execute(stored.returning(policy.c.id)).scalar_one())
    audit.record(session, actor, "policy loaded", f"policy {number}", {"source": row.source})
    return number


def withdraw(session: Session, number: int, actor: str) -> None:
    """Take a row out of force as if it had never been loaded; what it corrected stands again. Loans made keep their terms.

    Raises:
        PolicyRefused: it was withdrawn before.
    """
    stored = session.execute(select(policy).where(policy.c.id == number)).one()
    row = PolicyRow(
        product=stored.product, valid_from=stored.valid_from, source=stored.source, county=stored.county, bank=stored.bank
    )
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('loans.policy/' || :county, 0))"), {"county": row.county})
    if session.scalar(select(policy.c.id).where(policy.c.withdraws == number)) is not None:
        raise PolicyRefused(row.name, "已撤回")
    session.execute(insert(policy).values(**_columns(row), parameters={}, withdraws=number, actor=actor))
    audit.record(session, actor, "policy withdrawn", f"policy {number}", {"source": row.source})


def _absurd(row: PolicyRow) -> str | None:
    """Return what no loan could keep to, none if all can."""
    if row.max_months is not None and not 1 <= row.max_months <= MOST_MONTHS:
        return f"期限上限 {row.max_months} 个月，应为 1 到 {MOST_MONTHS} 个月"
    if row.min_age is not None and row.max_age is not None and row.min_age > row.max_age:
        return f"最低年龄 {row.min_age} 高于最高年龄 {row.max_age}"
    return None


def _place(row: PolicyRow) -> tuple[object, ...]:
    return row.county, row.bank, row.product, row.valid_from


def _parameters(row: PolicyRow) -> dict[str, Any]:
    return {name: value for name in PARAMETERS if (value := getattr(row, name)) is not None}


def _columns(row: PolicyRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("county", "bank", "product", "valid_from", "source")}
