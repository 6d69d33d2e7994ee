"""The audit log (操作日志): who did what to what, and when; insert-only."""

from collections.abc import Mapping

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ledger.tables import audit

REVEALED = "identity revealed"
"""The action under which it stands who saw a whole identity number (查看全号), and why."""


def record(session: Session, actor: str, action: str, subject: str, details: Mapping[str, object] | None = None) -> None:
    """Write one line of the log in the transaction of the deed itself, so that neither stands alone."""
    session.execute(insert(audit).values(actor=actor, action=action, subject=subject, details=dict(details or {})))
