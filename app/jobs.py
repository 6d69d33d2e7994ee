"""The jobs (定时任务清单): what the scheduler does and when, in one list; each may run again at any time and does what is due."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from app import outbox, wiring
from app.backup import backup
from app.reminders import remind
from app.settings import SHANGHAI
from app.wiring import System
from ledger.business_day import peek
from ledger.calendar import is_working_day
from ledger.db import unit_of_work
from ledger.sealing.seal import seal
from scheduling.close import last_closed
from scheduling.due import close_due, last_over
from scheduling.job import Job


def jobs(system: System) -> tuple[Job, ...]:
    """Return the jobs of a scheduler that works with a system, in the order in which they run when several are due."""
    work = _Work(system)
    return (
        Job(name="close", title="日终", when="5 * * * *", work=work.close),
        Job(name="seal", title="封签", when="15 * * * *", work=work.seal),
        Job(name="statements", title="对账单", when="20 * * * *", work=work.statements),
        Job(name="retry", title="单据重发", when="*/15 * * * *", work=work.retry),
        Job(name="reminders", title="对账提醒", when="30 8 * * *", work=work.reminders),
        Job(name="backup", title="备份", when="30 2 * * *", work=work.backup),
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """What the jobs do with a system."""

    system: System

    def close(self, now: datetime) -> Mapping[str, int]:
        """Close what is over; of two clocks that differ the earlier one decides, for a night can't be taken back."""
        with unit_of_work(self.system.engine) as session:
            servers = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        earlier = min(now, servers).astimezone(SHANGHAI)
        over = last_over(earlier, self.system.settings.closing_hour)
        return close_due(self.system.engine, wiring.night_steps(), over, wiring.night_rests)

    def seal(self, _: datetime) -> Mapping[str, int]:
        """Seal what was recorded since the night."""
        with unit_of_work(self.system.engine) as session:
            return seal(session, wiring.CHAINS)

    def statements(self, now: datetime) -> Mapping[str, int]:
        """Write the statements of periods that are closed, on a day on which banks work (调休 included)."""
        if not is_working_day(now.date()):
            return {}
        return outbox.state_periods(self.system, self.system.settings.outbox_path)

    def retry(self, _: datetime) -> Mapping[str, int]:
        """Try again what could not be written."""
        return outbox.retry(self.system, self.system.settings.outbox_path)

    def reminders(self, now: datetime) -> Mapping[str, int]:
        """Remind the bureau of accounts to reconcile, on a working day."""
        if not is_working_day(now.date()):
            return {}
        with unit_of_work(self.system.engine) as session:
            closed = last_closed(session)
            return remind(session, closed) if closed is not None else {}

    def backup(self, _: datetime) -> Mapping[str, int]:
        """Back the books up once there are any; nobody waits for it."""
        with unit_of_work(self.system.engine) as session:
            if peek(session) is None:
                return {}
        backup(self.system.settings, self.system.settings.backups_path)
        return {"written": 1}
