"""Settlement of solar income: what the meters read, what the grid and the nation pay, and the split.

The coal price part arrives soon, the national subsidy late: generation, receivable and cash are three records.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from ledger.business_day import business_date, business_date_from
from ledger.calendar import month_of
from ledger.journal import JournalEntry
from ledger.posting import post_many
from ledger.queries import free_references
from ledger.reversal import take_back
from solar import entries
from solar.errors import SettlementRefused
from solar.sharing import Parts, Sharing
from solar.stations import Station, dimensions, stations
from solar.sweeping import alone
from solar.tables import reading, receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a meter fed into the grid in a month, and what is due for it in fen."""

    meter: str
    month: date
    kwh: Decimal
    coal_fen: int
    subsidy_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Cash for a month of a meter, in fen; `reference` is the payer's serial number."""

    meter: str
    month: date
    reference: str
    received_on: date
    coal_fen: int
    subsidy_fen: int


def read(session: Session, readings: Sequence[Reading]) -> list[Reading]:
    """Book meter readings; one already booked with the same figures stays as it is. Return the new ones.

    Raises:
        SettlementRefused: the meter is unknown, a figure is negative, or the month is booked with other figures.
        FutureDate: a month has not begun.
    """
    today = business_date_from(session, (one.month for one in readings))
    known = stations(session, {one.meter for one in readings})
    stored = {
        (row.meter, row.month): (row.kwh, row.coal_fen, row.subsidy_fen)
        for row in session.execute(select(reading).where(reading.c.meter.in_({one.meter for one in readings})))
    }
    fresh: list[Reading] = []
    for one in readings:
        _require(one.meter in known, one.meter, "没有登记的电站")
        since = known[one.meter].connected_on
        _require(one.month >= month_of(since), one.meter, f"{since} 并网，{one.month:%Y-%m} 不可能有电量")
        _require(one.kwh >= 0 and one.coal_fen >= 0 and one.subsidy_fen >= 0, one.meter, "电量和电费不得为负")
        figures = (one.kwh, one.coal_fen, one.subsidy_fen)
        if (one.meter, one.month) in stored:
            _require(stored[(one.meter, one.month)] == figures, one.meter, f"{one.month:%Y-%m} 已登记，且数字不同")
            continue
        stored[(one.meter, one.month)] = figures
        fresh.append(one)
    if fresh:
        session.execute(
            insert(reading).inline(),
            [
                {
                    "book_id": known[one.meter].book.id, "meter": one.meter, "month": one.month, "kwh": one.kwh,
                    "coal_fen": one.coal_fen, "subsidy_fen": one.subsidy_fen,
                }
                for one in fresh
            ],
        )  # fmt: skip
    _post(session, known, [(one.meter, f"{one.month:%Y-%m}/generated", "generated", today, "光伏发电应收电费",
          entries.generated(one.coal_fen, one.subsidy_fen, dimensions(known[one.meter]))) for one in fresh])  # fmt: skip
    return fresh


def receive(session: Session, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Book cash for readings and split it; return the receipts that are new.

    Raises:
        SettlementRefused: no reading of that month, more than is due, or the serial number is used for something else.
        FutureDate: cash of a day that has not come.
    """
    business_date_from(session, (one.received_on for one in receipts))
    known = stations(session, {one.meter for one in receipts})
    due = _open(session, known)
    stored = {
        (row.meter, row.reference): (row.month, row.received_on, row.coal_fen, row.subsidy_fen)
        for row in session.execute(select(receipt).where(receipt.c.meter.in_(known)))
    }
    sharing = Sharing(session, known.values(), receipts)
    fresh: list[tuple[Receipt, Parts]] = []
    for one in receipts:
        found = stored.get((one.meter, one.reference))
        facts = (one.month, one.received_on, one.coal_fen, one.subsidy_fen)
        if found is not None:
            _require(found == facts, one.meter, f"流水号 {one.reference} 已用于另一笔到账")
            continue
        coal, subsidy = due.get((one.meter, one.month), (0, 0))
        fits = 0 <= one.coal_fen <= coal and 0 <= one.subsidy_fen <= subsidy and one.coal_fen + one.subsidy_fen > 0
        _require(fits, one.meter, f"{one.month:%Y-%m} 到账超过应收")
        due[(one.meter, one.month)] = (coal - one.coal_fen, subsidy - one.subsidy_fen)
        stored[(one.meter, one.reference)] = facts
        fresh.append((one, sharing.split(one.meter, one.received_on, one.coal_fen + one.subsidy_fen)))
    if fresh:
        session.execute(
            insert(receipt).inline(),
            [
                {
                    "book_id": known[one.meter].book.id, "meter": one.meter, "reference": one.reference, "month": one.month,
                    "received_on": one.received_on, "coal_fen": one.coal_fen, "subsidy_fen": one.subsidy_fen,
                    **{f"{share}_fen": fen for share, fen in parts.items()},
                }
                for one, parts in fresh
            ],
        )  # fmt: skip
    _post(session, known, [(one.meter, f"received/{one.reference}", "received", one.received_on,
          "电费到账并分配", entries.received(one.coal_fen, one.subsidy_fen, parts, dimensions(known[one.meter])))
          for one, parts in fresh])  # fmt: skip
    return [one for one, _ in fresh]


def undo_receipts(session: Session, keys: Sequence[tuple[str, str]], actor: str) -> None:
    """Take cash (meter, serial number) back as if it had never come: its entry in red, its record gone.

    Raises:
        SettlementRefused: the loan's share has left for the bank.
    """
    today = business_date(session)
    alone(session)
    known = stations(session, {meter for meter, _ in keys})
    for meter, reference in keys:
        one = known[meter]
        where = (receipt.c.book_id == one.book.id) & (receipt.c.meter == meter) & (receipt.c.reference == reference)
        swept = session.scalars(delete(receipt).where(where).returning(receipt.c.swept_on)).all()
        _require(not any(swept), meter, "到账已划转还贷，不能撤销")
    for meter, reference in keys:
        take_back(session, known[meter].book, f"solar/{meter}/received/{reference}", today, actor)


def undo_readings(session: Session, keys: Sequence[tuple[str, date]], actor: str) -> None:
    """Take readings (meter, month) back as if they had never been.

    Raises:
        SettlementRefused: cash has come for one of them.
    """
    today = business_date(session)
    known = stations(session, {meter for meter, _ in keys})
    for meter, month in keys:
        one = known[meter]
        paid = select(receipt.c.reference).where(
            receipt.c.book_id == one.book.id, receipt.c.meter == meter, receipt.c.month == month
        )
        _require(session.scalar(paid.limit(1)) is None, meter, f"{month:%Y-%m} 已有到账，不能撤销")
        session.execute(
            delete(reading).where(reading.c.book_id == one.book.id, reading.c.meter == meter, reading.c.month == month)
        )
        take_back(session, one.book, f"solar/{meter}/{month:%Y-%m}/generated", today, actor)


def _open(session: Session, known: dict[str, Station]) -> dict[tuple[str, date], tuple[int, int]]:
    """Return what is still due, (coal part, subsidy part) in fen, by meter and month."""
    due = {
        (row.meter, row.month): (row.coal_fen, row.subsidy_fen)
        for row in session.execute(select(reading).where(reading.c.meter.in_(known)))
    }
    for row in session.execute(select(receipt).where(tuple_(receipt.c.meter, receipt.c.month).in_(list(due)))) if due else ():
        coal, subsidy = due[(row.meter, row.month)]
        due[(row.meter, row.month)] = (coal - row.coal_fen, subsidy - row.subsidy_fen)
    return due


def _post(
    session: Session,
    known: dict[str, Station],
    made: Sequence[tuple[str, str, str, date, str, entries.Lines]],
) -> None:
    """Post (meter, reference, kind, value date, narration, lines) for each station in its county's book."""
    free = free_references(session, ((known[meter].book.id, f"solar/{meter}/{reference}") for meter, reference, *_ in made))
    post_many(
        session,
        [
            JournalEntry(
                book=known[meter].book.code, reference=free[(known[meter].book.id, f"solar/{meter}/{reference}")],
                kind=f"solar.{kind}", value_date=value_date, narration=f"{narration} {meter}", postings=lines,
                event=f"solar/{meter}/{reference}",
            )
            for meter, reference, kind, value_date, narration, lines in made
            if lines
        ],
    )  # fmt: skip


def _require(condition: bool, meter: str, reason: str) -> None:  # noqa: FBT001
    if not condition:
        raise SettlementRefused(meter, reason)
