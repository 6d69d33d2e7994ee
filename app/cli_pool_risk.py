"""Commands about what threatens a pool: its fuse (熔断) and the forecast of its claims (代偿预测)."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from app.cli_pool import BankOf, BookOf, By, Document, Reason, app, at, print_table
from app.screen import say
from guarantees import fuse
from guarantees.forecast import Forecast, as_lines, classes_of, forecast
from guarantees.queries import NO_LOAD, loads
from ledger.money import percent, yuan
from statements.charts import Line, line_chart, standalone

__all__ = ["app"]


@app.command("fuse")
def fuse_(book: BookOf, bank: BankOf) -> None:
    """Show a pool's fuse: the ratio as things stand, the lines, and all that happened (熔断)."""
    with at(book, bank) as place:
        one = place.pool
        load = loads(place.session).get((one.book.id, bank), NO_LOAD)
        events = fuse.history(place.session, one)
    rows = [
        (
            str(e.value_date), e.kind.label, fuse.as_percent(e.ratio), yuan(e.npl_fen), yuan(e.outstanding_fen), e.document,
            e.reason, e.actor,
        )
        for e in events
    ]  # fmt: skip
    print_table(f"{book}/{bank} 熔断记录", ("日期", "事项", "不良率", "逾期超 90 天", "贷款余额", "文号", "事由", "经办"), rows)
    state = "suspended (已熔断)" if events and events[-1].suspends else "not suspended (未熔断)"
    ratio = fuse.as_percent(fuse.ratio_of(load.npl_fen, load.outstanding_fen))
    say(
        f"{state}; bad (不良率) {ratio}, {yuan(load.npl_fen)} of {yuan(load.outstanding_fen)}; warns (预警) at "
        f"{percent(one.terms.warn_ppb)}, suspends (熔断) at {percent(one.terms.fuse_ppb)}"
    )


@app.command("ask-lift")
def ask_lift(book: BookOf, bank: BankOf, document: Document, reason: Reason, by: By) -> None:
    """Ask that a suspension be lifted, after a signed decision (申请解除熔断)."""
    with at(book, bank) as place:
        fuse.ask(place.session, place.pool, document, reason, by)
    say(f"{book}/{bank}: asked by (申请人) {by}; another person grants it with fupin pool lift (批准解除)")


@app.command("drop-lift")
def drop_lift(book: BookOf, bank: BankOf, reason: Reason, by: By) -> None:
    """Take the asking back or decline it; the suspension stays (撤回或不批准)."""
    with at(book, bank) as place:
        fuse.drop(place.session, place.pool, reason, by)
    say(f"{book}/{bank}: stays suspended (仍熔断)")


@app.command()
def lift(book: BookOf, bank: BankOf, by: By) -> None:
    """Grant what another person asked for: new loans are made again (批准解除熔断)."""
    with at(book, bank) as place:
        fuse.lift(place.session, place.pool, by)
    say(f"{book}/{bank}: lifted by (批准人) {by}")


@app.command("forecast")
def forecast_(
    book: BookOf,
    bank: BankOf,
    stress: Annotated[int, typer.Option(min=1, help="Defaults are so many times those expected (压力倍数).")] = 2,
    svg: Annotated[Path | None, typer.Option(help="Write the chart to this file.")] = None,
) -> None:
    """Show what a pool may have to pay in twelve months, how long it lasts, and both under stress (代偿预测)."""
    with at(book, bank) as place:
        base = forecast(place.session, place.pool)
        worse = forecast(place.session, place.pool, Fraction(stress))
    _print_rates(base)
    rows = [
        (f"{a.ends_on:%Y-%m}", yuan(a.defaults_fen), yuan(a.payout_fen), yuan(a.left_fen), yuan(b.payout_fen), yuan(b.left_fen))
        for a, b in zip(base.months, worse.months, strict=True)
    ]  # fmt: skip
    headings = ("月份", "预计代偿本金", "预计支付", "支付后可用", f"违约 {stress} 倍时支付", "支付后可用")
    print_table(f"{book}/{bank} 代偿预测，自 {base.since} 起", headings, rows)
    for name, found in (("as expected (预计)", base), (f"defaults × {stress} (压力)", worse)):
        lasts = "all of the months (全部月份)" if found.lasts is None else f"{found.lasts} whole months (个整月)"
        say(f"{name}: {yuan(found.payout_fen)} to pay of {yuan(found.available_fen)} available; lasts for (可支撑) {lasts}")
    if svg is not None:
        labels = [f"{base.since:%Y-%m}", *(f"{month.ends_on:%Y-%m}" for month in base.months)]
        lines = [Line(name, values) for name, values in as_lines({"预计": base, f"违约 {stress} 倍": worse})]
        svg.write_text(standalone(line_chart(f"{book}/{bank} 风险补偿金可用余额预测", labels, lines)), encoding="utf-8")
        say(f"wrote {svg}")


def _print_rates(found: Forecast) -> None:
    names = _names(found.pool.terms.claim_after_days)
    rows = [
        (names[place], yuan(fen), *(fuse.as_percent(rate) for rate in (found.rates[place] if place < len(found.rates) else ())))
        for place, fen in enumerate(found.classes_fen)
    ]
    padded = [(*row, *[""] * (2 + len(names) - len(row))) for row in rows]
    print_table(f"月迁徙率（{found.steps} 个月）", ("逾期", "本金", *names), padded)


def _names(claim_after: int) -> tuple[str, ...]:
    middle = [f"{low + 1}—{high} 天" for low, high in pairwise((0, *classes_of(claim_after)))]
    return ("未逾期", *middle, f"超过 {claim_after} 天")
