"""The demo's sun: monthly generation of 5 kW roofs, settled by the grid each quarter, the national subsidy once, late.

Tariffs are those of the year of connection (domain.md 3.1); the monthly shape and the yield are seed data (3.2).
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from app.demo.portfolio import DemoLoan
from ledger.calendar import add_months, month_of, next_month
from ledger.money import decimal_yuan

SHAPE_PERMILLE = (63, 68, 92, 99, 108, 99, 89, 89, 86, 82, 66, 59)
YEARLY_KWH = Decimal(5 * 1_200)
TARIFF = {2016: Decimal("0.98"), 2017: Decimal("0.85")}
SETTLED_ON = (date(2017, 1, 18), date(2017, 4, 18), date(2017, 7, 18), date(2017, 10, 16))
SUBSIDY_ON = date(2017, 7, 18)
"""When the subsidy of 2016 arrives."""


def station_day(loan: DemoLoan) -> date:
    """Return the day on which a roof is connected and registered: the 15th of the month after the loan."""
    return next_month(loan.drawn_on).replace(day=15)


def solar_rows(loans: Sequence[DemoLoan]) -> dict[date, list[dict[str, object]]]:
    """Return the grid's settlement lines by the day on which they come."""
    rows: dict[date, list[dict[str, object]]] = {}
    for settled in SETTLED_ON:
        months = [add_months(month_of(settled), -back) for back in (3, 2, 1)]
        for loan in loans:
            rows.setdefault(settled, []).extend(_line(loan, month, settled) for month in months if _generates(loan, month))
    old = [add_months(date(2016, 1, 1), back) for back in range(12)]
    for loan in loans:
        rows[SUBSIDY_ON] += [_line(loan, month, SUBSIDY_ON, subsidy=True) for month in old if _generates(loan, month)]
    return rows


def _generates(loan: DemoLoan, month: date) -> bool:
    return month > month_of(station_day(loan))


def _line(loan: DemoLoan, month: date, received: date, *, subsidy: bool = False) -> dict[str, object]:
    coal_price = Decimal("0.3729") if month < date(2017, 7, 1) else Decimal("0.3949")
    price = TARIFF[station_day(loan).year]
    kwh = (YEARLY_KWH * SHAPE_PERMILLE[month.month - 1] / 1000).quantize(Decimal(1))
    coal = _fen(kwh * coal_price)
    support = _fen(kwh * price) - coal
    return {
        "电表号": f"M{loan.contract}", "月份": f"{month:%Y-%m}", "上网电量(kWh)": str(kwh), "标杆电费(元)": decimal_yuan(coal),
        "国家补贴(元)": decimal_yuan(support), "流水号": f"GW{received:%Y%m%d}-{month:%Y%m}{'B' if subsidy else 'A'}",
        "到账日期": received, "到账标杆电费(元)": decimal_yuan(0 if subsidy else coal),
        "到账国家补贴(元)": decimal_yuan(support if subsidy else 0),
    }  # fmt: skip


def _fen(yuan: Decimal) -> int:
    return int((yuan * 100).quantize(Decimal(1), ROUND_HALF_UP))
