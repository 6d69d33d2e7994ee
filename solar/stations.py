"""Stations (电站): a household's plant on its roof, tied to the loan that built it, or a village's, which bears no debt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, exists, insert, select, text, tuple_
from sqlalchemy.orm import Session

from ledger.books import Book, books
from ledger.business_day import business_date_from
from ledger.journal import Dimensions
from loans.contract import Contract
from loans.queries import Key, contracts
from registry.cipher import Secret
from solar.errors import DebtRefused, StationRefused
from solar.tables import station, swap
from solar.tariffs import tariffs

SOLAR_PRODUCT = "GFNH"
"""光伏农户贷: the one product that a household's station repays."""


class StationKind(StrEnum):
    """Whose station it is."""

    HOUSEHOLD = "household"  # 户用
    VILLAGE = "village"  # 村级


KIND_NAMES = {"户用": StationKind.HOUSEHOLD, "村级": StationKind.VILLAGE}
CAPACITY = {StationKind.HOUSEHOLD: (3_000, 7_000), StationKind.VILLAGE: (7_001, 500_000)}
"""Watts: a household plant is 3 to 7 kW, a village's up to 500 kW (domain.md 3.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A plant: its meter, owner, capacity and connection, tariff class, and the loan that its income repays in part.

    Attributes:
        household: the number of the household that owns it; a village's has none.
        owner: the village that owns it.
        loan_book_id: with `loan_id`, the loan; 0: no loan stands on it.
        tariff: its class (电价类别), fixed at connection; none: what is due is what the grid's statements say.
        first_register: where its meter's register stood at connection, in kWh.
        account: where its owner's income goes.
    """

    book: Book
    meter: str
    household: str | None = None
    loan_book_id: int = 0
    loan_id: int = 0
    watts: int
    connected_on: date
    loan_percent: int = 85
    kind: StationKind = StationKind.HOUSEHOLD
    owner: str | None = None
    tariff: str | None = None
    first_register: Decimal = Decimal(0)
    account: Secret | None = field(default=None, compare=False)

    def is_as(self, other: "Station") -> bool:
        """Tell whether another registration says the same; sealing a number twice gives two ciphertexts."""
        return self == other and (self.account and self.account.mark) == (other.account and other.account.mark)


def register(session: Session, wanted: Sequence[Station]) -> list[Station]:
    """Register stations and return those that are new; one that is there with the same facts stays as it is.

    Raises:
        StationRefused: capacity or share out of range, the meter or the loan belongs to another station, the loan is not this
            household's 光伏农户贷, or a village's station lacks its owner, account or tariff class.
        DebtRefused: a loan on a village's station after these must be free of debt.
        NoTariff: the class has no tariff on the day of connection.
        FutureDate: one is connected after the business date.
    """
    today = business_date_from(session, (one.connected_on for one in wanted))
    known = stations(session, [one.meter for one in wanted])
    loans = contracts(session, {(one.loan_book_id, one.loan_id) for one in wanted if one.loan_id})
    taken = on_loans(session, loans)
    swapped = swapped_meters(session, [one.meter for one in wanted])
    fresh = []
    for one in wanted:
        _require_sound(one)
        if one.meter in known:
            if not known[one.meter].is_as(one):
                raise StationRefused(one.meter, "电表号已登记，且内容不同")
            continue
        if one.meter in swapped:
            raise StationRefused(one.meter, f"电表号是电站 {swapped[one.meter]} 换装的电表")
        if one.loan_id:
            _require_loan(one, loans[(one.loan_book_id, one.loan_id)], taken, today)
        known[one.meter] = one
        fresh.append(one)
    if fresh:
        session.execute(insert(station).inline(), [_row(one) for one in fresh])
    return fresh


def on_loans(session: Session, loans: Collection[Key]) -> dict[Key, str]:
    """Return the meters of the stations that repay loans, by (book id, loan id)."""
    rows = session.execute(
        select(station.c.loan_book_id, station.c.loan_id, station.c.meter).where(
            tuple_(station.c.loan_book_id, station.c.loan_id).in_(list(loans))
        )
    )
    return {(row.loan_book_id, row.loan_id): row.meter for row in rows}


def stations(session: Session, meters: Collection[str]) -> dict[str, Station]:
    """Return stations by meter."""
    wanted = station.c.meter == text("ANY(:meters)").bindparams(meters=list(meters))
    return _found(session, select(station).where(wanted))


def stations_of(session: Session, book_ids: Collection[int]) -> dict[str, Station]:
    """Return the stations of books by meter, in order."""
    return _found(
        session, select(station).where(station.c.book_id.in_(list(book_ids))).order_by(station.c.book_id, station.c.meter)
    )


def swapped_meters(session: Session, meters: Collection[str]) -> dict[str, str]:
    """Return, of these numbers, those of meters that replaced another: the meter by which the station is known."""
    rows = session.execute(select(swap.c.new_meter, swap.c.meter).where(swap.c.new_meter.in_(list(meters))))
    return {row.new_meter: row.meter for row in rows}


def dimensions(one: Station) -> Dimensions:
    """Return what a station's postings say of it."""
    return Dimensions(county=one.book.county, project=one.meter)


def any_sealed(session: Session) -> bool:
    """Tell whether an account number of a station is sealed."""
    return bool(session.scalar(select(exists().where(station.c.account_sealed.is_not(None)))))


def _found(session: Session, query: Select[Any]) -> dict[str, Station]:
    mine = {book.id: book for book in books(session)}
    return {
        row.meter: Station(
            book=mine[row.book_id], meter=row.meter, household=row.household, loan_book_id=row.loan_book_id or 0,
            loan_id=row.loan_id or 0, watts=row.watts, connected_on=row.connected_on, loan_percent=row.loan_percent,
            kind=StationKind(row.kind), owner=row.owner, tariff=row.tariff, first_register=row.first_register,
            account=Secret(sealed=row.account_sealed, mark=row.account_hmac, masked=row.account_masked)
            if row.account_sealed else None,
        )
        for row in session.execute(query)
    }  # fmt: skip


def _require_sound(one: Station) -> None:
    least, most = CAPACITY[one.kind]
    if not least <= one.watts <= most:
        allowed = "户用电站应为 3—7 kW" if one.kind is StationKind.HOUSEHOLD else "村级电站应大于 7 kW，不超过 500 kW"
        raise StationRefused(one.meter, f"容量 {one.watts / 1000:g} kW，{allowed}")
    if one.first_register < 0:
        raise StationRefused(one.meter, "起始示数不得为负")
    if one.loan_id and not 0 < one.loan_percent <= 100:
        raise StationRefused(one.meter, "还贷比例应在 1% 到 100% 之间")
    if one.kind is StationKind.VILLAGE:
        _require_village(one)
    elif not (one.loan_id and one.household):
        raise StationRefused(one.meter, "户用电站须写明建档立卡号和借据号")
    if one.tariff is not None:
        tariffs().tariff(one.tariff, one.connected_on)
        if tariffs().classes[one.tariff].own_use:
            raise StationRefused(one.meter, "自发自用电站的自用电量不经电网结算，其补贴无法代管")


def _require_village(one: Station) -> None:
    lacking = [
        name
        for name, given in (("产权人", one.owner), ("收款账号", one.account), ("电价类别", one.tariff))
        if not given
    ]  # fmt: skip
    if lacking:
        raise StationRefused(one.meter, f"村级电站须写明{'、'.join(lacking)}")
    if one.household:
        raise StationRefused(one.meter, "村级电站归村集体，不能写建档立卡号")
    if one.loan_percent and not one.loan_id:
        raise StationRefused(one.meter, "没有贷款的村级电站，还贷比例应为 0")


def _require_loan(one: Station, loan: Contract, taken: dict[Key, str], today: date) -> None:
    """Refuse a loan that can't stand on a station; note that it now does."""
    if one.kind is StationKind.VILLAGE:
        rule = tariffs().debt_free
        if today >= rule.since:
            raise DebtRefused(f"村级电站 {one.meter}，借据 {loan.contract}", rule.since, rule.document)
        if loan.household is not None:
            raise StationRefused(one.meter, f"借据 {loan.contract} 是户 {loan.household} 的，不是村级电站的")
    elif loan.product != SOLAR_PRODUCT:
        raise StationRefused(one.meter, f"借据 {loan.contract} 不是光伏农户贷")
    elif loan.household != one.household:
        raise StationRefused(one.meter, f"借据 {loan.contract} 是户 {loan.household} 的，不是户 {one.household} 的")
    if loan.key in taken:
        raise StationRefused(one.meter, f"借据 {loan.contract} 已有电站 {taken[loan.key]}")
    taken[loan.key] = one.meter


def _row(one: Station) -> Mapping[str, object]:
    kept = one.account
    return {
        "book_id": one.book.id, "meter": one.meter, "kind": one.kind.value, "household": one.household, "owner": one.owner,
        "loan_book_id": one.loan_book_id or None, "loan_id": one.loan_id or None, "watts": one.watts,
        "connected_on": one.connected_on, "loan_percent": one.loan_percent, "tariff": one.tariff,
        "first_register": one.first_register, "account_sealed": kept.sealed if kept else None,
        "account_hmac": kept.mark if kept else None, "account_masked": kept.masked if kept else None,
    }  # fmt: skip
