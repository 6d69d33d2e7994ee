"""Oversight (监督): the audit log as pages search it, and the dated rows of policy with their documents and who loaded them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.web.asked import AuditFilter
from app.web.queries import PER_PAGE
from loans.policy.parameters import PARAMETERS, nationwide
from registry.reference import bank_names, county_names


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One line of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """One dated row of policy: of which place, from which day, what it says, by which document, and who loaded it when."""

    place: str
    product: str
    valid_from: date
    values: tuple[tuple[str, object], ...]
    source: str
    actor: str = "随程序发布"
    loaded_at: datetime | None = None
    withdrawn: bool = False


_CONDITIONS = """
    (:actor = '' OR a.actor = :actor) AND (:action = '' OR a.action = :action)
    AND (:subject = '' OR strpos(a.subject, :subject) > 0)
    AND (CAST(:first AS date) IS NULL OR a.at >= CAST(:first AS date))
    AND (CAST(:last AS date) IS NULL OR a.at < CAST(:last AS date) + 1)
"""


def audit_count(session: Session, asked: AuditFilter) -> int:
    """Return how many lines answer a question."""
    return int(session.scalar(text(f"SELECT count(*) FROM ledger.audit a WHERE {_CONDITIONS}"), _values(asked)) or 0)


def audit_lines(session: Session, asked: AuditFilter) -> list[AuditLine]:
    """Return one page of the audit log, the newest first."""
    rows = session.execute(
        text(
            f"SELECT id, at, actor, action, subject, details FROM ledger.audit a WHERE {_CONDITIONS} "
            "ORDER BY id DESC LIMIT :limit OFFSET :offset"
        ),
        {**_values(asked), "limit": PER_PAGE, "offset": (asked.page - 1) * PER_PAGE},
    )
    return [AuditLine(**row._asdict()) for row in rows]


def audit_actions(session: Session) -> list[str]:
    """Return every action that the log holds."""
    return list(session.scalars(text("SELECT DISTINCT action FROM ledger.audit ORDER BY action")))


def policy_lines(session: Session) -> list[PolicyLine]:
    """Return the nation's rows of policy and then those of counties and banks, withdrawn ones too, the newest first."""
    counties, banks = county_names(session), bank_names(session)
    found = [
        PolicyLine(
            place="全国", product=row.product, valid_from=row.valid_from, source=row.source,
            values=tuple((name, getattr(row, name)) for name in PARAMETERS if getattr(row, name) is not None),
        )
        for row in nationwide()
    ]  # fmt: skip
    rows = session.execute(
        text(
            "SELECT p.county, p.bank, p.product, p.valid_from, p.source, p.parameters, p.actor, p.loaded_at, "
            "EXISTS (SELECT FROM loans.policy w WHERE w.withdraws = p.id) AS withdrawn "
            "FROM loans.policy p WHERE p.withdraws IS NULL ORDER BY p.valid_from DESC, p.id DESC"
        )
    )
    for row in rows:
        bank = banks.get(row.bank, row.bank) if row.bank else ""
        place = f"{counties.get(row.county, row.county)} {bank}".rstrip()
        found.append(
            PolicyLine(
                place=place, product=row.product, valid_from=row.valid_from, source=row.source,
                values=tuple((name, row.parameters[name]) for name in PARAMETERS if name in row.parameters), actor=row.actor,
                loaded_at=row.loaded_at, withdrawn=row.withdrawn,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: one.valid_from, reverse=True)


def _values(asked: AuditFilter) -> dict[str, object]:
    return {
        "actor": asked.actor, "action": asked.action, "subject": asked.subject, "first": asked.first, "last": asked.last
    }  # fmt: skip
