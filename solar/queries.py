"""Questions to the stations: what was agreed on them, what they hold for their loans, and what each rung got."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from solar.agreement import Agreement, Share, Source, from_json, simple
from solar.stations import Station, StationKind
from solar.waterfall import Rung


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """An agreement with the day it holds from; `seq` orders those of one day, the latest holds."""

    seq: int
    valid_from: date
    document: str
    why: str
    actor: str
    terms: Agreement


Amounts = dict[Rung, tuple[int, int, int]]
"""What rungs got: (fen, of it interest, of it principal)."""


@dataclass(slots=True)
class Stand:
    """What a station holds and is owed for its waterfall, in fen; sums of what is booked, moved on by each pour."""

    held_fen: int = 0
    reserve_fen: int = 0
    company_fen: int = 0
    company_open_fen: int = 0
    pool_open_fen: int = 0
    poured: dict[date, Amounts] = field(default_factory=dict)

    @property
    def open_fen(self) -> int:
        """What pool and company have not got back."""
        return self.pool_open_fen + self.company_open_fen

    def move(self, rungs: Amounts) -> None:
        """Take in what the rungs of a day did."""
        fen = {rung: amounts[0] for rung, amounts in rungs.items()}
        get = fen.get
        self.held_fen += get(Rung.HELD, 0)
        self.reserve_fen += get(Rung.REFILL_RESERVE, 0) - get(Rung.RESERVE, 0)
        self.company_fen -= get(Rung.COMPANY, 0)
        self.company_open_fen += get(Rung.COMPANY, 0) - get(Rung.REFILL_COMPANY, 0)
        self.pool_open_fen += get(Rung.POOL, 0) - get(Rung.REFILL_POOL, 0)

    def add(self, source: str, fen: int) -> None:
        """Take in money from outside."""
        if source == Source.RESERVE:
            self.reserve_fen += fen
        else:
            self.company_fen += fen


_OF = "book_id = ANY(:books) AND meter = ANY(:meters)"


def _keys(asked: Iterable[Station]) -> dict[str, object]:
    """Return what narrows a question to stations along their key."""
    asked = list(asked)
    return {"books": sorted({one.book.id for one in asked}), "meters": [one.meter for one in asked]}


def agreements(session: Session, asked: Iterable[Station]) -> dict[str, list[InForce]]:
    """Return what was ever agreed on stations, in order, by meter."""
    asked = list(asked)
    found: dict[str, list[InForce]] = {one.meter: [] for one in asked}
    rows = session.execute(text(f"SELECT * FROM solar.agreement WHERE {_OF} ORDER BY valid_from, seq"), _keys(asked))
    for row in rows:
        found[row.meter].append(
            InForce(
                seq=row.seq, valid_from=row.valid_from, document=row.document, why=row.why, actor=row.actor,
                terms=from_json(row.body),
            )
        )  # fmt: skip
    return found


def agreed_on(one: Station, found: Iterable[InForce], day: date) -> Agreement:
    """Return the agreement that holds on a day; without one, the station's own percentage."""
    begun = [agreed.terms for agreed in found if agreed.valid_from <= day]
    owner = Share.VILLAGE if one.kind is StationKind.VILLAGE else Share.HOUSEHOLD
    return begun[-1] if begun else simple(one.loan_percent if one.loan_id else 0, owner)


def later_contributions(session: Session, one: Station, after: date) -> list[tuple[date, str, int]]:
    """Return money from outside for a station after a day, in order: (value date, source, fen)."""
    rows = session.execute(
        text(
            f"SELECT value_date, source, fen FROM solar.contribution WHERE {_OF} AND value_date > :after ORDER BY value_date, seq"
        ),
        {**_keys([one]), "after": after},
    )
    return [(row.value_date, row.source, row.fen) for row in rows]


def stands(session: Session, asked: Iterable[Station], before: date) -> dict[str, Stand]:
    """Return what stations hold before the waterfall of a day; later days that were poured already stand beside it."""
    found: dict[str, Stand] = defaultdict(Stand)
    keys = _keys(asked)
    for meter, source, fen in session.execute(
        text(
            "SELECT meter, source, sum(fen)::bigint FROM solar.contribution "
            f"WHERE {_OF} AND value_date <= :before GROUP BY meter, source"
        ),
        {**keys, "before": before},
    ):
        found[meter].add(source, fen)
    rows = session.execute(
        text(
            "SELECT meter, CASE WHEN poured_on >= :before THEN poured_on END AS day, rung, sum(fen)::bigint AS fen, "
            "sum(interest_fen)::bigint AS interest, sum(principal_fen)::bigint AS principal FROM solar.rung "
            f"WHERE {_OF} GROUP BY 1, 2, 3"
        ),
        {**keys, "before": before},
    )
    for row in rows:
        amounts = {Rung(row.rung): (row.fen, row.interest, row.principal)}
        if row.day is None:
            found[row.meter].move(amounts)
        else:
            found[row.meter].poured.setdefault(row.day, {}).update(amounts)
    return found
