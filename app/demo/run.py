"""Running the demo: open the city's books, send each day's files through the imports, close each night.

Whatever is done already is found done: a killed demo goes on where it was, and ends with the same books.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from app import wiring
from app.demo.files import DemoFile, files
from app.demo.portfolio import CITY, FIRST, LAST, households, loans
from app.imports.batch import Desk, import_file
from app.imports.kinds import IMPORTERS
from app.opening import open_books
from app.wiring import System
from ledger.books import books
from ledger.calendar import DAY, days, next_month
from ledger.closing import NightsClosed, close_month
from ledger.db import unit_of_work
from ledger.periods import closed_months
from ledger.vouchers.queries import VouchersPosted
from scheduling.close import close, next_to_close

MONTH_CLOSES_AFTER_DAYS = 5
"""A month's books close five days after its end."""


class DemoStopped(Exception):
    """A file of the demo was refused, which means that the data folder holds something else than the demo."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a run of the demo did."""

    nights: int
    files: int


def run(system: System, until: date, progress: Callable[[date, int, int], None]) -> Done:
    """Bring the demo up to the close of a day; `progress` hears of each night (day, nights done, nights in all).

    Raises:
        DemoStopped: the books hold something else than the demo.
    """
    _open_city(system)
    first = next_to_close(system.engine)
    until = min(until, LAST)
    if first > until:
        return Done(0, 0)
    everything = files(homes := households(), loans(homes))
    gc.freeze()  # it is all kept to the end, so the collector need not walk it at every turn
    folder = system.settings.data / "demo"
    steps = wiring.night_steps()
    nights, imported = (until - FIRST).days + 1, 0
    for day in days(first, until + DAY):
        if day == first or day.day == MONTH_CLOSES_AFTER_DAYS + 1:
            _close_months(system, day)
        for file in everything.get(day, ()):
            _send(system, file, folder)
            imported += 1
        close(system.engine, steps, day)
        progress(day, (day - FIRST).days + 1, nights)
    return Done((until - first).days + 1, imported)


def _open_city(system: System) -> None:
    with unit_of_work(system.engine) as session:
        if any(book.code == "RCF-371621" for book in books(session)):
            return
        if books(session):
            raise DemoStopped("这个数据库里已有其他账套，演示只能在空的数据目录里运行（设置 FUPIN_DATA）")
        open_books(session, CITY)


def _close_months(system: System, today: date) -> None:
    """Close every month whose grace has passed, in all books."""
    with unit_of_work(system.engine) as session:
        closed = closed_months(session)
        month = FIRST
        while next_month(month) + MONTH_CLOSES_AFTER_DAYS * DAY <= today:
            for book in books(session):
                if (book.id, month) not in closed:
                    close_month(session, book, month, "会计主管（演示）", (NightsClosed(), VouchersPosted()))
            month = next_month(month)


def _send(system: System, file: DemoFile, folder: Path) -> None:
    desk = Desk(system.cipher, "银行经办（演示）")
    outcome = import_file(system.engine, IMPORTERS[file.kind], file.write(folder), desk)
    if outcome.errors:
        first = outcome.errors[0]
        raise DemoStopped(f"{file.name} 第 {first.row} 行 {first.column} {first.value}：{first.reason}")
