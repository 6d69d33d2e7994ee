"""Settlement of solar income: what the grid and the nation pay, and the split.

The coal price part arrives soon, the national subsidy late, and either before or after the reading that it is for: cash is a
record of its own, which months it pays is a question (`solar/matching.py`), and what is over waits for the next reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, insert, select
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
from solar.tables import receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Cash for a month of a meter, or for several (no month), in fen; `reference` is the payer's serial number."""

    meter: str
    month: date | None
    reference: str
    received_on: date
    coal_fen: int
    subsidy_fen: int


def receive(session: Session, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Book cash for readings and split it; return the receipts that are new.

    Raises:
        SettlementRefused: the meter is unknown, the month lies before its connection, an amount is negative or there is none,
            or the serial number is used for something else.
        FutureDate: cash of a day that has not come.
    """
    business_date_from(session, (one.received_on for one in receipts))
    known = stations(session, {one.meter for one in receipts})
    stored = {
        (row.meter, row.reference): (row.month, row.received_on, row.coal_fen, row.subsidy_fen)
        for row in session.execute(select(receipt).where(receipt.c.meter.in_(known)))
    }
    sharing = Sharing(session, known.values(), receipts)
    fresh: list[tuple[Receipt, Parts]] = []
    for one in receipts:
        _require(one.meter in known, one.meter, "没有登记的电站")
        found = stored.get((one.meter, one.reference))
        facts = (one.month, one.received_on, one.coal_fen, one.subsidy_fen)
        if found is not None:
            _require(found == facts, one.meter, f"流水号 {one.reference} 已用于另一笔到账")
            continue
        _require(min(one.coal_fen, one.subsidy_fen) >= 0 < one.coal_fen + one.subsidy_fen, one.meter, "到账金额必须大于零")
        since = known[one.meter].connected_on
        _require(one.month is None or one.month >= month_of(since), one.meter, f"{since} 并网，不可能有此前的电费")
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
