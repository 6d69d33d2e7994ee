"""Commands that look at the sun: can a roof carry a loan (测算), and which roofs yield too little (发电异常)."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.entrance import opened
from app.screen import out, say
from ledger.books import BookKind, books
from ledger.business_day import business_date
from ledger.db import unit_of_work
from ledger.money import parse_yuan, yuan
from solar.errors import SizingRefused
from solar.forecast import TOO_LITTLE, alerts
from solar.sizing import LIFE_YEARS, Case, carries, government_fen, least_share, least_term, repayment, years_to_repay
from solar.sun import sun_on
from statements.charts import Line, line_chart

SUBSIDIES = {0: "无贴息", 3: "贴息三年", LIFE_YEARS: "全程贴息"}
STYLE = (
    "<style>text{font:12px sans-serif;fill:#333}.chart-grid{stroke:#ddd}.chart-zero{stroke:#666}"
    ".chart-line polyline{stroke-width:2}.chart-line circle{fill:#666}"
    ".chart-line-1 polyline{stroke:#b3261e}.chart-line-2 polyline{stroke:#1f6f43}"
    ".chart-line-3 polyline{stroke:#1a56a8}"
    ".chart-name-1{fill:#b3261e}.chart-name-2{fill:#1f6f43}.chart-name-3{fill:#1a56a8}</style>"
)
"""A picture in a file of its own has no page to give it colours."""


def size(
    kilowatts: Annotated[str, typer.Option("--kw", help="Capacity in kW (容量).")] = "5",
    loan: Annotated[str, typer.Option("--loan", help="Yuan (贷款金额).")] = "40000",
    rate: Annotated[str, typer.Option("--rate", help="Per cent a year (利率).")] = "4.90",
    tariff: Annotated[str, typer.Option("--tariff", help="Yuan for a kWh (电价).")] = "0.85",
    share: Annotated[int, typer.Option("--share", help="Per cent of the cash that repays (还贷比例).")] = 85,
    grace: Annotated[int, typer.Option("--grace", help="Years without principal (宽限期).")] = 0,
    term: Annotated[
        int | None, typer.Option("--term", help="Years of the contract (期限): say whether the roof carries it.")
    ] = None,
    region: Annotated[str, typer.Option("--region", help="A county's code (县区).")] = "371621",
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw the loan's balance to this file.")] = None,
) -> None:
    """Tell how long a roof takes to repay a loan, with no, three years' and full subsidy, and what a contract needs (测算)."""
    case = Case(
        sun=sun_on(region, date.max), watts=_whole(kilowatts, 1000, "容量"), tariff=_whole(tariff, 10_000, "电价"),
        loan_fen=parse_yuan(loan), rate_ppb=_whole(rate, 10_000_000, "利率"), share=share, grace_years=grace,
    )  # fmt: skip
    table = Table()
    for heading in ("subsidy (贴息)", "years to repay (还清年数)", "of government (财政贴息)", "least term (最短期限)"):
        table.add_column(heading)
    cases = {name: replace(case, subsidised_years=years) for years, name in SUBSIDIES.items()}
    for name, one in cases.items():
        cells = name, _years(years_to_repay(one)), yuan(government_fen(one)), _years(least_term(one))
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
    if term is not None:
        for name, one in cases.items():
            least = least_share(one, term)
            verdict = "carries it (可行)" if carries(one, term) else "does not carry it (不可行)"
            say(f"{term} years, {name}: {verdict}; least share (最低比例) {'none' if least is None else f'{least}%'}")
    say(case.sun.source)
    if svg is not None:
        svg.write_text(drawn(cases), encoding="utf-8")
        say(f"wrote {svg}")


def drawn(cases: dict[str, Case]) -> str:
    """Return the loan's balance at the end of each year, a line for each case, as an SVG file."""
    paths = {name: [one.loan_fen, *(year.balance_fen for year in repayment(one))] for name, one in cases.items()}
    longest = max(len(path) for path in paths.values())
    lines = [Line(name, tuple(path + [0] * (longest - len(path)))) for name, path in paths.items()]
    picture = line_chart("贷款余额", [f"第{year}年" if year else "放款" for year in range(longest)], lines)
    head, _, rest = picture.partition("</title>")
    return f"{head}</title>{STYLE}{rest}"


def alerts_(
    on: Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="By default the business date.")] = None,
    below: Annotated[int, typer.Option("--below", help="Per cent of what is expected.")] = TOO_LITTLE,
) -> None:
    """List roofs that yielded too little in their last two months or more (发电异常)."""
    with opened() as system, unit_of_work(system.engine) as session:
        day = on.date() if on else business_date(session)
        found = alerts(session, books(session, BookKind.SOLAR), day, below)
    table = Table()
    for heading in (
        "county (县区)",
        "meter (电表号)",
        "household (户)",
        "months (月份)",
        "of expected (占预测)",
        "look for (可能原因)",
    ):
        table.add_column(heading, overflow="fold")
    for one in found:
        first, last = one.months[0], one.months[-1]
        shares = ", ".join(f"{month.percent}%" for month in one.months)
        span = f"{first.month:%Y-%m} – {last.month:%Y-%m}"
        cells = (
            last.station.book.county,
            last.station.meter,
            last.station.household or last.station.owner or "",
            span,
            shares,
            one.reason,
        )
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
    say(f"{len(found)} roofs below {below}% of what was expected (低于预测) up to {day}")


def _whole(given: str, unit: int, what: str) -> int:
    """Return a decimal number in whole units.

    Raises:
        SizingRefused: it is none, or finer than a unit.
    """
    try:
        found = Decimal(given) * unit
        whole = int(found)
    except (ArithmeticError, ValueError):
        raise SizingRefused(f"{what} {given} 不是数字") from None
    if whole != found:
        raise SizingRefused(f"{what} {given} 位数过多")
    return whole


def _years(found: int | None) -> str:
    return f"more than {LIFE_YEARS}" if found is None else str(found)
