"""Stations and their three records: tariffs, readings with their corrections, receivables, cash, and what is missing (E8)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import open_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from test_loan_life import bullet_loan

from app import wiring
from app.bankfiles.layout import LayoutRefused
from app.demo.portfolio import households, loans
from app.demo.sunshine import solar_rows, station_day
from app.imports import grid
from app.imports.batch import Desk, import_file, undo
from app.imports.kinds import IMPORTERS
from app.imports.sheet import SheetRefused
from ledger.books import Book
from ledger.business_day import flip
from ledger.db import unit_of_work
from ledger.journal import journal_text
from ledger.money import decimal_yuan
from ledger.queries import entry_referenced
from loans.applications.application import Application
from registry.cipher import Cipher
from solar import metering, settlement, ties
from solar.errors import DebtRefused, NoTariff, SettlementRefused, StationRefused
from solar.generation import Read, Swap, months_of
from solar.matching import match
from solar.metering import MeterSwap, Reading
from solar.positions import Lack, Position, missing, positions
from solar.receivable import Due, due_for, dues_of
from solar.settlement import Receipt
from solar.stations import Station, StationKind, any_sealed, register, stations
from solar.tariffs import tariffs
from solar.unburdened import VillageStationsUnburdened

D = Decimal
NOV, DEC, JAN = date(2018, 11, 1), date(2018, 12, 1), date(2019, 1, 1)
TODAY = date(2019, 7, 1)
ACCOUNT = "6217000099990001"


def village(book: Book, cipher: Cipher, meter: str = "V1", **over: Any) -> Station:
    made = Station(
        book=book, meter=meter, kind=StationKind.VILLAGE, owner="胡集镇某村", watts=60_000, connected_on=date(2018, 10, 15),
        tariff="village", loan_percent=0, account=cipher.hide(ACCOUNT, "************0001"),
    )  # fmt: skip
    return replace(made, **over)


@pytest.fixture
def sunny(session: Session, cipher: Cipher) -> Station:
    """A village's station of 60 kW, connected on 2018-10-15, at 0.85, on 2019-07-01."""
    one = village(open_city(session, TODAY)["PVA"], cipher)
    assert register(session, [one]) == [one]
    return one


def kwh(month: date, amount: str, **over: Any) -> Reading:
    return Reading(meter="V1", month=month, kwh=D(amount), **over)


def cash(reference: str, coal: int, subsidy: int = 0, month: date | None = None) -> Receipt:
    return Receipt(meter="V1", month=month, reference=reference, received_on=TODAY, coal_fen=coal, subsidy_fen=subsidy)


def position(session: Session) -> Position:
    (found,) = positions(session, stations(session, ["V1"]))
    return found


def open_by_month(session: Session) -> dict[date, tuple[int, int]]:
    return {m.month: (m.open.coal_fen, m.open.subsidy_fen) for m in position(session).months}


def broken(session: Session) -> list[str]:
    return [check.check for check in ties.checks(session) if not check.ok]


def test_e8_the_coal_part_and_the_whole_are_rounded_and_the_subsidy_is_the_difference(session: Session, sunny: Station) -> None:
    metering.read(session, [kwh(NOV, "400"), kwh(DEC, "355"), kwh(JAN, "380")], "t")
    assert [m.due for m in position(session).months] == [Due(15_796, 18_204), Due(14_019, 16_156), Due(15_006, 17_294)]
    entry = entry_referenced(session, sunny.book.id, "solar/V1/2018-12/generated").entry
    assert journal_text(entry).splitlines()[1:] == ["  Dr 1036.05 140.19", "  Dr 1036.06 161.56", "    Cr 2017.01 301.75"]
    assert broken(session) == []


@pytest.mark.parametrize(
    ("code", "connected", "price", "subsidy"),
    [
        ("full_feed_in", date(2013, 9, 1), "1.00", None), ("full_feed_in", date(2016, 12, 31), "0.98", None),
        ("full_feed_in", date(2017, 1, 1), "0.85", None), ("full_feed_in", date(2018, 1, 1), "0.75", None),
        ("full_feed_in", date(2018, 5, 31), "0.70", None), ("full_feed_in", date(2019, 7, 1), "0.55", None),
        ("full_feed_in", date(2020, 6, 1), "0.49", None), ("full_feed_in", date(2021, 1, 1), None, None),
        ("village", date(2016, 1, 1), "0.98", None), ("village", date(2018, 5, 31), "0.85", None),
        ("village", date(2020, 12, 31), "0.85", None), ("household", date(2019, 6, 30), None, "0.42"),
        ("self_use", date(2018, 1, 1), None, "0.37"), ("self_use", date(2021, 1, 1), None, "0.03"),
        ("self_use_business", date(2020, 6, 1), None, "0.05"),
    ],
)  # fmt: skip
def test_a_tariff_is_that_of_the_day_of_connection(code: str, connected: date, price: str | None, subsidy: str | None) -> None:
    found = tariffs().tariff(code, connected)
    assert (found.price, found.subsidy) == (price and D(price), subsidy and D(subsidy))


@pytest.mark.parametrize(
    ("code", "connected"),
    [
        ("village", date(2015, 12, 31)),
        ("village", date(2021, 1, 1)),
        ("household", date(2019, 7, 1)),
        ("nothing", date(2018, 1, 1)),
    ],
)
def test_a_class_without_a_tariff_on_the_day_is_refused(code: str, connected: date) -> None:
    with pytest.raises(NoTariff):
        tariffs().tariff(code, connected)


def test_no_part_is_rounded_on_its_own() -> None:
    """50 kWh: 19.745 and 22.755 would be 19.75 and 22.76, a fen more than 42.50; 0.1 kWh is 0.085, of which 0.04 is coal."""
    assert due_for(D(50), D("0.3949"), D("0.4551")) == Due(1_975, 2_275)
    assert due_for(D("0.1"), D("0.3949"), D("0.4551")) == Due(4, 5)


def test_when_the_coal_price_moves_only_the_split_moves() -> None:
    book = tariffs()
    months = {date(2017, 6, 1): D(400), date(2017, 7, 1): D(400)}
    june, july = dues_of(months, book.tariff("village", date(2017, 5, 1)), 60_000, date(2017, 5, 1), book).values()
    assert (june, july) == (Due(14_916, 19_084), Due(15_796, 18_204))
    june, july = dues_of(months, book.tariff("household", date(2017, 5, 1)), 5_000, date(2017, 5, 1), book).values()
    assert (june, july) == (Due(14_916, 16_800), Due(15_796, 16_800))


def test_subsidy_ends_after_the_hours_of_a_life_and_after_twenty_years() -> None:
    book, connected = tariffs(), date(2017, 5, 1)
    tariff = book.tariff("village", connected)  # 5 kW × 22,000 h = 110,000 kWh
    found = dues_of({NOV: D(100_000), DEC: D(12_000), JAN: D(10)}, tariff, 5_000, connected, book)
    assert found[NOV] == Due(3_949_000, 4_551_000)
    assert found[DEC] == Due(473_880, 455_100), "of 12,000 kWh 10,000 bear subsidy"
    assert found[JAN] == Due(395, 0)
    late = dues_of({date(2037, 4, 1): D(100), date(2037, 5, 1): D(100)}, tariff, 5_000, connected, book)
    assert [due.subsidy_fen for due in late.values()] == [4_551, 0]


def test_the_demos_settlements_are_what_its_tariffs_make_due() -> None:
    book, months = tariffs(), set()
    roofs = [loan for loan in loans(households()) if loan.product == "GFNH"]
    for roof in roofs[:: len(roofs) // 50]:
        connected = station_day(roof)
        for row in (row for rows in solar_rows([roof]).values() for row in rows):
            month = date.fromisoformat(f"{row['月份']}-01")
            amount = {month: D(str(row["上网电量(kWh)"]))}
            due = dues_of(amount, book.tariff("full_feed_in", connected), 5_000, connected, book)[month]
            assert (decimal_yuan(due.coal_fen), decimal_yuan(due.subsidy_fen)) == (row["标杆电费(元)"], row["国家补贴(元)"]), row
            months.add(month)
    assert {date(2017, 6, 1), date(2017, 7, 1)} <= months, "on both sides of a coal price"


def test_a_register_gives_what_it_moved_across_a_swap_and_stated_months() -> None:
    reads = {NOV: Read(register=D(500)), DEC: Read(kwh=D(30)), JAN: Read(register=D(40)), date(2019, 2, 1): Read(register=D(90))}
    swaps = [Swap(month=JAN, old_end=D(560), new_start=D(10))]
    assert months_of(reads, swaps, D(100)) == {NOV: 400, DEC: 30, JAN: 60, date(2019, 2, 1): 50}
    with pytest.raises(ValueError, match="表底示数低于前次示数"):
        months_of(reads, (), D(100))


def test_a_meter_is_swapped_and_what_was_read_since_is_due_anew(session: Session, sunny: Station) -> None:
    metering.read(
        session, [Reading(meter="V1", month=NOV, register=D(400)), Reading(meter="V1", month=DEC, register=D(900))], "t"
    )
    one = MeterSwap(meter="V1", month=DEC, old_end=D(755), new_start=D(800), new_meter="V1B")
    assert metering.replace_meter(session, one, "t")
    assert not metering.replace_meter(session, one, "t")
    assert [m.kwh for m in position(session).months] == [400, 455]
    with pytest.raises(SettlementRefused, match="2019-01 表底示数低于前次示数"), session.begin_nested():
        metering.read(session, [Reading(meter="V1", month=JAN, register=D(899))], "t")
    for new, meter in (("V1B", "新电表号 V1B 已在使用"), ("V1", "新电表号 V1 已在使用")):
        with pytest.raises(SettlementRefused, match=meter):
            metering.replace_meter(session, replace(one, month=JAN, new_meter=new), "t")
    with pytest.raises(StationRefused, match="电站 V1 换装的电表"):
        register(session, [replace(sunny, meter="V1B")])
    assert broken(session) == []


def test_a_correction_after_cash_books_the_difference_in_red_and_the_next_month_absorbs_it(
    session: Session, sunny: Station
) -> None:
    metering.read(session, [kwh(NOV, "400")], "t")
    settlement.receive(session, [cash("R1", 15_796, 18_204, NOV)])
    assert open_by_month(session) == {NOV: (0, 0)}
    with pytest.raises(SettlementRefused, match="已登记，且数字不同；确为更正的，请注明更正"):
        metering.read(session, [kwh(NOV, "355")], "t")
    metering.read(session, [kwh(NOV, "355", corrects=True)], "t")
    red = entry_referenced(session, sunny.book.id, "solar/V1/2018-11/generated/2").entry
    assert journal_text(red).splitlines()[1:] == ["  Dr 1036.05 -17.77", "  Dr 1036.06 -20.48", "    Cr 2017.01 -38.25"]
    assert position(session).over == Due(1_777, 2_048)
    assert [one.fen for one in missing(session, {"V1": sunny}, TODAY) if one.lack is Lack.DUE] == [1_777, 2_048]
    assert broken(session) == []
    metering.read(session, [kwh(DEC, "400")], "t")
    assert (position(session).over, open_by_month(session)[DEC]) == (Due(), (15_796 - 1_777, 18_204 - 2_048))
    metering.read(session, [kwh(NOV, "401", corrects=True)], "t")
    assert open_by_month(session)[NOV] == (39, 46), "too little was paid for November"
    assert broken(session) == []


def test_an_actual_reading_replaces_an_estimate_and_repeats_change_nothing(session: Session, sunny: Station) -> None:
    estimate, actual = kwh(NOV, "410", estimated=True), kwh(NOV, "400")
    metering.read(session, [estimate], "t")
    assert [one.lack for one in missing(session, {"V1": sunny}, date(2018, 12, 5))] == [Lack.ACTUAL]
    assert [one.version for one in metering.read(session, [actual], "t")] == [2]
    assert metering.read(session, [estimate, actual], "t") == [], "neither says anything new"
    assert position(session).open == Due(15_796, 18_204)
    for table in ("reading", "receivable"):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(f"UPDATE solar.{table} SET kwh = 1"))


def test_cash_pays_its_month_and_what_is_for_several_the_oldest_first() -> None:
    due = {NOV: 100, DEC: 100, JAN: 100}
    assert match(due, [(DEC, 40), (None, 150)]).paid == {NOV: 100, DEC: 90, JAN: 0}
    found = match(due, [(JAN, 130), (None, 250), (date(2019, 2, 1), 7)])
    assert (found.paid, found.over_fen) == (due, 87)


def test_late_subsidy_of_several_months_comes_in_one_payment(session: Session, sunny: Station) -> None:
    metering.read(session, [kwh(NOV, "400"), kwh(DEC, "355"), kwh(JAN, "380")], "t")
    settlement.receive(session, [cash("B1", 0, 18_204 + 16_156 + 94)])
    assert {month: subsidy for month, (_, subsidy) in open_by_month(session).items()} == {NOV: 0, DEC: 0, JAN: 17_200}
    settlement.receive(session, [cash("A1", 10_000, 0, NOV)])
    assert open_by_month(session)[NOV] == (5_796, 0), "a part payment"
    with pytest.raises(SettlementRefused, match="流水号 A1 已用于另一笔到账"):
        settlement.receive(session, [cash("A1", 10_001, 0, NOV)])
    held = session.scalar(text("SELECT sum(fen) FROM ledger.posting WHERE account = '2017.07' AND side = 'C'"))
    assert held == 18_204 + 16_156 + 94 + 10_000, "all of a village's income is the village's"
    assert broken(session) == []


FACTS: Sequence[Reading | Receipt] = (
    kwh(NOV, "60000"), kwh(NOV, "70000", corrects=True), kwh(DEC, "5000", estimated=True), kwh(DEC, "80000"),
    kwh(JAN, "9000"), cash("A1", 2_000_000, 0, NOV), cash("A2", 4_000_000, 0, DEC), cash("B1", 0, 5_000_000), cash("B2", 7, 9, JAN),
)  # fmt: skip
"""60,000, then 70,000 kWh; of a plant of 7,001 W 154,022 kWh bear subsidy, so the months share what is left of its life."""


def _final(session: Session, facts: Sequence[Reading | Receipt]) -> object:
    for one in facts:
        if isinstance(one, Reading):
            metering.read(session, [one], "t")
        else:
            settlement.receive(session, [one])
    assert broken(session) == []
    found = position(session)
    balances = session.execute(
        text(
            "SELECT account, sum(CASE side WHEN 'D' THEN fen ELSE -fen END) FROM ledger.posting WHERE project = 'V1' "
            "GROUP BY account ORDER BY account"
        )
    ).all()
    return [(m.month, m.kwh, m.due, m.paid) for m in found.months], found.over, [tuple(row) for row in balances]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(FACTS))))
def test_whatever_comes_first_the_final_position_is_the_same(session: Session, cipher: Cipher, order: list[int]) -> None:
    facts = [FACTS[at] for at in order]
    for month in (NOV, DEC):  # a correction comes after what it corrects
        places = [at for at, one in enumerate(facts) if isinstance(one, Reading) and one.month == month]
        for at, one in zip(places, (one for one in FACTS if isinstance(one, Reading) and one.month == month), strict=True):
            facts[at] = one
    found = []
    for arrived in (FACTS, facts):
        with session.begin_nested() as savepoint:
            book = open_city(session, TODAY)["PVA"]
            register(session, [village(book, cipher, watts=7_001)])
            found.append(_final(session, arrived))
            savepoint.rollback()
        session.info.clear()
    assert found[0] == found[1]
    months = found[0][0]  # type: ignore[index]
    assert months[0][2] == Due(2_764_300, 3_185_700)
    assert months[1][2].subsidy_fen == 3_640_800, "of 80,000 kWh all still bear subsidy"
    assert months[2][2].subsidy_fen == 183_041, "of 9,000 kWh 4,022 do"


def test_what_is_missing_is_listed_by_the_rule_of_each_part(session: Session, sunny: Station) -> None:
    metering.read(session, [kwh(NOV, "400"), kwh(JAN, "380")], "t")

    def lacks(today: date) -> list[tuple[Lack, date | None, int]]:
        return [(one.lack, one.month, one.fen) for one in missing(session, {"V1": sunny}, today)]

    assert lacks(date(2018, 12, 31)) == []
    unread = (Lack.READING, DEC, 0)
    assert lacks(date(2019, 1, 29)) == [unread]
    assert lacks(date(2019, 1, 30)) == [unread, (Lack.COAL, NOV, 15_796)], "60 days after November"
    assert (Lack.SUBSIDY, NOV, 18_204) not in lacks(date(2019, 3, 31))
    assert (Lack.SUBSIDY, NOV, 18_204) in lacks(date(2019, 4, 1)), "by the end of the first quarter of the next year"
    assert not [one for one in lacks(date(2019, 12, 31)) if one[:2] == (Lack.SUBSIDY, JAN)]


def test_a_receivable_that_nothing_was_read_for_does_not_tie(session: Session, sunny: Station) -> None:
    metering.read(session, [kwh(NOV, "400")], "t")
    session.execute(
        text("INSERT INTO solar.receivable VALUES (:book, 'V1', '2018-12-01', 1, 1, 39, 46)"), {"book": sunny.book.id}
    )
    assert broken(session) == [
        "solar: 1036.05 = receivables less receipts", "solar: stations whose 1036.05 is not theirs",
        "solar: 1036.06 = receivables less receipts", "solar: stations whose 1036.06 is not theirs",
        "solar: months whose receivable is not what is read at its tariff",
    ]  # fmt: skip


def test_a_village_station_needs_its_owner_account_and_tariff(session: Session, cipher: Cipher) -> None:
    book = open_city(session, TODAY)["PVA"]
    for over, reason in (
        ({"owner": None, "account": None, "tariff": None}, "村级电站须写明产权人、收款账号、电价类别"),
        ({"watts": 500_001}, "不超过 500 kW"), ({"watts": 5_000}, "大于 7 kW"), ({"household": "H1"}, "不能写建档立卡号"),
        ({"tariff": "self_use"}, "自用电量不经电网结算"), ({"loan_percent": 85}, "还贷比例应为 0"),
        ({"kind": StationKind.HOUSEHOLD, "watts": 5_000}, "须写明建档立卡号和借据号"),
    ):  # fmt: skip
        with pytest.raises(StationRefused, match=reason):
            register(session, [village(book, cipher, **over)])


def test_an_account_is_sealed_found_by_its_fingerprint_and_shown_masked(session: Session, cipher: Cipher) -> None:
    book = open_city(session, TODAY)["PVA"]
    assert not any_sealed(session)
    register(session, [village(book, cipher)])
    assert register(session, [village(book, cipher)]) == [], "sealed anew it is the same number"
    with pytest.raises(StationRefused, match="内容不同"):
        register(session, [village(book, cipher, account=cipher.hide("6217000099990002", "************0002"))])
    sealed, mark, masked = session.execute(text("SELECT account_sealed, account_hmac, account_masked FROM solar.station")).one()
    assert (cipher.open(sealed), mark, masked) == (ACCOUNT, cipher.fingerprint(ACCOUNT), "************0001")
    assert any_sealed(session)


def test_a_village_station_bears_no_loan_from_march_2018(session: Session, cipher: Cipher) -> None:
    books = open_city(session, date(2018, 2, 28))
    loan = bullet_loan(session, books["LB"], date(2017, 6, 1), 5_000_000)
    flip(session, date(2018, 2, 28))
    built = village(
        books["PVA"], cipher, connected_on=date(2017, 8, 1), loan_book_id=loan.book_id, loan_id=loan.id, loan_percent=70
    )
    with session.begin_nested() as savepoint:
        assert register(session, [built]) == [built], "before the rule"
        savepoint.rollback()
    flip(session, date(2018, 3, 1))
    with pytest.raises(DebtRefused, match="国能发新能〔2018〕29号"):
        register(session, [built])


def asks(book: Book, purpose: str, drawn: date = date(2018, 3, 1)) -> Application:
    return Application(
        book=book, contract="C9", product="FMSC", household=None, borrower="B9", fen=1, rate_ppb=43_500_000, drawn_on=drawn,
        maturity=date(2021, 3, 1), purpose=purpose,
    )  # fmt: skip


def test_a_loan_for_a_village_station_is_refused_with_the_rule(session: Session, sunny: Station) -> None:
    check = VillageStationsUnburdened()
    assert any(isinstance(one, VillageStationsUnburdened) for one in wiring.disbursement_checks())
    for purpose in ("建设村级光伏电站", "以电站 V1 电费质押周转"):
        with pytest.raises(DebtRefused, match="国能发新能〔2018〕29号规定，自 2018-03 起村级扶贫电站不得负债建设"):
            check.admit(session, [asks(sunny.book, purpose)])
    for purpose, drawn in (("建设村级光伏电站", date(2018, 2, 28)), ("户用光伏 V12", TODAY), ("养殖", TODAY), ("", TODAY)):
        check.admit(session, [asks(sunny.book, purpose, drawn)])


TITLES = "国网山东省电力公司惠民县供电公司,,,,,\n光伏扶贫电站结算明细,,,,,\n"
HEADINGS = "发电户号,结算月份,上网电量（千瓦时）,上网电费（元）,付款单号,付款日期,实付电费（元）,实付补贴（元）\n"


@pytest.fixture
def arrive(own_engine: Engine, cipher: Cipher, tmp_path: Path) -> Callable[..., Any]:
    """A county with the village's station V1; returns what imports a settlement file of the grid."""
    with unit_of_work(own_engine) as session:
        register(session, [village(open_city(session, TODAY)["PVA"], cipher)])
    number = iter(range(100))

    def take(content: str, layout: grid.Layout | None = None, **options: Any) -> Any:
        path = tmp_path / f"{next(number)}.csv"
        path.write_bytes(content.encode("gb18030"))
        return grid.import_settlements(own_engine, path, Desk(cipher, "t"), layout, **options)

    take.engine = own_engine  # type: ignore[attr-defined]
    return take


def test_a_settlement_file_of_the_grid_is_taken_once(arrive: Any, cipher: Cipher) -> None:
    content = (
        f"{TITLES}{HEADINGS}V1,2018-11,400,157.96,A1,2018-12-20,157.96,\nV1,201812,355,140.19,,,,\n合计,,755,298.15,,,157.96,\n"
    )
    outcome = arrive(content)
    assert (outcome.errors, outcome.taken) == ((), 2)
    assert arrive(content).repeated
    again = arrive(content.replace("合计", "总计"))
    assert (again.errors, again.taken, again.fresh) == ((), 2, 0), "another file that says the same"
    with unit_of_work(arrive.engine) as session:
        assert open_by_month(session) == {NOV: (0, 18_204), DEC: (14_019, 16_156)}
        metering.replace_meter(session, MeterSwap(meter="V1", month=JAN, old_end=D(0), new_start=D(0), new_meter="V1B"), "t")
    swapped = arrive(f"{HEADINGS}V1B,2019-01,380,150.06,,,,\nV1,,,,B1,2019-06-30,,343.60\n")
    assert (swapped.errors, swapped.fresh) == ((), 2)
    with unit_of_work(arrive.engine) as session:
        assert open_by_month(session) == {NOV: (0, 0), DEC: (14_019, 0), JAN: (15_006, 17_294)}
        assert broken(session) == []
    undo(arrive.engine, IMPORTERS, swapped.batch, Desk(cipher, "t"))
    with unit_of_work(arrive.engine) as session:
        assert open_by_month(session) == {NOV: (0, 18_204), DEC: (14_019, 16_156), JAN: (0, 0)}
        assert broken(session) == []


def test_every_bad_row_of_a_settlement_file_is_reported_and_leaves_no_trace(arrive: Any) -> None:
    rows = (
        "V1,2018-11,400,157.97,,,,", "V9,2018-11,400,,,,,", "V1,2018-12,many,,,,,", "V1,2018-09,1,,,,,", "V1,2019-01,,,,,,",
        "V1,2019-02,380,,,2018-12-20,1,", "V1,,380,,,,,", "V1,2019-03,10,,,,,",
    )  # fmt: skip
    outcome = arrive(HEADINGS + "\n".join(rows) + "\n")
    assert outcome.batch is None
    assert [(one.row, one.column) for one in outcome.errors] == [
        (2, "整行"), (3, "整行"), (4, "上网电量"), (5, "整行"), (6, "整行"), (7, "整行"), (8, "整行")
    ]  # fmt: skip
    for one, reason in zip(
        outcome.errors,
        ("应为 157.96 元", "没有登记的电站", "不是数字", "不可能有电量", "既没有电量", "须同时填写", "须写明月份"),
        strict=True,
    ):
        assert reason in one.reason
    with unit_of_work(arrive.engine) as session:
        assert session.scalar(text("SELECT count(*) FROM solar.reading")) == 0


def test_stations_of_villages_come_by_file(arrive: Any, cipher: Cipher, tmp_path: Path) -> None:
    path = tmp_path / "电站.csv"
    head = "县区,银行代码,借据号,电表号,容量(kW),并网日期,类型,产权人,收款账号,电价类别,起始示数(kWh)\n"
    good = "惠民县,,,V2,300,2017-05-01,村级,某村,6217 0000 9999 0003,村级扶贫电站,12.5\n"
    bad = "惠民县,HMRCB,,V3,300,2017-05-01,村级,某村,62170000,村级扶贫电站,\n惠民县,,,V4,300,2015-05-01,村级,某村,62170000,村级扶贫电站,\n"
    path.write_text(head + good + bad, encoding="utf-8")
    refused = import_file(arrive.engine, IMPORTERS["stations"], path, Desk(cipher, "t"))
    assert [(one.row, one.reason) for one in refused.errors] == [
        (3, "电站 V3：银行代码和借据号须同时填写或同时留空"), (4, "2015-05-01 没有“村级扶贫电站”的电价")
    ]  # fmt: skip
    path.write_text(head + good, encoding="utf-8")
    assert import_file(arrive.engine, IMPORTERS["stations"], path, Desk(cipher, "t")).fresh == 1
    with unit_of_work(arrive.engine) as session:
        found = stations(session, ["V2"])["V2"]
    assert (found.kind, found.loan_id, found.loan_percent, found.first_register) == (StationKind.VILLAGE, 0, 0, D("12.5"))
    assert found.account is not None
    assert (cipher.open(found.account.sealed), found.account.masked) == ("6217000099990003", "************0003")


def test_a_layout_says_what_columns_mean_and_is_remembered(arrive: Any, tmp_path: Path) -> None:
    plain = "编号,期间,度数\nV1,2018-11,400\n"
    with pytest.raises(SheetRefused, match="没有认得的列标题"):
        arrive(plain)
    (tmp_path / "map.toml").write_text('meter = "编号"\nmonth = "期间"\nkwh = "度数"\n', encoding="utf-8")
    layout = grid.read_layout(tmp_path / "map.toml")
    assert arrive(plain, layout).taken == 1
    assert arrive("编号,期间,度数\nV1,2018-12,355\n").taken == 1, "as remembered"
    with pytest.raises(SheetRefused, match="--map"):
        arrive("户号,月份,电量\nV1,2019-01,1\n", layout)
    for wrong in ('meter = "编号"', 'month = "期间"\nkwh = "度数"', 'meter = "a"\nkwh = "a"', 'station = "a"', "meter ="):
        (tmp_path / "map.toml").write_text(wrong, encoding="utf-8")
        with pytest.raises(LayoutRefused):
            grid.read_layout(tmp_path / "map.toml")
