"""The demo's files: what banks and the bureau would send on each day, with Chinese headings, GB18030 CSV and XLSX."""

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from openpyxl import Workbook

from app.demo.lives import Act, acts
from app.demo.portfolio import LAST, PLACES, DemoHousehold, DemoLoan, Place
from app.demo.sunshine import solar_rows, station_day
from guarantees.claims.rules import PAPERS
from ledger.calendar import add_months
from ledger.money import decimal_yuan

T = TypeVar("T")

FUNDS = (("风险补偿金", 4_500_000_000), ("贴息资金", 1_070_000_000))
FUND_DAYS = ((date(2016, 1, 5), 60), (date(2017, 2, 15), 40))
RELENDING_FEN = 1_125_000_000
RELENDING_MONTHS = (4, 6, 9)


@dataclass(frozen=True, slots=True)
class DemoFile:
    """A file to be sent on a day: its kind of import, its name, and its table."""

    kind: str
    name: str
    rows: Sequence[Mapping[str, object]]

    def write(self, folder: Path) -> Path:
        """Write the file, once: a file that is there stays as it is, and a half-written one is never seen."""
        path = folder / self.name
        if path.exists():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        building = path.with_name(f".{os.getpid()}-{path.name}")
        if path.suffix == ".csv":
            with building.open("w", encoding="gb18030", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
                writer.writeheader()
                writer.writerows(self.rows)
        else:
            workbook = Workbook()
            sheet = workbook.worksheets[0]
            sheet.append(list(self.rows[0]))
            for row in self.rows:
                sheet.append(list(row.values()))
            workbook.save(building)
        building.rename(path)
        return path


def files(homes: Sequence[DemoHousehold], loans: Sequence[DemoLoan]) -> dict[date, list[DemoFile]]:
    """Return the files of every day, in the order in which they are imported."""
    made: dict[date, list[DemoFile]] = {}

    def send(day: date, kind: str, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        if day <= LAST and rows:
            made.setdefault(day, []).append(DemoFile(kind, f"{day:%Y%m%d}-{name}", rows))

    send(date(2016, 1, 4), "households", "建档立卡户.xlsx", [_household_row(home) for home in homes])
    for day, percent in FUND_DAYS:
        send(day, "fund-receipts", "资金到账.xlsx", list(_fund_rows(day, percent)))
    for (day, kind), rows in sorted(_relending_rows().items()):
        send(day, "relending", f"再贷款{kind}.xlsx", rows)
    for (day, bank), batch in _grouped((loan.drawn_on, loan.place.bank, loan) for loan in loans):
        send(day, "loans", f"{bank}-放款清单.csv", [_loan_row(loan) for loan in batch])
    solar = [loan for loan in loans if loan.product == "GFNH"]
    for (day, bank), batch in _grouped((station_day(loan), loan.place.bank, loan) for loan in solar):
        send(day, "stations", f"{bank}-光伏电站.xlsx", [_station_row(loan) for loan in batch])
    for day, rows in sorted(solar_rows(solar).items()):
        send(day, "solar-settlements", "国网光伏结算.csv", rows)
    everything = [act for number, loan in enumerate(loans) for act in acts(loan, number)]
    for kind, name in _REPORTS:
        mine = [act for act in everything if _file_of(act) == kind]
        for (day, bank), reported in _grouped((act.day, act.loan.place.bank, act) for act in mine):
            send(day, kind, f"{bank}-{name}", [row for act in reported for row in _ROWS[kind](act)])
    return made


def _grouped(items: Iterator[tuple[date, str, T]]) -> list[tuple[tuple[date, str], list[T]]]:
    groups: dict[tuple[date, str], list[T]] = {}
    for day, bank, item in items:
        groups.setdefault((day, bank), []).append(item)
    return sorted(groups.items(), key=lambda group: group[0])


def _household_row(home: DemoHousehold) -> dict[str, object]:
    return {
        "县区": home.place.name, "建档立卡号": home.number, "村": home.village, "户主姓名": home.head, "身份证号": home.head_id,
        "人口": home.persons, "识别标准": home.standard, "识别日期": home.registered_on, "一卡通账号": home.account,
    }  # fmt: skip


def _fund_rows(day: date, percent: int) -> Iterator[dict[str, object]]:
    for fund, whole in FUNDS:
        part = whole * percent // 100
        left = part
        for place in PLACES:
            fen = left if place is PLACES[-1] else part * place.weight // 1_000_000 * 1_000
            left -= fen
            yield {
                "县区": place.name, "银行代码": place.bank, "资金": fund, "流水号": f"CZ{day:%Y%m%d}-{place.county}-{fund}",
                "日期": day, "金额(元)": decimal_yuan(fen), "摘要": f"{day.year}年市县财政拨入{fund}",
            }  # fmt: skip


def _relending_rows() -> dict[tuple[date, str], list[dict[str, object]]]:
    """Return draws of a year, three a bank in 2016, each drawn again in 2017 after it is repaid: 27,000 万 in all."""
    rows: dict[tuple[date, str], list[dict[str, object]]] = {}
    for year in (2016, 2017):
        for month in RELENDING_MONTHS:
            for place in PLACES[:4]:
                drawn = date(year, month, 15 if year == 2016 else 18)
                rows.setdefault((drawn, "借入"), []).append(_draw_row(place, drawn))
    return rows


def _draw_row(place: Place, drawn: date) -> dict[str, object]:
    return {
        "县区": place.name, "银行代码": place.bank, "借款编号": f"ZDK-{place.bank}-{drawn:%Y%m}", "类型": "借入",
        "金额(元)": decimal_yuan(RELENDING_FEN), "年利率(%)": "1.75", "借款日": drawn, "到期日": add_months(drawn, 12),
    }  # fmt: skip


def _loan_row(loan: DemoLoan) -> dict[str, object]:
    return {
        "县区": loan.place.name, "银行代码": loan.place.bank, "借据号": loan.contract, "产品": loan.product,
        "借款人": loan.borrower, "证件号码": loan.borrower_id, "建档立卡号": loan.household,
        "金额(元)": loan.yuan, "年利率(%)": loan.rate,
        "放款日期": loan.drawn_on, "到期日期": loan.maturity, "用途": loan.purpose,
    }  # fmt: skip


def _station_row(loan: DemoLoan) -> dict[str, object]:
    return {
        "县区": loan.place.name, "银行代码": loan.place.bank, "借据号": loan.contract, "电表号": f"M{loan.contract}",
        "建档立卡号": loan.household, "容量(kW)": 5, "并网日期": station_day(loan), "还贷比例(%)": 85, "电价类别": "全额上网",
    }  # fmt: skip


def _file_of(act: Act) -> str:
    if act.kind == "展期":
        return "extensions"
    if act.kind in ("催收", "材料"):
        return "dunnings" if act.kind == "催收" else "claim-papers"
    return "repayments" if act.kind in ("还款", "冲正", "垫付费用", "退款") else "claims"


def _place_columns(act: Act) -> dict[str, object]:
    return {"县区": act.loan.place.name, "银行代码": act.loan.place.bank, "借据号": act.loan.contract}


def _repayment_rows(act: Act) -> Iterator[Mapping[str, object]]:
    money = {"流水号": act.serial, "日期": act.day, "金额(元)": decimal_yuan(act.fen), "类型": act.kind}
    yield {**_place_columns(act), **money}


def _extension_rows(act: Act) -> Iterator[Mapping[str, object]]:
    yield {
        **_place_columns(act), "流水号": act.serial, "签订日期": act.day, "新到期日": act.maturity, "年利率(%)": "4.75",
    }  # fmt: skip


def _dunning_rows(act: Act) -> Iterator[Mapping[str, object]]:
    yield {
        **_place_columns(act), "流水号": act.serial, "日期": act.day, "方式": "上门", "结果": "承诺还款", "催收人": act.actor,
        "签收": "是", "文书号": act.serial,
    }  # fmt: skip


def _paper_rows(act: Act) -> Iterator[Mapping[str, object]]:
    for pages, paper in enumerate(PAPERS, start=1):
        digest = hashlib.sha256(f"{act.loan.contract} {paper}（演示）".encode()).hexdigest()
        yield {**_place_columns(act), "材料": paper, "日期": act.day, "SHA-256": digest, "页数": pages}


def _claim_rows(act: Act) -> Iterator[Mapping[str, object]]:
    passed = act.kind == "划回"
    yield {
        **_place_columns(act), "代偿编号": act.serial, "环节": act.kind, "日期": act.day, "经办人": act.actor,
        "金额(元)": decimal_yuan(act.fen) if passed else "", "流水号": f"HB-{act.serial}" if passed else "",
    }  # fmt: skip


_REPORTS = (
    ("extensions", "展期.xlsx"), ("repayments", "还款.csv"), ("dunnings", "催收记录.csv"), ("claim-papers", "代偿材料.xlsx"),
    ("claims", "代偿.xlsx"),
)  # fmt: skip
_ROWS: Mapping[str, Callable[[Act], Iterator[Mapping[str, object]]]] = {
    "extensions": _extension_rows, "repayments": _repayment_rows, "dunnings": _dunning_rows, "claim-papers": _paper_rows,
    "claims": _claim_rows,
}  # fmt: skip
