"""Files (单证文件): a bank's statement as the outbox and the command line write it, issued and registered."""

from datetime import date
from pathlib import Path

from app.issuing.register import issue
from app.wiring import System
from ledger.db import unit_of_work
from scheduling.close import last_closed
from statements.errors import NotClosedYet

SYSTEM = "system"
"""Who issues what nobody asked for by name."""


def write_statement(system: System, bank: str, first: date, last: date, folder: Path) -> Path:
    """Issue a bank's loan statement (贷款对账单) for the days from first to last, both included; return the file.

    Written again with the same figures, it is the same file, byte for byte.

    Raises:
        UnknownBank: the bank has no loan book.
        NothingToState: it had no loans in the period.
        NotClosedYet: the last day is not closed.
    """
    words = {"bank": bank, "from": first.isoformat(), "to": last.isoformat()}
    with unit_of_work(system.engine) as session:
        closed = last_closed(session)
        if closed is None or last > closed:
            raise NotClosedYet(last, closed)
        _, content = issue(session, "loan-statement", words, SYSTEM, system.settings.font)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"DZ-{bank}-{first:%Y%m%d}-{last:%Y%m%d}.pdf"
        path.write_bytes(content)
    return path
