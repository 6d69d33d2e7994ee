"""Status (概况): the article's three figures as turnovers over all books, their balances, and how the loans stand."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import wiring
from guarantees.claims.queries import claims
from ledger.business_day import peek
from ledger.errors import FutureDate
from ledger.queries import Turnover, turnovers
from loans.products import small_loan_codes
from loans.quarantine.queries import SetAside, set_aside_now
from loans.relending.utilisation import idle_draws
from scheduling.close import last_closed
from scheduling.progress import RunProgress, progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Figures in fen as of a value date; counts of loans are as known now, which is as of `latest_day`."""

    as_of: date | None
    latest_day: date | None
    business_date: date | None
    last_closed: date | None
    funds_contributed_fen: int
    funds_balance_fen: int
    compensation_contributed_fen: int
    subsidy_contributed_fen: int
    loans_disbursed_fen: int
    loans_balance_fen: int
    relending_drawn_fen: int
    relending_balance_fen: int
    relending_idle_draws: int
    relending_idle_fen: int
    relending_idle_since: date | None
    enterprise_disbursed_fen: int
    enterprise_balance_fen: int
    households: int
    loans: int
    loans_open: int
    loans_overdue: int
    loans_non_accrual: int
    overdue_principal_fen: int
    claims_paid_fen: int
    claims_recovered_fen: int
    solar_stations: int
    solar_received_fen: int
    night: RunProgress | None  # the last close that was begun
    set_aside: tuple[SetAside, ...]


def status(session: Session, as_of: date | None = None) -> Status:
    """Return the figures as of a value date, by default the latest day on which anything is booked or closed.

    Raises:
        FutureDate: the day has not come.
    """
    closed, today = last_closed(session), peek(session)
    if as_of is not None and today is not None and as_of > today:
        raise FutureDate(as_of, today)
    latest = today if closed is None or session.scalar(text(_ANYTHING_AFTER), {"closed": closed}) else closed
    until = as_of or latest
    contributed = turnovers(session, accounts=["4007.01"], entry_kinds=["fund.contributed"], until=until)
    kinds = _books_by_kind(session)
    funds = {kind: sum(t.credit_fen for (b, _), t in contributed.items() if b in ids) for kind, ids in kinds.items()}
    cash = turnovers(session, accounts=["1004"], until=until, books=[*kinds.get("RCF", []), *kinds.get("ISF", [])])
    disbursed = turnovers(session, accounts=["1303.01"], entry_kinds=["loans.disbursed"], until=until, by=("product",))
    principal = turnovers(session, accounts=["1303.01", "1303.02", "1303.03"], until=until, by=("product",))
    relending = turnovers(session, accounts=["2004"], until=until)
    drawn = turnovers(session, accounts=["2004"], entry_kinds=["relending.drawn"], until=until)
    small = small_loan_codes()
    counts = session.execute(text(_COUNTS)).one()
    all_claims = claims(session).values()
    idle = idle_draws(session, min(until, closed)) if until and closed else []
    return Status(
        as_of=until, latest_day=latest, business_date=today, last_closed=closed,
        funds_contributed_fen=sum(funds.values()), funds_balance_fen=_balance(cash),
        compensation_contributed_fen=funds.get("RCF", 0), subsidy_contributed_fen=funds.get("ISF", 0),
        loans_disbursed_fen=sum(t.debit_fen for k, t in disbursed.items() if k[2] in small),
        loans_balance_fen=_balance({k: t for k, t in principal.items() if k[2] in small}),
        relending_drawn_fen=sum(t.credit_fen for t in drawn.values()), relending_balance_fen=-_balance(relending),
        relending_idle_draws=len(idle), relending_idle_fen=sum(one.fen for one in idle),
        relending_idle_since=min((one.since for one in idle), default=None),
        enterprise_disbursed_fen=sum(t.debit_fen for k, t in disbursed.items() if k[2] not in small),
        enterprise_balance_fen=_balance({k: t for k, t in principal.items() if k[2] not in small}),
        households=counts.households, loans=counts.loans, loans_open=counts.open, loans_overdue=counts.overdue,
        loans_non_accrual=counts.non_accrual, overdue_principal_fen=counts.overdue_fen,
        claims_paid_fen=sum(one.gov_fen for one in all_claims if one.paid_on),
        claims_recovered_fen=sum(one.passed_fen for one in all_claims),
        solar_stations=counts.stations, solar_received_fen=counts.solar_received,
        night=progress(session, wiring.night_steps()), set_aside=tuple(set_aside_now(session)),
    )  # fmt: skip


def as_json(found: Status) -> dict[str, Any]:
    """Return a status as JSON values."""
    values = {name: getattr(found, name) for name in Status.__dataclass_fields__ if name not in ("night", "set_aside")}
    night = found.night
    failed = night.failure if night else None
    return {
        **{name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()},
        "night": night and {
            "business_date": night.business_date.isoformat(), "stage": night.stage.value,
            "step": failed.name if failed else None, "reason": failed.reason if failed else None,
        },
        "set_aside": [
            {"book": one.book, "contract": one.contract, "since": one.since.isoformat(), "step": one.step, "error": one.error}
            for one in found.set_aside
        ],
    }  # fmt: skip


_ANYTHING_AFTER = """
SELECT EXISTS (SELECT FROM ledger.account a CROSS JOIN LATERAL (SELECT FROM ledger.posting p
    WHERE p.book_id = a.book_id AND p.account = a.code AND p.value_date > :closed LIMIT 1) AS later)
"""

_COUNTS = """
SELECT (SELECT count(*) FROM registry.household) AS households, count(*) AS loans,
       count(*) FILTER (WHERE principal_fen > 0) AS open, count(*) FILTER (WHERE oldest_due IS NOT NULL) AS overdue,
       count(*) FILTER (WHERE state = 'non_accrual') AS non_accrual, coalesce(sum(overdue_fen), 0)::bigint AS overdue_fen,
       (SELECT count(*) FROM solar.station) AS stations,
       (SELECT coalesce(sum(coal_fen + subsidy_fen), 0)::bigint FROM solar.receipt) AS solar_received
  FROM loans.standing s WHERE known_to_seq IS NULL AND NOT EXISTS (
       SELECT FROM loans.loan l WHERE l.book_id = s.book_id AND l.id = s.loan_id AND l.contract LIKE '%/undone/%')
"""


def _books_by_kind(session: Session) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for book_id, kind in session.execute(text("SELECT id, kind FROM ledger.book ORDER BY id")):
        found.setdefault(kind, []).append(book_id)
    return found


def _balance(found: dict[tuple[object, ...], Turnover]) -> int:
    return sum(turnover.balance_fen for turnover in found.values())
