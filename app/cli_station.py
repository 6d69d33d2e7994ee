"""Commands about solar stations (光伏): the register and tariffs, readings and swaps, the grid's settlements, what is open."""

import csv
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from app.entrance import BookOption, Day, day_of, opened
from app.imports.batch import Desk
from app.imports.cells import CellRefused, account_cell, date_cell, month_cell, number_cell, zero_or_more_fen_cell
from app.imports.grid import import_settlements, read_layout
from app.screen import busy, out, print_outcome, say
from ledger.books import BookKind, book_named, books
from ledger.business_day import business_date
from ledger.db import unit_of_work
from ledger.journal import BookCode
from ledger.money import yuan
from loans.errors import UnknownLoan
from loans.queries import contracts_numbered
from registry.identity import masked_account
from solar import metering
from solar import stations as plants
from solar.errors import StationRefused
from solar.positions import missing as missing_of
from solar.positions import positions
from solar.stations import KIND_NAMES, Station, StationKind
from solar.tariffs import Tariff, tariffs

app = typer.Typer(help="Solar stations: register, tariffs, readings, settlements (光伏).", no_args_is_help=True)
station_app = typer.Typer(help="The register of stations (电站登记).", no_args_is_help=True)
settle_app = typer.Typer(help="The grid's settlement files (电网结算).", no_args_is_help=True)
app.add_typer(station_app, name="station")
app.add_typer(settle_app, name="settle")

Class = StrEnum("Class", {code: code for code in tariffs().classes})  # type: ignore[misc]
SolarBook = Annotated[str, typer.Option("--book", help="A county's solar book, such as PVA-371621 (光伏收益代管专账).")]
Meter = Annotated[str, typer.Argument(help="The station's meter number (电表号).")]
Month = Annotated[str, typer.Argument(help="A month such as 2017-03 (月份).")]
By = Annotated[str | None, typer.Option("--by", help="Who does it (经办人); the system's actor if left out.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the rows to this file, for Excel.")]
NAMES = {kind: name for name, kind in KIND_NAMES.items()}


@station_app.command()
def add(
    meter: Meter,
    book: SolarBook,
    watts: Annotated[int, typer.Option("--watts", help="Capacity in watts (容量).")],
    connected: Annotated[str, typer.Option("--connected", help="Day of grid connection (并网日期).")],
    tariff: Annotated[Class, typer.Option("--tariff", help="Tariff class, fixed at connection (电价类别).")],
    kind: Annotated[StationKind, typer.Option("--kind", help="Whose it is (户用、村级).")] = StationKind.HOUSEHOLD,
    household: Annotated[str | None, typer.Option("--household", help="The household's number (建档立卡号).")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="The village that owns it (产权人).")] = None,
    loan_book: Annotated[str | None, typer.Option("--loan-book", help="The loan's book (贷款备查账).")] = None,
    contract: Annotated[str | None, typer.Option("--contract", help="The loan that built it (借据号).")] = None,
    percent: Annotated[int | None, typer.Option("--percent", help="The loan's share in % (还贷比例).")] = None,
    first_register: Annotated[str, typer.Option("--register", help="The register at connection in kWh (起始示数).")] = "0",
    account: Annotated[str | None, typer.Option("--account", help="The owner's account (收款账号); - asks for it.")] = None,
) -> None:
    """Register a station (电站登记); the same again changes nothing."""
    number = typer.prompt("account (收款账号)", hide_input=True) if account == "-" else account
    day = _parsed(date_cell, connected)
    with opened() as system, unit_of_work(system.engine) as session:
        loan = _loan(session, meter, loan_book, contract)
        digits = _digits(meter, number)
        wanted = Station(
            book=book_named(session, BookCode(book)), meter=meter, kind=kind, household=household, owner=owner,
            loan_book_id=loan[0], loan_id=loan[1], watts=watts, connected_on=day, tariff=tariff.value,
            loan_percent=percent if percent is not None else 85 if loan[1] else 0,
            first_register=_parsed(number_cell, first_register),
            account=system.cipher.hide(digits, masked_account(digits)) if digits else None,
        )  # fmt: skip
        made = plants.register(session, [wanted])
    say(f"{meter} registered (已登记)" if made else f"{meter} is there already (已在册); nothing was changed")


@station_app.command("list")
def list_(book: BookOption = None, to: Csv = None) -> None:
    """List stations (电站名册)."""
    headings = ("账套", "电表号", "类型", "产权人", "容量(kW)", "并网日期", "电价类别", "还贷比例(%)", "收款账号")
    with opened() as system, unit_of_work(system.engine) as session:
        rows = [
            (
                one.book.code, one.meter, NAMES[one.kind], one.household or one.owner or "", f"{one.watts / 1000:g}",
                str(one.connected_on), tariffs().classes[one.tariff].name if one.tariff else "按结算单",
                str(one.loan_percent), one.account.masked if one.account else "",
            )
            for one in _chosen(session, book).values()
        ]  # fmt: skip
    _print("stations (电站)", headings, rows, to)


@app.command()
def tariff(
    class_: Annotated[Class | None, typer.Option("--class", help="A tariff class (电价类别); all if left out.")] = None,
) -> None:
    """Show the tariffs by the day of connection with their documents, and the coal price by month (上网电价)."""
    book = tariffs()
    rows = [
        (book.classes[code].name, str(one.connected_from), _price(one), one.document)
        for code in ([class_.value] if class_ else book.classes)
        for one in book.rows[code]
    ]
    _print("tariffs (上网电价, 元/kWh)", ("电价类别", "并网日起", "电价", "文件"), rows)
    coal = [(str(one.valid_from), str(one.price), "假定" if one.assumed else "") for one in book.coal]
    _print("coal benchmark price (燃煤标杆电价, 元/kWh)", ("起", "电价", "依据"), coal)
    life = book.life
    say(
        f"subsidy ends (补贴截止) after {life.hours:,} full-load hours (合理利用小时) or {life.years} years, {life.document}"
        f"{' (假定)' if life.assumed else ''}; village stations bear no debt (不得负债) since {book.debt_free.since}, "
        f"{book.debt_free.document}"
    )


@app.command()
def read(
    meter: Meter,
    month: Month,
    kwh: Annotated[str | None, typer.Option("--kwh", help="What it fed in (上网电量).")] = None,
    register: Annotated[str | None, typer.Option("--register", help="The register at the month's end (表底示数).")] = None,
    coal: Annotated[str | None, typer.Option("--coal", help="Coal part by the statement, in yuan (标杆电费).")] = None,
    subsidy: Annotated[str | None, typer.Option("--subsidy", help="Subsidy by the statement, in yuan (国家补贴).")] = None,
    estimated: Annotated[bool, typer.Option("--estimated", help="The grid estimated it (估算).")] = False,
    corrects: Annotated[bool, typer.Option("--correct", help="It replaces what was read (更正).")] = False,
    by: By = None,
) -> None:
    """Book a reading and what is due for it (抄表); a correction books the difference, in red where it falls."""
    with opened() as system, unit_of_work(system.engine) as session:
        known_as = plants.swapped_meters(session, [meter]).get(meter, meter)
        one = metering.Reading(
            meter=known_as, month=_parsed(month_cell, month), kwh=_parsed(number_cell, kwh),
            register=_parsed(number_cell, register), coal_fen=_parsed(zero_or_more_fen_cell, coal),
            subsidy_fen=_parsed(zero_or_more_fen_cell, subsidy), estimated=estimated, corrects=corrects,
        )  # fmt: skip
        made = metering.read(session, [one], by or system.settings.actor)
        (position,) = positions(session, plants.stations(session, [known_as]))
    (found,) = [m for m in position.months if m.month == one.month]
    done = "booked (已登记)" if made else "is there already (已在册); nothing was changed"
    say(
        f"{known_as} {one.month:%Y-%m} {done}: {found.kwh} kWh, coal part (标杆电费) {yuan(found.due.coal_fen)}, "
        f"subsidy (国家补贴) {yuan(found.due.subsidy_fen)}"
    )


@app.command()
def swap(
    meter: Meter,
    month: Month,
    old_end: Annotated[str, typer.Option("--old-end", help="Where the old register ended (旧表止码).")],
    new_meter: Annotated[str, typer.Option("--new-meter", help="The new meter's number (新电表号).")],
    new_start: Annotated[str, typer.Option("--new-start", help="Where the new register began (新表起码).")] = "0",
    by: By = None,
) -> None:
    """Book that a meter was replaced by another (换表); the station keeps its number, files may bear either."""
    with opened() as system, unit_of_work(system.engine) as session:
        one = metering.MeterSwap(
            meter=meter, month=_parsed(month_cell, month), old_end=_parsed(number_cell, old_end),
            new_start=_parsed(number_cell, new_start), new_meter=new_meter,
        )  # fmt: skip
        made = metering.replace_meter(session, one, by or system.settings.actor)
    say(f"{meter}: {new_meter} from {one.month:%Y-%m} (已换表)" if made else "it is there already (已在册); nothing was changed")


@settle_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="An .xlsx or .csv (UTF-8 or GB18030) file of the grid.")],
    layout: Annotated[Path | None, typer.Option("--map", help="A TOML file that says what the columns mean; remembered.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
    accept_good_rows: Annotated[bool, typer.Option("--accept-good-rows", help="Take the good rows, leave the bad.")] = False,
) -> None:
    """Import readings and cash of the grid (导入结算单); the same file again changes nothing."""
    known = read_layout(layout) if layout else None
    with opened() as system, busy(f"importing {file.name} (导入)"):
        desk = Desk(system.cipher, system.settings.actor)
        outcome = import_settlements(system.engine, file, desk, known, dry_run=dry_run, accept_good_rows=accept_good_rows)
    print_outcome(outcome, file, dry_run=dry_run)


@app.command()
def due(
    book: BookOption = None,
    meter: Annotated[str | None, typer.Option("--meter", help="One station's meter (电表号).")] = None,
    to: Csv = None,
) -> None:
    """Show by month and part what is due, paid and open, and what came beyond (往来)."""
    headings = (
        "电表号", "月份", "电量(kWh)", "应收标杆(元)", "已到(元)", "未到(元)", "应收补贴(元)", "已到补贴(元)", "未到补贴(元)",
        "备注",
    )  # fmt: skip
    rows = []
    with opened() as system, unit_of_work(system.engine) as session:
        for one in positions(session, _chosen(session, book, meter)):
            for m in one.months:
                coal = (m.due.coal_fen, m.paid.coal_fen, m.open.coal_fen)
                subsidy = (m.due.subsidy_fen, m.paid.subsidy_fen, m.open.subsidy_fen)
                note = "估算" if m.estimated else ""
                rows.append((one.station.meter, f"{m.month:%Y-%m}", str(m.kwh), *map(yuan, coal), *map(yuan, subsidy), note))
            over = (one.over.coal_fen, one.over.subsidy_fen)
            if any(over):
                rows.append((one.station.meter, "", "", "", yuan(over[0]), "", "", yuan(over[1]), "", "到账超过应收，留抵下月"))
    _print("receivables and cash (应收与到账)", headings, rows, to)


@app.command()
def missing(book: BookOption = None, as_of: Day = None, to: Csv = None) -> None:
    """List months that nobody read, and receivables whose cash is late (缺失清单)."""
    with opened() as system, unit_of_work(system.engine) as session:
        found = missing_of(session, _chosen(session, book), day_of(as_of) or business_date(session))
        rows = [
            (
                one.station.book.code, one.station.meter, one.station.household or one.station.owner or "",
                f"{one.month:%Y-%m}" if one.month else "", one.lack.value, yuan(one.fen) if one.fen else "",
                str(one.since or ""),
            )
            for one in found
        ]  # fmt: skip
    _print("missing (缺失)", ("账套", "电表号", "产权人", "月份", "缺失", "金额(元)", "应有之日"), rows, to)
    say(f"{len(rows)} missing (项)")


def _chosen(session: Session, book: str | None, meter: str | None = None) -> dict[str, Station]:
    mine = [book_named(session, BookCode(book))] if book else books(session, BookKind.SOLAR)
    found = plants.stations_of(session, [one.id for one in mine])
    if meter is not None and meter not in found:
        raise StationRefused(meter, "没有登记")
    return found if meter is None else {meter: found[meter]}


def _loan(session: Session, meter: str, book: str | None, contract: str | None) -> tuple[int, int]:
    if (book is None) != (contract is None):
        raise StationRefused(meter, "贷款备查账和借据号须同时写明")
    if book is None or contract is None:
        return 0, 0
    found = contracts_numbered(session, [contract], {book_named(session, BookCode(book)).id})
    if not found:
        raise UnknownLoan(contract)
    return found[0].key


def _digits(meter: str, number: str | None) -> str | None:
    try:
        return account_cell(number) if number else None
    except CellRefused as refusal:
        raise StationRefused(meter, str(refusal)) from None


def _parsed(parse: Any, raw: str | None) -> Any:
    """Return the value of an option, None if it was left out."""
    try:
        return None if raw is None else parse(raw)
    except (CellRefused, ValueError) as refusal:
        raise typer.BadParameter(f"{raw}: {refusal}") from None


def _price(one: Tariff) -> str:
    if one.closed:
        return "不再新增"
    if one.subsidy is not None:
        return f"标杆 + {one.subsidy}"
    return str(one.price) if one.price is not None else "标杆"


def _print(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], to: Path | None = None) -> None:
    rows = list(rows)
    if to is not None:
        with to.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([headings, *rows])
        say(f"wrote {to}")
        return
    table = Table(title=Text(title))
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="right" if heading.endswith(")") else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)
